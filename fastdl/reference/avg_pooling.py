"""Mean pooling, which keeps the mean of each window of an image or a sequence, and its gradients.

Letters: N images, C channels, H W input rows and columns, P Q output rows and columns; small letters are
positions: n image, c channel, p q output pixel. g is the gradient of the loss with respect to y (`grad`).
"""

from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices
from ._images import Pair
from ._sliding import sequence_windows, windows_of
from ._windows import means, means_backward


def avg_pool2d(
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCHW",
    at: Indices | None = None,
) -> FloatArray:
    """The mean of each window.

    y[n, c, p, q] = (sum of x[n, c, i, j] over the pixels (i, j) of the image that lie in the window) / count,
    where count is the number of those pixels, and, if count_include_pad, of the padding's that lie in the window;
    what lies beyond the padding (ceil_mode) never counts. Windows, stride, padding, ceil_mode and shapes are those
    of max_pool2d.

    >>> avg_pool2d([[[[1, 2, 5, 0], [4, 3, 0, 6]]]], 2).tolist()
    [[[[2.5, 2.75]]]]
    """
    return means(windows_of("avg_pool2d", x, kernel_size, stride, padding, 1, ceil_mode, layout, count_include_pad), at)


def avg_pool2d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCHW",
) -> tuple[FloatArray]:
    """Gradient of avg_pool2d.

    In the forward pass this was: y[n, c, p, q] += x[n, c, i, j] / count for every pixel (i, j) of the window;
    so now: gx[n, c, i, j] += g[n, c, p, q] / count for the same pixels. Shapes: grad as y, gx as x.

    >>> avg_pool2d_backward([[[[4, 8]]]], [[[[1, 2, 5, 0], [4, 3, 0, 6]]]], 2)[0].tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """
    windows = windows_of(
        "avg_pool2d_backward", x, kernel_size, stride, padding, 1, ceil_mode, layout, count_include_pad
    )
    return means_backward("avg_pool2d", grad, windows)


def avg_pool1d(
    x: ArrayLike,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCW",
    at: Indices | None = None,
) -> FloatArray:
    """The mean of each window of a sequence.

    y[n, c, q] = (sum of x[n, c, j] over the positions j of the sequence that lie in the window) / count; windows,
    options and shapes are those of max_pool1d, count is that of avg_pool2d.

    >>> avg_pool1d([[[1, 2, 5, 0, 4]]], 2).tolist()
    [[[1.5, 2.5]]]
    """
    windows = sequence_windows("avg_pool1d", x, kernel_size, stride, padding, 1, ceil_mode, layout, count_include_pad)
    return means(windows, at)


def avg_pool1d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCW",
) -> tuple[FloatArray]:
    """Gradient of avg_pool1d.

    In the forward pass this was: y[n, c, q] += x[n, c, j] / count for every position j of the window; so now:
    gx[n, c, j] += g[n, c, q] / count for the same positions. Shapes: grad as y, gx as x.

    >>> avg_pool1d_backward([[[4, 8]]], [[[1, 2, 5, 0]]], 2)[0].tolist()
    [[[2.0, 2.0, 4.0, 4.0]]]
    """
    windows = sequence_windows(
        "avg_pool1d_backward", x, kernel_size, stride, padding, 1, ceil_mode, layout, count_include_pad
    )
    return means_backward("avg_pool1d", grad, windows)
