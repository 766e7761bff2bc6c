"""Clip, square, logic, var and std, beyond what the walk over the registry sees: bounds, NaN, precision, errors."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F

X = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("low, high", [(-1, 1), (None, 1), (-1, None), (1, -1), (-np.inf, 0.5), (0, 0)])
def test_clip_and_its_gradient_on_the_bounds(low, high):
    np.testing.assert_array_equal(F.clip(X, low, high), np.clip(X, low, high))
    inside = (X >= (-np.inf if low is None else low)) & (X <= (np.inf if high is None else high))
    grad = np.arange(1.0, 9.0)
    np.testing.assert_array_equal(F.clip_backward(grad, X, low, high)[0], np.where(inside, grad, 0))


def test_a_float32_bound_is_rounded_as_numpy_rounds_it():
    x = np.float32([0.1, 0.2])
    np.testing.assert_array_equal(F.clip(x, max=0.1), np.clip(x, None, np.float32(0.1)))


@pytest.mark.parametrize("ddof", [0, 1, 3, 4])
def test_var_of_few_elements(ddof):
    x = np.array([[1.0, 2.0, 4.0]])
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if ddof >= 3 else np.errstate():
        expected = np.var(x, axis=1, ddof=ddof)
    np.testing.assert_allclose(F.var(x, axis=1, ddof=ddof), expected, rtol=1e-14)


def test_a_large_mean_costs_no_digits():
    x = (1e4 + np.random.default_rng(0).standard_normal((3, 5000))).astype(np.float32)
    expected = np.var(x.astype(np.float64), axis=1)
    np.testing.assert_allclose(F.var(x, axis=1), expected, rtol=2e-6)
    np.testing.assert_allclose(F.std(x), np.std(x.astype(np.float64)), rtol=2e-6)


def test_the_gradient_of_std_where_nothing_varies():
    grad = fd.grad(lambda x: np.sum(np.std(x, axis=1)))(np.array([[1.0, 1.0], [1.0, 3.0]]))
    np.testing.assert_array_equal(grad, [[0, 0], [-0.5, 0.5]])


def test_logic_on_large_and_broadcast_arrays():
    rng = np.random.default_rng(0)
    a, b = rng.random((70, 1, 33)) < 0.5, rng.random((40, 33)) < 0.5
    np.testing.assert_array_equal(F.logical_and(a, b), a & b)
    np.testing.assert_array_equal(F.logical_or(a, b), a | b)
    np.testing.assert_array_equal(F.logical_not(a), ~a)
    np.testing.assert_array_equal(F.logical_or(a, True), np.ones_like(a))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: F.clip(X), ValueError, "clip: min and max are None; expected at least one bound"),
        (lambda: F.clip(X, X), TypeError, "clip: min is a ndarray; expected a number: use maximum and minimum"),
        (lambda: F.clip(X, max=np.nan), ValueError, "clip: max is nan"),
        (lambda: F.var(X, ddof=-1), ValueError, "var: ddof is -1; expected an integer of at least 0"),
        (lambda: F.std(X, ddof=0.5), ValueError, "std: ddof is 0.5"),
        (lambda: F.std_backward(np.float64(1), X, output=X), ValueError, "std_backward: output has shape"),
        (lambda: F.var(X, axis=1), ValueError, "var: axis is 1"),
        (lambda: F.logical_and(X, X > 0), TypeError, "logical_and: a has dtype float64; expected bool: compare first"),
        (lambda: F.logical_not([True]), TypeError, "logical_not: x is a list"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
