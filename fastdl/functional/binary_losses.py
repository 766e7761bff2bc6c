"""Losses of yes-or-no targets, each beside its gradients.

Letters: z logits or scores, p probabilities, t targets, s = sigmoid, w weights of single targets, d weights of yes, g
gradient of the loss; k is 1 / (number of targets) for the reduction "mean" and 1 otherwise. Weights are constants: they
have no gradient.
"""

import math
from typing import Any

from ..ops import op
from . import activations, comparisons, elementwise
from ._draw import losses as draw
from ._losses import (
    checked,
    checked_weights,
    elementwise_gradient,
    elementwise_loss,
    filled,
    loss_grad,
    of_gradient,
    scaled,
    slope,
)


def _weighed(x: Any, weights: Any) -> Any:
    """x times the first of the weights, those of single targets, if there are any."""
    return elementwise.multiply(x, weights[0]) if weights and weights[0] is not None else x


def _hinge_grad_vjp(grads: Any, inputs: Any, reduction: str) -> tuple[Any, None, Any]:
    # In the forward pass y = -k g t where t z < 1, else 0, so with the gradient h of y: dg = sum of k h times that, no
    # dz, and dt = -k g h where t z < 1, else 0: the slope at t z of a target of 1.
    (h,), (grad, z, t) = grads, inputs
    minus = slope(_hinge_grad, elementwise.multiply(z, t), filled(1, z), reduction=reduction)
    dt = elementwise.multiply(elementwise.multiply(h, grad), minus)
    return of_gradient(_hinge_grad, h, inputs, reduction), None, dt


_hinge_grad = elementwise_gradient("hinge_grad", "hinge", _hinge_grad_vjp, 1, 0.2)


def hinge_loss_backward(grad: Any, scores: Any, target: Any, *, reduction: str = "mean") -> tuple[Any, Any]:
    """In the forward pass each loss was max(0, 1 - t z), so dz = -t k g and dt = -z k g where t z < 1, else 0."""
    z, t = checked("hinge_loss_backward", "scores", scores, target, reduction)
    grad = loss_grad("hinge_loss_backward", grad, t, z.dtype, reduction)
    return _hinge_grad(grad, z, t, reduction=reduction)[0], _hinge_grad(grad, t, z, reduction=reduction)[0]


_hinge_loss = elementwise_loss("hinge_loss", "hinge", hinge_loss_backward, 0.2)


@op(draw=draw.hinge_loss)
def hinge_loss(scores: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Loss of a support vector machine: loss = max(0, 1 - t z), then the mean or the sum of all.

    Equivalent to ``np.mean(np.maximum(0, 1 - target * scores))``. A target is -1 or +1, which is not checked, in an
    array of the scores' shape and dtype, float32 or float64. The result has shape () or, with reduction="none", theirs.
    The gradient where t z = 1 is 0.

    Raises ValueError if the shapes differ: (N, 1) against (N,) would otherwise compare each with each.

    Source: Cortes and Vapnik, Support-vector networks (1995).

    >>> import numpy as np
    >>> hinge_loss(np.float64([0.5, 2, -1]), np.float64([1, 1, 1]), reduction="none")
    array([0.5, 0. , 2. ])
    """
    z, t = checked("hinge_loss", "scores", scores, target, reduction)
    (loss,) = _hinge_loss(z, t, reduction=reduction)
    return loss


def _bce_grad_vjp(grads: Any, inputs: Any, reduction: str) -> tuple[Any, Any, Any]:
    # In the forward pass y = k g w (p - t) / (p (1 - p)), so with the gradient h of y: dg = sum of k h times the rest,
    # dp = k g h w (t / p^2 + (1 - t) / (1 - p)^2), dt = -k g h w / (p (1 - p)).
    (h,), (grad, p, t, *weights) = grads, inputs
    multiply, divide = elementwise.multiply, elementwise.divide
    both = _weighed(multiply(scaled(h, reduction, math.prod(p.shape)), grad), weights)
    q = elementwise.subtract(1, p)
    yes, no = divide(divide(t, p), p), divide(divide(elementwise.subtract(1, t), q), q)
    dt = elementwise.negative(divide(both, multiply(p, q)))
    return of_gradient(_bce_grad, h, inputs, reduction), multiply(both, elementwise.add(yes, no)), dt


_bce_grad = elementwise_gradient("bce_grad", "bce", _bce_grad_vjp, 1, 0.5)


def _bce_vjp(grad: Any, p: Any, t: Any, *weights: Any, reduction: str) -> tuple[Any, Any]:
    # The loss is linear in the target: its slope is the loss of yes less that of no.
    (dp,) = _bce_grad(grad, p, t, *weights, reduction=reduction)
    yes, no = [_bce(p, filled(answer, p), *weights, reduction="none")[0] for answer in (1, 0)]
    dt = elementwise.multiply(elementwise.subtract(yes, no), scaled(grad, reduction, math.prod(p.shape)))
    return dp, dt


_bce = elementwise_loss("binary_cross_entropy", "bce", _bce_vjp, 1.0)


def binary_cross_entropy_backward(
    grad: Any, probability: Any, target: Any, *, weight: Any = None, reduction: str = "mean"
) -> tuple[Any, Any]:
    """In the forward pass each loss was -w (t log p + (1 - t) log(1 - p)), so dp = w (p - t) / (p (1 - p)) k g, with a
    denominator of at least 1e-12, and dt = w (log(1 - p) - log p) k g."""
    name = "binary_cross_entropy_backward"
    p, t = checked(name, "probability", probability, target, reduction)
    weights = checked_weights(name, p, weight=weight, others=None)
    return _bce_vjp(loss_grad(name, grad, t, p.dtype, reduction), p, t, *weights, reduction=reduction)


@op(draw=draw.binary_cross_entropy)
def binary_cross_entropy(probability: Any, target: Any, *, weight: Any = None, reduction: str = "mean") -> Any:
    """Cross-entropy of yes-or-no targets: loss = -w (t log p + (1 - t) log(1 - p)), then the mean or the sum of all.

    Equivalent to ``-np.mean(w * (t * np.log(p) + (1 - t) * np.log(1 - p)))``, with logarithms no less than -100, so
    that a certain and wrong answer costs 100 and not infinity. probability and target have the same shape and are both
    float32 or both float64; ``weight`` repeats to that shape, 1 if None, and is a constant: it has no gradient. The
    mean divides by the number of targets. The result has shape () or, with reduction="none", that of the targets.

    Raises ValueError if the shapes do not fit. A probability outside 0..1 gives NaN: logits belong into
    binary_cross_entropy_with_logits, which is also more accurate.

    >>> import numpy as np
    >>> binary_cross_entropy(np.float64([0.5, 1, 0]), np.float64([1, 0, 1]), reduction="none").round(4)
    array([  0.6931, 100.    , 100.    ])
    """
    name = "binary_cross_entropy"
    p, t = checked(name, "probability", probability, target, reduction)
    (loss,) = _bce(p, t, *checked_weights(name, p, weight=weight, others=None), reduction=reduction)
    return loss


def _logits_grad_vjp(grads: Any, inputs: Any, reduction: str) -> tuple[Any, Any, Any]:
    # In the forward pass y = k g w ((1 - t) s(z) - d t s(-z)), so with the gradient h of y: dg = sum of k h times the
    # rest, dz = k h g w (1 - t + d t) s(z) s(-z), dt = -k h g w (s(z) + d s(-z)); d = 1 without weights of yes.
    (h,), (grad, z, t, *weights) = grads, inputs
    multiply, add = elementwise.multiply, elementwise.add
    both = _weighed(multiply(scaled(h, reduction, math.prod(z.shape)), grad), weights)
    s, less = activations.sigmoid(z), activations.sigmoid(elementwise.negative(z))
    dz, minus_dt = multiply(both, multiply(s, less)), both
    if weights and weights[1] is not None:
        more = elementwise.subtract(weights[1], 1)
        dz, minus_dt = multiply(dz, add(multiply(t, more), 1)), multiply(both, add(multiply(less, more), 1))
    return of_gradient(_logits_grad, h, inputs, reduction), dz, elementwise.negative(minus_dt)


_logits_grad = elementwise_gradient("binary_cross_entropy_with_logits_grad", "logits", _logits_grad_vjp, 1, 0.5)


def _logits_vjp(grad: Any, z: Any, t: Any, *weights: Any, reduction: str) -> tuple[Any, Any]:
    (dz,) = _logits_grad(grad, z, t, *weights, reduction=reduction)
    minus_slope, share = z, scaled(elementwise.negative(grad), reduction, math.prod(z.shape))
    if weights and weights[1] is not None:
        # -log s(z) is the loss of yes; it is 0 long before 1000, and would be NaN at infinity.
        (yes,) = _logits_loss(comparisons.minimum(z, 1000.0), filled(1, z), reduction="none")
        minus_slope = elementwise.subtract(z, elementwise.multiply(elementwise.subtract(weights[1], 1), yes))
    return dz, _weighed(elementwise.multiply(minus_slope, share), weights)


_logits_loss = elementwise_loss("binary_cross_entropy_with_logits", "logits", _logits_vjp, 1.0)


def binary_cross_entropy_with_logits_backward(
    grad: Any, logits: Any, target: Any, *, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
) -> tuple[Any, Any]:
    """In the forward pass each loss was -w (d t log s(z) + (1 - t) log s(-z)), so
    dz = w ((1 - t) s(z) - d t s(-z)) k g and dt = w ((1 - d) log s(z) - z) k g; without weights s(z) - t and -z."""
    name = "binary_cross_entropy_with_logits_backward"
    z, t = checked(name, "logits", logits, target, reduction)
    weights = checked_weights(name, z, weight=weight, pos_weight=pos_weight)
    return _logits_vjp(loss_grad(name, grad, t, z.dtype, reduction), z, t, *weights, reduction=reduction)


@op(draw=draw.binary_cross_entropy_with_logits)
def binary_cross_entropy_with_logits(
    logits: Any, target: Any, *, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
) -> Any:
    """Cross-entropy of yes-or-no targets: loss = -t log s(z) - (1 - t) log(1 - s(z)), then the mean or the sum of all.

    Equivalent to ``np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))``, which neither overflows nor
    cancels. logits and target have the same shape and are both float32 or both float64; a target is the probability
    of yes, from 0 to 1, which is not checked. The result has shape () or, with reduction="none", theirs.

    ``weight`` multiplies each loss, ``pos_weight`` the part of yes: loss = -w (d t log s(z) + (1 - t) log(1 - s(z)));
    more than 1 finds more of the yes and errs more often. Both repeat to the shape of the targets ((K,) for K questions
    each), are 1 if None, and constants: they have no gradient. The mean divides by the number of targets.

    Raises ValueError if the shapes differ: (N, 1) against (N,) would otherwise compare each with each.

    >>> import numpy as np
    >>> binary_cross_entropy_with_logits(np.float64([0, 1000]), np.float64([1, 1]), reduction="none").round(4)
    array([0.6931, 0.    ])
    """
    name = "binary_cross_entropy_with_logits"
    z, t = checked(name, "logits", logits, target, reduction)
    (loss,) = _logits_loss(z, t, *checked_weights(name, z, weight=weight, pos_weight=pos_weight), reduction=reduction)
    return loss
