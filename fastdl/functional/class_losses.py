"""Losses whose targets are classes: cross_entropy of logits and nll_loss of log-probabilities, beside their gradients.

Letters: N examples, C classes, z logits or log-probabilities, t targets, w weights of the classes (constants), W total
weight of the targets that count, g gradient of the loss. k is 1 / W for the reduction "mean" and 1 otherwise.
"""

from typing import Any

import numpy as np

from ..ops import Primitive, Symbol, op
from ..options import is_integer, is_number
from . import _class_losses as primitives
from ._door import INT64, array, choice, describe, floats, indices
from ._draw import losses as draw
from ._losses import REDUCTIONS, loss_grad


def _checked(
    name: str, what: str, scores: Any, target: Any, weight: Any, ignore_index: Any, reduction: str
) -> list[Any]:
    """Scores (N, C, ...), classes (N, ...), weights (C,) and the ignored class."""
    choice(name, "reduction", reduction, REDUCTIONS)
    given = {what: scores} if weight is None else {what: scores, "weight": weight}
    z, w = (*floats(name, **given), None)[:2]
    t = target
    if isinstance(t, (int, list, tuple)):
        t = np.asarray(t, None if np.size(t) else INT64)  # nothing would be float64
    t = array(name, "target", t)
    if t.dtype.kind == "f":
        raise TypeError(
            f"{name}: target has dtype {t.dtype}; expected integer classes. Use mse_loss for targets that are numbers, "
            "binary_cross_entropy_with_logits for probabilities of yes, target.astype(np.int64) for classes"
        )
    t = indices(name, "target", t)
    expected = (*z.shape[:1], *z.shape[2:])
    if len(z.shape) < 2 or z.shape[1] == 0 or tuple(t.shape) != expected:
        remedy = f"{what} (N, C, ...) with at least one class and target (N, ...)"
        if tuple(t.shape) == tuple(z.shape) or tuple(t.shape) == (*expected, 1):
            remedy += ": one class number per target, target.argmax(1) if it is one-hot, target[..., 0] if it is (N, 1)"
        raise ValueError(f"{name}: target is {tuple(t.shape)}, {what} is {tuple(z.shape)}; expected {remedy}")
    if w is not None and tuple(w.shape) != (z.shape[1],):
        raise ValueError(
            f"{name}: {describe(weight=w, **{what: z})}; expected one weight for each of the {z.shape[1]} classes"
        )
    if not is_integer(ignore_index):
        raise TypeError(f"{name}: ignore_index is {ignore_index!r}; expected an integer")
    if not -(2**63) <= ignore_index < 2**63:
        raise ValueError(f"{name}: ignore_index is {ignore_index}; expected an integer that an int64 holds")
    return [z, t, w, int(ignore_index)]


def _smoothed(name: str, z: Any, w: Any, label_smoothing: Any) -> list[Any]:
    """The weights, which smoothing needs, and its share."""
    if not is_number(label_smoothing):
        raise TypeError(f"{name}: label_smoothing is {label_smoothing!r}; expected a number from 0 to 1")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing is {label_smoothing!r}; expected a number from 0 to 1")
    if label_smoothing and w is None:
        w = np.ones(z.shape[1], z.dtype)
    return [w, float(label_smoothing)]


def _run(primitive: Primitive, inputs: tuple[Any, ...], t: Any, z: Any, attrs: dict[str, Any]) -> Any:
    """The result of a primitive; an error about a class that is not there names it, if the targets are known."""
    try:
        return primitive(*inputs, **attrs)[0]
    except IndexError as error:
        found = np.argwhere(((t < 0) | (t >= z.shape[1])) & (t != attrs.get("ignored", -100))).tolist()
        raise IndexError(f"{error}: target{found[0]} is {t[tuple(found[0])]}") from None


def _attributes(reduction: str, ignored: int, smoothing: float = 0.0, *arrays: Any) -> dict[str, Any]:
    """The primitive's attributes but for those that have their usual values: an eager call looks all of them up.

    The total weight is kept for the gradient where the primitive is recorded, among ``arrays``.
    """
    attrs: dict[str, Any] = {"reduction": reduction}
    if ignored != -100:
        attrs["ignored"] = ignored
    if smoothing:
        attrs["smoothing"] = smoothing
    if any([isinstance(x, Symbol) for x in arrays]):
        attrs["kept"] = True
    return attrs


def cross_entropy_backward(
    grad: Any,
    logits: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[Any, None]:
    """In the forward pass each loss was -z_t + log(sum of exp(z)), so dz = (softmax(z) - onehot(t)) k g; with weights
    and smoothing a it was -sum of q log softmax(z) with q = (1 - a) w onehot(t) + a w / C, so dz = (sum(q) softmax(z) -
    q) k g.
    """
    name = "cross_entropy_backward"
    z, t, w, ignored = _checked(name, "logits", logits, target, weight, ignore_index, reduction)
    w, smoothing = _smoothed(name, z, w, label_smoothing)
    grad = loss_grad(name, grad, t, z.dtype, reduction)
    attrs = _attributes(reduction, ignored, smoothing)
    return _run(primitives.cross_entropy_grad, (grad, z, t, w, None), t, z, attrs), None


@op(draw=draw.cross_entropy)
def cross_entropy(
    logits: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """Cross-entropy of classes: loss = -log(softmax(z)[t]) = log(sum of exp(z)) - z[t], then the mean or sum of all.

    Equivalent to ``np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(N), t])``, without its overflow. logits are float32
    or float64 (N, C) or (N, C, d1, ...) with the classes on axis 1, target integers from 0 to C - 1, (N,) or
    (N, d1, ...). The result has shape () or, with reduction="none", the target's.

    ``weight`` (C,), in the logits' dtype, weighs each target by its class; it is a constant and has no gradient.
    Targets equal to ``ignore_index`` count for nothing: their loss and gradient are 0. ``label_smoothing`` a, from 0 to
    1, gives each class a share of the target: loss = -sum_c q_c log(softmax(z)[c]) with q = w (1 - a) at the target
    plus w a / C everywhere. As in PyTorch, the mean divides by the sum of the weights of the targets that count; where
    none does, it is NaN.

    Raises TypeError for targets that are not integers, ValueError if the shapes do not fit, IndexError for a class
    outside 0..C-1 that is not ``ignore_index``. A NaN among the logits makes the loss NaN.

    Source of label smoothing: Szegedy et al., Rethinking the Inception architecture (2016), section 7.

    >>> cross_entropy(np.float64([[0, 0], [0, 1000]]), np.array([0, 1]), reduction="none").round(4)
    array([0.6931, 0.    ])
    >>> cross_entropy(np.float64([[0, 0], [0, 1000]]), np.array([0, -100]), reduction="none").round(4)
    array([0.6931, 0.    ])
    """
    name = "cross_entropy"
    z, t, w, ignored = _checked(name, "logits", logits, target, weight, ignore_index, reduction)
    w, smoothing = _smoothed(name, z, w, label_smoothing)
    attrs = _attributes(reduction, ignored, smoothing, z, t)
    return _run(primitives.cross_entropy, (z, t, w), t, z, attrs)


def nll_loss_backward(
    grad: Any,
    log_probabilities: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tuple[Any, None]:
    """In the forward pass each loss was -w_t z_t, so dz = -w_t k g at the target's class and 0 elsewhere."""
    name = "nll_loss_backward"
    z, t, w, ignored = _checked(name, "log_probabilities", log_probabilities, target, weight, ignore_index, reduction)
    attrs = {"classes": z.shape[1]} | _attributes(reduction, ignored)
    return _run(primitives.nll_grad, (loss_grad(name, grad, t, z.dtype, reduction), t, w, None), t, z, attrs), None


@op(draw=draw.nll_loss)
def nll_loss(
    log_probabilities: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Loss of the logarithms of probabilities: loss = -w_t z[t], then the mean or sum of all.

    Equivalent to ``-np.mean(z[np.arange(N), t])``. log_probabilities, the result of log_softmax, are float32 or float64
    (N, C) or (N, C, d1, ...) with the classes on axis 1, target integers from 0 to C - 1, (N,) or (N, d1, ...). The
    result has shape () or, with reduction="none", the target's. ``nll_loss(log_softmax(z, 1), t)`` is
    ``cross_entropy(z, t)``, which is faster.

    ``weight`` (C,) weighs each target by its class; it is a constant and has no gradient. Targets equal to
    ``ignore_index`` count for nothing. The mean divides by the sum of the weights of the targets that count; where none
    does, it is NaN.

    Raises TypeError for targets that are not integers, ValueError if the shapes do not fit, IndexError for a class
    outside 0..C-1 that is not ``ignore_index``.

    >>> nll_loss(np.log(np.float64([[0.5, 0.5], [0.2, 0.8]])), np.array([0, 1]), reduction="none").round(4)
    array([0.6931, 0.2231])
    """
    name = "nll_loss"
    z, t, w, ignored = _checked(name, "log_probabilities", log_probabilities, target, weight, ignore_index, reduction)
    attrs = _attributes(reduction, ignored, 0.0, z, t)
    return _run(primitives.nll, (z, t, w), t, z, attrs)
