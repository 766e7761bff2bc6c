"""Training by fastdl: ``fit`` and ``fit_many``, timed as the slope over epochs, which leaves out planning."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import functional as F
from ... import nn, optim
from ...many import fit_many
from ..networks import Network
from ..rows import Row
from ..work import initial, of_network
from . import Task, training


class Mean(nn.Module):
    """The mean over the positions of a sequence, (N, T, E) -> (N, E)."""

    def __call__(self, x: Any) -> Any:
        return F.mean(x, axis=1)


_LAYERS: dict[str, Callable[..., nn.Module]] = {
    "dense": nn.Dense,
    "conv": lambda inputs, outputs, kernel, padding: nn.Conv2d(inputs, outputs, kernel, padding=padding),
    "max pool": nn.MaxPool2d,
    "flatten": nn.Flatten,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "encoder": lambda width, heads, hidden: nn.TransformerEncoderLayer(
        width, heads, hidden, dropout=0.0, activation="gelu", norm_first=True
    ),
    "mean": Mean,
}


def build(network: Network, dtype: str = "float32") -> nn.Sequential:
    """The network; its parameters are set afterwards."""
    model: nn.Sequential = nn.Sequential(*(_LAYERS[name](*sizes) for name, *sizes in network)).astype(dtype)
    return model


def task(row: Row, arrays: dict[str, Any]) -> Task:
    if "networks" in row.spec:
        return _many(row, arrays)
    spec = row.spec
    model = build(spec["network"], spec["dtype"])
    x, y = arrays["x"], arrays["y"]

    def start() -> None:
        _set(model, arrays)

    def fit(epochs: int, shuffle: bool, samples: int) -> Any:
        return model.fit(x[:samples], y[:samples], **_options(spec, epochs, shuffle))

    def learn(batches: int, epochs: int) -> tuple[list[float], list[Any]]:
        start()
        history = fit(epochs, False, batches * spec["batch"])
        learned = [value.copy() for value in model.state_dict().values()]
        start()
        return history["loss"], learned

    start()
    return training(lambda epochs: fit(epochs, True, len(x)), learn, slope=True)


def _set(model: nn.Module, arrays: dict[str, Any]) -> None:
    """Give a model its initial parameters."""
    model.load_state_dict(dict(zip(model.state_dict(), initial(arrays), strict=True)))


def _options(spec: Any, epochs: int, shuffle: bool) -> dict[str, Any]:
    return {
        "loss": "bce_with_logits" if spec["loss"] == "binary" else "cross_entropy",
        "optimizer": optim.SGD(0.05) if spec["optimizer"] == "sgd" else optim.Adam(1e-3),
        "epochs": epochs,
        "batch_size": spec["batch"],
        "shuffle": shuffle,
        "seed": 0,
        "progress": False,
    }


def _many(row: Row, arrays: dict[str, Any]) -> Task:
    """Many networks, each with its own parameters and its own order of the samples."""
    spec = row.spec
    settings = [{"number": number} for number in range(spec["networks"])]

    def made(number: int) -> nn.Sequential:
        model = build(spec["network"], spec["dtype"])
        _set(model, of_network(arrays, number))
        return model

    def fit(epochs: int, shuffle: bool, samples: int) -> Any:
        return fit_many(made, settings, arrays["x"][:samples], arrays["y"][:samples], **_options(spec, epochs, shuffle))

    def learn(batches: int, epochs: int) -> tuple[list[float], list[Any]]:
        networks = fit(epochs, False, batches * spec["batch"])
        learned = zip(*(model.state_dict().values() for model in networks), strict=True)
        losses = np.mean([history["loss"] for history in networks.histories], axis=0)
        return losses.tolist(), [np.stack(values) for values in learned]

    return training(lambda epochs: fit(epochs, True, len(arrays["x"])), learn, slope=True)
