"""The losses whose targets are classes, and their gradients.

Letters: N examples, C classes, z logits, t the class of a target, w its weight, a the label smoothing, g the gradient
of the final result with respect to a loss. The reduction "mean" divides by the weights of the targets that count.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Index, Indices, as_float64, as_integers, quiet
from ._losses import grad_of_each, reduce_losses
from .softmax import log_softmax, softmax

Classes = NDArray[np.int64]


def cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    at: Indices | None = None,
) -> FloatArray:
    """How surprised the softmax of the logits is by the true class.

    loss[n, ...] = -sum over c of q[c] log(softmax(logits[n, :, ...])[c]), where q[c] = (1 - a) w[c] if c is the class
    target[n, ...], else 0, plus a w[c] / C; 0 if the target is ignore_index. Without weights (w = 1) and
    label_smoothing (a = 0) that is -log of the true class's probability. The mean is the sum divided by the sum of
    w[target[n, ...]] over the targets that count. Shapes: logits (N, C) or (N, C, d1, ...) with the classes on axis 1;
    target, of integers from 0 to C - 1, (N,) or (N, d1, ...); weight (C,).

    >>> float(cross_entropy([[0, 0], [0, np.log(3)]], [0, 1]).round(4))
    0.4904
    """
    z, t, w = _checked("cross_entropy", "logits", logits, target, weight, ignore_index)
    smoothing = _checked_smoothing("cross_entropy", label_smoothing)

    def element(index: Index) -> float:
        if t[index] == ignore_index:
            return 0.0
        k, log_probabilities = int(t[index]), log_softmax(z[_of_all_classes(index)])
        loss = -(1.0 - smoothing) * w[k] * log_probabilities[k]
        if smoothing > 0:
            loss -= smoothing / len(w) * np.sum(w * log_probabilities)
        return float(loss)

    return reduce_losses("cross_entropy", element, t.shape, reduction, at, _total(t, w, ignore_index))


def cross_entropy_backward(
    grad: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[FloatArray, None]:
    """Gradient of cross_entropy with respect to the logits (None for the target: classes have no gradient).

    In the forward pass this was: loss = sum over c of q_c (log(sum_k exp(z_k)) - z_c) for the logits z and the shares q
    of a target; so now: gz_c = (softmax(z)_c sum(q) - q_c) g, 0 for an ignored target, where g is divided by the
    weights of the targets that count for reduction "mean". The gradient has the shape of logits.

    >>> cross_entropy_backward(1, [[0, 0], [0, np.log(3)]], [0, 1])[0].round(4).tolist()
    [[-0.25, 0.25], [0.125, -0.125]]
    """
    z, t, w = _checked("cross_entropy_backward", "logits", logits, target, weight, ignore_index)
    smoothing = _checked_smoothing("cross_entropy_backward", label_smoothing)
    g = grad_of_each("cross_entropy", grad, t.shape, reduction, _total(t, w, ignore_index))
    gradient = np.zeros(z.shape)
    with quiet():
        for index in np.ndindex(*t.shape):
            if t[index] != ignore_index:
                is_true_class = np.arange(len(w)) == t[index]
                q = w * ((1.0 - smoothing) * is_true_class + smoothing / len(w))
                gradient[_of_all_classes(index)] = (softmax(z[_of_all_classes(index)]) * q.sum() - q) * g[index]
    return gradient, None


def nll_loss(
    log_probabilities: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    at: Indices | None = None,
) -> FloatArray:
    """The loss of the logarithms of probabilities, as log_softmax gives them.

    loss[n, ...] = -w[t] log_probabilities[n, t, ...] for the class t = target[n, ...]; 0 if it is ignore_index. The
    mean is the sum divided by the sum of w[t] over the targets that count. Shapes are those of cross_entropy.

    >>> nll_loss([[-0.5, -1], [-3, -0.25]], [0, 1], reduction="none").tolist()
    [0.5, 0.25]
    """
    z, t, w = _checked("nll_loss", "log_probabilities", log_probabilities, target, weight, ignore_index)

    def element(index: Index) -> float:
        k = int(t[index])
        return 0.0 if k == ignore_index else float(-w[k] * z[_of_all_classes(index)][k])

    return reduce_losses("nll_loss", element, t.shape, reduction, at, _total(t, w, ignore_index))


def nll_loss_backward(
    grad: ArrayLike,
    log_probabilities: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tuple[FloatArray, None]:
    """Gradient of nll_loss with respect to the log-probabilities (None for the target: classes have no gradient).

    In the forward pass this was: loss = -w_t z_t for the class t of a target; so now: gz_c = -w_t g if c = t, else 0,
    where g is divided by the weights of the targets that count for reduction "mean".

    >>> nll_loss_backward(1, [[-0.5, -1], [-3, -0.25]], [0, 1])[0].tolist()
    [[-0.5, 0.0], [0.0, -0.5]]
    """
    z, t, w = _checked("nll_loss_backward", "log_probabilities", log_probabilities, target, weight, ignore_index)
    g = grad_of_each("nll_loss", grad, t.shape, reduction, _total(t, w, ignore_index))
    gradient = np.zeros(z.shape)
    with quiet():
        for index in np.ndindex(*t.shape):
            k = int(t[index])
            if k != ignore_index:
                gradient[(index[0], k, *index[1:])] = -w[k] * g[index]
    return gradient, None


def _of_all_classes(index: Index) -> tuple[int | slice, ...]:
    """Where the logits of the target at (n, ...) are: (n, :, ...)."""
    return (index[0], slice(None), *index[1:])


def _checked_smoothing(op: str, smoothing: float) -> float:
    if not 0 <= smoothing <= 1:
        raise ValueError(f"{op}: label_smoothing is {smoothing}; expected a number from 0 to 1")
    return smoothing


def _total(t: Classes, w: FloatArray, ignored: int) -> float:
    """The weights of the targets that count."""
    with quiet():
        return float(sum(w[k] for k in t.ravel().tolist() if k != ignored))


def _checked(
    op: str, name: str, scores: ArrayLike, target: ArrayLike, weight: ArrayLike | None, ignored: int
) -> tuple[FloatArray, Classes, FloatArray]:
    z, t = as_float64(op, name, scores), as_integers(op, "target", target)
    if z.ndim < 2 or t.shape != (z.shape[0], *z.shape[2:]):
        raise ValueError(
            f"{op}: target is {t.shape}, {name} is {z.shape}; expected {name} (N, C, d1, ...) and target (N, d1, ...)"
        )
    classes = z.shape[1]
    counted = t[t != ignored]
    if np.any((counted < 0) | (counted >= classes)):
        raise ValueError(
            f"{op}: target ranges from {counted.min()} to {counted.max()}; expected classes from 0 to {classes - 1}"
        )
    w = np.ones(classes) if weight is None else as_float64(op, "weight", weight)
    if w.shape != (classes,):
        raise ValueError(f"{op}: weight is {w.shape}; expected one for each of the {classes} classes")
    return z, t, w
