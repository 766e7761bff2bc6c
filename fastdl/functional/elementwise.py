"""Elementwise arithmetic with NumPy's broadcasting: what recording ordinary NumPy code needs.

Python numbers take the dtype of the array beside them. ``out`` takes the result; it may not overlap an argument. A
gradient of a broadcast operand is summed back to the operand's shape. Each function stands beside its backward.
Letters: a b the operands of two, x that of one, y the result, g the gradient of the result. The names of Python's own
functions are hidden by those of this file.
"""

from typing import Any

import numpy as np

from ..ops import Primitive, op
from . import comparisons, reductions, shape
from ._door import floats, results
from ._draw import elementwise as draw
from ._lowering import binary, no_gradient, unary, vjp1, vjp2
from ._operands import graded1, graded2, operands, saved


def unbroadcast(grad: Any, like: Any) -> Any:
    """Sum a gradient over the axes along which ``like`` was repeated."""
    if grad.shape == like.shape:
        return grad
    extra = len(grad.shape) - len(like.shape)
    repeated = [i + extra for i, n in enumerate(like.shape) if n == 1 and grad.shape[i + extra] != 1]
    return shape.reshape(reductions.sum(grad, axis=(*range(extra), *repeated)), like.shape)


def _of_two(name: str, primitive: Primitive, a: Any, b: Any, out: Any) -> Any:
    """The result for two operands, in ``out`` if that is given."""
    if out is None:
        known = primitive.again(a, b)
        if known is not None:
            return known[0]
    a, b = operands(name, a, b)
    return primitive(a, b)[0] if out is None else results(name, primitive, {"a": a, "b": b}, out)[0]


def plus(*terms: Any) -> Any:
    """The sum of the terms that are there, from left to right; None if there is none."""
    total = None
    for x in terms:
        total = x if total is None else total if x is None else add(total, x)
    return total


def times(*factors: Any) -> Any:
    """The product of at least one factor, from left to right."""
    product, *others = factors
    for x in others:
        product = multiply(product, x)
    return product


def add_backward(grad: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """In the forward pass y = a + b, so da = g and db = g."""
    grad, a, b = graded2("add", grad, a, b)
    return unbroadcast(grad, a), unbroadcast(grad, b)


_add = binary("add", vjp2(add_backward))


@op(draw=draw.two_broadcast)
def add(a: Any, b: Any, *, out: Any = None) -> Any:
    """Sum of two arrays: y = a + b.

    Equivalent to ``np.add(a, b)``. Shapes broadcast; both float32 or both float64, or one a Python number.

    >>> add(np.float32([1, 2]), 0.5)
    array([1.5, 2.5], dtype=float32)
    """
    return _of_two("add", _add, a, b, out)


def subtract_backward(grad: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """In the forward pass y = a - b, so da = g and db = -g."""
    grad, a, b = graded2("subtract", grad, a, b)
    return unbroadcast(grad, a), negative(unbroadcast(grad, b))


_subtract = binary("subtract", vjp2(subtract_backward))


@op(draw=draw.two_broadcast)
def subtract(a: Any, b: Any, *, out: Any = None) -> Any:
    """Difference of two arrays: y = a - b.

    Equivalent to ``np.subtract(a, b)``. Shapes broadcast; both float32 or both float64, or one a Python number.

    >>> subtract(1, np.float32([1, 2]))
    array([ 0., -1.], dtype=float32)
    """
    return _of_two("subtract", _subtract, a, b, out)


def multiply_backward(grad: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """In the forward pass y = a b, so da = g b and db = g a."""
    grad, a, b = graded2("multiply", grad, a, b)
    return unbroadcast(multiply(grad, b), a), unbroadcast(multiply(grad, a), b)


_multiply = binary("multiply", vjp2(multiply_backward))


@op(draw=draw.two_broadcast)
def multiply(a: Any, b: Any, *, out: Any = None) -> Any:
    """Product of two arrays, element by element: y = a b.

    Equivalent to ``np.multiply(a, b)``. Shapes broadcast; both float32 or both float64, or one a Python number.

    >>> multiply(np.float32([[1], [2]]), np.float32([3, 4]))
    array([[3., 4.],
           [6., 8.]], dtype=float32)
    """
    return _of_two("multiply", _multiply, a, b, out)


def divide_backward(grad: Any, a: Any, b: Any, *, output: Any = None) -> tuple[Any, Any]:
    """In the forward pass y = a / b, so da = g / b and db = -g a / b**2 = -da y."""
    grad, a, b = graded2("divide", grad, a, b)
    output = saved("divide", output, grad)
    da = divide(grad, b)
    db = multiply(da, divide(a, b) if output is None else output)
    return unbroadcast(da, a), negative(unbroadcast(db, b))


_divide = binary("divide", lambda grads, inputs, outputs: divide_backward(grads[0], *inputs, output=outputs[0]))


@op(draw=draw.quotient)
def divide(a: Any, b: Any, *, out: Any = None) -> Any:
    """Quotient of two arrays: y = a / b.

    Equivalent to ``np.divide(a, b)``: infinite or NaN where b is 0, without a warning. Shapes broadcast; both float32
    or both float64, or one a Python number.

    >>> divide(np.float32([1, 3]), 2)
    array([0.5, 1.5], dtype=float32)
    """
    return _of_two("divide", _divide, a, b, out)


def power_backward(grad: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """In the forward pass y = a**b, so da = g b a**(b - 1), 0 where b = 0, and db = g a**b log(a), 0 where a = 0."""
    grad, a, b = graded2("power", grad, a, b)
    (da,), (db,) = _power_slope(a, b), _power_log(a, b)
    return unbroadcast(multiply(grad, da), a), unbroadcast(multiply(grad, db), b)


def _vjp_power_slope(grads: Any, inputs: Any, outputs: Any) -> tuple[Any, Any]:
    # s = b a**(b - 1): ds/da = b (b - 1) a**(b - 2), ds/db = a**(b - 1) (1 + b log(a)).
    (g,), (a, b) = grads, inputs
    less = subtract(b, 1)
    (da,), (db,) = _power_slope(a, less), _power_log(a, less)
    ds_da = comparisons.where(comparisons.equal(b, 0), 0, multiply(b, da))  # 0, not NaN, at a = b = 0
    ds_db = add(power(a, less), multiply(b, db))
    return unbroadcast(multiply(g, ds_da), a), unbroadcast(multiply(g, ds_db), b)


def _vjp_power_log(grads: Any, inputs: Any, outputs: Any) -> tuple[Any, Any]:
    # l = a**b log(a): dl/da = a**(b - 1) (1 + b log(a)), dl/db = l log(a).
    (g,), (a, b) = grads, inputs
    less = subtract(b, 1)
    (at_less,) = _power_log(a, less)
    dl_da = add(power(a, less), multiply(b, at_less))
    dl_db = multiply(outputs[0], log(comparisons.maximum(a, float(np.finfo(a.dtype).tiny))))  # 0, not NaN, at a = 0
    return unbroadcast(multiply(g, dl_da), a), unbroadcast(multiply(g, dl_db), b)


_power = binary("power", vjp2(power_backward), cost=5)
_power_slope = binary("power_slope", _vjp_power_slope, cost=5)
_power_log = binary("power_log", _vjp_power_log, cost=7)


@op(draw=draw.base_and_exponent)
def power(a: Any, b: Any, *, out: Any = None) -> Any:
    """One array to the power of the other: y = a**b.

    Equivalent to ``np.power(a, b)``: 1 where b is 0, NaN where a is negative and b no integer. Shapes broadcast; both
    float32 or both float64, or one a Python number. The exponent 2 is a product, several times faster than the rest.

    >>> power(np.float32([2, 3]), -1)
    array([0.5       , 0.33333334], dtype=float32)
    """
    squared = isinstance(b, (int, float)) and b == 2
    a, b = operands("power", a, b)
    chosen, inputs = (_multiply, {"a": a, "b": a}) if squared else (_power, {"a": a, "b": b})
    return results("power", chosen, inputs, out)[0]


def negative_backward(grad: Any, x: Any, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = -x, so dx = -g."""
    return (negative(graded1("negative", grad, x, output)[0]),)


_negative = unary("negative", vjp1(negative_backward), 0.3)


@op(draw=draw.one)
def negative(x: Any, *, out: Any = None) -> Any:
    """The number with the other sign: y = -x.

    Equivalent to ``np.negative(x)``; x float32 or float64 of any shape.

    >>> negative(np.float32([1, -2]))
    array([-1.,  2.], dtype=float32)
    """
    (x,) = floats("negative", x=x)
    return results("negative", _negative, {"x": x}, out)[0]


def exp_backward(grad: Any, x: Any, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = e**x, so dx = g y."""
    grad, x, output = graded1("exp", grad, x, output)
    return (multiply(grad, exp(x) if output is None else output),)


_exp = unary("exp", vjp1(exp_backward), 0.4)


@op(draw=draw.one)
def exp(x: Any, *, out: Any = None) -> Any:
    """The exponential function: y = e**x.

    Equivalent to ``np.exp(x)``, within one unit in the last place; x float32 or float64 of any shape.

    >>> exp(np.float32([0, 1]))
    array([1.       , 2.7182817], dtype=float32)
    """
    (x,) = floats("exp", x=x)
    return results("exp", _exp, {"x": x}, out)[0]


def log_backward(grad: Any, x: Any, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = log(x), so dx = g / x."""
    grad, x, output = graded1("log", grad, x, output)
    return (divide(grad, x),)


_log = unary("log", vjp1(log_backward), 0.5)


@op(draw=draw.positive)
def log(x: Any, *, out: Any = None) -> Any:
    """The natural logarithm: -inf at 0, NaN below.

    Equivalent to ``np.log(x)``, within one unit in the last place; x float32 or float64 of any shape.

    >>> log(np.float32([1, 10, 0]))
    array([0.       , 2.3025851,      -inf], dtype=float32)
    """
    (x,) = floats("log", x=x)
    return results("log", _log, {"x": x}, out)[0]


def sqrt_backward(grad: Any, x: Any, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = x**0.5, so dx = g / (2 y)."""
    grad, x, output = graded1("sqrt", grad, x, output)
    return (divide(multiply(grad, 0.5), sqrt(x) if output is None else output),)


_sqrt = unary("sqrt", vjp1(sqrt_backward), 0.4)


@op(draw=draw.positive)
def sqrt(x: Any, *, out: Any = None) -> Any:
    """The square root: y = x**0.5, NaN below 0.

    Equivalent to ``np.sqrt(x)``; x float32 or float64 of any shape. The gradient at 0 is infinite.

    >>> sqrt(np.float32([0, 9]))
    array([0., 3.], dtype=float32)
    """
    (x,) = floats("sqrt", x=x)
    return results("sqrt", _sqrt, {"x": x}, out)[0]


def abs_backward(grad: Any, x: Any, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = |x|, so dx = g sign(x), 0 at x = 0."""
    grad, x, output = graded1("abs", grad, x, output)
    return (multiply(grad, _sign(x)[0]),)


_abs = unary("abs", vjp1(abs_backward), 0.3)
_sign = unary("sign", no_gradient, 0.3)


@op(draw=draw.one)
def abs(x: Any, *, out: Any = None) -> Any:
    """The distance from 0: y = |x|.

    Equivalent to ``np.abs(x)``; x float32 or float64 of any shape.

    >>> abs(np.float32([-2, 3]))
    array([2., 3.], dtype=float32)
    """
    (x,) = floats("abs", x=x)
    return results("abs", _abs, {"x": x}, out)[0]
