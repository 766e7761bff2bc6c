"""Max pooling, which keeps the largest number of each window of an image or a sequence, and its gradients.

Letters: N images, C channels, H W input rows and columns, P Q output rows and columns; small letters are
positions: n image, c channel, p q output pixel. g is the gradient of the loss with respect to y (`grad`).
"""

from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices
from ._images import Pair
from ._sliding import sequence_windows, windows_of
from ._windows import largest, largest_backward


def max_pool2d(
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    layout: str = "NCHW",
    at: Indices | None = None,
) -> FloatArray:
    """The largest pixel of each window.

    y[n, c, p, q] = max of x[n, c, i, j] over the pixels (i, j) of the image that lie in the window: its rows are
    i = p*stride - padding + u*dilation for u < kernel_size, the columns alike.
    A NaN in the window makes y NaN. The padding (at most half of what the kernel reaches over) counts as -inf: it
    never wins. stride is the kernel_size if it is None.
    Output rows: P = floor((H + 2*padding - dilation*(kernel_size - 1) - 1) / stride) + 1, rounded up with ceil_mode
    if the last window then starts in the image or in the padding before it; columns alike.
    Shapes in layout "NCHW": x (N, C, H, W), y (N, C, P, Q); in layout "NHWC": x (N, H, W, C), y (N, P, Q, C).

    >>> max_pool2d([[[[1, 2, 5, 0], [4, 3, 0, 6]]]], 2).tolist()
    [[[[4.0, 6.0]]]]
    """
    windows = windows_of("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    return largest(windows, at)


def max_pool2d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    layout: str = "NCHW",
) -> tuple[FloatArray]:
    """Gradient of max_pool2d.

    In the forward pass this was: y[n, c, p, q] = x[n, c, i, j], where (i, j) is the largest pixel of the
    window; so now: gx[n, c, i, j] += g[n, c, p, q]. Among equal pixels (i, j) is the first one, row by row;
    a NaN counts as the largest. Shapes: grad as y, gx as x.

    >>> max_pool2d_backward([[[[7, 8]]]], [[[[1, 2, 5, 0], [4, 3, 0, 6]]]], 2)[0].tolist()
    [[[[0.0, 0.0, 0.0, 0.0], [7.0, 0.0, 0.0, 8.0]]]]
    """
    windows = windows_of("max_pool2d_backward", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    return largest_backward("max_pool2d", grad, windows)


def max_pool1d(
    x: ArrayLike,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
    layout: str = "NCW",
    at: Indices | None = None,
) -> FloatArray:
    """The largest number of each window of a sequence.

    y[n, c, q] = max of x[n, c, j] over the positions j = q*stride - padding + v*dilation, v < kernel_size, of the
    sequence. Sizes and options are those of max_pool2d for columns.
    Shapes in layout "NCW": x (N, C, W), y (N, C, Q); in layout "NWC": x (N, W, C), y (N, Q, C).

    >>> max_pool1d([[[1, 2, 5, 0, 4]]], 2, ceil_mode=True).tolist()
    [[[2.0, 5.0, 4.0]]]
    """
    windows = sequence_windows("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    return largest(windows, at)


def max_pool1d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
    layout: str = "NCW",
) -> tuple[FloatArray]:
    """Gradient of max_pool1d.

    In the forward pass this was: y[n, c, q] = x[n, c, j], where j is the position of the window's largest number;
    so now: gx[n, c, j] += g[n, c, q]. Among equal numbers j is the first. Shapes: grad as y, gx as x.

    >>> max_pool1d_backward([[[7, 8]]], [[[1, 2, 5, 0]]], 2)[0].tolist()
    [[[0.0, 7.0, 8.0, 0.0]]]
    """
    windows = sequence_windows("max_pool1d_backward", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    return largest_backward("max_pool1d", grad, windows)
