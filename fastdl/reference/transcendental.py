"""More functions of one array, with their gradients: expm1, log1p, sin, cos and the error function.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`). x, y
and the gradients have the same shape.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, elementwise, times_slope


def expm1(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The exponential function less one.

    y = e^x - 1.

    >>> expm1([0, 1]).round(4).tolist()
    [0.0, 1.7183]
    """
    return elementwise("expm1", np.expm1, at, x=x)


def expm1_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of expm1.

    In the forward pass this was: y = e^x - 1; so now: gx = g e^x.

    >>> expm1_backward([2, 1], [0, 1])[0].round(4).tolist()
    [2.0, 2.7183]
    """
    return times_slope("expm1", grad, x, np.exp)


def log1p(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The logarithm of one more.

    y = log(1 + x): -inf at -1, NaN below.

    >>> log1p([0, 1, -1]).round(4).tolist()
    [0.0, 0.6931, -inf]
    """
    return elementwise("log1p", np.log1p, at, x=x)


def log1p_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of log1p.

    In the forward pass this was: y = log(1 + x); so now: gx = g / (1 + x).

    >>> log1p_backward([1, 1], [0, 1])[0].round(4).tolist()
    [1.0, 0.5]
    """
    return times_slope("log1p", grad, x, lambda x: 1 / (1 + x))


def sin(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The sine of an angle in radians.

    y = sin(x).

    >>> sin([0, 1]).round(4).tolist()
    [0.0, 0.8415]
    """
    return elementwise("sin", np.sin, at, x=x)


def sin_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of sin.

    In the forward pass this was: y = sin(x); so now: gx = g cos(x).

    >>> sin_backward([1, 1], [0, 1])[0].round(4).tolist()
    [1.0, 0.5403]
    """
    return times_slope("sin", grad, x, np.cos)


def cos(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The cosine of an angle in radians.

    y = cos(x).

    >>> cos([0, 1]).round(4).tolist()
    [1.0, 0.5403]
    """
    return elementwise("cos", np.cos, at, x=x)


def cos_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of cos.

    In the forward pass this was: y = cos(x); so now: gx = -g sin(x).

    >>> cos_backward([1, 1], [0, 1])[0].round(4).tolist()
    [-0.0, -0.8415]
    """
    return times_slope("cos", grad, x, lambda x: -np.sin(x))


def erf(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The error function.

    y = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.

    >>> erf([0, 1]).round(4).tolist()
    [0.0, 0.8427]
    """
    return elementwise("erf", _erf, at, x=x)


def erf_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of erf.

    In the forward pass this was: y = erf(x); so now: gx = g 2 / sqrt(pi) e^(-x^2).

    >>> erf_backward([1, 1], [0, 1])[0].round(4).tolist()
    [1.1284, 0.4151]
    """
    return times_slope("erf", grad, x, lambda x: 2 / math.sqrt(math.pi) * np.exp(-(x**2)))


def _erf(x: FloatArray) -> FloatArray:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x))
