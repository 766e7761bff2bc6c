"""The losses of predicted values, which measure how far predictions are from targets, and their gradients.

Letters: p predictions, t targets, g the gradient of the final result with respect to a loss (`grad`, for the reduction
"mean" divided by the number of targets).
"""

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, quiet
from ._losses import grad_of_each, reduce_losses, same_shapes


def mse_loss(
    prediction: ArrayLike, target: ArrayLike, *, reduction: str = "mean", at: Indices | None = None
) -> FloatArray:
    """The squared error.

    loss_i = (prediction_i - target_i)^2. prediction and target have the same shape.

    >>> float(mse_loss([1, 2, 3], [1, 0, 0]).round(4))
    4.3333
    """
    p, t = same_shapes("mse_loss", "prediction", prediction, target)
    return reduce_losses("mse_loss", lambda index: float((p[index] - t[index]) ** 2), p.shape, reduction, at)


def mse_loss_backward(
    grad: ArrayLike, prediction: ArrayLike, target: ArrayLike, *, reduction: str = "mean"
) -> tuple[FloatArray, FloatArray]:
    """Gradients of mse_loss with respect to prediction and target.

    In the forward pass this was: loss_i = (p_i - t_i)^2; so now: gp_i = 2 (p_i - t_i) g_i, gt_i = -gp_i,
    where g_i = g for reduction "sum" and g divided by the number of targets for "mean".

    >>> mse_loss_backward(1, [1, 2, 3], [1, 0, 0], reduction="sum")[0].tolist()
    [0.0, 4.0, 6.0]
    """
    p, t = same_shapes("mse_loss_backward", "prediction", prediction, target)
    with quiet():
        gradient = np.asarray(2.0 * (p - t) * grad_of_each("mse_loss", grad, p.shape, reduction))
    return np.asarray(gradient), np.asarray(-gradient)


def mae_loss(
    prediction: ArrayLike, target: ArrayLike, *, reduction: str = "mean", at: Indices | None = None
) -> FloatArray:
    """The absolute error.

    loss_i = |prediction_i - target_i|. prediction and target have the same shape.

    >>> float(mae_loss([1, 2, 3], [1, 0, 2]))
    1.0
    """
    p, t = same_shapes("mae_loss", "prediction", prediction, target)
    return reduce_losses("mae_loss", lambda index: float(abs(p[index] - t[index])), p.shape, reduction, at)


def mae_loss_backward(
    grad: ArrayLike, prediction: ArrayLike, target: ArrayLike, *, reduction: str = "mean"
) -> tuple[FloatArray, FloatArray]:
    """Gradients of mae_loss with respect to prediction and target.

    In the forward pass this was: loss_i = |p_i - t_i|; so now: gp_i = sign(p_i - t_i) g_i, 0 where p_i = t_i, and
    gt_i = -gp_i.

    >>> mae_loss_backward(1, [1, 2, 3], [1, 0, 5], reduction="sum")[0].tolist()
    [0.0, 1.0, -1.0]
    """
    p, t = same_shapes("mae_loss_backward", "prediction", prediction, target)
    with quiet():
        gradient = np.asarray(np.sign(p - t) * grad_of_each("mae_loss", grad, p.shape, reduction))
    return gradient, np.asarray(-gradient)


def huber_loss(
    prediction: ArrayLike,
    target: ArrayLike,
    *,
    delta: float = 1.0,
    reduction: str = "mean",
    at: Indices | None = None,
) -> FloatArray:
    """The squared error where it is small, the absolute error where it is large.

    loss_i = e_i^2 / 2 if |e_i| < delta, else delta (|e_i| - delta / 2), for the error e_i = prediction_i - target_i.

    >>> huber_loss([1, 2, 3], [1, 0, 2.5], reduction="none").tolist()
    [0.0, 1.5, 0.125]
    """
    p, t = same_shapes("huber_loss", "prediction", prediction, target)
    _check_delta("huber_loss", delta)

    def element(index: Index) -> float:
        error = abs(p[index] - t[index])
        return float(error**2 / 2 if error < delta else delta * (error - delta / 2))

    return reduce_losses("huber_loss", element, p.shape, reduction, at)


def huber_loss_backward(
    grad: ArrayLike, prediction: ArrayLike, target: ArrayLike, *, delta: float = 1.0, reduction: str = "mean"
) -> tuple[FloatArray, FloatArray]:
    """Gradients of huber_loss with respect to prediction and target.

    In the forward pass this was: e_i^2 / 2 near 0, with the slope e_i, and delta |e_i| minus a constant beyond, with
    the slope delta sign(e_i); so now: gp_i = min(max(e_i, -delta), delta) g_i and gt_i = -gp_i.

    >>> huber_loss_backward(1, [1, 2, 3], [1, 0, 2.5], reduction="sum")[0].tolist()
    [0.0, 1.0, 0.5]
    """
    p, t = same_shapes("huber_loss_backward", "prediction", prediction, target)
    _check_delta("huber_loss_backward", delta)
    with quiet():
        slope = np.clip(p - t, -delta, delta)
        gradient = np.asarray(slope * grad_of_each("huber_loss", grad, p.shape, reduction))
    return gradient, np.asarray(-gradient)


def _check_delta(op: str, delta: float) -> None:
    if not 0 < delta < np.inf:
        raise ValueError(f"{op}: delta is {delta}; expected a number greater than 0")
