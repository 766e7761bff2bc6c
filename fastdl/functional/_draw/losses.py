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


def _errors(rng: np.random.Generator, least: float, most: float, size: Any) -> Any:
    """Numbers between -most and most, and none between -least and least."""
    return rng.uniform(least, most, size) * rng.choice([-1, 1], size)


def mae_loss(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Targets, and predictions that are apart from them."""
    size = shape(rng)
    target = rng.standard_normal(size)
    return ((target + _errors(rng, 0.5, 3, size)).astype(dtype), target.astype(dtype)), _reduction(rng)


def huber_loss(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Predictions with errors below and above delta."""
    size, delta = shape(rng), float(rng.choice([0.5, 1, 2.5]))
    target = rng.uniform(-0.2, 0.2, size) * delta
    share = np.where(rng.random(size) < 0.5, _errors(rng, 0, 0.6, size), _errors(rng, 1.6, 3, size))
    options = {} if delta == 1 else {"delta": delta}
    return ((target + share * delta).astype(dtype), target.astype(dtype)), options | _reduction(rng)


def hinge_loss(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Scores on either side of the margin, and targets -1 and +1."""
    size = shape(rng)
    target = rng.choice([-1.0, 1.0], size)
    scores = target * np.where(rng.random(size) < 0.5, rng.uniform(-2, 0.8, size), rng.uniform(1.5, 3, size))
    return (scores.astype(dtype), target.astype(dtype)), _reduction(rng)


def _weights(rng: np.random.Generator, dtype: np.dtype[Any], size: tuple[int, ...]) -> Any:
    """Weights of a shape that repeats to ``size``, some of them zero."""
    like = [n if rng.random() < 0.7 else 1 for n in size][int(rng.integers(0, len(size) + 1)) :]
    return np.asarray(rng.choice([0, 0.5, 1, 3], like), dtype)


def binary_cross_entropy(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Probabilities, and targets of which some are certain."""
    size = shape(rng)
    target = np.clip(rng.uniform(-0.3, 1.3, size), 0, 1)
    options = {"weight": _weights(rng, dtype, size)} if rng.random() < 0.5 else {}
    return (rng.uniform(0.05, 0.95, size).astype(dtype), target.astype(dtype)), options | _reduction(rng)


def binary_cross_entropy_with_logits(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Logits, and probabilities of which some are certain."""
    size = shape(rng)
    logits = rng.standard_normal(size) * rng.choice([1.0, 3.0])
    target = np.clip(rng.uniform(-0.3, 1.3, size), 0, 1)
    options = {name: _weights(rng, dtype, size) for name in ("weight", "pos_weight") if rng.random() < 0.4}
    return (logits.astype(dtype), target.astype(dtype)), options | _reduction(rng)


def _classes(rng: np.random.Generator, dtype: np.dtype[Any], top: float) -> tuple[Any, Any, dict[str, Any]]:
    """Scores (N, C) or with up to two more axes, sometimes one class or no example; targets, weights, one ignored."""
    n, classes = int(rng.choice([0, 1, 2, 7], p=[0.05, 0.2, 0.35, 0.4])), int(rng.choice([1, 2, 3, 10, 70]))
    rest = tuple(int(k) for k in rng.choice([1, 2, 5], size=rng.choice([0, 1, 2], p=[0.6, 0.2, 0.2])))
    scores = (rng.standard_normal((n, classes, *rest)) + top).astype(dtype)
    target = rng.integers(0, classes, (n, *rest)).astype(rng.choice(["int64", "int32", "uint8"]))
    options: dict[str, Any] = _reduction(rng)
    if rng.random() < 0.4:
        options["weight"] = rng.choice([0, 0.5, 1, 3], classes, p=[0.1, 0.3, 0.3, 0.3]).astype(dtype)
    chosen = rng.random()
    if chosen < 0.2:
        options["ignore_index"] = int(rng.integers(classes))
    elif chosen < 0.4:
        options["ignore_index"] = 255
        target[rng.random(target.shape) < 0.4] = 255
    elif chosen < 0.5:
        target = np.where(rng.random(target.shape) < 0.4, -100, target.astype(np.int64))
    return scores, target, options


def cross_entropy(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Logits, sometimes shifted far from 0, and all options."""
    scores, target, options = _classes(rng, dtype, float(rng.choice([0.0, 100.0])))
    if rng.random() < 0.4:
        options["label_smoothing"] = float(rng.choice([0.1, 0.5, 1]))
        counted = target[(target >= 0) & (target < scores.shape[1])]
        if "weight" in options and not options["weight"][counted].any():  # inf or NaN: PyTorch divides 0 by 0 first
            options["weight"][:] = 1
    return (scores, target), options


def nll_loss(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Scores, which need be no logarithms of probabilities, and all options."""
    scores, target, options = _classes(rng, dtype, -1.0)
    return (scores, target), options
