"""Arguments of clip, square and the functions of booleans."""

from typing import Any

import numpy as np

from .elementwise import Drawn, broadcast_shapes, one, shape

__all__ = ["clip", "one", "one_boolean", "two_booleans"]


def clip(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One bound or both, in either order."""
    x = rng.standard_normal(shape(rng)).astype(dtype)
    bounds = {"min": round(float(rng.normal(-0.5)), 2), "max": round(float(rng.normal(0.5)), 2)}
    if rng.random() < 0.4:
        del bounds["min" if rng.random() < 0.5 else "max"]
    return (x,), bounds


def one_boolean(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array of booleans."""
    return (np.asarray(rng.random(shape(rng)) < 0.5),), {}


def two_booleans(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Two arrays of booleans whose shapes broadcast together."""
    return tuple(np.asarray(rng.random(s) < 0.5) for s in broadcast_shapes(rng, 2)), {}
