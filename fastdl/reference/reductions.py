"""Reductions, which make one number of many along some axes: sum, mean, max, min and argmax, with gradients.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`). axis
is an axis, a tuple of axes, or None for all; with keepdims the reduced axes stay in y, with size 1.
The module's own sum, max and min hide Python's in this file: the code below uses NumPy's.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Index, Indices, as_axis, as_float64, as_grad, evaluate, quiet

Axis = int | Sequence[int] | None


def sum(x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, at: Indices | None = None) -> FloatArray:
    """Add up.

    y = sum of x over the reduced axes; 0 if there is nothing to add.

    >>> sum([[1, 2], [3, 4]], axis=0).tolist()
    [4.0, 6.0]
    """
    return _reduce("sum", np.sum, x, axis, keepdims, at)


def sum_backward(grad: ArrayLike, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> tuple[FloatArray]:
    """Gradient of sum.

    In the forward pass this was: y += x for every x that was reduced to y; so now: gx = g, the same for all
    of them. grad has the shape of y, gx that of x.

    >>> sum_backward([10, 20], [[1, 2], [3, 4]], axis=0)[0].tolist()
    [[10.0, 20.0], [10.0, 20.0]]
    """
    values = as_float64("sum_backward", "x", x)
    return (_spread("sum", grad, values, axis, keepdims),)


def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, at: Indices | None = None) -> FloatArray:
    """The average.

    y = (sum of x over the reduced axes) / (how many they are); NaN if there are none.

    >>> mean([[1, 2], [3, 4]], axis=1).tolist()
    [1.5, 3.5]
    """
    return _reduce("mean", lambda part: np.sum(part) / np.float64(part.size), x, axis, keepdims, at)


def mean_backward(grad: ArrayLike, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> tuple[FloatArray]:
    """Gradient of mean.

    In the forward pass this was: y += x / n for each of the n elements that were reduced to y; so now:
    gx = g / n, the same for all of them. grad has the shape of y, gx that of x.

    >>> mean_backward([10, 20], [[1, 2], [3, 4]], axis=1)[0].tolist()
    [[5.0, 5.0], [10.0, 10.0]]
    """
    values = as_float64("mean_backward", "x", x)
    n = np.prod([values.shape[k] for k in _axes("mean_backward", axis, values.ndim)])
    with quiet():
        return (np.asarray(_spread("mean", grad, values, axis, keepdims) / n),)


def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, at: Indices | None = None) -> FloatArray:
    """The largest element.

    y = max of x over the reduced axes, NaN if one of them is NaN; there must be at least one.

    >>> max([[1, 4], [3, 2]], axis=0).tolist()
    [3.0, 4.0]
    """
    return _reduce("max", np.max, x, axis, keepdims, at)


def max_backward(grad: ArrayLike, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> tuple[FloatArray]:
    """Gradient of max.

    In the forward pass this was: y = x for the largest x; so now: gx = g for that one and 0 for the others.
    If several are the largest (or NaN, which counts as the largest), they share g equally.

    >>> max_backward(6, [1, 3, 3])[0].tolist()
    [0.0, 3.0, 3.0]
    """
    return (_shared("max", max, grad, x, axis, keepdims),)


def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, at: Indices | None = None) -> FloatArray:
    """The smallest element.

    y = min of x over the reduced axes, NaN if one of them is NaN; there must be at least one.

    >>> min([[1, 4], [3, 2]], axis=0).tolist()
    [1.0, 2.0]
    """
    return _reduce("min", np.min, x, axis, keepdims, at)


def min_backward(grad: ArrayLike, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> tuple[FloatArray]:
    """Gradient of min.

    In the forward pass this was: y = x for the smallest x; so now: gx = g for that one and 0 for the others.
    If several are the smallest (or NaN, which counts as the smallest), they share g equally.

    >>> min_backward(6, [1, 1, 3])[0].tolist()
    [3.0, 3.0, 0.0]
    """
    return (_shared("min", min, grad, x, axis, keepdims),)


def argmax(x: ArrayLike, axis: int | None = None, *, at: Indices | None = None) -> NDArray[np.int64]:
    """Where the largest element is.

    y = the first position along the axis that holds the maximum, or the first NaN if there is one; without
    an axis, the position among all elements in C order. The result has no gradient.

    >>> argmax([[1, 4, 4], [3, 2, 1]], axis=1).tolist()
    [1, 0]
    """
    if axis is not None:
        axis = operator.index(axis)
    return _reduce("argmax", np.argmax, x, axis, False, at).astype(np.int64)


def _reduce(
    op: str,
    function: Callable[[FloatArray], Any],
    x: ArrayLike,
    axis: Axis,
    keepdims: bool,
    at: Indices | None,
) -> FloatArray:
    """One output for each position along the other axes: a function of the part of x at that position."""
    values = as_float64(op, "x", x)
    axes = _axes(op, axis, values.ndim)

    def element(index: Index) -> float:
        others = iter(i for k, i in enumerate(index) if not (keepdims and k in axes))
        part = values[tuple(slice(None) if k in axes else next(others) for k in range(values.ndim))]
        if part.size == 0 and op in ("max", "min", "argmax"):
            raise ValueError(f"{op}: x is {values.shape}, axis is {axis}; expected at least one element to reduce")
        return float(function(part))

    return evaluate(element, _reduced_shape(values.shape, axes, keepdims), at)


def _axes(op: str, axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes to reduce, counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    asked = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    axes = tuple(as_axis(op, one, ndim) for one in asked)
    if len(set(axes)) < len(axes):
        raise ValueError(f"{op}: axis is {axis}; expected each axis once")
    return axes


def _reduced_shape(shape: Index, axes: tuple[int, ...], keepdims: bool) -> Index:
    if keepdims:
        return tuple(1 if k in axes else size for k, size in enumerate(shape))
    return tuple(size for k, size in enumerate(shape) if k not in axes)


def _spread(op: str, grad: ArrayLike, values: FloatArray, axis: Axis, keepdims: bool) -> FloatArray:
    """Hand the gradient of each output to all elements that were reduced to it."""
    axes = _axes(f"{op}_backward", axis, values.ndim)
    g = as_grad(op, grad, _reduced_shape(values.shape, axes, keepdims))
    return np.broadcast_to(g.reshape(_reduced_shape(values.shape, axes, True)), values.shape).copy()


def _shared(
    op: str, reduction: Callable[..., FloatArray], grad: ArrayLike, x: ArrayLike, axis: Axis, keepdims: bool
) -> FloatArray:
    """Share the gradient of each output equally among the elements that attain it."""
    values = as_float64(f"{op}_backward", "x", x)
    g = _spread(op, grad, values, axis, keepdims)
    y = reduction(values, axis, True)
    attains = (values == y) | (np.isnan(values) & np.isnan(y))
    ties = sum(attains, axis, True)
    return np.where(attains, g / ties, 0.0)
