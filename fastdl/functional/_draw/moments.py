"""Arguments of variances."""

from typing import Any

import numpy as np

from . import reductions
from .elementwise import Drawn


def spread(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As a reduction, with 0, 1 or 2 taken off the number of elements."""
    (x,), options = reductions.reduction(rng, dtype)
    return (x,), {**options, "ddof": int(rng.integers(0, 3))} if rng.random() < 0.6 else options


def deviation(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As :func:`spread`, over at least two elements: a single one has no slope."""
    while True:
        (x,), options = spread(rng, dtype)
        axis = options["axis"]
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        if np.prod([x.shape[a] for a in axes], dtype=int) > max(1, options.get("ddof", 0)):
            return (x,), options
