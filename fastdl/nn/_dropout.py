"""Dropout as a layer."""

from typing import Any

from .. import functional as F
from . import _options
from ._frame import is_training, random_key
from .module import Module


def dropped(x: Any, p: float) -> Any:
    """``x`` after dropout in training, ``x`` itself otherwise."""
    if p == 0 or not is_training():
        return x
    seed, step, node = random_key()
    return F.dropout(x, p, seed=seed, step=step, node=node)


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
        self.p = _options.share("Dropout", "p", p)

    def __call__(self, x: Any) -> Any:
        return dropped(x, self.p)

    def config(self) -> dict[str, Any]:
        return {"p": self.p}
