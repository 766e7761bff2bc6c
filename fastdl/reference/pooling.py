"""Pooling of images, which keeps the maximum or the mean of each window, and its gradients.

Letters: N images, C channels, H W input rows and columns, P Q output rows and columns; small letters are
positions: n image, c channel, p q output pixel. g is the gradient of the loss with respect to y (`grad`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_grad, evaluate, quiet
from ._images import Pair, as_images, as_pair, channels_back, channels_first, index_channels_first, shape_back


def max_pool2d(
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    layout: str = "NCHW",
    at: Indices | None = None,
) -> FloatArray:
    """The largest pixel of each window.

    y[n, c, p, q] = max of x[n, c, i, j] over the pixels (i, j) of the image that lie in the window, which
    spans the rows from p*stride - padding to p*stride - padding + kernel_size - 1, the columns alike.
    A NaN in the window makes y NaN. The padding (at most half the kernel) counts as -inf: it never wins.
    stride is the kernel_size if it is None.
    Output rows: P = floor((H + 2*padding - kernel_size) / stride) + 1; columns alike.
    Shapes in layout "NCHW": x (N, C, H, W), y (N, C, P, Q); in layout "NHWC": x (N, H, W, C), y (N, P, Q, C).

    >>> max_pool2d([[[[1, 2, 5, 0], [4, 3, 0, 6]]]], 2).tolist()
    [[[[4.0, 6.0]]]]
    """
    pool = _prepare("max_pool2d", x, kernel_size, stride, padding, layout)

    def element(index: Index) -> float:
        n, c, p, q = index_channels_first(index, layout)
        return float(np.max(pool.images[n, c, pool.rows(p), pool.columns(q)]))

    return evaluate(element, shape_back(pool.output_shape, layout), at)


def max_pool2d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    layout: str = "NCHW",
) -> tuple[FloatArray]:
    """Gradient of max_pool2d.

    In the forward pass this was: y[n, c, p, q] = x[n, c, i, j], where (i, j) is the largest pixel of the
    window; so now: gx[n, c, i, j] += g[n, c, p, q]. Among equal pixels (i, j) is the first one, row by row;
    a NaN counts as the largest. Shapes: grad as y, gx as x.

    >>> max_pool2d_backward([[[[7, 8]]]], [[[[1, 2, 5, 0], [4, 3, 0, 6]]]], 2)[0].tolist()
    [[[[0.0, 0.0, 0.0, 0.0], [7.0, 0.0, 0.0, 8.0]]]]
    """
    pool = _prepare("max_pool2d_backward", x, kernel_size, stride, padding, layout)
    g = channels_first(as_grad("max_pool2d", grad, shape_back(pool.output_shape, layout)), layout)
    gx = np.zeros(pool.images.shape)
    for n, c, p, q in np.ndindex(*pool.output_shape):
        rows, columns = pool.rows(p), pool.columns(q)
        window = pool.images[n, c, rows, columns]
        largest = np.argmax(window)  # the first maximum, or the first NaN
        i, j = np.unravel_index(largest, window.shape)
        gx[n, c, rows.start + i, columns.start + j] += g[n, c, p, q]
    return (channels_back(gx, layout),)


def avg_pool2d(
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    count_include_pad: bool = True,
    layout: str = "NCHW",
    at: Indices | None = None,
) -> FloatArray:
    """The mean of each window.

    y[n, c, p, q] = (sum of x[n, c, i, j] over the pixels (i, j) of the image that lie in the window) / count,
    where count is the number of pixels of the kernel, or, if count_include_pad is False, the number of those
    that lie in the image. Windows, stride, padding and shapes are those of max_pool2d.

    >>> avg_pool2d([[[[1, 2, 5, 0], [4, 3, 0, 6]]]], 2).tolist()
    [[[[2.5, 2.75]]]]
    """
    pool = _prepare("avg_pool2d", x, kernel_size, stride, padding, layout)

    def element(index: Index) -> float:
        n, c, p, q = index_channels_first(index, layout)
        window = pool.images[n, c, pool.rows(p), pool.columns(q)]
        return float(np.sum(window) / (pool.kernel_pixels if count_include_pad else window.size))

    return evaluate(element, shape_back(pool.output_shape, layout), at)


def avg_pool2d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    count_include_pad: bool = True,
    layout: str = "NCHW",
) -> tuple[FloatArray]:
    """Gradient of avg_pool2d.

    In the forward pass this was: y[n, c, p, q] += x[n, c, i, j] / count for every pixel (i, j) of the window;
    so now: gx[n, c, i, j] += g[n, c, p, q] / count for the same pixels. Shapes: grad as y, gx as x.

    >>> avg_pool2d_backward([[[[4, 8]]]], [[[[1, 2, 5, 0], [4, 3, 0, 6]]]], 2)[0].tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """
    pool = _prepare("avg_pool2d_backward", x, kernel_size, stride, padding, layout)
    g = channels_first(as_grad("avg_pool2d", grad, shape_back(pool.output_shape, layout)), layout)
    gx = np.zeros(pool.images.shape)
    with quiet():
        for n, c, p, q in np.ndindex(*pool.output_shape):
            window = gx[n, c, pool.rows(p), pool.columns(q)]  # a view: what is added to it is added to gx
            window += g[n, c, p, q] / (pool.kernel_pixels if count_include_pad else window.size)
    return (channels_back(gx, layout),)


class _Pooling(NamedTuple):
    """The arguments of a pooling, checked and ready for the formula."""

    images: FloatArray  # (N, C, H, W)
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    output_shape: Index  # (N, C, P, Q)

    @property
    def kernel_pixels(self) -> int:
        return self.kernel[0] * self.kernel[1]

    def rows(self, p: int) -> slice:
        """The rows of the image that lie in the windows of output row p."""
        first = p * self.stride[0] - self.padding[0]
        return slice(max(first, 0), min(first + self.kernel[0], self.images.shape[2]))

    def columns(self, q: int) -> slice:
        """The columns of the image that lie in the windows of output column q."""
        first = q * self.stride[1] - self.padding[1]
        return slice(max(first, 0), min(first + self.kernel[1], self.images.shape[3]))


def _prepare(op: str, x: ArrayLike, kernel_size: Pair, stride: Pair | None, padding: Pair, layout: str) -> _Pooling:
    images = as_images(op, x, layout)
    kernel = as_pair(op, "kernel_size", kernel_size, 1)
    strides = kernel if stride is None else as_pair(op, "stride", stride, 1)
    borders = as_pair(op, "padding", padding, 0)
    sizes = []
    for name, size, k, s, border in zip(("height", "width"), images.shape[2:], kernel, strides, borders, strict=True):
        if border > k // 2:
            raise ValueError(f"{op}: padding is {padding}, kernel_size is {kernel_size}; expected at most half of it")
        if size == 0 or size + 2 * border < k:
            raise ValueError(
                f"{op}: x has {name} {size}, padded to {size + 2 * border}; kernel_size is {kernel_size}: "
                "expected a kernel that fits in"
            )
        sizes.append((size + 2 * border - k) // s + 1)
    return _Pooling(images, kernel, strides, borders, (*images.shape[:2], sizes[0], sizes[1]))
