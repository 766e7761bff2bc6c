"""Where the samples of a training run come from, one piece after the other.

A *piece* is arrays that the plan of a step can be bound to, and how many samples of it the epoch takes. Arrays in
memory are one piece; files larger than memory are many, read ahead while the one before is trained on
(``chunks``); batches of an iterator are a piece each (``stream``).

The order of an epoch is a function of (seed, epoch) alone, so a run that goes on later needs to remember no more than
how many samples of which epoch it has seen. That of arrays in memory is made in compiled code, between two epochs.
"""

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np

from ..ops import Array

MOST_SAMPLES = 2**32  # the random numbers of an order reach no further


class Place(NamedTuple):
    """A place in training: so many epochs are done, so many samples of the next one, and so many steps in all."""

    epoch: int = 0
    samples: int = 0
    steps: int = 0


class Piece(NamedTuple):
    """``arrays``: x, y, order, and weight if there is one, by the names that plans know; in the order of ``order``
    ``samples`` of them belong to the epoch, of which the first ``done`` have been trained on. ``lasting``: all later
    epochs are the same piece, but for the order where that follows from a ``seed``; then ``order`` is still to be
    filled in."""

    arrays: dict[str, Array]
    samples: int
    done: int = 0
    lasting: bool = False
    seed: int | None = None


class Source:
    """What ``fit`` reads. A subclass sets the attributes and yields the pieces of an epoch."""

    arrays: dict[str, Array]
    """Arrays like those of the first piece, for the first plan."""
    count: int | None
    """Samples in an epoch; None if nobody knows before its end."""
    sample_shape: tuple[int, ...]
    """The shape of one sample."""
    batch: int | None
    """Samples in a step; None: each piece is one."""
    whole: tuple[Any, Array] | None = None
    """All samples and encoded targets, for metrics of the whole epoch; None if they are not to be had at once."""

    repeats: bool = True
    """Whether an epoch that is asked for again has the same samples."""

    def pieces(self, epoch: int, done: int = 0) -> Generator[Piece, None, None]:
        """The pieces of an epoch, without the first ``done`` samples. The caller closes the generator."""
        raise NotImplementedError

    def looked_at(self) -> list[Array]:
        """Arrays that tell these data from others."""
        return [array for name, array in self.arrays.items() if name != "order"]

    def sizes(self) -> list[int]:
        """The batch sizes that are known to occur, the usual one first."""
        if self.batch is None or self.count is None:
            return [len(self.arrays["x"])]
        full, rest = divmod(self.count, self.batch)
        return [self.batch] * (full > 0) + [rest] * (rest > 0)


class MemorySource(Source):
    """Arrays in memory: a full uniform permutation each epoch. ``seed`` None: in the order in which they stand."""

    def __init__(self, data: dict[str, Array], batch: int, seed: int | None, whole: tuple[Any, Array]) -> None:
        self.count = len(data["y"])
        self.batch, self.whole, self.sample_shape = batch, whole, whole[0].shape[1:]
        if seed is not None and self.count > MOST_SAMPLES:
            raise ValueError(f"fit: X has {self.count} samples; at most 2**32 can be shuffled: pass shuffle=False")
        self._seed = seed
        self.arrays = {**data, "order": np.arange(self.count, dtype=np.int64)}

    def pieces(self, epoch: int, done: int = 0) -> Generator[Piece, None, None]:
        yield Piece(self.arrays, len(self.arrays["order"]), done, True, self._seed)
