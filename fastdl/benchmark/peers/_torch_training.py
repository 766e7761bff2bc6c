"""Training by PyTorch, eagerly, with a loop as good as users write it: tensors made beforehand, batches by index.

Which of its implementations of an optimiser and, for images, which memory layout is the quickest depends on the network
and the version, so all are tried for a few steps.
"""

import itertools
import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional as T

from ..networks import Network
from ..rows import Row
from ..work import initial, of_network
from . import Task, training

_TRIED = 0.05  # seconds of steps by which an implementation is judged, best of three


class Mean(torch.nn.Module):  # type: ignore[misc]
    """The mean over the positions of a sequence, (N, T, E) -> (N, E)."""

    def forward(self, x: Any) -> Any:
        return x.mean(1)


_LAYERS = {
    "dense": torch.nn.Linear,
    "conv": lambda inputs, outputs, kernel, padding: torch.nn.Conv2d(inputs, outputs, kernel, padding=padding),
    "max pool": torch.nn.MaxPool2d,
    "flatten": torch.nn.Flatten,
    "relu": torch.nn.ReLU,
    "tanh": torch.nn.Tanh,
    "encoder": lambda width, heads, hidden: torch.nn.TransformerEncoderLayer(
        width, heads, hidden, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ),
    "mean": Mean,
}
_WAYS: tuple[dict[str, bool], ...] = ({"foreach": False}, {"foreach": True}, {"fused": True})


def build(network: Network, dtype: str = "float32") -> Any:
    """The network; its parameters are set afterwards."""
    return torch.nn.Sequential(*(_LAYERS[name](*sizes) for name, *sizes in network)).to(getattr(torch, dtype))


class Training:
    """A network, its optimiser and the samples, in one of the ways in which PyTorch can do it."""

    def __init__(self, row: Row, arrays: dict[str, Any], layout: Any, way: dict[str, bool]) -> None:
        self._spec, self._way = row.spec, way
        self.choice = (layout, way)
        self._x = torch.from_numpy(arrays["x"])
        binary = row.spec["loss"] == "binary"
        y = arrays["y"].astype(row.spec["dtype"])[:, None] if binary else arrays["y"]
        self._y = torch.from_numpy(y)
        self._criterion = T.binary_cross_entropy_with_logits if binary else T.cross_entropy
        self._initial = [torch.from_numpy(a) for a in initial(arrays)]
        self._model = build(row.spec["network"], row.spec["dtype"])
        if self._x.ndim == 4:
            self._x = self._x.contiguous(memory_format=layout)
            self._model = self._model.to(memory_format=layout)
        self.start()

    def start(self) -> None:
        """The initial parameters, and an optimiser that knows nothing."""
        parameters = list(self._model.parameters())
        with torch.no_grad():
            for parameter, value in zip(parameters, self._initial, strict=True):
                parameter.copy_(value)
        sgd = self._spec["optimizer"] == "sgd"
        self._optimizer = (
            torch.optim.SGD(parameters, 0.05, **self._way) if sgd else torch.optim.Adam(parameters, 1e-3, **self._way)
        )

    def epoch(self, order: Any, losses: list[float] | None = None) -> None:
        x, y = self._x, self._y
        for indices in order.split(self._spec["batch"]):
            self._optimizer.zero_grad()
            loss = self._criterion(self._model(x[indices]), y[indices])
            loss.backward()
            self._optimizer.step()
            if losses is not None:
                losses.append(loss.item())

    def run(self, epochs: int) -> None:
        for _ in range(epochs):
            self.epoch(torch.randperm(len(self._x)))

    def learn(self, batches: int, epochs: int) -> tuple[list[float], list[Any]]:
        self.start()
        order, means = torch.arange(min(len(self._x), batches * self._spec["batch"])), []
        for _ in range(epochs):
            losses: list[float] = []
            self.epoch(order, losses)
            means.append(float(np.average(losses, weights=[len(i) for i in order.split(self._spec["batch"])])))
        learned = [parameter.detach().numpy().copy() for parameter in self._model.parameters()]
        self.start()
        return means, learned

    def seconds(self) -> float:
        """Of a step."""
        order, found = torch.arange(self._spec["batch"]), []
        self.epoch(order)
        for _ in range(3):
            begin, steps = time.perf_counter(), 0
            while time.perf_counter() - begin < _TRIED:
                self.epoch(order)
                steps += 1
            found.append((time.perf_counter() - begin) / steps)
        return min(found)


def task(row: Row, arrays: dict[str, Any]) -> Task:
    if "networks" in row.spec:
        return _many(row, arrays)
    note, best = _quickest(row, arrays)
    return training(best.run, best.learn, note=note)


def _many(row: Row, arrays: dict[str, Any]) -> Task:
    """Many networks, one after the other."""
    note, best = _quickest(row, of_network(arrays, 0))
    all_of_them = [Training(row, of_network(arrays, i), *best.choice) for i in range(row.spec["networks"])]

    def run(epochs: int) -> None:
        for network in all_of_them:
            network.run(epochs)

    def learn(batches: int, epochs: int) -> tuple[list[float], list[Any]]:
        losses, learned = zip(*(network.learn(batches, epochs) for network in all_of_them), strict=True)
        return np.mean(losses, axis=0).tolist(), [np.stack(values) for values in zip(*learned, strict=True)]

    return training(run, learn, note=f"a loop over the networks, {note}")


def _quickest(row: Row, arrays: dict[str, Any]) -> tuple[str, Training]:
    """The way that takes the least time for a step, and its name."""
    layouts = {"": torch.contiguous_format}
    if arrays["x"].ndim == 4:
        layouts = {"channels first, ": torch.contiguous_format, "channels last, ": torch.channels_last}
    ways = [
        (layout + next((name for name, on in way.items() if on), "for-loop") + " optimizer", layouts[layout], way)
        for layout, way in itertools.product(layouts, _WAYS)
    ]
    found = [(note, Training(row, arrays, layout, way)) for note, layout, way in ways]
    note, best = min(found, key=lambda pair: pair[1].seconds())
    best.start()
    return note, best
