"""A loss that is not finite stops training with an error that says where it began.

Nothing is added to the steps: between two chunks of them the running total of the loss is looked at, which stays NaN or
infinite once it is. The state of training is copied now and then, at most as often as costs one part in two hundred of
the time. When something is wrong, training goes on once more from the last copy, step by step, to the first bad one
(the bits are the same), and that step is run op by op on the parameters from before it, which the model then keeps.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..debugging import blame
from ..graph import Node
from ..ops import Array
from ..stepwise import run_op_by_op
from .interrupt import Interrupted, InterruptGuard
from .sources import Place
from .step import Recorded
from .steps import Steps

SHARE = 200  # so many times as long as a copy takes passes between two
_PARTLY_DEFINED = {"divide", "exp", "expm1", "log", "log1p", "power", "sqrt"}


class DivergenceWarning(UserWarning):
    """The loss has grown far beyond that of the first epoch."""


class _Arrived(Exception):  # noqa: N818 - it is not an error
    """Training was gone over again up to the place that was looked for."""


class Watch:
    """Looks after one training run. ``begin(place)`` makes the memory ready for an epoch."""

    def __init__(self, model: Any, steps: Steps, guard: InterruptGuard, begin: Callable[[Place], None]) -> None:
        self._model, self._steps, self._guard, self._begin = model, steps, guard, begin
        self._live = steps.memory.changing()
        self._copy: dict[str, Array] = {name: np.empty_like(a) for name, a in self._live.items()}
        self._place, self._seconds, self._taken = Place(), 0.0, -math.inf
        self._epoch = 0  # that is gone over again
        self._total = steps.memory.arrays["total"]
        self._bad = False  # a loss of an epoch that was passed was not finite

    def start(self, place: Place) -> None:
        """Before the first step, and when a callback has changed values."""
        if not self._take(place):
            names = [name for name, a in self._model.state_dict().items() if not np.isfinite(a).all()]
            raise ValueError(f"fit: {', '.join(names)} of the model holds NaN or infinity; expected finite numbers")

    def good(self, totals: Array) -> Array:
        """The totals of epochs that were passed, up to the first whose loss is not finite: ``look`` raises for that."""
        finite = np.isfinite(totals[:, 0])
        self._bad = not finite.all()
        return totals[: int(finite.argmin())] if self._bad else totals

    def look(self, place: Place, at_the_end: bool = False) -> None:
        """Between two steps. Raises FloatingPointError if the loss or the parameters are not finite."""
        finite = not self._bad and math.isfinite(float(self._total))
        if finite and (at_the_end or time.perf_counter() - self._taken > SHARE * self._seconds):
            finite = self._take(place)
        if not finite:
            raise self._explained(place)

    def _take(self, place: Place) -> bool:
        """Copy the state, if the parameters are finite; says whether they are."""
        start = time.perf_counter()
        finite = self._finite()
        if finite:
            for name, array in self._live.items():
                np.copyto(self._copy[name], array)
            self._place = place
        self._taken = time.perf_counter()
        self._seconds = self._taken - start
        return finite

    def _finite(self) -> bool:
        return math.isfinite(float(self._total)) and bool(np.isfinite(self._live["flat"]).all())

    def _explained(self, place: Place) -> FloatingPointError:
        """The error; the memory and the model are as they were before the step that is to blame."""
        memory, before = self._steps.memory, self._place
        text, after = "", f"between the steps {before.steps} and {place.steps - 1}"
        if self._steps.source.repeats:
            try:
                good = self._again(place.steps - before.steps)
                if good < place.steps - before.steps:
                    self._again(good + 1, copy_after=good)
                    after = f"after step {self._place.steps} of epoch {self._epoch}"
                    position = int(memory.arrays["position"]) - self._steps.last
                    self._put_back()
                    memory.arrays["position"][...] = position
                    text = cause(self._model, self._steps.record, self._steps.arrays)
            except (Interrupted, KeyboardInterrupt):  # nobody wants to wait for the cause; the error itself stays
                text = ", and Ctrl-C ended the search for the cause"
        self._put_back()
        memory.to_model()
        largest = float(np.abs(memory.arrays["flat"]).max(initial=0))
        return FloatingPointError(
            f"fit: not finite any more {after} (counted from 0){text}. The model keeps its parameters from before that "
            f"(the largest is {largest:.3g}). Lower the learning rate, or bound the gradient by the optimiser's "
            "clip_norm"
        )

    def _put_back(self) -> None:
        for name, array in self._copy.items():
            np.copyto(self._live[name], array)

    def _again(self, limit: int, copy_after: int = -1) -> int:
        """Go on from the copy, step by step, until something is not finite, at most ``limit`` steps; returns how many
        went well. ``copy_after``: copy the state after so many."""
        self._put_back()
        start, good = self._place, 0
        self._epoch, done = start.epoch, start.samples

        def after(steps: int) -> None:
            nonlocal good
            if not self._finite():
                raise _Arrived
            good += steps
            if good == copy_after:
                self._take(Place(self._epoch, self._steps.done, start.steps + good))
            if good == limit:
                raise _Arrived

        try:
            while good < limit:
                here = Place(self._epoch, done)
                self._begin(here)
                self._steps.run(here, self._epoch + 1, self._guard, after, one_by_one=True)
                self._epoch, done = self._epoch + 1, 0
        except _Arrived:
            pass
        return good


def cause(model: Any, record: Callable[[], Recorded], arrays: Mapping[str, Array]) -> str:
    """Which op of the next step is the first whose result is not finite, run op by op, in words."""
    step, calls = model.note_calls(record)
    found: list[tuple[Node, str]] = []

    def look(node: Node, inputs: Any, outputs: Any) -> None:
        wrong = None if found else blame(node.primitive.name, inputs, outputs)
        if wrong is not None:
            found.append((node, wrong))

    given = {tensor: arrays[name] for name, tensor in step.inputs.items()}
    new = [new for old, new in step.updates if old is step.inputs["flat"]]
    grads = [] if step.grad is None else [step.grad]
    loss, *others = run_op_by_op(step.graph, given, [step.value, *new, *grads], look)
    text = f", whose loss is {float(loss):.4g}"
    if not found:
        return text
    node, wrong = found[0]
    text += f". The first op at fault, in {_where(node, step, calls)}, is {wrong}"
    norm = float(np.linalg.norm(others[-1].astype(np.float64))) if grads else math.nan
    if node.primitive.name in _PARTLY_DEFINED:
        text += " (keep its arguments where it is defined and its result is small, as by F.maximum(x, 1e-6))"
    elif math.isfinite(norm):
        text += f"; the gradient's norm is {norm:.3g}"
    return text


def _where(node: Node, step: Recorded, calls: Sequence[Any]) -> str:
    """The part of a step that a node belongs to, in words."""
    assert step.value.node is not None
    index = {n: i for i, n in enumerate(step.graph.nodes)}
    if node.origin is None and index[node] > index[step.value.node]:
        return "the update of the parameters"
    source = node
    while source.origin is not None:
        source = source.origin
    inside = [call for call in calls if call.first <= index[source] < call.end]
    what = "the loss"
    if inside:
        call = min(inside, key=lambda call: call.end - call.first)
        what = f"layer {call.name} ({call.kind})" if call.name else "the model's own code"
    return what if node.origin is None else f"the gradient of {what}"


def diverging(losses: Sequence[float], epoch: int) -> str | None:
    """What there is to say if the losses of this epoch and the one before are more than ten times the first one."""
    if epoch < 2 or not 0 < 10 * losses[0] < min(losses[epoch - 1], losses[epoch]):
        return None
    return (
        f"fit: training diverges: the loss was {losses[0]:.4g} in the first epoch and is {losses[epoch]:.4g} in epoch "
        f"{epoch}; lower the learning rate, or bound the gradient by the optimiser's clip_norm"
    )
