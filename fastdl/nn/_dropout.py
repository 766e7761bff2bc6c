"""Dropout as a layer."""

from typing import Any

from .. import functional as F
from . import _options
from ._frame import random_key
from .module import Module


class Dropout(Module):
    """In training, sets each element to 0 with probability ``p`` and divides the others by 1 - p: see ``F.dropout``.

    The mask depends on the seed, the step and how many dropouts ran before this one, so it can be repeated.
    Source: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (2014).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Dropout(0.5)(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = _options.number("Dropout", "p", p)
        if not 0 <= self.p < 1:
            raise ValueError(f"Dropout: p is {p}; expected 0 <= p < 1, the share of elements to drop")

    def __call__(self, x: Any, *, training: bool = False) -> Any:
        if not training or self.p == 0:
            return x
        seed, step, node = random_key()
        return F.dropout(x, self.p, seed=seed, step=step, node=node)

    def config(self) -> dict[str, Any]:
        return {"p": self.p}
