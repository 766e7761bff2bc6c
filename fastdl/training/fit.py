"""``fit``: the training loop. Steps run in compiled code; Python is entered between chunks of at most about 50 ms."""

import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from .. import optim
from .._kernels import Run
from .._kernels.loader import seconds_compiling
from ..ops import Array
from . import losses
from .callbacks import Callback, as_callbacks
from .history import History
from .inference import Inference, Metric, check_metrics, judge
from .inputs import check_seed, positive, samples, targets, weights
from .interrupt import InterruptGuard
from .pace import Pace
from .step import Memory, plan_step


class Interrupted(Exception):  # noqa: N818 - it is not an error
    """Ctrl-C was pressed."""


class _Steps:
    """The plans of one training run and how fast they go."""

    def __init__(self, model: Any, memory: Memory, loss: losses.Loss, optimizer: Any, batch: int) -> None:
        self.memory, self.batch = memory, batch
        self.count = len(memory.arrays["x"])
        self.full, rest = divmod(self.count, batch)
        arrays = list(memory.arrays.values())
        self._plans = [plan_step(model, memory, loss, optimizer, batch)]
        if rest:
            try:
                self._plans.append(plan_step(model, memory, loss, optimizer, rest))
            except ValueError as error:  # the full batch is well: the model wants more samples, as batch_norm does
                raise ValueError(
                    f"fit: {self.count} samples in batches of {batch} leave {rest} for the last one, which is too "
                    f"few for the model; {_another(self.count, batch)} ({error})"
                ) from None
        self._runs: list[Run] = [plan.bind(arrays) for plan in self._plans]
        self._pace = Pace(self._runs[0].threads)

    def epoch(self, guard: InterruptGuard, after: Any, one_by_one: bool) -> None:
        """All batches of one epoch; ``after(steps)`` is called when steps are done."""
        waiting = self.full
        while waiting:
            alone, steps = self._pace.next(1 if one_by_one else waiting)
            start = time.perf_counter()
            self._runs[0].run(steps, alone=alone)
            self._pace.took(alone, steps, time.perf_counter() - start)
            waiting -= steps
            after(steps)
            if guard.hit:
                raise Interrupted
        if self.count % self.batch:
            self._runs[-1].run(alone=self._pace.alone)
            after(1)


def _another(count: int, batch: int) -> str:
    """Advice about a batch size near ``batch`` whose last batch is larger, for a message."""
    rest = count % batch
    sizes = [size for size in range(2, count + 1) if (count % size or size) > rest]
    if not sizes:
        return "give more samples"
    return f"choose another batch_size, such as {min(sizes, key=lambda size: (abs(size - batch), size))}"


def fit(
    model: Any,
    X: Any,
    y: Any,
    *,
    loss: Any = None,
    optimizer: Any = None,
    epochs: int = 10,
    batch_size: int | None = 32,
    validation_data: tuple[Any, Any] | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    metrics: Sequence[Metric] = (),
    sample_weight: Any = None,
    class_weight: Any = None,
    callbacks: Sequence[Any] = (),
    progress: bool | None = None,
) -> History:
    """See ``nn.Module.fit``."""
    compiled_before, start = seconds_compiling(), time.perf_counter()
    x = samples("fit", "X", X)
    labels = targets("fit", y, len(x))
    if len(x) == 0:
        raise ValueError("fit: X has no samples")
    epochs = positive("epochs", epochs)
    batch = len(x) if batch_size is None else min(positive("batch_size", batch_size), len(x))
    inference = Inference(model)
    output_shape = inference.output_shape(x)
    chosen = losses.get(loss) if loss is not None else losses.choose(labels, output_shape)
    classes = losses.find_classes(labels, chosen, output_shape)
    encoded = losses.encode(labels, chosen, classes, output_shape, model.dtype)
    if chosen.name in losses.OF_PROBABILITIES:
        losses.check_outputs(chosen, inference(x[:8], 1), "fit")
    weight = weights(sample_weight, class_weight, encoded, classes, model.dtype)
    if weight is not None and chosen.name is None:
        raise ValueError("fit: sample_weight and class_weight need a named loss; weigh inside your own loss instead")
    wanted = check_metrics(metrics, chosen)
    validation = _validation(validation_data, x, chosen, classes, output_shape, model.dtype)
    hooks = as_callbacks(callbacks)
    seed = secrets.randbits(62) if seed is None else check_seed(seed)

    count = "accuracy" in wanted
    chosen_optimizer = optim.get("adam" if optimizer is None else optimizer)
    memory = Memory(model, x, encoded, weight, chosen_optimizer, seed=seed, count=count)
    steps = _Steps(model, memory, chosen, chosen_optimizer, batch)
    history = History()
    history.seconds["compile"] = seconds_compiling() - compiled_before
    history.seconds["plan"] = time.perf_counter() - start - history.seconds["compile"]
    model.loss = chosen.name if chosen.name is not None else chosen.function
    model.classes, model.input_shape, model.history = classes, tuple(x.shape[1:]), history

    loop = _Loop(model, steps, hooks, history, inference, chosen, wanted, validation)
    loop.run(epochs, np.random.default_rng(seed) if shuffle else None, progress)
    return history


def _validation(
    data: Any, x: Array, loss: losses.Loss, classes: Any, output_shape: tuple[int, ...], dtype: Any
) -> tuple[Array, Array] | None:
    if data is None:
        return None
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError("fit: validation_data must be a pair (X, y)")
    vx = samples("fit", "validation_data X", data[0])
    if vx.shape[1:] != x.shape[1:] or len(vx) == 0:
        raise ValueError(
            f"fit: validation_data X has shape {vx.shape}; expected (N, {', '.join(map(str, x.shape[1:]))})"
        )
    return vx, losses.encode(targets("fit", data[1], len(vx)), loss, classes, output_shape, dtype)


class _Loop:
    """Epoch after epoch, with everything that happens around them."""

    def __init__(
        self,
        model: Any,
        steps: _Steps,
        callbacks: list[Callback],
        history: History,
        inference: Inference,
        loss: losses.Loss,
        metrics: list[Metric],
        validation: tuple[Array, Array] | None,
    ) -> None:
        self._model, self._steps, self._callbacks, self._history = model, steps, callbacks, history
        self._inference, self._loss, self._metrics, self._validation = inference, loss, metrics, validation
        self._by_batch = [c for c in callbacks if type(c).on_batch_end is not Callback.on_batch_end]
        # As many samples as predict runs at once, but fewer large ones: 256 large images would need gigabytes.
        self._at_once = min(256, max(steps.batch, 2**20 // max(1, steps.memory.arrays["x"][0].size)))
        self._step = 0
        self._guard = InterruptGuard()

    def run(self, epochs: int, rng: np.random.Generator | None, progress: bool | None) -> None:
        memory, history = self._steps.memory, self._history
        self._call(self._callbacks, "on_train_begin")
        compiled_before, start = seconds_compiling(), time.perf_counter()
        with self._guard as guard:
            try:
                self._epochs(epochs, rng, progress)
            except (Interrupted, KeyboardInterrupt):
                guard.hit = True
            finally:
                memory.to_model()
                compiling = seconds_compiling() - compiled_before  # of what only validation and callbacks need
                history.seconds["compile"] += compiling
                history.seconds["train"] = time.perf_counter() - start - compiling
                if guard.hit:
                    history.stopped = "interrupted"
                with guard.open():
                    for callback in self._callbacks:
                        callback.on_train_end(self._model)
        if guard.hit:
            raise KeyboardInterrupt(f"training stopped after {history.epochs} epochs; the model keeps what it learned")

    def _epochs(self, epochs: int, rng: np.random.Generator | None, progress: bool | None) -> None:
        arrays, history, guard = self._steps.memory.arrays, self._history, self._guard
        counters = [arrays[name] for name in ("position", "total", "correct") if name in arrays]
        batches = epochs * -(-self._steps.count // self._steps.batch)
        with _Bar(batches, progress) as bar:
            for epoch in range(epochs):
                if rng is not None:
                    arrays["order"][:] = rng.permutation(self._steps.count)
                for counter in counters:
                    counter[...] = 0
                self._steps.epoch(guard, lambda n: self._after(n, bar), bool(self._by_batch))
                numbers = self._numbers()
                history.append(numbers)
                bar.show(epoch, epochs, numbers)
                if any(self._call(self._callbacks, "on_epoch_end", epoch, numbers)):
                    history.stopped = "callback"
                    break
                if guard.hit:
                    raise Interrupted

    def _call(self, callbacks: list[Callback], event: str, *arguments: Any) -> list[bool]:
        """Call the callbacks on the model; training goes on from the values that they leave in it."""
        if not callbacks:
            return []
        with self._guard.open():
            answers = [bool(getattr(callback, event)(self._model, *arguments)) for callback in callbacks]
        self._steps.memory.from_model()
        return answers

    def _after(self, steps: int, bar: "_Bar") -> None:
        bar.advance(steps)
        if self._by_batch:
            self._steps.memory.to_model()
            self._call(self._by_batch, "on_batch_end", self._step)
        self._step += steps

    def _numbers(self) -> dict[str, float]:
        memory, n = self._steps.memory, self._steps.count
        numbers = {"loss": float(memory.arrays["total"]) / n}
        if "correct" in memory.arrays:
            numbers["accuracy"] = float(memory.arrays["correct"]) / memory.arrays["y"].size
        others = [m for m in self._metrics if m not in numbers]
        if others or self._validation is not None or self._callbacks:
            memory.to_model()
        if others:
            numbers |= {
                k: v for k, v in self._judge(memory.arrays["x"], memory.arrays["y"], others).items() if k != "loss"
            }
        if self._validation is not None:
            numbers |= {f"val_{k}": v for k, v in self._judge(*self._validation, self._metrics).items()}
        return numbers

    def _judge(self, x: Array, encoded: Array, metrics: list[Metric]) -> dict[str, float]:
        if self._guard.hit:
            raise Interrupted
        with self._guard.open():
            return judge(self._model, self._loss, self._inference(x, self._at_once), encoded, metrics, encoded)


class _Bar(AbstractContextManager["_Bar"]):
    """A progress bar on standard error: on a terminal if ``progress`` is None, always or never if it is a bool."""

    def __init__(self, batches: int, progress: bool | None) -> None:
        self._bar: Any = None

        if progress or (progress is None and sys.stderr is not None and sys.stderr.isatty()):
            from tqdm import tqdm

            self._bar = tqdm(total=batches, unit="batch", desc="training", dynamic_ncols=True)

    def advance(self, steps: int) -> None:
        if self._bar is not None:
            self._bar.update(steps)

    def show(self, epoch: int, epochs: int, numbers: dict[str, float]) -> None:
        if self._bar is not None:
            self._bar.set_description(f"epoch {epoch + 1}/{epochs}", refresh=False)
            self._bar.set_postfix({k: f"{v:.4f}" for k, v in numbers.items()})

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
