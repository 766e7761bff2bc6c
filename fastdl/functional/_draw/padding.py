"""Arguments of pad."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def pad(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Any shape, all modes, borders as an integer, a pair, or a pair for each axis: none, narrow, as wide as can be."""
    mode = ("constant", "constant", "reflect", "replicate", "circular")[int(rng.integers(0, 5))]
    sizes = tuple(int(n) for n in shape(rng))
    if mode == "replicate":
        sizes = tuple(max(1, n) for n in sizes)
    most = [{"reflect": max(0, n - 1), "circular": n}.get(mode, 3) for n in sizes]
    way, least = rng.random(), min(most, default=3)
    padding: Any = [(int(rng.integers(0, m + 1)), int(rng.integers(0, m + 1)) if m else 0) for m in most]
    if way < 0.15 or not sizes:
        padding = int(rng.integers(0, min(least, 2) + 1))
    elif way < 0.3:
        padding = (int(rng.integers(0, min(least, 2) + 1)), int(rng.integers(0, min(least, 2) + 1)))
    elif way < 0.6:
        padding = [pair if rng.random() < 0.5 else (0, 0) for pair in padding]
    options: dict[str, Any] = {"mode": mode}
    if mode == "constant" and rng.random() < 0.5:
        options = {"value": float(rng.integers(-3, 4))}
    x = rng.standard_normal(sizes).astype(dtype)
    return (x, tuple(padding) if isinstance(padding, list) else padding), options
