"""Functions that change an array's shape and move its elements without changing them.

Any of float32, float64, int64 and bool is moved; floats have gradients: the way back, with a sum where an element went
to several places. Each function stands beside its backward; g is the gradient of the result.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Lowering, Operand, Primitive, Shape, Spec, Symbol, op
from . import indexing, reductions
from ._door import axis_of, check_grad, describe
from ._draw import shape as draw
from ._lowering import strides_in
from ._moving import inverse, launch_copy, movable, movable_list, row_major


def sizes_of(name: str, shape: int | Sequence[int]) -> Shape:
    """The argument ``shape`` as a tuple."""
    try:
        return tuple(operator.index(n) for n in ((shape,) if isinstance(shape, (int, np.integer)) else shape))
    except TypeError:
        raise TypeError(f"{name}: shape is {shape!r}; expected an integer or a sequence of integers") from None


def _reshaped(name: str, x: Any, shape: int | Sequence[int]) -> Shape:
    sizes = sizes_of(name, shape)
    size = math.prod(x.shape)
    if sizes.count(-1) == 1:
        others = -math.prod(sizes)
        sizes = tuple(size // others if n == -1 and others else n for n in sizes)
    if min(sizes, default=0) < 0 or math.prod(sizes) != size:
        raise ValueError(
            f"{name}: shape is {shape}, x is {tuple(x.shape)}; expected as many elements as x has ({size}) and at most "
            "one -1"
        )
    return sizes


def reshape_backward(grad: Any, x: Any, shape: int | Sequence[int]) -> tuple[Any]:
    """In the forward pass y was x in another shape, so dx is g in the shape of x."""
    (x,) = movable("reshape_backward", x=x)
    grad = check_grad("reshape_backward", grad, _reshaped("reshape_backward", x, shape), x.dtype)
    return (reshape(grad, x.shape),)


def _lower_reshape(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], shape: Shape) -> None:
    (x,), (y,) = inputs, outputs
    launch_copy(lowering, (x.size,), y, x, [1], [1])


_reshape = Primitive(
    "reshape",
    lambda x, shape: (Spec(shape, x.dtype),),
    _lower_reshape,
    lambda grads, inputs, outputs, shape: reshape_backward(grads[0], inputs[0], shape),
    view=lambda x, shape: 0,
)


@op(draw=draw.reshape)
def reshape(x: Any, shape: int | Sequence[int]) -> Any:
    """The same elements in the same (C) order in another shape, in which one size may be -1: what is left over.

    Equivalent to ``np.reshape(x, shape)``; x is float32, float64, int64 or bool. On arrays the result shares the
    memory of x where NumPy can arrange it: copy it before writing to it.

    Raises ValueError if the sizes do not multiply to the number of elements of x.

    >>> reshape(np.float32([1, 2, 3, 4]), (2, -1))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    (x,) = movable("reshape", x=x)
    sizes = _reshaped("reshape", x, shape)
    if not isinstance(x, Symbol):
        return x.reshape(sizes)
    return x if sizes == tuple(x.shape) else _reshape(x, shape=sizes)[0]


def _order(name: str, x: Any, axes: Sequence[int] | None) -> Shape:
    ndim = len(x.shape)
    if axes is None:
        return tuple(range(ndim - 1, -1, -1))
    if not np.iterable(axes):
        raise TypeError(f"{name}: axes is {axes!r}; expected a sequence that names each axis of x once")
    order = tuple(axis_of(name, axis, ndim) for axis in axes)
    if sorted(order) != list(range(ndim)):
        raise ValueError(f"{name}: axes is {tuple(axes)}, {describe(x=x)}; expected each axis of x once")
    return order


def transpose_backward(grad: Any, x: Any, axes: Sequence[int] | None = None) -> tuple[Any]:
    """In the forward pass axis k of y was axis axes[k] of x, so axis axes[k] of dx is axis k of g."""
    (x,) = movable("transpose_backward", x=x)
    order = _order("transpose_backward", x, axes)
    grad = check_grad("transpose_backward", grad, tuple(x.shape[axis] for axis in order), x.dtype)
    return (transpose(grad, inverse(order)),)


def _lower_transpose(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], axes: Shape) -> None:
    (x,), (y,) = inputs, outputs
    steps = row_major(x.shape)
    launch_copy(lowering, y.shape, y, x, row_major(y.shape), [steps[axis] for axis in axes])


def _view_transpose(x: Spec, axes: Shape) -> int | None:
    """x itself where only axes of size 1 change places."""
    moving = [axis for axis in axes if x.shape[axis] != 1]
    return 0 if moving == sorted(moving) else None


_transpose = Primitive(
    "transpose",
    lambda x, axes: (Spec(tuple(x.shape[axis] for axis in axes), x.dtype),),
    _lower_transpose,
    lambda grads, inputs, outputs, axes: transpose_backward(grads[0], inputs[0], axes),
    view=_view_transpose,
)


@op(draw=draw.transpose)
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in another order: axis k of y is axis axes[k] of x; without ``axes`` the order is reversed.

    Equivalent to ``np.transpose(x, axes).copy()``; x is float32, float64, int64 or bool, the result C-contiguous.

    Raises ValueError if ``axes`` does not name each axis once.

    >>> transpose(np.float32([[1, 2, 3], [4, 5, 6]]))
    array([[1., 4.],
           [2., 5.],
           [3., 6.]], dtype=float32)
    """
    (x,) = movable("transpose", x=x)
    order = _order("transpose", x, axes)
    return _transpose(x, axes=order)[0]


def _broadcast(name: str, x: Any, shape: int | Sequence[int]) -> Shape:
    sizes = sizes_of(name, shape)
    new = len(sizes) - len(x.shape)
    if new < 0 or any(mine not in (1, n) for mine, n in zip(x.shape, sizes[new:], strict=True)) or min((0, *sizes)) < 0:
        raise ValueError(f"{name}: {describe(x=x)} cannot be broadcast to shape {sizes}")
    return sizes


def broadcast_to_backward(grad: Any, x: Any, shape: int | Sequence[int]) -> tuple[Any]:
    """In the forward pass an element of x went to many places of y, so its dx is the sum of g over those places."""
    (x,) = movable("broadcast_to_backward", x=x)
    grad = check_grad("broadcast_to_backward", grad, _broadcast("broadcast_to_backward", x, shape), x.dtype)
    new = len(grad.shape) - len(x.shape)
    repeated = [i + new for i, n in enumerate(x.shape) if n == 1 and grad.shape[i + new] != 1]
    axes = (*range(new), *repeated)
    return (reshape(reductions.sum(grad, axis=axes) if axes else grad, x.shape),)


def _lower_broadcast_to(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], shape: Shape) -> None:
    (x,), (y,) = inputs, outputs
    launch_copy(lowering, y.shape, y, x, row_major(y.shape), strides_in(x.shape, y.shape))


_broadcast_to = Primitive(
    "broadcast_to",
    lambda x, shape: (Spec(shape, x.dtype),),
    _lower_broadcast_to,
    lambda grads, inputs, outputs, shape: broadcast_to_backward(grads[0], inputs[0], shape),
    view=lambda x, shape: 0 if math.prod(shape) == x.size else None,
)


@op(draw=draw.broadcast_to)
def broadcast_to(x: Any, shape: int | Sequence[int]) -> Any:
    """x repeated until it has the given shape: y[..., i, ...] = x[..., 0, ...] along axes of size 1 and new ones.

    Equivalent to ``np.broadcast_to(x, shape).copy()``; x is float32, float64, int64 or bool, the result C-contiguous.

    Raises ValueError if NumPy's rule does not allow it.

    >>> broadcast_to(np.float32([[1], [2]]), (2, 3))
    array([[1., 1., 1.],
           [2., 2., 2.]], dtype=float32)
    """
    (x,) = movable("broadcast_to", x=x)
    sizes = _broadcast("broadcast_to", x, shape)
    return _broadcast_to(x, shape=sizes)[0]


def _infer_concatenate(*arrays: Any, axis: int) -> tuple[Spec]:
    first = arrays[0].shape
    return (Spec((*first[:axis], sum(x.shape[axis] for x in arrays), *first[axis + 1 :]), arrays[0].dtype),)


def _lower_concatenate(lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], axis: int) -> None:
    (y,) = outputs
    steps, start = row_major(y.shape), 0
    for x in inputs:
        launch_copy(lowering, x.shape, y, x, steps, row_major(x.shape), start_y=start)
        start += x.shape[axis] * steps[axis]


def _vjp_concatenate(grads: Any, inputs: Any, outputs: Any, axis: int) -> tuple[Any, ...]:
    return concatenate_backward(grads[0], inputs, axis)


_concatenate = Primitive("concatenate", _infer_concatenate, _lower_concatenate, _vjp_concatenate)


def _parts(name: str, arrays: Sequence[Any], axis: int) -> tuple[list[Any], int]:
    """The arrays, checked to fit, and the axis counted from the front."""
    parts = movable_list(name, arrays)
    first = parts[0]
    if not first.shape:
        raise ValueError(f"{name}: arrays[0] has no dimensions; expected at least one: use reshape(x, (1,))")
    axis = axis_of(name, axis, len(first.shape))
    for k, x in enumerate(parts):
        fits = len(x.shape) == len(first.shape)
        if not fits or any(m != n for d, (m, n) in enumerate(zip(x.shape, first.shape, strict=True)) if d != axis):
            raise ValueError(
                f"{name}: arrays[{k}] is {tuple(x.shape)}, arrays[0] is {tuple(first.shape)}; expected the same "
                f"sizes but for axis {axis}"
            )
    return parts, axis


def concatenate_backward(grad: Any, arrays: Sequence[Any], axis: int = 0) -> tuple[Any, ...]:
    """In the forward pass each array became a piece of y, so its gradient is that piece of g."""
    parts, axis = _parts("concatenate_backward", arrays, axis)
    grad = check_grad("concatenate_backward", grad, *_infer_concatenate(*parts, axis=axis)[0])
    pieces, start = [], 0
    for x in parts:
        stop = start + x.shape[axis]
        pieces.append(indexing.slice(grad, (*[slice(None)] * axis, slice(start, stop))))
        start = stop
    return tuple(pieces)


@op(draw=draw.concatenate)
def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays one behind the other along an axis; they agree in dtype and in all sizes but the one along the axis.

    Equivalent to ``np.concatenate(arrays, axis)``; the arrays are float32, float64, int64 or bool.

    Raises ValueError for sizes that do not fit, TypeError for different dtypes.

    >>> concatenate([np.float32([1, 2]), np.float32([3])])
    array([1., 2., 3.], dtype=float32)
    """
    parts, axis = _parts("concatenate", arrays, axis)
    return _concatenate(*parts, axis=axis)[0]
