"""How far numbers spread: var and std, with gradients.

Letters: x the input, y the output, n the number of elements that are reduced to one, m their mean, g the gradient of
the loss with respect to y (the argument `grad`). axis is an axis, a tuple of axes, or None for all; with keepdims the
reduced axes stay in y, with size 1.
"""

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, as_float64, quiet
from .reductions import Axis, _axes, _reduce, _spread


def var(
    x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0, at: Indices | None = None
) -> FloatArray:
    """The variance.

    y = sum (x - m)^2 / (n - ddof) over the reduced axes.

    >>> var([[1, 3], [2, 6]], axis=1).tolist()
    [1.0, 4.0]
    """
    return _reduce("var", lambda part: _variance(part, ddof), x, axis, keepdims, at)


def var_backward(
    grad: ArrayLike, x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0
) -> tuple[FloatArray]:
    """Gradient of var.

    In the forward pass this was: y = sum (x - m)^2 / (n - ddof); so now: gx = 2 g (x - m) / (n - ddof), because what m
    adds is the sum of x - m, which is 0.

    >>> var_backward([10, 20], [[1, 3], [2, 6]], axis=1)[0].tolist()
    [[-10.0, 10.0], [-40.0, 40.0]]
    """
    values = as_float64("var_backward", "x", x)
    g = _spread("var", grad, values, axis, keepdims)
    with quiet():
        return (np.asarray(2 * g * _centred(values, axis) / _divisor(values, axis, ddof)),)


def std(
    x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0, at: Indices | None = None
) -> FloatArray:
    """The standard deviation.

    y = (sum (x - m)^2 / (n - ddof))^0.5 over the reduced axes.

    >>> std([[1, 3], [2, 6]], axis=1).tolist()
    [1.0, 2.0]
    """
    return _reduce("std", lambda part: np.sqrt(_variance(part, ddof)), x, axis, keepdims, at)


def std_backward(
    grad: ArrayLike, x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0
) -> tuple[FloatArray]:
    """Gradient of std.

    In the forward pass this was: y = v^0.5 with the variance v; so now: gx = g (x - m) / ((n - ddof) y), and 0 where
    all elements are equal.

    >>> std_backward([10, 20], [[1, 3], [2, 6]], axis=1)[0].tolist()
    [[-5.0, 5.0], [-10.0, 10.0]]
    """
    values = as_float64("std_backward", "x", x)
    g = _spread("std", grad, values, axis, keepdims)
    with quiet():
        centred, divisor = _centred(values, axis), _divisor(values, axis, ddof)
        y = np.sqrt(np.sum(centred * centred, axis=_axes("std", axis, values.ndim), keepdims=True) / divisor)
        return (np.where(y == 0, np.float64(0), g / y) * centred / divisor,)


def _variance(part: FloatArray, ddof: int) -> float:
    m = np.sum(part) / np.float64(part.size)
    return float(np.sum((part - m) ** 2) / np.float64(np.maximum(part.size - ddof, 0)))


def _centred(values: FloatArray, axis: Axis) -> FloatArray:
    axes = _axes("var", axis, values.ndim)
    n = np.prod([values.shape[k] for k in axes])
    return np.asarray(values - np.sum(values, axis=axes, keepdims=True) / n)


def _divisor(values: FloatArray, axis: Axis, ddof: int) -> np.float64:
    n = np.prod([values.shape[k] for k in _axes("var", axis, values.ndim)])
    return np.float64(np.maximum(n - ddof, 0))
