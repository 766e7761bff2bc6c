"""What goes on inside a network while it learns: gradients, updates and activations of each layer, on request.

After an epoch the last batch is run once more through a plan of its own, which gives out the gradient, the parameters
that an update would make, and what each layer returns; nothing is changed, and the steps themselves know nothing of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..graph import Tensor
from ..ops import Array, Shape
from ..options import is_integer
from ..plan import Plan
from .steps import Steps


@dataclass(frozen=True)
class Statistics:
    """Numbers of one epoch's last batch; ``print`` shows them as a table.

    ``parameters``: by the names of ``state_dict``, of each array its ``norm``, the gradient's ``grad_mean``,
    ``grad_std`` and ``grad_norm`` (before clipping, with penalties), and ``ratio``, the norm of the update divided by
    that of the array: about 1e-3 is usual, 1e-1 is wild, 1e-6 stands still. ``activations``: by the name of each layer
    without parts, ``mean``, ``std``, ``norm``, ``zeros``, the share of outputs that are exactly 0, and ``dead``, the
    share of features (axis 1) that are 0 for the whole batch: relus that no longer learn.
    """

    epoch: int
    parameters: dict[str, dict[str, float]]
    activations: dict[str, dict[str, float]]

    def __str__(self) -> str:
        lines = [f"epoch {self.epoch}"]
        for rows in (self.parameters, self.activations):
            for i, (name, numbers) in enumerate(rows.items()):
                if i == 0:
                    width = max(map(len, rows)) + 2
                    lines.append(" " * width + "".join(f"{title:>11}" for title in numbers))
                lines.append(f"{name:{width}}" + "".join(f"{number:11.3g}" for number in numbers.values()))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and numbers, for JSON."""
        return asdict(self)


def interval(statistics: Any) -> int:
    """After each so many epochs, 0 for never: what ``fit`` was given as ``statistics``."""
    if isinstance(statistics, (bool, np.bool_)):
        return int(statistics)
    if not is_integer(statistics) or statistics < 1:
        raise ValueError(f"fit: statistics is {statistics!r}; expected True, False, or after how many epochs")
    return int(statistics)


class Probe:
    """Takes the statistics of one training run."""

    def __init__(self, model: Any, steps: Steps) -> None:
        self._model, self._steps = model, steps
        self._plans: dict[Any, tuple[Plan, list[str]]] = {}
        self._pieces = [(name, a.shape) for name, a in _named(model.parameters())]

    def take(self, epoch: int) -> Statistics:
        """The statistics after the epoch number ``epoch``."""
        arrays = self._steps.arrays
        key = self._steps.last, *[(a.shape, a.dtype) for a in arrays.values()]
        if key not in self._plans:
            self._plans[key] = self._plan()
        plan, layers = self._plans[key]
        position = np.array(int(arrays["position"]) - self._steps.last)
        given = [position if name == "position" else a for name, a in arrays.items()]
        results = plan(given)
        activations = {name: _of_activations(y) for name, y in zip(layers, results, strict=False)}
        parameters = {}
        if len(results) > len(layers):
            grad, new = results[len(layers) :]
            parameters = dict(_of_parameters(self._pieces, arrays["flat"], grad, new))
        return Statistics(epoch, parameters, activations)

    def _plan(self) -> tuple[Plan, list[str]]:
        """Activations, and if there are parameters the gradient and the new parameters; and the layers' names."""
        step, calls = self._model.note_calls(self._steps.record)
        leaves = [call for call in calls if isinstance(call.output, Tensor) and call.output.dtype.kind == "f"]
        leaves = [c for c in leaves if not any(c.name != d.name and _inside(d.name, c.name) for d in calls)]
        outputs = [call.output for call in leaves]
        if step.grad is not None:
            outputs += [step.grad, *(new for old, new in step.updates if old is step.inputs["flat"])]
        return Plan(step.graph, list(step.inputs.values()), outputs), [call.name for call in leaves]


def _inside(name: str, whole: str) -> bool:
    return not whole or name.startswith(f"{whole}.")


def _named(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Array]]:
    """The arrays of nested dicts in the order in which they lie in the flat vector, with their dotted names."""
    found: list[tuple[str, Array]] = []
    for key in sorted(tree):
        value, name = tree[key], f"{prefix}{key}"
        found += _named(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return found


def _of_parameters(pieces: Sequence[tuple[str, Shape]], old: Array, grad: Array, new: Array) -> Any:
    start = 0
    for name, shape in pieces:
        part = slice(start, start + math.prod(shape))
        start = part.stop
        p, g, q = (a[part].astype(np.float64) for a in (old, grad, new))
        norm = float(np.linalg.norm(p))
        moved = float(np.linalg.norm(q - p))
        yield (
            name,
            {
                "norm": norm,
                "grad_mean": float(g.mean()) if g.size else 0.0,
                "grad_std": float(g.std()) if g.size else 0.0,
                "grad_norm": float(np.linalg.norm(g)),
                "ratio": moved / norm if norm else math.inf if moved else 0.0,
            },
        )


def _of_activations(y: Array) -> dict[str, float]:
    y = y.astype(np.float64)
    zero = y == 0
    features = zero.all(axis=tuple(i for i in range(y.ndim) if i != 1)) if y.ndim > 1 else zero
    return {
        "mean": float(y.mean()) if y.size else 0.0,
        "std": float(y.std()) if y.size else 0.0,
        "norm": float(np.linalg.norm(y)),
        "zeros": float(zero.mean()) if y.size else 0.0,
        "dead": float(features.mean()) if features.size else 0.0,
    }
