"""Labels and values as losses take them: which classes there are, and the numbers that stand for them."""

from typing import Any

import numpy as np

from ..ops import Array
from .losses import Loss, check_axis_of_classes, is_one_hot


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
            remedy = ": pass y.argmax(1)" if is_one_hot(y) else ""
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
                hint = '; for classes use loss="cross_entropy" and integer labels, y.astype(np.int64)'
                hint += "; for values let the last layer have one output"
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


def check_counted(loss: Loss, encoded: Array, classes: int, caller: str = "fit") -> None:
    """Refuse targets none of which counts; ``classes``: how many there are."""
    if loss.ignore is not None and encoded.size and (encoded == classes).all():
        raise ValueError(f"{caller}: all labels in y are {loss.ignore}, the ignore_index; expected others among them")
