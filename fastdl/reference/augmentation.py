"""Images changed at random: what is done to a sample is a formula of (seed, step, node) and its number.

The random numbers are those of dropout (``mix``, ``random_key``, ``random_number``): k_i, 24 bits for each i. A sample
n of a batch has its own, so any number of threads makes the same images, and a step made once more makes them again.
Letters: x (N, ..., H, W) the images, y the result.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_float64, evaluate
from .dropout import _STRIDE, _WORD, mix, random_key, random_number


def random_crop(
    x: ArrayLike,
    size: int | Sequence[int],
    *,
    padding: int | Sequence[int] = 0,
    fill: float = 0.0,
    seed: int,
    step: int,
    node: int = 0,
    at: Indices | None = None,
) -> FloatArray:
    """A window (h, w) of each image at a random place, after a frame of (p, q) pixels was put around it.

    y[n, ..., i, j] = z[n, ..., i + a_n, j + b_n], where z is x in its frame of `fill`, a_n is a random integer from 0
    to H + 2 p - h, and b_n one from 0 to W + 2 q - w.

    >>> random_crop([[[0, 1, 2], [3, 4, 5], [6, 7, 8]]], 2, seed=0, step=0).tolist()
    [[[3.0, 4.0], [6.0, 7.0]]]
    """
    images = _images("random_crop", x)
    (h, w), (p, q) = _pair(size), _pair(padding)
    height, width = images.shape[-2:]
    if min(h, w) < 1 or min(p, q) < 0 or h > height + 2 * p or w > width + 2 * q:
        raise ValueError(f"random_crop: size {(h, w)} does not fit images {(height, width)} with padding {(p, q)}")
    key = random_key(seed, step, node)

    def element(index: Index) -> float:
        n, between, (i, j) = index[0], index[1:-2], index[-2:]
        row = i + math.floor(random_number(key, 2 * n) * (height + 2 * p - h + 1)) - p
        column = j + math.floor(random_number(key, 2 * n + 1) * (width + 2 * q - w + 1)) - q
        return _pixel(images[(n, *between)], row, column, fill)

    return evaluate(element, (*images.shape[:-2], h, w), at)


def random_shift(
    x: ArrayLike,
    pixels: int | Sequence[int],
    *,
    fill: float = 0.0,
    seed: int,
    step: int,
    node: int = 0,
    at: Indices | None = None,
) -> FloatArray:
    """Each image moved by at most (p, q) pixels; what comes in at the edges is `fill`.

    y[n, ..., i, j] = x[n, ..., i + a_n, j + b_n], a_n a random integer from -p to p, b_n one from -q to q.

    >>> random_shift([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], 1, seed=0, step=0).tolist()
    [[[4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [0.0, 0.0, 0.0]]]
    """
    size = _images("random_shift", x).shape[-2:]
    return random_crop(x, size, padding=pixels, fill=fill, seed=seed, step=step, node=node, at=at)


def random_flip(
    x: ArrayLike, p: float = 0.5, *, axis: int = -1, seed: int, step: int, node: int = 0, at: Indices | None = None
) -> FloatArray:
    """Each image mirrored with probability p: its columns (axis -1) or rows (axis -2) in the opposite order.

    >>> random_flip([[[0, 1, 2], [3, 4, 5]]], 1.0, seed=0, step=0).tolist()
    [[[2.0, 1.0, 0.0], [5.0, 4.0, 3.0]]]
    """
    images = _images("random_flip", x)
    if not 0 <= p <= 1 or axis not in (-1, -2):
        raise ValueError(f"random_flip: p is {p}, axis is {axis}; expected 0 <= p <= 1 and -1 or -2")
    key = random_key(seed, step, node)

    def element(index: Index) -> float:
        if random_number(key, index[0]) < p:
            place = list(index)
            place[axis] = images.shape[axis] - 1 - place[axis]
            index = tuple(place)
        return float(images[index])

    return evaluate(element, images.shape, at)


def random_rotate(
    x: ArrayLike,
    degrees: float,
    *,
    fill: float = 0.0,
    seed: int,
    step: int,
    node: int = 0,
    at: Indices | None = None,
) -> FloatArray:
    """Each image turned about its middle by a random angle from -degrees to degrees, anticlockwise if positive.

    The pixel (i, j) of the result is the image at the place to which (i, j) is turned back, which lies between four
    pixels, the uppermost left of them (top, left) and b below and r to the right of it:
    y = (1 - b) ((1 - r) x[top, left] + r x[top, left + 1]) + b ((1 - r) x[top + 1, left] + r x[top + 1, left + 1]).

    >>> random_rotate([[[1, 0, 0], [0, 1, 0], [0, 0, 1]]], 90, seed=0, step=0).round(2).tolist()
    [[[0.0, 0.04, 0.41], [0.38, 1.0, 0.38], [0.41, 0.04, 0.0]]]
    """
    images = _images("random_rotate", x)
    if not 0 <= degrees <= 180:
        raise ValueError(f"random_rotate: degrees is {degrees}; expected 0 <= degrees <= 180")
    key = random_key(seed, step, node)
    middle, centre = (images.shape[-2] - 1) / 2, (images.shape[-1] - 1) / 2

    def element(index: Index) -> float:
        n, between, (i, j) = index[0], index[1:-2], index[-2:]
        image, t = images[(n, *between)], np.float64((2 * random_number(key, n) - 1) * degrees) * math.pi / 180
        row = middle + np.cos(t) * (i - middle) + np.sin(t) * (j - centre)
        column = centre - np.sin(t) * (i - middle) + np.cos(t) * (j - centre)
        top, left = math.floor(row), math.floor(column)
        b, r = row - top, column - left
        upper = (1 - r) * _pixel(image, top, left, fill) + r * _pixel(image, top, left + 1, fill)
        lower = (1 - r) * _pixel(image, top + 1, left, fill) + r * _pixel(image, top + 1, left + 1, fill)
        return float((1 - b) * upper + b * lower)

    return evaluate(element, images.shape, at)


def random_noise(
    x: ArrayLike, std: float, *, seed: int, step: int, node: int = 0, at: Indices | None = None
) -> FloatArray:
    """Normal numbers with standard deviation `std` added: y_i = x_i + std sqrt(-2 ln u_i) cos(2 pi v_i).

    u_i in (0, 1] and v_i in [0, 1) are the upper 24 bits of the random number i, plus one, and the 24 below (Box and
    Muller, 1958).

    >>> random_noise([0, 0, 0, 0], 1.0, seed=0, step=0).round(3).tolist()
    [0.079, -1.122, 2.223, -0.133]
    """
    values = as_float64("random_noise", "x", x)
    if not 0 <= std < math.inf:
        raise ValueError(f"random_noise: std is {std}; expected a number >= 0")
    key = random_key(seed, step, node)

    def element(index: Index) -> float:
        i = 0  # the number of the element in C order
        for position, size in zip(index, values.shape, strict=True):
            i = i * size + position
        bits = mix((key + (i + 1) * _STRIDE) & _WORD)
        u, v = ((bits >> 40) + 1) / 2**24, (bits >> 16) % 2**24 / 2**24
        return float(values[index] + std * math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v))

    return evaluate(element, values.shape, at)


def _images(op: str, x: ArrayLike) -> FloatArray:
    images = as_float64(op, "x", x)
    if images.ndim < 3:
        raise ValueError(f"{op}: x is {images.shape}; expected images (N, ..., H, W)")
    return images


def _pixel(image: FloatArray, row: int, column: int, fill: float) -> float:
    inside = 0 <= row < image.shape[0] and 0 <= column < image.shape[1]
    return float(image[row, column]) if inside else fill


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    first, second = np.broadcast_to(value, 2).tolist()
    return first, second
