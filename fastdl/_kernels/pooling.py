"""Pooling: the maximum or the mean of each window of an image, and its gradients.

Letters: H x W pixels of a plane (one channel of one image), P x Q windows, U x V pixels of a window. A cell is a plane.
The sizes of all kernels here are one table: H, W, P, Q, U, V, stride (2), padding above and left, and for means whether
the padding counts.
"""

from .block import integer, integers, number, pointer, shift, stack, stack_integers
from .compiler import merge


@merge
def _takes(value, best):  # type: ignore[no-untyped-def]
    """Whether ``value`` displaces ``best``: it is larger, or the first NaN."""
    return (value > best) | ((value != value) & (best == best))


@merge
def _pairs(best, place, y, index, x, rows, columns, height, width, readable):  # type: ignore[no-untyped-def]
    """Windows of 2 x 2 side by side: selections without branches, so that the loop is vectorised.

    It goes in steps of 8 windows, beyond the end of a row where ``readable`` pixels of x and the plane of y allow it;
    what it writes there, the next row overwrites.
    """
    for p in range(rows):
        for first in range(0, columns, 256):
            n = min(256, columns - first)
            corner = 2 * p * width + 2 * first
            above, below = shift(x, corner), shift(x, corner + width)
            whole = (n + 7) // 8 * 8
            if corner + width + 2 * whole > readable:
                whole = n
            for q in range(whole):
                a, b, c, d = above[2 * q], above[2 * q + 1], below[2 * q], below[2 * q + 1]
                at = corner + 2 * q
                right = _takes(b, a)
                value, where = b if right else a, at + 1 if right else at
                down = _takes(c, value)
                value, where = c if down else value, at + width if down else where
                last = _takes(d, value)
                best[q] = d if last else value
                place[q] = at + width + 1 if last else where
            target, target_index = shift(y, p * columns + first), shift(index, p * columns + first)
            if p * columns + first + whole > rows * columns:
                whole = n
            for q in range(whole):
                target[q] = best[q]
            for q in range(whole):
                target_index[q] = place[q]


def max_pool2d(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, index of the pixel taken (row * W + column), x, sizes, planes."""
    sizes, planes = integers(args, 3), integer(args, 4)
    height, width, rows, columns = sizes[0], sizes[1], sizes[2], sizes[3]
    taps_h, taps_w, stride_h, stride_w, top, left = sizes[4], sizes[5], sizes[6], sizes[7], sizes[8], sizes[9]
    best, place = stack(args, 256), stack_integers(args, 256)
    pairs = taps_h == 2 and taps_w == 2 and stride_h == 2 and stride_w == 2 and top == 0 and left == 0
    for cell in range(lo, hi):
        x = shift(pointer(args, 2), cell * height * width)
        y, index = shift(pointer(args, 0), cell * rows * columns), shift(integers(args, 1), cell * rows * columns)
        if pairs:
            _pairs(best, place, y, index, x, rows, columns, height, width, (planes - cell) * height * width)
            continue
        for p in range(rows):
            above, below = max(0, p * stride_h - top), min(height, p * stride_h - top + taps_h)
            for first in range(0, columns, 256):
                n = min(256, columns - first)
                for q in range(n):
                    place[q] = -1
                # Pixel by pixel of the windows, for all windows of the row: the inner loop is vectorised.
                for i in range(above, below):
                    for v in range(taps_w):
                        start = first * stride_w + v - left  # the column of the first window's pixel
                        stop = min(n, (width - 1 - start) // stride_w + 1)
                        source = shift(x, i * width + start)
                        for q in range(max(0, -(start // stride_w)), stop):
                            value = source[q * stride_w]
                            takes = (place[q] < 0) | _takes(value, best[q])
                            best[q] = value if takes else best[q]
                            place[q] = i * width + start + q * stride_w if takes else place[q]
                target, target_index = shift(y, p * columns + first), shift(index, p * columns + first)
                for q in range(n):
                    target[q] = best[q]
                for q in range(n):
                    target_index[q] = place[q]


def max_pool2d_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dx[index] += g. Slots: dx, g, index, H W, P Q, status, the code for an index outside the plane."""
    pixels, windows = integer(args, 3), integer(args, 4)
    for cell in range(lo, hi):
        dx, g = shift(pointer(args, 0), cell * pixels), shift(pointer(args, 1), cell * windows)
        index = shift(integers(args, 2), cell * windows)
        for i in range(pixels):
            dx[i] = number(args, 0)
        for i in range(windows):
            if 0 <= index[i] < pixels:
                dx[index[i]] += g[i]
            else:
                integers(args, 5)[0] = integer(args, 6)


def max_pool2d_gather(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = x[index]. Slots: y, x, index, H W, P Q, status, the code for an index outside the plane."""
    pixels, windows = integer(args, 3), integer(args, 4)
    for cell in range(lo, hi):
        y, x = shift(pointer(args, 0), cell * windows), shift(pointer(args, 1), cell * pixels)
        index = shift(integers(args, 2), cell * windows)
        for i in range(windows):
            inside = 0 <= index[i] < pixels
            y[i] = x[index[i]] if inside else number(args, 0)
            if not inside:
                integers(args, 5)[0] = integer(args, 6)


@merge
def _pixels(args, count, all_pixels, counts_padding):  # type: ignore[no-untyped-def]
    """What the sum of a window is divided by, as a number of the kernel's type."""
    return number(args, all_pixels if counts_padding else count)


def avg_pool2d(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, x, sizes, worker scratch of W numbers and its stride."""
    sizes, sums = integers(args, 2), shift(pointer(args, 3), worker * integer(args, 4))
    height, width, rows, columns = sizes[0], sizes[1], sizes[2], sizes[3]
    taps_h, taps_w, stride_h, stride_w, top, left = sizes[4], sizes[5], sizes[6], sizes[7], sizes[8], sizes[9]
    for cell in range(lo, hi):
        y, x = shift(pointer(args, 0), cell * rows * columns), shift(pointer(args, 1), cell * height * width)
        for p in range(rows):
            above, below = max(0, p * stride_h - top), min(height, p * stride_h - top + taps_h)
            # First down the columns, which are shared by the windows of a row and vectorised.
            for j in range(width):
                sums[j] = x[above * width + j]
            for i in range(above + 1, below):
                source = shift(x, i * width)
                for j in range(width):
                    sums[j] += source[j]
            for q in range(columns):
                start, stop = max(0, q * stride_w - left), min(width, q * stride_w - left + taps_w)
                total = number(args, 0)
                for j in range(start, stop):
                    total += sums[j]
                count = (below - above) * (stop - start)
                y[p * columns + q] = total / _pixels(args, count, taps_h * taps_w, sizes[10])


def avg_pool2d_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: dx, g, sizes, worker scratch of W numbers and its stride."""
    sizes, row = integers(args, 2), shift(pointer(args, 3), worker * integer(args, 4))
    height, width, rows, columns = sizes[0], sizes[1], sizes[2], sizes[3]
    taps_h, taps_w, stride_h, stride_w, top, left = sizes[4], sizes[5], sizes[6], sizes[7], sizes[8], sizes[9]
    for cell in range(lo, hi):
        dx, g = shift(pointer(args, 0), cell * height * width), shift(pointer(args, 1), cell * rows * columns)
        for i in range(height * width):
            dx[i] = number(args, 0)
        for p in range(rows):
            above, below = max(0, p * stride_h - top), min(height, p * stride_h - top + taps_h)
            # What the windows of a row give to each column is the same for all rows of the windows.
            for j in range(width):
                row[j] = number(args, 0)
            for q in range(columns):
                start, stop = max(0, q * stride_w - left), min(width, q * stride_w - left + taps_w)
                count = (below - above) * (stop - start)
                share = g[p * columns + q] / _pixels(args, count, taps_h * taps_w, sizes[10])
                for j in range(start, stop):
                    row[j] += share
            for i in range(above, below):
                target = shift(dx, i * width)
                for j in range(width):
                    target[j] += row[j]
