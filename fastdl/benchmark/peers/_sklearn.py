"""scikit-learn: multilayer perceptrons, epoch by epoch."""

import warnings
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from ..rows import Row
from ..work import initial
from . import Task, training


def version() -> str:
    return str(sklearn.__version__)


def setup(threads: int) -> None:
    """The number of threads is set by the environment of the process."""


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    if row.kind != "train" or "networks" in row.spec:
        return None
    spec = row.spec
    names = [name for name, *_ in spec["network"]]
    if names.count("dense") < 2 or not {*names} <= {"dense", "relu", "tanh"}:
        return None
    hidden = [outputs for name, *sizes in spec["network"] if name == "dense" for outputs in sizes[1:]][:-1]
    x, y = arrays["x"], arrays["y"]

    def network(epochs: int, shuffle: bool) -> Any:
        sgd = spec["optimizer"] == "sgd"
        options = {"solver": "sgd", "momentum": 0.0} if sgd else {"solver": "adam"}
        return MLPClassifier(
            hidden,
            activation=names[1],
            alpha=0.0,
            batch_size=spec["batch"],
            learning_rate_init=0.05 if sgd else 1e-3,
            max_iter=epochs,
            shuffle=shuffle,
            random_state=0,
            tol=0.0,
            n_iter_no_change=10**9,
            warm_start=not shuffle,
            **options,
        )

    def run(epochs: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped after so many epochs on purpose
            network(epochs, shuffle=True).fit(x, y)

    def learn(batches: int, epochs: int) -> tuple[list[float], list[Any]]:
        """It begins with weights of its own, so one epoch is for nothing but the arrays that take the initial ones."""
        model, samples = network(1, shuffle=False), batches * spec["batch"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x[:samples], y[:samples])
            start = initial(arrays)
            model.coefs_ = [np.ascontiguousarray(weight.T) for weight in start[::2]]
            model.intercepts_ = [bias.copy() for bias in start[1::2]]
            model.set_params(max_iter=epochs).fit(x[:samples], y[:samples])
        learned = [a for w, b in zip(model.coefs_, model.intercepts_, strict=True) for a in (w.T, b)]
        return model.loss_curve_[-epochs:], learned

    return training(run, learn, slope=True)
