"""The smooth activation functions, each with its gradient: the squashing ones, and those that go from 0 to x.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`); s the logistic
function, Z a standard normal number. x, y and the gradient of x have the same shape.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, as_float64, as_grad, elementwise, quiet, times_slope


def tanh(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The hyperbolic tangent, which squashes all numbers into (-1, 1).

    y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)); x and y have the same shape.

    >>> tanh([0, 1]).round(4).tolist()
    [0.0, 0.7616]
    """
    return elementwise("tanh", np.tanh, at, x=x)


def tanh_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of tanh.

    In the forward pass this was: y = tanh(x); so now: gx = g (1 - tanh(x)^2) = g / cosh(x)^2.
    The second form is used: it does not cancel for large x. grad, x and gx have the same shape.

    >>> tanh_backward([2, 1], [0, 1])[0].round(4).tolist()
    [2.0, 0.42]
    """
    values = as_float64("tanh_backward", "x", x)
    with quiet():
        return (np.asarray(as_grad("tanh", grad, values.shape) / np.cosh(values) ** 2),)


def sigmoid(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The logistic function, which squashes all numbers into (0, 1).

    y = 1 / (1 + exp(-x)), for negative x written as exp(x) / (1 + exp(x)), so that nothing overflows.
    x and y have the same shape.

    >>> sigmoid([0, 1, -1000]).round(4).tolist()
    [0.5, 0.7311, 0.0]
    """

    def formula(x: FloatArray) -> FloatArray:
        small = np.exp(-np.abs(x))  # in (0, 1]
        return np.where(x < 0, small, 1.0) / (1.0 + small)

    return elementwise("sigmoid", formula, at, x=x)


def sigmoid_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of sigmoid.

    In the forward pass this was: y = s(x); so now: gx = g s(x) (1 - s(x)), where 1 - s(x) = s(-x).
    grad, x and gx have the same shape.

    >>> sigmoid_backward([1, 2], [0, 0])[0].tolist()
    [0.25, 0.5]
    """
    values = as_float64("sigmoid_backward", "x", x)
    with quiet():
        return (np.asarray(as_grad("sigmoid", grad, values.shape) * sigmoid(values) * sigmoid(-values)),)


def softsign(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """A squashing function with slow tails.

    y = x / (1 + |x|).

    >>> softsign([-1, 0, 3]).tolist()
    [-0.5, 0.0, 0.75]
    """
    return elementwise("softsign", lambda x: x / (1 + np.abs(x)), at, x=x)


def softsign_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of softsign.

    In the forward pass this was: y = x / (1 + |x|); so now: gx = g / (1 + |x|)^2.

    >>> softsign_backward([1, 1], [-1, 3])[0].tolist()
    [0.25, 0.0625]
    """
    return times_slope("softsign", grad, x, lambda x: 1 / (1 + np.abs(x)) ** 2)


def softplus(x: ArrayLike, *, beta: float = 1.0, threshold: float = 20.0, at: Indices | None = None) -> FloatArray:
    """A smooth relu.

    y = log(1 + exp(z)) / beta with z = beta x, for positive z written as z + log(1 + exp(-z)), so that nothing
    overflows; y = x where z > threshold.

    >>> softplus([-1, 0, 100]).round(4).tolist()
    [0.3133, 0.6931, 100.0]
    """

    def formula(x: FloatArray) -> FloatArray:
        z = beta * x
        smooth = _log_of_one_and_exp(z) / beta
        return np.where(z > threshold, x, smooth)

    return elementwise("softplus", formula, at, x=x)


def softplus_backward(
    grad: ArrayLike, x: ArrayLike, *, beta: float = 1.0, threshold: float = 20.0
) -> tuple[FloatArray]:
    """Gradient of softplus.

    In the forward pass this was: y = log(1 + exp(beta x)) / beta, or x where beta x > threshold; so now:
    gx = g s(beta x), or g.

    >>> softplus_backward([1, 1], [0, 100])[0].tolist()
    [0.5, 1.0]
    """
    return times_slope("softplus", grad, x, lambda x: np.where(beta * x > threshold, 1.0, sigmoid(beta * x)))


def silu(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The input times how much of it passes.

    y = x s(x).

    >>> silu([-1, 0, 1]).round(4).tolist()
    [-0.2689, 0.0, 0.7311]
    """
    return elementwise("silu", lambda x: x * sigmoid(x), at, x=x)


def silu_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of silu.

    In the forward pass this was: y = x s(x), where s' = s(x) s(-x); so now: gx = g (s(x) + x s(x) s(-x)).

    >>> silu_backward([2, 1], [0, 1])[0].round(4).tolist()
    [1.0, 0.9277]
    """
    return times_slope("silu", grad, x, lambda x: sigmoid(x) * (1 + x * sigmoid(-x)))


def mish(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """As silu with another gate.

    y = x tanh(log(1 + exp(x))).

    >>> mish([-1, 0, 1]).round(4).tolist()
    [-0.3034, 0.0, 0.8651]
    """
    return elementwise("mish", lambda x: x * np.tanh(_log_of_one_and_exp(x)), at, x=x)


def mish_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of mish.

    In the forward pass this was: y = x tanh(l), l = log(1 + exp(x)), where l' = s(x); so now:
    gx = g (tanh(l) + x s(x) / cosh(l)^2).

    >>> mish_backward([1, 1], [0, 1])[0].round(4).tolist()
    [0.6, 1.049]
    """

    def slope(x: FloatArray) -> FloatArray:
        log = _log_of_one_and_exp(x)
        return np.asarray(np.tanh(log) + x * sigmoid(x) / np.cosh(log) ** 2)

    return times_slope("mish", grad, x, slope)


def gelu(x: ArrayLike, *, approximate: str = "none", at: Indices | None = None) -> FloatArray:
    """The input times the probability that a normal number is below it.

    y = x P(Z < x), where P(Z < x) = erfc(-x / sqrt(2)) / 2; with approximate="tanh" y = x (1 + tanh(u)) / 2, where
    u = sqrt(2 / pi) (x + 0.044715 x^3), and (1 + tanh(u)) / 2 = s(2 u).

    >>> gelu([-1, 0, 1]).round(4).tolist()
    [-0.1587, 0.0, 0.8413]
    >>> gelu([-1, 0, 1], approximate="tanh").round(4).tolist()
    [-0.1588, 0.0, 0.8412]
    """
    share: dict[str, Callable[[FloatArray], FloatArray]] = {"none": _below, "tanh": lambda x: sigmoid(2 * _bent(x))}
    if approximate not in share:
        raise ValueError(f"gelu: approximate is {approximate!r}; expected 'none' or 'tanh'")
    return elementwise("gelu", lambda x: x * share[approximate](x), at, x=x)


def gelu_backward(grad: ArrayLike, x: ArrayLike, *, approximate: str = "none") -> tuple[FloatArray]:
    """Gradient of gelu.

    In the forward pass this was: y = x P(Z < x), where dP/dx = exp(-x^2 / 2) / sqrt(2 pi); so now:
    gx = g (P(Z < x) + x dP/dx). With "tanh" P is s(2 u) instead, and dP/dx = s(2 u) s(-2 u) 2 du/dx.

    >>> gelu_backward([1, 1], [0, 1])[0].round(4).tolist()
    [0.5, 1.0833]
    """

    def exact(x: FloatArray) -> FloatArray:
        return np.asarray(_below(x) + x * np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi))

    def bent(x: FloatArray) -> FloatArray:
        z, slope = 2 * _bent(x), 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
        return np.asarray(sigmoid(z) + x * (sigmoid(z) * sigmoid(-z)) * slope)

    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu_backward: approximate is {approximate!r}; expected 'none' or 'tanh'")
    return times_slope("gelu", grad, x, exact if approximate == "none" else bent)


def _log_of_one_and_exp(x: FloatArray) -> FloatArray:
    return np.where(x < 0, 0.0, x) + np.log1p(np.exp(-np.abs(x)))


def _below(x: FloatArray) -> FloatArray:
    """P(Z < x)."""
    return np.asarray(np.vectorize(math.erfc, otypes=[np.float64])(-x / math.sqrt(2)) / 2)


def _bent(x: FloatArray) -> FloatArray:
    return np.asarray(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
