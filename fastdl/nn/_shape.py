"""Layers that change form or scale: Identity, Flatten, Rescale."""

import math
from typing import Any

import numpy as np

from .. import functional as F
from .. import init
from . import _options
from .module import Module


class Identity(Module):
    """y = x: a place holder.

    >>> from fastdl import nn
    >>> nn.Identity()(3)
    3
    """

    def __call__(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """All axes from ``start_dim`` on as one: (N, C, H, W) -> (N, C H W). Equivalent to ``x.reshape(len(x), -1)``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Flatten()(np.zeros((2, 3, 4), np.float32)).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = _options.count("Flatten", "start_dim", start_dim, least=0)

    def __call__(self, x: Any) -> Any:
        if len(x.shape) < self.start_dim:
            raise ValueError(f"Flatten: x has shape {tuple(x.shape)}; expected at least {self.start_dim} dimensions")
        return F.reshape(x, (*x.shape[: self.start_dim], math.prod(x.shape[self.start_dim :])))

    def config(self) -> dict[str, Any]:
        return {"start_dim": self.start_dim}


class Rescale(Module):
    """y = scale x + shift, with x converted to the layer's dtype first: ``nn.Rescale(1 / 255)`` for uint8 images.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Rescale(0.5, shift=1)(np.uint8([0, 4]))
    array([1., 3.], dtype=float32)
    """

    def __init__(self, scale: float, shift: float = 0.0, *, dtype: Any = np.float32) -> None:
        self.scale = _options.number("Rescale", "scale", scale)
        self.shift = _options.number("Rescale", "shift", shift)
        self._dtype = init.float_dtype("Rescale", dtype)

    def __call__(self, x: Any) -> Any:
        y = F.multiply(self._input(x, self._dtype), self.scale)
        return F.add(y, self.shift) if self.shift else y

    def config(self) -> dict[str, Any]:
        return {"scale": self.scale, "shift": self.shift, "dtype": self._dtype.name}

    def _own_dtype(self) -> np.dtype[Any]:
        return self._dtype

    def _convert(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
