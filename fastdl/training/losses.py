"""Losses as training sees them: by name or function, and what they say about the targets and the model's outputs.

A loss has a *kind*: ``classes`` (scores for each class along axis 1, integer targets), ``binary`` (one score, above a
threshold for the second class) or ``values`` (the outputs are the prediction). The kind decides how labels are encoded
and what ``predict`` returns; the loss's *link* turns outputs into probabilities for ``predict_proba``.
"""

import dataclasses
import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import functional as F
from ..naming import did_you_mean
from ..ops import Array
from ..options import is_integer, is_number, level_outside


def _itself(outputs: Any) -> Any:
    return outputs


@dataclass(frozen=True)
class Loss:
    """A loss function with its name and kind; ``name`` None for a function of the user's own.

    ``link``: from outputs to probabilities, None where there is no way. ``threshold``: the output from which on the
    answer is yes. ``no``: what the target no is to a binary loss; yes is 1. ``ignore``: the label whose targets count
    for nothing, which are kept as the number after that of the last class.
    """

    name: str | None
    function: Callable[..., Any]
    kind: str
    link: Callable[[Any], Any] | None = None
    threshold: float = 0.0
    no: int = 0
    ignore: int | None = None

    def __call__(self, outputs: Any, target: Any) -> Any:
        if self.ignore is None:
            return self.function(outputs, target)
        total = self.function(outputs, target, ignore_index=outputs.shape[1], reduction="sum")
        return F.divide(total, F.maximum(self.counted(outputs, target), 1.0))

    def weighted(self, outputs: Any, target: Any, weight: Any) -> Any:
        """The mean loss of the batch with a weight for each sample (N,), or for each target in the losses' shape."""
        ignored = {} if self.ignore is None else {"ignore_index": outputs.shape[1]}
        losses = self.function(outputs, target, reduction="none", **ignored)
        if len(losses.shape) > len(weight.shape):
            over = F.mean if self.ignore is None else F.sum
            losses = over(losses, axis=tuple(range(1, len(losses.shape))))
        losses = F.multiply(losses, weight)
        if self.ignore is None:
            return F.mean(losses)
        return F.divide(F.sum(losses), F.maximum(self.counted(outputs, target), 1.0))

    def counted(self, outputs: Any, target: Any) -> Any:
        """How many targets of the batch count, as a number of the outputs' dtype."""
        return F.sum(F.astype(F.not_equal(target, outputs.shape[1]), outputs.dtype))

    def decide(self, outputs: Array) -> Array:
        """The class numbers that the outputs of a classification stand for."""
        found = np.argmax(outputs, axis=1) if self.kind == "classes" else outputs > self.threshold
        return np.asarray(found, np.int64)


_NAMED = {
    loss.name: loss
    for loss in (
        Loss("cross_entropy", F.cross_entropy, "classes", lambda outputs: F.softmax(outputs, axis=1)),
        Loss("nll_loss", F.nll_loss, "classes", F.exp),
        Loss("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, "binary", F.sigmoid),
        Loss("binary_cross_entropy", F.binary_cross_entropy, "binary", _itself, threshold=0.5),
        Loss("hinge_loss", F.hinge_loss, "binary", no=-1),
        Loss("mse_loss", F.mse_loss, "values"),
        Loss("mae_loss", F.mae_loss, "values"),
        Loss("huber_loss", F.huber_loss, "values"),
    )
}
_SHORT = {
    "mse": "mse_loss",
    "mae": "mae_loss",
    "huber": "huber_loss",
    "hinge": "hinge_loss",
    "nll": "nll_loss",
    "bce": "binary_cross_entropy",
    "bce_with_logits": "binary_cross_entropy_with_logits",
}
NAMES = (*map(str, _NAMED), *_SHORT)
# As other libraries call them.
_ELSEWHERE = {
    "bce_with_logits_loss": "bce_with_logits",
    "binary_crossentropy": "bce",
    "categorical_crossentropy": "cross_entropy",
    "l1_loss": "mae",
    "log_loss": "cross_entropy",
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "smooth_l1_loss": "huber",
    "sparse_categorical_crossentropy": "cross_entropy",
    "squared_error": "mse",
}
_OF_SCORES = {
    ("cross_entropy", "softmax"): ("nn.Softmax", 'let nn.LogSoftmax(1) end the model and use loss="nll"'),
    ("binary_cross_entropy_with_logits", "sigmoid"): ("nn.Sigmoid", 'use loss="bce"'),
}
OF_PROBABILITIES = ("binary_cross_entropy", "nll_loss")


def get(loss: str | Callable[..., Any]) -> Loss:
    """The loss of this name, or this function as a loss."""
    if isinstance(loss, str):
        found = _NAMED.get(_SHORT.get(loss, loss))
        if found is None:
            raise ValueError(
                f"fit: loss is {loss!r}{did_you_mean(loss, NAMES, _ELSEWHERE)}; expected one of "
                f"{', '.join(map(repr, NAMES))}, or a function"
            )
        return found
    for known in _NAMED.values():
        if loss is known.function:
            return known
    if not callable(loss):
        raise TypeError(f"fit: loss is a {type(loss).__name__}; expected a name or a function of (outputs, target)")
    return Loss(None, loss, "values")


def smoothed(loss: Loss, share: Any) -> Loss:
    """The loss with this share of each label spread evenly over all classes."""
    if not is_number(share) or not 0 <= share <= 1:
        raise ValueError(f"fit: label_smoothing is {share!r}; expected a number from 0 to 1")
    if not share:
        return loss
    if loss.name != "cross_entropy":
        raise ValueError(
            f'fit: label_smoothing is {share}, but the loss is {loss.name or "your own"}; it is for "cross_entropy"'
        )
    return dataclasses.replace(loss, function=functools.partial(loss.function, label_smoothing=float(share)))


def ignoring(loss: Loss, ignore_index: Any, caller: str = "fit") -> Loss:
    """The loss to which targets that are ``ignore_index`` count for nothing."""
    if ignore_index is None:
        return loss
    if not is_integer(ignore_index):
        raise TypeError(f"{caller}: ignore_index is {ignore_index!r}; expected None or an integer label")
    if loss.kind != "classes":
        remedy = "leave such targets out in it" if loss.name is None else "let the model have an output for each class"
        raise ValueError(
            f"{caller}: ignore_index is {ignore_index}, but the loss is {loss.name or 'your own'}; it is for "
            f'"cross_entropy" and "nll": {remedy}'
        )
    return dataclasses.replace(loss, ignore=int(ignore_index))


def choose(y: Array, output_shape: tuple[int, ...]) -> Loss:
    """The loss that fits these targets and outputs: floats are values, anything else names classes."""
    if y.dtype.kind == "f":
        if is_one_hot(y) and output_shape[1:] == y.shape[1:]:
            raise ValueError(
                f"fit: y {y.shape} is one-hot (one 1 along axis 1, else 0), and no loss was given: pass the class "
                'numbers, y.argmax(1), to train with cross_entropy, or loss="mse" if these are values'
            )
        return _NAMED["mse_loss"]
    binary = len(output_shape) == 1 or output_shape[1] == 1
    return _NAMED["binary_cross_entropy_with_logits" if binary else "cross_entropy"]


def is_one_hot(y: Array) -> bool:
    """Whether y (N, C, ...), C at least 2, holds a single 1 among zeros along axis 1."""
    if y.ndim < 2 or y.shape[1] < 2:
        return False
    return bool((((y == 0) | (y == 1)).all(axis=1) & (y.sum(axis=1) == 1)).all())


def check_axis_of_classes(loss: Loss, output_shape: tuple[int, ...], caller: str) -> None:
    """Refuse outputs of one number a sample where the loss needs one for each class."""
    if loss.kind == "classes" and len(output_shape) < 2:
        raise ValueError(
            f"{caller}: {loss.name} takes outputs (N, C, ...) with a number for each class, but the model's are (N,): "
            'let it end with nn.Dense(..., C), or use loss="bce_with_logits" for two classes'
        )


def warn_if_applied_twice(loss: Loss, last_op: str, caller: str) -> None:
    """Warn of a model that makes probabilities under a loss that makes them of scores itself."""
    found = _OF_SCORES.get((str(loss.name), last_op))
    if found is not None:
        text = (
            f"{caller}: the model ends with a {last_op}, and {loss.name} applies one itself: with two in a row it "
            "learns slowly and its probabilities are wrong. "
            f"Leave {found[0]} out (predict_proba applies it), or {found[1]}"
        )
        warnings.warn(text, stacklevel=level_outside())


def check_outputs(loss: Loss, outputs: Array, caller: str) -> None:
    """Refuse outputs that a loss of probabilities, or of their logarithms, would silently take for them."""
    check_axis_of_classes(loss, outputs.shape, caller)
    if loss.name == "binary_cross_entropy" and ((outputs < 0) | (outputs > 1)).any():
        raise ValueError(
            f"{caller}: binary_cross_entropy takes probabilities, but the model's outputs reach from "
            f'{outputs.min():.3g} to {outputs.max():.3g}: let it end with nn.Sigmoid(), or use loss="bce_with_logits"'
        )
    if loss.name == "nll_loss":
        total = np.exp(outputs.astype(np.float64)).sum(axis=1)
        if (np.abs(total - 1) > 0.01).any():
            raise ValueError(
                f"{caller}: nll_loss takes logarithms of probabilities, but those of the model's outputs add up to "
                f"{total.flat[np.argmax(np.abs(total - 1))]:.3g}: let it end with nn.LogSoftmax(1), or use "
                'loss="cross_entropy"'
            )
