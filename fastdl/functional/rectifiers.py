"""Activation functions in pieces, each beside its backward: relu and its relatives, and the piecewise linear gates.

What they compute is a row of the table in ``_activations.py``; the smooth ones are in ``activations.py``. Letters: x
the input, y the output, g the gradient of the output, w prelu's slopes. At a corner the derivative is that from the
left, except where a text says otherwise.
"""

import math
from typing import Any

from ..ops import Shape, op
from . import comparisons, elementwise, shape
from ._activations import ELU, SELU, activate, gradient, option
from ._door import describe, floats
from ._draw import activations as draw
from ._lowering import binary
from ._operands import graded, graded1


def identity_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = x, so dx = g."""
    return (graded1("identity", grad, x, None)[0],)


@op(draw=draw.one)
def identity(x: Any) -> Any:
    """The input itself: y = x, for the place of an activation where none is wanted.

    On arrays the result shares the memory of x: copy it before writing to it.

    >>> import numpy as np
    >>> identity(np.float32([-1, 2]))
    array([-1.,  2.], dtype=float32)
    """
    (x,) = floats("identity", x=x)
    return shape.reshape(x, x.shape)


def relu_backward(grad: Any, x: Any, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = x where x > 0, else 0; so dx = g where y > 0, else 0 (at x = 0, too)."""
    grad, x, output = graded1("relu", grad, x, output)
    return (gradient("relu", grad, x if output is None else output),)


@op(draw=draw.apart_from_zero)
def relu(x: Any, *, out: Any = None) -> Any:
    """Keep what is positive: y = max(x, 0).

    Equivalent to ``np.maximum(x, 0)``; x float32 or float64 of any shape. NaN stays NaN. The gradient at 0 is 0.
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> relu(np.float32([-1, 0, 2]))
    array([0., 0., 2.], dtype=float32)
    """
    return activate("relu", "relu", x, out)


def leaky_relu_backward(grad: Any, x: Any, negative_slope: float = 0.01) -> tuple[Any]:
    """In the forward pass y = x where x > 0, else a x; so dx = g where x > 0, else a g."""
    slope = option("leaky_relu_backward", "negative_slope", negative_slope)
    grad, x, _ = graded1("leaky_relu", grad, x, None)
    return (gradient("leaky_relu", grad, x, negative_slope=slope),)


@op(draw=draw.leaky_relu)
def leaky_relu(x: Any, negative_slope: float = 0.01, *, out: Any = None) -> Any:
    """Keep what is positive, and a little of the rest: y = x where x > 0, else negative_slope x.

    Equivalent to ``np.where(x > 0, x, negative_slope * x)``; x float32 or float64 of any shape, the slope a finite
    number. Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> leaky_relu(np.float32([-1, 0, 2]))
    array([-0.01,  0.  ,  2.  ], dtype=float32)
    """
    slope = option("leaky_relu", "negative_slope", negative_slope)
    return activate("leaky_relu", "leaky_relu", x, out, negative_slope=slope)


def _vjp_prelu(grads: Any, inputs: Any, outputs: Any) -> tuple[Any, Any]:
    # y = x where x > 0, else w x.
    (g,), (x, w) = grads, inputs
    (slope,) = _prelu_slope(x, w)
    dw = comparisons.where(comparisons.greater(x, 0), 0.0, elementwise.multiply(g, x))
    return elementwise.multiply(g, slope), elementwise.unbroadcast(dw, w)


def _vjp_prelu_slope(grads: Any, inputs: Any, outputs: Any) -> tuple[None, Any]:
    # 1 where x > 0, else w: moves with w alone.
    (h,), (x, w) = grads, inputs
    return None, elementwise.unbroadcast(comparisons.where(comparisons.greater(x, 0), 0.0, h), w)


_prelu = binary("prelu", _vjp_prelu)
_prelu_slope = binary("prelu_slope", _vjp_prelu_slope)


def _slopes(name: str, x: Any, weight: Any) -> Any:
    """The weight in the shape in which it broadcasts to x."""
    channels = x.shape[1] if len(x.shape) > 1 else 1
    if tuple(weight.shape) not in ((1,), (channels,)):
        needed = f"({channels},), one slope for each channel (axis 1 of x), or " if channels != 1 else ""
        raise ValueError(
            f"{name}: weight has shape {tuple(weight.shape)}; expected {needed}(1,), one slope for all "
            f"({describe(x=x, weight=weight)})"
        )
    spread: Shape = (weight.shape[0], *(1,) * (len(x.shape) - 2)) if len(x.shape) > 1 else (1,) * len(x.shape)
    return shape.reshape(weight, spread)


def prelu_backward(grad: Any, x: Any, weight: Any) -> tuple[Any, Any]:
    """In the forward pass y = x where x > 0, else w x; so dx = g or g w, and dw = sum of g x over all x <= 0 it met."""
    x, weight = floats("prelu_backward", x=x, weight=weight)
    slopes = _slopes("prelu_backward", x, weight)
    grad, x, slopes = graded("prelu", grad, x.shape, x=x, weight=slopes)
    dx, dw = _vjp_prelu((grad,), (x, slopes), (None,))
    return dx, shape.reshape(dw, weight.shape)


@op(draw=draw.prelu)
def prelu(x: Any, weight: Any) -> Any:
    """As leaky_relu with slopes that are learnt: y = x where x > 0, else w x.

    Equivalent to ``np.where(x > 0, x, w * x)`` with ``w = weight`` for all, or one w for each channel.

    x float32 or float64 of any shape, its axis 1 the channels (C); weight (C,) or (1,), of the same dtype. An x of one
    dimension or none has one channel.

    Raises ValueError if weight has another shape. Source: He et al., "Delving deep into rectifiers" (2015).

    >>> import numpy as np
    >>> prelu(np.float32([[-1, -1], [2, 2]]), np.float32([0.5, 3]))
    array([[-0.5, -3. ],
           [ 2. ,  2. ]], dtype=float32)
    """
    x, weight = floats("prelu", x=x, weight=weight)
    (y,) = _prelu(x, _slopes("prelu", x, weight))
    return y


def _elu_options(name: str, alpha: float) -> dict[str, float]:
    return {**ELU, "below": option(name, "alpha", alpha)}


def _celu_options(name: str, alpha: float) -> dict[str, float]:
    alpha = option(name, "alpha", alpha, zero=False)
    if not math.isfinite(1 / alpha):
        raise ValueError(f"{name}: alpha is {alpha}; expected a number whose reciprocal is finite")
    return {"above": 1.0, "below": alpha, "rate": 1 / alpha}


def elu_backward(grad: Any, x: Any, alpha: float = 1.0) -> tuple[Any]:
    """In the forward pass y = x where x > 0, else alpha (e**x - 1); so dx = g where x > 0, else g alpha e**x."""
    options = _elu_options("elu_backward", alpha)
    grad, x, _ = graded1("elu", grad, x, None)
    return (gradient("elu", grad, x, **options),)


@op(draw=draw.elu)
def elu(x: Any, alpha: float = 1.0, *, out: Any = None) -> Any:
    """Straight above 0, an exponential that levels off below: y = x where x > 0, else alpha (e**x - 1).

    Equivalent to ``np.where(x > 0, x, alpha * np.expm1(x))``, within three units in the last place, also near 0; x
    float32 or float64 of any shape, alpha a finite number. Source: Clevert, Unterthiner and Hochreiter, "Fast and
    accurate deep network learning by exponential linear units" (2015).
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> elu(np.float64([-1, 0, 2])).round(4)
    array([-0.6321,  0.    ,  2.    ])
    """
    return activate("elu", "elu", x, out, **_elu_options("elu", alpha))


def selu_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = scale elu(x, alpha); so dx = g scale where x > 0, else g scale alpha e**x."""
    grad, x, _ = graded1("selu", grad, x, None)
    return (gradient("elu", grad, x, **SELU),)


@op(draw=draw.apart_from_zero)
def selu(x: Any, *, out: Any = None) -> Any:
    """elu with constants that keep mean 0 and variance 1: y = scale x where x > 0, else scale alpha (e**x - 1).

    scale = 1.0507..., alpha = 1.6732.... Equivalent to ``scale * np.where(x > 0, x, alpha * np.expm1(x))``, within
    three units in the last place; x float32 or float64 of any shape. Source: Klambauer et al., "Self-normalizing neural
    networks" (2017).
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> selu(np.float64([-1, 0, 2])).round(4)
    array([-1.1113,  0.    ,  2.1014])
    """
    return activate("selu", "elu", x, out, **SELU)


def celu_backward(grad: Any, x: Any, alpha: float = 1.0) -> tuple[Any]:
    """In the forward pass y = x where x > 0, else alpha (e**(x / alpha) - 1); so dx = g, or g e**(x / alpha)."""
    options = _celu_options("celu_backward", alpha)
    grad, x, _ = graded1("celu", grad, x, None)
    return (gradient("elu", grad, x, **options),)


@op(draw=draw.celu)
def celu(x: Any, alpha: float = 1.0, *, out: Any = None) -> Any:
    """elu without a corner for any alpha: y = x where x > 0, else alpha (e**(x / alpha) - 1).

    Equivalent to ``np.where(x > 0, x, alpha * np.expm1(x / alpha))``; x float32 or float64 of any shape, alpha a finite
    number other than 0. Source: Barron, "Continuously differentiable exponential linear units" (2017).
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> celu(np.float64([-1, 0, 2]), 0.5).round(4)
    array([-0.4323,  0.    ,  2.    ])
    """
    return activate("celu", "elu", x, out, **_celu_options("celu", alpha))


def hard_sigmoid_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = x / 6 + 1/2, cut off at 0 and 1; so dx = g / 6 where -3 < x < 3, else 0."""
    grad, x, _ = graded1("hard_sigmoid", grad, x, None)
    return (gradient("hard_sigmoid", grad, x),)


@op(draw=draw.apart_from_threes)
def hard_sigmoid(x: Any, *, out: Any = None) -> Any:
    """The logistic function drawn with a ruler: y = x / 6 + 1/2, at least 0 and at most 1.

    Equivalent to ``np.clip(x + 3, 0, 6) / 6``; x float32 or float64 of any shape. The gradient at -3 and 3 is 0.
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> hard_sigmoid(np.float32([-4, 0, 1.5]))
    array([0.  , 0.5 , 0.75], dtype=float32)
    """
    return activate("hard_sigmoid", "hard_sigmoid", x, out)


def hard_swish_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = x hard_sigmoid(x); so dx = g (x / 3 + 1/2) where -3 < x < 3, 0 below, g above."""
    grad, x, _ = graded1("hard_swish", grad, x, None)
    return (gradient("hard_swish", grad, x),)


@op(draw=draw.apart_from_threes)
def hard_swish(x: Any, *, out: Any = None) -> Any:
    """silu with a gate that is drawn with a ruler: y = x hard_sigmoid(x).

    Equivalent to ``x * np.clip(x + 3, 0, 6) / 6``; x float32 or float64 of any shape. -inf gives NaN, as in the
    formula. The gradient at -3 is 0, at 3 it is 1. Source: Howard et al., "Searching for MobileNetV3" (2019).
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> hard_swish(np.float32([-1.5, 1.5, 4]))
    array([-0.375,  1.125,  4.   ], dtype=float32)
    """
    return activate("hard_swish", "hard_swish", x, out)
