"""A step on several batches with one update: their gradients are added up, each for its share of the samples, so that
it is the step on all of these samples at once but for rounding and for what layers make of a batch (batch norm)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import autodiff
from .. import functional as F
from ..functional import batches
from ..graph import Graph, Tensor

Forward = Callable[[dict[str, Any], int], Any]


def record_batches(
    graph: Graph, inputs: dict[str, Tensor], parameters: list[Any], sizes: list[int], forward: Forward, penalty: Any
) -> tuple[Any, Any, list[tuple[Tensor, Any]], list[tuple[Any, Any]]]:
    """The mean loss of all samples, the flat gradient, the updates of counters and buffers, (outputs, targets) of each
    batch. ``forward(now, size)`` is the pass of one batch, where ``now`` has the inputs as the batches before left
    them."""
    samples, now = sum(sizes), dict(inputs)
    names = {tensor: name for name, tensor in inputs.items()}
    value, grad, answers = penalty, None, []
    for i, size in enumerate(sizes):
        passed = forward(now, size)
        loss = passed.value
        share = np.full((), size / samples, loss.dtype)
        pairs = [(loss, share)] if i or penalty is None else [(loss, share), (penalty, np.ones((), loss.dtype))]
        if parameters:
            pieces = autodiff.gradients(graph, pairs, parameters)
            flat = F.concatenate([F.reshape(graph.lift(g), (-1,)) for g in pieces])
            grad = flat if grad is None else F.add(grad, flat)
        value = F.multiply(loss, share) if value is None else F.add(value, F.multiply(loss, share))
        answers.append((passed.outputs, passed.y))
        now |= {_name(old, now): new for old, new in passed.updates}
        now["position"] = batches.advance(now["position"], by=size)
        now["step"] = batches.advance(now["step"], by=1)
    updates = [(tensor, now[name]) for tensor, name in names.items() if now[name] is not tensor]
    return value, grad, updates, answers


def _name(tensor: Any, now: dict[str, Any]) -> str:
    """The name of a buffer as a batch found it."""
    return next(name for name, value in now.items() if value is tensor)
