"""Gradients of normalisation. With z = (x - mean) r and u = g w, and means taken over the group,

    dx = r (u - mean(u) - z mean(u z)),    dw = sum of g z,    db = sum of g

without mean(u) if the forward pass subtracted no mean, and dx = r u if the statistics were given. Groups, runs, pixels
and letters are those of the forward pass (see ``normalization.py``); g is the gradient of y. Sums are taken of 2048
elements in the kernel's type, and these are added in float64.
"""

import numpy as np

from .block import address, integer, number, pointer, real, shift, stack
from .compiler import inline, merge
from .normalization import _fill, _fold, _spread
from .reductions import stack_doubles
from .streaming import large, put, room
from .vectors import fence


@inline
def _products(args, g, q, m, n):  # type: ignore[no-untyped-def]
    """Sums of g and of g (q - m)."""
    total_g, total_z = 0.0, 0.0
    for start in range(0, n, 2048):
        h, part, s, t = shift(g, start), shift(q, start), number(args, 0), number(args, 0)
        for i in range(min(2048, n - start)):
            s += h[i]
            t += h[i] * (part[i] - m)
        total_g += s
        total_z += t
    return total_g, total_z


@inline
def _weighted(args, g, q, w, m, n, scaled, ones):  # type: ignore[no-untyped-def]
    """Sums of g w and of g w (q - m), with a w for each element."""
    total_u, total_z = 0.0, 0.0
    for start in range(0, n, 2048):
        h, part, s, t = shift(g, start), shift(q, start), number(args, 0), number(args, 0)
        f = shift(w, start) if scaled else ones
        for i in range(min(2048, n - start)):
            u = h[i] * f[i]
            s += u
            t += u * (part[i] - m)
        total_u += s
        total_z += t
    return total_u, total_z


@inline
def _line(p, h, q, m, a, c, d, n):  # type: ignore[no-untyped-def]
    for i in range(n):
        p[i] = h[i] * a + (q[i] - m) * c + d


@inline
def _scaled_line(p, h, a, n):  # type: ignore[no-untyped-def]
    for i in range(n):
        p[i] = h[i] * a


def pieces(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: dx, sums of g z and of g for each channel of each group (null: not wanted), g, x, w, mean, variance,
    groups, parts, length, step, channels of a group, pixels, groups in an image, groups in a cell, eps, given."""
    dx, sums_z, sums_g, g = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    x, w, mean, var = pointer(args, 4), pointer(args, 5), pointer(args, 6), pointer(args, 7)
    groups, parts, length, step = integer(args, 8), integer(args, 9), integer(args, 10), integer(args, 11)
    channels, pixels, period, in_cell = integer(args, 12), integer(args, 13), integer(args, 14), integer(args, 15)
    eps, given, scaled = real(args, 16), integer(args, 17), address(w) != 0
    line, past = stack(args, 512), large(dx, groups * parts * length)
    for group in range(lo * in_cell, min(groups, hi * in_cell)):
        m, r, first = mean[group], number(args, 1) / np.sqrt(var[group] + eps), group % period * channels
        mean_u, mean_z = 0.0, 0.0
        for k in range(channels):
            place, total_g, total_z = group * length + k * pixels, 0.0, 0.0
            for part in range(parts):
                here = place + part * step
                s, t = _products(args, shift(g, here), shift(x, here), m, pixels)
                total_g += s
                total_z += t
            total_z *= r
            if address(sums_z) != 0:
                sums_z[group * channels + k] = total_z
                sums_g[group * channels + k] = total_g
            mean_u += w[first + k] * total_g if scaled else total_g
            mean_z += w[first + k] * total_z if scaled else total_z
        c = number(args, -mean_z / (parts * length)) * r * r
        d = number(args, -mean_u / (parts * length)) * r
        for k in range(channels):
            a = r * w[first + k] if scaled else r
            for part in range(parts):
                here = group * length + k * pixels + part * step
                end = here + pixels
                while here < end:
                    p, h, q = shift(dx, here), shift(g, here), shift(x, here)
                    n = min(end - here, room(p, 512))
                    if given:
                        _scaled_line(line, h, a, n)
                    else:
                        _line(line, h, q, m, a, c, d, n)
                    put(p, line, n, past)
                    here += n
    if past:
        fence()


def rows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """For a scale that changes with every element. A cell is up to 64 rows that share their part of w: all with the
    same place among the ``period`` rows of an image. Slots: dx, the cells' sums of g z and of g (blocks, period, n)
    (null: not wanted), g, x, w, mean (null: not centred), variance, images, n, period, images in a cell, eps."""
    dx, sums_z, sums_g, g = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    x, w, mean, var = pointer(args, 4), pointer(args, 5), pointer(args, 6), pointer(args, 7)
    images, n, period, block, eps = (
        integer(args, 8),
        integer(args, 9),
        integer(args, 10),
        integer(args, 11),
        real(args, 12),
    )
    scaled, centred, share = address(w) != 0, address(mean) != 0, 1.0 / np.float64(n)
    ones, along_z, along_g, line = stack(args, 2048), stack(args, 2048), stack(args, 2048), stack(args, 2048)
    past = large(dx, images * period * n)
    ms, rs, cs, ds = stack(args, 64), stack(args, 64), stack(args, 64), stack(args, 64)
    _fill(ones, number(args, 1), 2048)
    for cell in range(lo, hi):
        top, f = cell // period * block, shift(w, cell % period * n)
        count = min(block, images - top)
        for i in range(count):
            row = (top + i) * period + cell % period
            ms[i] = mean[row] if centred else number(args, 0)
            rs[i] = number(args, 1) / np.sqrt(var[row] + eps)
        for start in range(0, n, 2048):
            width, v = min(2048, n - start), shift(f, start) if scaled else ones
            _fill(along_z, number(args, 0), width)
            _fill(along_g, number(args, 0), width)
            for i in range(count):
                row = (top + i) * period + cell % period
                m, r = ms[i], rs[i]
                if start == 0:
                    u, z = _weighted(args, shift(g, row * n), shift(x, row * n), f, m, n, scaled, ones)
                    cs[i], ds[i] = -z * share * r * r, -u * share if centred else 0.0
                here = row * n + start
                p, h, q, c, d = shift(dx, here), shift(g, here), shift(x, here), cs[i], ds[i]
                for j in range(width):
                    e, z = h[j], q[j] - m
                    along_z[j] += e * (z * r)
                    along_g[j] += e
                    line[j] = r * (e * v[j] + z * c + d)
                put(p, line, width, past)
            if address(sums_z) != 0:
                to_z, to_g = shift(sums_z, cell * n + start), shift(sums_g, cell * n + start)
                for j in range(width):
                    to_z[j] = along_z[j]
                for j in range(width):
                    to_g[j] = along_g[j]
    if past:
        fence()


@merge
def _add_products(args, total_z, total_g, part_z, part_g, m, g, x, images, step, width):  # type: ignore[no-untyped-def]
    """Sums of g (x - m) and of g down the columns: 32 rows in the kernel's type, these sums in float64."""
    for j in range(width):
        total_z[j] = 0.0
        total_g[j] = 0.0
    for top in range(0, images, 32):
        for j in range(width):
            part_z[j] = number(args, 0)
            part_g[j] = number(args, 0)
        for row in range(top, min(images, top + 32)):
            h, q = shift(g, row * step), shift(x, row * step)
            for j in range(width):
                part_z[j] += h[j] * (q[j] - m[j])
                part_g[j] += h[j]
        for j in range(width):
            total_z[j] += part_z[j]
            total_g[j] += part_g[j]


def columns(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """The gradient of the forward kernel of this name. Slots: dx, dw, db (null: not wanted), g, x, w, mean, variance,
    images, channels, pixels, channels in a cell, eps, given."""
    dx, dw, db, g = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    x, w, mean, var = pointer(args, 4), pointer(args, 5), pointer(args, 6), pointer(args, 7)
    images, channels, pixels, in_cell = integer(args, 8), integer(args, 9), integer(args, 10), integer(args, 11)
    eps, given, scaled, step = real(args, 12), integer(args, 13), address(w) != 0, channels * pixels
    total_z, total_g, part_z, part_g = stack_doubles(args), stack_doubles(args), stack(args, 512), stack(args, 512)
    m, a, c, d = stack(args, 512), stack(args, 512), stack(args, 512), stack(args, 512)
    for cell in range(lo, hi):
        first = cell * in_cell
        count = min(in_cell, channels - first)
        width, place = count * pixels, first * pixels
        for k in range(count):
            m[k] = mean[first + k]
        _spread(m, pixels, count)
        h, q = shift(g, place), shift(x, place)
        _add_products(args, total_z, total_g, part_z, part_g, m, h, q, images, step, width)
        _fold(total_z, pixels, count)
        _fold(total_g, pixels, count)
        for k in range(count):
            r = number(args, 1) / np.sqrt(var[first + k] + eps)
            z = total_z[k] * r
            if address(dw) != 0:
                dw[first + k] = z
                db[first + k] = total_g[k]
            f = w[first + k] if scaled else number(args, 1)
            a[k] = r * f
            c[k] = number(args, -(f * z) / (images * pixels)) * r * r
            d[k] = number(args, -(f * total_g[k]) / (images * pixels)) * r
        _spread(a, pixels, count)
        _spread(c, pixels, count)
        _spread(d, pixels, count)
        for row in range(images):
            p, h, q = shift(dx, place + row * step), shift(g, place + row * step), shift(x, place + row * step)
            if given:
                for j in range(width):
                    p[j] = h[j] * a[j]
            else:
                for j in range(width):
                    p[j] = h[j] * a[j] + (q[j] - m[j]) * c[j] + d[j]


def add_parts(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dw and db from the sums of each cell or image. Cells of 512 columns. Slots: dw, db, sums of g z, of g, parts,
    width."""
    parts, width = integer(args, 4), integer(args, 5)
    total_z, total_g = stack_doubles(args), stack_doubles(args)
    for cell in range(lo, hi):
        first = cell * 512
        n = min(512, width - first)
        dw, db = shift(pointer(args, 0), first), shift(pointer(args, 1), first)
        for j in range(n):
            total_z[j] = 0.0
            total_g[j] = 0.0
        for part in range(parts):
            s, t = shift(pointer(args, 2), part * width + first), shift(pointer(args, 3), part * width + first)
            for j in range(n):
                total_z[j] += s[j]
                total_g[j] += t[j]
        for j in range(n):
            dw[j] = total_z[j]
        for j in range(n):
            db[j] = total_g[j]
