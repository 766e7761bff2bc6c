"""Samples and targets from wherever they come: arrays, files, sparse matrices."""

from typing import Any

from ..ops import Array
from .inputs import samples, targets
from .rows import is_file, rows_of
from .sparse import SparseRows, is_sparse


def samples_of(caller: str, name: str, X: Any) -> Any:
    """Samples that can be sliced: an array, rows of a file, or of a sparse matrix."""
    if is_file(X):
        return rows_of(caller, name, X)
    return SparseRows(caller, name, X) if is_sparse(X) else samples(caller, name, X)


def targets_of(caller: str, y: Any, count: int) -> Array:
    """Targets in memory, from wherever they come."""
    return targets(caller, rows_of(caller, "y", y)[:] if is_file(y) else y, count)
