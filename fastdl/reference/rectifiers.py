"""The activation functions in pieces, each with its gradient: relu and its relatives, and the gates drawn with a ruler.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`), w prelu's
slopes. x, y and the gradient of x have the same shape.
"""

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, as_float64, as_grad, elementwise, quiet, times_slope

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848


def identity(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The input itself.

    y = x.

    >>> identity([-1, 2]).tolist()
    [-1.0, 2.0]
    """
    return elementwise("identity", np.copy, at, x=x)


def identity_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of identity.

    In the forward pass this was: y = x; so now: gx = g.

    >>> identity_backward([5, 6], [-1, 2])[0].tolist()
    [5.0, 6.0]
    """
    return times_slope("identity", grad, x, np.ones_like)


def relu(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """Keep what is positive.

    y = max(x, 0), and NaN stays NaN; x and y have the same shape.

    >>> relu([-1, 0, 2]).tolist()
    [0.0, 0.0, 2.0]
    """
    return elementwise("relu", lambda x: np.where(x <= 0, 0.0, x), at, x=x)


def relu_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of relu.

    In the forward pass this was: y = x where x > 0, else 0; so now: gx = g where x > 0, else 0.
    At the kink x = 0 the gradient is 0; where x is NaN, g passes. grad, x and gx have the same shape.

    >>> relu_backward([5, 5, 5], [-1, 0, 2])[0].tolist()
    [0.0, 0.0, 5.0]
    """
    values = as_float64("relu_backward", "x", x)
    return (np.where(values <= 0, 0.0, as_grad("relu", grad, values.shape)),)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.01, *, at: Indices | None = None) -> FloatArray:
    """Keep what is positive, and a little of the rest.

    y = x where x > 0, else negative_slope x.

    >>> leaky_relu([-1, 0, 2], 0.5).tolist()
    [-0.5, 0.0, 2.0]
    """
    return elementwise("leaky_relu", lambda x: np.where(x > 0, x, negative_slope * x), at, x=x)


def leaky_relu_backward(grad: ArrayLike, x: ArrayLike, negative_slope: float = 0.01) -> tuple[FloatArray]:
    """Gradient of leaky_relu.

    In the forward pass this was: y = x where x > 0, else negative_slope x; so now: gx = g where x > 0, else
    negative_slope g.

    >>> leaky_relu_backward([5, 5, 5], [-1, 0, 2], 0.5)[0].tolist()
    [2.5, 2.5, 5.0]
    """
    return times_slope("leaky_relu", grad, x, lambda x: np.where(x > 0, 1.0, negative_slope))


def prelu(x: ArrayLike, weight: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """leaky_relu with one slope for all, or one for each channel (axis 1 of x).

    y = x where x > 0, else w x. Shapes: x (N, C, ...), weight (1,) or (C,); an x of fewer dimensions has C = 1.

    >>> prelu([[-1, -1], [2, 2]], [0.5, 3]).tolist()
    [[-0.5, -3.0], [2.0, 2.0]]
    """
    values = as_float64("prelu", "x", x)
    slopes = _slopes("prelu", values, weight)
    return elementwise("prelu", lambda x, w: np.where(x > 0, x, w * x), at, x=values, weight=slopes)


def prelu_backward(grad: ArrayLike, x: ArrayLike, weight: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Gradients of prelu with respect to x and weight.

    In the forward pass this was: y = x where x > 0, else w x; so now: gx = g where x > 0, else w g, and
    gw = the sum of g x over all x <= 0 that met this w.

    >>> gx, gw = prelu_backward([[1, 2], [3, 4]], [[-1, -1], [2, 2]], [0.5, 3])
    >>> gx.tolist(), gw.tolist()
    ([[0.5, 6.0], [3.0, 4.0]], [-1.0, -2.0])
    """
    values = as_float64("prelu_backward", "x", x)
    slopes = np.broadcast_to(_slopes("prelu_backward", values, weight), values.shape)
    (gx,) = times_slope("prelu", grad, values, lambda x: np.where(x > 0, 1.0, slopes))
    with quiet():
        products = np.where(values > 0, 0.0, as_grad("prelu", grad, values.shape) * values)
    if np.size(weight) == 1:
        return gx, np.array([np.sum(products)])
    return gx, np.array([np.sum(products[:, channel]) for channel in range(np.size(weight))], dtype=np.float64)


def elu(x: ArrayLike, alpha: float = 1.0, *, at: Indices | None = None) -> FloatArray:
    """Straight above 0, an exponential that levels off below.

    y = x where x > 0, else alpha (exp(x) - 1).

    >>> elu([-1, 0, 2]).round(4).tolist()
    [-0.6321, 0.0, 2.0]
    """
    return elementwise("elu", lambda x: np.where(x > 0, x, alpha * np.expm1(x)), at, x=x)


def elu_backward(grad: ArrayLike, x: ArrayLike, alpha: float = 1.0) -> tuple[FloatArray]:
    """Gradient of elu.

    In the forward pass this was: y = x where x > 0, else alpha (exp(x) - 1); so now: gx = g where x > 0, else
    g alpha exp(x).

    >>> elu_backward([1, 1], [-1, 2])[0].round(4).tolist()
    [0.3679, 1.0]
    """
    return times_slope("elu", grad, x, lambda x: np.where(x > 0, 1.0, alpha * np.exp(x)))


def selu(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """elu with the scale and alpha that keep mean 0 and variance 1.

    y = scale x where x > 0, else scale alpha (exp(x) - 1), with scale 1.0507... and alpha 1.6732....

    >>> selu([-1, 0, 2]).round(4).tolist()
    [-1.1113, 0.0, 2.1014]
    """
    return elementwise("selu", lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)), at, x=x)


def selu_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of selu.

    In the forward pass this was: y = scale x where x > 0, else scale alpha (exp(x) - 1); so now: gx = g scale where
    x > 0, else g scale alpha exp(x).

    >>> selu_backward([1, 1], [-1, 2])[0].round(4).tolist()
    [0.6468, 1.0507]
    """
    return times_slope("selu", grad, x, lambda x: SELU_SCALE * np.where(x > 0, 1.0, SELU_ALPHA * np.exp(x)))


def celu(x: ArrayLike, alpha: float = 1.0, *, at: Indices | None = None) -> FloatArray:
    """elu without a corner for any alpha.

    y = x where x > 0, else alpha (exp(x / alpha) - 1).

    >>> celu([-1, 0, 2], 0.5).round(4).tolist()
    [-0.4323, 0.0, 2.0]
    """
    return elementwise("celu", lambda x: np.where(x > 0, x, alpha * np.expm1(x / alpha)), at, x=x)


def celu_backward(grad: ArrayLike, x: ArrayLike, alpha: float = 1.0) -> tuple[FloatArray]:
    """Gradient of celu.

    In the forward pass this was: y = x where x > 0, else alpha (exp(x / alpha) - 1); so now: gx = g where x > 0,
    else g exp(x / alpha).

    >>> celu_backward([1, 1], [-1, 2], 0.5)[0].round(4).tolist()
    [0.1353, 1.0]
    """
    return times_slope("celu", grad, x, lambda x: np.where(x > 0, 1.0, np.exp(x / alpha)))


def hard_sigmoid(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The logistic function drawn with a ruler.

    y = min(max(x + 3, 0), 6) / 6.

    >>> hard_sigmoid([-4, 0, 1.5]).tolist()
    [0.0, 0.5, 0.75]
    """
    return elementwise("hard_sigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, at, x=x)


def hard_sigmoid_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of hard_sigmoid.

    In the forward pass this was: y = (x + 3) / 6 between -3 and 3, constant elsewhere; so now: gx = g / 6 there,
    else 0, also at the corners.

    >>> hard_sigmoid_backward([6, 6, 6], [-4, 0, 3])[0].tolist()
    [0.0, 1.0, 0.0]
    """
    values = as_float64("hard_sigmoid_backward", "x", x)
    return (np.where(np.abs(values) >= 3, 0.0, as_grad("hard_sigmoid", grad, values.shape) / 6),)


def hard_swish(x: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The input times hard_sigmoid of it.

    y = x min(max(x + 3, 0), 6) / 6.

    >>> hard_swish([-1.5, 1.5, 4]).tolist()
    [-0.375, 1.125, 4.0]
    """
    return elementwise("hard_swish", lambda x: x * (np.clip(x + 3, 0, 6) / 6), at, x=x)


def hard_swish_backward(grad: ArrayLike, x: ArrayLike) -> tuple[FloatArray]:
    """Gradient of hard_swish.

    In the forward pass this was: y = x (x + 3) / 6 between -3 and 3, 0 below, x above; so now: gx = g (2 x + 3) / 6,
    0 or g.

    >>> hard_swish_backward([6, 6, 6], [-4, 0, 3])[0].tolist()
    [0.0, 3.0, 6.0]
    """
    values = as_float64("hard_swish_backward", "x", x)
    slopes = as_grad("hard_swish", grad, values.shape)
    with quiet():
        inside = slopes * ((2 * values + 3) / 6)
    return (np.where(values <= -3, 0.0, np.where(values >= 3, slopes, inside)),)


def _slopes(op: str, x: FloatArray, weight: ArrayLike) -> FloatArray:
    """The weight in the shape in which it broadcasts to x."""
    slopes = as_float64(op, "weight", weight)
    channels = x.shape[1] if x.ndim > 1 else 1
    if slopes.shape not in ((1,), (channels,)):
        raise ValueError(f"{op}: weight is {slopes.shape}, x is {x.shape}; expected (1,) or ({channels},)")
    return slopes.reshape((1, -1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (1,) * x.ndim)
