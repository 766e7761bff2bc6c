"""Arguments of cumulative sums and of the selection of the largest."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def cumsum(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Along an axis from either end, or through all elements."""
    x = rng.standard_normal(shape(rng)).astype(dtype)
    axis = None if x.ndim == 0 or rng.random() < 0.3 else int(rng.integers(-x.ndim, x.ndim))
    return (x,), {"axis": axis}


def top_k(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Some, all or none of a line; in half of the cases with ties."""
    sizes = shape(rng) or (5,)
    axis = int(rng.integers(0, len(sizes)))
    x = rng.standard_normal(sizes)
    x = (np.round(x) if rng.random() < 0.5 else x).astype(dtype)
    k = int(rng.integers(0, sizes[axis] + 1))
    options = {"axis": axis - (len(sizes) if rng.random() < 0.5 else 0), "largest": bool(rng.random() < 0.6)}
    if axis == len(sizes) - 1 and rng.random() < 0.3:
        del options["axis"]
    return (x, k), options
