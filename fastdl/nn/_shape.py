"""Layers that change form or scale: Identity, Flatten, Unflatten, Rescale."""

import math
from collections.abc import Sequence
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


class Unflatten(Module):
    """The axis ``dim`` as several of the sizes ``unflattened_size``, of which one may be -1: what is left over.

    Undoes :class:`Flatten`; ``nn.Unflatten(1, (16, 4, 4))`` makes images of vectors.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Unflatten(1, (3, -1))(np.zeros((2, 12), np.float32)).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = _options.integer("Unflatten", "dim", dim)
        if not isinstance(unflattened_size, (tuple, list)) or not unflattened_size:
            raise TypeError(f"Unflatten: unflattened_size is {unflattened_size!r}; expected sizes like (16, 4, 4)")
        self.unflattened_size = tuple(
            _options.count("Unflatten", "unflattened_size", n, least=-1) for n in unflattened_size
        )
        if self.unflattened_size.count(-1) > 1:
            raise ValueError(f"Unflatten: unflattened_size is {unflattened_size}; expected at most one -1")

    def __call__(self, x: Any) -> Any:
        sizes, ndim = tuple(x.shape), len(x.shape)
        if not -ndim <= self.dim < ndim:
            raise ValueError(f"Unflatten: dim is {self.dim}, x has shape {sizes}; expected one of its axes")
        axis = self.dim % ndim
        known = math.prod(n for n in self.unflattened_size if n != -1)
        if sizes[axis] != known and (-1 not in self.unflattened_size or known == 0 or sizes[axis] % known):
            raise ValueError(
                f"Unflatten: axis {axis} of x {sizes} has size {sizes[axis]}; expected one that the sizes "
                f"{self.unflattened_size} multiply to"
            )
        parts = tuple(sizes[axis] // max(1, known) if n == -1 else n for n in self.unflattened_size)
        return F.reshape(x, (*sizes[:axis], *parts, *sizes[axis + 1 :]))

    def config(self) -> dict[str, Any]:
        return {"dim": self.dim, "unflattened_size": list(self.unflattened_size)}


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
