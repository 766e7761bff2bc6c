"""Smooth activation functions, each beside its backward: the squashing ones and those that go from 0 to x.

What they compute is a row of the table in ``_activations.py``; the piecewise ones are in ``rectifiers.py``. Letters: x
the input, y the output, g the gradient of the output; s(x) = 1 / (1 + e**-x), the logistic function. All arrays of one
function have the same shape.
"""

from typing import Any

from ..ops import op
from ._activations import activate, gradient, option
from ._door import choice
from ._draw import activations as draw
from ._operands import graded1


def tanh_backward(grad: Any, x: Any, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = tanh(x), so dx = g (1 - y**2)."""
    grad, x, output = graded1("tanh", grad, x, output)
    return (gradient("tanh", grad, tanh(x) if output is None else output),)


@op(draw=draw.one)
def tanh(x: Any, *, out: Any = None) -> Any:
    """The hyperbolic tangent: y = (e**x - e**-x) / (e**x + e**-x), between -1 and 1.

    Equivalent to ``np.tanh(x)``, within two units in the last place; x float32 or float64 of any shape.
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> tanh(np.float32([0, 1]))
    array([0.       , 0.7615942], dtype=float32)
    """
    return activate("tanh", "tanh", x, out)


def sigmoid_backward(grad: Any, x: Any, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = 1 / (1 + e**-x), so dx = g y (1 - y)."""
    grad, x, output = graded1("sigmoid", grad, x, output)
    return (gradient("sigmoid", grad, sigmoid(x) if output is None else output),)


@op(draw=draw.one)
def sigmoid(x: Any, *, out: Any = None) -> Any:
    """The logistic function: y = 1 / (1 + e**-x), between 0 and 1.

    Equivalent to ``1 / (1 + np.exp(-x))`` without its overflow, within three units in the last place; x float32 or
    float64 of any shape.
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> sigmoid(np.float32([0, 1, -100]))
    array([5.000000e-01, 7.310586e-01, 3.783506e-44], dtype=float32)
    """
    return activate("sigmoid", "sigmoid", x, out)


def softsign_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = x / (1 + |x|), so dx = g / (1 + |x|)**2."""
    grad, x, _ = graded1("softsign", grad, x, None)
    return (gradient("softsign", grad, x),)


@op(draw=draw.apart_from_zero)
def softsign(x: Any, *, out: Any = None) -> Any:
    """A squashing function with slow tails: y = x / (1 + |x|), between -1 and 1.

    Equivalent to ``x / (1 + np.abs(x))``; x float32 or float64 of any shape. An infinity gives NaN, as in the formula.
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> softsign(np.float32([-1, 0, 3]))
    array([-0.5 ,  0.  ,  0.75], dtype=float32)
    """
    return activate("softsign", "softsign", x, out)


def _softplus_options(name: str, beta: float, threshold: float) -> dict[str, float]:
    return {"beta": option(name, "beta", beta, zero=False), "threshold": option(name, "threshold", threshold)}


def softplus_backward(grad: Any, x: Any, *, beta: float = 1.0, threshold: float = 20.0) -> tuple[Any]:
    """In the forward pass y = log(1 + e**(beta x)) / beta, so dx = g s(beta x); above the threshold y = x, dx = g."""
    options = _softplus_options("softplus_backward", beta, threshold)
    grad, x, _ = graded1("softplus", grad, x, None)
    return (gradient("softplus", grad, x, **options),)


@op(draw=draw.softplus)
def softplus(x: Any, *, beta: float = 1.0, threshold: float = 20.0, out: Any = None) -> Any:
    """A smooth relu: y = log(1 + e**(beta x)) / beta, and y = x where beta x > threshold.

    Equivalent to ``np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta)``: it does not overflow, and
    keeps the digits of small results. x float32 or float64 of any shape; beta and threshold finite numbers, beta not 0.
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> softplus(np.float64([-1, 0, 100])).round(4)
    array([  0.3133,   0.6931, 100.    ])
    """
    options = _softplus_options("softplus", beta, threshold)
    return activate("softplus", "softplus", x, out, **options)


def silu_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = x s(x), so dx = g s(x) (1 + x s(-x))."""
    grad, x, _ = graded1("silu", grad, x, None)
    return (gradient("silu", grad, x),)


@op(draw=draw.wide)
def silu(x: Any, *, out: Any = None) -> Any:
    """The input times how much of it passes, also called swish: y = x s(x) = x / (1 + e**-x).

    Equivalent to ``x / (1 + np.exp(-x))``, within four units in the last place; x float32 or float64 of any shape.
    -inf gives NaN, as in the formula. Source: Ramachandran, Zoph and Le, "Searching for activation functions" (2017).
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> silu(np.float64([-1, 0, 1])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    return activate("silu", "silu", x, out)


def mish_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = x t with t = tanh(log(1 + e**x)), so dx = g (t + x (1 - t**2) s(x))."""
    grad, x, _ = graded1("mish", grad, x, None)
    return (gradient("mish", grad, x),)


@op(draw=draw.wide)
def mish(x: Any, *, out: Any = None) -> Any:
    """As silu with another gate: y = x tanh(log(1 + e**x)).

    Equivalent to ``x * np.tanh(np.log1p(np.exp(x)))`` without its overflow, within four units in the last place; x
    float32 or float64 of any shape. The hyperbolic tangent of the logarithm is a fraction in e**x, which is what is
    computed. -inf gives NaN, as in the formula. Source: Misra, "Mish: a self regularized non-monotonic activation
    function" (2019).
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> mish(np.float64([-1, 0, 1])).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    return activate("mish", "mish", x, out)


def _gelu(name: str, approximate: str) -> str:
    """The row that is meant."""
    return "gelu" if choice(name, "approximate", approximate, ("none", "tanh")) == "none" else "gelu_tanh"


def gelu_backward(grad: Any, x: Any, *, approximate: str = "none") -> tuple[Any]:
    """In the forward pass y = x P(Z < x), so dx = g (P(Z < x) + x e**(-x**2 / 2) / sqrt(2 pi)).

    With "tanh" y = x s(z), where z = sqrt(8 / pi) (x + 0.044715 x**3), so dx = g (s(z) + x s(z) s(-z) dz/dx).
    """
    row = _gelu("gelu_backward", approximate)
    grad, x, _ = graded1("gelu", grad, x, None)
    return (gradient(row, grad, x),)


@op(draw=draw.gelu)
def gelu(x: Any, *, approximate: str = "none", out: Any = None) -> Any:
    """The input times the probability that a normal number is below it: y = x P(Z < x).

    P(Z < x) = (1 + erf(x / sqrt(2))) / 2. Equivalent to ``x * scipy.stats.norm.cdf(x)``, within five units in the last
    place, also far below 0, where 1 + erf would lose all digits. x float32 or float64 of any shape. ``approximate``
    "tanh" gives (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2 in the place of the probability, off by up to 5e-4, as
    networks of the BERT and GPT families use it; it is computed as the logistic function of twice the argument. -inf
    gives NaN, as in the formulas.

    Raises ValueError if ``approximate`` is neither "none" nor "tanh". Source: Hendrycks and Gimpel, "Gaussian error
    linear units" (2016).
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> gelu(np.float64([-1, 0, 1])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    row = _gelu("gelu", approximate)
    return activate("gelu", row, x, out)
