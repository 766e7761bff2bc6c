"""More functions that go element by element: clip and square with gradients, and logic on booleans.

Letters: x a b the inputs, y the output, g the gradient of the loss with respect to y (the argument `grad`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Indices, as_float64, as_grad, elementwise, quiet

BoolArray = NDArray[np.bool_]


def clip(x: ArrayLike, min: float | None = None, max: float | None = None, *, at: Indices | None = None) -> FloatArray:
    """The number, but at least min and at most max.

    y = min(max(x, min), max), NaN where x is NaN.

    >>> clip([-2, 0.5, 3], -1, 1).tolist()
    [-1.0, 0.5, 1.0]
    """
    least, most = _bounds("clip", min, max)
    return elementwise("clip", lambda x: np.minimum(np.maximum(x, least), most), at, x=x)


def clip_backward(
    grad: ArrayLike, x: ArrayLike, min: float | None = None, max: float | None = None
) -> tuple[FloatArray]:
    """Gradient of clip.

    In the forward pass this was: y = x where x lies between the bounds; so now: gx = g there and on a bound, else 0.

    >>> clip_backward([5, 6, 7], [-2, 0.5, 1], -1, 1)[0].tolist()
    [0.0, 6.0, 7.0]
    """
    least, most = _bounds("clip_backward", min, max)
    values = as_float64("clip_backward", "x", x)
    g = as_grad("clip", grad, values.shape)
    return (np.where((values >= least) & (values <= most), g, np.float64(0)),)


def square(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The number times itself: y = x x.

    >>> square([-2, 3]).tolist()
    [4.0, 9.0]
    """
    return elementwise("square", lambda x: x * x, at, x=x)


def square_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of square.

    In the forward pass this was: y = x x; so now: gx = 2 g x.

    >>> square_backward([1, 10], [-2, 3])[0].tolist()
    [-4.0, 60.0]
    """
    values = as_float64("square_backward", "x", x)
    with quiet():
        return (np.asarray(2 * as_grad("square", grad, values.shape) * values),)


def logical_and(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """Whether both are true.

    y = a and b, an array of bool; what is not 0 is true.

    >>> logical_and([True, True, False], [True, False, False]).tolist()
    [True, False, False]
    """
    return elementwise("logical_and", lambda a, b: (a != 0) & (b != 0), at, a=a, b=b)


def logical_or(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """Whether one is true, or both.

    y = a or b, an array of bool; what is not 0 is true.

    >>> logical_or([True, True, False], [True, False, False]).tolist()
    [True, True, False]
    """
    return elementwise("logical_or", lambda a, b: (a != 0) | (b != 0), at, a=a, b=b)


def logical_not(x: ArrayLike, *, at: Indices | None = None) -> BoolArray:
    """Whether it is false, that is 0.

    y = not x, an array of bool.

    >>> logical_not([True, False]).tolist()
    [False, True]
    """
    return elementwise("logical_not", lambda x: x == 0, at, x=x)


def _bounds(op: str, least: float | None, most: float | None) -> tuple[float, float]:
    if least is None and most is None:
        raise ValueError(f"{op}: min and max are None; expected at least one bound")
    return -np.inf if least is None else least, np.inf if most is None else most
