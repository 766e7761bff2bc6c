"""Arguments of functions that add, drop, swap and turn axes."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def _array(rng: np.random.Generator, dtype: np.dtype[Any], least: int = 0) -> np.ndarray[Any, Any]:
    sizes = shape(rng)
    return rng.standard_normal((*sizes, *[2] * (least - len(sizes)))).astype(dtype)


def stack(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One to four arrays of one shape, also single numbers."""
    sizes = shape(rng)
    arrays = [np.asarray(rng.standard_normal(sizes), dtype) for _ in range(rng.integers(1, 5))]
    return (arrays,), {"axis": int(rng.integers(-len(sizes) - 1, len(sizes) + 1))}


def expand_dims(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One new axis or several, counted from either end."""
    x = _array(rng, dtype)
    ndim = x.ndim + int(rng.integers(1, 4))
    axes = tuple(int(a) - (ndim if rng.random() < 0.3 else 0) for a in rng.permutation(ndim)[: ndim - x.ndim])
    return (np.asarray(x), axes[0] if len(axes) == 1 and rng.random() < 0.7 else axes), {}


def squeeze(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Some of the axes of size 1, or all."""
    sizes = tuple(1 if rng.random() < 0.5 else n for n in shape(rng))
    x = np.asarray(rng.standard_normal(sizes), dtype)
    single = [int(a) - (x.ndim if rng.random() < 0.3 else 0) for a, n in enumerate(sizes) if n == 1]
    if not single or rng.random() < 0.3:
        return (x,), {}
    return (x, single[0] if rng.random() < 0.4 else tuple(single[: rng.integers(0, len(single) + 1)])), {}


def swapaxes(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Two axes, at times the same."""
    x = _array(rng, dtype, least=1)
    return (x, *(int(a) for a in rng.integers(-x.ndim, x.ndim, size=2))), {}


def flip(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One axis, several or all."""
    x = np.asarray(_array(rng, dtype))
    axes = tuple(int(a) for a in rng.permutation(x.ndim)[: rng.integers(0, x.ndim + 1)])
    return (x,), {"axis": None if rng.random() < 0.3 else axes[0] if len(axes) == 1 else axes}
