"""Arguments of elementwise ops."""

from typing import Any

import numpy as np

Drawn = tuple[tuple[Any, ...], dict[str, Any]]


class Lots:
    """Draws one of several values."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def __call__(self, *values: Any) -> Any:
        return values[int(self._rng.integers(0, len(values)))]


def shape(rng: np.random.Generator) -> tuple[int, ...]:
    """A small shape; now and then empty or without dimensions."""
    return tuple(
        int(n) for n in rng.choice([0, 1, 2, 3, 5, 17], size=rng.integers(0, 4), p=[0.02, 0.2, 0.2, 0.2, 0.2, 0.18])
    )


def one(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array of normal numbers."""
    return (rng.standard_normal(shape(rng)).astype(dtype),), {}


def positive(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array of numbers well above 0."""
    return (rng.uniform(0.2, 3, shape(rng)).astype(dtype),), {}


def above_minus_one(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array of numbers above -1, of which some are small."""
    x = rng.uniform(-0.8, 3, shape(rng))
    return (np.asarray(x * rng.choice([1, 1, 1e-3]), dtype),), {}


def broadcast_shapes(rng: np.random.Generator, count: int) -> list[tuple[int, ...]]:
    """Shapes that broadcast together: parts of one shape with some sizes made 1."""
    full = shape(rng)
    parts = [full[rng.integers(0, len(full) + 1) if full else 0 :] for _ in range(count)]
    return [tuple(1 if rng.random() < 0.3 else n for n in part) for part in parts]


def two_broadcast(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Two arrays whose shapes broadcast together."""
    return tuple(rng.standard_normal(s).astype(dtype) for s in broadcast_shapes(rng, 2)), {}


def quotient(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Two arrays that broadcast, the second well away from 0."""
    a, b = (rng.standard_normal(s).astype(dtype) for s in broadcast_shapes(rng, 2))
    return (a, np.asarray(np.where(b < 0, b - 0.3, b + 0.3), dtype)), {}


def base_and_exponent(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Positive numbers and exponents, of which some are small integers."""
    a_shape, b_shape = broadcast_shapes(rng, 2)
    b = rng.uniform(-2, 3, b_shape)
    b = np.where(rng.random(b_shape) < 0.5, np.round(b), b)
    return (rng.uniform(0.2, 3, a_shape).astype(dtype), np.asarray(b, dtype)), {}


def two_with_ties(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Two arrays that broadcast; in half of the cases integers, so that many are equal."""
    whole = rng.random() < 0.5
    pair = (rng.standard_normal(s) for s in broadcast_shapes(rng, 2))
    return tuple(np.asarray(np.round(x) if whole else x, dtype) for x in pair), {}


def two_to_compare(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As two_with_ties, now and then of int64."""
    pair, options = two_with_ties(rng, dtype)
    if rng.random() < 0.2:
        pair = tuple(x.astype(np.int64) for x in pair)
    return pair, options


def choice(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """A condition and two arrays that broadcast."""
    condition, a, b = (rng.standard_normal(s) for s in broadcast_shapes(rng, 3))
    return (np.asarray(condition > 0), a.astype(dtype), b.astype(dtype)), {}


def conversion(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """An array and its own dtype: all else would give results of another dtype than the case's."""
    return (rng.standard_normal(shape(rng)).astype(dtype), dtype.name), {}
