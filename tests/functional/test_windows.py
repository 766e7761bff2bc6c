"""Windows of all kinds: dilation, ceil_mode, sequences, shared out, global; against PyTorch and by hand."""

import itertools

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference, testing
from fastdl.ops import PRIMITIVES

DTYPES = (np.float32, np.float64)
X = np.ones((1, 1, 4, 4))
S = np.ones((1, 1, 4))


def test_the_last_window_starts_in_the_image_or_the_padding_before_it():
    x = np.float64([[[1, 2, 3, 4, 5]]])
    np.testing.assert_array_equal(F.max_pool1d(x, 2, ceil_mode=True), [[[2, 4, 5]]])
    np.testing.assert_array_equal(F.max_pool1d(x, 1, stride=3, ceil_mode=True), [[[1, 4]]])
    np.testing.assert_array_equal(F.max_pool1d(x, 2, stride=3, padding=1, ceil_mode=True), [[[1, 4]]])
    # The padding counts, what lies beyond it does not.
    np.testing.assert_allclose(F.avg_pool1d(x, 3, stride=2, padding=1, ceil_mode=True), [[[1, 3, 3]]])
    np.testing.assert_allclose(F.avg_pool1d(x[..., :4], 3, stride=2, padding=1, ceil_mode=True), [[[1, 3, 2]]])
    np.testing.assert_array_equal(F.avg_pool1d(x[..., :2], 3, ceil_mode=True), [[[1.5]]])


def test_dilation_by_hand():
    x = np.float64([[[9, 1, 2, 8, 3]]])
    np.testing.assert_array_equal(F.max_pool1d(x, 2, stride=1, dilation=3), [[[9, 3]]])
    np.testing.assert_array_equal(F.max_pool1d(x, 2, stride=2, dilation=2, padding=1), [[[1, 8, 8]]])
    image = np.float64([[[[1, 9, 2, 9], [9, 9, 9, 9], [3, 9, 4, 9]]]])
    np.testing.assert_array_equal(F.max_pool2d(image, 2, dilation=2), [[[[4]]]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [9, 16, 49, 700])
def test_against_pytorch_with_every_option(width, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    functions = torch.nn.functional
    rng = np.random.default_rng(width)
    x = rng.integers(0, 9, (2, 3, 8, width)).astype(dtype)  # ties, and sums without rounding
    x[rng.random(x.shape) < 0.1] = -np.inf
    for kernel, stride, pad, dilation, ceil in itertools.product(
        [(3, 3), (2, 5)], [1, 2, (3, 4)], [0, 1], [1, (1, 2)], [False, True]
    ):
        options = {"stride": stride, "padding": pad, "dilation": dilation, "ceil_mode": ceil}
        theirs = torch.tensor(x, requires_grad=True)
        expected = functions.max_pool2d(theirs, kernel, **options)
        y = F.max_pool2d(x, kernel, **options)
        np.testing.assert_array_equal(y, expected.detach().numpy())
        grad = rng.integers(-4, 5, y.shape).astype(dtype)
        (dx,) = F.max_pool2d_backward(grad, x, kernel, **options)
        np.testing.assert_array_equal(dx, torch.autograd.grad(expected, theirs, torch.tensor(grad))[0].numpy())
        if dilation == 1:
            del options["dilation"]
            for counts in (False, True):
                expected = functions.avg_pool2d(torch.tensor(x), kernel, count_include_pad=counts, **options).numpy()
                y = F.avg_pool2d(x, kernel, count_include_pad=counts, **options)
                np.testing.assert_allclose(y, expected, rtol=1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel, options", [((1, 600), {"stride": 1}), ((2, 3), {"stride": (1, 60)}), ((3, 900), {})])
def test_windows_too_large_for_the_quick_kernel(kernel, options, dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (1, 2, 5, 1000)).astype(dtype)
    x[rng.random(x.shape) < 0.001] = np.nan
    y = F.max_pool2d(x, kernel, **options)
    at = [tuple(int(i) for i in np.unravel_index(p, y.shape)) for p in rng.integers(y.size, size=20)]
    np.testing.assert_array_equal([y[i] for i in at], reference.max_pool2d(x, kernel, at=at, **options))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))
    strides = options.get("stride", kernel)
    rows, columns = (strides, strides) if isinstance(strides, int) else strides
    windows = windows[:, :, ::rows, ::columns].reshape(*y.shape, -1)
    _, index = PRIMITIVES["max_pool2d"](
        x,
        kernel_size=kernel,
        stride=(rows, columns),
        padding=(0, 0),
        dilation=(1, 1),
        ceil_mode=False,
        layout="NCHW",
    )
    first = windows.argmax(-1)  # the first maximum or NaN of the window, row by row
    place = first // kernel[1] + np.arange(y.shape[2])[:, None] * rows
    np.testing.assert_array_equal(index, place * 1000 + first % kernel[1] + np.arange(y.shape[3]) * columns)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_ties_and_nan_are_the_references(seed, stride):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (1, 2, 9, 21)).astype(np.float64)
    x[rng.random(x.shape) < 0.05] = np.nan
    x[rng.random(x.shape) < 0.2] = -np.inf
    options = {"stride": stride, "padding": 1, "ceil_mode": True}
    y = F.max_pool2d(x, 3, **options)
    np.testing.assert_array_equal(y, reference.max_pool2d(x, 3, **options))
    grad = rng.standard_normal(y.shape)
    (dx,), (expected,) = (
        F.max_pool2d_backward(grad, x, 3, **options),
        reference.max_pool2d_backward(grad, x, 3, **options),
    )
    np.testing.assert_allclose(dx, expected, rtol=1e-13, atol=1e-14)


def test_sequences_are_images_of_one_row():
    x = np.random.default_rng(0).standard_normal((2, 3, 11))
    images = x[:, :, None]
    for name, options in (
        ("max_pool", {"stride": 2, "padding": 1}),
        ("adaptive_avg_pool", {}),
        ("adaptive_max_pool", {}),
    ):
        one, two = getattr(F, f"{name}1d"), getattr(F, f"{name}2d")
        padding = {"padding": (0, 1)} if "padding" in options else {}
        expected = two(images, (1, 3), **{**options, **padding})[:, :, 0]
        np.testing.assert_array_equal(one(x, 3, **options), expected)
        last = one(np.ascontiguousarray(x.transpose(0, 2, 1)), 3, layout="NWC", **options)
        np.testing.assert_array_equal(last.transpose(0, 2, 1), expected)


def test_an_index_at_hand_serves_the_backward_of_sequences():
    x = np.float64([[[3, 1, 2, 5]]])
    (dx,) = F.max_pool1d_backward(np.float64([[[7, 8]]]), x, 2, index=np.int64([[[1, 2]]]))
    np.testing.assert_array_equal(dx, [[[0, 7, 8, 0]]])
    (dx,) = F.adaptive_max_pool1d_backward(np.float64([[[7, 8, 9]]]), x, 3, index=np.int64([[[1, 2, 2]]]))
    np.testing.assert_array_equal(dx, [[[0, 7, 17, 0]]])
    with pytest.raises(IndexError, match=r"^max_pool1d_backward: index holds a number outside 0\.\.3"):
        F.max_pool1d_backward(np.float64([[[7, 8]]]), x, 2, index=np.int64([[[1, 4]]]))
    with pytest.raises(IndexError, match=r"^global_max_pool1d_backward: index holds a number outside 0\.\.3"):
        F.global_max_pool1d_backward(np.float64([[[7]]]), x, index=np.int64([[[-1]]]))


def test_global_pooling_keeps_the_axes():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    np.testing.assert_allclose(F.global_avg_pool2d(x), x.mean((2, 3), keepdims=True), rtol=1e-14)
    np.testing.assert_array_equal(F.global_max_pool2d(x), x.max((2, 3), keepdims=True))
    np.testing.assert_array_equal(F.global_max_pool2d(x, layout="NHWC"), x.max((1, 2), keepdims=True))
    np.testing.assert_array_equal(F.global_max_pool1d(x[0]), x[0].max(2, keepdims=True))
    (dx,) = F.global_max_pool1d_backward(np.float64([[[5]]]), np.float64([[[1, 2, 2]]]))
    np.testing.assert_array_equal(dx, [[[0, 5, 0]]])


@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
@pytest.mark.parametrize("size", [(2, 3), (3, 7), None])
def test_second_derivatives(name, size):
    x = np.random.default_rng(0).permutation(60).reshape(1, 2, 5, 6) / 10

    def gradient(x):
        y, pullback = fd.vjp(lambda x: F.power(getattr(F, name)(x, size), 3), x)
        return pullback(y)[0]

    testing.check_grad(fd.compile(gradient), x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.max_pool1d(X, 2), ValueError, "max_pool1d: x has shape .*; expected three dimensions, NCW"),
        (lambda: F.max_pool1d(S, (2,)), TypeError, r"max_pool1d: kernel_size is \(2,\); expected an integer"),
        (lambda: F.avg_pool1d(S, 0), ValueError, "avg_pool1d: kernel_size is 0; expected at least 1"),
        (lambda: F.avg_pool1d(S, 2, stride=True), TypeError, "stride is True; expected an integer"),
        (lambda: F.max_pool1d(S, 2, padding=2), ValueError, "padding is 2, kernel_size is 2; expected at most half"),
        (
            lambda: F.max_pool1d(S, 3, padding=4, dilation=3),
            ValueError,
            "dilation is 3; expected at most 3, half of what",
        ),
        (lambda: F.max_pool1d(S, 2, layout="NCHW"), ValueError, "layout is 'NCHW'; expected one of 'NCW', 'NWC'"),
        (lambda: F.max_pool1d(S, 5), ValueError, "x has width 4, padded to 4; kernel_size is 5: expected a kernel"),
        (lambda: F.max_pool1d(S, 3, dilation=2), ValueError, "kernel_size is 3, dilation is 2: expected a kernel"),
        (lambda: F.max_pool2d(X, 2, dilation=0), ValueError, "dilation is 0; expected at least 1"),
        (lambda: F.max_pool2d(X, 2, ceil_mode=None), ValueError, "ceil_mode is None; expected one of True, False"),
        (lambda: F.max_pool1d(S[..., :1], 2, padding=2, dilation=3), ValueError, "a window lies in the padding only"),
        (
            lambda: F.adaptive_avg_pool2d(X, (1, 2, 3)),
            TypeError,
            r"output_size is \(1, 2, 3\); expected an integer or two",
        ),
        (lambda: F.adaptive_avg_pool2d(X, 1.0), TypeError, "output_size is 1.0; expected an integer or two"),
        (lambda: F.adaptive_max_pool1d(S, (2, 2)), TypeError, r"output_size is \(2, 2\); expected an integer or None"),
        (lambda: F.adaptive_max_pool2d(X, 0), ValueError, "output_size is 0; expected at least 1"),
        (lambda: F.adaptive_max_pool2d(X[..., :0], 1), ValueError, "expected at least one pixel"),
        (lambda: F.adaptive_max_pool2d(S, 1), ValueError, "expected four dimensions, NCHW"),
        (lambda: F.global_avg_pool2d(X[..., :0]), ValueError, "expected something to pool over"),
        (lambda: F.global_max_pool1d(S[..., :0]), ValueError, "expected something to pool over"),
        (lambda: F.global_max_pool2d(S), ValueError, "global_max_pool2d: x has shape .*; expected four dimensions"),
        (lambda: F.global_avg_pool1d(S, layout="NCHW"), ValueError, "layout is 'NCHW'; expected one of 'NCW', 'NWC'"),
        (lambda: F.avg_pool1d_backward(S, S, 2), ValueError, r"grad has shape \(1, 1, 4\); expected \(1, 1, 2\)"),
        (lambda: F.adaptive_max_pool1d_backward(S, S, 2), ValueError, r"grad has shape .* expected \(1, 1, 2\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
