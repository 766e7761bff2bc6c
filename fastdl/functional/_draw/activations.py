"""Arguments of activation functions."""

from typing import Any

import numpy as np

from .elementwise import Drawn, one, shape

__all__ = ["apart_from_zero", "lines", "one"]


def apart_from_zero(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array without numbers near 0, where relu has its kink."""
    x = rng.standard_normal(shape(rng))
    return (np.asarray(np.where(x < 0, x - 0.1, x + 0.1), dtype),), {}


def lines(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array of at least one dimension and an axis; some lines are long, none is empty (there may be no lines)."""
    full = shape(rng) or (1,)
    if rng.random() < 0.1:
        full = (*full[:1], int(rng.integers(500, 1200)))
    x = rng.standard_normal(full) * rng.choice([1, 1, 2])
    axis = int(rng.integers(-len(full), len(full)))
    if full[axis] == 0:  # the maximum of nothing: whether that is an error is the kernel's own affair
        x = np.ones(tuple(n or 1 for n in full))
    return (x.astype(dtype),), {} if axis == -1 and rng.random() < 0.5 else {"axis": axis}
