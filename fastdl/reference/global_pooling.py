"""Pooling over all of an image or a sequence: the mean or the largest number of each channel, and the gradients.

Letters: N images, C channels, H W rows and columns; small letters are positions: n image, c channel, i j pixel.
g is the gradient of the loss with respect to y (`grad`). The pooled axes stay, with size 1.
"""

from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices
from ._images import IMAGES, SEQUENCES, as_images
from ._windows import Windows, largest, largest_backward, means, means_backward


def global_avg_pool2d(x: ArrayLike, *, layout: str = "NCHW", at: Indices | None = None) -> FloatArray:
    """The mean of each channel of each image.

    y[n, c, 0, 0] = mean of x[n, c, i, j] over all i, j.
    Shapes: x (N, C, H, W), y (N, C, 1, 1); in layout "NHWC": x (N, H, W, C), y (N, 1, 1, C).

    >>> global_avg_pool2d([[[[1, 2], [3, 6]]]]).tolist()
    [[[[3.0]]]]
    """
    return means(_one_window("global_avg_pool2d", x, layout), at)


def global_avg_pool2d_backward(grad: ArrayLike, x: ArrayLike, *, layout: str = "NCHW") -> tuple[FloatArray]:
    """Gradient of global_avg_pool2d.

    In the forward pass this was: y[n, c, 0, 0] += x[n, c, i, j] / count; so now:
    gx[n, c, i, j] = g[n, c, 0, 0] / count.

    >>> global_avg_pool2d_backward([[[[8]]]], [[[[1, 2], [3, 6]]]])[0].tolist()
    [[[[2.0, 2.0], [2.0, 2.0]]]]
    """
    return means_backward("global_avg_pool2d", grad, _one_window("global_avg_pool2d_backward", x, layout))


def global_avg_pool1d(x: ArrayLike, *, layout: str = "NCW", at: Indices | None = None) -> FloatArray:
    """The mean of each channel of each sequence.

    y[n, c, 0] = mean of x[n, c, j] over all j.
    Shapes: x (N, C, W), y (N, C, 1); in layout "NWC": x (N, W, C), y (N, 1, C).

    >>> global_avg_pool1d([[[1, 2, 6]]]).tolist()
    [[[3.0]]]
    """
    return means(_one_window("global_avg_pool1d", x, layout), at)


def global_avg_pool1d_backward(grad: ArrayLike, x: ArrayLike, *, layout: str = "NCW") -> tuple[FloatArray]:
    """Gradient of global_avg_pool1d.

    In the forward pass this was: y[n, c, 0] += x[n, c, j] / count; so now: gx[n, c, j] = g[n, c, 0] / count.

    >>> global_avg_pool1d_backward([[[6]]], [[[1, 2, 6]]])[0].tolist()
    [[[2.0, 2.0, 2.0]]]
    """
    return means_backward("global_avg_pool1d", grad, _one_window("global_avg_pool1d_backward", x, layout))


def global_max_pool2d(x: ArrayLike, *, layout: str = "NCHW", at: Indices | None = None) -> FloatArray:
    """The largest number of each channel of each image.

    y[n, c, 0, 0] = max of x[n, c, i, j] over all i, j; a NaN makes it NaN.
    Shapes: x (N, C, H, W), y (N, C, 1, 1); in layout "NHWC": x (N, H, W, C), y (N, 1, 1, C).

    >>> global_max_pool2d([[[[1, 2], [3, 6]]]]).tolist()
    [[[[6.0]]]]
    """
    return largest(_one_window("global_max_pool2d", x, layout), at)


def global_max_pool2d_backward(grad: ArrayLike, x: ArrayLike, *, layout: str = "NCHW") -> tuple[FloatArray]:
    """Gradient of global_max_pool2d.

    In the forward pass this was: y[n, c, 0, 0] = x[n, c, i, j] for the first largest one; so now:
    gx[n, c, i, j] is g[n, c, 0, 0] there, and 0 elsewhere.

    >>> global_max_pool2d_backward([[[[8]]]], [[[[1, 2], [3, 6]]]])[0].tolist()
    [[[[0.0, 0.0], [0.0, 8.0]]]]
    """
    return largest_backward("global_max_pool2d", grad, _one_window("global_max_pool2d_backward", x, layout))


def global_max_pool1d(x: ArrayLike, *, layout: str = "NCW", at: Indices | None = None) -> FloatArray:
    """The largest number of each channel of each sequence.

    y[n, c, 0] = max of x[n, c, j] over all j; a NaN makes it NaN.
    Shapes: x (N, C, W), y (N, C, 1); in layout "NWC": x (N, W, C), y (N, 1, C).

    >>> global_max_pool1d([[[1, 2, 6]]]).tolist()
    [[[6.0]]]
    """
    return largest(_one_window("global_max_pool1d", x, layout), at)


def global_max_pool1d_backward(grad: ArrayLike, x: ArrayLike, *, layout: str = "NCW") -> tuple[FloatArray]:
    """Gradient of global_max_pool1d.

    In the forward pass this was: y[n, c, 0] = x[n, c, j] for the first largest one; so now: gx[n, c, j] is g[n, c, 0]
    there, and 0 elsewhere.

    >>> global_max_pool1d_backward([[[6]]], [[[1, 2, 6]]])[0].tolist()
    [[[0.0, 0.0, 6.0]]]
    """
    return largest_backward("global_max_pool1d", grad, _one_window("global_max_pool1d_backward", x, layout))


def _one_window(op: str, x: ArrayLike, layout: str) -> Windows:
    images = as_images(op, x, layout, SEQUENCES if "1d" in op else IMAGES)
    height, width = images.shape[2:]
    if height * width == 0:
        raise ValueError(f"{op}: x has {height} x {width} pixels; expected something to pool over")
    return Windows(images, [list(range(height))], [list(range(width))], [height], [width], layout)
