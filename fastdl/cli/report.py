"""What the commands print: plain text in aligned columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scores import Scores, confusion, rates

_HEADINGS = {
    "loss": "loss",
    "accuracy": "accuracy",
    "r2": "R2",
    "rmse": "RMSE",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "roc_auc": "ROC AUC",
}
_PERCENT = ("accuracy", "sensitivity", "specificity")
_MOST_CLASSES = 20  # a larger matrix is wider than a screen
_LONGEST_LABEL = 16
THRESHOLDS = tuple(i / 10 for i in range(1, 10))


def columns(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Rows of cells as text: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        lines.append(indent + "  ".join(cells).rstrip())
    return "\n".join(lines)


def number(name: str, value: float) -> str:
    """A score as text; `-` where it does not exist."""
    if not math.isfinite(value):
        return "-"
    return f"{100 * value:.2f} %" if name in _PERCENT else f"{value:.4f}" if name != "rmse" else f"{value:.5g}"


def scores_table(parts: Mapping[str, Scores]) -> str:
    """A line for each part: rows, loss, accuracy..."""
    names = list(next(iter(parts.values())).numbers)
    rows = [["part", "rows", *(_HEADINGS[name] for name in names)]]
    rows += [[part, str(s.rows), *(number(n, s.numbers[n]) for n in names)] for part, s in parts.items()]
    return columns(rows)


def confusion_table(table: NDArray[np.int64], classes: Sequence[Any]) -> str:
    """The confusion matrix; of many classes the most frequent confusions only."""
    names = [_clipped(label) for label in classes]
    if len(classes) <= _MOST_CLASSES:
        heading = ["true \\ predicted", *names]
        return columns([heading, *([name, *map(str, counts)] for name, counts in zip(names, table, strict=True))])
    mistakes = table.copy()
    np.fill_diagonal(mistakes, 0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:10]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, table.shape), strict=True) if mistakes[i, j]]
    rows = [["true", "predicted", "rows"], *([names[i], names[j], str(mistakes[i, j])] for i, j in pairs)]
    return f"the most frequent of {mistakes.sum()} mistakes\n" + columns(rows) if pairs else "no mistakes"


def thresholds_table(scores: Scores, also: float) -> str:
    """Sensitivity and specificity of two classes over thresholds."""
    assert scores.truth is not None and scores.positive is not None
    rows = [["threshold", "sensitivity", "specificity", "predicted positive"]]
    for threshold in sorted({*THRESHOLDS, also}):
        predicted = (scores.positive > scores.positive.dtype.type(threshold)).astype(np.int64)
        sensitivity, specificity = rates(confusion(scores.truth, predicted, 2))
        rows.append(
            [
                f"{threshold:g}",
                number("sensitivity", sensitivity),
                number("specificity", specificity),
                str(int(predicted.sum())),
            ]
        )
    return columns(rows)


def positive_class(classes: Sequence[Any], threshold: float) -> str:
    """What sensitivity and specificity are about."""
    return f"positive class: {classes[1]} (predicted if its probability is greater than {threshold:g})"


def _clipped(label: object) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(label))
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 3] + "..."
