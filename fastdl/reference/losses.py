"""The loss functions, which measure how far predictions are from targets, and their gradients.

Letters: N examples, C classes; g is the gradient of the final result with respect to the loss (`grad`). Each
loss first has one value per target; `reduction` says what becomes of them: "mean" divides their sum by the
number of targets, "sum" adds them up, "none" leaves them as they are. So `grad` is a number for "mean" and
"sum", and has the shape of the targets for "none".
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Index, Indices, as_float64, as_grad, as_integers, evaluate, pick, quiet
from .activations import sigmoid
from .softmax import log_softmax, softmax


def mse_loss(
    prediction: ArrayLike, target: ArrayLike, *, reduction: str = "mean", at: Indices | None = None
) -> FloatArray:
    """The squared error.

    loss_i = (prediction_i - target_i)^2. prediction and target have the same shape.

    >>> float(mse_loss([1, 2, 3], [1, 0, 0]).round(4))
    4.3333
    """
    p, t = _same_shapes("mse_loss", "prediction", prediction, target)
    return _reduce("mse_loss", lambda index: float((p[index] - t[index]) ** 2), p.shape, reduction, at)


def mse_loss_backward(
    grad: ArrayLike, prediction: ArrayLike, target: ArrayLike, *, reduction: str = "mean"
) -> tuple[FloatArray, FloatArray]:
    """Gradients of mse_loss with respect to prediction and target.

    In the forward pass this was: loss_i = (p_i - t_i)^2; so now: gp_i = 2 (p_i - t_i) g_i, gt_i = -gp_i,
    where g_i = g for reduction "sum" and g divided by the number of targets for "mean".

    >>> mse_loss_backward(1, [1, 2, 3], [1, 0, 0], reduction="sum")[0].tolist()
    [0.0, 4.0, 6.0]
    """
    p, t = _same_shapes("mse_loss_backward", "prediction", prediction, target)
    with quiet():
        gradient = np.asarray(2.0 * (p - t) * _grad_of_each("mse_loss", grad, p.shape, reduction))
    return np.asarray(gradient), np.asarray(-gradient)


def cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, reduction: str = "mean", at: Indices | None = None
) -> FloatArray:
    """How surprised the softmax of the logits is by the true class.

    loss[n, ...] = -log(softmax(logits[n, :, ...])[target[n, ...]]).
    Shapes: logits (N, C) or (N, C, d1, ...) with the classes on axis 1; target, of integers from 0 to C - 1,
    (N,) or (N, d1, ...).

    >>> float(cross_entropy([[0, 0], [0, np.log(3)]], [0, 1]).round(4))
    0.4904
    """
    scores, classes = _logits_and_classes("cross_entropy", logits, target)

    def element(index: Index) -> float:
        return float(-log_softmax(scores[_of_all_classes(index)])[classes[index]])

    return _reduce("cross_entropy", element, classes.shape, reduction, at)


def cross_entropy_backward(
    grad: ArrayLike, logits: ArrayLike, target: ArrayLike, *, reduction: str = "mean"
) -> tuple[FloatArray, None]:
    """Gradient of cross_entropy with respect to the logits (None for the target: classes have no gradient).

    In the forward pass this was: loss = -z_t + log(sum_c exp(z_c)) for the logits z and the class t of a
    target; so now: gz_c = (softmax(z)_c - [c = t]) g, where g is divided by the number of targets for
    reduction "mean". The gradient has the shape of logits.

    >>> cross_entropy_backward(1, [[0, 0], [0, np.log(3)]], [0, 1])[0].round(4).tolist()
    [[-0.25, 0.25], [0.125, -0.125]]
    """
    scores, classes = _logits_and_classes("cross_entropy_backward", logits, target)
    g = _grad_of_each("cross_entropy", grad, classes.shape, reduction)
    gradient = np.empty(scores.shape)
    with quiet():
        for index in np.ndindex(*classes.shape):
            is_true_class = np.arange(scores.shape[1]) == classes[index]
            probabilities = softmax(scores[_of_all_classes(index)])
            gradient[_of_all_classes(index)] = (probabilities - is_true_class) * g[index]
    return gradient, None


def binary_cross_entropy_with_logits(
    logits: ArrayLike, target: ArrayLike, *, reduction: str = "mean", at: Indices | None = None
) -> FloatArray:
    """How surprised the sigmoid of each logit is by its target, a probability from 0 to 1.

    loss = -t log(s(z)) - (1 - t) log(1 - s(z)) = max(z, 0) - z t + log(1 + exp(-|z|)) for a logit z and its
    target t; the second form neither overflows nor cancels. logits and target have the same shape.

    >>> float(binary_cross_entropy_with_logits([0, 1000], [1, 1], reduction="sum").round(4))
    0.6931
    """
    z, t = _logits_and_probabilities("binary_cross_entropy_with_logits", logits, target)

    def element(index: Index) -> float:
        return float(np.maximum(z[index], 0.0) - z[index] * t[index] + np.log1p(np.exp(-np.abs(z[index]))))

    return _reduce("binary_cross_entropy_with_logits", element, z.shape, reduction, at)


def binary_cross_entropy_with_logits_backward(
    grad: ArrayLike, logits: ArrayLike, target: ArrayLike, *, reduction: str = "mean"
) -> tuple[FloatArray, FloatArray]:
    """Gradients of binary_cross_entropy_with_logits with respect to logits and target.

    In the forward pass this was: loss = -t log(s(z)) - (1 - t) log(1 - s(z)), where log(s(z)) has the slope
    1 - s(z), log(1 - s(z)) the slope -s(z), and their difference is z; so now: gz = (s(z) - t) g and
    gt = -z g, where g is divided by the number of targets for reduction "mean".

    >>> binary_cross_entropy_with_logits_backward(1, [0, 1000], [1, 1], reduction="sum")[0].tolist()
    [-0.5, 0.0]
    """
    op = "binary_cross_entropy_with_logits"
    z, t = _logits_and_probabilities(f"{op}_backward", logits, target)
    g = _grad_of_each(op, grad, z.shape, reduction)
    with quiet():
        # For z > 0 the same slope as (1 - t) - s(-z): s(z) - t would cancel where s(z) is nearly 1.
        slope = np.where(z > 0, (1 - t) - sigmoid(-z), sigmoid(z) - t)
        return np.asarray(slope * g), np.asarray(-z * g)


def _of_all_classes(index: Index) -> tuple[int | slice, ...]:
    """Where the logits of the target at (n, ...) are: (n, :, ...)."""
    return (index[0], slice(None), *index[1:])


def _reduce(op: str, element: Callable[[Index], float], shape: Index, reduction: str, at: Indices | None) -> FloatArray:
    """The losses of all targets, or their mean or sum."""
    _check_reduction(op, reduction)
    if reduction == "none":
        return evaluate(element, shape, at)
    total = np.sum(evaluate(element, shape, None))
    with quiet():
        result = total / np.float64(np.prod(shape)) if reduction == "mean" else total
    return pick(np.asarray(result), at)


def _grad_of_each(op: str, grad: ArrayLike, shape: Index, reduction: str) -> FloatArray:
    """The gradient with respect to the loss of each target."""
    _check_reduction(f"{op}_backward", reduction)
    if reduction == "none":
        return as_grad(op, grad, shape)
    of_all = as_grad(op, grad, ())
    with quiet():
        return np.full(shape, of_all / np.float64(np.prod(shape)) if reduction == "mean" else of_all)


def _check_reduction(op: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{op}: reduction is {reduction!r}; expected "mean", "sum" or "none"')


def _same_shapes(op: str, name: str, value: ArrayLike, target: ArrayLike) -> tuple[FloatArray, FloatArray]:
    values, targets = as_float64(op, name, value), as_float64(op, "target", target)
    if values.shape != targets.shape:
        raise ValueError(f"{op}: target is {targets.shape}, {name} is {values.shape}; they must agree")
    return values, targets


def _logits_and_probabilities(op: str, logits: ArrayLike, target: ArrayLike) -> tuple[FloatArray, FloatArray]:
    z, t = _same_shapes(op, "logits", logits, target)
    if np.any((t < 0) | (t > 1)):
        raise ValueError(f"{op}: target ranges from {t.min()} to {t.max()}; expected values from 0 to 1")
    return z, t


def _logits_and_classes(op: str, logits: ArrayLike, target: ArrayLike) -> tuple[FloatArray, NDArray[np.int64]]:
    scores, classes = as_float64(op, "logits", logits), as_integers(op, "target", target)
    if scores.ndim < 2 or classes.shape != (scores.shape[0], *scores.shape[2:]):
        raise ValueError(
            f"{op}: target is {classes.shape}, logits is {scores.shape}; "
            "expected logits (N, C, d1, ...) and target (N, d1, ...)"
        )
    if np.any((classes < 0) | (classes >= scores.shape[1])):
        raise ValueError(
            f"{op}: target ranges from {classes.min()} to {classes.max()}; "
            f"expected classes from 0 to {scores.shape[1] - 1}"
        )
    return scores, classes
