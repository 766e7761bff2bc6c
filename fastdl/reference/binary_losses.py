"""The losses of yes-or-no targets, and their gradients.

Letters: z logits or scores, p probabilities, t targets, w the weight of a target, d that of a yes, g the gradient of
the final result with respect to a loss (`grad`, for the reduction "mean" divided by the number of targets).
"""

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_float64, quiet
from ._losses import grad_of_each, reduce_losses, same_shapes
from .activations import sigmoid


def hinge_loss(
    scores: ArrayLike, target: ArrayLike, *, reduction: str = "mean", at: Indices | None = None
) -> FloatArray:
    """The loss of a support vector machine: how far a score is from the right side of the margin.

    loss_i = max(0, 1 - t_i z_i) for a score z_i and its target t_i, -1 or +1.

    >>> hinge_loss([0.5, 2, -1], [1, 1, 1], reduction="none").tolist()
    [0.5, 0.0, 2.0]
    """
    z, t = same_shapes("hinge_loss", "scores", scores, target)

    def element(index: Index) -> float:
        return float(np.maximum(0.0, 1.0 - t[index] * z[index]))

    return reduce_losses("hinge_loss", element, z.shape, reduction, at)


def hinge_loss_backward(
    grad: ArrayLike, scores: ArrayLike, target: ArrayLike, *, reduction: str = "mean"
) -> tuple[FloatArray, FloatArray]:
    """Gradients of hinge_loss with respect to scores and target.

    In the forward pass this was: loss_i = max(0, 1 - t_i z_i); so now: gz_i = -t_i g_i and gt_i = -z_i g_i where
    t_i z_i < 1, else 0.

    >>> hinge_loss_backward(1, [0.5, 2, -1], [1, 1, 1], reduction="sum")[0].tolist()
    [-1.0, 0.0, -1.0]
    """
    z, t = same_shapes("hinge_loss_backward", "scores", scores, target)
    g = grad_of_each("hinge_loss", grad, z.shape, reduction)
    with quiet():
        outside = 1.0 - t * z <= 0
        return np.asarray(np.where(outside, 0.0, -t) * g), np.asarray(np.where(outside, 0.0, -z) * g)


def binary_cross_entropy(
    probability: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    reduction: str = "mean",
    at: Indices | None = None,
) -> FloatArray:
    """How surprised each probability of yes is by its target, which is itself a probability.

    loss = -w (t log(p) + (1 - t) log(1 - p)) with logarithms no less than -100. probability and target have the same
    shape, to which weight (1 if None) is repeated.

    >>> binary_cross_entropy([0.5, 1, 0], [1, 0, 1], reduction="none").round(4).tolist()
    [0.6931, 100.0, 100.0]
    """
    p, t = same_shapes("binary_cross_entropy", "probability", probability, target)
    w = _weights("binary_cross_entropy", "weight", weight, p.shape)

    def element(index: Index) -> float:
        yes, no = np.maximum(np.log(p[index]), -100.0), np.maximum(np.log(1.0 - p[index]), -100.0)
        return float(-w[index] * (t[index] * yes + (1.0 - t[index]) * no))

    return reduce_losses("binary_cross_entropy", element, p.shape, reduction, at)


def binary_cross_entropy_backward(
    grad: ArrayLike,
    probability: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> tuple[FloatArray, FloatArray]:
    """Gradients of binary_cross_entropy with respect to probability and target.

    In the forward pass this was: loss = -w (t log(p) + (1 - t) log(1 - p)); so now: gp = w (p - t) / (p (1 - p)) g,
    with a denominator of at least 1e-12, and gt = w (log(1 - p) - log(p)) g with logarithms no less than -100.

    >>> binary_cross_entropy_backward(1, [0.5, 0.75], [1, 0], reduction="sum")[0].tolist()
    [-2.0, 4.0]
    """
    p, t = same_shapes("binary_cross_entropy_backward", "probability", probability, target)
    w = _weights("binary_cross_entropy_backward", "weight", weight, p.shape)
    g = grad_of_each("binary_cross_entropy", grad, p.shape, reduction)
    with quiet():
        slope = (p - t) / np.maximum(p * (1.0 - p), 1e-12)
        log_odds = np.maximum(np.log(p), -100.0) - np.maximum(np.log(1.0 - p), -100.0)
        return np.asarray(w * slope * g), np.asarray(-w * log_odds * g)


def binary_cross_entropy_with_logits(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: str = "mean",
    at: Indices | None = None,
) -> FloatArray:
    """How surprised the sigmoid of each logit is by its target, a probability from 0 to 1.

    loss = -w (d t log(s(z)) + (1 - t) log(1 - s(z))) for a logit z and its target t, where -log(s(z)) =
    max(-z, 0) + log(1 + exp(-|z|)) and -log(1 - s(z)) = max(z, 0) + log(1 + exp(-|z|)) neither overflow nor cancel.
    logits and target have the same shape, to which weight w and pos_weight d (1 if None) are repeated.

    >>> float(binary_cross_entropy_with_logits([0, 1000], [1, 1], reduction="sum").round(4))
    0.6931
    """
    op = "binary_cross_entropy_with_logits"
    z, t = _logits_and_probabilities(op, logits, target)
    w, d = _weights(op, "weight", weight, z.shape), _weights(op, "pos_weight", pos_weight, z.shape)

    def element(index: Index) -> float:
        small = np.log1p(np.exp(-np.abs(z[index])))
        yes = t[index] * (np.maximum(-z[index], 0.0) + small)
        no = (1.0 - t[index]) * (np.maximum(z[index], 0.0) + small)
        return float(w[index] * (d[index] * yes + no))

    return reduce_losses(op, element, z.shape, reduction, at)


def binary_cross_entropy_with_logits_backward(
    grad: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> tuple[FloatArray, FloatArray]:
    """Gradients of binary_cross_entropy_with_logits with respect to logits and target.

    In the forward pass this was: loss = -w (d t log(s(z)) + (1 - t) log(1 - s(z))), where log(s(z)) has the slope 1 -
    s(z) = s(-z) and log(1 - s(z)) the slope -s(z); so now: gz = w ((1 - t) s(z) - d t s(-z)) g and gt = w ((1 - d)
    log(s(z)) - z) g, since log(s(z)) - log(1 - s(z)) = z, where g is divided by the number of targets for reduction
    "mean".

    >>> binary_cross_entropy_with_logits_backward(1, [0, 1000], [1, 1], reduction="sum")[0].tolist()
    [-0.5, 0.0]
    """
    op = "binary_cross_entropy_with_logits"
    z, t = _logits_and_probabilities(f"{op}_backward", logits, target)
    w = _weights(f"{op}_backward", "weight", weight, z.shape)
    d = _weights(f"{op}_backward", "pos_weight", pos_weight, z.shape)
    g = grad_of_each(op, grad, z.shape, reduction)
    with quiet():
        slope = (1.0 - t) * sigmoid(z) - d * t * sigmoid(-z)
        small = np.log1p(np.exp(-np.abs(z)))
        target_slope = -z if pos_weight is None else (d - 1.0) * (np.maximum(-z, 0.0) + small) - z
        return np.asarray(w * slope * g), np.asarray(w * target_slope * g)


def _logits_and_probabilities(op: str, logits: ArrayLike, target: ArrayLike) -> tuple[FloatArray, FloatArray]:
    z, t = same_shapes(op, "logits", logits, target)
    if np.any((t < 0) | (t > 1)):
        raise ValueError(f"{op}: target ranges from {t.min()} to {t.max()}; expected values from 0 to 1")
    return z, t


def _weights(op: str, name: str, weights: ArrayLike | None, shape: Index) -> FloatArray:
    """One weight for each target, 1 if there are none."""
    if weights is None:
        return np.ones(shape)
    given = as_float64(op, name, weights)
    try:
        return np.broadcast_to(given, shape)
    except ValueError:
        raise ValueError(f"{op}: {name} is {given.shape}, the targets are {shape}; it must repeat to theirs") from None
