"""More functions of one array, each beside its backward: expm1, log1p, sin, cos and the error function.

Letters: x the input, y the output, g the gradient of the output.
"""

import math
from typing import Any

from ..ops import op
from ._door import floats, results
from ._draw import elementwise as draw
from ._lowering import unary, vjp2
from ._operands import graded1
from .elementwise import add, divide, exp, multiply, negative


def expm1_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = e**x - 1, so dx = g e**x."""
    grad, x, _ = graded1("expm1", grad, x, None)
    return (multiply(grad, exp(x)),)


_expm1 = unary("expm1", vjp2(expm1_backward), 0.4)


@op(draw=draw.one)
def expm1(x: Any, *, out: Any = None) -> Any:
    """The exponential function less one, which keeps its digits where x is small: y = e**x - 1.

    Equivalent to ``np.expm1(x)``, within two units in the last place; x float32 or float64 of any shape.

    >>> import numpy as np
    >>> expm1(np.float64([0, 1])).round(4)
    array([0.    , 1.7183])
    """
    (x,) = floats("expm1", x=x)
    return results("expm1", _expm1, {"x": x}, out)[0]


def log1p_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = log(1 + x), so dx = g / (1 + x)."""
    grad, x, _ = graded1("log1p", grad, x, None)
    return (divide(grad, add(x, 1)),)


_log1p = unary("log1p", vjp2(log1p_backward), 0.6)


@op(draw=draw.above_minus_one)
def log1p(x: Any, *, out: Any = None) -> Any:
    """The logarithm of one more, which keeps its digits where x is small: y = log(1 + x), -inf at -1, NaN below.

    Equivalent to ``np.log1p(x)``, within three units in the last place; x float32 or float64 of any shape.

    >>> import numpy as np
    >>> log1p(np.float64([1, 0, -1])).round(4)
    array([0.6931, 0.    ,   -inf])
    """
    (x,) = floats("log1p", x=x)
    return results("log1p", _log1p, {"x": x}, out)[0]


def sin_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = sin(x), so dx = g cos(x)."""
    grad, x, _ = graded1("sin", grad, x, None)
    return (multiply(grad, cos(x)),)


_sin = unary("sin", vjp2(sin_backward), 0.6)


@op(draw=draw.one)
def sin(x: Any, *, out: Any = None) -> Any:
    """The sine of an angle in radians: y = sin(x), NaN at the infinities.

    Equivalent to ``np.sin(x)``, within one unit in the last place; x float32 or float64 of any shape. Numbers beyond
    2**27 (float32) or 2**20 (float64) are as exact, and take some ten times as long.

    >>> import numpy as np
    >>> sin(np.float64([0, 1])).round(4)
    array([0.    , 0.8415])
    """
    (x,) = floats("sin", x=x)
    return results("sin", _sin, {"x": x}, out)[0]


def cos_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = cos(x), so dx = -g sin(x)."""
    grad, x, _ = graded1("cos", grad, x, None)
    return (negative(multiply(grad, sin(x))),)


_cos = unary("cos", vjp2(cos_backward), 0.6)


@op(draw=draw.one)
def cos(x: Any, *, out: Any = None) -> Any:
    """The cosine of an angle in radians: y = cos(x), NaN at the infinities.

    Equivalent to ``np.cos(x)``, within one unit in the last place; x float32 or float64 of any shape. Numbers beyond
    2**27 (float32) or 2**20 (float64) are as exact, and take some ten times as long.

    >>> import numpy as np
    >>> cos(np.float64([0, 1])).round(4)
    array([1.    , 0.5403])
    """
    (x,) = floats("cos", x=x)
    return results("cos", _cos, {"x": x}, out)[0]


def erf_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = erf(x), so dx = g 2 e**(-x**2) / sqrt(pi)."""
    grad, x, _ = graded1("erf", grad, x, None)
    return (multiply(grad, multiply(exp(negative(multiply(x, x))), 2 / math.sqrt(math.pi))),)


_erf = unary("erf", vjp2(erf_backward), 0.8)


@op(draw=draw.one)
def erf(x: Any, *, out: Any = None) -> Any:
    """The error function: y = 2 / sqrt(pi) times the integral of e**(-t**2) from 0 to x, between -1 and 1.

    Equivalent to ``scipy.special.erf(x)``, within two units in the last place; x float32 or float64 of any shape.

    >>> import numpy as np
    >>> erf(np.float64([0, 1])).round(4)
    array([0.    , 0.8427])
    """
    (x,) = floats("erf", x=x)
    return results("erf", _erf, {"x": x}, out)[0]
