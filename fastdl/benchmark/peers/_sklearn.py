"""scikit-learn: multilayer perceptrons, epoch by epoch."""

import warnings
from typing import Any

import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from ..rows import Row
from . import Task


def version() -> str:
    return str(sklearn.__version__)


def setup(threads: int) -> None:
    """The number of threads is set by the environment of the process."""


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    spec = row.spec
    if row.kind != "train" or spec["layers"] == "lenet" or len(spec["layers"]) < 3:
        return None
    x, y = arrays["x"], arrays["y"]

    def network(epochs: int, shuffle: bool) -> Any:
        sgd = spec["optimizer"] == "sgd"
        options = {"solver": "sgd", "momentum": 0.0} if sgd else {"solver": "adam"}
        return MLPClassifier(
            spec["layers"][1:-1],
            activation=spec["activation"],
            alpha=0.0,
            batch_size=spec["batch"],
            learning_rate_init=0.05 if sgd else 1e-3,
            max_iter=epochs,
            shuffle=shuffle,
            random_state=0,
            tol=0.0,
            n_iter_no_change=10**9,
            **options,
        )

    def run(epochs: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped after so many epochs on purpose
            network(epochs, shuffle=True).fit(x, y)

    def result() -> list[Any]:
        """Its initial weights are its own, so there is nothing to compare."""
        run(1)
        return []

    return Task(run, result, slope=True)
