"""What this processor's vectors are: their width, and how many its registers hold.

Asked of LLVM rather than of a table of names, for the processor that Numba compiles for (``NUMBA_CPU_NAME`` and
``NUMBA_CPU_FEATURES``, else this machine's): a function that adds two vectors of 64 bytes is compiled, and the
registers in its assembly tell. Imports llvmlite alone.
"""

import functools
import os
from typing import NamedTuple

from .cache import host_cpu

# Results of at least so many bytes go past the cache: with an operand as large they take up a last-level cache of
# 32 MB. Their consumer would find the smaller ones in it.
PAST_CACHE_BYTES = 16 * 2**20


class Machine(NamedTuple):
    """``vector_bytes`` of a register, and how many such ``registers`` there are."""

    vector_bytes: int
    registers: int


_PROBE = """
define void @probe(ptr %p) {
  %x = load <16 x float>, ptr %p, align 4
  %y = fadd <16 x float> %x, %x
  store <16 x float> %y, ptr %p, align 4
  ret void
}
"""


@functools.cache
def machine() -> Machine:
    """The processor kernels are compiled for."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    # As Numba chooses: a name alone, but for "generic", leaves the machine its own instructions.
    own_name, own_features = host_cpu()
    name = os.environ.get("NUMBA_CPU_NAME", own_name)
    features = os.environ.get("NUMBA_CPU_FEATURES", "" if name.lower() == "generic" else own_features)
    target = binding.Target.from_default_triple()
    compiler = target.create_target_machine(cpu=name, features=features, opt=2)
    assembly = compiler.emit_assembly(binding.parse_assembly(_PROBE))
    if "zmm" in assembly:
        return Machine(64, 32)
    if "ymm" in assembly:
        return Machine(32, 16)
    return Machine(16, 16 if "xmm" in assembly else 32)


def lanes(itemsize: int) -> int:
    """Numbers of so many bytes in a vector."""
    return machine().vector_bytes // itemsize


def most_vectors() -> int:
    """The most vectors of columns of a block of the micro-kernel."""
    return 4 if machine().registers >= 32 else 2


def side_by_side() -> int:
    """Vectors that go through a long formula at once. One alone waits for each of its steps, four cycles, and the
    processor does not look far enough ahead to find the next: its schedulers hold some 64 operations, a gelu has 40.
    More than three and what they have in progress would not fit into 16 registers."""
    return 4 if machine().registers >= 32 else 3


def sums_block() -> tuple[int, int]:
    """The most images and taps of a block of ``pixel_sums.py``: of 32 registers it uses 31, of 16 all."""
    return (6 if machine().registers >= 32 else 3), 4


def panel(itemsize: int) -> int:
    """Columns of a panel of a packed factor: the widest block of the micro-kernel."""
    return most_vectors() * lanes(itemsize)
