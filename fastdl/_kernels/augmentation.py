"""Images changed at random, a batch at a time: shifted, cropped, flipped, rotated, noisy.

Letters: a batch x (samples, planes, H, W), its result y (samples, planes, h, w). The random numbers of a sample are a
function of (seed, step, node, sample), those of noise of the element's number, as for dropout. A cell is a plane.
"""

import numpy as np

from .block import from_bits, integer, integers, number, pointer, real, shift
from .compiler import in_order, inline
from .dropout import mix
from .vector_math import log
from .vector_sin import cos, sin

_STRIDE = np.uint64(0x9E3779B97F4A7C15)
_16, _24, _40, _LOW = np.uint64(16), np.uint64(24), np.uint64(40), np.uint64(2**24 - 1)
_TURN, _PART = 6.283185307179586, 2.0**-24


@inline
def _key(args, first):  # type: ignore[no-untyped-def]
    """Slots first, first + 1: seed, step (pointers), first + 2: node."""
    seed, step = np.uint64(integers(args, first)[0]), np.uint64(integers(args, first + 1)[0])
    return mix(mix(mix(seed) + step) + np.uint64(integer(args, first + 2)))


@inline
def _bits(key, i):  # type: ignore[no-untyped-def]
    """24 random bits, number i."""
    return mix(key + np.uint64(i + 1) * _STRIDE) >> _40


@inline
def _below(key, i, count):  # type: ignore[no-untyped-def]
    """A random integer from 0 to count - 1, number i."""
    return np.int64((_bits(key, i) * np.uint64(count)) >> _24)


def crop(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """A window of h x w of x with a frame of ``fill`` around it, at a random place.

    Slots: y, x, 2-4 key, planes, H, W, h, w, rows and columns of the frame at each side, fill.
    """
    y, x = pointer(args, 0), pointer(args, 1)
    planes, height, width = integer(args, 5), integer(args, 6), integer(args, 7)
    rows, columns, above, left = integer(args, 8), integer(args, 9), integer(args, 10), integer(args, 11)
    fill, key = real(args, 12), _key(args, 2)
    for cell in range(lo, hi):
        sample = cell // planes
        top = _below(key, 2 * sample, height + 2 * above - rows + 1) - above
        start = _below(key, 2 * sample + 1, width + 2 * left - columns + 1) - left
        first = min(columns, max(0, -start))
        last = max(first, min(columns, width - start))
        for i in range(rows):
            to = shift(y, (cell * rows + i) * columns)
            source = shift(x, (cell * height + top + i) * width + start)
            if top + i < 0 or top + i >= height:
                for j in range(columns):
                    to[j] = fill
            else:
                for j in range(first):
                    to[j] = fill
                for j in range(first, last):
                    to[j] = source[j]
                for j in range(last, columns):
                    to[j] = fill


def flip(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Rows or columns in the opposite order, in some samples.

    Slots: y, x, 2-4 key, planes, H, W, whether rows change places, threshold.
    """
    y, x = pointer(args, 0), pointer(args, 1)
    planes, height, width = integer(args, 5), integer(args, 6), integer(args, 7)
    upside_down, threshold, key = integer(args, 8), np.uint64(integer(args, 9)), _key(args, 2)
    for cell in range(lo, hi):
        flipped = _bits(key, cell // planes) < threshold
        for i in range(height):
            row = height - 1 - i if flipped and upside_down else i
            to, source = shift(y, (cell * height + i) * width), shift(x, (cell * height + row) * width)
            if flipped and not upside_down:
                for j in range(width):
                    to[j] = source[width - 1 - j]
            else:
                for j in range(width):
                    to[j] = source[j]


@inline
def _pixel(x, row, column, height, width, fill):  # type: ignore[no-untyped-def]
    """A pixel of a plane, or ``fill`` beside it. The load is of a pixel in any case, so that loops need no branch."""
    value = x[min(max(row, 0), height - 1) * width + min(max(column, 0), width - 1)]
    return value if row >= 0 and row < height and column >= 0 and column < width else fill


@in_order
def _along(start, slope, distance):  # type: ignore[no-untyped-def]
    return start + slope * distance


@in_order
def _between(one, part, a, b):  # type: ignore[no-untyped-def]
    """In this order: a - part a + part b, which is the same in exact arithmetic, is NaN where a is infinite."""
    return (one - part) * a + part * b


@in_order
def _inside(start, slope, centre, size, first, last):  # type: ignore[no-untyped-def]
    """The part of first <= j < last for which 0 <= start + slope (j - centre) < size - 1, or all but its ends."""
    if slope == 0.0:
        return (first, last) if start >= 0.0 and start < size - 1 else (first, first)
    a, b = (0.0 - start) / slope + centre, (size - 1 - start) / slope + centre
    low, high = min(max(min(a, b), -2.0), 2.0**31), min(max(max(a, b), -2.0), 2.0**31)
    begin = min(max(first, np.int64(low) + 2), last)  # rounding may put one pixel on either side
    return begin, max(begin, min(last, np.int64(high) - 1))


@inline
def _turned(args, plane, row_start, column_start, s, c, distance, height, width, fill):  # type: ignore[no-untyped-def]
    """A pixel whose neighbours may lie beside the image."""
    v, w, one = _along(row_start, s, distance), _along(column_start, c, distance), number(args, 1.0)
    row, column = np.int64(np.int32(v)), np.int64(np.int32(w))  # towards zero
    row -= v < row
    column -= w < column
    b, r = number(args, v - row), number(args, w - column)
    upper = _pixel(plane, row, column, height, width, fill)
    lower = _pixel(plane, row + 1, column, height, width, fill)
    upper = _between(one, r, upper, _pixel(plane, row, column + 1, height, width, fill))
    lower = _between(one, r, lower, _pixel(plane, row + 1, column + 1, height, width, fill))
    return _between(one, b, upper, lower)


def rotate(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Each plane turned about its middle by a random angle, between the pixels linearly.

    Slots: y, x, 2-4 key, planes, H, W, degrees, fill. Places are computed in float64: at the far end of an image in
    float32 they would be off by 1e-5 of a pixel.
    """
    y, x = pointer(args, 0), pointer(args, 1)
    planes, height, width = integer(args, 5), integer(args, 6), integer(args, 7)
    degrees, fill, key = from_bits(1.0, integer(args, 8)), real(args, 9), _key(args, 2)
    middle, centre, one = 0.5 * (height - 1), 0.5 * (width - 1), number(args, 1.0)
    for cell in range(lo, hi):
        u = np.float64(np.int64(_bits(key, cell // planes))) * _PART
        angle = (2.0 * u - 1.0) * degrees * np.pi / 180.0
        c, s = cos(angle), sin(angle)
        plane = shift(x, cell * height * width)
        for i in range(height):
            to = shift(y, (cell * height + i) * width)
            row_start, column_start = _along(middle, c, i - middle), _along(centre, -s, i - middle)
            first, last = _inside(row_start, s, centre, height, 0, width)
            first, last = _inside(column_start, c, centre, width, first, last)
            for j in range(first):
                to[j] = _turned(args, plane, row_start, column_start, s, c, j - centre, height, width, fill)
            for j in range(first, last):
                v, w = _along(row_start, s, j - centre), _along(column_start, c, j - centre)
                row, column = np.int32(v), np.int32(w)
                b, r = number(args, v - row), number(args, w - column)
                at = np.int64(row) * width + column
                upper = _between(one, r, plane[at], plane[at + 1])
                lower = _between(one, r, plane[at + width], plane[at + width + 1])
                to[j] = _between(one, b, upper, lower)
            for j in range(last, width):
                to[j] = _turned(args, plane, row_start, column_start, s, c, j - centre, height, width, fill)


def noise(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = x + std z, z normal (Box and Muller). Slots: y, x, 2-4 key, n, std. Cells of 4096 elements; y may be x.

    z is computed in float64, where its logarithm and cosine cost little more than its random bits.
    """
    y, x, n, key = pointer(args, 0), pointer(args, 1), integer(args, 5), _key(args, 2)
    std = from_bits(1.0, integer(args, 6))
    for i in range(lo * 4096, min(n, hi * 4096)):
        bits = mix(key + np.uint64(i + 1) * _STRIDE)
        u = np.float64(np.int32(bits >> _40) + np.int32(1)) * _PART
        turn = np.float64(np.int32((bits >> _16) & _LOW)) * _PART
        z = np.sqrt(-2.0 * log(u)) * cos(_TURN * turn)
        y[i] = x[i] + number(args, std * z)
