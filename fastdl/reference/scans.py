"""Along lines of an array: cumsum and top_k, with gradients.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Index, Indices, as_axis, as_float64, as_grad, evaluate, pick


def cumsum(x: ArrayLike, axis: int | None = None, *, at: Indices | None = None) -> FloatArray:
    """Sums of what came so far along an axis; without one through all elements in C order.

    y[i] = x[0] + ... + x[i].

    >>> cumsum([[1, 2, 3], [4, 5, 6]], axis=1).tolist()
    [[1.0, 3.0, 6.0], [4.0, 9.0, 15.0]]
    """
    values, axis = _line("cumsum", x, axis)

    def element(index: Index) -> float:
        total = np.float64(0)
        for i in range(index[axis] + 1):
            total += values[(*index[:axis], i, *index[axis + 1 :])]
        return float(total)

    return evaluate(element, values.shape, at)


def cumsum_backward(grad: ArrayLike, x: ArrayLike, axis: int | None = None) -> tuple[FloatArray]:
    """Gradient of cumsum.

    In the forward pass this was: x[i] went into y[i], y[i + 1], ..., y[n - 1]; so now: gx[i] = g[i] + ... + g[n - 1].

    >>> cumsum_backward([1, 10, 100], [0, 0, 0])[0].tolist()
    [111.0, 110.0, 100.0]
    """
    values, axis = _line("cumsum_backward", x, axis)
    g = as_grad("cumsum", grad, values.shape)

    def element(index: Index) -> float:
        total = np.float64(0)
        for i in range(values.shape[axis] - 1, index[axis] - 1, -1):
            total += g[(*index[:axis], i, *index[axis + 1 :])]
        return float(total)

    return (evaluate(element, values.shape, None).reshape(np.shape(x)),)


def top_k(
    x: ArrayLike, k: int, axis: int = -1, *, largest: bool = True, at: Indices | None = None
) -> tuple[FloatArray, NDArray[np.int64]]:
    """The k largest elements along an axis (or smallest), and where they are.

    Of each line: its elements in order, the largest (or smallest) first, of equal ones the one with the lower index;
    cut off after k. A NaN is larger than any number.

    >>> values, indices = top_k([3, 1, 4, 1, 5], 2)
    >>> values.tolist(), indices.tolist()
    ([5.0, 4.0], [4, 2])
    """
    values, axis, indices = _selection("top_k", x, k, axis, largest)
    return pick(np.take_along_axis(values, indices, axis), at), pick(indices, at)


def top_k_backward(grad: ArrayLike, x: ArrayLike, k: int, axis: int = -1, *, largest: bool = True) -> tuple[FloatArray]:
    """Gradient of the values of top_k.

    In the forward pass this was: values[j] = x[indices[j]]; so now: gx[indices[j]] = g[j], and 0 elsewhere.

    >>> top_k_backward([7, 8], [3, 1, 4, 1, 5], 2)[0].tolist()
    [0.0, 0.0, 8.0, 0.0, 7.0]
    """
    values, axis, indices = _selection("top_k_backward", x, k, axis, largest)
    result = np.zeros(values.shape)
    np.put_along_axis(result, indices, as_grad("top_k", grad, indices.shape), axis)
    return (result,)


def _line(op: str, x: ArrayLike, axis: int | None) -> tuple[FloatArray, int]:
    values = as_float64(op, "x", x)
    return (values.reshape(-1), 0) if axis is None else (values, as_axis(op, axis, values.ndim))


def _selection(op: str, x: ArrayLike, k: int, axis: int, largest: bool) -> tuple[FloatArray, int, NDArray[np.int64]]:
    values = as_float64(op, "x", x)
    axis = as_axis(op, axis, values.ndim)
    if not 0 <= k <= values.shape[axis]:
        raise ValueError(f"{op}: k is {k}, x is {values.shape}; expected 0 <= k <= {values.shape[axis]}")

    def order(line: FloatArray) -> NDArray[np.int64]:
        def rank(i: int) -> tuple[bool, float]:
            nan = bool(np.isnan(line[i]))
            number = 0.0 if nan else float(line[i])
            return (not nan, -number) if largest else (nan, number)

        return np.array(sorted(range(len(line)), key=rank)[:k], np.int64)  # sorting keeps equals in order

    indices = np.zeros((*values.shape[:axis], k, *values.shape[axis + 1 :]), np.int64)
    for before in np.ndindex(*values.shape[:axis]):
        for after in np.ndindex(*values.shape[axis + 1 :]):
            indices[(*before, slice(None), *after)] = order(values[(*before, slice(None), *after)])
    return values, axis, indices
