"""Metrics: numbers made of true and predicted labels or values, by name or as functions of the user's own."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..naming import did_you_mean
from ..ops import Array
from . import losses

Metric = str | Callable[[Array, Array], float]


def accuracy(y: Array, predicted: Array) -> float:
    """Share of equal labels."""
    return float(np.mean(y == predicted))


def dice(y: Array, predicted: Array) -> float:
    """Mean over the classes of 2 |A and B| / (|A| + |B|), A where y has the class, B where the prediction has it.

    Classes that neither has do not count. With one label for each sample this is the macro-averaged F1 score.
    Source: Dice, Measures of the amount of ecologic association between species (1945).
    """
    classes = np.union1d(y, predicted)
    shared = [np.count_nonzero((y == c) & (predicted == c)) for c in classes]
    sizes = [np.count_nonzero(y == c) + np.count_nonzero(predicted == c) for c in classes]
    return float(np.mean([2 * both / size for both, size in zip(shared, sizes, strict=True)]))


def rmse(y: Array, predicted: Array) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.mean((y.astype(np.float64) - predicted) ** 2)))


def mae(y: Array, predicted: Array) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(y.astype(np.float64) - predicted)))


def r2(y: Array, predicted: Array) -> float:
    """Coefficient of determination, 1 - SSE / SST; NaN where the targets do not vary."""
    y = y.astype(np.float64)
    spread = np.sum((y - y.mean(axis=0)) ** 2)
    return float(1 - np.sum((y - predicted) ** 2) / spread) if spread > 0 else float("nan")


METRICS: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": accuracy,
    "dice": dice,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
}
# As other libraries call them.
_ELSEWHERE = {
    "acc": "accuracy",
    "f1": "dice",
    "f1_score": "dice",
    "mean_absolute_error": "mae",
    "r2_score": "r2",
    "root_mean_squared_error": "rmse",
}
_OF_CLASSES = ("accuracy", "dice")


def check_metrics(metrics: Sequence[Metric], loss: losses.Loss, caller: str = "fit") -> list[Metric]:
    """The metrics, checked to be known and to fit the loss."""
    if isinstance(metrics, str) or callable(metrics):
        metrics = (metrics,)
    if not isinstance(metrics, Iterable):
        raise TypeError(f"{caller}: metrics is {metrics!r}; expected a list of names and functions (y, predicted)")
    for metric in metrics:
        if isinstance(metric, str) and metric not in METRICS:
            raise ValueError(
                f"{caller}: metric {metric!r} is unknown{did_you_mean(metric, METRICS, _ELSEWHERE)}; expected "
                f"{', '.join(METRICS)}, or a function (y, predicted)"
            )
        if isinstance(metric, str) and (metric in _OF_CLASSES) == (loss.kind == "values"):
            raise ValueError(f"{caller}: metric {metric!r} does not fit the loss {loss.name}")
    return list(metrics)
