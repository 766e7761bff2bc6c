"""Normalisation: y = (x - mean) r scale + shift with r = 1 / sqrt(variance + eps), forward.

The statistics of a *group* are taken over ``parts`` runs of ``length`` neighbours, ``step`` elements apart: one row
(layer_norm, rms_norm: without a mean), the channels of a group in one image (group_norm, instance_norm), or one channel
in all images (batch_norm). Scale and shift change from channel to channel, after ``pixels`` elements each, or with
every element (pixels = 1). ``columns`` is for batch_norm where the runs would be short: it adds up many channels side
by side.

The mean comes first, then the squares around it, so that a large mean costs no digits. 2048 elements are added in the
kernel's type, and these sums in float64. Letters: m mean, v variance, r as above, w scale, b shift, q and p places in x
and y.
"""

import numpy as np

from .block import address, integer, number, pointer, real, shift, stack
from .compiler import inline, merge
from .reductions import stack_doubles
from .streaming import large, put, room
from .vectors import fence


@inline
def _sum(args, q, n):  # type: ignore[no-untyped-def]
    total = 0.0
    for start in range(0, n, 2048):
        part, s = shift(q, start), number(args, 0)
        for i in range(min(2048, n - start)):
            s += part[i]
        total += s
    return total


@inline
def _around(args, q, m, n):  # type: ignore[no-untyped-def]
    """Sums of q - m and of (q - m)**2."""
    total, squares = 0.0, 0.0
    for start in range(0, n, 2048):
        part, s, t = shift(q, start), number(args, 0), number(args, 0)
        for i in range(min(2048, n - start)):
            d = part[i] - m
            s += d
            t += d * d
        total += s
        squares += t
    return total, squares


@inline
def _statistics(args, x, parts, length, step, share, centred):  # type: ignore[no-untyped-def]
    """Mean (0 if not centred) and mean square around it of one group; share = 1 / its elements.

    What rounding took from the mean is the mean of what is left around it, unless that is no number.
    """
    m, sums, squares = number(args, 0), 0.0, 0.0
    if centred:
        for part in range(parts):
            sums += _sum(args, shift(x, part * step), length)
        m, sums = number(args, sums * share), 0.0
    for part in range(parts):
        s, t = _around(args, shift(x, part * step), m, length)
        sums += s
        squares += t
    v, rest = squares * share, sums * share
    if centred and rest == rest:
        m, v = number(args, m + rest), v - rest * rest
    return m, number(args, 0.0 if v < 0.0 else v)


@inline
def _line(p, q, m, scale, offset, n):  # type: ignore[no-untyped-def]
    for i in range(n):
        p[i] = (q[i] - m) * scale + offset


@inline
def _line_of_many(p, q, m, r, w, b, n):  # type: ignore[no-untyped-def]
    """As ``_line``, with a scale and a shift for each element."""
    for i in range(n):
        p[i] = (q[i] - m) * r * w[i] + b[i]


@merge
def _fill(t, value, n):  # type: ignore[no-untyped-def]
    for i in range(n):
        t[i] = value


def normalize(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y (null: not wanted), mean (null: not centred), variance, x, w, b, groups, parts, length, step,
    channels of a group, pixels, groups in an image, groups in a cell, eps, whether mean and variance are given
    (those of one image)."""
    y, mean, var, x = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    w, b, groups, parts = pointer(args, 4), pointer(args, 5), integer(args, 6), integer(args, 7)
    length, step, channels, pixels = integer(args, 8), integer(args, 9), integer(args, 10), integer(args, 11)
    period, in_cell, eps, given = integer(args, 12), integer(args, 13), real(args, 14), integer(args, 15)
    scaled, shifted, wanted = address(w) != 0, address(b) != 0, address(y) != 0
    past = wanted and large(y, groups * parts * length)
    ones, zeros, line = stack(args, 512), stack(args, 512), stack(args, 512)
    _fill(ones, number(args, 1), 512)
    _fill(zeros, number(args, 0), 512)
    ms, vs, rs, share = stack(args, 16), stack(args, 16), stack(args, 16), 1.0 / np.float64(parts * length)
    several = max(1, min(16, 4096 // max(1, parts * length)))  # groups whose roots are taken side by side
    last = min(groups, hi * in_cell)
    for top in range(0, last - lo * in_cell, several):
        group = lo * in_cell + top
        count = min(several, last - group)
        for i in range(count):
            if given:
                ms[i], vs[i] = mean[(group + i) % period], var[(group + i) % period]
            else:
                ms[i], vs[i] = _statistics(
                    args, shift(x, (group + i) * length), parts, length, step, share, address(mean) != 0
                )
                var[group + i] = vs[i]
                if address(mean) != 0:
                    mean[group + i] = ms[i]
        for i in range(count):
            rs[i] = number(args, 1) / np.sqrt(vs[i] + eps)
        for i in range(count if wanted else 0):
            first = (group + i) % period * channels
            for part in range(parts):
                place = (group + i) * length + part * step
                p, q = shift(y, place), shift(x, place)
                if pixels == 1:
                    for start in range(0, length, 512):
                        u = shift(w, first + start) if scaled else ones
                        t = shift(b, first + start) if shifted else zeros
                        n = min(512, length - start)
                        _line_of_many(line, shift(q, start), ms[i], rs[i], u, t, n)
                        put(shift(p, start), line, n, past)
                else:
                    for k in range(channels):
                        scale = rs[i] * w[first + k] if scaled else rs[i]
                        offset = b[first + k] if shifted else number(args, 0)
                        start = k * pixels
                        while start < (k + 1) * pixels:
                            n = min((k + 1) * pixels - start, room(shift(p, start), 512))
                            _line(line, shift(q, start), ms[i], scale, offset, n)
                            put(shift(p, start), line, n, past)
                            start += n
    if past:
        fence()


def blend(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = a old + b new. Cells of 4096. Slots: y, old, new, a, b, n."""
    y, old, new, a, b = pointer(args, 0), pointer(args, 1), pointer(args, 2), real(args, 3), real(args, 4)
    for i in range(lo * 4096, min(integer(args, 5), hi * 4096)):
        y[i] = a * old[i] + b * new[i]


@merge
def _spread(t, pixels, count):  # type: ignore[no-untyped-def]
    """The first ``count`` elements of t, each repeated for its pixels."""
    for j in range(count * pixels - 1, -1, -1):
        t[j] = t[j // pixels]


@merge
def _fold(total, pixels, count):  # type: ignore[no-untyped-def]
    """Sums over the pixels of each channel, into the first ``count`` elements."""
    for k in range(count):
        s = 0.0
        for i in range(pixels):
            s += total[k * pixels + i]
        total[k] = s


@merge
def _add_columns(args, total, part, x, rows, step, width):  # type: ignore[no-untyped-def]
    """Sums of x down the columns: 32 rows in the kernel's type, these sums in float64."""
    for j in range(width):
        total[j] = 0.0
    for top in range(0, rows, 32):
        for j in range(width):
            part[j] = number(args, 0)
        for row in range(top, min(rows, top + 32)):
            q = shift(x, row * step)
            for j in range(width):
                part[j] += q[j]
        for j in range(width):
            total[j] += part[j]


@merge
def _add_around(args, sums, squares, part, part_squares, m, x, rows, step, width):  # type: ignore[no-untyped-def]
    """As ``_add_columns``, the sums of x - m and of (x - m)**2."""
    for j in range(width):
        sums[j] = 0.0
        squares[j] = 0.0
    for top in range(0, rows, 32):
        for j in range(width):
            part[j] = number(args, 0)
            part_squares[j] = number(args, 0)
        for row in range(top, min(rows, top + 32)):
            q = shift(x, row * step)
            for j in range(width):
                d = q[j] - m[j]
                part[j] += d
                part_squares[j] += d * d
        for j in range(width):
            sums[j] += part[j]
            squares[j] += part_squares[j]


@inline
def _column_statistics(args, mean, var, m, x, rows, step, pixels, count):  # type: ignore[no-untyped-def]
    """Means and variances of ``count`` channels side by side; what rounding took from a mean comes back to it, as in
    ``_statistics``. m is room for 512 numbers."""
    sums, squares, part, part_squares = stack_doubles(args), stack_doubles(args), stack(args, 512), stack(args, 512)
    width, share = count * pixels, 1.0 / np.float64(rows * pixels)
    _add_columns(args, sums, part, x, rows, step, width)
    _fold(sums, pixels, count)
    for k in range(count):
        m[k] = number(args, sums[k] * share)
        mean[k] = m[k]
    _spread(m, pixels, count)
    _add_around(args, sums, squares, part, part_squares, m, x, rows, step, width)
    _fold(sums, pixels, count)
    _fold(squares, pixels, count)
    for k in range(count):
        v, rest = squares[k] * share, sums[k] * share
        if rest == rest:
            mean[k], v = number(args, mean[k] + rest), v - rest * rest
        var[k] = number(args, 0.0 if v < 0.0 else v)


def columns(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """batch_norm of images (rows of x) with few pixels; a cell is some channels, at most 512 columns of x. Slots: y
    (null: not wanted), mean, variance, x, w, b, images, channels, pixels, channels in a cell, eps, whether mean and
    variance are given."""
    y, mean, var, x = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    w, b, rows, channels = pointer(args, 4), pointer(args, 5), integer(args, 6), integer(args, 7)
    pixels, in_cell, eps, given = integer(args, 8), integer(args, 9), real(args, 10), integer(args, 11)
    scaled, shifted, step = address(w) != 0, address(b) != 0, channels * pixels
    m, scale, offset = stack(args, 512), stack(args, 512), stack(args, 512)
    for cell in range(lo, hi):
        first = cell * in_cell
        count = min(in_cell, channels - first)
        width, q = count * pixels, shift(x, first * pixels)
        if not given:
            _column_statistics(args, shift(mean, first), shift(var, first), m, q, rows, step, pixels, count)
        if address(y) == 0:
            continue
        for k in range(count):
            m[k] = mean[first + k]
        _spread(m, pixels, count)
        for k in range(count):
            r = number(args, 1) / np.sqrt(var[first + k] + eps)
            scale[k] = r * w[first + k] if scaled else r
            offset[k] = b[first + k] if shifted else number(args, 0)
        _spread(scale, pixels, count)
        _spread(offset, pixels, count)
        for row in range(rows):
            p, u = shift(y, first * pixels + row * step), shift(q, row * step)
            for j in range(width):
                p[j] = (u[j] - m[j]) * scale[j] + offset[j]
