"""Arguments of dense and matmul."""

from typing import Any

import numpy as np

from .._activations import NAMED

Drawn = tuple[tuple[Any, ...], dict[str, Any]]
_SIZES = [0, 1, 2, 3, 4, 5, 8, 13, 17, 33]
_ODDS = [0.02, 0.13, 0.13, 0.12, 0.12, 0.12, 0.12, 0.12, 0.06, 0.06]


def _sizes(rng: np.random.Generator, count: int) -> list[int]:
    return [int(n) for n in rng.choice(_SIZES, size=count, p=_ODDS)]


def matmul(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Two factors: vectors, matrices, or stacks that broadcast together."""
    rows, depth, columns = _sizes(rng, 3)
    stack = [int(n) for n in rng.choice([0, 1, 2, 3], size=rng.integers(0, 3), p=[0.02, 0.28, 0.4, 0.3])]
    a: tuple[int, ...] = (rows, depth)
    b: tuple[int, ...] = (depth, columns)
    kind = rng.random()
    if kind < 0.1:
        a = (depth,)
    elif kind < 0.2:
        a = (*stack, *a)
        b = (depth,)
    elif kind < 0.3:
        a, b = (depth,), (*stack, *b)
    elif kind < 0.8:
        part = [1 if rng.random() < 0.3 else n for n in stack][int(rng.integers(0, len(stack) + 1)) :]
        a, b = ((*stack, *a), (*part, *b)) if rng.random() < 0.5 else ((*part, *a), (*stack, *b))
    return (rng.standard_normal(a).astype(dtype), rng.standard_normal(b).astype(dtype)), {}


def dense(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Rows of inputs with any number of leading axes, a layer, with and without bias, every activation."""
    inputs, features, *lead = _sizes(rng, 2 + int(rng.integers(0, 3)))
    x, weight = (
        rng.standard_normal((*lead, inputs)).astype(dtype),
        rng.standard_normal((features, inputs)).astype(dtype),
    )
    bias = None if rng.random() < 0.3 else rng.standard_normal(features).astype(dtype)
    activation = [None, *NAMED][int(rng.integers(0, 1 + len(NAMED)))]
    return (x, weight) if bias is None else (x, weight, bias), {"activation": activation}
