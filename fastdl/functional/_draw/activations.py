"""Arguments of activation functions."""

from typing import Any

import numpy as np

from .elementwise import Drawn, one, shape

__all__ = [
    "apart_from_threes",
    "apart_from_zero",
    "celu",
    "elu",
    "gelu",
    "leaky_relu",
    "lines",
    "one",
    "prelu",
    "softplus",
    "wide",
]


def apart_from_zero(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array without numbers near 0, where relu has its kink."""
    x = rng.standard_normal(shape(rng))
    return (np.asarray(np.where(x < 0, x - 0.1, x + 0.1), dtype),), {}


def apart_from_threes(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array without numbers near -3 and 3, between which hard_sigmoid is no constant."""
    x = 3 * rng.standard_normal(shape(rng))
    distance = np.abs(np.abs(x) - 3)
    return (np.asarray(np.where(distance < 0.4, x * 1.25, x), dtype),), {}


def wide(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array of numbers of which some are well in the tails."""
    return (np.asarray(rng.choice([1, 1, 4]) * rng.standard_normal(shape(rng)), dtype),), {}


def gelu(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As wide, for both formulas."""
    arrays, _ = wide(rng, dtype)
    return arrays, [{}, {"approximate": "none"}, {"approximate": "tanh"}][rng.integers(0, 3)]


def _with_option(rng: np.random.Generator, dtype: np.dtype[Any], name: str, values: tuple[float, ...]) -> Drawn:
    (x,), _ = apart_from_zero(rng, dtype)
    value = float(rng.choice(values))
    return [((x,), {}), ((x, value), {}), ((x,), {name: value})][rng.integers(0, 3)]


def leaky_relu(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Slopes of either sign, 0 and 1 among them."""
    return _with_option(rng, dtype, "negative_slope", (0.2, 0.0, 1.0, -0.5, 3.0))


def elu(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Levels of either sign, and 0."""
    return _with_option(rng, dtype, "alpha", (0.5, 2.0, 0.0, -1.0))


def celu(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Levels of either sign."""
    return _with_option(rng, dtype, "alpha", (0.5, 2.0, -1.5))


def softplus(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Both sides of the threshold, and none near it, where the function jumps a little."""
    x = 2 * rng.standard_normal(shape(rng))
    options = {"beta": float(rng.choice([0.5, 1.0, 2.0, -1.0])), "threshold": float(rng.choice([20.0, 1.5]))}
    z = options["beta"] * x
    x = np.where((z > 1.3) & (z < 2.0), x * 1.6, x)
    chosen = {name: value for name, value in options.items() if value not in (1.0, 20.0) or rng.random() < 0.5}
    return (np.asarray(x, dtype),), chosen


def prelu(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One slope for all or one for each channel, in any number of dimensions."""
    (x,), _ = apart_from_zero(rng, dtype)
    channels = x.shape[1] if x.ndim > 1 else 1
    weight = rng.standard_normal(1 if rng.random() < 0.4 else channels)
    return (x, weight.astype(dtype)), {}


def lines(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One array of at least one dimension and an axis; some lines are long, none is empty (there may be no lines)."""
    full = shape(rng) or (1,)
    if rng.random() < 0.1:
        full = (*full[:1], int(rng.integers(500, 1200)))
    x = rng.standard_normal(full) * rng.choice([1, 1, 2])
    axis = int(rng.integers(-len(full), len(full)))
    if full[axis] == 0:  # the maximum of nothing: whether that is an error is the kernel's own affair
        x = np.ones(tuple(n or 1 for n in full))
    return (x.astype(dtype),), {} if axis == -1 and rng.random() < 0.5 else {"axis": axis}
