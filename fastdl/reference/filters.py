"""Filtering an image with one kernel (a correlation: the kernel is not flipped), and its gradients.

Letters: H W rows and columns of the image, C channels, U V rows and columns of the kernel; small letters are
positions: i j pixel, c channel, u v kernel pixel. g is the gradient of the loss with respect to y (the
argument `grad`).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_float64, as_grad, evaluate, quiet


def filter2d(
    image: ArrayLike, kernel: ArrayLike, *, border: str = "reflect101", at: Indices | None = None
) -> FloatArray:
    """Every pixel becomes the weighted sum of those around it.

    y[i, j, c] = sum_{u, v} kernel[u, v] image[i + u - U//2, j + v - V//2, c]; and in border "valid", where the result
    has only the (H - U + 1, W - V + 1) pixels whose window fits in, image[i + u, j + v, c].
    What stands outside the image, here for the row abcdefgh::

        "reflect101"  gfedcb|abcdefgh|gfedcba
        "reflect"     fedcba|abcdefgh|hgfedcb
        "nearest"     aaaaaa|abcdefgh|hhhhhhh
        "constant"    000000|abcdefgh|0000000

    Shapes: image (H, W) or (H, W, C), kernel (U, V), y as the image.

    >>> filter2d([[1, 2, 4, 8]], [[1, 10, 100]]).tolist()
    [[212.0, 421.0, 842.0, 484.0]]
    """
    pixels, weights, shape = _prepare("filter2d", image, kernel, border)

    def element(index: Index) -> float:
        total = 0.0
        for u, v, place in _window(index, pixels.shape, weights.shape, border):
            total += float(weights[u, v]) * (0.0 if place is None else float(pixels[place]))
        return total

    return evaluate(element, shape, at)


def filter2d_backward(
    grad: ArrayLike, image: ArrayLike, kernel: ArrayLike, *, border: str = "reflect101"
) -> tuple[FloatArray, FloatArray]:
    """Gradients of filter2d with respect to image and kernel.

    In the forward pass this was: y[i, j, c] += kernel[u, v] image[k, l, c] for all positions where pixel (k, l)
    stands below kernel pixel (u, v), and may do so several times at the border; so now, over the same positions:
    gimage[k, l, c] += kernel[u, v] g[i, j, c];  gkernel[u, v] += image[k, l, c] g[i, j, c].

    >>> gimage, gkernel = filter2d_backward([[1, 0, 0, 0]], [[1, 2, 4, 8]], [[1, 10, 100]])
    >>> gimage.tolist(), gkernel.tolist()
    ([[10.0, 101.0, 0.0, 0.0]], [[2.0, 1.0, 2.0]])
    """
    pixels, weights, shape = _prepare("filter2d_backward", image, kernel, border)
    g = as_grad("filter2d", grad, shape)
    gimage, gkernel = np.zeros(pixels.shape), np.zeros(weights.shape)
    with quiet():
        for index in np.ndindex(*shape):
            for u, v, place in _window(index, pixels.shape, weights.shape, border):
                gkernel[u, v] += (0.0 if place is None else pixels[place]) * g[index]
                if place is not None:
                    gimage[place] += weights[u, v] * g[index]
    return gimage, gkernel


def _window(index: Index, image: Index, kernel: Index, border: str) -> Iterator[tuple[int, int, Index | None]]:
    """Each kernel pixel with the pixel below it when the kernel stands at `index`; None where that is a zero."""
    i, j, *channel = index
    up, left = (0, 0) if border == "valid" else (kernel[0] // 2, kernel[1] // 2)
    for u in range(kernel[0]):
        for v in range(kernel[1]):
            row = _stand_in(i + u - up, image[0], border)
            column = _stand_in(j + v - left, image[1], border)
            yield u, v, None if row is None or column is None else (row, column, *channel)


def _stand_in(k: int, n: int, border: str) -> int | None:
    """The pixel that stands at place k of a row of n pixels; mirrors are looked into until one shows a pixel."""
    if border in ("constant", "valid"):
        return k if 0 <= k < n else None
    if border == "nearest" or n == 1:
        return min(max(k, 0), n - 1)
    edge = 1 if border == "reflect" else 0  # whether the mirror shows the pixel at the edge once more
    while not 0 <= k < n:
        k = -k - edge if k < 0 else 2 * (n - 1) - k + edge
    return k


def _prepare(op: str, image: ArrayLike, kernel: ArrayLike, border: str) -> tuple[FloatArray, FloatArray, Index]:
    """Both as arrays, and the shape of the result."""
    pixels, weights = as_float64(op, "image", image), as_float64(op, "kernel", kernel)
    if border not in ("reflect101", "reflect", "nearest", "constant", "valid"):
        raise ValueError(
            f'{op}: border is {border!r}; expected "reflect101", "reflect", "nearest", "constant" or "valid"'
        )
    if pixels.ndim not in (2, 3) or 0 in pixels.shape[:2]:
        raise ValueError(f"{op}: image is {pixels.shape}; expected (H, W) or (H, W, C), one pixel at least")
    if weights.ndim != 2 or weights.size == 0:
        raise ValueError(f"{op}: kernel is {weights.shape}; expected (kh, kw), one tap at least")
    if border != "valid":
        return pixels, weights, pixels.shape
    h, w, *channels = pixels.shape
    rows, columns = h - weights.shape[0] + 1, w - weights.shape[1] + 1
    if min(rows, columns) < 1:
        raise ValueError(f"{op}: kernel is {weights.shape}, image is {pixels.shape}; expected a kernel that fits in")
    return pixels, weights, (rows, columns, *channels)
