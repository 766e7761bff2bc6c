"""How each library does the work of a row: a file a library, imported only in that library's own process, and for some
a second one with how it trains.

Each file has ``version()``, ``setup(threads)`` and ``build(row, arrays)``. The latter returns None if the library has
nothing for the row, or else a :class:`Task`.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# The name that users type -> the module that must be installed.
LIBRARIES = {
    "fastdl": "numpy",
    "numpy": "numpy",
    "torch": "torch",
    "jax": "jax",
    "sklearn": "sklearn",
    "opencv": "cv2",
    "scipy": "scipy",
}
PEERS = tuple(name for name in LIBRARIES if name != "fastdl")

CHECKED_BATCHES = 3
"""Steps of training after which weights are compared. In float32 rounding decides more and more: after an epoch of the
large networks two libraries that agree to 1e-12 in float64 differ by a tenth of what they learned."""

CURVE = (10, 10)
"""Of a loss curve: how many batches, and how many epochs over them."""

Learn = Callable[[int, int], tuple[list[float], list[Any]]]


@dataclass(frozen=True)
class Task:
    """``run(count)`` does the work ``count`` times over, ``result()`` does it once and returns its arrays; of training
    it does the first few steps, in the order of the samples.

    ``slope``: a run has a cost that does not grow with ``count`` (``fit`` plans first), so that the time of one is the
    slope between two counts. ``note`` says what was chosen ("channels last").

    ``learn(batches, epochs)``, of training alone: from the initial parameters on the first so many batches, in the
    order of the samples; returns the mean loss of each epoch and the parameters at the end.
    """

    run: Callable[[int], Any]
    result: Callable[[], list[Any]]
    slope: bool = False
    note: str = ""
    learn: Learn | None = None


def training(run: Callable[[int], Any], learn: Learn, *, slope: bool = False, note: str = "") -> Task:
    """The task of training epochs, whose result are the parameters after a few steps."""
    return Task(run, lambda: learn(CHECKED_BATCHES, 1)[1], slope, note, learn)


def repeated(function: Callable[[], Any], result: Callable[[Any], list[Any]], note: str = "") -> Task:
    """The task of calling ``function``; ``result`` turns what it returns into NumPy arrays."""

    def run(count: int) -> None:
        for _ in range(count):
            function()

    return Task(run, lambda: result(function()), note=note)


def installed() -> list[str]:
    """The libraries that are there."""
    return [name for name, module in LIBRARIES.items() if importlib.util.find_spec(module) is not None]
