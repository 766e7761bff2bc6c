"""The arithmetic of two arrays with NumPy's broadcasting: add, subtract, multiply, divide and power.

Letters: a b the inputs, y the output, g the gradient of the loss with respect to y (the argument `grad`). a
and b may have any shapes that can be broadcast to one shape, which is that of y and g. An element that was
broadcast took part in several outputs: its gradient is the sum over them, so ga has the shape of a.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, as_grad, broadcast, elementwise, quiet, sum_to_shape


def add(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The sum of two arrays.

    y = a + b.

    >>> add([[1], [2]], [10, 20]).tolist()
    [[11.0, 21.0], [12.0, 22.0]]
    """
    return elementwise("add", np.add, at, a=a, b=b)


def add_backward(grad: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gradients of add.

    In the forward pass this was: y = a + b; so now: ga = g and gb = g.

    >>> ga, gb = add_backward([[1, 1], [1, 1]], [[1], [2]], [10, 20])
    >>> ga.tolist(), gb.tolist()
    ([[2.0], [2.0]], [2.0, 2.0])
    """
    return two_gradients("add", grad, a, b, lambda g, a, b: g, lambda g, a, b: g)


def subtract(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The difference of two arrays.

    y = a - b.

    >>> subtract([5, 7], 2).tolist()
    [3.0, 5.0]
    """
    return elementwise("subtract", np.subtract, at, a=a, b=b)


def subtract_backward(grad: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gradients of subtract.

    In the forward pass this was: y = a - b; so now: ga = g and gb = -g.

    >>> ga, gb = subtract_backward([1, 1], [5, 7], 2)
    >>> ga.tolist(), gb.tolist()
    ([1.0, 1.0], -2.0)
    """
    return two_gradients("subtract", grad, a, b, lambda g, a, b: g, lambda g, a, b: -g)


def multiply(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The product of two arrays, element by element.

    y = a b.

    >>> multiply([5, 7], [2, 3]).tolist()
    [10.0, 21.0]
    """
    return elementwise("multiply", np.multiply, at, a=a, b=b)


def multiply_backward(grad: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gradients of multiply.

    In the forward pass this was: y = a b; so now: ga = g b and gb = g a.

    >>> ga, gb = multiply_backward([1, 10], [5, 7], [2, 3])
    >>> ga.tolist(), gb.tolist()
    ([2.0, 30.0], [5.0, 70.0])
    """
    return two_gradients("multiply", grad, a, b, lambda g, a, b: g * b, lambda g, a, b: g * a)


def divide(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The quotient of two arrays.

    y = a / b, also for integers; infinite or NaN where b is 0.

    >>> divide([1, 3], 2).tolist()
    [0.5, 1.5]
    """
    return elementwise("divide", np.divide, at, a=a, b=b)


def divide_backward(grad: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gradients of divide.

    In the forward pass this was: y = a / b; so now: ga = g / b and gb = -g a / b^2.

    >>> ga, gb = divide_backward([1, 1], [1, 3], 2)
    >>> ga.tolist(), gb.tolist()
    ([0.5, 0.5], -1.0)
    """
    return two_gradients("divide", grad, a, b, lambda g, a, b: g / b, lambda g, a, b: -g * a / (b * b))


def power(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """One array to the power of the other.

    y = a^b: 1 where b is 0, NaN where a is negative and b is no integer.

    >>> power([2, 3], [3, -1]).round(4).tolist()
    [8.0, 0.3333]
    """
    return elementwise("power", np.power, at, a=a, b=b)


def power_backward(grad: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gradients of power.

    In the forward pass this was: y = a^b = exp(b log(a)); so now: ga = g b a^(b - 1), which is 0 where b is 0
    (y is 1 for all a), and gb = g a^b log(a), which is 0 where a is 0 and b is not negative (y does not
    move with b there) and NaN where a is negative (only integers b have a power).

    >>> ga, gb = power_backward([1, 1], [2, 0], [3, 2])
    >>> ga.tolist(), gb.round(4).tolist()
    ([12.0, 0.0], [5.5452, 0.0])
    """

    def of_a(g: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
        return np.where(b == 0, 0.0, g * b * a ** (b - 1))

    def of_b(g: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
        return np.where((a == 0) & (b >= 0), 0.0, g * a**b * np.log(a))

    return two_gradients("power", grad, a, b, of_a, of_b)


Partial = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]  # of g, a and b, all of one shape


def two_gradients(
    op: str, grad: ArrayLike, a: ArrayLike, b: ArrayLike, of_a: Partial, of_b: Partial
) -> tuple[FloatArray, FloatArray]:
    """The chain rule for a function of two numbers, then the sum over the outputs that an element was in."""
    left, right = broadcast(f"{op}_backward", a=a, b=b)
    g = as_grad(op, grad, left.shape)
    with quiet():
        ga, gb = of_a(g, left, right), of_b(g, left, right)
        return sum_to_shape(ga, np.shape(a)), sum_to_shape(gb, np.shape(b))
