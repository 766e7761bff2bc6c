"""Pooling to a given size, with windows that share out the image or the sequence, and its gradients.

Letters: N images, C channels, H W input rows and columns, P Q output rows and columns; small letters are
positions: n image, c channel, p q output pixel. g is the gradient of the loss with respect to y (`grad`).
Window p of P spans the rows from floor(p H / P) up to, without it, ceil((p + 1) H / P), as in PyTorch.
"""

from collections.abc import Sequence

from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices
from ._images import IMAGES, SEQUENCES, as_images
from ._windows import Windows, check_sizes, largest, largest_backward, means, means_backward, shared_out

Sizes = int | Sequence[int | None] | None


def adaptive_avg_pool2d(
    x: ArrayLike, output_size: Sizes, *, layout: str = "NCHW", at: Indices | None = None
) -> FloatArray:
    """The mean of each of P x Q windows that share out the image.

    y[n, c, p, q] = mean of x[n, c, i, j] over every pixel (i, j) of the window.
    output_size is P = Q, or (P, Q), in which None keeps the size.
    Shapes in layout "NCHW": x (N, C, H, W), y (N, C, P, Q); in layout "NHWC": x (N, H, W, C), y (N, P, Q, C).

    >>> adaptive_avg_pool2d([[[[1, 2, 6], [3, 4, 0]]]], (1, 2)).tolist()
    [[[[2.5, 3.0]]]]
    """
    return means(_windows("adaptive_avg_pool2d", x, output_size, layout), at)


def adaptive_avg_pool2d_backward(
    grad: ArrayLike, x: ArrayLike, output_size: Sizes, *, layout: str = "NCHW"
) -> tuple[FloatArray]:
    """Gradient of adaptive_avg_pool2d.

    In the forward pass this was: y[n, c, p, q] += x[n, c, i, j] / count for every pixel (i, j) of the window; so now:
    gx[n, c, i, j] += g[n, c, p, q] / count for the same ones.

    >>> adaptive_avg_pool2d_backward([[[[4, 8]]]], [[[[1, 2, 6], [3, 4, 0]]]], (1, 2))[0].tolist()
    [[[[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]]]]
    """
    return means_backward("adaptive_avg_pool2d", grad, _windows("adaptive_avg_pool2d_backward", x, output_size, layout))


def adaptive_avg_pool1d(
    x: ArrayLike, output_size: int | None, *, layout: str = "NCW", at: Indices | None = None
) -> FloatArray:
    """The mean of each of Q windows that share out the sequence.

    y[n, c, q] = mean of x[n, c, j] over every position j of the window.
    output_size is Q; None keeps the size.
    Shapes in layout "NCW": x (N, C, W), y (N, C, Q); in layout "NWC": x (N, W, C), y (N, Q, C).

    >>> adaptive_avg_pool1d([[[1, 2, 6]]], 2).tolist()
    [[[1.5, 4.0]]]
    """
    return means(_windows("adaptive_avg_pool1d", x, output_size, layout), at)


def adaptive_avg_pool1d_backward(
    grad: ArrayLike, x: ArrayLike, output_size: int | None, *, layout: str = "NCW"
) -> tuple[FloatArray]:
    """Gradient of adaptive_avg_pool1d.

    In the forward pass this was: y[n, c, q] += x[n, c, j] / count for every position j of the window; so now:
    gx[n, c, j] += g[n, c, q] / count for the same ones.

    >>> adaptive_avg_pool1d_backward([[[4, 8]]], [[[1, 2, 6]]], 2)[0].tolist()
    [[[2.0, 6.0, 4.0]]]
    """
    return means_backward("adaptive_avg_pool1d", grad, _windows("adaptive_avg_pool1d_backward", x, output_size, layout))


def adaptive_max_pool2d(
    x: ArrayLike, output_size: Sizes, *, layout: str = "NCHW", at: Indices | None = None
) -> FloatArray:
    """The largest number of each of P x Q windows that share out the image.

    y[n, c, p, q] = max of x[n, c, i, j] over every pixel (i, j) of the window; a NaN makes it NaN.
    output_size is P = Q, or (P, Q), in which None keeps the size.
    Shapes in layout "NCHW": x (N, C, H, W), y (N, C, P, Q); in layout "NHWC": x (N, H, W, C), y (N, P, Q, C).

    >>> adaptive_max_pool2d([[[[1, 2, 6], [3, 4, 0]]]], (1, 2)).tolist()
    [[[[4.0, 6.0]]]]
    """
    return largest(_windows("adaptive_max_pool2d", x, output_size, layout), at)


def adaptive_max_pool2d_backward(
    grad: ArrayLike, x: ArrayLike, output_size: Sizes, *, layout: str = "NCHW"
) -> tuple[FloatArray]:
    """Gradient of adaptive_max_pool2d.

    In the forward pass this was: y[n, c, p, q] = x[n, c, i, j] for the first largest pixel (i, j) of the window;
    so now: gx[n, c, i, j] += g[n, c, p, q].

    >>> adaptive_max_pool2d_backward([[[[4, 8]]]], [[[[1, 2, 6], [3, 4, 0]]]], (1, 2))[0].tolist()
    [[[[0.0, 0.0, 8.0], [0.0, 4.0, 0.0]]]]
    """
    return largest_backward(
        "adaptive_max_pool2d", grad, _windows("adaptive_max_pool2d_backward", x, output_size, layout)
    )


def adaptive_max_pool1d(
    x: ArrayLike, output_size: int | None, *, layout: str = "NCW", at: Indices | None = None
) -> FloatArray:
    """The largest number of each of Q windows that share out the sequence.

    y[n, c, q] = max of x[n, c, j] over every position j of the window; a NaN makes it NaN.
    output_size is Q; None keeps the size.
    Shapes in layout "NCW": x (N, C, W), y (N, C, Q); in layout "NWC": x (N, W, C), y (N, Q, C).

    >>> adaptive_max_pool1d([[[1, 2, 6]]], 2).tolist()
    [[[2.0, 6.0]]]
    """
    return largest(_windows("adaptive_max_pool1d", x, output_size, layout), at)


def adaptive_max_pool1d_backward(
    grad: ArrayLike, x: ArrayLike, output_size: int | None, *, layout: str = "NCW"
) -> tuple[FloatArray]:
    """Gradient of adaptive_max_pool1d.

    In the forward pass this was: y[n, c, q] = x[n, c, j] for the first largest position j of the window; so now:
    gx[n, c, j] += g[n, c, q].

    >>> adaptive_max_pool1d_backward([[[4, 8]]], [[[1, 2, 6]]], 2)[0].tolist()
    [[[0.0, 4.0, 8.0]]]
    """
    return largest_backward(
        "adaptive_max_pool1d", grad, _windows("adaptive_max_pool1d_backward", x, output_size, layout)
    )


def _windows(op: str, x: ArrayLike, output_size: Sizes, layout: str) -> Windows:
    one_row = "1d" in op
    images = as_images(op, x, layout, SEQUENCES if one_row else IMAGES)
    height, width = images.shape[2:]
    if height * width == 0:
        raise ValueError(f"{op}: x has {height} x {width} pixels; expected at least one")
    sizes = check_sizes(op, output_size, (width,) if one_row else (height, width))
    rows, columns = shared_out(height, 1 if one_row else sizes[0]), shared_out(width, sizes[-1])
    return Windows(images, rows, columns, [len(r) for r in rows], [len(c) for c in columns], layout)
