"""Arguments of tables that are looked up by row number."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def embedding(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Numbers of any shape, also none; ``padding_idx`` at times, then a row that is not asked for: with one that is,
    the gradient is not that of the function."""
    rows, columns = int(rng.choice([1, 2, 5, 40])), int(rng.choice([1, 3, 8, 33, 150]))
    weight = rng.standard_normal((rows, columns)).astype(dtype)
    numbers = rng.integers(0, rows, size=shape(rng)[:2])
    if rows > 1 and rng.random() < 0.3:
        padding = int(rng.integers(0, rows))
        numbers = np.where(numbers == padding, (padding + 1) % rows, numbers)
        return (numbers, weight), {"padding_idx": padding - (rows if rng.random() < 0.3 else 0)}
    return (numbers, weight), {}


def one_hot(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Numbers of any shape, of which not all classes occur."""
    classes = int(rng.choice([1, 2, 5, 70]))
    return (rng.integers(0, classes, size=shape(rng)[:2]), classes), {"dtype": dtype.name}
