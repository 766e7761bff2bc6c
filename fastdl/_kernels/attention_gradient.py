"""The gradients of attention; letters, blocks and the first slots as in ``attention.py``.

The weights are computed anew, where a row is longer than a block from its log-sum-exp c: once by blocks of queries for
dq, once by blocks of keys for dk and dv, so that no two cells add to one place (Dao, "FlashAttention-2", 2023,
algorithm 2, has one pass that does). Slots 21 to 24 of all kernels but ``inner``: c, h, g, the values transposed block
by block.
"""

import numpy as np

from . import vector_math as vm
from .attention import dot, fill, finite, keys_seen, mask_row, multiply, put, rows_of, scale
from .block import integer, number, pointer, real, shift
from .compiler import inline
from .vector_max import maximum


@inline
def _slopes(args, worker, s, d, matrix, i0, rows, j0, width):  # type: ignore[no-untyped-def]
    """A block of weights p into s, and of ds = p (g v' - h) into d. Slots 21 to 24: c, h, g, transposed values."""
    keys, features, size = integer(args, 4), integer(args, 5), integer(args, 6)
    in_block, head = integer(args, 17), matrix // integer(args, 7)
    row, block = matrix * integer(args, 3) + i0, head * -(-keys // in_block) + j0 // in_block
    q, k = shift(pointer(args, 0), row * features), shift(pointer(args, 1), block * features * in_block)
    g, v = shift(pointer(args, 23), row * size), shift(pointer(args, 24), block * size * in_block)
    multiply(args, worker, s, in_block, q, features, 1, k, in_block, rows, width, features, False, True)
    multiply(args, worker, d, in_block, g, size, 1, v, in_block, rows, width, size, False, True)
    c, h = shift(pointer(args, 21), row), shift(pointer(args, 22), row)
    for i in range(rows):
        p = shift(s, i * in_block)
        mask_row(args, p, matrix, i0 + i, j0, width)
        e = shift(d, i * in_block)
        if keys <= in_block:
            # Whole rows, whose terms, rounded alike, cancel as in the formula: a lone key gets exactly 0.
            l = _powers_row(args, p, width)  # noqa: E741 - the letter of the papers
            total = _weighted(p, e, width, number(args, 1) if l == 0 else number(args, 1) / l, number(args, 0))
        else:
            _weights_row(p, c[i], width, number(args, 0), number(args, np.inf))
            total = h[i]
        _slope_row(p, e, total, width, number(args, 0))


@inline
def _weights_row(p, c, width, zero, infinity):  # type: ignore[no-untyped-def]
    for j in range(width):
        v = p[j]
        e = vm.exp(v - c)
        p[j] = zero if v == -infinity else e  # also where c is -inf, because all scores are, or NaN


@inline
def _powers_row(args, p, width):  # type: ignore[no-untyped-def]
    """Scores to powers, of which the sum is returned; -1 marks a score of -inf."""
    zero, hidden = number(args, 0), number(args, -np.inf)
    top, total = maximum(p, width), zero
    base = zero if top == hidden else top
    for j in range(width):
        v = p[j]
        e = vm.exp(v - base)
        total += e
        p[j] = number(args, -1) if v == hidden else e
    return total


@inline
def _weighted(p, d, width, factor, zero):  # type: ignore[no-untyped-def]
    """Powers to weights, by the factor, and the average of d with them."""
    total = zero
    for j in range(width):
        v = p[j]
        v = zero if v < 0 else v * factor
        term = v * d[j]
        p[j] = v
        total += zero if v == zero else term
    return total


@inline
def _slope_row(p, d, h, width, zero):  # type: ignore[no-untyped-def]
    for j in range(width):
        v, w = p[j], d[j]
        d[j] = zero if v == zero else v * (w - h)


def inner(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """h[i] = a[i] . b[i]. A cell is 64 rows. Slots: h, a, b, rows, columns."""
    h, a, b, rows, columns = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3), integer(args, 4)
    for i in range(lo * 64, min(rows, hi * 64)):
        h[i] = dot(shift(a, i * columns), shift(b, i * columns), columns, number(args, 0))


def gradient_queries(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dq = scale ds k. Slots 25 and 26: dq, k."""
    length, keys, features, in_block = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 17)
    s = shift(pointer(args, 18), worker * integer(args, 19))
    d = shift(s, integer(args, 16) * in_block)
    for cell in range(lo, hi):
        matrix, i0, rows = rows_of(args, cell)
        dq = shift(pointer(args, 25), (matrix * length + i0) * features)
        fill(dq, number(args, 0), rows * features)
        end = keys_seen(args, i0 + rows)
        for block in range(-(-end // in_block)):
            j0 = block * in_block
            width = min(in_block, end - j0)
            k = shift(pointer(args, 26), (matrix // integer(args, 7) * keys + j0) * features)
            _slopes(args, worker, s, d, matrix, i0, rows, j0, width)
            whole = finite(k, width * features, number(args, 0))
            multiply(args, worker, dq, features, d, in_block, 1, k, features, rows, features, width, True, whole)
        scale(dq, real(args, 8), rows * features)


def gradient_keys(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dk = scale ds' q and dv = p' g, summed over the queries' heads that share keys. A cell is a block of keys.

    Slots 25 and 26: dk, dv.
    """
    length, keys, features, size = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 6)
    group, in_rows, in_block = integer(args, 7), integer(args, 16), integer(args, 17)
    s = shift(pointer(args, 18), worker * integer(args, 19))
    d = shift(s, in_rows * in_block)
    blocks = -(-keys // in_block)
    for cell in range(lo, hi):
        head, j0 = cell // blocks, cell % blocks * in_block
        width = min(in_block, keys - j0)
        dk = shift(pointer(args, 25), (head * keys + j0) * features)
        dv = shift(pointer(args, 26), (head * keys + j0) * size)
        fill(dk, number(args, 0), width * features)
        fill(dv, number(args, 0), width * size)
        for matrix in range(head * group, (head + 1) * group):
            for part in range(j0 // in_rows if integer(args, 9) else 0, -(-length // in_rows)):
                i0 = part * in_rows
                rows = min(in_rows, length - i0)
                q = shift(pointer(args, 0), (matrix * length + i0) * features)
                g = shift(pointer(args, 23), (matrix * length + i0) * size)
                _slopes(args, worker, s, d, matrix, i0, rows, j0, width)
                whole = finite(g, rows * size, number(args, 0))
                multiply(args, worker, dv, size, s, 1, in_block, g, size, width, size, rows, True, whole)
                whole = finite(q, rows * features, number(args, 0))
                multiply(args, worker, dk, features, d, 1, in_block, q, features, width, features, rows, True, whole)
        scale(dk, real(args, 8), width * features)


def gradient_scores(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """ds, all of it: the gradient of a mask that was added. Slot 25: ds."""
    length, keys, in_block = integer(args, 3), integer(args, 4), integer(args, 17)
    s = shift(pointer(args, 18), worker * integer(args, 19))
    d = shift(s, integer(args, 16) * in_block)
    for cell in range(lo, hi):
        matrix, i0, rows = rows_of(args, cell)
        ds = shift(pointer(args, 25), (matrix * length + i0) * keys)
        fill(ds, number(args, 0), rows * keys)
        end = keys_seen(args, i0 + rows)
        for block in range(-(-end // in_block)):
            j0 = block * in_block
            width = min(in_block, end - j0)
            _slopes(args, worker, s, d, matrix, i0, rows, j0, width)
            for i in range(rows):
                put(shift(ds, i * keys + j0), shift(d, i * in_block), width, False)
