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
) -> tuple[Any, Any, list[tuple[Tensor, Any]], list[tuple[Any, Any]], Any]:
    """The mean loss of all samples, the flat gradient, the updates of counters and buffers, (outputs, targets) of each
    batch, and how many targets counted (None: all). ``forward(now, size)`` is the pass of one batch, where ``now`` has
    the inputs as the batches before left them.

    Where only some targets count, their number is known at the end: until then the sums of the losses are added up.
    """
    samples, now = sum(sizes), dict(inputs)
    names = {tensor: name for name, tensor in inputs.items()}
    value, grad, answers, counted = None, None, [], None

    def add(of: Any, share: Any) -> None:
        nonlocal value, grad
        if parameters:
            pieces = autodiff.gradients(graph, [(of, share)], parameters)
            flat = F.concatenate([F.reshape(graph.lift(g), (-1,)) for g in pieces])
            grad = flat if grad is None else F.add(grad, flat)
        part = F.multiply(of, share)
        value = part if value is None else F.add(value, part)

    for size in sizes:
        passed = forward(now, size)
        if passed.counted is None:
            add(passed.value, np.full((), size / samples, passed.value.dtype))
        else:
            add(passed.value, F.maximum(passed.counted, 1.0))
            counted = passed.counted if counted is None else F.add(counted, passed.counted)
        answers.append((passed.outputs, passed.y))
        now |= {_name(old, now): new for old, new in passed.updates}
        now["position"] = batches.advance(now["position"], by=size)
        now["step"] = batches.advance(now["step"], by=1)
    if counted is not None:
        share = F.divide(1.0, F.maximum(counted, 1.0))
        value, grad = F.multiply(value, share), None if grad is None else F.multiply(grad, share)
    if penalty is not None:
        add(penalty, np.ones((), penalty.dtype))
    updates = [(tensor, now[name]) for tensor, name in names.items() if now[name] is not tensor]
    return value, grad, updates, answers, counted


def _name(tensor: Any, now: dict[str, Any]) -> str:
    """The name of a buffer as a batch found it."""
    return next(name for name, value in now.items() if value is tensor)
