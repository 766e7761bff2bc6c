"""Reductions beyond what the walk over the registry sees: many cells and passes, NaN, ties, accuracy, errors."""

import numpy as np
import pytest

from fastdl._kernels import threads
from fastdl.functional import reductions

DTYPES = (np.float32, np.float64)
# Several chunks of rows and of columns, folded narrow columns, two groups of axes, blocks of columns.
LARGE = [
    ((70000,), None),
    ((3, 9000), 1),
    ((2, 9000, 5), 1),
    ((9000, 3), 0),
    ((700, 1100), 0),
    ((9, 16, 500), (0, 2)),
    ((5, 70, 3, 50), (1, 3)),
    ((130, 64, 2), (0, 1)),
    ((4100, 33), 1),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), LARGE)
def test_large_arrays_agree_with_numpy_for_any_number_of_threads(shape, axis, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for name in ("sum", "mean", "max", "min"):
        function, expected = getattr(reductions, name), getattr(np, name)(x.astype(np.float64), axis)
        y = function(x, axis)
        assert y.dtype == dtype
        if name in ("max", "min"):
            np.testing.assert_array_equal(y, expected)
        else:
            magnitude = getattr(np, name)(np.abs(x.astype(np.float64)), axis)
            assert np.all(np.abs(y - expected) <= 4 * np.finfo(dtype).eps * magnitude)
        with threads.threads(1):
            np.testing.assert_array_equal(y, function(x, axis))


@pytest.mark.parametrize("shape", [(4096 * 5,), (300, 64), (64, 300), (1000, 3)])
def test_float32_sums_are_as_accurate_as_pairwise_summation(shape):
    rng = np.random.default_rng(1)
    ours, pairwise = [], []
    for _ in range(30):
        x = rng.random(shape).astype(np.float32)
        exact = x.sum(0, dtype=np.float64)
        lines = np.ascontiguousarray(x.T)  # NumPy adds in pairs only along contiguous axes
        ours.append((reductions.sum(x, 0) - exact) / exact)
        pairwise.append((lines.sum(-1) - exact) / exact)
    assert np.sqrt(np.mean(np.square(ours))) <= 2 * np.sqrt(np.mean(np.square(pairwise)))


def test_a_mean_is_rounded_once():
    x = np.random.default_rng(2).integers(-50, 50, size=(200, 7)).astype(np.float32)
    exact = x.sum(1, dtype=np.float64) / 7
    np.testing.assert_array_equal(reductions.mean(x, 1), exact.astype(np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 5, 63, 64, 65, 130, 5000])
def test_nan_and_infinity_come_through(n, dtype):
    x = np.linspace(-1, 1, n).astype(dtype)
    for place in {0, n // 2, n - 1}:
        for value in (np.nan, np.inf, -np.inf):
            z = x.copy()
            z[place] = value
            for lines in (z, np.stack([z, x], 1)):
                np.testing.assert_array_equal(reductions.max(lines, 0), np.max(lines, 0))
                np.testing.assert_array_equal(reductions.min(lines, 0), np.min(lines, 0))
                np.testing.assert_array_equal(reductions.argmax(lines, 0), np.argmax(lines, 0))
    assert np.isnan(reductions.sum(np.array([np.inf, -np.inf], dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (10, 9), (3, 64), (2, 200, 3), (4, 5, 300)])
def test_argmax_is_the_first_of_equals(shape, dtype):
    x = np.random.default_rng(3).integers(0, 4, size=shape).astype(dtype)
    x[(0,) * x.ndim] = np.nan
    for axis in (None, *range(x.ndim)):
        y = reductions.argmax(x, axis)
        assert y.dtype == np.int64
        np.testing.assert_array_equal(y, np.argmax(x, axis))
    assert reductions.argmax(np.full(3, -np.inf, dtype)) == 0


def test_nothing_to_reduce():
    empty = np.zeros((3, 0), np.float32)
    np.testing.assert_array_equal(reductions.sum(empty, 1), np.zeros(3, np.float32))
    np.testing.assert_array_equal(reductions.sum(empty, 0), np.zeros(0, np.float32))
    assert np.isnan(reductions.mean(empty, 1)).all()
    assert np.isnan(reductions.mean(empty))
    assert reductions.max(empty, 0).shape == (0,)
    assert reductions.argmax(empty, 0).shape == (0,)
    for function in (reductions.max, reductions.min, reductions.argmax):
        with pytest.raises(ValueError, match=r"x \(3, 0\), axis is 1; expected at least one element"):
            function(empty, 1)


def test_no_axes_and_no_dimensions():
    x = np.float64([[1, 2], [3, 4]])
    np.testing.assert_array_equal(reductions.sum(x, ()), x)
    assert reductions.sum(np.float64(3.0)) == 3
    assert reductions.max(x, keepdims=True).shape == (1, 1)
    assert reductions.mean(x, (-1, 0)) == 2.5


@pytest.mark.parametrize("axis", [None, 1, (0, 2)])
def test_ties_share_the_gradient(axis):
    x = np.float64([[[2, 2], [1, 0]], [[2, 0], [np.nan, 0]]])
    y = reductions.max(x, axis)
    (dx,) = reductions.max_backward(np.ones_like(y), x, axis)
    top = np.max(x, axis, keepdims=True)
    attains = (x == top) | (np.isnan(x) & np.isnan(top))
    np.testing.assert_array_equal(dx, attains / attains.sum(axis, keepdims=True))
    np.testing.assert_array_equal(dx, reductions.max_backward(np.ones_like(y), x, axis, output=y)[0])


def test_gradients_by_hand():
    x = np.float32([[1, 2, 3], [6, 5, 4]])
    g = np.float32([10, 20])
    np.testing.assert_array_equal(reductions.sum_backward(g, x, 1)[0], [[10] * 3, [20] * 3])
    thirds = (g / np.float32(3))[:, None]
    np.testing.assert_array_equal(reductions.mean_backward(g[:, None], x, 1, True)[0], np.hstack([thirds] * 3))
    np.testing.assert_array_equal(reductions.max_backward(g, x, 1)[0], [[0, 0, 10], [20, 0, 0]])
    np.testing.assert_array_equal(reductions.min_backward(g, x, 1)[0], [[10, 0, 0], [0, 0, 20]])


def test_views_and_read_only_arrays():
    base = np.arange(60, dtype=np.float32).reshape(5, 12)
    base.flags.writeable = False
    unaligned = np.frombuffer(b"x" + base.tobytes(), np.uint8)[1:].view(np.float32).reshape(5, 12)
    for x in (base[::-1, ::2], base.T, unaligned):
        for axis in (0, 1, None):
            np.testing.assert_array_equal(reductions.sum(x, axis), np.sum(x, axis))
            np.testing.assert_array_equal(reductions.max(x, axis), np.max(x, axis))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: reductions.sum(x, 2), ValueError, "sum: axis is 2; expected -2 <= axis < 2"),
        (lambda x: reductions.sum(x, (0, -2)), ValueError, "names an axis twice"),
        (lambda x: reductions.mean(x.astype(np.int64)), TypeError, r"mean: x has dtype int64; .*astype"),
        (lambda x: reductions.max([1.0]), TypeError, r"max: x is a list; .*np.asarray"),
        (lambda x: reductions.argmax(x, (0, 1)), TypeError, "argmax: axis is"),
        (lambda x: reductions.sum_backward(x, x, 0), ValueError, r"sum_backward: grad has shape \(2, 3\); .*\(3,\)"),
        (lambda x: reductions.sum_backward(np.zeros(3), x, 0), TypeError, "dtype float64; expected float32"),
        (
            lambda x: reductions.min_backward(x[0], x, 0, output=x),
            ValueError,
            r"min_backward: output has shape \(2, 3\)",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones((2, 3), np.float32))
