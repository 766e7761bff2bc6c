"""Choosing and comparing: maximum, minimum and where with their gradients; greater, less, equal and the like.

Letters: a b the inputs, y the output, g the gradient of the loss with respect to y (the argument `grad`). As
in arithmetic, the inputs are broadcast to one shape, and the gradient of an element that was broadcast is the
sum over the outputs that it took part in. A comparison jumps from 0 to 1: it has no gradient.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Indices, as_grad, broadcast, elementwise, sum_to_shape
from .arithmetic import two_gradients

BoolArray = NDArray[np.bool_]


def maximum(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The larger of two numbers.

    y = max(a, b), and NaN where either is NaN.

    >>> maximum([1, 5], [3, 2]).tolist()
    [3.0, 5.0]
    """
    return elementwise("maximum", np.maximum, at, a=a, b=b)


def maximum_backward(grad: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gradients of maximum.

    In the forward pass this was: y = a where a is larger, b where b is larger; so now: g goes to the larger
    one, and half of it to each where they are equal. A NaN counts as the larger one.

    >>> ga, gb = maximum_backward([1, 1, 1], [1, 5, 4], [3, 2, 4])
    >>> ga.tolist(), gb.tolist()
    ([0.0, 1.0, 0.5], [1.0, 0.0, 0.5])
    """
    return _gradients_of_choice("maximum", grad, a, b, np.greater)


def minimum(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The smaller of two numbers.

    y = min(a, b), and NaN where either is NaN.

    >>> minimum([1, 5], [3, 2]).tolist()
    [1.0, 2.0]
    """
    return elementwise("minimum", np.minimum, at, a=a, b=b)


def minimum_backward(grad: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gradients of minimum.

    In the forward pass this was: y = a where a is smaller, b where b is smaller; so now: g goes to the
    smaller one, and half of it to each where they are equal. A NaN counts as the smaller one.

    >>> ga, gb = minimum_backward([1, 1, 1], [1, 5, 4], [3, 2, 4])
    >>> ga.tolist(), gb.tolist()
    ([1.0, 0.0, 0.5], [0.0, 1.0, 0.5])
    """
    return _gradients_of_choice("minimum", grad, a, b, np.less)


def where(condition: ArrayLike, a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """Choose between two numbers.

    y = a where condition is true, else b. condition, a and b are broadcast to one shape.

    >>> where([True, False], [1, 2], 0).tolist()
    [1.0, 0.0]
    """
    return elementwise("where", lambda c, a, b: np.where(c != 0, a, b), at, condition=condition, a=a, b=b)


def where_backward(
    grad: ArrayLike, condition: ArrayLike, a: ArrayLike, b: ArrayLike
) -> tuple[None, FloatArray, FloatArray]:
    """Gradients of where with respect to a and b (None for the condition).

    In the forward pass this was: y = a where condition is true, else b; so now: ga = g where condition is
    true, else 0; gb = g where condition is false, else 0.

    >>> _, ga, gb = where_backward([5, 6], [True, False], [1, 2], 0)
    >>> ga.tolist(), gb.tolist()
    ([5.0, 0.0], 6.0)
    """
    chosen, _, _ = broadcast("where_backward", condition=condition, a=a, b=b)
    g = as_grad("where", grad, chosen.shape)
    ga, gb = np.where(chosen != 0, g, 0.0), np.where(chosen != 0, 0.0, g)
    return None, sum_to_shape(ga, np.shape(a)), sum_to_shape(gb, np.shape(b))


def greater(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """y = (a > b), an array of bool.

    >>> greater([1, 2, 3], 2).tolist()
    [False, False, True]
    """
    return elementwise("greater", np.greater, at, a=a, b=b)


def greater_equal(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """y = (a >= b), an array of bool.

    >>> greater_equal([1, 2, 3], 2).tolist()
    [False, True, True]
    """
    return elementwise("greater_equal", np.greater_equal, at, a=a, b=b)


def less(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """y = (a < b), an array of bool.

    >>> less([1, 2, 3], 2).tolist()
    [True, False, False]
    """
    return elementwise("less", np.less, at, a=a, b=b)


def less_equal(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """y = (a <= b), an array of bool.

    >>> less_equal([1, 2, 3], 2).tolist()
    [True, True, False]
    """
    return elementwise("less_equal", np.less_equal, at, a=a, b=b)


def equal(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """y = (a == b), an array of bool; a NaN equals nothing.

    >>> equal([1, 2, np.nan], [3, 2, np.nan]).tolist()
    [False, True, False]
    """
    return elementwise("equal", np.equal, at, a=a, b=b)


def not_equal(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """y = (a != b), an array of bool; a NaN differs from everything.

    >>> not_equal([1, 2, np.nan], [3, 2, np.nan]).tolist()
    [True, False, True]
    """
    return elementwise("not_equal", np.not_equal, at, a=a, b=b)


def _gradients_of_choice(
    op: str, grad: ArrayLike, a: ArrayLike, b: ArrayLike, beats: Callable[..., Any]
) -> tuple[FloatArray, FloatArray]:
    """g where a number beats the other or is the only NaN, half of g at a tie, 0 where it loses."""

    def share(g: FloatArray, mine: FloatArray, other: FloatArray) -> FloatArray:
        wins = beats(mine, other) | (np.isnan(mine) & ~np.isnan(other))
        ties = (mine == other) | (np.isnan(mine) & np.isnan(other))
        return np.where(wins, g, np.where(ties, g / 2, 0.0))

    return two_gradients(op, grad, a, b, share, lambda g, a, b: share(g, b, a))
