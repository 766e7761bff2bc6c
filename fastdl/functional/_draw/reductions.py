"""Arguments of reductions."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def _options(rng: np.random.Generator, ndim: int) -> dict[str, Any]:
    axes = tuple(
        int(a) - (ndim if rng.random() < 0.2 else 0) for a in rng.permutation(ndim)[: rng.integers(0, ndim + 1)]
    )
    axis = None if rng.random() < 0.3 else (axes[0] if len(axes) == 1 and rng.random() < 0.7 else axes)
    return {"axis": axis, "keepdims": bool(rng.random() < 0.3)}


def reduction(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Any shape, over one axis, several, none or all."""
    x = rng.standard_normal(shape(rng)).astype(dtype)
    return (x,), _options(rng, x.ndim)


def extremum(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As :func:`reduction`, never over nothing; half of them with ties."""
    (x,), options = reduction(rng, dtype)
    if x.size == 0:
        x = np.ones((*(max(1, n) for n in x.shape),), dtype)
    return ((np.round(x) if rng.random() < 0.5 else x),), options


def argmax(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As :func:`extremum`, over one axis or all."""
    (x,), _ = extremum(rng, dtype)
    axis = None if x.ndim == 0 or rng.random() < 0.3 else int(rng.integers(-x.ndim, x.ndim))
    return (x,), {"axis": axis}
