"""Samples that are not all in memory at once: chunks read ahead of use into two buffers.

One buffer is trained on while the other is filled. The shuffle has two levels. The rows of the file are cut into
*blocks* of neighbours, the blocks are strung together in random order, and the string is cut into *chunks* of one
buffer each; within a chunk every order is equally likely. So a sample meets the samples of at least fifteen other
places of the file in its chunk, and others in each epoch, but never those of another chunk in its batch.
"""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import numpy as np

from ..ops import Array
from .ahead import Ahead
from .rows import Rows
from .sources import Piece, Source

CHUNK_BYTES = 2**26  # of samples in one buffer, if the caller does not say
_BLOCK_BYTES = 2**22  # read in one go: long enough for a disk that has to move
_BLOCKS_OF_CHUNK = 16  # at least


class ChunkSource(Source):
    """Rows of files. ``finish(y, weight)`` makes of targets as they were read the arrays that plans take."""

    def __init__(
        self,
        x: Rows,
        y: Rows,
        weight: Array | None,
        finish: Callable[[Array, Array | None], dict[str, Array]],
        *,
        batch: int,
        seed: int | None,
        chunk_bytes: int,
    ) -> None:
        self.count, self.batch, self.sample_shape = len(x), batch, x.shape[1:]
        self._x, self._y, self._weight, self._finish, self._seed = x, y, weight, finish, seed
        row_bytes = max(1, x.row_bytes)
        # Whole batches, so that only the last chunk of an epoch may end with a smaller one.
        self._rows = min(max(1, chunk_bytes // row_bytes // batch) * batch, -(-len(x) // batch) * batch)
        self._block = max(1, min(self._rows // _BLOCKS_OF_CHUNK, _BLOCK_BYTES // row_bytes))
        self._buffers = [self._buffer() for _ in range(2 if self._rows < len(x) else 1)]
        self.arrays = self._buffers[0]
        self._reader: Ahead[Piece] | None = None

    def _buffer(self) -> dict[str, Array]:
        weight = None if self._weight is None else self._weight[:1]
        made = {"x": np.empty((1, *self.sample_shape), self._x.dtype), **self._finish(self._y[:1], weight)}
        made["order"] = np.empty(1, np.int64)
        return {name: np.empty((self._rows, *array.shape[1:]), array.dtype) for name, array in made.items()}

    def looked_at(self) -> list[Array]:
        return [self._x[:16], self._y[:1024], *([] if self._weight is None else [self._weight])]

    def pieces(self, epoch: int, done: int = 0) -> Generator[Piece, None, None]:
        if self._reader is not None:
            self._reader.close()  # whoever begins anew in the midst of an epoch needs the buffers
        with closing(Ahead(lambda stopped: self._read(stopped, epoch, done))) as ahead:
            self._reader = ahead
            yield from ahead

    def _read(self, stopped: threading.Event, epoch: int, done: int) -> Iterator[Piece]:
        """The chunks of an epoch in the two buffers by turns; a buffer is filled when its last chunk is used up."""
        string = list(self._string(epoch))
        chunks = -(-len(self._x) // self._rows)
        for chunk in range(min(done // self._rows, chunks - 1), chunks):
            first = chunk * self._rows
            samples = min(self._rows, len(self._x) - first)
            buffer = self._buffers[chunk % len(self._buffers)]
            at = bisect_right(string, first, key=lambda block: block[0]) - 1
            for place, start, stop in string[at : bisect_left(string, first + samples, key=lambda block: block[0])]:
                if stopped.is_set():
                    return
                begin, end = max(start, start + first - place), min(stop, start + first + samples - place)
                self._fill(buffer, place + begin - start - first, begin, end)
            buffer["order"][:samples] = self._order(epoch, chunk, samples)
            yield Piece(buffer, samples, max(0, done - first))

    def _string(self, epoch: int) -> Iterator[tuple[int, int, int]]:
        """The blocks of an epoch as (place of the first row in the string, first row, row after the last)."""
        blocks = np.arange(-(-len(self._x) // self._block))
        if self._seed is not None:
            np.random.default_rng([self._seed, epoch]).shuffle(blocks)
        place = 0
        for block in blocks.tolist():
            start, stop = block * self._block, min(len(self._x), (block + 1) * self._block)
            yield place, start, stop
            place += stop - start

    def _order(self, epoch: int, chunk: int, samples: int) -> Array:
        if self._seed is None:
            return np.arange(samples)
        return np.random.default_rng([self._seed, epoch, chunk]).permutation(samples)

    def _fill(self, buffer: dict[str, Array], to: int, start: int, stop: int) -> None:
        """Rows ``start`` to ``stop`` of the files to the place ``to`` of a buffer."""
        end = to + stop - start
        self._x.read(start, buffer["x"][to:end])
        weight = None if self._weight is None else self._weight[start:stop]
        try:
            finished = self._finish(self._y[start:stop], weight)
        except ValueError as error:
            raise ValueError(f"{error} (rows {start} to {stop - 1})") from None
        for name, array in finished.items():
            buffer[name][to:end] = array
