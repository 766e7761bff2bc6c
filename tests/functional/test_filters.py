"""filter2d beyond what the walk over the registry sees: SciPy, own loops, many tiles, kernels larger than the image."""

import numpy as np
import pytest
import scipy.ndimage

import fastdl as fd
from fastdl import functional as F
from fastdl import reference

DTYPES = (np.float32, np.float64)
MODES = {"reflect101": "mirror", "reflect": "reflect", "nearest": "nearest", "constant": "constant"}
BORDERS = [*MODES, "valid"]
# image, kernel: several tiles in both directions, one pixel or one row, more taps than pixels, even sizes, nine taps.
SHAPES = [
    ((70, 1100), (3, 3)),
    ((45, 300, 3), (5, 4)),
    ((1, 1), (3, 5)),
    ((1, 40), (6, 2)),
    ((3, 2, 2), (9, 12)),
    ((40, 33), (7, 7)),
    ((2, 700), (1, 9)),
    ((20, 10, 600), (3, 2)),
]
FITTING = [(image, kernel) for image, kernel in SHAPES if image[0] >= kernel[0] and image[1] >= kernel[1]]


def drawn(dtype, *shapes):
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, shape).astype(dtype) for shape in shapes]


def by_scipy(image, kernel, border):
    if image.ndim == 3:
        return np.stack([by_scipy(image[..., c], kernel, border) for c in range(image.shape[2])], axis=2)
    return scipy.ndimage.correlate(image.astype(float), kernel.astype(float), mode=MODES[border])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", MODES)
@pytest.mark.parametrize(("image", "kernel"), SHAPES)
def test_against_scipy(image, kernel, border, dtype):
    image, kernel = drawn(dtype, image, kernel)
    y = F.filter2d(image, kernel, border=border)
    assert y.dtype == dtype and y.shape == image.shape
    tolerance = 4 * np.finfo(dtype).eps * kernel.size
    np.testing.assert_allclose(y, by_scipy(image, kernel, border), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("image", "kernel"), FITTING)
def test_without_border_it_is_the_inside(image, kernel, dtype):
    image, kernel = drawn(dtype, image, kernel)
    (h, w), (u, v) = image.shape[:2], kernel.shape
    y = F.filter2d(image, kernel, border="valid")
    whole = F.filter2d(image, kernel)
    tolerance = 4 * np.finfo(dtype).eps * kernel.size
    inside = whole[u // 2 : u // 2 + h - u + 1, v // 2 : v // 2 + w - v + 1]
    np.testing.assert_allclose(y, inside, rtol=0, atol=tolerance)


def test_by_hand():
    """The anchor is the pixel kh // 2, kw // 2, and the kernel is not flipped."""
    row, taps = np.float32([[1, 2, 4, 8]]), np.float32([[1, 10]])
    np.testing.assert_array_equal(F.filter2d(row, taps), [[12, 21, 42, 84]])
    np.testing.assert_array_equal(F.filter2d(row, taps, border="nearest"), [[11, 21, 42, 84]])
    np.testing.assert_array_equal(F.filter2d(row, taps, border="reflect"), [[11, 21, 42, 84]])
    np.testing.assert_array_equal(F.filter2d(row, taps, border="constant"), [[10, 21, 42, 84]])
    np.testing.assert_array_equal(F.filter2d(row.T, taps.T, border="valid"), [[21], [42], [84]])
    dimage, dkernel = F.filter2d_backward(np.float32([[1, 0, 0, 0]]), row, taps)
    np.testing.assert_array_equal(dimage, [[10, 1, 0, 0]])
    np.testing.assert_array_equal(dkernel, [[2, 1]])


@pytest.mark.parametrize(
    ("border", "expected"),
    [
        ("reflect101", "cdcbabcdcbabcdcba"),
        ("reflect", "cddcbaabcddcbaabc"),
        ("nearest", "aaaaaaabcddddddd"),
        ("constant", "......abcd......"),
    ],
)
def test_what_stands_outside(border, expected):
    """A kernel with one tap moves the image: the border comes into sight, also further off than the image is large."""
    image = np.float64([[1, 2, 3, 4]])
    middle = expected.index("abcd")
    for away in range(-6, 7):
        kernel = np.zeros((1, 13))
        kernel[0, 6 + away] = 1
        seen = "".join(".abcd"[int(n)] for n in F.filter2d(image, kernel, border=border)[0])
        start = middle + away
        for k in range(max(0, start), min(len(expected), start + 4)):
            assert seen[k - start] == expected[k], (away, seen)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", BORDERS)
def test_the_same_bits_for_any_number_of_threads(border, dtype):
    image, kernel = drawn(dtype, (150, 620, 2), (5, 3))
    y = F.filter2d(image, kernel, border=border)
    grad = np.random.default_rng(1).uniform(-1, 1, y.shape).astype(dtype)
    found = F.filter2d_backward(grad, image, kernel, border=border)
    with fd.threads(1):
        np.testing.assert_array_equal(F.filter2d(image, kernel, border=border), y)
        for a, b in zip(F.filter2d_backward(grad, image, kernel, border=border), found, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(("image", "kernel"), FITTING)
def test_the_gradients_are_those_of_one_trilinear_form(image, kernel, border):
    """<g, filter2d(x, k)> = <dx, x> = <dk, k>: every element takes part."""
    image, kernel = drawn(np.float64, image, kernel)
    y = F.filter2d(image, kernel, border=border)
    grad = np.random.default_rng(2).uniform(-1, 1, y.shape)
    dimage, dkernel = F.filter2d_backward(grad, image, kernel, border=border)
    form = np.sum(grad * y)
    np.testing.assert_allclose([np.sum(dimage * image), np.sum(dkernel * kernel)], form, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("border", BORDERS)
def test_gradients_of_gradients_in_a_plan(border):
    image, kernel, v = drawn(np.float64, (6, 7, 2), (3, 4), (3, 4))

    def loss(image, kernel):
        return F.sum(F.tanh(F.filter2d(F.filter2d(image, kernel, border=border), kernel, border=border)))

    def slope(kernel):
        return F.sum(fd.grad(loss, argnums=1)(image, kernel) * v)

    step = 1e-6
    numeric = [(slope(kernel + step * u) - slope(kernel - step * u)) / (2 * step) for u in (kernel, v)]
    second = fd.compile(fd.grad(slope))(kernel)
    np.testing.assert_allclose([np.sum(second * u) for u in (kernel, v)], numeric, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_that_is_not_finite_reaches_its_windows_only(value):
    image, kernel = np.ones((9, 20), np.float32), np.ones((3, 5), np.float32)
    image[4, 18] = value
    reached = np.zeros(image.shape, bool)
    reached[3:6, 16:] = True
    np.testing.assert_array_equal(~np.isfinite(F.filter2d(image, kernel, border="constant")), reached)


def test_a_sharp_image_from_a_sample_of_the_reference():
    image, kernel = drawn(np.float32, (300, 400), (3, 3))
    some = [(0, 0), (299, 399), (150, 0), (17, 211)]
    y = F.filter2d(image, kernel)
    np.testing.assert_allclose([y[i] for i in some], reference.filter2d(image, kernel, at=some), atol=1e-6)


def test_no_channels_out_and_strided_arguments():
    empty, kernel = np.empty((3, 4, 0)), np.ones((3, 3))
    assert F.filter2d(empty, kernel).shape == (3, 4, 0)
    dimage, dkernel = F.filter2d_backward(empty, empty, kernel)
    assert dimage.shape == (3, 4, 0)
    np.testing.assert_array_equal(dkernel, np.zeros((3, 3)))
    image, kernel = drawn(np.float64, (12, 20, 3), (3, 4))
    image, kernel = image[::2, ::-1, 1], kernel[::-1, ::2]
    y = F.filter2d(image.copy(), kernel.copy())
    out = np.full_like(y, np.nan)
    assert F.filter2d(image, kernel, out=out) is out
    np.testing.assert_array_equal(out, y)


def ones(*shape):
    return np.ones(shape, np.float32)


ERRORS = [
    (lambda: F.filter2d(ones(5, 5), ones(3, 3), border="wrap"), "filter2d: border is 'wrap'; expected one of 'reflect"),
    (lambda: F.filter2d(ones(5), ones(3, 3)), r"filter2d: image has shape \(5,\); expected \(H, W\) or \(H, W, C\)"),
    (lambda: F.filter2d(ones(0, 5), ones(3, 3)), r"image has shape \(0, 5\); .*one pixel at least"),
    (lambda: F.filter2d(ones(5, 5), ones(3, 3, 1)), r"kernel has shape \(3, 3, 1\); expected \(kh, kw\)"),
    (lambda: F.filter2d(ones(5, 5), ones(3, 0)), r"kernel has shape \(3, 0\); .*one tap at least"),
    (
        lambda: F.filter2d(ones(5, 2), ones(3, 3), border="valid"),
        r"the kernel is larger than the image \(image \(5, 2\), kernel \(3, 3\)\)",
    ),
    (lambda: F.filter2d(ones(5, 5), ones(3, 3), border="valid", out=ones(5, 5)), r"out has shape .*\(3, 3\)"),
    (lambda: F.filter2d_backward(ones(5, 5), ones(5, 5), ones(3, 3), border="valid"), r"grad has shape .*\(3, 3\)"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_images_of_bytes_are_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"image has dtype uint8; .*image.astype\(np.float32\)"):
        F.filter2d(np.zeros((5, 5), np.uint8), ones(3, 3))


@pytest.mark.parametrize("taps", [(3, 3), (5, 5), (2, 7)])
def test_same_bits_in_a_large_image_and_in_a_part_of_it(taps):
    # 18 MB: written past the cache where a vector is a line. The part has other blocks, other places in memory, and no
    # such stores.
    image, kernel = drawn(np.float32, (1125, 4000), taps)
    whole = F.filter2d(image, kernel)
    part = F.filter2d(np.ascontiguousarray(image[301:357, 1003:1300]), kernel)
    np.testing.assert_array_equal(part[8:-8, 8:-8], whole[309:349, 1011:1292])
    with fd.threads(1):
        np.testing.assert_array_equal(F.filter2d(image, kernel), whole)
