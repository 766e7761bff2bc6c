"""Reductions, which make one number of many along some axes: sum, mean, max, min, argmax.

axis is an axis, several, or None for all; with keepdims the reduced axes stay, with size 1. Each function stands beside
its backward; g is the gradient of the result. The names of Python's own functions are hidden by those of this file.
"""

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, op
from . import elementwise, shape
from ._door import INT64, axes_of, axis_of, check_grad, describe, floats
from ._draw import reductions as draw
from ._moving import inverse

Axis: TypeAlias = int | Sequence[int] | None
_FLOAT64 = np.dtype(np.float64)
_ROW_CHUNK, _COLUMN_CHUNK, _COLUMN_BLOCK = 4096, 64, 512  # as in the kernels
_FOLDED = 128  # rows narrower than this are joined


def _kept(full: Shape, axes: Shape) -> Shape:
    """The shape with the reduced axes as size 1."""
    return tuple(1 if axis in axes else n for axis, n in enumerate(full))


def _groups(full: Shape, axes: Shape) -> list[tuple[int, bool]]:
    """Neighbouring axes with the same fate as (size, whether reduced); at least one group is reduced."""
    groups: list[tuple[int, bool]] = []
    for axis, n in enumerate(full):
        if n == 1:
            continue
        if groups and groups[-1][1] == (axis in axes):
            groups[-1] = (groups[-1][0] * n, groups[-1][1])
        else:
            groups.append((n, axis in axes))
    return groups if any(reduced for _, reduced in groups) else [*groups, (1, True)]


def _lower_passes(
    lowering: Lowering, kernels: str, x: Operand, y: Operand, axes: Shape, partial: np.dtype[Any], options: list[int]
) -> None:
    """One pass for each group of reduced axes, the last group first, more where a group has several chunks.

    ``partial`` is the dtype of what is not yet the result; the last pass gets ``options``, all others [1].
    """
    groups = _groups(x.shape, axes)
    source = x
    while any(reduced for _, reduced in groups):
        at = builtins.max(i for i, (_, reduced) in enumerate(groups) if reduced)
        outer, n = math.prod(size for size, _ in groups[:at]), groups[at][0]
        inner = math.prod(size for size, _ in groups[at + 1 :])
        fold = builtins.max(1, builtins.min(_FOLDED // builtins.max(1, inner), n))
        chunks = builtins.max(1, -(-n // _ROW_CHUNK) if inner == 1 else -(-n // (fold * _COLUMN_CHUNK)))
        groups[at] = (chunks, chunks > 1)
        last = not any(reduced for _, reduced in groups)
        target = y if last else lowering.scratch((outer * chunks * inner,), partial)
        dtypes = [source.dtype, target.dtype]
        final = options if last else [1] * len(options)
        work = 0.15 * outer * n * inner
        arguments: list[Any] = [target, source]
        if inner == 1:
            in_cell = builtins.max(1, 2048 // builtins.max(1, n))
            count = -(-outer * chunks // in_cell)
            arguments += [outer, n, *final, in_cell]
        else:
            count = outer * chunks * -(-fold * inner // _COLUMN_BLOCK)
            arguments += [n, inner, *final, fold]
        kernel = Kernel("reductions", f"{kernels}_{'rows' if inner == 1 else 'columns'}")
        lowering.launch(kernel, dtypes, arguments, cells=count, work=work)
        source = target


def _infer(x: Spec, axes: Shape, **attrs: Any) -> tuple[Spec]:
    return (Spec(tuple(n for axis, n in enumerate(x.shape) if axis not in axes), x.dtype),)


def _finished(y: Any, x: Any, axes: Shape, keepdims: bool) -> Any:
    """The result with the reduced axes put back if that was asked for."""
    return shape.reshape(y, _kept(x.shape, axes)) if keepdims else y


def _arriving(name: str, grad: Any, x: Any, axis: Axis, keepdims: bool, argument: str = "grad") -> tuple[Any, Shape]:
    """The gradient, or what else has the result's shape, with the reduced axes as size 1, and these axes."""
    (x,) = floats(name, x=x)
    axes = axes_of(name, axis, len(x.shape))
    grad = check_grad(name, grad, _kept(x.shape, axes) if keepdims else _infer(x, axes)[0].shape, x.dtype, argument)
    return shape.reshape(grad, _kept(x.shape, axes)), axes


def _lower_sum(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], axes: Shape, divisor: int) -> None:
    _lower_passes(lowering, "sum", inputs[0], outputs[0], axes, _FLOAT64, [divisor])


def _vjp_sum(grads: Any, inputs: Any, outputs: Any, axes: Shape, divisor: int) -> tuple[Any]:
    """The divisor is the number of elements for a mean, else 1."""
    return (mean_backward if divisor != 1 else sum_backward)(grads[0], inputs[0], axes)


_sum = Primitive("sum", _infer, _lower_sum, _vjp_sum)


def sum_backward(grad: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> tuple[Any]:
    """In the forward pass y was the sum of x over the axes, so dx = g for each of the elements."""
    g, _ = _arriving("sum_backward", grad, x, axis, keepdims)
    return (shape.broadcast_to(g, x.shape),)


@op(draw=draw.reduction)
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over some axes: y = sum of x; 0 where there is nothing to add.

    Equivalent to ``np.sum(x, axis=axis, keepdims=keepdims)``. x is float32 or float64, of any shape; y has its dtype.

    Runs of at most 512 elements are added in x's dtype, in many lanes, and their sums in float64, in a fixed order: at
    least as accurate as NumPy's pairwise summation.

    >>> sum(np.float32([[1, 2], [3, 4]]), axis=0)
    array([4., 6.], dtype=float32)
    """
    (x,) = floats("sum", x=x)
    axes = axes_of("sum", axis, len(x.shape))
    return _finished(_sum(x, axes=axes, divisor=1)[0], x, axes, keepdims)


def mean_backward(grad: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> tuple[Any]:
    """In the forward pass y was the sum of n elements divided by n, so dx = g / n for each of them."""
    g, axes = _arriving("mean_backward", grad, x, axis, keepdims)
    return (shape.broadcast_to(elementwise.divide(g, _count(x, axes)), x.shape),)


@op(draw=draw.reduction)
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Average over some axes: y = (sum of x) / (how many they are); NaN where there is none.

    Equivalent to ``np.mean(x, axis=axis, keepdims=keepdims)``. x is float32 or float64, of any shape; y has its dtype.

    Summed as by :func:`sum` and divided in float64, so that there is one rounding at the end.

    >>> mean(np.float32([[1, 2], [3, 4]]), axis=1)
    array([1.5, 3.5], dtype=float32)
    """
    (x,) = floats("mean", x=x)
    axes = axes_of("mean", axis, len(x.shape))
    return _finished(_sum(x, axes=axes, divisor=_count(x, axes))[0], x, axes, keepdims)


def _count(x: Any, axes: Shape) -> int:
    """How many elements are reduced to one."""
    return math.prod(x.shape[axis] for axis in axes)


def _canonical(x: Any, axes: Shape) -> tuple[Shape, Shape | None]:
    """x as (outer, n, inner) with n reduced: the sizes, and the order of axes needed first where there is one."""
    groups = _groups(x.shape, axes)
    reduced = [i for i, (_, gone) in enumerate(groups) if gone]
    if len(reduced) > 1:
        kept = tuple(axis for axis in range(len(x.shape)) if axis not in axes)
        return (math.prod(x.shape[axis] for axis in kept), _count(x, axes), 1), (*kept, *axes)
    sizes = [n for n, _ in groups]
    return (math.prod(sizes[: reduced[0]]), sizes[reduced[0]], math.prod(sizes[reduced[0] + 1 :])), None


def _launch_lines(
    lowering: Lowering, name: str, operands: Sequence[Operand], sizes: Shape, dtype: np.dtype[Any], cost: float
) -> None:
    """A kernel in two forms: for rows (outer, n), and for columns (outer, n, inner) by 256."""
    outer, n, inner = sizes
    work = cost * outer * n * inner
    if inner == 1:
        in_cell = builtins.max(1, 2048 // builtins.max(1, n))
        cells = -(-outer // in_cell)
        lowering.launch(
            Kernel("reductions", f"{name}_rows"), dtype, [*operands, outer, n, in_cell], cells=cells, work=work
        )
    else:
        cells = outer * -(-inner // 256)
        lowering.launch(Kernel("reductions", f"{name}_columns"), dtype, [*operands, n, inner], cells=cells, work=work)


def _lower_tie_share(lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand]) -> None:
    x, y = inputs
    _launch_lines(lowering, "tie_share", [*outputs, x, y], x.shape, x.dtype, 0.5)


# The share of each element of x (outer, n, inner) in the extremum y (outer, inner): constant but for jumps.
_tie_share = Primitive("tie_share", lambda x, y: (x,), _lower_tie_share, lambda grads, inputs, outputs: (None, None))


def _extremum_backward(name: str, grad: Any, x: Any, axis: Axis, keepdims: bool, y: Any) -> tuple[Any]:
    """In the forward pass y was the extremum of elements of x, so those that attain it share g equally."""
    g, axes = _arriving(f"{name}_backward", grad, x, axis, keepdims)
    y = check_grad(f"{name}_backward", y, grad.shape, x.dtype, "output")
    (outer, n, inner), order = _canonical(x, axes)
    source = x if order is None else shape.transpose(x, order)
    (share,) = _tie_share(shape.reshape(source, (outer, n, inner)), shape.reshape(y, (outer, inner)))
    dx = elementwise.multiply(shape.reshape(g, (outer, 1, inner)), share)
    if order is None:
        return (shape.reshape(dx, x.shape),)
    moved = shape.reshape(dx, tuple(x.shape[axis] for axis in order))
    return (shape.transpose(moved, inverse(order)),)


def _extremum(name: str, backward: Callable[..., tuple[Any]]) -> Primitive:
    def lower(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], axes: Shape) -> None:
        _lower_passes(lowering, name, inputs[0], outputs[0], axes, inputs[0].dtype, [])

    def vjp(grads: Any, inputs: Any, outputs: Any, axes: Shape) -> tuple[Any]:
        return backward(grads[0], inputs[0], axes, output=outputs[0])

    return Primitive(name, _infer, lower, vjp)


def _reducible(name: str, x: Any, axis: Axis) -> tuple[Any, Shape]:
    (x,) = floats(name, x=x)
    axes = axes_of(name, axis, len(x.shape))
    if _count(x, axes) == 0 and math.prod(_infer(x, axes)[0].shape) > 0:
        raise ValueError(f"{name}: {describe(x=x)}, axis is {axis}; expected at least one element to reduce")
    return x, axes


def max_backward(grad: Any, x: Any, axis: Axis = None, keepdims: bool = False, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y was the largest of x, so the elements that attain it share g equally."""
    return _extremum_backward("max", grad, x, axis, keepdims, max(x, axis, keepdims) if output is None else output)


_max = _extremum("max", max_backward)


@op(draw=draw.extremum)
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest element along some axes; NaN where one of them is NaN.

    Equivalent to ``np.max(x, axis=axis, keepdims=keepdims)``. x is float32 or float64, of any shape; y has its dtype.
    In the gradient, elements that are equally large have equal shares.

    Raises ValueError if there is nothing to reduce.

    >>> max(np.float32([[1, 4], [3, 2]]), axis=0)
    array([3., 4.], dtype=float32)
    """
    x, axes = _reducible("max", x, axis)
    return _finished(_max(x, axes=axes)[0], x, axes, keepdims)


def min_backward(grad: Any, x: Any, axis: Axis = None, keepdims: bool = False, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y was the smallest of x, so the elements that attain it share g equally."""
    return _extremum_backward("min", grad, x, axis, keepdims, min(x, axis, keepdims) if output is None else output)


_min = _extremum("min", min_backward)


@op(draw=draw.extremum)
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest element along some axes; NaN where one of them is NaN.

    Equivalent to ``np.min(x, axis=axis, keepdims=keepdims)``. x is float32 or float64, of any shape; y has its dtype.
    In the gradient, elements that are equally small have equal shares.

    Raises ValueError if there is nothing to reduce.

    >>> min(np.float32([[1, 4], [3, 2]]), axis=0)
    array([1., 2.], dtype=float32)
    """
    x, axes = _reducible("min", x, axis)
    return _finished(_min(x, axes=axes)[0], x, axes, keepdims)


def _lower_argmax(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], axis: int) -> None:
    (x,), (y,) = inputs, outputs
    sizes = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    _launch_lines(lowering, "argmax", [y, x], sizes, x.dtype, 0.5)


_argmax = Primitive("argmax", lambda x, axis: (Spec((*x.shape[:axis], *x.shape[axis + 1 :]), INT64),), _lower_argmax)


@op(draw=draw.argmax)
def argmax(x: Any, axis: int | None = None) -> Any:
    """Where the largest element along an axis is: the first of equals, or the first NaN if there is one.

    Equivalent to ``np.argmax(x, axis)``: without ``axis``, the place among all elements in C order. x is float32 or
    float64, y int64. It has no gradient.

    Raises ValueError if there is nothing to choose from.

    >>> argmax(np.float32([[1, 4, 4], [3, 2, 1]]), axis=1)
    array([1, 0])
    """
    x, _ = _reducible("argmax", x, axis)
    if axis is None:
        return _argmax(shape.reshape(x, (-1,)), axis=0)[0]
    return _argmax(x, axis=axis_of("argmax", axis, len(x.shape)))[0]
