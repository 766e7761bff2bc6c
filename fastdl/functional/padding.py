"""Padding: an array with borders at the ends of its axes, beside its backward. g is the gradient of the result."""

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._kernels import Argument, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, op
from ..options import is_number
from . import indexing
from ._door import check_grad, choice, describe, floats
from ._draw import padding as draw
from ._moving import row_major

Pairs = tuple[tuple[int, int], ...]
MODES = ("constant", "reflect", "replicate", "circular")
_CELL = 4096  # elements of one cell, about


def _padded(x: Shape, padding: Pairs) -> Shape:
    return tuple(before + n + after for n, (before, after) in zip(x, padding, strict=True))


def _merged(x: Shape, padding: Pairs, mode: str) -> list[tuple[int, int, int]]:
    """The axes as (n, before, after) with neighbours joined where nothing comes between their elements."""
    axes: list[tuple[int, int, int]] = []
    for n, (before, after) in zip(x, padding, strict=True):
        plain = (before, after) == (0, 0)
        if axes and plain and (mode == "constant" or axes[-1][1:] == (0, 0)):
            axes[-1] = (axes[-1][0] * n, axes[-1][1] * n, axes[-1][2] * n)
        else:
            axes.append((n, before, after))
    return axes or [(1, 0, 0)]


def _lower_pad(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], padding: Pairs, mode: str, value: float
) -> None:
    (x,), (y,) = inputs, outputs
    axes = _merged(x.shape, padding, mode)
    padded = [before + n + after for n, before, after in axes]
    *outer, (n, before, _) = axes
    rows, columns = math.prod(padded[:-1]), padded[-1]
    in_cell = max(1, _CELL // max(1, columns))
    sizes, befores = [axis[0] for axis in outer], [axis[1] for axis in outer]
    steps = row_major(tuple(axis[0] for axis in axes))[:-1]
    tables = [lowering.constant(table) if outer else None for table in (padded[:-1], sizes, befores, steps)]
    arguments: list[Argument | Operand] = [
        y,
        x,
        rows,
        in_cell,
        MODES.index(mode),
        float(value),
        columns,
        n,
        before,
        len(outer),
        *tables,
    ]
    count = -(-rows // in_cell) if y.size else 0
    lowering.launch(Kernel("padding", "pad"), y.dtype, arguments, cells=count, work=0.2 * y.size + 5 * rows)


def _vjp_pad(grads: Any, inputs: Any, outputs: Any, padding: Pairs, mode: str, value: float) -> Sequence[Any]:
    return (_back(grads[0], tuple(inputs[0].shape), padding, mode),)


_pad = Primitive(
    "pad", lambda x, padding, mode, value: (Spec(_padded(x.shape, padding), x.dtype),), _lower_pad, _vjp_pad
)


def _back(grad: Any, shape: Shape, padding: Pairs, mode: str) -> Any:
    """What each element of x gets from the places it went to."""
    if mode == "constant":
        return indexing.slice(
            grad, tuple(builtins.slice(before, before + n) for n, (before, _) in zip(shape, padding, strict=True))
        )
    return _pad_grad(grad, padding=padding, mode=mode)[0]


def _infer_grad(g: Spec, padding: Pairs, mode: str) -> tuple[Spec]:
    return (Spec(tuple(n - before - after for n, (before, after) in zip(g.shape, padding, strict=True)), g.dtype),)


def _lower_grad(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], padding: Pairs, mode: str) -> None:
    """One launch for each padded axis; g shrinks from one to the next."""
    (g,), (dx,) = inputs, outputs
    shape = list(g.shape) or [1]
    padded = [axis for axis, pair in enumerate(padding) if pair != (0, 0)] or [len(shape) - 1]  # at least a copy
    for axis in padded:
        before, after = padding[axis] if padding else (0, 0)
        size, outer, inner = shape[axis], math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        n = size - before - after
        shape[axis] = n
        target = dx if axis == padded[-1] else lowering.scratch(tuple(shape), g.dtype)
        in_cell = max(1, _CELL // max(1, n * inner))
        arguments: list[Argument | Operand] = [target, g, outer, in_cell, MODES.index(mode), size, n, before, inner]
        count = -(-outer // in_cell) if target.size else 0
        work = 0.2 * g.size + 2 * outer * (before + after)
        lowering.launch(Kernel("padding", "pad_grad"), g.dtype, arguments, cells=count, work=work)
        g = target


def _vjp_grad(grads: Any, inputs: Any, outputs: Any, padding: Pairs, mode: str) -> Sequence[Any]:
    """dx is linear in g, the transpose of pad; so the gradient of g is pad again."""
    return _pad(grads[0], padding=padding, mode=mode, value=0.0)


_pad_grad = Primitive("pad_grad", _infer_grad, _lower_grad, _vjp_grad)


def _attributes(op_name: str, x: Any, padding: Any, mode: Any, value: Any) -> dict[str, Any]:
    """The options as the primitive takes them; checks options and shape."""
    choice(op_name, "mode", mode, MODES)
    if not is_number(value):
        raise TypeError(f"{op_name}: value is {value!r}; expected a number")
    pairs = _pairs(op_name, x, padding)
    for axis, (n, pair) in enumerate(zip(x.shape, pairs, strict=True)):
        most = {"constant": max(pair), "reflect": max(0, n - 1), "circular": n}.get(mode, max(pair) if n else 0)
        if max(pair) > most:
            raise ValueError(
                f"{op_name}: padding of axis {axis} is {pair}, {describe(x=x)}; expected at most {most} with mode "
                f"{mode!r}, which has no more elements to take"
            )
    # One NaN for all: another would be another key in the cache of programs.
    number = 0.0 if mode != "constant" else math.nan if value != value else float(value)
    return {"padding": pairs, "mode": str(mode), "value": number}


def _pairs(op_name: str, x: Any, padding: Any) -> Pairs:
    """(before, after) for each axis, from any of the ways to say it."""
    ndim = len(x.shape)
    wanted = f"an integer, a pair (before, after), or one such pair for each of the {ndim} axes of x"
    try:
        given = np.asarray(padding)
    except ValueError:  # pairs and other things side by side
        given = np.asarray(None)
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"{op_name}: padding is {padding!r}; expected {wanted}")
    if given.size == 0 and ndim == 0:
        return ()
    if given.shape not in ((), (1,), (2,), (1, 2), (ndim, 2)):
        raise ValueError(f"{op_name}: padding is {padding!r}, {describe(x=x)}; expected {wanted}")
    if given.size and given.min() < 0:
        raise ValueError(f"{op_name}: padding is {padding!r}; expected at least 0")
    return tuple((int(before), int(after)) for before, after in np.broadcast_to(given, (ndim, 2)))


@op(draw=draw.pad)
def pad(
    x: Any, padding: int | Sequence[int] | Sequence[Sequence[int]], *, mode: str = "constant", value: float = 0.0
) -> Any:
    """An array with borders at the ends of its axes.

    Along an axis of n elements, y[i] = x[i - before] where that lies inside. Outside, "constant" is ``value``;
    "reflect" mirrors at the edge element, which is not repeated; "replicate" repeats the edge; "circular" goes on at
    the other end. Equivalent to ``np.pad(x, padding, mode)`` with NumPy's names "constant", "reflect", "edge", "wrap".

    x is float32 or float64 of any shape. ``padding`` is an integer, a pair (before, after), or one pair for each axis,
    the first axis first.

    Raises ValueError if a reflection would need more than n - 1 elements, a circular border more than n, or a
    replicated one an edge that is not there.

    >>> import numpy as np
    >>> pad(np.float32([[1, 2, 3]]), ((0, 0), (2, 1)), mode="reflect")
    array([[3., 2., 1., 2., 3., 2.]], dtype=float32)
    """
    (x,) = floats("pad", x=x)
    return _pad(x, **_attributes("pad", x, padding, mode, value))[0]


def pad_backward(
    grad: Any,
    x: Any,
    padding: int | Sequence[int] | Sequence[Sequence[int]],
    *,
    mode: str = "constant",
    value: float = 0.0,
) -> tuple[Any]:
    """Gradient of :func:`pad`: each element gets the sum of g over the places it went to.

    In the forward pass y[i] = x[source(i)]; so dx[source(i)] += g[i], and the constant gets nothing.
    """
    grad, x = floats("pad_backward", grad=grad, x=x)
    attrs = _attributes("pad_backward", x, padding, mode, value)
    shape = tuple(x.shape)
    check_grad("pad_backward", grad, _padded(shape, attrs["padding"]), x.dtype)
    return (_back(grad, shape, attrs["padding"], attrs["mode"]),)
