"""The steps of one training run: many at once in compiled code, at most about 50 ms before Python is entered.

Epochs end in compiled code, too, where nobody waits for them: an epoch of a small network takes less time than Python
needs between two.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from .._kernels import Run
from .._kernels.course import MOST_EPOCHS, Course
from ..ops import Array
from ..plan import Plan
from . import losses
from .interrupt import Interrupted, InterruptGuard
from .memory import Memory
from .pace import Pace
from .sources import Piece, Place, Source
from .step import Recorded, plan_step, record_step

TOTALS = "total", "correct", "counted"
"""Arrays of the memory that an epoch begins with at 0: the sum of the losses, the number of right answers, and that of
the targets that count if not all do."""


class Steps:
    """The plans of one training run, one for each batch size, and how fast they go."""

    def __init__(self, model: Any, memory: Memory, source: Source, loss: losses.Loss, optimizer: Any) -> None:
        self.memory, self.source = memory, source
        self.epoch = 0
        """The epoch of the last step."""
        self.done = 0
        """Samples of that epoch that were trained on."""
        self.last = 0
        """Samples of the last step."""
        self._making = model, memory, loss, optimizer
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._bound: dict[str, Array] = {}
        self._runs: dict[int, Run] = {}
        counts = memory.arrays
        self._course = Course(counts["position"], [counts.get(name) for name in TOTALS])
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

    def run(
        self,
        place: Place,
        stop: int,
        guard: InterruptGuard,
        after: Callable[[int], None],
        passed: Callable[[Array], None] | None = None,
        *,
        one_by_one: bool = False,
    ) -> None:
        """From ``place`` to the end of the epoch before ``stop``, or of the first one if its samples come in pieces.

        ``after(steps)`` is called when steps are done; before it, if these went on beyond the end of epochs, ``passed``
        with a row of ``TOTALS`` for each of those.
        """
        self.epoch, self.done = place.epoch, place.samples
        pieces = self.source.pieces(place.epoch, place.samples)
        try:
            while True:
                with guard.open():  # it may have to be waited for
                    piece = next(pieces, None)
                if piece is None:
                    break
                self._bind(piece.arrays)
                for steps, totals in self._piece(piece, stop if piece.lasting else place.epoch + 1, one_by_one):
                    if len(totals) and passed is not None:
                        passed(totals)
                    self._course.check()
                    after(steps)
                    if guard.hit:
                        raise Interrupted
        finally:
            with guard.open():
                pieces.close()

    def _piece(self, piece: Piece, stop: int, one_by_one: bool) -> Iterator[tuple[int, Array]]:
        """Run a piece, as often as there are epochs before ``stop``: (steps that were run, totals of epochs passed)."""
        self.memory.arrays["position"][...] = piece.done
        size = self.source.batch or piece.samples
        full, rest = divmod(piece.samples, size)
        in_epoch, before = full + (rest > 0), self.done - piece.done
        course, pace = self._course, self._pace
        course.begin(
            self._run(size) if full else None,
            self._run(rest) if rest else None,
            full,
            epoch=self.epoch,
            step=-(-piece.done // size),
            order=piece.arrays["order"],
            seed=piece.seed,
        )
        waiting = (stop - self.epoch) * in_epoch - course.step
        if not waiting:  # statistics look at the last step
            course.run(0, True)
            self.last = rest or size
        while waiting:
            alone, steps = pace.next(1 if one_by_one else min(waiting, MOST_EPOCHS * in_epoch))
            start = time.perf_counter()
            totals = course.run(steps, alone)
            pace.took(alone, steps, time.perf_counter() - start)
            waiting -= steps
            self.epoch, self.done = course.epoch, before + min(piece.samples, course.step * size)
            self.last = rest if rest and course.step == in_epoch else size
            yield steps, totals

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
