"""Arguments of the ops that change images at random."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def _images(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
    between = ((), (1,), (3,), (2, 2))[rng.integers(4)]
    sides = rng.choice([1, 2, 5, 8, 17, 33], 2)
    return rng.standard_normal((int(rng.integers(0, 4)), *between, *sides.tolist())).astype(dtype)


def _counters(rng: np.random.Generator) -> dict[str, Any]:
    options: dict[str, Any] = {"seed": int(rng.integers(-(2**63), 2**63)), "step": int(rng.integers(0, 2**40))}
    if rng.random() < 0.5:
        options["node"] = int(rng.integers(-100, 100))
    return options


def _filled(rng: np.random.Generator) -> dict[str, Any]:
    return {"fill": float(rng.choice([-1.0, 0.25]))} if rng.random() < 0.5 else {}


def cropped(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Windows of every size that fits, with a frame and without."""
    x = _images(rng, dtype)
    padding = rng.integers(0, 4, 2) if rng.random() < 0.7 else np.zeros(2, int)
    size = [int(rng.integers(1, n + 2 * p + 1)) for n, p in zip(x.shape[-2:], padding, strict=True)]
    options = {"padding": tuple(padding.tolist())} if padding.any() else {}
    return (x, tuple(size)), {**options, **_filled(rng), **_counters(rng)}


def shifted(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Also by more than the whole image."""
    pixels = int(rng.integers(0, 10)) if rng.random() < 0.5 else tuple(rng.integers(0, 5, 2).tolist())
    return (_images(rng, dtype), pixels), {**_filled(rng), **_counters(rng)}


def flipped(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Never, always and at times, along both axes."""
    p, axis = float(rng.choice([0.0, 0.5, 1.0, rng.random()])), int(rng.choice([-1, -2]))
    return (_images(rng, dtype), p), {"axis": axis, **_counters(rng)}


def rotated(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """By nothing, a little, and half a turn."""
    degrees = float(rng.choice([0.0, 10.0, 180.0, 180 * rng.random()]))
    return (_images(rng, dtype), degrees), {**_filled(rng), **_counters(rng)}


def noisy(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Arrays of any shape."""
    x = rng.standard_normal(shape(rng)).astype(dtype)
    return (x, float(rng.choice([0.0, 0.1, 3.0]))), _counters(rng)
