"""Cumulative sums and top_k, beyond what the walk over the registry sees: long lines, order of equals, NaN, errors."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("sizes, axis", [((20_011,), 0), ((3, 9000, 2), 1), ((2, 100, 700), 1), ((5, 4097), 1)])
def test_long_float32_lines_lose_no_digits(sizes, axis):
    x = RNG.standard_normal(sizes).astype(np.float32) + np.float32(10)
    expected = np.cumsum(x, axis, dtype=np.float64)
    results = []
    for threads in (1, 2):
        with fd.threads(threads):
            results.append(F.cumsum(x, axis))
    np.testing.assert_array_equal(*results)
    np.testing.assert_allclose(results[0], expected, rtol=1e-7)
    backwards = np.flip(np.cumsum(np.flip(x, axis), axis, dtype=np.float64), axis)
    np.testing.assert_allclose(F.cumsum_backward(x, x, axis)[0], backwards, rtol=1e-7)


def test_cumsum_of_what_is_not_finite():
    x = np.array([1, np.inf, 2, -np.inf, 3])
    np.testing.assert_array_equal(F.cumsum(x), [1, np.inf, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(F.cumsum(np.float64(3)), [3])
    assert F.cumsum(np.zeros((0, 3))).shape == (0,) and F.cumsum(np.zeros((2, 0)), 1).shape == (2, 0)


def in_order(x, largest):
    """All places of a line in the order of top_k, by sorting."""
    key = np.where(np.isnan(x), np.inf, x)
    ranks = np.lexsort((np.arange(x.size), -key if largest else key, np.isnan(x) != largest))
    return ranks


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("kind", ["random", "ties", "ascending", "descending", "nan", "equal", "infinite"])
@pytest.mark.parametrize("n", [1, 5, 16, 17, 100, 1003])
def test_values_and_order_of_equals(kind, n, largest):
    x = RNG.standard_normal(n)
    x = {
        "random": x,
        "ties": np.round(x),
        "ascending": np.sort(x),
        "descending": -np.sort(x),
        "nan": np.where(RNG.random(n) < 0.3, np.nan, np.round(x)),
        "equal": np.ones(n),
        "infinite": np.where(RNG.random(n) < 0.3, np.inf, np.where(RNG.random(n) < 0.3, -np.inf, x)),
    }[kind].astype(np.float32)
    for k in {0, 1, min(7, n), n // 2, n}:
        values, indices = F.top_k(x, k, largest=largest)
        np.testing.assert_array_equal(indices, in_order(x, largest)[:k])
        np.testing.assert_array_equal(values, x[indices])
        assert values.dtype == np.float32 and indices.dtype == np.int64


def test_another_axis_and_the_gradient():
    x = RNG.standard_normal((4, 50, 3))
    values, indices = F.top_k(x, 6, axis=1)
    np.testing.assert_array_equal(values, -np.sort(-x, axis=1)[:, :6])
    np.testing.assert_array_equal(np.take_along_axis(x, indices, 1), values)
    grad = RNG.standard_normal(values.shape)
    expected = np.zeros_like(x)
    np.put_along_axis(expected, indices, grad, 1)
    for found in (
        F.top_k_backward(grad, x, 6, 1)[0],
        F.top_k_backward(grad, x, 6, 1, indices=indices)[0],
        fd.vjp(lambda x: F.top_k(x, 6, 1)[0], x)[1](grad)[0],
    ):
        np.testing.assert_array_equal(found, expected)
    assert not fd.grad(lambda x: np.sum(F.astype(F.top_k(x, 2)[1], np.float64)))(x).any()
    with pytest.raises(IndexError, match=r"^top_k_backward: indices holds a position outside axis 1 of x"):
        F.top_k_backward(grad, x, 6, 1, indices=indices + 50)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda x: F.top_k(x, 4),
            ValueError,
            r"top_k: k is 4, x is \(2, 3\); expected 0 <= k <= 3, the size of axis 1",
        ),
        (lambda x: F.top_k(x, -1), ValueError, "k is -1"),
        (lambda x: F.top_k(x, 1.0), TypeError, "k is 1.0; expected an integer"),
        (lambda x: F.top_k(x, 1, largest=1), TypeError, "largest is 1; expected True or False"),
        (lambda x: F.top_k(x, 1, axis=2), ValueError, "axis is 2"),
        (lambda x: F.cumsum(x, axis=2), ValueError, "cumsum: axis is 2"),
        (lambda x: F.cumsum(x, axis=(0, 1)), TypeError, "axis is .*expected an integer"),
    ],
)
def test_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((2, 3)))
