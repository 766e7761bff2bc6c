"""Functions that add, drop, swap and turn axes, made of reshape, transpose, concatenate and slice.

Any of float32, float64, int64 and bool is moved. Each function stands beside its backward; g is the gradient of the
result.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Shape, Symbol, op
from ..options import is_integer
from . import indexing, shape
from ._door import axes_of, axis_of, check_grad
from ._draw import arrangement as draw
from ._moving import movable, movable_list


def _stackable(name: str, arrays: Sequence[Any], axis: int) -> tuple[list[Any], int]:
    """The arrays, checked to be of one shape and dtype, and the new axis counted from the front."""
    parts = movable_list(name, arrays)
    first = parts[0]
    for k, x in enumerate(parts):
        if tuple(x.shape) != tuple(first.shape):
            raise ValueError(
                f"{name}: arrays[{k}] is {tuple(x.shape)}, arrays[0] is {tuple(first.shape)}; expected one shape"
            )
    return parts, axis_of(name, axis, len(first.shape) + 1)


def stack_backward(grad: Any, arrays: Sequence[Any], axis: int = 0) -> tuple[Any, ...]:
    """In the forward pass y[..., k, ...] = arrays[k], so the gradient of that array is g[..., k, ...]."""
    parts, axis = _stackable("stack_backward", arrays, axis)
    sizes = tuple(parts[0].shape)
    grad = check_grad("stack_backward", grad, (*sizes[:axis], len(parts), *sizes[axis:]), parts[0].dtype)
    front = (slice(None),) * axis
    return tuple(indexing.slice(grad, (*front, k)) for k in range(len(parts)))


@op(draw=draw.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape side by side along a new axis: y[..., k, ...] = arrays[k].

    Equivalent to ``np.stack(arrays, axis)``; the arrays are float32, float64, int64 or bool.

    Raises ValueError for different shapes, TypeError for different dtypes.

    >>> stack([np.float32([1, 2]), np.float32([3, 4])], axis=1)
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    parts, axis = _stackable("stack", arrays, axis)
    sizes = tuple(parts[0].shape)
    return shape.concatenate([shape.reshape(x, (*sizes[:axis], 1, *sizes[axis:])) for x in parts], axis)


def _expanded(name: str, x: Any, axis: int | Sequence[int]) -> tuple[Any, Shape]:
    (x,) = movable(name, x=x)
    count = len(tuple(axis)) if np.iterable(axis) else 1
    new = axes_of(name, axis, len(x.shape) + count)
    sizes = iter(x.shape)
    return x, tuple(1 if k in new else next(sizes) for k in range(len(x.shape) + count))


def expand_dims_backward(grad: Any, x: Any, axis: int | Sequence[int]) -> tuple[Any]:
    """In the forward pass y was x with new axes of size 1, so dx is g without them."""
    x, sizes = _expanded("expand_dims_backward", x, axis)
    return (shape.reshape(check_grad("expand_dims_backward", grad, sizes, x.dtype), x.shape),)


@op(draw=draw.expand_dims)
def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """New axes of size 1 at the places ``axis`` of the result.

    Equivalent to ``np.expand_dims(x, axis)``; x is float32, float64, int64 or bool. On arrays the result shares the
    memory of x where NumPy can arrange it.

    >>> expand_dims(np.float32([1, 2]), axis=1).shape
    (2, 1)
    """
    x, sizes = _expanded("expand_dims", x, axis)
    return shape.reshape(x, sizes)


def _squeezed(name: str, x: Any, axis: int | Sequence[int] | None) -> tuple[Any, Shape]:
    (x,) = movable(name, x=x)
    if axis is None:
        return x, tuple(n for n in x.shape if n != 1)
    gone = axes_of(name, axis, len(x.shape))
    for a in gone:
        if x.shape[a] != 1:
            raise ValueError(f"{name}: axis {a} of x {tuple(x.shape)} has size {x.shape[a]}; expected axes of size 1")
    return x, tuple(n for a, n in enumerate(x.shape) if a not in gone)


def squeeze_backward(grad: Any, x: Any, axis: int | Sequence[int] | None = None) -> tuple[Any]:
    """In the forward pass y was x without axes of size 1, so dx is g with them."""
    x, sizes = _squeezed("squeeze_backward", x, axis)
    return (shape.reshape(check_grad("squeeze_backward", grad, sizes, x.dtype), x.shape),)


@op(draw=draw.squeeze)
def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """The array without the axes ``axis``, which have size 1; without all such axes if ``axis`` is None.

    Equivalent to ``np.squeeze(x, axis)``; x is float32, float64, int64 or bool. On arrays the result shares the memory
    of x where NumPy can arrange it.

    Raises ValueError for an axis of another size.

    >>> squeeze(np.float32([[[1], [2]]])).shape
    (2,)
    """
    x, sizes = _squeezed("squeeze", x, axis)
    return shape.reshape(x, sizes)


def _swapped(name: str, x: Any, axis1: int, axis2: int) -> tuple[Any, Shape]:
    (x,) = movable(name, x=x)
    order = list(range(len(x.shape)))
    a, b = axis_of(name, axis1, len(order)), axis_of(name, axis2, len(order))
    order[a], order[b] = b, a
    return x, tuple(order)


def swapaxes_backward(grad: Any, x: Any, axis1: int, axis2: int) -> tuple[Any]:
    """In the forward pass two axes changed places, so in dx they change back."""
    x, order = _swapped("swapaxes_backward", x, axis1, axis2)
    grad = check_grad("swapaxes_backward", grad, tuple(x.shape[a] for a in order), x.dtype)
    return (shape.transpose(grad, order),)


@op(draw=draw.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes in each other's place.

    Equivalent to ``np.swapaxes(x, axis1, axis2).copy()``; x is float32, float64, int64 or bool.

    >>> swapaxes(np.float32([[1, 2, 3]]), 0, 1).shape
    (3, 1)
    """
    x, order = _swapped("swapaxes", x, axis1, axis2)
    return shape.transpose(x, order)


def _flipped(name: str, x: Any, axis: int | Sequence[int] | None) -> tuple[Any, tuple[Any, ...]]:
    (x,) = movable(name, x=x)
    turned = axes_of(name, axis, len(x.shape))
    return x, tuple(slice(None, None, -1 if a in turned else 1) for a in range(len(x.shape)))


def flip_backward(grad: Any, x: Any, axis: int | Sequence[int] | None = None) -> tuple[Any]:
    """In the forward pass x was turned round along the axes, so dx is g turned round."""
    x, index = _flipped("flip_backward", x, axis)
    return (indexing.slice(check_grad("flip_backward", grad, x.shape, x.dtype), index),)


@op(draw=draw.flip)
def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """The elements in the opposite order along an axis, several, or all (None): y[i] = x[n - 1 - i].

    Equivalent to ``np.flip(x, axis)``; x is float32, float64, int64 or bool. On arrays the result is a view of x: copy
    it before writing to it.

    >>> flip(np.float32([1, 2, 3]))
    array([3., 2., 1.], dtype=float32)
    """
    x, index = _flipped("flip", x, axis)
    return indexing.slice(x, index)


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """The array cut along an axis, into so many equal parts, or at the places of a list.

    Equivalent to ``np.split(x, indices_or_sections, axis)``; x is float32, float64, int64 or bool. Each part is a slice
    of x, and so is its gradient; on arrays the parts are views of x.

    Raises ValueError if x cannot be cut into equal parts.

    >>> split(np.float32([1, 2, 3, 4, 5]), [2, 4])
    [array([1., 2.], dtype=float32), array([3., 4.], dtype=float32), array([5.], dtype=float32)]
    """
    (x,) = movable("split", x=x)
    axis = axis_of("split", axis, len(x.shape))
    n = x.shape[axis]
    if is_integer(indices_or_sections):
        parts = int(indices_or_sections)
        if parts < 1 or n % parts:
            raise ValueError(f"split: {parts} parts of axis {axis} of x {tuple(x.shape)}; expected a divisor of {n}")
        cuts = [n // parts * k for k in range(1, parts)]
    else:
        wrong = f"split: indices_or_sections is {indices_or_sections!r}; expected an integer or a list of integers"
        if isinstance(indices_or_sections, Symbol) or not np.iterable(indices_or_sections):
            raise TypeError(wrong)
        try:
            cuts = [operator.index(cut) for cut in indices_or_sections]
        except TypeError:
            raise TypeError(wrong) from None
    front = (slice(None),) * axis
    return [indexing.slice(x, (*front, slice(start, stop))) for start, stop in zip([0, *cuts], [*cuts, n], strict=True)]
