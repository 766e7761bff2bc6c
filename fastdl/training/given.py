"""Samples and targets from wherever they come: arrays, files, sparse matrices."""

from typing import Any

import numpy as np

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


def samples_in_memory(caller: str, name: str, X: Any) -> Array:
    """Samples that many networks read where they lie."""
    return samples(caller, name, _in_memory(caller, name, X))


def targets_in_memory(caller: str, name: str, y: Any, count: int) -> Array:
    """Their targets; those of a memory map are read."""
    return targets(caller, y if isinstance(y, np.memmap) else _in_memory(caller, name, y), count)


def _in_memory(caller: str, name: str, data: Any) -> Any:
    if is_file(data) or is_sparse(data):
        remedy = f"{name.split()[-1]}.toarray()" if is_sparse(data) else "np.array(np.load(path))"
        raise TypeError(
            f"{caller}: {name} is a {type(data).__name__}; many networks share an array in memory: pass {remedy}, or "
            "train them with model.fit"
        )
    return data
