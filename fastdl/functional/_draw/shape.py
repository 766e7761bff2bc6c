"""Arguments of the functions that change shapes and move elements."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def _array(rng: np.random.Generator, dtype: np.dtype[Any], sizes: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return rng.standard_normal(sizes).astype(dtype)


def reshape(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Any shape into another one of as many elements: axes merged, split off, flattened."""
    x = _array(rng, dtype, shape(rng))
    sizes = [int(n) for n in rng.permutation(x.shape)]
    cut = int(rng.integers(0, len(sizes) + 1))
    new = [*sizes[:cut], int(np.prod(sizes[cut:], dtype=int)), *([1] if rng.random() < 0.3 else [])]
    if rng.random() < 0.5 and 0 not in new:
        new[int(rng.integers(0, len(new)))] = -1
    return (x, tuple(new)), {}


def transpose(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Axes in any order, counted from either end, or reversed by default."""
    x = _array(rng, dtype, shape(rng))
    axes = tuple(int(a) - (x.ndim if rng.random() < 0.2 else 0) for a in rng.permutation(x.ndim))
    return (x,), ({} if rng.random() < 0.3 else {"axes": axes})


def broadcast_to(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Axes of size 1 stretched (also to nothing), new axes in front."""
    x = _array(rng, dtype, shape(rng))
    stretched = tuple(int(rng.choice([0, 1, 2, 5], p=[0.1, 0.3, 0.3, 0.3])) if n == 1 else n for n in x.shape)
    new = tuple(int(n) for n in rng.integers(1, 4, size=rng.integers(0, 3)))
    return (x, (*new, *stretched)), {}


def concatenate(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One to four arrays, now and then an empty one among them."""
    sizes = shape(rng) or (2,)
    axis = int(rng.integers(0, len(sizes)))
    arrays = []
    for _ in range(rng.integers(1, 5)):
        n = int(rng.choice([0, 1, 2, 3, 7], p=[0.1, 0.3, 0.2, 0.2, 0.2]))
        arrays.append(_array(rng, dtype, (*sizes[:axis], n, *sizes[axis + 1 :])))
    return (arrays,), {"axis": axis - (len(sizes) if rng.random() < 0.2 else 0)}
