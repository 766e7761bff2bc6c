"""Toy data: shapes, classes of equal size, the same rows for the same seed, noise, and what separates the classes."""

import numpy as np
import pytest

from fastdl import datasets

CLASSES = ["linear", "xor", "circles", "moons", "gaussians", "spiral"]
VALUES = ["plane", "waves"]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("n", [2, 7, 200])
def test_two_classes_of_equal_size_in_random_order(name, n):
    X, y = getattr(datasets, name)(n)
    assert X.shape == (n, 2) and X.dtype == np.float32 and y.shape == (n,) and y.dtype == np.int64
    assert np.bincount(y, minlength=2).tolist() == [n // 2, n - n // 2]
    assert np.isfinite(X).all() and (n < 200 or 40 < y[:100].sum() < 60)


@pytest.mark.parametrize("name", [*CLASSES, *VALUES])
def test_the_seed_makes_the_data(name):
    make = getattr(datasets, name)
    for a, b in zip(make(50, noise=0.1, seed=3), make(50, noise=0.1, seed=3), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(make(50, seed=3)[0], make(50, seed=4)[0])
    changed = 1 if name in VALUES else 0
    clean, noisy = make(4000, seed=1)[changed], make(4000, noise=0.3, seed=1)[changed]
    assert np.std(noisy.astype(float) - clean) == pytest.approx(0.3, rel=0.05)


def test_what_separates_the_classes():
    X, y = datasets.linear(2000)
    assert (np.sign(X.sum(1)) == 2 * y - 1).all() and np.abs(X.sum(1)).min() >= 0.1 * np.sqrt(2)
    assert 0.95 < np.abs(X).max() <= 1  # all of the square, not its middle
    X, y = datasets.xor(2000)
    assert ((X[:, 0] * X[:, 1] < 0) == y).all() and np.abs(X).min() >= 0.049
    X, y = datasets.circles(2000)
    radius = np.linalg.norm(X, axis=1)
    assert radius[y == 1].max() <= 0.501 and radius[y == 0].min() >= 0.699 and radius.max() <= 1.001
    X, y = datasets.moons(2000)
    centre = np.where(y[:, None] == 1, [1, 0.5], [0, 0])
    np.testing.assert_allclose(np.linalg.norm(X - centre, axis=1), 1, atol=1e-5)
    X, y = datasets.spiral(2000)
    radius = np.linalg.norm(X, axis=1)
    angle = np.arctan2(X[:, 1], X[:, 0])
    assert np.abs(np.cos(angle - 3.5 * np.pi * radius - np.pi * y) - 1).max() < 1e-3


def test_the_values():
    X, y = datasets.plane(100)
    np.testing.assert_allclose(y[:, 0], (X[:, 0] + X[:, 1]) / 2, atol=1e-6)
    X, y = datasets.waves(100)
    np.testing.assert_allclose(y, np.sin(2 * np.pi * X) + np.cos(5 * np.pi * X) / 2, atol=1e-5)
    assert (np.diff(X[:, 0]) >= 0).all() and np.abs(X).max() <= 1


@pytest.mark.parametrize("name", [*CLASSES, *VALUES])
@pytest.mark.parametrize(
    ("n", "options", "error", "message"),
    [
        (1, {}, ValueError, "n is 1; expected at least 2 points"),
        (2.0, {}, TypeError, "n is 2.0; expected an integer"),
        (5, {"noise": -1}, ValueError, "noise is -1; expected a finite number of at least 0"),
        (5, {"noise": "a"}, TypeError, "noise is 'a'; expected a number"),
        (5, {"seed": -1}, ValueError, "seed is -1; expected an integer of at least 0"),
    ],
)
def test_options_are_checked(name, n, options, error, message):
    with pytest.raises(error) as caught:
        getattr(datasets, name)(n, **options)
    assert str(caught.value).startswith(f"{name}: ") and message in str(caught.value)
