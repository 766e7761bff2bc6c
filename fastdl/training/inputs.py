"""Checks of what users give to fit, predict and evaluate, before anything is computed."""

from collections.abc import Iterator, Mapping, Sized
from typing import Any

import numpy as np

from ..ops import Array
from ..options import is_integer, is_number

_PIECE = 2**18  # numbers looked at at once: a mask of the whole array would be as large as the images themselves


def samples(caller: str, name: str, X: Any) -> Array:
    """X as an array of numbers with samples along the first axis. Integers keep their type, however small."""
    if (callable(X) or isinstance(X, Iterator)) and not hasattr(X, "__array__"):
        raise TypeError(
            f"{caller}: {name} is a {type(X).__name__}; expected an array of numbers (N, ...): batches are for "
            "fit(batches) alone, without y"
        )
    x = as_array(caller, name, X)
    if x.dtype.kind not in "biuf" or x.ndim == 0:
        raise TypeError(
            f"{caller}: {name} has dtype {x.dtype} and shape {x.shape}; expected an array of numbers (N, ...)"
        )
    x = np.require(x, readable(x.dtype), requirements=["C", "A"])
    place = not_finite(x)
    if place is not None:
        raise ValueError(
            f"{caller}: {name}{list(place)} is {x[place]}; expected finite numbers: impute or drop the rows"
        )
    return x


def as_array(caller: str, name: str, values: Any) -> Array:
    """Numbers or text as an array; lists within lists have to be of one length."""
    try:
        return np.asarray(values)
    except ValueError:
        if not isinstance(values, (list, tuple)):
            raise
        lengths = sorted({len(row) if isinstance(row, Sized) else 0 for row in values})
        if len(lengths) < 2:
            raise
        raise ValueError(
            f"{caller}: {name} has rows of {lengths[0]} to {lengths[-1]} entries; expected rows of one length: pad or "
            "cut them"
        ) from None


def readable(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """``dtype`` if batches can be fetched from it, else the nearest one from which they can."""
    if dtype.kind == "f":
        return np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)
    return dtype.newbyteorder("=")


def not_finite(x: Array) -> tuple[int, ...] | None:
    """Where the first NaN or infinity is in C-contiguous ``x``; None if all numbers are finite."""
    if x.dtype.kind != "f":
        return None
    flat = x.reshape(-1)
    for start in range(0, flat.size, _PIECE):
        finite = np.isfinite(flat[start : start + _PIECE])
        if not finite.all():
            return tuple(int(i) for i in np.unravel_index(start + int(np.argmin(finite)), x.shape))
    return None


def not_one_sample(caller: str, x: Array, input_shape: tuple[int, ...] | None) -> None:
    """Refuse a single sample without the axis of samples, which would be taken for as many samples as it is long."""
    if input_shape is not None and x.shape == input_shape != x.shape[1:]:
        raise ValueError(
            f"{caller}: X has shape {x.shape}, that of one sample; expected (N, {', '.join(map(str, input_shape))}): "
            "pass X[None]"
        )


def targets(caller: str, y: Any, count: int) -> Array:
    """y as an array of ``count`` labels or values."""
    array = as_array(caller, "y", y)
    if array.ndim == 0 or len(array) != count:
        got = "a single value" if array.ndim == 0 else f"{len(array)} rows"
        raise ValueError(f"{caller}: y has {got}, X has {count}; expected one target for each sample")
    if array.dtype.kind == "O":
        raise TypeError(f"{caller}: y holds Python objects; expected numbers or text: np.array(y, dtype=str) or float")
    if array.dtype.kind not in "biufUS":
        raise TypeError(f"{caller}: y has dtype {array.dtype}; expected numbers or text")
    place = not_finite(np.ascontiguousarray(array))
    if place is not None:
        raise ValueError(
            f"{caller}: y{list(place)} is {array[place]}; expected finite numbers: impute or drop the rows"
        )
    return array


def augmented(augment: Any, x: Any, dtype: np.dtype[Any]) -> tuple[list[Any], tuple[int, ...]]:
    """What is done to each batch of samples like those of ``x``, which reach the model in ``dtype``, and the shape of a
    sample after that."""
    entries = list(augment) if isinstance(augment, (list, tuple)) else [augment]
    shape = tuple(x.shape[1:])
    for entry in entries:
        if isinstance(entry, type) or not (callable(entry) and hasattr(entry, "output_shape")):
            came = f"the class {entry.__name__}" if isinstance(entry, type) else f"a {type(entry).__name__}"
            raise TypeError(f"fit: augment holds {came}; expected entries like fastdl.augment.Shift(2)")
        shape = tuple(entry.output_shape(shape))
    if entries and dtype.kind != "f":
        raise TypeError(f"fit: augment is for numbers, but the model takes X ({x.dtype}) for the rows of a table")
    return entries, shape


def positive(name: str, value: Any, caller: str = "fit") -> int:
    """An integer of at least 1."""
    if not is_integer(value) or value < 1:
        raise ValueError(f"{caller}: {name} is {value!r}; expected an integer of at least 1")
    return int(value)


def check_seed(seed: Any) -> int:
    """An integer that fits the counters of a plan."""
    if not is_integer(seed) or not 0 <= seed < 2**63:
        raise ValueError(f"fit: seed is {seed!r}; expected None or an integer from 0 to 2**63 - 1")
    return int(seed)


def weights(sample_weight: Any, class_weight: Any, y: Array, classes: list[Any] | None, dtype: Any) -> Array | None:
    """The weight of each sample (N,), or with classes of every pixel that of each target; None if all count the same.

    ``class_weight="balanced"`` gives each class the same total: n / (classes * count of the class), as scikit-learn.
    """
    if sample_weight is None and class_weight is None:
        return None
    one_each = class_weight is None or y.size == len(y)
    result = np.ones(len(y) if one_each else y.shape, dtype)
    if sample_weight is not None:
        given = check_weights(sample_weight, len(y))
        result *= given.astype(dtype).reshape(-1, *[1] * (result.ndim - 1))
    if class_weight is not None:
        result *= _of_classes(class_weight, y, classes)[_numbers(y)].reshape(result.shape).astype(dtype)
    return result


def described_weights(class_weight: Any) -> Any:
    """A checked ``class_weight`` in words and numbers that JSON has."""
    if isinstance(class_weight, Mapping):
        return sorted([str(label), float(weight)] for label, weight in class_weight.items())
    return class_weight


def check_weights(sample_weight: Any, count: int) -> Array:
    """The weight of each of ``count`` samples."""
    given = np.asarray(sample_weight)
    if given.shape != (count,) or given.dtype.kind not in "biuf":
        raise ValueError(f"fit: sample_weight has shape {given.shape}; expected ({count},) numbers")
    if not np.isfinite(given).all() or (given < 0).any():
        raise ValueError("fit: sample_weight holds negative or non-finite numbers; expected weights >= 0")
    return given


def _numbers(y: Array) -> Any:
    """Class numbers of encoded labels: 0/1 where these are -1/1."""
    return np.maximum(y.ravel(), 0).astype(np.int64)


def _of_classes(class_weight: Any, y: Array, classes: list[Any] | None) -> Array:
    """The weight of each class, and 0 for targets that count for nothing."""
    if classes is None:
        raise ValueError("fit: class_weight needs class labels; leave it out for values")
    if class_weight == "balanced":
        counts = np.bincount(_numbers(y), minlength=len(classes))[: len(classes)]
        found = np.where(counts > 0, counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0)
        return np.append(found, 0.0)
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f'fit: class_weight is {class_weight!r}; expected None, "balanced" or a dict from label to weight'
        )
    unknown = [label for label in class_weight if label not in classes]
    if unknown:
        raise ValueError(f"fit: class_weight names {unknown[0]!r}, which is none of the classes {classes}")
    for label, weight in class_weight.items():
        if not is_number(weight) or not 0 <= weight < np.inf:
            raise ValueError(f"fit: class_weight of {label!r} is {weight!r}; expected a finite number of at least 0")
    return np.array([*(float(class_weight.get(label, 1.0)) for label in classes), 0.0])
