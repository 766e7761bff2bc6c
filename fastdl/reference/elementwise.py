"""Functions of one array that treat every element alike, with their gradients: negative, exp, log, sqrt, abs.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`). x, y
and the gradients have the same shape.
"""

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, elementwise, times_slope


def negative(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The number with the other sign.

    y = -x.

    >>> negative([1, -2]).tolist()
    [-1.0, 2.0]
    """
    return elementwise("negative", np.negative, at, x=x)


def negative_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of negative.

    In the forward pass this was: y = -x; so now: gx = -g.

    >>> negative_backward([3, 4], [1, -2])[0].tolist()
    [-3.0, -4.0]
    """
    return times_slope("negative", grad, x, lambda x: np.full_like(x, -1.0))


def exp(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The exponential function.

    y = e^x.

    >>> exp([0, 1]).round(4).tolist()
    [1.0, 2.7183]
    """
    return elementwise("exp", np.exp, at, x=x)


def exp_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of exp.

    In the forward pass this was: y = exp(x), which is its own slope; so now: gx = g exp(x).

    >>> exp_backward([2, 1], [0, 1])[0].round(4).tolist()
    [2.0, 2.7183]
    """
    return times_slope("exp", grad, x, np.exp)


def log(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The natural logarithm.

    y = log(x): -inf at 0, NaN below.

    >>> log([1, 10, 0]).round(4).tolist()
    [0.0, 2.3026, -inf]
    """
    return elementwise("log", np.log, at, x=x)


def log_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of log.

    In the forward pass this was: y = log(x); so now: gx = g / x.

    >>> log_backward([1, 1], [1, 10])[0].tolist()
    [1.0, 0.1]
    """
    return times_slope("log", grad, x, lambda x: 1.0 / x)


def sqrt(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The square root.

    y = x^(1/2): NaN below 0.

    >>> sqrt([0, 9]).tolist()
    [0.0, 3.0]
    """
    return elementwise("sqrt", np.sqrt, at, x=x)


def sqrt_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of sqrt.

    In the forward pass this was: y = x^(1/2); so now: gx = g / (2 x^(1/2)), infinite at 0.

    >>> sqrt_backward([1, 1], [1, 4])[0].tolist()
    [0.5, 0.25]
    """
    return times_slope("sqrt", grad, x, lambda x: 0.5 / np.sqrt(x))


def abs(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The distance from 0.

    y = |x|.

    >>> abs([-2, 3]).tolist()
    [2.0, 3.0]
    """
    return elementwise("abs", np.abs, at, x=x)


def abs_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of abs.

    In the forward pass this was: y = |x|; so now: gx = g sign(x), and 0 at the kink x = 0.

    >>> abs_backward([1, 1, 1], [-2, 0, 3])[0].tolist()
    [-1.0, 0.0, 1.0]
    """
    return times_slope("abs", grad, x, np.sign)
