"""Pooling beyond what the walk over the registry sees: ties, NaN, overlaps, row ends, second derivatives, errors."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference
from fastdl._kernels import threads
from fastdl.functional._windows import attributes
from fastdl.ops import PRIMITIVES

DTYPES = (np.float32, np.float64)
LAYOUTS = ("NCHW", "NHWC")


def in_layout(x, layout):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if layout == "NHWC" else x


def test_by_hand():
    x = np.float32([[[[1, 2, 5, 0], [4, 3, 0, 6]]]])
    np.testing.assert_array_equal(F.max_pool2d(x, 2), [[[[4, 6]]]])
    np.testing.assert_array_equal(F.avg_pool2d(x, 2), [[[[2.5, 2.75]]]])
    grad = np.float32([[[[4, 8]]]])
    (dx,) = F.max_pool2d_backward(grad, x, 2)
    np.testing.assert_array_equal(dx, [[[[0, 0, 0, 0], [4, 0, 0, 8]]]])
    (dx,) = F.avg_pool2d_backward(grad, x, 2)
    np.testing.assert_array_equal(dx, [[[[1, 1, 2, 2], [1, 1, 2, 2]]]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("width", [2, 5, 14, 17, 33, 530])
def test_windows_of_two_by_two_at_every_row_end(width, layout, dtype):
    """The vectorised case works beyond the end of a row where it may; ties and NaN included."""
    rng = np.random.default_rng(width)
    x = rng.integers(0, 3, (2, 3, 7, width)).astype(dtype)
    x[rng.random(x.shape) < 0.05] = np.nan
    x = in_layout(x, layout)
    y = F.max_pool2d(x, 2, layout=layout)
    np.testing.assert_array_equal(y, reference.max_pool2d(x, 2, layout=layout))
    grad = rng.standard_normal(y.shape).astype(dtype)
    (dx,) = F.max_pool2d_backward(grad, x, 2, layout=layout)
    np.testing.assert_array_equal(dx, reference.max_pool2d_backward(grad, x, 2, layout=layout)[0])
    with threads.threads(1):
        np.testing.assert_array_equal(y, F.max_pool2d(x, 2, layout=layout))
        np.testing.assert_array_equal(dx, F.max_pool2d_backward(grad, x, 2, layout=layout)[0])


def test_many_planes_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((16, 12, 31, 30)).astype(np.float32)
    for name, options in (("max_pool2d", {}), ("avg_pool2d", {"count_include_pad": False})):
        pool, backward = getattr(F, name), getattr(F, f"{name}_backward")
        y = pool(x, 3, stride=2, padding=1, **options)
        grad = rng.standard_normal(y.shape).astype(np.float32)
        (dx,) = backward(grad, x, 3, stride=2, padding=1, **options)
        with threads.threads(1):
            np.testing.assert_array_equal(y, pool(x, 3, stride=2, padding=1, **options))
            np.testing.assert_array_equal(dx, backward(grad, x, 3, stride=2, padding=1, **options)[0])


@pytest.mark.parametrize("kernel", [2, 3, (2, 3)])
def test_the_first_of_equal_pixels_gets_the_gradient(kernel):
    x = np.zeros((1, 1, 6, 6))
    (dx,) = F.max_pool2d_backward(np.ones(F.max_pool2d(x, kernel).shape), x, kernel)
    rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
    expected = np.zeros((6, 6))
    expected[::rows, ::columns] = 1
    np.testing.assert_array_equal(dx[0, 0], expected)


def test_the_first_nan_is_the_maximum():
    x = np.float64([[[[np.inf, np.nan], [np.nan, 1]]]])
    assert np.isnan(F.max_pool2d(x, 2)[0, 0, 0, 0])
    for kernel, options in ((2, {}), (2, {"stride": 1})):
        (dx,) = F.max_pool2d_backward(np.float64([[[[3]]]]), x, kernel, **options)
        np.testing.assert_array_equal(dx, [[[[0, 3], [0, 0]]]])


def test_minus_infinity_wins_over_the_padding():
    x = np.full((1, 1, 3, 3), -np.inf)
    np.testing.assert_array_equal(F.max_pool2d(x, 3, stride=2, padding=1), np.full((1, 1, 2, 2), -np.inf))
    (dx,) = F.max_pool2d_backward(np.ones((1, 1, 2, 2)), x, 3, stride=2, padding=1)
    assert dx.sum() == 4


def test_overlapping_windows_add_up():
    x = np.float64([[[[0, 1, 0], [0, 9, 0], [0, 0, 0]]]])
    (dx,) = F.max_pool2d_backward(np.float64([[[[1, 2], [4, 8]]]]), x, 2, stride=1)
    np.testing.assert_array_equal(dx, [[[[0, 0, 0], [0, 15, 0], [0, 0, 0]]]])


def test_padding_counts_or_not():
    x = np.ones((1, 1, 3, 3))
    np.testing.assert_allclose(F.avg_pool2d(x, 3, stride=2, padding=1), np.full((1, 1, 2, 2), 4 / 9))
    np.testing.assert_allclose(F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False), np.ones((1, 1, 2, 2)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_index_is_row_times_width_plus_column(layout):
    x = in_layout(np.arange(2 * 3 * 4 * 6, dtype=np.float64).reshape(2, 3, 4, 6), layout)
    attrs = {
        "kernel_size": (2, 3),
        "stride": (2, 3),
        "padding": (0, 0),
        "dilation": (1, 1),
        "ceil_mode": False,
        "layout": layout,
    }
    y, index = PRIMITIVES["max_pool2d"](x, **attrs)
    expected = np.broadcast_to([[[[8, 11], [20, 23]]]], (2, 3, 2, 2))
    assert index.dtype == np.int64
    np.testing.assert_array_equal(index, in_layout(expected, layout))
    grad = np.random.default_rng(0).standard_normal(y.shape)
    (given,) = F.max_pool2d_backward(grad, x, (2, 3), layout=layout, index=index)
    np.testing.assert_array_equal(given, F.max_pool2d_backward(grad, x, (2, 3), layout=layout)[0])
    # What was scattered is gathered again.
    gather = PRIMITIVES["max_pool2d_gather"](given, index, layout=layout)[0]
    np.testing.assert_array_equal(gather, grad)


def test_no_images():
    x = np.empty((0, 3, 8, 8), np.float32)
    for name in ("max_pool2d", "avg_pool2d"):
        y = getattr(F, name)(x, 2)
        assert y.shape == (0, 3, 4, 4)
        assert getattr(F, f"{name}_backward")(y, x, 2)[0].shape == x.shape


def test_an_index_outside_the_plane_is_reported():
    x, grad = np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 2))
    for bad in (16, -1):
        index = np.int64([[[[0, 2], [8, bad]]]])
        with pytest.raises(IndexError, match=r"index holds a number outside 0\.\.15"):
            F.max_pool2d_backward(grad, x, 2, index=index)


X = np.ones((1, 1, 4, 4))
ERRORS = [
    (lambda: F.max_pool2d(np.ones((4, 4)), 2), "max_pool2d: x has shape .*; expected four dimensions, NCHW"),
    (lambda: F.max_pool2d(X, 5), "x has height 4, padded to 4; kernel_size is 5: expected a kernel that fits in"),
    (lambda: F.avg_pool2d(X, 2, padding=2), "padding is 2, kernel_size is 2; expected at most half of it"),
    (lambda: F.avg_pool2d(X, 0), "kernel_size is 0; expected at least 1"),
    (lambda: F.max_pool2d(X, 2, stride=0), "stride is 0; expected at least 1"),
    (lambda: F.max_pool2d(X, 2, layout="CHW"), "layout is 'CHW'; expected one of"),
    (lambda: F.avg_pool2d(X, 2, count_include_pad="no"), "count_include_pad is 'no'; expected one of True, False"),
    (lambda: F.max_pool2d_backward(X, X, 2), r"grad has shape \(1, 1, 4, 4\); expected .*\(1, 1, 2, 2\)"),
    (lambda: F.avg_pool2d_backward(X, X, 2), r"grad has shape \(1, 1, 4, 4\); expected .*\(1, 1, 2, 2\)"),
    (lambda: F.max_pool2d_backward(X[..., :2, :2], X, 2, index=np.zeros((1, 1, 4, 4), int)), "index has shape"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "shape",
    [(2, 3, 7, 9), (3, 2, 2, 3), (1, 1, 5, 1023), (1, 2, 3, 1030), (2, 1, 31, 70), (5, 3, 8, 8), (8, 16, 401, 403)],
)
def test_pairs_with_and_without_the_index(shape, dtype):
    """Windows of 2 x 2 have kernels that keep no index, with the same bits as those that do."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 3, shape).astype(dtype)  # with ties
    x[rng.random(shape) < 0.05] = np.nan
    x[rng.random(shape) < 0.05] = -0.0
    y, index = PRIMITIVES["max_pool2d"](x, **attributes("", x, 2, None, 0, 1, False, "NCHW"))
    for found in (F.max_pool2d(x, 2), fd.compile(lambda x: F.max_pool2d(x, 2))(x)):
        np.testing.assert_array_equal(found, y)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(y))
    g = rng.standard_normal(y.shape).astype(dtype)
    (alone,), (known,) = F.max_pool2d_backward(g, x, 2), F.max_pool2d_backward(g, x, 2, index=index)
    np.testing.assert_array_equal(alone, known)
