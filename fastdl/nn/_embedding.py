"""The embedding layer: a learned vector for each word, category or position."""

from typing import Any

import numpy as np

from .. import functional as F
from .. import init
from ..ops import Symbol
from . import _options
from ._attributes import Parameter
from .module import Module


class Embedding(Module):
    """A learned table: y = weight[x], the row of each index.

    x integers of any shape -> y (*shape, embedding_dim). ``weight`` (num_embeddings, embedding_dim) is drawn from
    N(0, 1), as PyTorch's. The row ``padding_idx`` starts as zeros and is not trained. As a model's first layer it gets
    the integers of X as they are, bytes too; floats are refused.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> layer = nn.Embedding(10, 3, padding_idx=0)
    >>> layer(np.array([[4, 2], [0, 9]])).shape
    (2, 2, 3)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dtype: Any = np.float32
    ) -> None:
        self.num_embeddings = _options.count("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = _options.count("Embedding", "embedding_dim", embedding_dim)
        self.padding_idx = None
        if padding_idx is not None:
            row = _options.integer("Embedding", "padding_idx", padding_idx)
            if not -self.num_embeddings <= row < self.num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx is {row}; expected a row, -{self.num_embeddings} <= padding_idx < "
                    f"{self.num_embeddings}"
                )
            self.padding_idx = row % self.num_embeddings
        weight = init.normal((self.num_embeddings, self.embedding_dim), dtype=init.float_dtype("Embedding", dtype))
        if self.padding_idx is not None and not init.is_shapes_only():
            weight[self.padding_idx] = 0
        self.weight = Parameter(weight)

    def __call__(self, x: Any) -> Any:
        numbers = x if isinstance(x, Symbol) else np.asarray(x)
        if numbers.dtype.kind not in "iu":
            raise TypeError(
                f"Embedding: x has dtype {numbers.dtype}; expected integers: convert what you pass to the model with "
                "astype(np.int64), and what a layer in front of it computes with F.astype"
            )
        return F.embedding(numbers, self.weight, padding_idx=self.padding_idx)

    def config(self) -> dict[str, Any]:
        return {
            "num_embeddings": self.num_embeddings,
            "embedding_dim": self.embedding_dim,
            "padding_idx": self.padding_idx,
            "dtype": self.dtype.name,
        }

    def _wants_integers(self) -> bool:
        return True
