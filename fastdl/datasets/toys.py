"""Toy data of two features or one, made from a seed: what the lecture and its playground draw.

Classes: ``linear``, ``xor``, ``circles``, ``moons``, ``gaussians``, ``spiral``, with about as many points of class 0 as
of class 1. Values: ``plane`` and ``waves``. ``noise`` is the standard deviation of what is added to the features of
classes and to the targets of values, after the labels were given, so that with noise the classes overlap.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Classes = tuple[NDArray[np.float32], NDArray[np.int64]]
Values = tuple[NDArray[np.float32], NDArray[np.float32]]


def _checked(name: str, n: Any, noise: Any, seed: Any) -> tuple[int, float, np.random.Generator]:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"{name}: n is {n!r}; expected an integer, the number of points")
    if n < 2:
        raise ValueError(f"{name}: n is {n}; expected at least 2 points")
    if isinstance(noise, bool) or not isinstance(noise, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: noise is {noise!r}; expected a number, a standard deviation")
    if not 0 <= noise < np.inf:
        raise ValueError(f"{name}: noise is {noise}; expected a finite number of at least 0")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"{name}: seed is {seed!r}; expected an integer of at least 0")
    return int(n), float(noise), np.random.default_rng(int(seed))


def _classes(X: Any, y: Any, noise: float, rng: np.random.Generator) -> Classes:
    """Noise on the features, then a random order of the rows."""
    order = rng.permutation(len(X))
    X = X + noise * rng.standard_normal(X.shape)
    return X[order].astype(np.float32), np.asarray(y)[order].astype(np.int64)


def _halves(n: int) -> NDArray[np.int64]:
    """Classes of n points: 0 for the first half, 1 for the rest."""
    return (np.arange(n) >= n // 2).astype(np.int64)


def linear(n: int = 200, *, noise: float = 0.0, seed: int = 0) -> Classes:
    """Two classes parted by the line x1 + x2 = 0, with a gap: one neuron is enough.

    Points in [-1, 1] x [-1, 1] at least 0.1 away from the line. Returns X, float32 (n, 2), and y, int64 (n,).

    >>> X, y = linear(6)
    >>> ((X.sum(1) > 0) == y).all()
    np.True_
    """
    n, noise, rng = _checked("linear", n, noise, seed)
    y = _halves(n)
    # Along the line and across it, |along| + |across| <= 1, which is [-1, 1] x [-1, 1] turned by 45 degrees.
    across = rng.uniform(0.1, 1, n) * np.where(y == 1, 1, -1)
    along = rng.uniform(-1, 1, n) * (1 - np.abs(across))
    return _classes(np.stack([across + along, across - along], 1), y, noise, rng)


def xor(n: int = 200, *, noise: float = 0.0, seed: int = 0) -> Classes:
    """Class 1 where x1 and x2 have different signs: no line parts the classes, a hidden layer does.

    Points in [-1, 1] x [-1, 1], at least 0.05 away from the axes. Returns X, float32 (n, 2), and y, int64 (n,).

    >>> X, y = xor(6)
    >>> ((X[:, 0] * X[:, 1] < 0) == y).all()
    np.True_
    """
    n, noise, rng = _checked("xor", n, noise, seed)
    y = _halves(n)
    first = rng.choice([-1.0, 1.0], n)
    signs = np.stack([first, np.where(y == 1, -first, first)], 1)
    return _classes(signs * rng.uniform(0.05, 1, (n, 2)), y, noise, rng)


def circles(n: int = 200, *, noise: float = 0.0, seed: int = 0) -> Classes:
    """Class 1 inside a disc of radius 0.5, class 0 in a ring from 0.7 to 1 around it.

    Returns X, float32 (n, 2), and y, int64 (n,).

    >>> X, y = circles(6)
    >>> ((np.linalg.norm(X, axis=1) < 0.6) == y).all()
    np.True_
    """
    n, noise, rng = _checked("circles", n, noise, seed)
    y = _halves(n)
    radius = np.where(y == 1, 0.5 * np.sqrt(rng.random(n)), np.sqrt(rng.uniform(0.49, 1, n)))
    angle = rng.uniform(0, 2 * np.pi, n)
    return _classes(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), y, noise, rng)


def moons(n: int = 200, *, noise: float = 0.0, seed: int = 0) -> Classes:
    """Two half circles that reach into each other, of radius 1: class 0 the upper, class 1 the lower one.

    The upper one is (cos t, sin t), the lower one (1 - cos t, 0.5 - sin t), t between 0 and pi. Returns X, float32
    (n, 2), and y, int64 (n,).

    >>> X, y = moons(6)
    >>> X.shape, int(y.sum())
    ((6, 2), 3)
    """
    n, noise, rng = _checked("moons", n, noise, seed)
    y = _halves(n)
    t = rng.uniform(0, np.pi, n)
    x1, x2 = np.where(y == 1, 1 - np.cos(t), np.cos(t)), np.where(y == 1, 0.5 - np.sin(t), np.sin(t))
    return _classes(np.stack([x1, x2], 1), y, noise, rng)


def gaussians(n: int = 200, *, noise: float = 0.0, seed: int = 0) -> Classes:
    """Two clouds with standard deviation 0.25, around (-0.5, -0.5) and (0.5, 0.5).

    Returns X, float32 (n, 2), and y, int64 (n,).

    >>> X, y = gaussians(1000)
    >>> X[y == 1].mean(0).round(1)
    array([0.5, 0.5], dtype=float32)
    """
    n, noise, rng = _checked("gaussians", n, noise, seed)
    y = _halves(n)
    return _classes((y - 0.5)[:, None] + 0.25 * rng.standard_normal((n, 2)), y, noise, rng)


def spiral(n: int = 200, *, noise: float = 0.0, seed: int = 0) -> Classes:
    """Two arms of a spiral, each making 1.75 turns from the centre out to radius 1.

    Returns X, float32 (n, 2), and y, int64 (n,).

    >>> X, y = spiral(6)
    >>> bool(np.linalg.norm(X, axis=1).max() <= 1)
    True
    """
    n, noise, rng = _checked("spiral", n, noise, seed)
    y = _halves(n)
    radius = np.sqrt(rng.uniform(0.01, 1, n))  # the density of points along an arm stays about the same
    angle = 3.5 * np.pi * radius + np.pi * y
    return _classes(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), y, noise, rng)


def plane(n: int = 200, *, noise: float = 0.0, seed: int = 0) -> Values:
    """Values on a plane: y = (x1 + x2) / 2 for points in [-1, 1] x [-1, 1].

    Returns X, float32 (n, 2), and y, float32 (n, 1).

    >>> X, y = plane(6)
    >>> X.shape, y.shape
    ((6, 2), (6, 1))
    """
    n, noise, rng = _checked("plane", n, noise, seed)
    X = rng.uniform(-1, 1, (n, 2))
    y = X.mean(1, keepdims=True) + noise * rng.standard_normal((n, 1))
    return X.astype(np.float32), y.astype(np.float32)


def waves(n: int = 200, *, noise: float = 0.0, seed: int = 0) -> Values:
    """A wavy function on an interval: y = sin(2 pi x) + cos(5 pi x) / 2 for x in [-1, 1].

    Returns X, float32 (n, 1), sorted, and y, float32 (n, 1).

    >>> X, y = waves(100)
    >>> bool(np.abs(y - np.sin(2 * np.pi * X) - np.cos(5 * np.pi * X) / 2).max() < 1e-5)
    True
    """
    n, noise, rng = _checked("waves", n, noise, seed)
    x = np.sort(rng.uniform(-1, 1, (n, 1)), 0)
    y = np.sin(2 * np.pi * x) + np.cos(5 * np.pi * x) / 2 + noise * rng.standard_normal((n, 1))
    return x.astype(np.float32), y.astype(np.float32)
