"""Tables that are looked up by row number: embedding with its gradient, and one_hot.

Letters: y the output, g the gradient of the loss with respect to y (the argument `grad`).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Indices, as_float64, as_grad, as_integers, evaluate


def embedding(
    indices: ArrayLike, weight: ArrayLike, *, padding_idx: int | None = None, at: Indices | None = None
) -> FloatArray:
    """The rows of a table.

    y[k, d] = weight[indices[k], d], where k is an index into `indices`, integers from 0 of any shape. padding_idx has
    no part in it.

    >>> embedding([2, 0], [[1, 2], [3, 4], [5, 6]]).tolist()
    [[5.0, 6.0], [1.0, 2.0]]
    """
    numbers, table = _table("embedding", indices, weight, padding_idx)
    shape = (*numbers.shape, table.shape[1])
    return evaluate(lambda index: float(table[numbers[index[:-1]], index[-1]]), shape, at)


def embedding_backward(
    grad: ArrayLike, indices: ArrayLike, weight: ArrayLike, *, padding_idx: int | None = None
) -> tuple[None, FloatArray]:
    """Gradient of embedding with respect to weight (None for the indices).

    In the forward pass this was: y[k] = weight[indices[k]]; so now: gweight[indices[k]] += g[k]. A row that was taken
    twice receives both gradients; the row padding_idx receives none.

    >>> embedding_backward([[1, 1], [10, 10]], [2, 2], [[0, 0], [0, 0], [0, 0]])[1].tolist()
    [[0.0, 0.0], [0.0, 0.0], [11.0, 11.0]]
    """
    numbers, table = _table("embedding_backward", indices, weight, padding_idx)
    g = as_grad("embedding", grad, (*numbers.shape, table.shape[1]))
    result = np.zeros(table.shape)
    for k in np.ndindex(*numbers.shape):
        result[numbers[k]] += g[k]
    if padding_idx is not None:
        result[padding_idx] = 0
    return None, result


def one_hot(indices: ArrayLike, num_classes: int, *, dtype: Any = np.float32, at: Indices | None = None) -> FloatArray:
    """Numbers of classes as rows of zeros with a single one.

    y[k, c] = 1 if indices[k] = c, else 0. The result is float64 here, whatever the dtype.

    >>> one_hot([2, 0], 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    numbers = as_integers("one_hot", "indices", indices)
    _check_range("one_hot", numbers, num_classes)
    return evaluate(lambda index: float(numbers[index[:-1]] == index[-1]), (*numbers.shape, num_classes), at)


def _table(
    op: str, indices: ArrayLike, weight: ArrayLike, padding_idx: int | None
) -> tuple[NDArray[np.int64], FloatArray]:
    numbers, table = as_integers(op, "indices", indices), as_float64(op, "weight", weight)
    if table.ndim != 2:
        raise ValueError(f"{op}: weight is {table.shape}; expected (rows, columns)")
    if padding_idx is not None and not -len(table) <= padding_idx < len(table):
        raise ValueError(f"{op}: padding_idx is {padding_idx}; expected a row of weight {table.shape}")
    _check_range(op, numbers, len(table))
    return numbers, table


def _check_range(op: str, numbers: NDArray[np.int64], count: int) -> None:
    if np.any((numbers < 0) | (numbers >= count)):
        raise ValueError(f"{op}: indices range from {numbers.min()} to {numbers.max()}; expected 0 to {count - 1}")
