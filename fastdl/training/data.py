"""What ``fit`` was given: arrays, files, a sparse matrix, or batches; each knows its samples, labels and source."""

from typing import Any

import numpy as np

from ..ops import Array
from . import losses
from .chunks import CHUNK_BYTES, ChunkSource
from .given import samples_of, targets_of
from .inputs import check_weights, positive
from .rows import Rows, is_file, rows_of
from .sources import MemorySource, Source
from .sparse import SparseRows, is_sparse
from .stream import Batches, StreamSource
from .task import Task, balanced, labels_in


class Data:
    """Samples and targets in memory; ``x`` is an array or a sparse matrix."""

    x: Any
    why_these = ""
    """What a message about wrong labels should add."""

    def __init__(self, x: Any, y: Array) -> None:
        self.x, self._y = x, y

    def labels(self, loss: losses.Loss | None, classes: Any) -> Array:
        """Targets that say which classes there are; of values a few are enough."""
        return self._y

    def class_weight(self, given: Any, ignore: int | None) -> Any:
        """``class_weight`` as targets that are seen piece by piece can be weighed with it; labels that are ``ignore``
        do not count."""
        return given

    def source(self, task: Task, batch_size: int | None, seed: int | None, weight: Any) -> Source:
        """Where the steps get their batches; ``seed`` None: not shuffled."""
        count = len(self.x)
        batch = count if batch_size is None else min(positive("batch_size", batch_size), count)
        arrays = self.x.arrays if isinstance(self.x, SparseRows) else {"x": self.x}
        finished = task.arrays(self._y, weight)
        return MemorySource({**arrays, **finished}, batch, seed, (self.x, finished["y"]))


class FileData(Data):
    """Samples that are read in chunks."""

    def __init__(self, x: Rows, y: Rows, chunk_bytes: int) -> None:
        self.x, self._rows, self._chunk_bytes = x, y, chunk_bytes
        self._counts: tuple[Array, Array] | None = None

    def labels(self, loss: losses.Loss | None, classes: Any) -> Array:
        if (loss is not None and loss.kind == "values") or classes is not None:
            return self._rows[:1024]
        self._counts = labels_in(self._rows)
        return self._counts[0]

    def class_weight(self, given: Any, ignore: int | None) -> Any:
        if isinstance(given, str) and given == "balanced":
            labels, counts = self._counts or labels_in(self._rows)
            counted = labels != ignore
            return balanced(labels[counted], counts[counted], given)
        return given

    def source(self, task: Task, batch_size: int | None, seed: int | None, weight: Any) -> Source:
        if batch_size is None:
            raise ValueError("fit: batch_size is None, all samples at once, but X is read in chunks; give a number")
        batch = min(positive("batch_size", batch_size), len(self.x))
        weight = None if weight is None else check_weights(weight, len(self.x))
        return ChunkSource(
            self.x, self._rows, weight, task.arrays, batch=batch, seed=seed, chunk_bytes=self._chunk_bytes
        )


class StreamData(Data):
    """Batches that Python code makes."""

    why_these = "; these are the labels of the first batch: name all of them, classes=[...]"

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self.x = batches.first[0]

    def labels(self, loss: losses.Loss | None, classes: Any) -> Array:
        return self._batches.first[1]

    def class_weight(self, given: Any, ignore: int | None) -> Any:
        if isinstance(given, str):
            raise ValueError(
                f"fit: class_weight is {given!r}, but nobody knows how often each class will come from an iterator: "
                "give a dict from label to weight"
            )
        return given

    def source(self, task: Task, batch_size: int | None, seed: int | None, weight: Any) -> Source:
        if weight is not None:
            raise ValueError("fit: sample_weight was given, but X gives batches; let it give triples (x, y, weight)")
        return StreamSource(self._batches, task.arrays)


def opened(X: Any, y: Any, chunk_bytes: int | None, epochs: int) -> Data:
    """What ``fit`` was given, checked as far as that is possible without reading all of it."""
    if chunk_bytes is not None:
        positive("chunk_bytes", chunk_bytes)
    if y is None:
        if is_file(X) or is_sparse(X) or isinstance(X, np.ndarray):
            raise TypeError("fit: y is missing; expected the targets of X")
        return StreamData(Batches(X, epochs))
    if is_sparse(X) or not (is_file(X) or chunk_bytes is not None):
        x = samples_of("fit", "X", X)
        if len(x) == 0:
            raise ValueError("fit: X has no samples")
        return Data(x, targets_of("fit", y, len(x)))
    rows = rows_of("fit", "X", X)
    if len(rows) == 0:
        raise ValueError("fit: X has no samples")
    if rows.dtype.kind not in "biuf":
        raise TypeError(f"fit: X has dtype {rows.dtype}; expected an array of numbers (N, ...)")
    if rows.row_bytes * len(rows) <= (chunk_bytes or CHUNK_BYTES) and is_file(X):
        return Data(rows[:], targets_of("fit", y, len(rows)))
    wanted = rows_of("fit", "y", y)
    if len(wanted) != len(rows):
        raise ValueError(f"fit: y has {len(wanted)} rows, X has {len(rows)}; expected one target for each sample")
    return FileData(rows, wanted, chunk_bytes or CHUNK_BYTES)
