"""Convolution, step by step: ``python -m bench.ladder conv``.

Letters: N images, C input and O output channels, H x W pixels, U x V = 3 x 3 taps; one zero around each image, so that
a result has H x W pixels, too.
"""

from collections.abc import Iterator

import numba
import numpy as np

import fastdl as fd
from fastdl import functional as F

from .products import block
from .steps import PEAK, Step

TITLE, LIMIT = "Convolution 3 x 3, float32", PEAK
SIZE, SMALL = (8, 128, 28, 28, 128), (2, 16, 9, 10, 20)  # N, C, H, W, O; the tests take the small one


def loops(x, weight, y):
    """The formula; x has its zeros around it."""
    for n in range(y.shape[0]):
        for o in range(y.shape[1]):
            for h in range(y.shape[2]):
                for w in range(y.shape[3]):
                    total = np.float32(0)
                    for c in range(x.shape[1]):
                        for u in range(3):
                            for v in range(3):
                                total += x[n, c, h + u, w + v] * weight[o, c, u, v]
                    y[n, o, h, w] = total


compiled = numba.njit(fastmath={"nsz", "contract", "reassoc"}, error_model="numpy")(loops)


def windows(x, weight):
    """A matrix product: the window below each pixel copied to a column ("im2col"), nine times the image."""
    view = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))  # (N, C, H, W, 3, 3)
    columns = view.transpose(0, 1, 4, 5, 2, 3).reshape(len(x), weight[0].size, -1)
    return weight.reshape(len(weight), -1) @ columns


def taps(x, weight):
    """The sum over the taps of products of matrices, weights times pixels, with the image read in place.

    The pixels below tap (u, v), for all pixels of the result, lie u rows and v numbers behind those below tap (0, 0):
    the same matrix (channels, pixels) from another place on. So one call sums all taps: groups of the product, each
    with its offset. Between rows the result has two columns that nobody needs.
    """
    (n, channels, height, width), outputs = x.shape, len(weight)
    offsets = [u * width + v for u in range(3) for v in range(3)]
    y = np.empty((n, outputs, (height - 2) * width), np.float32)
    a = weight.reshape(outputs, channels, 9)
    calls = [block(image[:, :-2], a, pixels.reshape(channels, -1), offsets) for image, pixels in zip(y, x, strict=True)]

    def run():
        for call in calls:
            call()
        return y.reshape(n, outputs, height - 2, width)[..., :-2]

    return run


def steps(sizes: tuple[int, ...]) -> Iterator[Step]:
    """The ladder for N, C, H, W, O."""
    n, channels, height, width, outputs = sizes
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, channels, height, width)).astype(np.float32)
    weight = rng.standard_normal((outputs, channels, 3, 3)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.empty((n, outputs, height, width), np.float32)
    expected = windows(padded.astype(np.float64), weight.astype(np.float64)).reshape(y.shape)
    size, work = f"{n} x {channels} x {height} x {width} -> {outputs}", 2.0 * y.size * channels * 9

    def compiled_loops():
        compiled(padded, weight, y)
        return y

    yield Step("compiled", size, "seven loops, compiled", compiled_loops, expected, work)
    matrix = lambda: windows(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), weight).reshape(y.shape)  # noqa: E731
    yield Step("im2col", size, "windows copied to columns, NumPy's matrix product", matrix, expected, work)
    change = "the block product, a group for each tap, the image in place"
    yield Step("taps", size, change, taps(padded, weight), expected, work)

    def strict():
        with fd.precision("strict"):
            return F.conv2d(x, weight, padding=1)

    change = "F.conv2d, strict: padded in pieces that stay in the cache"
    yield Step("direct", size, change, strict, expected, work)

    def winograd():
        return F.conv2d(x, weight, padding=1)

    change = "F.conv2d: a quarter of the multiplications"
    yield Step("Winograd", size, change, winograd, expected, work)
    yield Step("Winograd", size, "all threads", winograd, expected, work, all_threads=True)
