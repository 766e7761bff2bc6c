"""Max pooling: the largest pixel of each window of an image, which pixel that was, and its gradients.

Letters: H x W pixels of a plane (one channel of one image), P x Q windows, U x V taps of a window. A cell is a plane.
A window takes the first NaN, or else its largest pixel, the first one row by row among equals.
"""

import numpy as np

from .block import integer, integers, number, pointer, shift, stack, stack_integers
from .compiler import merge


@merge
def _takes(value, best):  # type: ignore[no-untyped-def]
    """Whether ``value`` displaces ``best``, which stands before it: it is larger, or the first NaN."""
    return (value > best) | ((value != value) & (best == best))


@merge
def _takes_or_precedes(value, best, code, best_code):  # type: ignore[no-untyped-def]
    """Whether ``value`` displaces ``best``, which need not stand before it."""
    same = (value == best) | ((value != value) & (best != best))
    return _takes(value, best) | (same & (code < best_code))


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


def max_pool2d_pairs(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Windows of 2 x 2 side by side. Slots: y, index of the pixel taken (row * W + column), x, H, W, P, Q, planes."""
    height, width, rows, columns = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 6)
    best, place = stack(args, 256), stack_integers(args, 256)
    for cell in range(lo, hi):
        x = shift(pointer(args, 2), cell * height * width)
        y, index = shift(pointer(args, 0), cell * rows * columns), shift(integers(args, 1), cell * rows * columns)
        _pairs(best, place, y, index, x, rows, columns, height, width, (integer(args, 7) - cell) * height * width)


@merge
def _whole(n):  # type: ignore[no-untyped-def]
    """``n`` rounded up to full vectors: what is computed beyond n is not used."""
    return (n + 15) // 16 * 16


@merge
def _down(args, best, code, x, width, first, last, dilation, start, stop, span, readable):  # type: ignore[no-untyped-def]
    """The largest of each column under a row of windows, over their taps first..last and the columns start..stop.

    ``x`` stands at the windows' first row and column, the other columns of 0..span are padding. It goes on to a full
    vector if that many numbers are ``readable``.
    """
    whole = start + _whole(stop - start)
    if (last - 1) * dilation * width + whole > readable:
        whole = stop
    source, here = shift(x, first * dilation * width), number(args, first * dilation * width)
    for j in range(start, whole):
        best[j] = source[j]
        code[j] = here
    for u in range(first + 1, last):
        source, here = shift(x, u * dilation * width), number(args, u * dilation * width)
        for j in range(start, whole):
            value = source[j]
            takes = _takes(value, best[j])
            best[j] = value if takes else best[j]
            code[j] = here if takes else code[j]
    # Padding loses against every pixel, also against one of -inf.
    for j in range(start):
        best[j] = number(args, -np.inf)
        code[j] = number(args, np.inf)
    for j in range(stop, span):
        best[j] = number(args, -np.inf)
        code[j] = number(args, np.inf)


@merge
def _deal(to, source, stride, lines):  # type: ignore[no-untyped-def]
    """Every ``stride``-th number side by side: to[r * lines + q] = source[q * stride + r]."""
    if stride == 2:  # both in one loop, so that they are shuffled out of whole vectors
        odd = shift(to, lines)
        for q in range(lines):
            to[q] = source[2 * q]
            odd[q] = source[2 * q + 1]
        return
    for r in range(stride):
        line, first = shift(to, r * lines), shift(source, r)
        for q in range(lines):
            line[q] = first[q * stride]


@merge
def _across(args, result, where, best, code, n, stride, lines, taps, dilation):  # type: ignore[no-untyped-def]
    """The largest of each of n windows side by side, from the columns that :func:`_down` found, dealt out."""
    for q in range(n):
        result[q] = best[q]
        where[q] = code[q]
    for v in range(1, taps):
        column = v * dilation
        place = column % stride * lines + column // stride
        values, codes, here = shift(best, place), shift(code, place), number(args, column)
        for q in range(n):
            value, at = values[q], codes[q] + here
            takes = _takes_or_precedes(value, result[q], at, where[q])
            result[q] = value if takes else result[q]
            where[q] = at if takes else where[q]


def max_pool2d(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """First down the columns that the windows of a row share, then across them, both vectorised.

    Which pixel was taken is counted from its window's first tap in a number of the kernel's type, so that all vectors
    have one width: (U - 1) * dilation * W + (V - 1) * dilation has to be below 2**24. Slots: y, index of the pixel
    taken (row * W + column), x, sizes: H, W, P, Q, U, V, strides (2), dilations (2), padding above and left, windows
    in a block; planes. A block spans at most 512 columns less one vector and one for each step of the stride.
    """
    sizes = integers(args, 3)
    height, width, rows, columns = sizes[0], sizes[1], sizes[2], sizes[3]
    taps_h, taps_w, stride_h, stride_w = sizes[4], sizes[5], sizes[6], sizes[7]
    dilation_h, dilation_w, block = sizes[8], sizes[9], sizes[12]
    best, code, result, where = stack(args, 512), stack(args, 512), stack(args, 512), stack(args, 512)
    dealt, dealt_code = stack(args, 512), stack(args, 512)
    for cell in range(lo, hi):
        x = shift(pointer(args, 2), cell * height * width)
        readable = (integer(args, 4) - cell) * height * width
        y, index = shift(pointer(args, 0), cell * rows * columns), shift(integers(args, 1), cell * rows * columns)
        for p in range(rows):
            top = p * stride_h - sizes[10]
            tap, last_tap = max(0, -(top // dilation_h)), min(taps_h, (height - 1 - top) // dilation_h + 1)
            for part in range((columns + block - 1) // block):
                first = part * block
                n, left = min(block, columns - first), first * stride_w - sizes[11]
                span, corner = (n - 1) * stride_w + (taps_w - 1) * dilation_w + 1, top * width + left
                start, stop, source = max(0, -left), min(span, width - left), shift(x, corner)
                _down(args, best, code, source, width, tap, last_tap, dilation_h, start, stop, span, readable - corner)
                lines, whole = _whole((span + stride_w - 1) // stride_w), _whole(n)
                if stride_w == 1:
                    _across(args, result, where, best, code, whole, 1, lines, taps_w, dilation_w)
                else:
                    _deal(dealt, best, stride_w, lines)
                    _deal(dealt_code, code, stride_w, lines)
                    _across(args, result, where, dealt, dealt_code, whole, stride_w, lines, taps_w, dilation_w)
                # What goes beyond the end of a row, the next one overwrites.
                at = p * columns + first
                if at + whole > rows * columns or first + n < columns:
                    whole = n
                target, target_index = shift(y, at), shift(index, at)
                for q in range(whole):
                    target[q] = result[q]
                for q in range(whole):
                    target_index[q] = corner + q * stride_w + int(where[q])


def max_windows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Windows of any kind: those of adaptive pooling, and large ones.

    Slots: y, index of the pixel taken (row * W + column), x, H, W, P, Q, dilations (2), tables of rows and of columns:
    (first pixel, number of pixels) for each p and each q; worker scratch of W numbers and its stride, and of W
    integers.
    """
    height, width, p_count, q_count = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 6)
    dilation_h, dilation_w, rows, columns = integer(args, 7), integer(args, 8), integers(args, 9), integers(args, 10)
    best = shift(pointer(args, 11), worker * integer(args, 12))
    place = shift(integers(args, 13), worker * integer(args, 14))
    for cell in range(lo, hi):
        x = shift(pointer(args, 2), cell * height * width)
        y, index = shift(pointer(args, 0), cell * p_count * q_count), shift(integers(args, 1), cell * p_count * q_count)
        for p in range(p_count):
            start = rows[2 * p] * width
            for j in range(width):
                best[j] = x[start + j]
                place[j] = start + j
            for u in range(1, rows[2 * p + 1]):
                here = start + u * dilation_h * width
                for j in range(width):
                    value = x[here + j]
                    takes = _takes(value, best[j])
                    best[j] = value if takes else best[j]
                    place[j] = here + j if takes else place[j]
            for q in range(q_count):
                first = columns[2 * q]
                value, at = best[first], place[first]
                for v in range(1, columns[2 * q + 1]):
                    other, there = best[first + v * dilation_w], place[first + v * dilation_w]
                    takes = _takes_or_precedes(other, value, there, at)
                    value, at = other if takes else value, there if takes else at
                y[p * q_count + q] = value
                index[p * q_count + q] = at


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
