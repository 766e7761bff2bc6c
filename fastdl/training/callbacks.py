"""Callbacks: code of the user's own that runs during training."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..naming import Named
from ..ops import Array
from ..options import count, flag, number
from ..tree import flatten


class Callback:
    """Override what you need.

    ``on_train_begin``, ``on_epoch_end`` and ``on_train_end`` run once or once an epoch and cost nothing else.
    ``on_batch_end`` runs after every step: a callback that overrides it makes training return to Python for each
    batch, which small networks feel. At each call the model has its current parameters, and training goes on from the
    values that a callback leaves in them.
    """

    def on_train_begin(self, model: Any) -> None:
        """Before the first step."""

    def on_batch_end(self, model: Any, step: int) -> None:
        """After the step number ``step``, counted from 0 over all epochs."""

    def on_epoch_end(self, model: Any, epoch: int, numbers: Mapping[str, float]) -> bool | None:
        """After the epoch number ``epoch``, counted from 0; ``numbers`` as in the history. True ends training."""
        return None

    def on_train_end(self, model: Any) -> None:
        """After the last step, also when training was interrupted."""

    def state_dict(self) -> Mapping[str, Any]:
        """What a checkpoint has to keep of this callback: numbers, texts and arrays by name. Nothing if not overridden:
        a callback that remembers something between epochs and does not say so here begins anew on ``resume``."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` gave, after ``on_train_begin``."""
        raise NotImplementedError(f"{type(self).__name__} has a state_dict and no load_state_dict; write one")


class _Function(Callback):
    """A plain function (model, epoch, numbers), called after each epoch."""

    def __init__(self, function: Callable[..., bool | None]) -> None:
        self._function = function

    def on_epoch_end(self, model: Any, epoch: int, numbers: Mapping[str, float]) -> bool | None:
        return self._function(model, epoch, numbers)


class EarlyStopping(Named, Callback):
    """Stop when ``monitor`` has not improved by more than ``min_delta`` for ``patience`` epochs.

    Smaller is better, except for names that end in ``accuracy`` or ``r2``. With ``restore_best`` the model ends with
    the parameters of its best epoch. Source: Prechelt, Early stopping - but when? (1998).

    >>> from fastdl.training import EarlyStopping
    >>> EarlyStopping("val_loss", patience=5).patience
    5
    """

    def __init__(
        self, monitor: str = "val_loss", *, patience: int = 5, min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        name = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(f'{name}: monitor is {monitor!r}; expected the name of a number such as "val_loss"')
        self.monitor, self.patience = monitor, count(name, "patience", patience)
        self.min_delta = number(name, "min_delta", min_delta, least=0.0)
        self.restore_best = flag(name, "restore_best", restore_best)
        self._sign = -1.0 if monitor.endswith(("accuracy", "r2")) else 1.0
        self.on_train_begin(None)

    def on_train_begin(self, model: Any) -> None:
        self.best, self.best_epoch, self._waited = math.inf, -1, 0
        self._saved: list[Array] = []

    def on_epoch_end(self, model: Any, epoch: int, numbers: Mapping[str, float]) -> bool | None:
        if self.monitor not in numbers:
            hint = " (give fit validation_data)" if self.monitor.startswith("val_") else ""
            raise ValueError(
                f"EarlyStopping: monitor is {self.monitor!r}; training has {', '.join(sorted(numbers))}{hint}"
            )
        value = self._sign * numbers[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.best_epoch, self._waited = value, epoch, 0
            if self.restore_best:
                self._saved = [array.copy() for array in _values(model)]
        else:
            self._waited += 1
        return self._waited >= self.patience

    def state_dict(self) -> Mapping[str, Any]:
        saved = {f"best {i}": array for i, array in enumerate(self._saved)}
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self._waited, **saved}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self.best_epoch, self._waited = state["best"], state["best_epoch"], state["waited"]
        self._saved = [np.array(state[f"best {i}"]) for i in range(len(state) - 3)]

    def on_train_end(self, model: Any) -> None:
        for array, best in zip(_values(model), self._saved, strict=False):
            array[...] = best
        self._saved = []


def _values(model: Any) -> list[Array]:
    """The live arrays of a model: parameters and buffers."""
    return [*flatten(model.parameters())[0], *flatten(model.buffers())[0]]


def as_callbacks(callbacks: Any) -> list[Callback]:
    """Callbacks and plain functions as a list of callbacks."""
    if isinstance(callbacks, Callback) or callable(callbacks):
        callbacks = (callbacks,)
    if not isinstance(callbacks, Iterable):
        raise TypeError(
            f"fit: callbacks is {callbacks!r}; expected a list of Callbacks and functions of (model, epoch, numbers)"
        )
    found: list[Callback] = []
    for callback in callbacks:
        if isinstance(callback, type) and issubclass(callback, Callback):
            raise TypeError(f"fit: callbacks holds the class {callback.__name__}; write {callback.__name__}(...)")
        if isinstance(callback, Callback):
            found.append(callback)
        elif callable(callback):
            found.append(_Function(callback))
        else:
            raise TypeError(
                f"fit: callbacks holds a {type(callback).__name__}; expected a Callback or a function of "
                "(model, epoch, numbers)"
            )
    return found
