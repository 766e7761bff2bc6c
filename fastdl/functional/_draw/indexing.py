"""Arguments of the functions that pick elements."""

import builtins
from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def slice(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Integers, slices in both directions, new axes and ..., also fewer entries than axes."""
    x = rng.standard_normal(shape(rng)).astype(dtype)
    index: list[Any] = []
    for n in x.shape[: rng.integers(0, x.ndim + 1)]:
        if rng.random() < 0.2:
            index.append(None)
        if n > 0 and rng.random() < 0.3:
            index.append(int(rng.integers(-n, n)))
        else:
            start, stop = (None if rng.random() < 0.4 else int(k) for k in rng.integers(-n - 1, n + 2, size=2))
            index.append(builtins.slice(start, stop, [None, 1, 2, 3, -1, -2][rng.integers(0, 6)]))
    if rng.random() < 0.3:
        index.append(Ellipsis)
    return (x, index[0] if len(index) == 1 and rng.random() < 0.5 else tuple(index)), {}


def _with_axis(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[np.ndarray[Any, Any], int]:
    """An array with something along an axis."""
    sizes = list(shape(rng) or (3,))
    axis = int(rng.integers(0, len(sizes)))
    sizes[axis] = max(1, sizes[axis])
    return rng.standard_normal(sizes).astype(dtype), axis


def take(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Positions from either end, repeated ones too, of any shape."""
    x, axis = _with_axis(rng, dtype)
    n = x.shape[axis]
    return (x, rng.integers(-n, n, size=shape(rng)[:2])), {"axis": axis - (x.ndim if rng.random() < 0.2 else 0)}


def take_along_axis(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Positions from either end; sizes of 1 in either array are broadcast."""
    x, axis = _with_axis(rng, dtype)
    n = x.shape[axis]
    sizes = [1 if rng.random() < 0.2 else m for m in x.shape]
    sizes[axis] = int(rng.integers(0, 4))
    indices = rng.integers(-n, n, size=sizes)
    for d in range(x.ndim):
        if d != axis and x.shape[d] > 0 and rng.random() < 0.2:
            x = x.take([0], axis=d)
    return (x, indices), {"axis": axis}
