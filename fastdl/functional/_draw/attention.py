"""Arguments of attention."""

from typing import Any

import numpy as np

from .elementwise import Drawn, Lots


def attention(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Queries, keys and values with any leading axes, grouped heads, every kind of mask, rows that are masked whole."""
    draw = Lots(rng)
    heads, sharing = draw(1, 1, 2, 3), draw(1, 1, 2)
    lead = draw((), (draw(0, 1, 2, 3),), (heads,), (2, heads))
    ours = (*lead[:-1], lead[-1] * sharing) if lead else ()
    length, keys = draw(0, 1, 2, 3, 5, 8, 19), draw(0, 1, 2, 3, 5, 7, 18)
    features, size = draw(1, 2, 3, 4, 9), draw(1, 2, 3, 5)
    shapes = (*ours, length, features), (*lead, keys, features), (*lead, keys, size)
    query, key, value = (rng.standard_normal(s).astype(dtype) for s in shapes)
    options = {"causal": draw(False, False, True), "scale": draw(None, None, 0.3, 1.0)}
    mask = _mask(rng, dtype, draw("none", "none", "boolean", "added", "added"), (*ours, length, keys))
    if rng.random() < 0.2:
        options["return_weights"] = True
    return (query, key, value) if mask is None else (query, key, value, mask), options


def _mask(rng: np.random.Generator, dtype: np.dtype[Any], kind: str, full: tuple[int, ...]) -> Any:
    """A mask of a shape that broadcasts to the scores', None for no mask."""
    if kind == "none":
        return None
    shape = tuple(1 if rng.random() < 0.3 else n for n in full)[int(rng.integers(0, len(full))) :]
    hidden = rng.random(shape) < (0.0, 0.3, 0.8)[int(rng.integers(0, 3))]
    if kind == "boolean":
        return ~hidden
    return np.where(hidden, np.asarray(-np.inf, dtype), rng.standard_normal(shape).astype(dtype))
