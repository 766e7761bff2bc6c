"""Where the samples of a training run come from, one piece after the other.

A *piece* is arrays that the plan of a step can be bound to, and how many samples of it the epoch takes. Arrays in
memory are one piece; files larger than memory are many, read ahead while the one before is trained on
(``chunks``); batches of an iterator are a piece each (``stream``).

The order of an epoch is a function of (seed, epoch) alone, so a run that goes on later needs to remember no more than
how many samples of which epoch it has seen.
"""

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np

from ..ops import Array
from .order import Shuffle


class Piece(NamedTuple):
    """``arrays``: x, y, order, and weight if there is one, by the names that plans know; in the order of ``order``
    ``samples`` of them belong to the epoch, of which the first ``done`` have been trained on."""

    arrays: dict[str, Array]
    samples: int
    done: int = 0


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
        self._shuffle = None if seed is None else Shuffle(seed, self.count)
        self.arrays = {
            **data,
            "order": np.arange(self.count, dtype=np.int64) if self._shuffle is None else self._shuffle.order,
        }

    def pieces(self, epoch: int, done: int = 0) -> Generator[Piece, None, None]:
        if self._shuffle is not None:
            self._shuffle(epoch)
        yield Piece(self.arrays, len(self.arrays["order"]), done)
