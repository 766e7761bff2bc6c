"""What is to be learned: the loss, the classes, and how targets are made ready for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ops import Array
from . import encoding, losses
from .inputs import weights
from .rows import Rows

_AT_ONCE = 2**20  # labels


@dataclass(frozen=True)
class Task:
    """``output_shape``: of the model, with any number in front; ``dtype``: the model's; ``classes``: None for values;
    ``class_weight`` as in ``fit``."""

    loss: losses.Loss
    classes: list[Any] | None
    output_shape: tuple[int, ...]
    dtype: Any
    class_weight: Any = None

    def encode(self, y: Array) -> Array:
        """Targets as they are kept."""
        return encoding.encode(y, self.loss, self.classes, self.output_shape, self.dtype)

    def arrays(self, y: Array, sample_weight: Any) -> dict[str, Array]:
        """Targets as they are kept, and the weight of each if not all count the same."""
        encoded = self.encode(y)
        weight = weights(sample_weight, self.class_weight, encoded, self.classes, self.dtype)
        return {"y": encoded} if weight is None else {"y": encoded, "weight": weight}


def labels_in(y: Rows) -> tuple[Array, Array]:
    """The different labels in ``y`` and how often each occurs, in one pass. Floats are no labels: the first few of
    them, which say as much about their kind."""
    if y.dtype.kind == "f":
        first = y[:1024]
        return first, np.ones(len(first), np.int64)
    step = max(1, _AT_ONCE // max(1, y.row_bytes // y.dtype.itemsize))
    counts: dict[Any, int] = {}
    for start in range(0, len(y), step):
        found, often = np.unique(y[start : start + step], return_counts=True)
        for label, count in zip(found.tolist(), often.tolist(), strict=True):
            counts[label] = counts.get(label, 0) + count
    labels = sorted(counts)
    return np.array(labels, y.dtype), np.array([counts[label] for label in labels], np.int64)


def balanced(labels: Array, counts: Array, class_weight: Any) -> Any:
    """``class_weight`` with "balanced" put in numbers, where the counts of all labels are known."""
    if not isinstance(class_weight, str) or class_weight != "balanced":
        return class_weight
    total = int(counts.sum())
    pairs = zip(labels.tolist(), counts.tolist(), strict=True)
    result: Mapping[Any, float] = {label: total / (len(labels) * count) for label, count in pairs}
    return result
