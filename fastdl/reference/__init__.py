"""The naive twins: every operation of this library once more, written as its formula, to read and to check.

Nothing in here is fast, and nothing in here is clever: an output element is a sum over the inputs that it
depends on, written as that sum, in NumPy alone. What is fast elsewhere is checked against these functions.

- Arguments and options are those of the fast functions. Lists, integers and every real dtype are accepted;
  everything is computed and returned in float64 (comparisons: bool, argmax: int64). Inputs are never changed,
  and results are always arrays, without dimensions where they are a single number.
- `at=` takes index tuples into the output. Only these elements are then computed, and returned as a 1-D
  array: a sample of a result that would take too long as a whole.
- `<op>_backward(grad, <the arguments of op>)` is the gradient: with y = op(a, b) and grad the gradient of a
  number with respect to y, it returns the gradients of that number with respect to a and to b, as a tuple,
  each in the shape of its argument; None for an argument that is absent or has no gradient (classes, indices,
  conditions). Those of dense, matmul and conv2d take `at=` too: a sequence with one list of indices for each
  gradient, or None in its place to skip that gradient.
- NaN and infinity come through as in the formula, without a warning. Arguments that do not fit together raise
  a ValueError.

>>> from fastdl import reference
>>> reference.softmax([[0, 0], [0, 1]]).round(4).tolist()
[[0.5, 0.5], [0.2689, 0.7311]]
>>> reference.softmax([[0, 0], [0, 1]], at=[(1, 1)]).round(4).tolist()
[0.7311]
"""

from .activations import (
    log_softmax,
    log_softmax_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from .adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool1d_backward,
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    adaptive_max_pool1d,
    adaptive_max_pool1d_backward,
    adaptive_max_pool2d,
    adaptive_max_pool2d_backward,
)
from .arithmetic import (
    add,
    add_backward,
    divide,
    divide_backward,
    multiply,
    multiply_backward,
    power,
    power_backward,
    subtract,
    subtract_backward,
)
from .avg_pooling import (
    avg_pool1d,
    avg_pool1d_backward,
    avg_pool2d,
    avg_pool2d_backward,
)
from .comparison import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    maximum,
    maximum_backward,
    minimum,
    minimum_backward,
    not_equal,
    where,
    where_backward,
)
from .conv import (
    conv2d,
    conv2d_backward,
)
from .conversion import astype, astype_backward
from .dense import (
    dense,
    dense_backward,
    matmul,
    matmul_backward,
)
from .dropout import (
    dropout,
    dropout_backward,
)
from .elementwise import (
    abs,
    abs_backward,
    exp,
    exp_backward,
    log,
    log_backward,
    negative,
    negative_backward,
    sqrt,
    sqrt_backward,
)
from .gather import (
    concatenate,
    concatenate_backward,
    take,
    take_along_axis,
    take_along_axis_backward,
    take_backward,
)
from .global_pooling import (
    global_avg_pool1d,
    global_avg_pool1d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    global_max_pool1d,
    global_max_pool1d_backward,
    global_max_pool2d,
    global_max_pool2d_backward,
)
from .losses import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    cross_entropy,
    cross_entropy_backward,
    mse_loss,
    mse_loss_backward,
)
from .max_pooling import (
    max_pool1d,
    max_pool1d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from .optimizers import (
    adam_update,
    sgd_update,
)
from .padding import (
    pad,
    pad_backward,
)
from .reductions import (
    argmax,
    max,
    max_backward,
    mean,
    mean_backward,
    min,
    min_backward,
    sum,
    sum_backward,
)
from .shape import (
    broadcast_to,
    broadcast_to_backward,
    reshape,
    reshape_backward,
    slice,
    slice_backward,
    transpose,
    transpose_backward,
)

__all__ = [
    "abs",
    "abs_backward",
    "adam_update",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool1d_backward",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_backward",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_backward",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_backward",
    "add",
    "add_backward",
    "argmax",
    "astype",
    "astype_backward",
    "avg_pool1d",
    "avg_pool1d_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward",
    "broadcast_to",
    "broadcast_to_backward",
    "concatenate",
    "concatenate_backward",
    "conv2d",
    "conv2d_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "dense",
    "dense_backward",
    "divide",
    "divide_backward",
    "dropout",
    "dropout_backward",
    "equal",
    "exp",
    "exp_backward",
    "global_avg_pool1d",
    "global_avg_pool1d_backward",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "global_max_pool1d",
    "global_max_pool1d_backward",
    "global_max_pool2d",
    "global_max_pool2d_backward",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "log",
    "log_backward",
    "log_softmax",
    "log_softmax_backward",
    "matmul",
    "matmul_backward",
    "max",
    "max_backward",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "maximum",
    "maximum_backward",
    "mean",
    "mean_backward",
    "min",
    "min_backward",
    "minimum",
    "minimum_backward",
    "mse_loss",
    "mse_loss_backward",
    "multiply",
    "multiply_backward",
    "negative",
    "negative_backward",
    "not_equal",
    "pad",
    "pad_backward",
    "power",
    "power_backward",
    "relu",
    "relu_backward",
    "reshape",
    "reshape_backward",
    "sgd_update",
    "sigmoid",
    "sigmoid_backward",
    "slice",
    "slice_backward",
    "softmax",
    "softmax_backward",
    "sqrt",
    "sqrt_backward",
    "subtract",
    "subtract_backward",
    "sum",
    "sum_backward",
    "take",
    "take_along_axis",
    "take_along_axis_backward",
    "take_backward",
    "tanh",
    "tanh_backward",
    "transpose",
    "transpose_backward",
    "where",
    "where_backward",
]
