"""How far numbers spread: var and std.

axis is an axis, several, or None for all; with keepdims the reduced axes stay, with size 1. Letters: n the number of
elements that are reduced to one, m their mean, g the gradient of the result. Each function stands beside its backward.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Shape, op
from ..options import is_integer
from . import comparisons, elementwise, reductions
from ._door import axes_of, floats
from ._draw import moments as draw
from ._lowering import broadcasting, cells

Axis: TypeAlias = int | Sequence[int] | None


def _lower_var(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], axes: Shape, ddof: int) -> None:
    """The mean first, then the mean square of what is left: one pass would lose the digits that both have."""
    (x,), (y,) = inputs, outputs
    kept, count = reductions._kept(x.shape, axes), reductions._count(x, axes)
    mean, rest = lowering.scratch(kept, x.dtype), lowering.scratch(x.shape, x.dtype)
    reductions._lower_sum(lowering, (x,), (mean,), axes, divisor=count)
    broadcasting(lowering, Kernel("pointwise", "squared_difference"), [x, mean], rest, 0.3)
    reductions._lower_sum(lowering, (rest,), (y,), axes, divisor=max(count - ddof, 0))


def _lower_std(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], axes: Shape, ddof: int) -> None:
    (y,) = outputs
    _lower_var(lowering, inputs, outputs, axes, ddof)
    lowering.launch(Kernel("elementwise", "sqrt"), y.dtype, [y, y, y.size], cells=cells(y.size), work=0.4 * y.size)


_var = Primitive(
    "var",
    reductions._infer,
    _lower_var,
    lambda grads, inputs, outputs, axes, ddof: var_backward(grads[0], inputs[0], axes, ddof=ddof),
)
_std = Primitive(
    "std",
    reductions._infer,
    _lower_std,
    lambda grads, inputs, outputs, axes, ddof: std_backward(grads[0], inputs[0], axes, ddof=ddof, output=outputs[0]),
)


def _checked(name: str, x: Any, axis: Axis, ddof: int) -> tuple[Any, Shape]:
    (x,) = floats(name, x=x)
    if not is_integer(ddof) or ddof < 0:
        raise ValueError(f"{name}: ddof is {ddof!r}; expected an integer of at least 0")
    return x, axes_of(name, axis, len(x.shape))


def _pulled(g: Any, x: Any, axes: Shape, ddof: int, factor: float) -> Any:
    """factor g (x - m) / (n - ddof), with g as (kept axes): what m adds is 0, because the x - m add up to 0."""
    centred = elementwise.subtract(x, reductions.mean(x, axes, True))
    divisor = max(reductions._count(x, axes) - ddof, 0)
    scaled = elementwise.divide(g, divisor / factor)
    return elementwise.multiply(centred, scaled)


def var_backward(grad: Any, x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0) -> tuple[Any]:
    """In the forward pass y = sum (x - m)^2 / (n - ddof), so dx = 2 g (x - m) / (n - ddof)."""
    x, axes = _checked("var_backward", x, axis, ddof)
    g, _ = reductions._arriving("var_backward", grad, x, axis, keepdims)
    return (_pulled(g, x, axes, ddof, 2.0),)


@op(draw=draw.spread)
def var(x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0) -> Any:
    """The variance over some axes: y = sum (x - m)^2 / (n - ddof), where m is the mean of the n elements.

    Equivalent to ``np.var(x, axis=axis, keepdims=keepdims, ddof=ddof)``; ``ddof=1`` gives the unbiased estimate that is
    PyTorch's default. x is float32 or float64, of any shape; y has its dtype. NaN or infinite where n <= ddof.

    The mean is subtracted before squaring, so that a large mean costs no digits.

    >>> import numpy as np
    >>> var(np.float32([[1, 3], [2, 6]]), axis=1)
    array([1., 4.], dtype=float32)
    """
    x, axes = _checked("var", x, axis, ddof)
    return reductions._finished(_var(x, axes=axes, ddof=int(ddof))[0], x, axes, keepdims)


def std_backward(
    grad: Any, x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0, output: Any = None
) -> tuple[Any]:
    """In the forward pass y = (sum (x - m)^2 / (n - ddof))^0.5, so dx = g (x - m) / ((n - ddof) y), 0 where y is 0."""
    x, axes = _checked("std_backward", x, axis, ddof)
    g, _ = reductions._arriving("std_backward", grad, x, axis, keepdims)
    if output is None:
        y = reductions._finished(_std(x, axes=axes, ddof=int(ddof))[0], x, axes, True)
    else:
        y, _ = reductions._arriving("std_backward", output, x, axis, keepdims, "output")
    slope = comparisons.where(comparisons.equal(y, 0), 0.0, elementwise.divide(g, y))
    return (_pulled(slope, x, axes, ddof, 1.0),)


@op(draw=draw.deviation)
def std(x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0) -> Any:
    """The standard deviation over some axes: the square root of :func:`var`.

    Equivalent to ``np.std(x, axis=axis, keepdims=keepdims, ddof=ddof)``; ``ddof=1`` is PyTorch's default. x is float32
    or float64, of any shape; y has its dtype. Where all elements are equal the gradient is set to 0.

    >>> import numpy as np
    >>> std(np.float32([[1, 3], [2, 6]]), axis=1)
    array([1., 2.], dtype=float32)
    """
    x, axes = _checked("std", x, axis, ddof)
    return reductions._finished(_std(x, axes=axes, ddof=int(ddof))[0], x, axes, keepdims)
