"""Transposed convolution beyond what the walk over the registry sees: by hand, real sizes, PyTorch, threads, errors."""

import itertools

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference

DTYPES = (np.float32, np.float64)
# x, weight, options: the usual doubling, several strips, rows wider than a tile, depthwise, single pixels, more padding
# than the kernel has taps, strides beyond the kernel.
LAYERS = [
    ((2, 16, 14, 14), (16, 8, 4, 4), {"stride": 2, "padding": 1}),
    ((1, 3, 40, 300), (3, 5, 3, 5), {"padding": (1, 2)}),
    ((4, 6, 15, 17), (6, 1, 3, 3), {"groups": 6, "stride": 2, "output_padding": 1}),
    ((2, 16, 7, 7), (16, 8, 1, 1), {}),
    ((2, 4, 9, 9), (4, 3, 1, 2), {"padding": 2, "stride": (3, 4), "output_padding": (2, 3)}),
    (
        (2, 4, 6, 5),
        (4, 3, 3, 2),
        {"groups": 2, "dilation": (3, 2), "padding": ((4, 1), (0, 1)), "output_padding": (2, 0)},
    ),
]


def arguments(x, weight, options, dtype):
    rng = np.random.default_rng(0)
    shapes = x, weight, (weight[1] * options.get("groups", 1),)
    return [rng.uniform(-1, 1, shape).astype(dtype) for shape in shapes]


def test_by_hand():
    x, weight = np.float32([[[[1, 10]]]]), np.float32([[[[1, 2], [3, 4]]]])
    y = F.conv_transpose2d(x, weight, np.float32([5]), stride=2, output_padding=(0, 1))
    np.testing.assert_array_equal(y, [[[[6, 7, 15, 25, 5], [8, 9, 35, 45, 5]]]])
    line = F.conv_transpose1d(x[:, :, 0], weight[:, :, 1], padding=(1, 0))
    np.testing.assert_array_equal(line, [[[34, 40]]])
    dx, dweight, dbias = F.conv_transpose1d_backward(
        np.float32([[[1, 10, 100]]]), np.float32([[[2, 3]]]), np.float32([[[5, 7]]]), np.float32([0])
    )
    np.testing.assert_array_equal(dx, [[[75, 750]]])
    np.testing.assert_array_equal(dweight, [[[32, 320]]])
    np.testing.assert_array_equal(dbias, [111])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("x", "weight", "options"), LAYERS)
def test_layers_at_sampled_places_for_any_number_of_threads(x, weight, options, dtype):
    arrays = arguments(x, weight, options, dtype)
    y = F.conv_transpose2d(*arrays, **options)
    rng = np.random.default_rng(1)
    some = [tuple(int(rng.integers(0, n)) for n in y.shape) for _ in range(40)]
    expected = reference.conv_transpose2d(*arrays, **options, at=some)
    terms = weight[0] * weight[2] * weight[3]
    np.testing.assert_allclose([y[i] for i in some], expected, rtol=0, atol=8 * np.finfo(dtype).eps * terms)
    last = F.conv_transpose2d(arrays[0].transpose(0, 2, 3, 1), *arrays[1:], **options, layout="NHWC")
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), y)
    grad = rng.uniform(-1, 1, y.shape).astype(dtype)
    found = F.conv_transpose2d_backward(grad, *arrays, **options)
    with fd.threads(1):
        np.testing.assert_array_equal(y, F.conv_transpose2d(*arrays, **options))
        for a, b in zip(found, F.conv_transpose2d_backward(grad, *arrays, **options), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("x", "weight", "options"), LAYERS)
def test_the_gradients_are_those_of_one_trilinear_form(x, weight, options):
    """<g, spread(x, W)> = <dx, x> = <dW, W>: every element takes part."""
    images, kernels, _ = arguments(x, weight, options, np.float64)
    y = F.conv_transpose2d(images, kernels, **options)
    grad = np.random.default_rng(2).uniform(-1, 1, y.shape)
    dx, dweight, none = F.conv_transpose2d_backward(grad, images, kernels, **options)
    assert none is None
    form = np.sum(grad * y)
    np.testing.assert_allclose([np.sum(dx * images), np.sum(dweight * kernels)], form, rtol=1e-11, atol=1e-11)


def test_it_is_the_gradient_of_the_convolution():
    rng = np.random.default_rng(3)
    images, weight = rng.standard_normal((2, 6, 11, 8)), rng.standard_normal((4, 3, 3, 2))
    options = {"stride": (2, 3), "padding": 1, "groups": 2}
    x = F.conv2d(images, weight, **options)
    dimages = F.conv2d_backward(x, images, weight, **options)[0]
    more = [n - m for n, m in zip(images.shape[2:], F.conv_transpose2d(x, weight, **options).shape[2:], strict=True)]
    np.testing.assert_array_equal(F.conv_transpose2d(x, weight, **options, output_padding=more), dimages)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dimensions", [1, 2])
def test_against_pytorch(dimensions, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    rng = np.random.default_rng(4)
    tolerance = 200 * np.finfo(dtype).eps
    for stride, padding, more, dilation, groups, bias in itertools.product(
        (1, 2, 3), (0, 1), (0, 1), (1, 2), (1, 2), (True, False)
    ):
        if more >= max(stride, dilation):
            continue
        options = {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation, "groups": groups}
        shapes = [(2, 4, 6, 5)[: 2 + dimensions], (4, 3, 3, 2)[: 2 + dimensions], (3 * groups,)]
        arrays = [rng.uniform(-1, 1, shape).astype(dtype) for shape in shapes[: 2 + bias]]
        name = f"conv_transpose{dimensions}d"
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        expected = getattr(torch.nn.functional, name)(*theirs, **options)
        y = getattr(F, name)(*arrays, **options)
        np.testing.assert_allclose(y, expected.detach().numpy(), rtol=tolerance, atol=tolerance)
        grad = rng.uniform(-1, 1, y.shape).astype(dtype)
        wanted = torch.autograd.grad(expected, theirs, torch.tensor(grad))
        found = [g for g in getattr(F, f"{name}_backward")(grad, *arrays, **options) if g is not None]
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=4 * tolerance, atol=4 * tolerance)


def test_no_images_no_channels_out():
    y = F.conv_transpose2d(np.empty((0, 3, 4, 4)), np.empty((3, 2, 3, 3)), stride=2)
    assert y.shape == (0, 2, 9, 9)
    nothing = F.conv_transpose1d(np.empty((1, 0, 2)), np.empty((0, 2, 2)), np.float64([1, 2]))
    np.testing.assert_array_equal(nothing, [[[1, 1, 1], [2, 2, 2]]])
    x, weight = np.ones((2, 3, 4)), np.ones((3, 2, 3))
    out = np.full((2, 2, 6), np.nan)
    assert F.conv_transpose1d(x, weight, out=out) is out
    np.testing.assert_array_equal(out, F.conv_transpose1d(x, weight))


def ones(*shape):
    return np.ones(shape, np.float32)


ERRORS = [
    (lambda: F.conv_transpose2d(ones(8, 4, 3, 3), ones(3, 16, 3, 3)), "weight has 3 input channels, x has 4 .*agree"),
    (lambda: F.conv_transpose2d(ones(1, 3, 3, 3), ones(3, 2, 3, 3), groups=2), "weight has 3 input channels, groups"),
    (lambda: F.conv_transpose2d(ones(4, 3, 3), ones(4, 2, 3, 3)), "expected four dimensions, NCHW"),
    (lambda: F.conv_transpose1d(ones(1, 4, 3, 3), ones(4, 2, 3)), "expected three dimensions, NCW"),
    (lambda: F.conv_transpose1d(ones(1, 4, 3), ones(4, 2, 3, 3)), r"three dimensions \(in, out/groups, kw\)"),
    (lambda: F.conv_transpose1d(ones(1, 1, 3), ones(1, 2, 3), ones(1)), r"bias has shape \(1,\); expected \(2,\)"),
    (
        lambda: F.conv_transpose1d(ones(1, 1, 3), ones(1, 1, 3), stride=2, output_padding=2),
        "conv_transpose1d: output_padding is 2; expected less than stride 2 or dilation 1",
    ),
    (lambda: F.conv_transpose1d(ones(1, 1, 1), ones(1, 1, 3), padding=2), "x has width 1, the result would have -1"),
    (lambda: F.conv_transpose2d(ones(1, 1, 0, 3), ones(1, 1, 3, 3)), "x has height 0"),
    (lambda: F.conv_transpose2d(ones(1, 1, 3, 3), ones(1, 1, 3, 3), layout="NCW"), "layout is 'NCW'"),
    (lambda: F.conv_transpose1d_backward(ones(1, 1, 4), ones(1, 1, 3), ones(1, 1, 3)), r"expected \(1, 1, 5\)"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_padding_in_words_is_for_convolutions():
    with pytest.raises(TypeError, match="conv_transpose2d: padding is 'same'; expected an integer"):
        F.conv_transpose2d(ones(1, 1, 3, 3), ones(1, 1, 3, 3), padding="same")
