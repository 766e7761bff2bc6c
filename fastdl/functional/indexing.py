"""Functions that pick elements of an array: slices, and lists of positions along an axis.

Any of float32, float64, int64 and bool is picked; floats have gradients: the way back, with a sum where an element was
picked several times. Each function stands beside its backward; g is the gradient of the result. The name of Python's
own slice is hidden by the one of this file.
"""

import builtins
import math
from typing import Any

from .._kernels import STATUS, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, Symbol, op
from . import elementwise, shape
from ._door import axis_of, check_grad, describe
from ._door import indices as positions
from ._draw import indexing as draw
from ._moving import (
    CELL,
    Entry,
    entries_of,
    launch_copy,
    launch_zeros,
    movable,
    row_major,
    slice_attributes,
    slice_steps,
    word,
)

_COLUMNS = 32  # of a cell of take_grad, as in the kernel


def _lower_slice(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], starts: Shape, lengths: Shape, steps: Shape
) -> None:
    (x,), (y,) = inputs, outputs
    start, strides = slice_steps(x.shape, starts, steps)
    launch_copy(lowering, lengths, y, x, row_major(lengths), strides, start_x=start)


def _view_slice(x: Spec, starts: Shape, lengths: Shape, steps: Shape) -> int | None:
    """Contiguous slices lie in x as they are."""
    start, strides = slice_steps(x.shape, starts, steps)
    mine = row_major(lengths)
    even = all(n == 1 or a == b for n, a, b in zip(lengths, strides, mine, strict=True))
    return start if even else None


def _vjp_slice(grads: Any, inputs: Any, outputs: Any, starts: Shape, lengths: Shape, steps: Shape) -> tuple[Any]:
    return _slice_grad(grads[0], full=tuple(inputs[0].shape), starts=starts, steps=steps)


_slice = Primitive(
    "slice", lambda x, starts, lengths, steps: (Spec(lengths, x.dtype),), _lower_slice, _vjp_slice, view=_view_slice
)


def _lower_slice_grad(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], full: Shape, starts: Shape, steps: Shape
) -> None:
    """Zeros, and g at its places."""
    (g,), (dx,) = inputs, outputs
    start, strides = slice_steps(full, starts, steps)
    if g.size < dx.size:
        launch_zeros(lowering, dx)
    launch_copy(lowering, g.shape, dx, g, strides, row_major(g.shape), start_y=start)


def _vjp_slice_grad(grads: Any, inputs: Any, outputs: Any, full: Shape, starts: Shape, steps: Shape) -> tuple[Any]:
    """In the forward pass g went to the places of a slice, so its gradient is that slice."""
    return _slice(grads[0], starts=starts, lengths=tuple(inputs[0].shape), steps=steps)


_slice_grad = Primitive(
    "slice_grad", lambda g, full, starts, steps: (Spec(full, g.dtype),), _lower_slice_grad, _vjp_slice_grad
)


def slice_backward(grad: Any, x: Any, index: Entry | tuple[Entry, ...]) -> tuple[Any]:
    """In the forward pass y = x[index], so dx[index] = g, and 0 elsewhere."""
    (x,) = movable("slice_backward", x=x)
    attributes, result = slice_attributes(entries_of("slice_backward", x, index))
    grad = check_grad("slice_backward", grad, result, x.dtype)
    grad = shape.reshape(grad, attributes.pop("lengths"))
    return _slice_grad(grad, full=tuple(x.shape), **attributes)


@op(draw=draw.slice)
def slice(x: Any, index: Entry | tuple[Entry, ...]) -> Any:
    """Part of an array: y = x[index], NumPy's basic indexing.

    ``index`` is an integer, a slice, None, ``...`` or a tuple of these; ``np.s_`` makes one. Recorded tensors can be
    indexed directly. x is float32, float64, int64 or bool. On arrays the result is a view of x: copy it before writing
    to it.

    Raises IndexError for an integer outside its axis or too many axes, TypeError for lists and masks.

    >>> import numpy as np
    >>> slice(np.float32([[1, 2, 3], [4, 5, 6]]), np.s_[1, ::-1])
    array([6., 5., 4.], dtype=float32)
    """
    (x,) = movable("slice", x=x)
    entries = entries_of("slice", x, index)
    if not isinstance(x, Symbol):
        given = index if isinstance(index, tuple) else (index,)
        return x[given if Ellipsis in given else (*given, ...)]  # with ... the result is never a NumPy scalar
    attributes, result = slice_attributes(entries)
    return shape.reshape(_slice(x, **attributes)[0], result)


def _outside(name: str, full: Shape, axis: int) -> IndexError:
    n = full[axis]
    return IndexError(
        f"{name}: indices holds a position outside axis {axis} of x {full}; expected {-n} <= position < {n}"
    )


def _infer_take(x: Any, indices: Any, axis: int) -> tuple[Spec]:
    return (Spec((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype),)


def _lower_take(lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], axis: int) -> None:
    (x, indices), (y,) = inputs, outputs
    outer, n, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    code = lowering.failure(_outside("take", x.shape, axis))
    in_cell = builtins.max(1, CELL // builtins.max(1, inner))
    lowering.launch(
        Kernel("indexing", "take"),
        word(x.dtype),
        [y, x, indices, STATUS, code, n, inner, indices.size, in_cell],
        cells=outer * -(-indices.size // in_cell),
        work=0.3 * y.size + 2 * outer * indices.size,
    )


def _vjp_take(grads: Any, inputs: Any, outputs: Any, axis: int) -> tuple[Any, None]:
    return take_backward(grads[0], inputs[0], inputs[1], axis)


_take = Primitive("take", _infer_take, _lower_take, _vjp_take)


def _lower_take_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], full: Shape, axis: int
) -> None:
    (g, indices), (dx,) = inputs, outputs
    outer, n, inner = math.prod(full[:axis]), full[axis], math.prod(full[axis + 1 :])
    code = lowering.failure(_outside("take_backward", full, axis))
    lowering.launch(
        Kernel("indexing", "take_grad"),
        g.dtype,
        [dx, g, indices, STATUS, code, n, inner, indices.size],
        cells=outer * -(-inner // _COLUMNS),
        work=0.2 * dx.size + 0.3 * g.size + 3 * outer * indices.size,
    )


def _vjp_take_grad(grads: Any, inputs: Any, outputs: Any, full: Shape, axis: int) -> tuple[Any, None]:
    """In the forward pass dx was g added up at the positions, so the gradient of g is what is taken from there."""
    return take(grads[0], inputs[1], axis), None


_take_grad = Primitive(
    "take_grad", lambda g, indices, full, axis: (Spec(full, g.dtype),), _lower_take_grad, _vjp_take_grad
)


def take_backward(grad: Any, x: Any, indices: Any, axis: int = 0) -> tuple[Any, None]:
    """In the forward pass y[a, k, b] = x[a, indices[k], b], so dx[a, indices[k], b] += g[a, k, b]."""
    (x,) = movable("take_backward", x=x)
    axis, at = axis_of("take_backward", axis, len(x.shape)), positions("take_backward", "indices", indices)
    grad = check_grad("take_backward", grad, *_infer_take(x, at, axis)[0])
    return _take_grad(grad, at, full=tuple(x.shape), axis=axis)[0], None


@op(draw=draw.take)
def take(x: Any, indices: Any, axis: int = 0) -> Any:
    """The slices of x at some positions along an axis: rows of a table, embeddings of words.

    y[a, k, b] = x[a, indices[k], b]; equivalent to ``np.take(x, indices, axis)``. x is float32, float64, int64 or bool;
    ``indices`` integers of any shape, which takes the place of the axis. Negative positions count from the end.

    Raises IndexError for positions outside x.

    >>> import numpy as np
    >>> take(np.float32([[1, 2], [3, 4], [5, 6]]), [2, 0, -1])
    array([[5., 6.],
           [1., 2.],
           [5., 6.]], dtype=float32)
    """
    (x,) = movable("take", x=x)
    return _take(x, positions("take", "indices", indices), axis=axis_of("take", axis, len(x.shape)))[0]


def _launch_along(
    lowering: Lowering, name: str, to: Operand, source: Operand, indices: Operand, full: Shape, axis: int
) -> None:
    """``full`` is the shape of x."""
    outer, n, inner = math.prod(full[:axis]), full[axis], math.prod(full[axis + 1 :])
    count, code = indices.shape[axis], lowering.failure(_outside("take_along_axis", full, axis))
    in_cell = builtins.max(1, CELL // builtins.max(1, builtins.max(n, count) * inner))
    lowering.launch(
        Kernel("indexing", name),
        word(to.dtype) if name == "take_along_axis" else to.dtype,
        [to, source, indices, STATUS, code, outer, n, inner, count, in_cell],
        cells=-(-outer // in_cell) * -(-inner // 256),
        work=0.1 * to.size + 2 * indices.size,
    )


def _lower_take_along_axis(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], axis: int
) -> None:
    (x, indices), (y,) = inputs, outputs
    _launch_along(lowering, "take_along_axis", y, x, indices, x.shape, axis)


def _vjp_take_along_axis(grads: Any, inputs: Any, outputs: Any, axis: int) -> tuple[Any, None]:
    return take_along_axis_backward(grads[0], inputs[0], inputs[1], axis)


_take_along_axis = Primitive(
    "take_along_axis",
    lambda x, indices, axis: (Spec(indices.shape, x.dtype),),
    _lower_take_along_axis,
    _vjp_take_along_axis,
)


def _lower_take_along_axis_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], n: int, axis: int
) -> None:
    (g, indices), (dx,) = inputs, outputs
    _launch_along(lowering, "take_along_axis_grad", dx, g, indices, dx.shape, axis)


def _vjp_take_along_axis_grad(grads: Any, inputs: Any, outputs: Any, n: int, axis: int) -> tuple[Any, None]:
    """In the forward pass dx was g added up at the positions, so the gradient of g is what is taken from there."""
    return take_along_axis(grads[0], inputs[1], axis), None


_take_along_axis_grad = Primitive(
    "take_along_axis_grad",
    lambda g, indices, n, axis: (Spec((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype),),
    _lower_take_along_axis_grad,
    _vjp_take_along_axis_grad,
)


def _aligned(name: str, x: Any, indices: Any, axis: int) -> tuple[Any, Any, int]:
    """x and the indices, repeated where needed so that they agree in all sizes but the one along the axis."""
    (x,) = movable(name, x=x)
    at = positions(name, "indices", indices)
    axis = axis_of(name, axis, len(x.shape))
    pairs = list(zip(x.shape, at.shape, strict=False))
    if len(at.shape) != len(x.shape) or any(m != n and 1 not in (m, n) for k, (m, n) in enumerate(pairs) if k != axis):
        raise ValueError(
            f"{name}: {describe(indices=at, x=x)}; expected as many dimensions, and sizes that broadcast together but "
            f"for axis {axis}"
        )
    common = [n if m == 1 else m for m, n in pairs]
    for_x = tuple(x.shape[k] if k == axis else n for k, n in enumerate(common))
    for_indices = tuple(at.shape[k] if k == axis else n for k, n in enumerate(common))
    x = x if tuple(x.shape) == for_x else shape.broadcast_to(x, for_x)
    return x, at if tuple(at.shape) == for_indices else shape.broadcast_to(at, for_indices), axis


def take_along_axis_backward(grad: Any, x: Any, indices: Any, axis: int) -> tuple[Any, None]:
    """In the forward pass y[a, k, b] = x[a, indices[a, k, b], b], so dx[a, indices[a, k, b], b] += g[a, k, b]."""
    repeated, at, axis = _aligned("take_along_axis_backward", x, indices, axis)
    grad = check_grad("take_along_axis_backward", grad, at.shape, x.dtype)
    (dx,) = _take_along_axis_grad(grad, at, n=repeated.shape[axis], axis=axis)
    return elementwise.unbroadcast(dx, x), None


@op(draw=draw.take_along_axis)
def take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    """One element of each line along an axis for each index.

    y[a, k, b] = x[a, indices[a, k, b], b]; equivalent to ``np.take_along_axis(x, indices, axis)``. x is float32,
    float64, int64 or bool; ``indices`` integers with as many dimensions as x: but for the axis, the two are broadcast
    against each other. Negative positions count from the end.

    Raises IndexError for positions outside x, ValueError for shapes that do not fit.

    >>> import numpy as np
    >>> take_along_axis(np.float32([[1, 2, 3], [4, 5, 6]]), np.array([[2], [0]]), axis=1)
    array([[3.],
           [4.]], dtype=float32)
    """
    x, at, axis = _aligned("take_along_axis", x, indices, axis)
    return _take_along_axis(x, at, axis=axis)[0]
