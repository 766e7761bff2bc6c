"""conv2d beyond what the walk over the registry sees: layers of real size, strips and chunks, threads, NaN, errors."""

import numpy as np
import pytest

from fastdl import functional as F
from fastdl import reference
from fastdl._kernels import threads

DTYPES = (np.float32, np.float64)
# x, weight, options: several strips, rows wider than a tile, several chunks and blocks of channels, depthwise,
# one image with many channels, single pixels, strides beyond the kernel, more phases than rows.
LAYERS = [
    ((2, 1, 28, 28), (16, 1, 3, 3), {"padding": 1}),
    ((3, 8, 14, 14), (9, 8, 3, 3), {"padding": 1}),
    ((1, 3, 40, 300), (5, 3, 3, 5), {"padding": (1, 2)}),
    ((1, 40, 9, 9), (70, 40, 3, 3), {"padding": 1}),
    ((4, 6, 15, 17), (6, 1, 3, 3), {"padding": "same", "groups": 6, "stride": 2}),
    ((2, 16, 7, 7), (8, 16, 1, 1), {}),
    ((2, 16, 7, 7), (8, 16, 1, 1), {"stride": 3}),
    ((2, 4, 11, 13), (6, 2, 5, 3), {"groups": 2, "stride": (3, 2), "dilation": (2, 3), "padding": ((4, 1), (3, 2))}),
    ((30, 2, 5, 5), (3, 2, 5, 5), {}),
    ((2, 2, 1, 9), (3, 2, 2, 3), {"padding": 1, "stride": 4}),
]


def close(found, expected, dtype, terms):
    """Twice the rounding of that many terms, and of their products, of size one."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=8 * np.finfo(dtype).eps * terms)


def arguments(x, weight, options, dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-1, 1, s).astype(dtype) for s in (x, weight, weight[:1])]
    if options.get("layout") == "NHWC":
        arrays[0] = np.ascontiguousarray(arrays[0].transpose(0, 2, 3, 1))
    return arrays


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(("x", "weight", "options"), LAYERS)
def test_layers_and_their_gradients_at_sampled_places_for_any_number_of_threads(x, weight, options, layout, dtype):
    options = {**options, "layout": layout}
    arrays = arguments(x, weight, options, dtype)
    rng = np.random.default_rng(1)

    def places(shape):
        return [tuple(int(rng.integers(0, n)) for n in shape) for _ in range(12)]

    y = F.conv2d(*arrays, **options)
    some = places(y.shape)
    terms = int(np.prod(weight[1:]))
    close([y[i] for i in some], reference.conv2d(*arrays, **options, at=some), dtype, terms)
    grad = rng.uniform(-1, 1, y.shape).astype(dtype)
    found = F.conv2d_backward(grad, *arrays, **options)
    at = [places(a.shape) for a in arrays]
    expected = reference.conv2d_backward(grad, *arrays, **options, at=at)
    for g, a, some, value, n in zip(found, arrays, at, expected, (terms * weight[0], y.size, y.size), strict=True):
        assert g.shape == a.shape
        assert g.dtype == dtype
        close([g[i] for i in some], value, dtype, n)
    with threads.threads(1):
        np.testing.assert_array_equal(y, F.conv2d(*arrays, **options))
        for a, b in zip(found, F.conv2d_backward(grad, *arrays, **options), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("x", "weight", "options"), LAYERS)
def test_the_gradients_are_those_of_one_trilinear_form(x, weight, options):
    """<g, conv2d(x, W)> = <input_grad(g, W), x> = <weight_grad(g, x), W>: every element of all three takes part."""
    images, kernels, _ = arguments(x, weight, options, np.float64)
    y = F.conv2d(images, kernels, **options)
    grad = np.random.default_rng(2).uniform(-1, 1, y.shape)
    dx, dweight, none = F.conv2d_backward(grad, images, kernels, **options)
    assert none is None
    form = np.sum(grad * y)
    np.testing.assert_allclose([np.sum(dx * images), np.sum(dweight * kernels)], form, rtol=1e-11, atol=1e-11)


def test_by_hand():
    image = np.float32([[[[3, 1, 0, 2], [4, 2, 1, 1], [5, 4, 0, 0]]]])
    edges = np.float32([[[[-1, 0, 1]] * 3]])
    np.testing.assert_array_equal(F.conv2d(image, edges, np.float32([1])), [[[[-10, -3]]]])
    dx, dweight, dbias = F.conv2d_backward(
        np.float32([[[[1, 10]]]]), np.float32([[[[1, 2, 3]]]]), np.float32([[[[5, 7]]]]), np.float32([0])
    )
    np.testing.assert_array_equal(dx, [[[[5, 57, 70]]]])
    np.testing.assert_array_equal(dweight, [[[[21, 32]]]])
    np.testing.assert_array_equal(dbias, [11])


def test_same_padding_is_that_of_onnx_same_upper():
    """Five pixels, stride 2, three taps: one zero on either side; four pixels: one zero after them."""
    weight = np.ones((1, 1, 1, 3))
    five, four = np.arange(1.0, 6).reshape(1, 1, 1, 5), np.arange(1.0, 5).reshape(1, 1, 1, 4)
    np.testing.assert_array_equal(F.conv2d(five, weight, padding="same", stride=(1, 2)), [[[[3, 9, 9]]]])
    np.testing.assert_array_equal(F.conv2d(four, weight, padding="same", stride=(1, 2)), [[[[6, 7]]]])
    np.testing.assert_array_equal(F.conv2d(four, weight, padding="valid"), [[[[6, 9]]]])


def test_a_kernel_of_one_pixel_is_a_dense_layer_per_pixel():
    rng = np.random.default_rng(3)
    x, weight, bias = rng.standard_normal((2, 7, 5, 6)), rng.standard_normal((4, 7)), rng.standard_normal(4)
    y = F.conv2d(x, weight[:, :, None, None], bias)
    np.testing.assert_allclose(y.transpose(0, 2, 3, 1), F.dense(x.transpose(0, 2, 3, 1), weight, bias), atol=1e-13)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_that_is_not_finite_reaches_its_windows_only(value):
    """The kernels compute columns that nobody gets, and add zeros: neither may spread what is not finite."""
    x, weight = np.ones((2, 3, 9, 9), np.float32), np.ones((5, 3, 3, 3), np.float32)
    x[1, 2, 4, 8] = value
    y = F.conv2d(x, weight, padding=1)
    reached = np.zeros(y.shape, bool)
    reached[1, :, 3:6, 7:] = True
    np.testing.assert_array_equal(~np.isfinite(y), reached)
    grad = np.zeros_like(y)
    grad[0, 1, 2, 3] = 1
    dweight = F.conv2d_backward(grad, x, weight, padding=1)[1]
    reached = np.zeros(weight.shape, bool)
    reached[:, 2, :, 1:] = True  # 0 * infinity is NaN, in the formula as well; tap 0 never stands on the last column
    np.testing.assert_array_equal(np.isnan(dweight), reached)
    grad[0, 1, 2, 0] = value
    dx = F.conv2d_backward(grad, np.ones_like(x), weight, padding=1)[0]
    reached = np.zeros(x.shape, bool)
    reached[0, :, 1:4, :2] = True
    np.testing.assert_array_equal(~np.isfinite(dx), reached)


def test_no_images_no_channels():
    weight = np.ones((4, 3, 3, 3), np.float32)
    x = np.empty((0, 3, 8, 8), np.float32)
    y = F.conv2d(x, weight, np.ones(4, np.float32))
    assert y.shape == (0, 4, 6, 6)
    dx, dweight, dbias = F.conv2d_backward(y, x, weight, np.ones(4, np.float32))
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dweight, np.zeros_like(weight))
    np.testing.assert_array_equal(dbias, np.zeros(4))
    nothing = F.conv2d(np.empty((1, 0, 4, 4)), np.empty((2, 0, 3, 3)), np.float64([1, 2]))
    np.testing.assert_array_equal(nothing, np.broadcast_to([[[[1.0]], [[2.0]]]], (1, 2, 2, 2)))


def test_out_and_strided_arguments():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2, 12, 10, 3)).transpose(0, 3, 1, 2)[:, :, ::2, ::-1]
    weight = rng.standard_normal((3, 3, 3, 4)).transpose(3, 2, 0, 1)
    x.flags.writeable = weight.flags.writeable = False
    y = F.conv2d(np.ascontiguousarray(x), np.ascontiguousarray(weight))
    out = np.full_like(y, np.nan)
    assert F.conv2d(x, weight, out=out) is out
    np.testing.assert_array_equal(out, y)


def ones(*shape):
    return np.ones(shape, np.float32)


ERRORS = [
    (
        lambda: F.conv2d(ones(8, 4, 32, 32), ones(16, 3, 3, 3)),
        r"conv2d: weight has 3 input channels, x has 4 \(x \(8, 4, 32, 32\), weight \(16, 3, 3, 3\)\); with groups=1 "
        "they must agree",
    ),
    (lambda: F.conv2d(ones(1, 4, 5, 5), ones(4, 4, 3, 3), groups=2), "with groups=2 x must have 8"),
    (lambda: F.conv2d(ones(1, 4, 5, 5), ones(3, 2, 3, 3), groups=2), "weight has 3 output channels, groups is 2"),
    (lambda: F.conv2d(ones(4, 5, 5), ones(3, 4, 3, 3)), "x has shape .*; expected four dimensions, NCHW"),
    (lambda: F.conv2d(ones(1, 4, 5, 5), ones(3, 4, 3)), "weight has shape .*; expected four dimensions"),
    (lambda: F.conv2d(ones(1, 1, 2, 5), ones(1, 1, 3, 3)), "x has height 2, padded to 2; the kernel reaches over 3"),
    (lambda: F.conv2d(ones(1, 1, 5, 4), ones(1, 1, 1, 3), dilation=2), "x has width 4, .* reaches over 5"),
    (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3, 3), ones(2)), r"bias has shape \(2,\); expected \(1,\)"),
    (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3, 3), padding=-1), "padding is -1; expected at least 0"),
    (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3, 3), padding="full"), "padding is 'full'; expected one of"),
    (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3, 3), stride=0), "stride is 0; expected at least 1"),
    (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3, 3), layout="HWC"), "layout is 'HWC'; expected one of"),
    (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3, 3), groups=0), "groups is 0; expected at least 1"),
    (lambda: F.conv2d_backward(ones(1, 1, 2, 2), ones(1, 1, 5, 5), ones(1, 1, 3, 3)), r"expected .*\(1, 1, 3, 3\)"),
    (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3, 3), out=ones(1, 1, 2, 3)), "out has shape"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("padding", [1.5, (1, 2, 3), ((1, 2), 3.0), ((1, 2, 3), (1, 2)), None])
def test_padding_of_a_wrong_kind(padding):
    with pytest.raises(TypeError, match="conv2d: padding is"):
        F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3, 3), padding=padding)
