"""Losses of predicted values, which measure how far predictions are from targets, each beside its gradients.

Letters: p predictions, t targets, e = p - t, g gradient of the loss. ``reduction`` says what becomes of the losses of
the single targets: their "mean", their "sum", or "none": they are the result. k is 1 / (number of targets) for "mean"
and 1 otherwise. A loss is one primitive and its gradient another.
"""

import math
from typing import Any

from ..ops import op
from ..options import is_number
from . import comparisons, elementwise
from ._draw import losses as draw
from ._losses import checked, elementwise_gradient, elementwise_loss, loss_grad, of_grad, of_gradient, scaled


def _mse_grad_vjp(grads: Any, inputs: Any, reduction: str) -> tuple[Any, Any, Any]:
    # In the forward pass y = 2 k g (p - t), so with the gradient h of y: dg = sum of 2 k h (p - t), dp = 2 k h g = -dt.
    grad, p, t = inputs
    h = scaled(grads[0], reduction, math.prod(p.shape), 2.0)
    dp = elementwise.multiply(h, grad)
    return of_grad(elementwise.multiply(h, elementwise.subtract(p, t)), reduction), dp, elementwise.negative(dp)


_mse_grad = elementwise_gradient("mse_grad", "mse", _mse_grad_vjp, 2, 0.15)


def mse_loss_backward(grad: Any, prediction: Any, target: Any, *, reduction: str = "mean") -> tuple[Any, Any]:
    """In the forward pass each loss was (p - t)^2, so dp = 2 (p - t) k g and dt = -dp."""
    p, t = checked("mse_loss_backward", "prediction", prediction, target, reduction)
    (dp,) = _mse_grad(loss_grad("mse_loss_backward", grad, t, p.dtype, reduction), p, t, reduction=reduction)
    return dp, elementwise.negative(dp)


_mse_loss = elementwise_loss("mse_loss", "mse", mse_loss_backward, 0.15)


@op(draw=draw.mse_loss)
def mse_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Squared error: loss = (p - t)^2, then the mean or the sum of all.

    Equivalent to ``np.mean((prediction - target) ** 2)``. prediction and target have the same shape and are both
    float32 or both float64; the result has shape () or, with reduction="none", theirs.

    Raises ValueError if the shapes differ: (N, 1) against (N,) would otherwise compare each with each.

    Sums are finished in float64. The mean of nothing is NaN.

    >>> import numpy as np
    >>> mse_loss(np.float64([1, 2, 3]), np.float64([1, 0, 2]), reduction="sum")
    array(5.)
    """
    p, t = checked("mse_loss", "prediction", prediction, target, reduction)
    (loss,) = _mse_loss(p, t, reduction=reduction)
    return loss


def _mae_grad_vjp(grads: Any, inputs: Any, reduction: str) -> tuple[Any, None, None]:
    # In the forward pass y = k g sign(p - t), so with the gradient h of y: dg = sum of k h sign(p - t), and no dp or
    # dt.
    return of_gradient(_mae_grad, grads[0], inputs, reduction), None, None


_mae_grad = elementwise_gradient("mae_grad", "mae", _mae_grad_vjp, 1, 0.2)


def mae_loss_backward(grad: Any, prediction: Any, target: Any, *, reduction: str = "mean") -> tuple[Any, Any]:
    """In the forward pass each loss was |p - t|, so dp = sign(p - t) k g, 0 where p = t, and dt = -dp."""
    p, t = checked("mae_loss_backward", "prediction", prediction, target, reduction)
    (dp,) = _mae_grad(loss_grad("mae_loss_backward", grad, t, p.dtype, reduction), p, t, reduction=reduction)
    return dp, elementwise.negative(dp)


_mae_loss = elementwise_loss("mae_loss", "mae", mae_loss_backward, 0.15)


@op(draw=draw.mae_loss)
def mae_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Absolute error: loss = |p - t|, then the mean or the sum of all.

    Equivalent to ``np.mean(np.abs(prediction - target))``, PyTorch's l1_loss. prediction and target have the same
    shape and are both float32 or both float64; the result has shape () or, with reduction="none", theirs. Its best
    constant prediction is the median, which outliers do not move. The gradient where p = t is 0.

    Raises ValueError if the shapes differ: (N, 1) against (N,) would otherwise compare each with each.

    >>> import numpy as np
    >>> mae_loss(np.float64([1, 2, 3]), np.float64([1, 0, 2]), reduction="sum")
    array(3.)
    """
    p, t = checked("mae_loss", "prediction", prediction, target, reduction)
    (loss,) = _mae_loss(p, t, reduction=reduction)
    return loss


def _huber_grad_vjp(grads: Any, inputs: Any, reduction: str, delta: float) -> tuple[Any, Any, Any]:
    # In the forward pass y = k g min(max(e, -delta), delta), so with the gradient h of y: dg = sum of k h times that,
    # dp = k h g where |e| <= delta, else 0, and dt = -dp.
    (h,), (grad, p, t) = grads, inputs
    dg = of_gradient(_huber_grad, h, inputs, reduction, delta=delta)
    near = comparisons.less_equal(elementwise.abs(elementwise.subtract(p, t)), delta)
    dp = elementwise.multiply(scaled(h, reduction, math.prod(p.shape)), grad)
    dp = comparisons.where(near, dp, 0)
    return dg, dp, elementwise.negative(dp)


_huber_grad = elementwise_gradient("huber_grad", "huber", _huber_grad_vjp, 1, 0.2)


def _checked_delta(name: str, delta: Any) -> float:
    if not is_number(delta):
        raise TypeError(f"{name}: delta is {delta!r}; expected a number greater than 0")
    if not 0 < delta < math.inf:
        raise ValueError(
            f"{name}: delta is {delta!r}; expected a number greater than 0; mae_loss and mse_loss have none"
        )
    return float(delta)


def huber_loss_backward(
    grad: Any, prediction: Any, target: Any, *, delta: float = 1.0, reduction: str = "mean"
) -> tuple[Any, Any]:
    """In the forward pass each loss was e^2 / 2 up to delta, so dp = min(max(e, -delta), delta) k g and dt = -dp."""
    delta = _checked_delta("huber_loss_backward", delta)
    p, t = checked("huber_loss_backward", "prediction", prediction, target, reduction)
    grad = loss_grad("huber_loss_backward", grad, t, p.dtype, reduction)
    (dp,) = _huber_grad(grad, p, t, reduction=reduction, delta=delta)
    return dp, elementwise.negative(dp)


_huber_loss = elementwise_loss("huber_loss", "huber", huber_loss_backward, 0.2)


@op(draw=draw.huber_loss)
def huber_loss(prediction: Any, target: Any, *, delta: float = 1.0, reduction: str = "mean") -> Any:
    """Squared error near the target, absolute error far from it.

    With e = p - t, loss = e^2 / 2 if |e| < delta, else delta (|e| - delta / 2); then the mean or the sum of all.

    Equivalent to ``np.mean(np.where(abs(e) < delta, e**2 / 2, delta * (abs(e) - delta / 2)))``. prediction and target
    have the same shape and are both float32 or both float64; the result has shape () or, with reduction="none", theirs.

    Raises ValueError if the shapes differ, or if delta is not greater than 0.

    Source: Huber, Robust estimation of a location parameter (1964).

    >>> import numpy as np
    >>> huber_loss(np.float64([1, 2, 3]), np.float64([1, 0, 2.5]), reduction="none")
    array([0.   , 1.5  , 0.125])
    """
    delta = _checked_delta("huber_loss", delta)
    p, t = checked("huber_loss", "prediction", prediction, target, reduction)
    (loss,) = _huber_loss(p, t, reduction=reduction, delta=delta)
    return loss
