"""How good predictions are: numbers for a report. Class numbers stand for labels; of two classes, 1 is the positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.inference import judge, probabilities
from ..training.metrics import METRICS
from .preparation import Preparation

NAN = float("nan")


@dataclass(frozen=True)
class Scores:
    """``numbers``: loss and accuracy, or loss, R2 and RMSE; for two classes also sensitivity, specificity, ROC AUC.

    ``confusion[i, j]``: rows of class i that were taken for class j; None for a regression.
    """

    rows: int
    numbers: dict[str, float]
    confusion: NDArray[np.int64] | None = None
    truth: NDArray[np.int64] | None = None
    positive: NDArray[Any] | None = None  # the probability of class 1 of two

    def to_json(self) -> dict[str, float | int | None]:
        """Plain numbers; null where a number does not exist."""
        return {"rows": self.rows, **{k: v if np.isfinite(v) else None for k, v in self.numbers.items()}}


def score(
    model: Any, loss: Any, preparation: Preparation, outputs: NDArray[Any], labels: NDArray[Any], threshold: float
) -> Scores:
    """Judge the raw outputs of the network for rows with these labels or values."""
    if preparation.outputs is not None:
        standardised = preparation.outputs.transform(labels.reshape(-1, 1))
        numbers = {"loss": judge(model, loss, outputs, standardised, ())["loss"]}
        predicted = preparation.outputs.inverse(outputs).reshape(-1)
        numbers |= {name: METRICS[name](labels, predicted) for name in ("r2", "rmse")}
        return Scores(len(labels), numbers)
    numbers = {"loss": judge(model, loss, outputs, labels, ())["loss"]}
    index = {label: i for i, label in enumerate(preparation.classes)}
    truth = np.array([index[label] for label in labels.tolist()], np.int64)
    chances = probabilities(model, outputs)
    table = confusion(truth, choose(chances, threshold), len(preparation.classes))
    numbers["accuracy"] = float(np.trace(table) / len(truth))
    if len(preparation.classes) > 2:
        return Scores(len(truth), numbers, table)
    numbers["sensitivity"], numbers["specificity"] = rates(table)
    numbers["roc_auc"] = roc_auc(truth, chances[:, 1])
    return Scores(len(truth), numbers, table, truth, chances[:, 1])


def choose(chances: NDArray[Any], threshold: float) -> NDArray[np.int64]:
    """Class numbers from probabilities (n, classes): the likeliest; of two classes, 1 if its probability is greater
    than the threshold."""
    found = chances[:, 1] > chances.dtype.type(threshold) if chances.shape[1] == 2 else chances.argmax(axis=1)
    return np.asarray(found, np.int64)


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts (true class, predicted class).

    >>> import numpy as np
    >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def rates(table: NDArray[np.int64]) -> tuple[float, float]:
    """(sensitivity, specificity): the share of the rows of class 1, of class 0, that is found; NaN if there are none.

    >>> import numpy as np
    >>> rates(np.array([[3, 1], [1, 1]]))
    (0.5, 0.75)
    """
    of_class = table.sum(axis=1)
    found = [float(table[i, i] / of_class[i]) if of_class[i] else NAN for i in (1, 0)]
    return found[0], found[1]


def roc_auc(truth: NDArray[np.int64], chances: NDArray[Any]) -> float:
    """The chance that a random row of class 1 has a higher probability than one of class 0; ties count one half.

    By ranks: AUC = (sum of the ranks of class 1 - n1 (n1 + 1) / 2) / (n0 n1). Source: Hanley and McNeil (1982).

    >>> import numpy as np
    >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.9]))
    0.875
    """
    positive = int(truth.sum())
    negative = len(truth) - positive
    if not positive or not negative:
        return NAN
    _, place, counts = np.unique(chances, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # of equal values the mean rank
    total = float(ranks[place][truth == 1].sum())
    return (total - positive * (positive + 1) / 2) / (positive * negative)
