"""The steps of one training run: many at once in compiled code, at most about 50 ms before Python is entered."""

import time
from typing import Any

from .._kernels import Run
from ..ops import Array
from ..plan import Plan
from . import losses
from .interrupt import Interrupted, InterruptGuard
from .pace import Pace
from .sources import Piece, Source
from .step import Memory, Recorded, plan_step, record_step


class Steps:
    """The plans of one training run, one for each batch size, and how fast they go."""

    def __init__(self, model: Any, memory: Memory, source: Source, loss: losses.Loss, optimizer: Any) -> None:
        self.memory, self.source = memory, source
        self.done = 0
        """Samples of the epoch that were trained on."""
        self.last = 0
        """Samples of the last step."""
        self._making = model, memory, loss, optimizer
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._bound: dict[str, Array] = {}
        self._runs: dict[int, Run] = {}
        self._bind(source.arrays)
        size, *others = source.sizes()
        self.usual = size
        self._pace = Pace(self._run(size).threads)
        for rest in others:
            try:
                self._run(rest)
            except ValueError as error:  # the full batch is well: the model wants more samples, as batch_norm does
                count = source.count or 0
                size = memory.options.batch if memory.options.accumulate > 1 and memory.options.batch else size
                raise ValueError(
                    f"fit: {count} samples in batches of {size} leave {count % size} for the last one, which is too "
                    f"few for the model; {_another(count, size)} ({error})"
                ) from None

    def epoch(self, number: int, guard: InterruptGuard, after: Any, one_by_one: bool, done: int = 0) -> None:
        """All batches of one epoch but the first ``done`` samples; ``after(steps)`` is called when steps are done."""
        self.done = done
        pieces = self.source.pieces(number, done)
        try:
            while True:
                with guard.open():  # it may have to be waited for
                    piece = next(pieces, None)
                if piece is None:
                    break
                self._bind(piece.arrays)
                self._piece(piece, guard, after, one_by_one)
        finally:
            with guard.open():
                pieces.close()

    def _piece(self, piece: Piece, guard: InterruptGuard, after: Any, one_by_one: bool) -> None:
        self.memory.arrays["position"][...] = piece.done
        size = self.source.batch or piece.samples
        waiting, rest = divmod(piece.samples - piece.done, size)
        self.last = piece.done % size or size  # nothing may be left to do, and statistics look at the last step
        run = self._run(size) if waiting else None
        while run is not None and waiting:
            alone, steps = self._pace.next(1 if one_by_one else waiting)
            start = time.perf_counter()
            run.run(steps, alone=alone)
            self._pace.took(alone, steps, time.perf_counter() - start)
            waiting -= steps
            self.done, self.last = self.done + steps * size, size
            after(steps)
            if guard.hit:
                raise Interrupted
        if rest:
            self._run(rest).run(alone=self._pace.alone)
            self.done, self.last = self.done + rest, rest
            after(1)

    @property
    def arrays(self) -> dict[str, Array]:
        """What the steps read and write now."""
        return {**self.memory.arrays, **self._bound}

    def record(self) -> Recorded:
        """The last step as a graph."""
        return record_step(*self._making, self.last, self.arrays)

    def _bind(self, arrays: dict[str, Array]) -> None:
        if arrays is not self._bound:
            self._bound, self._runs = arrays, {}

    def _run(self, size: int) -> Run:
        """The steps on batches of ``size`` from the piece at hand. Plans are kept by size and shape of the pieces."""
        if size not in self._runs:
            arrays = self.arrays
            key = size, *[(a.shape, a.dtype) for a in self._bound.values()]
            if key not in self._plans:
                self._plans[key] = plan_step(*self._making, size, arrays)
            self._runs[size] = self._plans[key].bind(list(arrays.values()))
        return self._runs[size]


def _another(count: int, batch: int) -> str:
    """Advice about a batch size near ``batch`` whose last batch is larger, for a message."""
    rest = count % batch
    sizes = [size for size in range(2, count + 1) if (count % size or size) > rest]
    if not sizes:
        return "give more samples"
    return f"choose another batch_size, such as {min(sizes, key=lambda size: (abs(size - batch), size))}"
