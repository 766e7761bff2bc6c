"""Sparse matrices of scipy: kept as they are; only the rows of a batch become an array.

Nothing is imported for it: whoever has such a matrix has imported scipy.
"""

import sys
from typing import Any

import numpy as np

from ..ops import Array
from .inputs import not_finite, readable


def is_sparse(data: Any) -> bool:
    """Whether ``data`` is a sparse matrix or array of scipy."""
    scipy = sys.modules.get("scipy.sparse")
    return scipy is not None and bool(scipy.issparse(data))


class SparseRows:
    """The rows of a sparse matrix. A slice is an array of floats; ``arrays`` is what plans fetch batches from."""

    def __init__(self, caller: str, name: str, matrix: Any) -> None:
        if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
            raise TypeError(
                f"{caller}: {name} is a sparse matrix of dtype {matrix.dtype} and shape {matrix.shape}; expected "
                "numbers (N, features)"
            )
        self._matrix = matrix.tocsr()
        self.shape: tuple[int, ...] = tuple(matrix.shape)
        data = np.require(self._matrix.data, readable(matrix.dtype), requirements=["C", "A"])
        self.dtype = np.dtype(np.float64 if data.dtype == np.float64 else np.float32)
        place = not_finite(data)
        if place is not None:
            row = int(np.searchsorted(self._matrix.indptr, place[0], side="right")) - 1
            column = int(self._matrix.indices[place[0]])
            raise ValueError(
                f"{caller}: {name}[{row}, {column}] is {data[place]}; expected finite numbers: impute or drop the rows"
            )
        self._data = data

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Array:
        dense: Array = self._matrix[rows].toarray()
        return dense.astype(self.dtype, copy=False)

    @property
    def arrays(self) -> dict[str, Array]:
        """The stored numbers, the column of each, and where each row starts among them."""
        return {
            "x": self._data,
            "columns": np.require(self._matrix.indices, np.int32, requirements=["C", "A"]),
            "starts": np.require(self._matrix.indptr, np.int64, requirements=["C", "A"]),
        }
