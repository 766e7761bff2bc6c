"""Arguments of dropout."""

from typing import Any

import numpy as np

from .elementwise import Drawn, shape


def dropped(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """An array, a probability, and the numbers that the mask follows from."""
    p = float(rng.choice([0.0, 0.1, 0.5, 0.9, rng.random()]))
    options = {"seed": int(rng.integers(-(2**63), 2**63)), "step": int(rng.integers(0, 2**40))}
    if rng.random() < 0.5:
        options["node"] = int(rng.integers(0, 100))
    return (rng.standard_normal(shape(rng)).astype(dtype), p), options
