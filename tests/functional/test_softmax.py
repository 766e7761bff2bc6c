"""softmax and log_softmax: NaN and infinities, lines of all lengths in all places, memory, errors."""

import numpy as np
import pytest

from fastdl import functional as F
from fastdl._kernels import threads
from fastdl.ops import PRIMITIVES, execute

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LINES = ["softmax", "log_softmax"]


def formula(name, x, axis):
    """In float64, as anybody would write it."""
    x = x.astype(np.float64)
    with np.errstate(all="ignore"):
        d = x - x.max(axis, keepdims=True, initial=-np.inf)
        s = np.exp(d).sum(axis, keepdims=True)
        return np.exp(d) / s if name == "softmax" else d - np.log(s)


def gradient(name, g, y, axis):
    g, y = g.astype(np.float64), y.astype(np.float64)
    if name == "softmax":
        return y * (g - (g * y).sum(axis, keepdims=True))
    return g - np.exp(y) * g.sum(axis, keepdims=True)


SHAPES = [
    ((10,), 0),
    ((1, 1), 1),
    ((7, 1), 0),
    ((3, 1, 4), 1),
    ((33, 10), 1),
    ((1000, 3), -1),
    ((5, 512), 1),
    ((5, 513), 1),
    ((2, 2000), 1),
    ((10, 33), 0),
    ((4, 5, 6), 1),
    ((3, 7, 129), -2),
    ((600, 300), 0),
    ((2, 3, 4, 5), 0),
    ((0, 4), 1),
    ((4, 0), 1),
    ((4, 0, 3), 1),
]


@BOTH
@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_lines(name, shape, axis, dtype):
    rng = np.random.default_rng(0)
    x, g = (4 * rng.standard_normal(shape)).astype(dtype), rng.standard_normal(shape).astype(dtype)
    y = getattr(F, name)(x, axis)
    (dx,) = getattr(F, f"{name}_backward")(g, x, axis, output=y)
    assert y.dtype == dx.dtype == dtype
    bound = 20 * np.finfo(dtype).eps * max(1, np.abs(y).max(initial=0))
    np.testing.assert_allclose(y, formula(name, x, axis), rtol=0, atol=bound)
    np.testing.assert_allclose(
        dx, gradient(name, g, y, axis), rtol=0, atol=bound * (1 + np.abs(g).sum(axis).max(initial=0))
    )
    np.testing.assert_array_equal(dx, getattr(F, f"{name}_backward")(g, x, axis)[0])


@BOTH
@pytest.mark.parametrize("shape", [(2, 5), (2, 600), (5, 2), (600, 2)])
def test_large_numbers_do_not_overflow(shape, dtype):
    axis = int(shape[0] == 2)
    x = np.full(shape, 1e4, dtype)
    n = shape[axis]
    np.testing.assert_allclose(F.softmax(x, axis), 1 / n, rtol=1e-6)
    np.testing.assert_allclose(F.log_softmax(x, axis), -np.log(n), rtol=1e-6)
    np.testing.assert_allclose(F.log_softmax(-x, axis), -np.log(n), rtol=1e-6)


@BOTH
@pytest.mark.parametrize("n", [2, 40, 600, 5000])
def test_the_smallest_results_have_their_digits(n, dtype):
    """Powers below the smallest normal number are not 0."""
    lowest = np.log(np.finfo(dtype).smallest_subnormal.astype(np.float64))
    x = np.zeros((3, n), dtype)
    x[:, n // 2 :] = lowest + np.array([[1], [3], [5]])
    for y in (F.softmax(x), np.ascontiguousarray(F.softmax(np.ascontiguousarray(x.T), axis=0).T)):
        small = y[:, n // 2 :] * (n // 2) / np.finfo(dtype).smallest_subnormal
        allowed = 0.6 * (n // 2) + np.exp([[1], [3], [5]]) * 1e-3
        assert (np.abs(small - np.exp([[1.0], [3.0], [5.0]])) <= allowed).all()
        assert n > 2 or (small > 0).all()


@BOTH
@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("n", [3, 700])
def test_lines_that_are_no_numbers(name, n, dtype):
    x = np.random.default_rng(0).standard_normal((7, n)).astype(dtype)
    x[1, 0] = x[2, n - 1] = np.nan
    x[3, 1] = -np.float64(np.nan)
    x[4, 1] = np.inf
    x[5] = -np.inf
    x[6, : n - 1] = -np.inf
    expected = formula(name, x, 1)
    assert np.isnan(expected[1:6]).all() and not np.isnan(expected[[0, 6]]).any()
    np.testing.assert_allclose(getattr(F, name)(x), expected, rtol=1e-5)
    np.testing.assert_allclose(getattr(F, name)(x.T, 0), expected.T, rtol=1e-5)


@BOTH
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmax_grad", "log_softmax_grad"])
@pytest.mark.parametrize(("shape", "axis"), [((7, 10), 1), ((3, 700), 1), ((6, 150), 0)])
def test_in_place(name, shape, axis, dtype):
    rng = np.random.default_rng(0)
    inputs = tuple(rng.standard_normal(shape).astype(dtype) for _ in range(2 if "grad" in name else 1))
    (expected,) = PRIMITIVES[name](*inputs, axis=axis)
    execute(PRIMITIVES[name], inputs, {"axis": axis}, out=inputs[0])
    np.testing.assert_array_equal(inputs[0], expected)


@BOTH
@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(("shape", "axis"), [((5003, 10), 1), ((37, 999), 1), ((5, 11, 2000), 1), ((301, 301), 0)])
def test_one_and_two_threads_give_the_same_bits(name, shape, axis, dtype):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, *shape)).astype(dtype)

    def run():
        y = getattr(F, name)(x, axis)
        return y, *getattr(F, f"{name}_backward")(g, x, axis, output=y)

    with threads.threads(1):
        alone = run()
    with threads.threads(2):
        for a, b in zip(alone, run(), strict=True):
            np.testing.assert_array_equal(a, b)


@BOTH
def test_lines_do_not_depend_on_their_neighbours(dtype):
    """Short lines share a buffer; what stands beside a line must not be seen in it."""
    x = np.random.default_rng(0).standard_normal((100, 11)).astype(dtype)
    for name in LINES:
        y = getattr(F, name)(x)
        for row in (0, 45, 46, 99):
            np.testing.assert_array_equal(getattr(F, name)(x[row]), y[row])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.softmax(x, 2), ValueError, r"softmax: axis is 2; expected -2 <= axis < 2"),
        (lambda x: F.softmax(x, 1.0), TypeError, r"softmax: axis is 1.0; expected an integer"),
        (lambda x: F.log_softmax(x[0, 0]), ValueError, r"log_softmax: x has no dimensions"),
        (lambda x: F.softmax(x > 0), TypeError, r"softmax: x has dtype bool"),
        (
            lambda x: F.softmax_backward(x[:1], x),
            ValueError,
            r"softmax_backward: grad has shape \(1, 3\); expected \(2, 3\), the shape of the result",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones((2, 3), np.float32))
