"""The steps of one training run: chunks of them run in compiled code, at most about 50 ms before Python is entered."""

import time
from typing import Any

from .._kernels import Run
from . import losses
from .interrupt import Interrupted, InterruptGuard
from .pace import Pace
from .step import Memory, plan_step


class Steps:
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
        """The batches of one epoch from ``position`` on; ``after(steps)`` is called when steps are done."""
        position = self.memory.arrays["position"]
        waiting = self.full - int(position) // self.batch
        while waiting:
            alone, steps = self._pace.next(1 if one_by_one else waiting)
            start = time.perf_counter()
            self._runs[0].run(steps, alone=alone)
            self._pace.took(alone, steps, time.perf_counter() - start)
            waiting -= steps
            after(steps)
            if guard.hit:
                raise Interrupted
        if int(position) < self.count:
            self._runs[-1].run(alone=self._pace.alone)
            after(1)


def _another(count: int, batch: int) -> str:
    """Advice about a batch size near ``batch`` whose last batch is larger, for a message."""
    rest = count % batch
    sizes = [size for size in range(2, count + 1) if (count % size or size) > rest]
    if not sizes:
        return "give more samples"
    return f"choose another batch_size, such as {min(sizes, key=lambda size: (abs(size - batch), size))}"
