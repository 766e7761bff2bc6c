"""Training by fastdl: ``fit``, timed as the slope over epochs, which leaves out planning."""

from collections.abc import Callable
from typing import Any

from ... import functional as F
from ... import nn, optim
from ..networks import Network
from ..rows import Row
from ..work import initial
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
    spec = row.spec
    model = build(spec["network"], spec["dtype"])
    x, y = arrays["x"], arrays["y"]
    loss = "bce_with_logits" if spec["loss"] == "binary" else "cross_entropy"

    def start() -> None:
        model.load_state_dict(dict(zip(model.state_dict(), initial(arrays), strict=True)))

    def fit(epochs: int, shuffle: bool, samples: int) -> Any:
        optimizer = optim.SGD(0.05) if spec["optimizer"] == "sgd" else optim.Adam(1e-3)
        options = {"batch_size": spec["batch"], "shuffle": shuffle, "seed": 0, "progress": False}
        return model.fit(x[:samples], y[:samples], loss=loss, optimizer=optimizer, epochs=epochs, **options)

    def learn(batches: int, epochs: int) -> tuple[list[float], list[Any]]:
        start()
        history = fit(epochs, False, batches * spec["batch"])
        learned = [value.copy() for value in model.state_dict().values()]
        start()
        return history["loss"], learned

    start()
    return training(lambda epochs: fit(epochs, True, len(x)), learn, slope=True)
