"""One training step as a plan: gather a batch, forward, loss, gradients, update, and move on to the next batch.

All of it is nodes of one graph, also the step counter and the running totals, so a compiled loop can run step after
step without coming back. What outlives a step is the *memory*: named arrays that the plan reads and updates in place.
The plans for the full and for the last, smaller batch share one memory.
"""

from typing import Any, NamedTuple

import numpy as np

from .. import autodiff
from .. import functional as F
from ..functional import batches
from ..functional.narrow import narrow_step
from ..graph import Graph, Tensor
from ..ops import Array, Spec
from ..plan import Plan
from ..tree import flatten, unflatten
from . import narrow
from .accumulation import record_batches
from .losses import Loss
from .memory import Memory, batch_dtype


class Recorded(NamedTuple):
    """A step that was recorded: ``inputs`` by the memory's names, pairs (input, new value), and what lies between."""

    graph: Graph
    inputs: dict[str, Tensor]
    updates: list[tuple[Tensor, Any]]
    value: Tensor
    grad: Tensor | None


def plan_step(
    model: Any, memory: Memory, loss: Loss, optimizer: Any, batch: int, arrays: dict[str, Array] | None = None
) -> Plan:
    """The plan of a step on ``batch`` samples; its inputs are the memory's arrays in order, or ``arrays`` that are like
    them but for the piece of data."""
    given = memory.arrays if arrays is None else arrays
    step = record_step(model, memory, loss, optimizer, batch, given, fused=True)
    return Plan(step.graph, list(step.inputs.values()), [], step.updates)


def record_step(
    model: Any,
    memory: Memory,
    loss: Loss,
    optimizer: Any,
    batch: int,
    arrays: dict[str, Array],
    *,
    fused: bool = False,
) -> Recorded:
    """A step on ``batch`` samples as a graph; ``fused``: in one node where one can do it."""
    with Graph() as graph:
        inputs = {name: graph.input(Spec(a.shape, a.dtype)) for name, a in arrays.items()}
        parameters = memory.split(inputs["flat"])
        sizes, penalty = memory.options.batches(batch), memory.options.penalty(parameters)
        if len(sizes) > 1:
            return _record_batches(model, memory, loss, optimizer, graph, inputs, parameters, sizes, penalty)
        forward = _forward(model, memory, loss, inputs, parameters, batch)
        value, outputs, updates = forward.value, forward.outputs, forward.updates
        value = value if penalty is None else F.add(value, penalty)
        flat_grad = None
        if fused and penalty is None and forward.counted is None:
            value, outputs, flat_grad = _fused(inputs, forward, loss) or (value, outputs, None)
        if parameters:
            if flat_grad is None:
                grads = autodiff.gradients(graph, [(value, np.ones((), value.dtype))], parameters)
                flat_grad = F.concatenate([F.reshape(graph.lift(g), (-1,)) for g in grads])
            updates += _update(memory, optimizer, inputs, flat_grad)
        if "correct" in inputs:
            outputs = F.subtract(outputs, loss.threshold) if loss.threshold else outputs
            updates.append((inputs["correct"], batches.count_correct(inputs["correct"], outputs, forward.y)))
        updates = _with_counters(inputs, value, updates, batch, forward.counted)
        return Recorded(graph, inputs, updates, value, flat_grad)


class _Forward(NamedTuple):
    """The forward pass of a batch; ``updates`` are those of the model's buffers, ``counted`` how many targets count,
    None for all."""

    value: Any
    outputs: Any
    x: Any
    y: Any
    updates: list[tuple[Tensor, Any]]
    weight: Any
    counted: Any


def _fused(inputs: dict[str, Tensor], forward: _Forward, loss: Loss) -> tuple[Any, Any, Any] | None:
    """Loss, outputs and gradient of a narrow chain by the launch that does all of it; None for other models."""
    value, outputs, x, y, _, weight, _ = forward
    chain = narrow.find(value, outputs, x, y, inputs["flat"], weight, checked=loss.name is not None)
    if chain is None:
        return None
    counted, stored = "correct" in inputs, x.node.primitive.name == "gather_batch"  # not sparse, nor augmented
    data = [inputs["x"] if stored else x, *(inputs.get(name) for name in ("y", "weight", "order", "position", "flat"))]
    value, grad, *scores = narrow_step(*data, batch=x.shape[0], **chain._asdict(), scores=counted, fetched=not stored)
    return value, F.reshape(scores[0], outputs.shape) if counted else outputs, grad


def _with_counters(
    inputs: dict[str, Tensor], value: Any, updates: list[tuple[Tensor, Any]], batch: int, counted: Any
) -> list[tuple[Tensor, Any]]:
    """The updates with the running total and all that counts moved on, in one launch."""
    counters = {inputs["position"]: batch, inputs["step"]: 1}
    rest = []
    for old, new in updates:
        node = new.node if isinstance(new, Tensor) else None
        if node is not None and node.primitive.name == "advance" and node.inputs[0] is old and len(counters) < 4:
            counters[old] = node.attrs["by"]
        else:
            rest.append((old, new))
    return [*rest, *_totals(inputs, value, batch, counted, counters)]


def _totals(
    inputs: dict[str, Tensor], value: Any, samples: int, counted: Any, counters: dict[Tensor, int]
) -> list[tuple[Tensor, Any]]:
    """The running total of a loss that is the mean of ``samples``, or of ``counted`` targets, and the counters."""
    more, weight = [], float(samples)
    if counted is not None:
        more = [(inputs["counted"], batches.tally(inputs["counted"], counted, weight=1.0, by=())[0])]
        value, weight = F.multiply(value, counted), 1.0
    moved = batches.tally(inputs["total"], value, *counters, weight=weight, by=tuple(counters.values()))
    return [*more, *zip((inputs["total"], *counters), moved, strict=True)]


def _record_batches(
    model: Any,
    memory: Memory,
    loss: Loss,
    optimizer: Any,
    graph: Graph,
    inputs: dict[str, Tensor],
    parameters: list[Any],
    sizes: list[int],
    penalty: Any,
) -> Recorded:
    """The same for a step on several batches."""

    def forward(now: dict[str, Any], size: int) -> _Forward:
        return _forward(model, memory, loss, now, parameters, size)

    value, grad, updates, answers, counted = record_batches(graph, inputs, parameters, sizes, forward, penalty)
    if grad is not None:
        updates += _update(memory, optimizer, inputs, grad)
    updates += _totals(inputs, value, sum(sizes), counted, {})
    if "correct" in inputs:
        correct: Any = inputs["correct"]
        for outputs, y in answers:
            correct = batches.count_correct(
                correct, F.subtract(outputs, loss.threshold) if loss.threshold else outputs, y
            )
        updates.append((inputs["correct"], correct))
    return Recorded(graph, inputs, updates, value, grad)


def _forward(
    model: Any, memory: Memory, loss: Loss, inputs: dict[str, Any], parameters: list[Any], batch: int
) -> _Forward:
    """The batch at ``position``, and what the model and the loss make of it."""

    def gather(name: str, dtype: np.dtype[Any]) -> Any:
        return batches.gather_batch(inputs[name], inputs["order"], inputs["position"], batch=batch, dtype=dtype)

    if "columns" in inputs:  # a sparse matrix
        stored = [inputs[name] for name in ("x", "columns", "starts", "order", "position")]
        x = batches.gather_sparse(*stored, batch=batch, features=memory.sample_shape[0], dtype=memory.dtype)
    else:
        x = gather("x", batch_dtype(inputs["x"], model))
    for i, change in enumerate(memory.augment):
        expected = batch, *change.output_shape(tuple(x.shape[1:]))
        # The layers of dropout count their nodes from 0 on.
        x = change(x, seed=inputs["seed"], step=inputs["step"], node=-1 - i)
        got = tuple(x.shape) if hasattr(x, "shape") else type(x).__name__
        if got != expected:
            raise ValueError(
                f"fit: augment: {change!r} returned {got} for {batch} samples; expected {expected}, as it says itself "
                "in output_shape"
            )
    y = gather("y", memory.targets)
    buffers = [inputs[name] for name in inputs if name.startswith("buffer ")]
    outputs = model.apply(
        unflatten(memory.structure, parameters),
        x,
        training=True,
        seed=inputs["seed"],
        step=inputs["step"],
        buffers=unflatten(memory.buffer_structure, buffers) if buffers else None,
    )
    updates: list[tuple[Tensor, Any]] = []
    if buffers:
        outputs, new_buffers = outputs
        updates += zip(buffers, flatten(new_buffers)[0], strict=True)
    weight = gather("weight", memory.dtype) if "weight" in inputs else None
    value = loss(outputs, y) if weight is None else loss.weighted(outputs, y, weight)
    if not isinstance(value, Tensor) or value.shape != ():
        got = f"an array of shape {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)
        raise ValueError(f"fit: the loss returned {got}; expected a number made of the outputs: reduce it with np.mean")
    if not autodiff.depends(value, parameters):
        raise ValueError(
            "fit: the loss does not depend on the parameters of the model, so nothing would be learned; expected a "
            "loss made of the model's outputs, and outputs made of its parameters"
        )
    counted = None if loss.ignore is None else loss.counted(outputs, y)
    return _Forward(value, outputs, x, y, updates, weight, counted)


def _update(memory: Memory, optimizer: Any, inputs: dict[str, Tensor], grad: Any) -> list[tuple[Tensor, Any]]:
    """The optimiser's step on the flat vector of parameters."""
    state = [inputs[f"state {i}"] for i in range(memory.state_count)]
    new, new_state = optimizer.update(inputs["flat"], grad, unflatten(memory.state_structure, state))
    changed = [(old, n) for old, n in zip(state, flatten(new_state)[0], strict=True) if n is not old]
    return [(inputs["flat"], new), *changed, *memory.options.average(inputs, new)]
