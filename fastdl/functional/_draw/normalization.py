"""Arguments of normalisation.

Groups of two or three values nearly alike have gradients that are all cancellation, so their eps is larger; groups of
one, whose gradient is 0, are left out.
"""

import math
from typing import Any

import numpy as np

from .elementwise import Drawn


def _values(rng: np.random.Generator, dtype: np.dtype[Any], *shape: int) -> Any:
    return (rng.standard_normal(shape) * rng.choice([1, 1, 3]) + rng.choice([0, 0, 2])).astype(dtype)


def _scale(rng: np.random.Generator, dtype: np.dtype[Any], *shape: int) -> Any:
    """A weight or bias, now and then absent."""
    return None if rng.random() < 0.25 else rng.standard_normal(shape).astype(dtype)


def _eps(rng: np.random.Generator, group: int) -> dict[str, Any]:
    """Options: an eps to suit a group of so many values."""
    if group < 8:
        return {"eps": float(rng.choice([0.5, 1.0]))}
    return {} if rng.random() < 0.5 else {"eps": float(rng.choice([1e-3, 0.1]))}


def _last(rng: np.random.Generator) -> tuple[tuple[int, ...], int]:
    """A shape and how many axes to normalise over; now and then there are no samples, or long ones."""
    count = int(rng.choice([1, 1, 1, 2]))
    outer = tuple(
        int(n) for n in rng.choice([0, 1, 2, 3, 17, 70], size=rng.integers(0, 3), p=[0.05, 0.2, 0.3, 0.2, 0.2, 0.05])
    )
    sizes = [1, 2, 3, 5, 8, 17, 33] if math.prod(outer) > 100 or count == 2 else [1, 2, 3, 5, 8, 17, 33, 70, 600]
    return (*outer, *(int(n) for n in rng.choice(sizes, size=count))), count


def _several(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The shape with at least two elements along its last ``count`` axes."""
    return (*shape[:-1], 2) if math.prod(shape[len(shape) - count :]) == 1 else shape


def layer_norm(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One or two axes normalised over, named by normalized_shape, by the weight, or not at all."""
    shape, count = _last(rng)
    shape = _several(shape, count)
    along = shape[len(shape) - count :]
    weight, bias = _scale(rng, dtype, *along), _scale(rng, dtype, *along)
    options = _eps(rng, math.prod(along))
    if rng.random() < 0.4 or (weight is None and bias is None and count > 1):
        options["normalized_shape"] = along if count > 1 or rng.random() < 0.5 else along[0]
    return (_values(rng, dtype, *shape), weight, bias), options


def rms_norm(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As layer_norm, without a bias."""
    (x, weight, _), options = layer_norm(rng, dtype)
    if weight is None and "normalized_shape" not in options:
        options["normalized_shape"] = x.shape[-1:]
    return (x, weight), options


def _images(rng: np.random.Generator, dtype: np.dtype[Any], channels: int, axes: int) -> Any:
    """(N, C) and ``axes`` axes of pixels, of which there may be many."""
    pixels = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 7], size=axes))
    if axes and rng.random() < 0.15:
        pixels = (int(rng.integers(120, 300)), *(1 for _ in pixels[1:]))
    images = int(rng.choice([0, 1, 2, 3, 9], p=[0.05, 0.2, 0.25, 0.25, 0.25]))
    return _values(rng, dtype, images, channels, *pixels)


def group_norm(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Groups of one or several channels, with and without pixels."""
    groups, each = int(rng.choice([1, 2, 3])), int(rng.choice([1, 2, 3, 8]))
    channels = groups * each
    x = _images(rng, dtype, channels, int(rng.integers(0, 3)))
    if each * math.prod(x.shape[2:]) == 1:
        x = _values(rng, dtype, *x.shape[:2], 2)
    weight, bias = _scale(rng, dtype, channels), _scale(rng, dtype, channels)
    return (x, groups, weight, bias), _eps(rng, each * math.prod(x.shape[2:]))


def instance_norm(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One or two axes of pixels, of which there are at least two."""
    channels = int(rng.choice([1, 2, 3, 8]))
    x = _images(rng, dtype, channels, int(rng.integers(1, 3)))
    if math.prod(x.shape[2:]) == 1:
        x = np.concatenate([x, x + 1], -1)
    weight, bias = _scale(rng, dtype, channels), _scale(rng, dtype, channels)
    return (x, weight, bias), _eps(rng, math.prod(x.shape[2:]))


def batch_norm(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Both modes; in training now and then without running statistics, and never with a single value."""
    channels = int(rng.choice([1, 2, 3, 8, 140], p=[0.25, 0.25, 0.25, 0.2, 0.05]))
    x = _images(rng, dtype, channels, int(rng.integers(0, 3)))
    if x.shape[0] and rng.random() < 0.1:
        x = _values(rng, dtype, 70, *x.shape[1:])
    training = bool(rng.random() < 0.6)
    if training and x.size // channels < 2:
        x = _values(rng, dtype, 2, *x.shape[1:])
    statistics: tuple[Any, Any] = (
        rng.standard_normal(channels).astype(dtype),
        rng.uniform(0.3, 2.0, channels).astype(dtype),
    )
    if training and rng.random() < 0.15:
        statistics = None, None
    weight, bias = _scale(rng, dtype, channels), _scale(rng, dtype, channels)
    options = _eps(rng, x.size // channels) if training else _eps(rng, 8)
    if training:
        options |= {"training": True} if rng.random() < 0.5 else {"training": True, "momentum": 0.3}
    return (x, weight, bias, *statistics), options
