"""Arguments of losses: predictions or logits, targets, and the reduction."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def _reduction(rng: np.random.Generator) -> dict[str, Any]:
    """The option, now and then left at its default."""
    chosen = str(rng.choice(["default", "mean", "sum", "none"]))
    return {} if chosen == "default" else {"reduction": chosen}


def mse_loss(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Two arrays of one shape."""
    size = shape(rng)
    arrays = [rng.standard_normal(size).astype(dtype) for _ in range(2)]
    return tuple(arrays), _reduction(rng)


def binary_cross_entropy_with_logits(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Logits, and probabilities of which some are certain."""
    size = shape(rng)
    logits = rng.standard_normal(size) * rng.choice([1.0, 3.0])
    target = np.clip(rng.uniform(-0.3, 1.3, size), 0, 1)
    return (logits.astype(dtype), target.astype(dtype)), _reduction(rng)


def cross_entropy(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Logits (N, C) or with up to two more axes, sometimes one class, no example, or shifted far from 0."""
    n, classes = int(rng.choice([0, 1, 2, 7], p=[0.05, 0.2, 0.35, 0.4])), int(rng.choice([1, 2, 3, 10, 70]))
    rest = tuple(int(k) for k in rng.choice([1, 2, 5], size=rng.choice([0, 1, 2], p=[0.6, 0.2, 0.2])))
    logits = rng.standard_normal((n, classes, *rest)) + rng.choice([0.0, 100.0])
    target = rng.integers(0, classes, (n, *rest)).astype(rng.choice(["int64", "int32", "uint8"]))
    return (logits.astype(dtype), target), _reduction(rng)
