"""What the targets ask for: classes or numbers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.datasets.errors import DataError, quoted

Task = Literal["classification", "regression"]
Label = int | str  # bool is an int


def infer_task(values: ArrayLike) -> tuple[Task, tuple[Label, ...]]:
    """Decide from the targets whether to classify, and into which classes.

    The rule: text and booleans are classes. Integers are classes if there are at most max(20, n // 200)
    different ones among n targets: 100 classes need 20,000 rows. All else is regression, also floats that
    happen to be whole: 1.0 is a measurement, 1 is a class.

    Parameters:
        values: array (n,) of integers, booleans, floats or strings.

    Returns:
        ("classification", the sorted class labels as Python int, bool or str) or ("regression", ()).

    Raises:
        DataError: not one value per row, values of mixed type, NaN or infinity.

    >>> from fastdl import datasets
    >>> datasets.infer_task(["rose", "iris", "rose"])
    ('classification', ('iris', 'rose'))
    >>> datasets.infer_task([0.5, 1.25, 3.0])
    ('regression', ())
    """
    targets = _targets(values)
    if targets.dtype.kind == "f":
        return "regression", ()
    labels = class_labels(targets)
    if targets.dtype.kind in "iu" and len(labels) > max(20, len(targets) // 200):
        return "regression", ()
    return "classification", labels


def class_labels(values: ArrayLike) -> tuple[Label, ...]:
    """The different values, sorted, as Python int, bool or str: for somebody who knows that they are classes.

    >>> from fastdl import datasets
    >>> datasets.class_labels([30, 10, 10])
    (10, 30)
    """
    targets = _targets(values)
    if targets.dtype.kind == "f":
        raise DataError(f"class labels must be integers, booleans or text, got {targets.dtype}; convert by astype(int)")
    return tuple(np.unique(targets).tolist())


def _targets(values: ArrayLike) -> NDArray[Any]:
    """The values as an array (n,) of numbers, booleans or strings."""
    try:
        targets = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"targets are not an array: {error}; give one value per row") from None
    if targets.ndim != 1 or not len(targets):
        raise DataError(f"targets must be one value per row, got shape {targets.shape}; give an array (n,)")
    if targets.dtype.kind == "O":
        types = sorted({type(value).__name__ for value in targets})
        if len(types) > 1:
            raise DataError(f"targets mix {', '.join(types)}; convert them to one type")
        if isinstance(targets[0], (str, int, float, np.generic)):
            targets = np.array(targets.tolist())
    if targets.dtype.kind not in "biufU":
        raise DataError(f"targets must be integers, floats, booleans or text, got {targets.dtype}; convert them")
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        first = int(np.flatnonzero(~np.isfinite(targets))[0])
        raise DataError(f"target {first} is {quoted(float(targets[first]))}; remove the rows without a finite target")
    return targets
