"""Arguments of update rules: parameters, gradient, a state as earlier steps leave it, and options."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def _some(rng: np.random.Generator, **options: Any) -> dict[str, Any]:
    """A random part of the options."""
    return {name: value for name, value in options.items() if rng.random() < 0.5}


def sgd_update(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """With and without momentum, at the first step and later."""
    size = shape(rng)
    arrays = [rng.standard_normal(size).astype(dtype) for _ in range(3)]
    options = _some(rng, momentum=float(rng.uniform(0.1, 1)), weight_decay=float(rng.uniform(0, 0.2)))
    if "momentum" in options:
        options |= _some(rng, nesterov=True)
    return (*arrays, int(rng.choice([0, 1, 30])), float(rng.uniform(0, 0.5))), options


def adam_update(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """With and without both kinds of weight decay; the mean square v is not negative."""
    size = shape(rng)
    p, g, m, v = [rng.standard_normal(size).astype(dtype) for _ in range(4)]
    betas = {"beta1": float(rng.uniform(0, 0.95)), "beta2": float(rng.uniform(0.5, 0.9999))}
    options = _some(rng, **betas, eps=float(rng.choice([1e-8, 1e-3])), weight_decay=0.1, decoupled=True)
    return (p, g, m, np.square(v), int(rng.choice([0, 1, 30, 5000])), float(rng.uniform(0, 0.5))), options


def rmsprop_update(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Centred or not, with and without momentum; the mean square is at least the square of the mean."""
    size = shape(rng)
    p, g, extra, mean, velocity = [rng.standard_normal(size).astype(dtype) for _ in range(5)]
    options = _some(rng, alpha=float(rng.uniform(0.5, 0.99)), eps=float(rng.choice([1e-8, 1e-3])), weight_decay=0.1)
    options |= _some(rng, momentum=float(rng.uniform(0.1, 1)))
    square = np.asarray(np.square(extra) + np.square(mean) + np.asarray(0.1, dtype), dtype)
    centre = mean if rng.random() < 0.5 else None
    kept = velocity if "momentum" in options or rng.random() < 0.5 else None
    return (p, g, square, centre, kept, float(rng.uniform(0, 0.5))), options


def adagrad_update(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """At the first step and later; the sum of squares is not negative."""
    size = shape(rng)
    p, g, total = [rng.standard_normal(size).astype(dtype) for _ in range(3)]
    options = _some(rng, lr_decay=0.01, eps=float(rng.choice([1e-10, 1e-3])), weight_decay=0.1)
    return (p, g, np.square(total), int(rng.choice([0, 1, 30])), float(rng.uniform(0, 0.5))), options
