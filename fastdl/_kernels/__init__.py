"""Everything compiled. With ``numba_extension`` the only code of the house that imports numba.

``block`` the words kernels are written with; ``compiler``, ``sources``, ``cache``, ``loader`` from source to address;
``walk`` the driver; ``threads`` who runs the cells; ``program`` a list of launches made ready to run. The other files
are kernels, one family each. Importing this package imports no numba.
"""

from .addresses import address_of
from .arena import allocator
from .launches import STATUS, Argument, Buffer, Touched, bits_of
from .loader import Kernel
from .program import Program, ProgramBuilder, Run

__all__ = ["STATUS", "Argument", "Buffer", "Kernel", "Program", "ProgramBuilder", "Run", "Touched"]
__all__ += ["address_of", "allocator", "bits_of"]
