"""Several models that answer together."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import functional as F
from ._containers import _List
from .module import Module


class Ensemble(_List):
    """The mean of several models: of their probabilities after a loss of probabilities, else of their outputs.

    A model itself: ``predict``, ``predict_proba``, ``evaluate`` and ``fd.save`` work as for any other. The models must
    have been trained with the same loss on the same classes. So that all that follows the outputs stays the same, the
    outputs are those whose link gives the mean: after "cross_entropy" and "nll" its logarithm, after "bce_with_logits"
    log(p / (1 - p)), both computed from logarithms, so that nothing is rounded to 0 or 1; after any other loss, "bce"
    among them, the mean of the outputs.

    Raises TypeError or ValueError for what are no models, or models that do not fit together.
    Source: Lakshminarayanan, Pritzel and Blundell, Simple and scalable predictive uncertainty estimation (2017).

    >>> import numpy as np, fastdl as fd
    >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 2)).astype(np.float32)
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)
    >>> def build():
    ...     return fd.nn.Sequential(fd.nn.Dense(2, 8), fd.nn.Tanh(), fd.nn.Dense(8, 1))
    >>> networks = fd.fit_many(build, 5, X, y, epochs=40, lr=0.03, seed=0)
    >>> together = fd.nn.Ensemble(networks)
    >>> one_by_one = np.mean([network.predict_proba(X) for network in networks], axis=0)
    >>> np.abs(together.predict_proba(X) - one_by_one).max() < 1e-6
    np.True_
    """

    def __init__(self, models: Iterable[Module]) -> None:
        if isinstance(models, Module) or not isinstance(models, Iterable):
            raise TypeError(f"Ensemble: models is a {type(models).__name__}; expected a list of models")
        for model in models:
            self._append(model)
        members = list(self._modules.values())
        if not members:
            raise ValueError("Ensemble: models is empty; expected at least one model")
        first = members[0]
        for i, model in enumerate(members):
            for name in ("dtype", "loss", "classes", "input_shape"):
                found, expected = getattr(model, name), getattr(first, name)
                if found != expected:
                    raise ValueError(
                        f"Ensemble: model {i} has {name} {found!r}, model 0 has {expected!r}; expected models trained "
                        "alike"
                    )
        self.loss, self.classes, self.input_shape = first.loss, first.classes, first.input_shape

    def __call__(self, x: Any) -> Any:
        outputs = F.stack([model(x) for model in self._modules.values()])  # (M, N, ...)
        if self.loss == "cross_entropy":
            return _log_mean(F.log_softmax(outputs, axis=2))
        if self.loss == "nll_loss":
            return _log_mean(outputs)
        if self.loss == "binary_cross_entropy_with_logits":
            return F.subtract(_log_mean(_log_sigmoid(outputs)), _log_mean(_log_sigmoid(F.negative(outputs))))
        return F.mean(outputs, axis=0)


def _log_sigmoid(x: Any) -> Any:
    return F.negative(F.softplus(F.negative(x)))


def _log_mean(x: Any) -> Any:
    """log(mean(exp(x))) over the first axis."""
    # Where all are -infinity the largest is, too, and their difference would be NaN.
    largest = F.maximum(F.max(x, axis=0), np.array(np.finfo(x.dtype).min, x.dtype))
    return F.add(largest, F.log(F.mean(F.exp(F.subtract(x, largest)), axis=0)))
