"""Everything compiled. With ``numba_extension`` the only code of the house that imports numba; importing this package
does not. Where to begin: ``block``, then a kernel (``averages``, ``softmax``), then ``walk``; for how a product
reaches the limit of the machine ``vectors``, ``micro``, ``micro_block``, ``product``, ``tiles`` (docs/kernels.md goes
the same way).

From Python to machine code
    ``block`` the words kernels are written with; ``compiler`` ``sources`` ``cache`` ``loader`` from source to
    address; ``generated`` functions in LLVM's own language; ``custom`` a user's functions.
Running
    ``walk`` the driver; ``threads`` who runs the cells; ``launches`` ``groups`` ``program`` a list of launches made
    ready; ``arena`` ``addresses`` memory; ``repeat`` ``repeats`` ``words`` calls like earlier ones.
Vectors
    ``machine`` what this processor's are; ``vectors`` them as values; ``vector_math`` ``vector_exp``
    ``vector_squashing`` ``vector_erf`` ``vector_sin`` formulas; ``vector_groups`` ``vector_max`` ``vector_totals``
    ``vector_columns`` several at once; ``moves`` ``strided`` ``copy`` ``prefetch`` ``streaming`` memory; ``peak`` how
    fast they can be.
Products
    ``micro`` ``micro_block`` a block in registers; ``product`` of panels; ``short_products`` of few terms; ``tiles`` of
    any size; ``bands`` rows that meet; ``parts`` sums in parts; ``matmul`` small ones by plain loops.
Convolutions
    ``conv`` ``conv_gradient`` by products; ``winograd`` ``winograd_tiles`` ``winograd_gradient`` with fewer
    multiplications; ``window`` ``stencil`` ``sweep`` ``depthwise`` ``depthwise_rows`` ``filters`` of single channels;
    ``pixel_sums`` ``window_sums`` of few channels; ``padding``.
Layers
    ``attention`` ``attention_rows`` ``attention_gradient``; ``softmax``; ``normalization`` ``normalization_grad``;
    ``max_pooling`` ``pair_pooling`` ``avg_pooling``; ``recurrent`` ``recurrent_grad``; ``lookup``; ``dropout``.
Elements, axes, indices
    ``elementwise`` ``pointwise`` ``activations``; ``reductions`` ``scans`` ``norms``; ``shape`` ``indexing``.
Losses
    ``losses``; ``class_losses`` ``class_gradients`` ``nll`` of classes.
Training
    ``batches`` ``shuffle`` ``augmentation`` the data of a step; ``updates`` ``averages`` the optimiser; ``epochs``
    ``course`` over the ends of epochs; ``narrow`` ``narrow_batch`` ``narrow_losses`` a small network in one launch;
    ``networks`` ``records`` ``fleet`` many networks.
"""

from .addresses import address_of
from .arena import allocator
from .launches import STATUS, Argument, Buffer, Touched, bits_of
from .loader import Kernel
from .program import Program, ProgramBuilder, Run

__all__ = ["STATUS", "Argument", "Buffer", "Kernel", "Program", "ProgramBuilder", "Run", "Touched"]
__all__ += ["address_of", "allocator", "bits_of"]
