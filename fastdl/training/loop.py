"""Epoch after epoch: what happens around the steps (numbers, validation, callbacks, Ctrl-C)."""

import math
import time
import warnings
from typing import Any

from .._kernels.loader import seconds_compiling
from ..ops import Array
from ..options import level_outside
from . import losses
from .callbacks import Callback
from .checkpoint import Keeper, Saved
from .history import History
from .inference import Inference, judge
from .interrupt import Interrupted, InterruptGuard
from .metrics import Metric
from .nans import DivergenceWarning, Watch, diverging
from .progress import Bar
from .sources import Place
from .statistics import Probe
from .steps import TOTALS, Steps


class Loop:
    """Epoch after epoch, with everything that happens around them."""

    def __init__(
        self,
        model: Any,
        steps: Steps,
        callbacks: list[Callback],
        history: History,
        inference: Inference,
        loss: losses.Loss,
        metrics: list[Metric],
        validation: tuple[Any, Array] | None,
        keeper: Keeper,
        statistics: int,
    ) -> None:
        self._model, self._steps, self._callbacks, self._history = model, steps, callbacks, history
        self._inference, self._loss, self._metrics, self._validation = inference, loss, metrics, validation
        self._by_batch = [c for c in callbacks if type(c).on_batch_end is not Callback.on_batch_end]
        # As many samples as predict runs at once, but fewer large ones: 256 large images would need gigabytes.
        sample = math.prod(steps.source.sample_shape)
        self._at_once = min(256, max(steps.usual, 2**20 // max(1, sample)))
        counted = {"loss", "accuracy"} if "correct" in steps.memory.arrays else {"loss"}
        self._others = [m for m in metrics if m not in counted] if steps.source.whole is not None else []
        self._answers = math.prod(steps.memory.arrays["y"].shape[1:])
        self._keeper, self._place = keeper, Place()
        self._guard = InterruptGuard()
        self._watch = Watch(model, steps, self._guard, self._begin)
        self._warned = False
        self._every, self._probe = statistics, Probe(model, steps) if statistics else None

    def run(self, epochs: int, progress: bool | None, saved: Saved | None = None) -> None:
        memory, history = self._steps.memory, self._history
        self._call(self._callbacks, "on_train_begin")
        if saved is not None:
            saved.restore_callbacks(self._callbacks)
            self._place = saved.place
            if saved.stopped:  # and nothing is left to do
                history.stopped, epochs = "callback", saved.place.epoch
        self._watch.start(self._place)
        compiled_before, start = seconds_compiling(), time.perf_counter()
        with self._guard as guard:
            try:
                self._epochs(epochs, progress)
            except (Interrupted, KeyboardInterrupt):
                guard.hit = True
                self._keeper.write(self._place)
            except FloatingPointError:
                history.stopped = "not finite"
                raise
            finally:
                memory.to_model()
                compiling = seconds_compiling() - compiled_before  # of what only validation and callbacks need
                history.seconds["compile"] += compiling
                history.seconds["train"] = time.perf_counter() - start - compiling
                if guard.hit and history.stopped != "not finite":
                    history.stopped = "interrupted"
                with guard.open():
                    for callback in self._callbacks:
                        callback.on_train_end(self._model)
        if guard.hit:
            text = f"training stopped after {history.epochs} epochs; the model keeps what it learned"
            if self._keeper.newest is not None:
                text += f"; go on with resume={self._keeper.newest!r}"
            raise KeyboardInterrupt(text)

    def _epochs(self, epochs: int, progress: bool | None) -> None:
        history, guard = self._history, self._guard
        count = self._steps.source.count
        with Bar(None if count is None else epochs * -(-count // self._steps.usual), progress) as bar:
            bar.advance(self._place.steps)
            while self._place.epoch < epochs:
                self._begin(self._place)
                self._steps.run(
                    self._place,
                    self._stop(epochs),
                    guard,
                    lambda steps: self._after(steps, bar),
                    lambda totals: self._passed(totals, bar, epochs),
                    one_by_one=bool(self._by_batch),
                )
                epoch, numbers = self._steps.epoch, self._numbers()
                history.append(numbers)
                self._warn(epoch)
                if self._probe is not None and (epoch + 1) % self._every == 0:
                    history.statistics.append(self._probe.take(epoch))
                self._place = Place(epoch + 1, 0, self._place.steps)
                bar.show(epoch, epochs, numbers)
                if any(self._call(self._callbacks, "on_epoch_end", epoch, numbers)):
                    history.stopped = "callback"
                self._keeper.epoch_done(self._place, history.stopped == "callback" or epoch + 1 == epochs)
                if history.stopped == "callback":
                    break
                if guard.hit:
                    raise Interrupted
            self._watch.look(self._place, at_the_end=True)

    def _stop(self, epochs: int) -> int:
        """The end of which epoch, counted from 1, is the next that Python is needed at."""
        following = self._place.epoch + 1
        if self._callbacks or self._others or self._validation is not None:
            return following
        due = [-(-following // every) * every for every in (self._every, self._keeper.every_epochs) if every]
        return min([epochs, *due])

    def _begin(self, place: Place) -> None:
        """Make the totals ready for the epoch, or for what is left of it."""
        arrays = self._steps.memory.arrays
        for name in TOTALS:
            if name in arrays and place.samples == 0:
                arrays[name][...] = 0

    def _call(self, callbacks: list[Callback], event: str, *arguments: Any) -> list[bool]:
        """Call the callbacks on the model; training goes on from the values that they leave in it."""
        if not callbacks:
            return []
        with self._guard.open():
            answers = [bool(getattr(callback, event)(self._model, *arguments)) for callback in callbacks]
        if self._steps.memory.from_model():
            self._watch.start(self._place)
        return answers

    def _passed(self, totals: Array, bar: Bar, epochs: int) -> None:
        """Epochs that are over: a row of totals for each."""
        for row in self._watch.good(totals).tolist():
            numbers = self._means(self._steps.source.count or 0, *row)
            self._history.append(numbers)
            self._warn(self._history.epochs - 1)
        if self._history.epochs:  # the first epoch of all may be the one that is not good
            bar.show(self._history.epochs - 1, epochs, self._history.last)

    def _after(self, steps: int, bar: Bar) -> None:
        bar.advance(steps)
        self._place = Place(self._steps.epoch, self._steps.done, self._place.steps + steps)
        self._watch.look(self._place)
        if self._by_batch:
            self._steps.memory.to_model()
            self._call(self._by_batch, "on_batch_end", self._place.steps - 1)
        self._keeper.steps_done(self._place)

    def _warn(self, epoch: int) -> None:
        text = None if self._warned else diverging(self._history["loss"], epoch)
        if text is not None:
            self._warned = True
            warnings.warn(text, DivergenceWarning, stacklevel=level_outside())

    def _means(self, samples: int, total: float, correct: float, counted: float) -> dict[str, float]:
        """The numbers of an epoch of so many samples, from its totals."""
        losses, answers = float(samples), float(samples * self._answers)
        if "counted" in self._steps.memory.arrays:  # none at all leave NaN
            losses = answers = counted or math.nan
        means = {"loss": total / losses}
        if "correct" in self._steps.memory.arrays:
            means["accuracy"] = correct / answers
        return means

    def _numbers(self) -> dict[str, float]:
        memory, whole = self._steps.memory, self._steps.source.whole
        numbers = self._means(self._steps.done, *(float(memory.arrays.get(name, 0.0)) for name in TOTALS))
        if self._others or self._validation is not None or self._callbacks:
            memory.to_model()
        if self._others and whole is not None:
            numbers |= {k: v for k, v in self._judge(*whole, self._others).items() if k != "loss"}
        if self._validation is not None:
            numbers |= {f"val_{k}": v for k, v in self._judge(*self._validation, self._metrics).items()}
        return numbers

    def _judge(self, x: Any, encoded: Array, metrics: list[Metric]) -> dict[str, float]:
        if self._guard.hit:
            raise Interrupted
        with self._guard.open():
            return judge(self._model, self._loss, self._inference(x, self._at_once), encoded, metrics, encoded)
