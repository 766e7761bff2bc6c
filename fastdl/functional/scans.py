"""Along lines of an array: cumulative sums, and the k largest or smallest elements.

Each function stands beside its backward; g is the gradient of the result. Lines are the n elements of x (outer, n,
inner) that differ in the place along the axis only.
"""

import math
from typing import Any

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, op
from ..options import flag, is_integer
from . import indexing, shape
from ._door import INT64, axis_of, check_grad, floats
from ._draw import scans as draw
from ._moving import inverse

_FLOAT64 = np.dtype(np.float64)
_CHUNK, _BLOCK = 4096, 256  # elements of a chunk at least, columns of a cell as in the kernels


def _lower_cumsum(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], axis: int, reverse: bool
) -> None:
    (x,), (y,) = inputs, outputs
    if not x.size:
        return
    outer, n, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    length = max(64, _CHUNK // min(inner, _BLOCK))
    chunks = -(-n // length)
    cells = outer * chunks * -(-inner // _BLOCK)
    options = [n, inner, length, int(reverse)]
    sums = None
    if chunks > 1:
        sums = lowering.scratch((outer, chunks, inner), _FLOAT64)
        lowering.launch(Kernel("scans", "chunk_sums"), x.dtype, [sums, x, *options], cells=cells, work=1.0 * x.size)
        lowering.launch(
            Kernel("scans", "sums_before"), x.dtype, [sums, chunks, inner], cells=outer, work=1.5 * sums.size
        )
    lowering.launch(Kernel("scans", "cumsum"), x.dtype, [y, x, sums, *options], cells=cells, work=1.2 * x.size)


def _vjp_cumsum(grads: Any, inputs: Any, outputs: Any, axis: int, reverse: bool) -> tuple[Any]:
    """In the forward pass an element went to its place and all after it (before it in reverse)."""
    return _cumsum(grads[0], axis=axis, reverse=not reverse)


_cumsum = Primitive("cumsum", lambda x, axis, reverse: (x,), _lower_cumsum, _vjp_cumsum)


def cumsum_backward(grad: Any, x: Any, axis: int | None = None) -> tuple[Any]:
    """In the forward pass y[i] = x[0] + ... + x[i], so dx[i] = g[i] + ... + g[n - 1]."""
    (x,) = floats("cumsum_backward", x=x)
    if axis is None:
        grad = check_grad("cumsum_backward", grad, (math.prod(x.shape),), x.dtype)
        return (shape.reshape(_cumsum(grad, axis=0, reverse=True)[0], x.shape),)
    grad = check_grad("cumsum_backward", grad, x.shape, x.dtype)
    return _cumsum(grad, axis=axis_of("cumsum_backward", axis, len(x.shape)), reverse=True)


@op(draw=draw.cumsum)
def cumsum(x: Any, axis: int | None = None) -> Any:
    """Sums of what came so far along an axis: y[i] = x[0] + ... + x[i].

    Equivalent to ``np.cumsum(x, axis)``: without ``axis`` through all elements in C order, which gives a vector. x is
    float32 or float64 of any shape; y has its dtype.

    Sums are in float64, so that float32 results are right to their last digit but one however long the line; a line is
    cut into chunks at places that depend on the shape only.

    >>> cumsum(np.float32([[1, 2, 3], [4, 5, 6]]), axis=1)
    array([[ 1.,  3.,  6.],
           [ 4.,  9., 15.]], dtype=float32)
    """
    (x,) = floats("cumsum", x=x)
    if axis is None:
        return _cumsum(shape.reshape(x, (-1,)), axis=0, reverse=False)[0]
    return _cumsum(x, axis=axis_of("cumsum", axis, len(x.shape)), reverse=False)[0]


def _infer_top_k(x: Any, k: int, largest: bool) -> tuple[Spec, Spec]:
    result = (*x.shape[:-1], k)
    return Spec(result, x.dtype), Spec(result, INT64)


def _lower_top_k(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand, Operand], k: int, largest: bool
) -> None:
    (x,), (values, indices) = inputs, outputs
    if not values.size:
        return
    n = x.shape[-1]
    rows = x.size // n
    in_cell = max(1, 2048 // n)
    lowering.launch(
        Kernel("scans", "top_k_largest" if largest else "top_k_smallest"),
        x.dtype,
        [values, indices, x, rows, n, k, in_cell],
        cells=-(-rows // in_cell),
        work=rows * (0.3 * n + 10 * k * math.log2(k + 1)),
    )


def _vjp_top_k(grads: Any, inputs: Any, outputs: Any, k: int, largest: bool) -> tuple[Any]:
    (x,), (_, indices) = inputs, outputs
    axis = len(x.shape) - 1
    return (indexing._take_along_axis_grad(grads[0], indices, n=x.shape[-1], axis=axis)[0],)


_top_k = Primitive("top_k", _infer_top_k, _lower_top_k, _vjp_top_k)


def _selection(name: str, x: Any, k: int, axis: int, largest: bool) -> tuple[Any, int, int]:
    """x, k and the axis counted from the front, checked."""
    (x,) = floats(name, x=x)
    axis = axis_of(name, axis, len(x.shape))
    if not is_integer(k):
        raise TypeError(f"{name}: k is {k!r}; expected an integer")
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(
            f"{name}: k is {k}, x is {tuple(x.shape)}; expected 0 <= k <= {x.shape[axis]}, the size of axis {axis}"
        )
    flag(name, "largest", largest)
    return x, int(k), axis


def _last(x: Any, axis: int) -> tuple[Any, Shape]:
    """x with the axis as its last one, and the order of axes that undoes it."""
    ndim = len(x.shape)
    if axis == ndim - 1:
        return x, ()
    order = (*range(axis), *range(axis + 1, ndim), axis)
    return shape.transpose(x, order), inverse(order)


def top_k_backward(
    grad: Any, x: Any, k: int, axis: int = -1, *, largest: bool = True, indices: Any = None
) -> tuple[Any]:
    """In the forward pass values[j] = x[indices[j]], so dx[indices[j]] = g[j] and 0 elsewhere; g that of the values."""
    x, k, axis = _selection("top_k_backward", x, k, axis, largest)
    result = (*x.shape[:axis], k, *x.shape[axis + 1 :])
    grad = check_grad("top_k_backward", grad, result, x.dtype)
    if indices is None:
        _, indices = top_k(x, k, axis, largest=largest)
    else:
        indices = check_grad("top_k_backward", indices, result, INT64, "indices", "the forward's indices")
    try:
        return indexing._take_along_axis_grad(grad, indices, n=x.shape[axis], axis=axis)
    except IndexError as error:
        raise IndexError(str(error).replace("take_along_axis", "top_k_backward", 1)) from None


@op(draw=draw.top_k)
def top_k(x: Any, k: int, axis: int = -1, *, largest: bool = True) -> tuple[Any, Any]:
    """The k largest elements along an axis, or the k smallest, and where they are.

    Returns (values, indices), sorted: the largest first (with ``largest=False`` the smallest first), of equal ones the
    one with the lower index. A NaN counts as larger than any number. Equivalent to ``np.argsort(-x, kind="stable")``
    cut off after k. x is float32 or float64; both results have the shape of x with k along the axis, the indices are
    int64. The gradient of the values goes to the elements they come from.

    Nothing is sorted but the k found: O(n) comparisons and O(log k) steps for each that enters the selection.

    Raises ValueError if k is larger than the axis.

    >>> values, indices = top_k(np.float32([3, 1, 4, 1, 5]), 2)
    >>> values, indices
    (array([5., 4.], dtype=float32), array([4, 2]))
    """
    x, k, axis = _selection("top_k", x, k, axis, largest)
    lines, back = _last(x, axis)
    values, indices = _top_k(lines, k=k, largest=bool(largest))
    if not back:
        return values, indices
    return shape.transpose(values, back), shape.transpose(indices, back)
