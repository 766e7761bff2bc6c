"""Depthwise convolution beside the same one written as a dense convolution with zeros, which takes other kernels."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F

# images, channels, results of a channel, H W, U V, stride, padding, dilation: several strips, phases without taps, more
# rows of taps than a block has, edges of all widths, images read in place in stripes.
CASES = [
    (2, 5, 1, (56, 56), (3, 3), 1, 1, 1),
    (1, 3, 2, (300, 130), (3, 3), 1, 1, 1),
    (2, 5, 1, (33, 47), (3, 3), 2, 1, 1),
    (2, 4, 4, (20, 21), (5, 7), (1, 3), (4, 2), (3, 1)),
    (3, 6, 3, (17, 40), (2, 4), (3, 2), (0, 5), (1, 3)),
    (1, 5, 1, (9, 9), (1, 1), 2, 0, 1),
    (2, 6, 1, (1, 500), (1, 9), 1, (0, 4), 1),
    (1, 3, 1, (90, 61), (3, 3), 1, 2, (3, 2)),
    (2, 5, 1, (7, 7), (3, 3), 1, 1, 1),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("images", "channels", "results", "size", "taps", "stride", "padding", "dilation"), CASES)
def test_like_a_dense_convolution(images, channels, results, size, taps, stride, padding, dilation, dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((images, channels, *size)).astype(dtype)
    weight = rng.standard_normal((channels * results, 1, *taps)).astype(dtype)
    bias = rng.standard_normal(channels * results).astype(dtype)
    own = np.arange(channels * results) // results
    dense = np.zeros((channels * results, channels, *taps), dtype)
    dense[np.arange(channels * results), own] = weight[:, 0]
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    y = F.conv2d(x, weight, bias, groups=channels, **options)
    g = rng.standard_normal(y.shape).astype(dtype)
    dx, dweight, dbias = F.conv2d_backward(g, x, weight, bias, groups=channels, **options)
    dx2, ddense, dbias2 = F.conv2d_backward(g, x, dense, bias, **options)
    wanted = [F.conv2d(x, dense, bias, **options), dx2, ddense[np.arange(channels * results), own][:, None], dbias2]
    for found, expected in zip((y, dx, dweight, dbias), wanted, strict=True):
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=100 * np.finfo(dtype).eps * scale)
    with fd.threads(1):
        np.testing.assert_array_equal(F.conv2d(x, weight, bias, groups=channels, **options), y)
        alone = F.conv2d_backward(g, x, weight, bias, groups=channels, **options)
    for found, expected in zip(alone, (dx, dweight, dbias), strict=True):
        np.testing.assert_array_equal(found, expected)
