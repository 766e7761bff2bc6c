"""Arguments of variances."""

import math
from typing import Any

import numpy as np

from . import reductions
from .elementwise import Drawn


def _drawn(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[Drawn, int]:
    """As a reduction, and how many elements are reduced to one."""
    (x,), options = reductions.reduction(rng, dtype)
    axis = options["axis"]
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return ((x,), options), math.prod(x.shape[a] for a in axes)


def spread(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As a reduction, at times with 1 or 2 taken off the number of elements, if some are left."""
    (args, options), count = _drawn(rng, dtype)
    ddof = int(rng.integers(0, 3))
    return (args, options) if ddof >= count else (args, {**options, "ddof": ddof})


def deviation(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As :func:`spread`, over at least two elements: a single one has no slope."""
    while True:
        (args, options), count = _drawn(rng, dtype)
        ddof = int(rng.integers(0, 2))
        if count >= 2:
            return args, {**options, "ddof": ddof} if rng.random() < 0.6 else options
