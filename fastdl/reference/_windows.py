"""Pooling windows, whatever they are: those that slide and those that share out an image; maximum, mean, gradients.

Letters: N images, C channels, H W input rows and columns, P Q output rows and columns; small letters are
positions: n image, c channel, p q output pixel. g is the gradient of the loss with respect to y (`grad`).
Sequences, in layout "NCW" or "NWC", are images of one row.
"""

import operator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_grad, evaluate, quiet


class Windows(NamedTuple):
    """Images with their windows: window (p, q) is made of the rows[p] and the columns[q] of its image."""

    images: FloatArray  # (N, C, H, W)
    rows: list[list[int]]
    columns: list[list[int]]
    row_counts: list[int]  # what a mean divides by is row_counts[p] * column_counts[q]
    column_counts: list[int]
    layout: str

    @property
    def output_shape(self) -> Index:
        """The shape of the result in the caller's layout."""
        n, c = self.images.shape[:2]
        p, q = len(self.rows), len(self.columns)
        return {"NCHW": (n, c, p, q), "NHWC": (n, p, q, c), "NCW": (n, c, q), "NWC": (n, q, c)}[self.layout]

    def place(self, index: Index) -> tuple[int, int, int, int]:
        """The (n, c, p, q) of an index into the result."""
        found = dict(zip(self.layout, index, strict=True))
        return found["N"], found["C"], found.get("H", 0), found["W"]

    def pixels(self, p: int, q: int) -> list[tuple[int, int]]:
        """The pixels of a window, row by row."""
        return [(i, j) for i in self.rows[p] for j in self.columns[q]]

    def back(self, gradient: FloatArray) -> FloatArray:
        """A gradient of the images in the caller's layout."""
        n, c, h, w = gradient.shape
        if self.layout in ("NHWC", "NWC"):
            gradient = gradient.transpose(0, 2, 3, 1)
        shapes = {"NCHW": (n, c, h, w), "NHWC": (n, h, w, c), "NCW": (n, c, w), "NWC": (n, w, c)}
        return np.ascontiguousarray(gradient).reshape(shapes[self.layout])


def sliding(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> tuple[list[list[int]], list[int]]:
    """For each window along an axis its positions in the image, and how many with those in the padding.

    A window starts every `stride` positions, from -padding on. There are as many as fit into the padded image;
    with ceil_mode, one that sticks out is one more, if it starts in the image or in the padding before it. What
    sticks out does not count.
    """
    windows, counts = [], []
    reach = dilation * (kernel - 1) + 1
    start = -padding
    while start + reach <= size + padding or (ceil_mode and start < size):
        positions = range(start, start + reach, dilation)
        windows.append([i for i in positions if 0 <= i < size])
        counts.append(len([i for i in positions if i < size + padding]))
        if start + reach >= size + padding:
            break
        start += stride
    return windows, counts


def shared_out(size: int, outputs: int) -> list[list[int]]:
    """The positions of each of `outputs` windows: from floor(p size / outputs) up to ceil((p + 1) size / outputs)."""
    return [list(range(p * size // outputs, -((-(p + 1) * size) // outputs))) for p in range(outputs)]


def check_sizes(op: str, output_size: object, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The output sizes that are meant by one number or by one entry an axis, in which None keeps the size."""
    entries = output_size if isinstance(output_size, tuple | list) else [output_size] * len(sizes)
    try:
        found = tuple(n if e is None else operator.index(e) for e, n in zip(entries, sizes, strict=True))
    except (TypeError, ValueError):
        raise ValueError(f"{op}: output_size is {output_size!r}; expected an integer or None for each axis") from None
    if min(found) < 1:
        raise ValueError(f"{op}: output_size is {output_size!r}, x has {sizes}; expected at least 1")
    return found


def largest(windows: Windows, at: Indices | None) -> FloatArray:
    """y[n, c, p, q] = max of x[n, c, i, j] over the pixels (i, j) of the window; NaN if there is a NaN."""

    def element(index: Index) -> float:
        n, c, p, q = windows.place(index)
        return float(np.max([windows.images[n, c, i, j] for i, j in windows.pixels(p, q)]))

    return evaluate(element, windows.output_shape, at)


def largest_backward(op: str, grad: ArrayLike, windows: Windows) -> tuple[FloatArray]:
    """gx[n, c, i, j] += g[n, c, p, q] for the first largest pixel (i, j) of each window, or its first NaN."""
    g = as_grad(op, grad, windows.output_shape)
    gx = np.zeros(windows.images.shape)
    for index in np.ndindex(*g.shape):
        n, c, p, q = windows.place(index)
        pixels = windows.pixels(p, q)
        i, j = pixels[int(np.argmax([windows.images[n, c, i, j] for i, j in pixels]))]
        gx[n, c, i, j] += g[index]
    return (windows.back(gx),)


def means(windows: Windows, at: Indices | None) -> FloatArray:
    """y[n, c, p, q] = sum of x[n, c, i, j] over the pixels (i, j) of the window / count."""

    def element(index: Index) -> float:
        n, c, p, q = windows.place(index)
        total = np.sum([windows.images[n, c, i, j] for i, j in windows.pixels(p, q)])
        return float(total / (windows.row_counts[p] * windows.column_counts[q]))

    return evaluate(element, windows.output_shape, at)


def means_backward(op: str, grad: ArrayLike, windows: Windows) -> tuple[FloatArray]:
    """gx[n, c, i, j] += g[n, c, p, q] / count for every pixel (i, j) of each window."""
    g = as_grad(op, grad, windows.output_shape)
    gx = np.zeros(windows.images.shape)
    with quiet():
        for index in np.ndindex(*g.shape):
            n, c, p, q = windows.place(index)
            for i, j in windows.pixels(p, q):
                gx[n, c, i, j] += g[index] / (windows.row_counts[p] * windows.column_counts[q])
    return (windows.back(gx),)
