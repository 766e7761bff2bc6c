"""Blocks of scores row by row: masks, softmax and its gradient, between the products of attention.

Letters as in ``attention.py``. A block has ``stride`` elements from row to row, at least one vector more than its
``width`` keys. ``tops`` fills what is left of the last vector with -inf, whose powers are 0, so all that comes after it
takes whole vectors. -inf also stands for a key that may not be attended to.
"""

import numpy as np

from . import vector_math as vm
from .block import flags, integer, integers, number, offset, pointer, real, shift
from .compiler import inline
from .vector_exp import exp
from .vectors import (
    first,
    fma,
    larger,
    largest,
    load,
    put_first,
    rounded,
    smaller,
    spread,
    store,
    total,
    where_equal,
    width,
)


@inline
def fill(p, value, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        p[j] = value


@inline
def scale(p, factor, n):  # type: ignore[no-untyped-def]
    lanes, factors = width(p), spread(factor)
    end = n - n % lanes
    for j in range(0, end, lanes):
        q = shift(p, j)
        store(q, load(q) * factors)
    if end < n:
        q = shift(p, end)
        put_first(q, first(q, n - end) * factors, n - end)


@inline
def finite(p, n, zero):  # type: ignore[no-untyped-def]
    """Whether n numbers are all finite."""
    lanes, none = width(p), spread(zero)
    found = none
    end = n - n % lanes
    for j in range(0, end, lanes):
        found = fma(load(shift(p, j)), none, found)
    if end < n:
        found = fma(first(shift(p, end), n - end), none, found)
    return total(found) == zero


@inline
def dot(a, b, n, zero):  # type: ignore[no-untyped-def]
    lanes, sums = width(a), spread(zero)
    end = n - n % lanes
    for j in range(0, end, lanes):
        sums = fma(load(shift(a, j)), load(shift(b, j)), sums)
    if end < n:
        sums = fma(first(shift(a, end), n - end), first(shift(b, end), n - end), sums)
    return total(sums)


@inline
def _place(args, row, j0):  # type: ignore[no-untyped-def]
    """Where the mask of a row of all queries starts, from key j0 on."""
    length = integer(args, 3)
    place = offset(row // length, integer(args, 11), integers(args, 12), integers(args, 13))
    return place + row % length * integer(args, 14) + j0 * integer(args, 15)


@inline
def allowed(args, row, rows, j0, width):  # type: ignore[no-untyped-def]
    """How many pairs of a block a boolean mask allows."""
    mask, step = flags(args, 2), integer(args, 15)
    found = 0
    for r in range(rows):
        if r == 0 or integer(args, 14) != 0 or (row + r) % integer(args, 3) == 0:  # else it is as the row before
            p = shift(mask, _place(args, row + r, j0))
            inside = 0
            if step == 1:
                for j in range(width):
                    inside += p[j] != 0
            else:
                inside = width * (p[0] != 0)
        found += inside
    return found


@inline
def mask_rows(args, s, stride, row, rows, j0, width):  # type: ignore[no-untyped-def]
    """Scale the scores and mask them."""
    factor, hidden, step = real(args, 8), number(args, -np.inf), integer(args, 15)
    for r in range(rows):
        p = shift(s, r * stride)
        place = _place(args, row + r, j0)
        scale(p, factor, width)
        if integer(args, 10) == 1:
            may = shift(flags(args, 2), place)
            if step:
                for j in range(width):
                    v = p[j]
                    p[j] = v if may[j] else hidden
            elif not may[0]:
                fill(p, hidden, width)
        else:
            added = shift(pointer(args, 2), place)
            if step:
                for j in range(width):
                    p[j] = p[j] + added[j]
            else:
                fixed = added[0]
                for j in range(width):
                    p[j] = p[j] + fixed


@inline
def hide(args, s, stride, row, rows, j0, columns):  # type: ignore[no-untyped-def]
    """-inf where causality hides keys, and up to the end of each row's last vector."""
    hidden, lanes = number(args, -np.inf), width(s)
    padded = (columns + lanes - 1) // lanes * lanes
    for r in range(rows):
        seen = columns
        if integer(args, 9):
            seen = min(columns, max(0, (row + r) % integer(args, 3) + 1 - j0))
        p = shift(s, r * stride)
        for j in range(seen, padded):
            p[j] = hidden


@inline
def tops(args, s, stride, rows, columns, factor, top):  # type: ignore[no-untyped-def]
    """The largest score of each row, NaN passed over."""
    lanes, factors, hidden = width(s), spread(factor), spread(number(args, -np.inf))
    for r in range(rows):
        p, best = shift(s, r * stride), hidden
        for j in range(0, columns, lanes):
            best = larger(load(shift(p, j)) * factors, best)
        top[r] = largest(best)


@inline
def powers(args, s, stride, rows, columns, factor, base, sums):  # type: ignore[no-untyped-def]
    """Scores to powers; their sums are added to ``sums``.

    Scores are rounded as in ``tops``: with huge ones what is left of the largest would not be 0 otherwise.
    """
    lanes, factors, zeros = width(s), spread(factor), spread(number(args, 0))
    for r in range(rows):
        p, least, found = shift(s, r * stride), spread(base[r]), zeros
        for j in range(0, columns, lanes):
            q = shift(p, j)
            e = exp(rounded(load(q) * factors) - least)
            found = found + e
            store(q, e)
        sums[r] += total(found)


@inline
def merge_tops(args, rows, top, m, l, factor):  # type: ignore[no-untyped-def]  # noqa: E741 - the letter of the papers
    """The largest score so far into m, what powers are relative to into top, what was summed before times factor."""
    zero, hidden = number(args, 0), number(args, -np.inf)
    for r in range(rows):
        t, before = top[r], m[r]
        t = t if t > before else before
        base = zero if t == hidden else t  # a row without a score yet: powers of 0
        change = vm.exp(before - base)
        m[r], top[r], factor[r] = t, base, change
        l[r] = l[r] * change


@inline
def whole_rows(args, s, d, stride, rows, columns, factor, outer):  # type: ignore[no-untyped-def]
    """Whole rows of scores to weights, and d to ds = p (d - sum p d), times ``outer``.

    All terms are rounded alike, so that they cancel as in the formula: a lone key gets exactly 0.
    """
    lanes, factors, outers = width(s), spread(factor), spread(outer)
    zero, one, hidden = number(args, 0), number(args, 1), number(args, -np.inf)
    zeros, marks, hiddens = spread(zero), spread(number(args, -1)), spread(hidden)
    for r in range(rows):
        p, e = shift(s, r * stride), shift(d, r * stride)
        best = hiddens
        for j in range(0, columns, lanes):
            best = larger(load(shift(p, j)) * factors, best)
        top = largest(best)
        base, sums = spread(zero if top == hidden else top), zeros
        for j in range(0, columns, lanes):
            q = shift(p, j)
            v = rounded(load(q) * factors)
            power = exp(v - base)
            sums = sums + power
            store(q, where_equal(v, hiddens, marks, power))  # -1: 0 also in a row whose sum is NaN
        l = total(sums)  # noqa: E741 - the letter of the papers
        parts, sums = spread(one if l == zero else one / l), zeros
        for j in range(0, columns, lanes):
            q = shift(p, j)
            v = load(q)
            v = where_equal(v, marks, zeros, v * parts)
            store(q, v)
            sums = sums + where_equal(v, zeros, zeros, v * load(shift(e, j)))
        average = spread(total(sums))
        for j in range(0, columns, lanes):
            v, u = load(shift(p, j)), shift(e, j)
            store(u, where_equal(v, zeros, zeros, v * outers * (load(u) - average)))


@inline
def parts_of_rows(args, s, d, stride, rows, columns, factor, outer, c, h):  # type: ignore[no-untyped-def]
    """Parts of rows of scores to weights by their log-sum-exp c, and d to ds = p (d - h), times ``outer``."""
    lanes, factors, outers = width(s), spread(factor), spread(outer)
    zeros, hiddens = spread(number(args, 0)), spread(number(args, -np.inf))
    most = spread(number(args, 88))  # also for a c that is not that of these scores
    for r in range(rows):
        p, e, base, average = shift(s, r * stride), shift(d, r * stride), spread(c[r]), spread(h[r])
        for j in range(0, columns, lanes):
            q, u = shift(p, j), shift(e, j)
            v = rounded(load(q) * factors)
            power = exp(smaller(most, v - base))
            power = where_equal(v, hiddens, zeros, power)  # also where c is -inf, because all scores are, or NaN
            store(q, power)
            store(u, where_equal(power, zeros, zeros, power * outers * (load(u) - average)))
