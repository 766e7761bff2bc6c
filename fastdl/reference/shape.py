"""Functions that move elements without change, with gradients: reshape, transpose, broadcast_to, slice.

Each is one formula, y[index] = x[source(index)]: it says where an output element comes from. Its gradient is
the way back, gx[source(index)] += g[index]: an element of x that went to several places receives the sum,
one that went nowhere receives 0. Letters: x the input, y the output, g the gradient of the loss with respect
to y (the argument `grad`). The module's own `slice` hides Python's, which is `builtins.slice` here.
"""

import builtins
import operator
from collections.abc import Callable, Sequence
from math import prod
from types import EllipsisType

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_axis, as_float64, as_grad, evaluate

Source = Callable[[Index], Index]  # from an index into y to the index into x
Entry = int | builtins.slice | EllipsisType | None


def reshape(x: ArrayLike, shape: int | Sequence[int], *, at: Indices | None = None) -> FloatArray:
    """The same elements in the same (C) order in another shape.

    y has the given shape, in which one size may be -1: it becomes what is left over.
    y.flat[k] = x.flat[k] for every k.

    >>> reshape([1, 2, 3, 4], (2, -1)).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    values, result, source = _reshape("reshape", x, shape)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def reshape_backward(grad: ArrayLike, x: ArrayLike, shape: int | Sequence[int]) -> tuple[FloatArray]:
    """Gradient of reshape.

    In the forward pass this was: y in the given shape, element by element x; so now: gx is g, element by
    element, in the shape of x.

    >>> reshape_backward([[1, 2], [3, 4]], [0, 0, 0, 0], (2, 2))[0].tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    values, result, source = _reshape("reshape_backward", x, shape)
    return (send_back(as_grad("reshape", grad, result), values.shape, source),)


def transpose(x: ArrayLike, axes: Sequence[int] | None = None, *, at: Indices | None = None) -> FloatArray:
    """The axes in another order.

    y[i] = x[j] for the indices i and j with j[axes[k]] = i[k]: axis k of y is axis axes[k] of x. Without
    axes, the order is reversed.

    >>> transpose([[1, 2, 3], [4, 5, 6]]).tolist()
    [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    """
    values, result, source = _transpose("transpose", x, axes)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def transpose_backward(grad: ArrayLike, x: ArrayLike, axes: Sequence[int] | None = None) -> tuple[FloatArray]:
    """Gradient of transpose.

    In the forward pass this was: axis k of y is axis axes[k] of x; so now: axis axes[k] of gx is axis k of g.

    >>> transpose_backward([[1, 2], [3, 4], [5, 6]], [[0, 0, 0], [0, 0, 0]])[0].tolist()
    [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]
    """
    values, result, source = _transpose("transpose_backward", x, axes)
    return (send_back(as_grad("transpose", grad, result), values.shape, source),)


def broadcast_to(x: ArrayLike, shape: int | Sequence[int], *, at: Indices | None = None) -> FloatArray:
    """The array repeated until it has the given shape.

    y[..., i, ...] = x[..., 0, ...] along the axes where x has size 1; new axes are put in front.

    >>> broadcast_to([[1], [2]], (2, 3)).tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """
    values, result, source = _broadcast_to("broadcast_to", x, shape)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def broadcast_to_backward(grad: ArrayLike, x: ArrayLike, shape: int | Sequence[int]) -> tuple[FloatArray]:
    """Gradient of broadcast_to.

    In the forward pass this was: one element of x copied to many places of y; so now: gx is the sum of g over
    those places.

    >>> broadcast_to_backward([[1, 2, 3], [4, 5, 6]], [[0], [0]], (2, 3))[0].tolist()
    [[6.0], [15.0]]
    """
    values, result, source = _broadcast_to("broadcast_to_backward", x, shape)
    return (send_back(as_grad("broadcast_to", grad, result), values.shape, source),)


def slice(x: ArrayLike, index: Entry | tuple[Entry, ...], *, at: Indices | None = None) -> FloatArray:
    """A part of an array: y = x[index], as in NumPy's basic indexing.

    index is a tuple of integers (the axis disappears), slices start:stop:step (y[i] = x[start + i step]),
    None (a new axis of size 1) and at most one `...` (all axes that are not mentioned). `np.s_` makes one.

    >>> slice([[1, 2, 3], [4, 5, 6]], np.s_[1, ::-1]).tolist()
    [6.0, 5.0, 4.0]
    """
    values, result, source = _slice("slice", x, index)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def slice_backward(grad: ArrayLike, x: ArrayLike, index: Entry | tuple[Entry, ...]) -> tuple[FloatArray]:
    """Gradient of slice.

    In the forward pass this was: y = x[index]; so now: gx[index] = g, and 0 elsewhere.

    >>> slice_backward([7, 8, 9], [[1, 2, 3], [4, 5, 6]], np.s_[1, ::-1])[0].tolist()
    [[0.0, 0.0, 0.0], [9.0, 8.0, 7.0]]
    """
    values, result, source = _slice("slice_backward", x, index)
    return (send_back(as_grad("slice", grad, result), values.shape, source),)


def send_back(g: FloatArray, shape: Index, source: Source) -> FloatArray:
    """gx[source(index)] += g[index] for all elements of g."""
    gx = np.zeros(shape)
    for index in np.ndindex(*g.shape):
        gx[source(index)] += g[index]
    return gx


def _reshape(op: str, x: ArrayLike, shape: int | Sequence[int]) -> tuple[FloatArray, Index, Source]:
    values, sizes = as_float64(op, "x", x), _as_shape(shape)
    if sizes.count(-1) == 1:
        others = -prod(sizes)
        sizes = tuple(values.size // others if size == -1 and others else size for size in sizes)
    if prod(sizes) != values.size or any(size < 0 for size in sizes):
        raise ValueError(f"{op}: shape is {shape}, x is {values.shape}; expected as many elements as x has")

    def source(index: Index) -> Index:
        number = 0
        for i, size in zip(index, sizes, strict=True):
            number = number * size + i
        place: Index = ()
        for size in reversed(values.shape):
            number, i = divmod(number, size)
            place = (i, *place)
        return place

    return values, sizes, source


def _transpose(op: str, x: ArrayLike, axes: Sequence[int] | None) -> tuple[FloatArray, Index, Source]:
    values = as_float64(op, "x", x)
    asked = range(values.ndim - 1, -1, -1) if axes is None else axes
    order = tuple(as_axis(op, axis, values.ndim) for axis in asked)
    if sorted(order) != list(range(values.ndim)):
        raise ValueError(f"{op}: axes is {axes}, x is {values.shape}; expected each axis of x once")

    def source(index: Index) -> Index:
        return tuple(index[order.index(axis)] for axis in range(values.ndim))

    return values, tuple(values.shape[axis] for axis in order), source


def _broadcast_to(op: str, x: ArrayLike, shape: int | Sequence[int]) -> tuple[FloatArray, Index, Source]:
    values, sizes = as_float64(op, "x", x), _as_shape(shape)
    new = len(sizes) - values.ndim
    if new < 0 or any(mine not in (1, size) for mine, size in zip(values.shape, sizes[new:], strict=True)):
        raise ValueError(f"{op}: x {values.shape} cannot be broadcast to shape {sizes}")

    def source(index: Index) -> Index:
        return tuple(0 if mine == 1 else i for mine, i in zip(values.shape, index[new:], strict=True))

    return values, sizes, source


def _slice(op: str, x: ArrayLike, index: Entry | tuple[Entry, ...]) -> tuple[FloatArray, Index, Source]:
    values = as_float64(op, "x", x)
    fixed: dict[int, int] = {}  # for each axis of x that has an integer: the position
    # for each axis of y: the axis of x that it walks along (None: it is new) and the positions there
    moving: list[tuple[int | None, range]] = []
    axis = 0
    for entry in _without_ellipsis(op, index, values.ndim):
        if entry is None:
            moving.append((None, range(1)))
            continue
        if isinstance(entry, builtins.slice):
            moving.append((axis, range(*entry.indices(values.shape[axis]))))
        else:
            size = values.shape[axis]
            if not -size <= entry < size:
                raise ValueError(f"{op}: index {entry} is outside axis {axis} of x {values.shape}")
            fixed[axis] = entry % size
        axis += 1

    def source(position: Index) -> Index:
        place = dict(fixed)
        for (axis, positions), i in zip(moving, position, strict=True):
            if axis is not None:
                place[axis] = positions[i]
        return tuple(place[axis] for axis in range(values.ndim))

    return values, tuple(len(positions) for _, positions in moving), source


def _without_ellipsis(op: str, index: Entry | tuple[Entry, ...], ndim: int) -> list[int | builtins.slice | None]:
    """The index with `:` for each axis that it does not mention."""
    entries = index if isinstance(index, tuple) else (index,)
    known = (type(None), builtins.slice, EllipsisType, int, np.integer)
    if any(not isinstance(entry, known) or isinstance(entry, bool) for entry in entries):
        raise ValueError(f"{op}: index is {index}; expected integers, slices, None and ...")
    dots = [k for k, entry in enumerate(entries) if entry is Ellipsis]
    mentioned = len([entry for entry in entries if entry is not None and entry is not Ellipsis])
    if mentioned > ndim or len(dots) > 1:
        raise ValueError(f"{op}: index is {index}; expected at most {ndim} axes and at most one ...")
    at = dots[0] if dots else len(entries)
    rest = [builtins.slice(None)] * (ndim - mentioned)
    return [*entries[:at], *rest, *entries[at + 1 :]]  # type: ignore[list-item]  # the only ... is cut out


def _as_shape(shape: int | Sequence[int]) -> Index:
    sizes = (shape,) if isinstance(shape, int | np.integer) else shape
    return tuple(operator.index(size) for size in sizes)
