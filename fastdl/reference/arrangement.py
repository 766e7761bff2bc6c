"""Functions that add, drop, swap and turn axes, with gradients: stack, expand_dims, squeeze, swapaxes, flip.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`). As in
`shape`, each function says where an output element comes from, and its gradient goes the same way back.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_axis, as_float64, as_grad, evaluate
from .reductions import Axis, _axes
from .shape import Source, send_back


def stack(arrays: Sequence[ArrayLike], axis: int = 0, *, at: Indices | None = None) -> FloatArray:
    """Arrays of one shape side by side along a new axis.

    y[..., k, ...] = arrays[k][...], where k stands at the axis.

    >>> stack([[1, 2], [3, 4]], axis=1).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    parts, axis, result = _stack("stack", arrays, axis)
    return evaluate(lambda i: float(parts[i[axis]][(*i[:axis], *i[axis + 1 :])]), result, at)


def stack_backward(grad: ArrayLike, arrays: Sequence[ArrayLike], axis: int = 0) -> tuple[FloatArray, ...]:
    """Gradients of stack, one for each array.

    In the forward pass this was: y[..., k, ...] = arrays[k]; so now: the gradient of arrays[k] is g[..., k, ...].

    >>> [gradient.tolist() for gradient in stack_backward([[7, 8], [9, 10]], [[1, 2], [3, 4]])]
    [[7.0, 8.0], [9.0, 10.0]]
    """
    parts, axis, result = _stack("stack_backward", arrays, axis)
    g = as_grad("stack", grad, result)
    return tuple(np.asarray(np.take(g, k, axis)) for k in range(len(parts)))


def expand_dims(x: ArrayLike, axis: int | Sequence[int], *, at: Indices | None = None) -> FloatArray:
    """New axes of size 1 at the places `axis` of the result.

    y[..., i, 0, j, ...] = x[..., i, j, ...].

    >>> expand_dims([1, 2], 1).tolist()
    [[1.0], [2.0]]
    """
    values, result, source = _expand_dims("expand_dims", x, axis)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def expand_dims_backward(grad: ArrayLike, x: ArrayLike, axis: int | Sequence[int]) -> tuple[FloatArray]:
    """Gradient of expand_dims.

    In the forward pass this was: y is x with new axes; so now: gx is g without them.

    >>> expand_dims_backward([[5], [6]], [1, 2], 1)[0].tolist()
    [5.0, 6.0]
    """
    values, result, source = _expand_dims("expand_dims_backward", x, axis)
    return (send_back(as_grad("expand_dims", grad, result), values.shape, source),)


def squeeze(x: ArrayLike, axis: Axis = None, *, at: Indices | None = None) -> FloatArray:
    """The array without the axes `axis`, which have size 1; without all such axes if axis is None.

    y[..., i, j, ...] = x[..., i, 0, j, ...].

    >>> squeeze([[[1], [2]]]).tolist()
    [1.0, 2.0]
    """
    values, result, source = _squeeze("squeeze", x, axis)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def squeeze_backward(grad: ArrayLike, x: ArrayLike, axis: Axis = None) -> tuple[FloatArray]:
    """Gradient of squeeze.

    In the forward pass this was: y is x without some axes of size 1; so now: gx is g with them.

    >>> squeeze_backward([5, 6], [[1], [2]])[0].tolist()
    [[5.0], [6.0]]
    """
    values, result, source = _squeeze("squeeze_backward", x, axis)
    return (send_back(as_grad("squeeze", grad, result), values.shape, source),)


def swapaxes(x: ArrayLike, axis1: int, axis2: int, *, at: Indices | None = None) -> FloatArray:
    """Two axes in each other's place.

    y[..., i, ..., j, ...] = x[..., j, ..., i, ...].

    >>> swapaxes([[1, 2, 3]], 0, 1).tolist()
    [[1.0], [2.0], [3.0]]
    """
    values, result, source = _swapaxes("swapaxes", x, axis1, axis2)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def swapaxes_backward(grad: ArrayLike, x: ArrayLike, axis1: int, axis2: int) -> tuple[FloatArray]:
    """Gradient of swapaxes.

    In the forward pass this was: two axes changed places; so now: they change back.

    >>> swapaxes_backward([[4], [5]], [[1, 2]], 0, 1)[0].tolist()
    [[4.0, 5.0]]
    """
    values, result, source = _swapaxes("swapaxes_backward", x, axis1, axis2)
    return (send_back(as_grad("swapaxes", grad, result), values.shape, source),)


def flip(x: ArrayLike, axis: Axis = None, *, at: Indices | None = None) -> FloatArray:
    """The elements in the opposite order along an axis, several, or all.

    y[i] = x[n - 1 - i].

    >>> flip([1, 2, 3]).tolist()
    [3.0, 2.0, 1.0]
    """
    values, source = _flip("flip", x, axis)
    return evaluate(lambda index: float(values[source(index)]), values.shape, at)


def flip_backward(grad: ArrayLike, x: ArrayLike, axis: Axis = None) -> tuple[FloatArray]:
    """Gradient of flip.

    In the forward pass this was: x turned round; so now: gx is g turned round.

    >>> flip_backward([4, 5, 6], [1, 2, 3])[0].tolist()
    [6.0, 5.0, 4.0]
    """
    values, source = _flip("flip_backward", x, axis)
    return (send_back(as_grad("flip", grad, values.shape), values.shape, source),)


def _stack(op: str, arrays: Sequence[ArrayLike], axis: int) -> tuple[list[FloatArray], int, Index]:
    parts = [as_float64(op, f"arrays[{k}]", array) for k, array in enumerate(arrays)]
    if not parts or len({part.shape for part in parts}) > 1:
        raise ValueError(f"{op}: arrays are {[part.shape for part in parts]}; expected at least one, all of one shape")
    shape = parts[0].shape
    axis = as_axis(op, axis, len(shape) + 1)
    return parts, axis, (*shape[:axis], len(parts), *shape[axis:])


def _expand_dims(op: str, x: ArrayLike, axis: int | Sequence[int]) -> tuple[FloatArray, Index, Source]:
    values = as_float64(op, "x", x)
    ndim = values.ndim + (1 if isinstance(axis, int | np.integer) else len(axis))
    new = _axes(op, axis, ndim)
    kept = [k for k in range(ndim) if k not in new]
    result = tuple(1 if k in new else values.shape[kept.index(k)] for k in range(ndim))
    return values, result, lambda index: tuple(index[k] for k in kept)


def _squeeze(op: str, x: ArrayLike, axis: Axis) -> tuple[FloatArray, Index, Source]:
    values = as_float64(op, "x", x)
    gone = [k for k, size in enumerate(values.shape) if size == 1] if axis is None else _axes(op, axis, values.ndim)
    if any(values.shape[k] != 1 for k in gone):
        raise ValueError(f"{op}: axis is {axis}, x is {values.shape}; expected axes of size 1")
    kept = [k for k in range(values.ndim) if k not in gone]

    def source(index: Index) -> Index:
        return tuple(0 if k in gone else index[kept.index(k)] for k in range(values.ndim))

    return values, tuple(values.shape[k] for k in kept), source


def _swapaxes(op: str, x: ArrayLike, axis1: int, axis2: int) -> tuple[FloatArray, Index, Source]:
    values = as_float64(op, "x", x)
    a, b = as_axis(op, axis1, values.ndim), as_axis(op, axis2, values.ndim)

    def source(index: Index) -> Index:
        place = list(index)
        place[a], place[b] = index[b], index[a]
        return tuple(place)

    return values, source(values.shape), source


def _flip(op: str, x: ArrayLike, axis: Axis) -> tuple[FloatArray, Source]:
    values = as_float64(op, "x", x)
    turned = _axes(op, axis, values.ndim)

    def source(index: Index) -> Index:
        return tuple(values.shape[k] - 1 - i if k in turned else i for k, i in enumerate(index))

    return values, source
