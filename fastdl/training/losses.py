"""Losses as training sees them: by name or function, and what they say about the targets and the model's outputs.

A loss has a *kind*: ``classes`` (scores for each class along axis 1, integer targets), ``binary`` (one score, above a
threshold for the second class) or ``values`` (the outputs are the prediction). The kind decides how labels are encoded
and what ``predict`` returns; the loss's *link* turns outputs into probabilities for ``predict_proba``.
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import functional as F
from ..ops import Array
from ..options import is_integer, is_number


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
NAMES = (*_NAMED, *_SHORT)
OF_PROBABILITIES = ("binary_cross_entropy", "nll_loss")


def get(loss: str | Callable[..., Any]) -> Loss:
    """The loss of this name, or this function as a loss."""
    if isinstance(loss, str):
        found = _NAMED.get(_SHORT.get(loss, loss))
        if found is None:
            raise ValueError(f"fit: loss is {loss!r}; expected one of {', '.join(map(repr, NAMES))}, or a function")
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


def check_counted(loss: Loss, encoded: Array, classes: list[Any] | None, caller: str = "fit") -> None:
    """Refuse targets none of which counts."""
    if loss.ignore is not None and encoded.size and (encoded == len(classes or [])).all():
        raise ValueError(f"{caller}: all labels in y are {loss.ignore}, the ignore_index; expected others among them")


def choose(y: Array, output_shape: tuple[int, ...]) -> Loss:
    """The loss that fits these targets and outputs: floats are values, anything else names classes."""
    if y.dtype.kind == "f":
        if _is_one_hot(y) and output_shape[1:] == y.shape[1:]:
            raise ValueError(
                f"fit: y {y.shape} is one-hot (one 1 along axis 1, else 0), and no loss was given: pass the class "
                'numbers, y.argmax(1), to train with cross_entropy, or loss="mse" if these are values'
            )
        return _NAMED["mse_loss"]
    binary = len(output_shape) == 1 or output_shape[1] == 1
    return _NAMED["binary_cross_entropy_with_logits" if binary else "cross_entropy"]


def _is_one_hot(y: Array) -> bool:
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


def find_classes(
    y: Array, loss: Loss, output_shape: tuple[int, ...], caller: str = "fit", given: Any = None
) -> list[Any] | None:
    """The labels in the order of the model's outputs, or None for values.

    Integers from 0 up to the number of outputs are class numbers as they stand, so that a class may be absent from
    ``y``; other labels (text, other integers) are sorted, and there must be one for each output. ``given``: the classes
    in an order of the caller's own.
    """
    if loss.kind == "values":
        if given is not None:
            raise ValueError(f"{caller}: classes was given, but {loss.name or 'the loss'} takes values; leave it out")
        return None
    check_axis_of_classes(loss, output_shape, caller)
    if y.dtype.kind == "f":
        whole = bool(np.all(y == np.round(y)))
        remedy = "convert them with y.astype(np.int64)" if whole else 'use loss="mse" for values'
        raise TypeError(f"{caller}: {loss.name} needs class labels, but y is {y.dtype}: {remedy}")
    if loss.ignore is not None:
        if y.dtype.kind not in "iu":
            raise TypeError(f"{caller}: ignore_index is {loss.ignore}, but y is {y.dtype}; expected integer labels")
        y = y[y != loss.ignore]
        if not y.size and given is None:
            raise ValueError(
                f"{caller}: all labels in y are {loss.ignore}, the ignore_index; expected others among them"
            )
    count = 2 if loss.kind == "binary" else output_shape[1]
    if given is not None:
        named: list[Any] = np.asarray(given).tolist()
        if np.ndim(given) != 1 or len(set(named)) != count or len(named) != count:
            raise ValueError(
                f"{caller}: classes is {given!r}; expected {count} different labels, one for each answer of the model"
            )
        return named
    if y.dtype.kind in "iu" and y.size and 0 <= y.min() and y.max() < count:
        return list(range(count))
    found = [False, True] if y.dtype.kind == "b" else np.unique(y).tolist()
    if len(found) != count:
        remedy = f"give its last layer {len(found)} outputs" if len(found) > 1 else "expected at least two"
        if loss.kind == "binary" and len(found) > 2:
            remedy += ' and use loss="cross_entropy"'
        if y.dtype.kind in "iu" and len(found) > count:
            remedy += ', or use loss="mse" if they are values'
        outputs = output_shape[1] if len(output_shape) > 1 else 1
        made = f"and {loss.name} is made" if loss.kind == "binary" else "made"
        raise ValueError(
            f"{caller}: y has {len(found)} classes, but the model has {outputs} outputs, {made} for {count}: {remedy}"
        )
    return list(found)


def encode(
    y: Array, loss: Loss, classes: list[Any] | None, output_shape: tuple[int, ...], dtype: Any, caller: str = "fit"
) -> Array:
    """Targets in the shape that the loss takes, as small as they can be kept: class numbers and answers in one byte
    where that will do, values as they came. :func:`batch_targets` says what they become in a batch."""
    if loss.kind != "values":
        y = _class_numbers(y, classes or [], caller, loss.ignore)
    if loss.kind == "binary" and loss.no:
        y = np.where(y > 0, np.int8(1), np.int8(loss.no))
    if loss.kind == "classes":
        if len(classes or []) != output_shape[1]:
            raise ValueError(
                f"{caller}: {loss.name} takes a number for each of the {len(classes or [])} classes, but the model has "
                f"{output_shape[1]} outputs"
            )
        expected = (len(y), *output_shape[2:])
        y = y.reshape(expected) if y.shape == (*expected, 1) else y
        if y.shape != expected:
            remedy = ": pass y.argmax(1)" if _is_one_hot(y) else ""
            raise ValueError(
                f"{caller}: y has shape {y.shape}; expected {expected} for outputs (N, {output_shape[1]}, ...){remedy}"
            )
        return np.require(y, requirements=["C", "A"])
    if y.dtype.kind not in "biuf":
        raise TypeError(
            f"{caller}: y holds text ({y.dtype}), but the loss takes numbers: convert it with y.astype(np.float32)"
        )
    if loss.name is not None:
        expected = (len(y), *output_shape[1:])
        if [n for n in y.shape[1:] if n != 1] != [n for n in expected[1:] if n != 1]:
            hint = ""
            if loss.kind == "binary":
                hint = (
                    ': one answer for each output; of one answer let the model have one output, or use "cross_entropy"'
                )
            elif y.ndim == 1:
                hint = '; for classes use loss="cross_entropy" and integer labels'
            raise ValueError(f"{caller}: y has shape {y.shape}; the model's outputs make {expected}{hint}")
        y = y.reshape(expected)
    if not y.dtype.isnative or (y.dtype.kind == "f" and y.dtype.itemsize not in (4, 8)):
        y = y.astype(dtype if y.dtype.kind == "f" else y.dtype.newbyteorder("="))
    return np.require(y.view(np.uint8) if y.dtype.kind == "b" else y, requirements=["C", "A"])


def batch_targets(loss: Loss, encoded: Array, dtype: Any) -> np.dtype[Any]:
    """The dtype in which the loss takes encoded targets: class numbers, and integers for a loss of the user's own, are
    int64, all else has the model's dtype."""
    if loss.kind == "classes" or (loss.name is None and encoded.dtype.kind in "iu"):
        return np.dtype(np.int64)
    floats: np.dtype[Any] = np.dtype(dtype)
    return floats


def _class_numbers(y: Array, classes: list[Any], caller: str, ignore: int | None) -> Array:
    """The number of each label's class, in the smallest type that has room for them; labels that are ``ignore`` have
    the number after the last."""
    if ignore is not None:
        counts = y != ignore
        all_numbers = np.full(y.shape, len(classes), np.min_scalar_type(len(classes)))
        all_numbers[counts] = _class_numbers(y[counts], classes, caller, None)
        return all_numbers
    small = np.min_scalar_type(max(1, len(classes) - 1))
    if y.dtype.kind in "iub" and classes == list(range(len(classes))):
        numbers = y
        wrong = y.size > 0 and (y.min() < 0 or y.max() >= len(classes))
        first = y[(y < 0) | (y >= len(classes))][:1] if wrong else y
    else:
        known = np.array(classes)
        order = np.argsort(known, kind="stable")
        place = np.minimum(np.searchsorted(known[order], y), len(classes) - 1)
        numbers = order.astype(small)[place]
        differ = known[numbers] != y
        wrong, first = bool(differ.any()), y[differ]
    if wrong:
        raise ValueError(f"{caller}: y holds {first[0].item()!r}, which is none of the model's classes {classes[:20]}")
    return numbers.astype(small, copy=False)
