"""softmax and log_softmax, which work along the lines of an array, with their gradients.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`).
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_axis, as_float64, as_grad, indices_into, quiet


def softmax(x: ArrayLike, axis: int = -1, *, at: Indices | None = None) -> FloatArray:
    """Turn each line along an axis into positive weights that add up to 1.

    y_i = exp(x_i) / sum_j exp(x_j). The maximum of the line is subtracted first, which cancels in the
    fraction and keeps exp from overflowing. x and y have the same shape.

    >>> softmax([0, np.log(3)]).round(4).tolist()
    [0.25, 0.75]
    """
    return _line_by_line("softmax", _softmax_of_line, x, axis, at)


def softmax_backward(grad: ArrayLike, x: ArrayLike, axis: int = -1) -> tuple[FloatArray]:
    """Gradient of softmax.

    In the forward pass this was: y = softmax(x), where each x_j moves every y_i of its line:
    dy_i/dx_j = y_i ([i = j] - y_j); so now: gx_j = sum_i g_i dy_i/dx_j = y_j (g_j - sum_i g_i y_i).
    grad, x and gx have the same shape.

    >>> softmax_backward([1, 0], [0, 0])[0].tolist()
    [0.25, -0.25]
    """
    values = as_float64("softmax_backward", "x", x)
    slopes = as_grad("softmax", grad, values.shape)
    result = np.empty(values.shape)
    with quiet():
        for line in _lines(values.shape, as_axis("softmax_backward", axis, values.ndim)):
            y = _softmax_of_line(values[line])
            result[line] = y * (slopes[line] - np.sum(slopes[line] * y))
    return (result,)


def log_softmax(x: ArrayLike, axis: int = -1, *, at: Indices | None = None) -> FloatArray:
    """The logarithm of softmax, without the detour through tiny numbers.

    y_i = x_i - log(sum_j exp(x_j)), with the maximum of the line subtracted from x first.
    x and y have the same shape.

    >>> log_softmax([1000, 1000]).round(4).tolist()
    [-0.6931, -0.6931]
    """

    def formula(line: FloatArray) -> FloatArray:
        shifted = line - np.max(line, initial=-np.inf)
        return np.asarray(shifted - np.log(np.sum(np.exp(shifted))))

    return _line_by_line("log_softmax", formula, x, axis, at)


def log_softmax_backward(grad: ArrayLike, x: ArrayLike, axis: int = -1) -> tuple[FloatArray]:
    """Gradient of log_softmax.

    In the forward pass this was: y_i = x_i - log(sum_j exp(x_j)), so dy_i/dx_j = [i = j] - softmax(x)_j;
    so now: gx_j = g_j - softmax(x)_j sum_i g_i. grad, x and gx have the same shape.

    >>> log_softmax_backward([1, 0], [0, 0])[0].tolist()
    [0.5, -0.5]
    """
    values = as_float64("log_softmax_backward", "x", x)
    slopes = as_grad("log_softmax", grad, values.shape)
    result = np.empty(values.shape)
    with quiet():
        for line in _lines(values.shape, as_axis("log_softmax_backward", axis, values.ndim)):
            result[line] = slopes[line] - _softmax_of_line(values[line]) * np.sum(slopes[line])
    return (result,)


def _softmax_of_line(line: FloatArray) -> FloatArray:
    weights = np.exp(line - np.max(line, initial=-np.inf))
    return np.asarray(weights / np.sum(weights))


Line = tuple[int | slice, ...]  # an index with a full slice at one axis


def _lines(shape: Index, axis: int) -> Iterator[Line]:
    """All lines of an array along an axis."""
    for index in np.ndindex(*shape[:axis], 1, *shape[axis + 1 :]):
        yield _line_through(index, axis)


def _line_through(index: Index, axis: int) -> Line:
    """The line along an axis that an element is on."""
    return (*index[:axis], slice(None), *index[axis + 1 :])


def _line_by_line(
    op: str, function: Callable[[FloatArray], FloatArray], x: ArrayLike, axis: int, at: Indices | None
) -> FloatArray:
    """Apply a function of a line to all lines of x along the axis, or to those through the elements `at`."""
    values = as_float64(op, "x", x)
    axis = as_axis(op, axis, values.ndim)
    with quiet():
        if at is not None:
            chosen = indices_into(values.shape, at)
            results = [function(values[_line_through(index, axis)])[index[axis]] for index in chosen]
            return np.array(results, dtype=np.float64)
        output = np.empty(values.shape)
        for line in _lines(values.shape, axis):
            output[line] = function(values[line])
        return output
