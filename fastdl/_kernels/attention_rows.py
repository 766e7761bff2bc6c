"""Blocks of scores row by row: masks, softmax and its gradient, between the products of attention.

Letters as in ``attention.py``. A block has ``stride`` elements from row to row, at least one vector more than its
``width`` keys. ``hide`` fills what is left of the last vector with -inf, whose powers are 0, so all that comes after it
takes whole vectors. -inf also stands for a key that may not be attended to.
"""

import numpy as np

from .block import flags, integer, integers, number, offset, pointer, real, shift, stack
from .compiler import inline
from .vector_exp import exp
from .vector_groups import folded, group_width, load_group, spread_group
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
    hidden, lanes, length = number(args, -np.inf), width(s), integer(args, 3)
    padded, causal = (columns + lanes - 1) // lanes * lanes, integer(args, 9)
    place = row % length
    for r in range(rows):
        seen = min(columns, max(0, place + 1 - j0)) if causal else columns
        p = shift(s, r * stride)
        for j in range(seen, padded):
            p[j] = hidden
        place = place + 1 if place + 1 < length else 0


@inline
def _top(p, columns, hiddens):  # type: ignore[no-untyped-def]
    """The largest of a row of whole vectors, NaN passed over; four at once, since each waits for the one before."""
    lanes = width(p)
    step = 4 * lanes
    a, b, c, d, whole = hiddens, hiddens, hiddens, hiddens, columns // step * step
    for j in range(0, whole, step):
        a, b = larger(load(shift(p, j)), a), larger(load(shift(p, j + lanes)), b)
        c, d = larger(load(shift(p, j + 2 * lanes)), c), larger(load(shift(p, j + 3 * lanes)), d)
    for j in range(whole, columns, lanes):
        a = larger(load(shift(p, j)), a)
    return largest(larger(larger(a, b), larger(c, d)))


@inline
def _tops(args, s, stride, rows, columns, factor, top):  # type: ignore[no-untyped-def]
    """The largest score of each row, NaN passed over."""
    hiddens = spread(number(args, -np.inf))
    for r in range(rows):
        top[r] = _top(shift(s, r * stride), columns, hiddens) * factor


@inline
def _power(scores, factors, least):  # type: ignore[no-untyped-def]
    """Scores are rounded as the largest was: with huge ones what is left of it would not be 0 otherwise."""
    return exp(rounded(scores * factors) - least)


@inline
def _powers(args, s, stride, rows, columns, factor, base, sums):  # type: ignore[no-untyped-def]
    """Scores to powers; their sums are added to ``sums``."""
    lanes, group = width(s), group_width(s)
    whole, factors, group_factors = columns // group * group, spread(factor), spread_group(factor)
    for r in range(rows):
        p, found = shift(s, r * stride), spread(number(args, 0))
        least, group_least = spread(base[r]), spread_group(base[r])
        for j in range(0, whole, group):
            powers = _power(load_group(shift(p, j)), group_factors, group_least)
            store(shift(p, j), powers)
            found = found + folded(powers)
        for j in range(whole, columns, lanes):
            e = _power(load(shift(p, j)), factors, least)
            store(shift(p, j), e)
            found = found + e
        sums[r] += total(found)


@inline
def _merge_tops(args, rows, top, m, l, factor):  # type: ignore[no-untyped-def]  # noqa: E741 - the letter of the papers
    """The largest score so far into m, what powers are relative to into top, what was summed before times factor."""
    zeros, hiddens, lanes = spread(number(args, 0)), spread(number(args, -np.inf)), width(top)
    for r in range(0, rows, lanes):
        n, before = rows - r, first(shift(m, r), rows - r)
        t = larger(load(shift(top, r)), before)
        base = where_equal(t, hiddens, zeros, t)  # a row without a score yet: powers of 0
        change = exp(before - base)
        store(shift(top, r), base)
        store(shift(factor, r), change)
        put_first(shift(m, r), t, n)
        put_first(shift(l, r), first(shift(l, r), n) * change, n)


@inline
def soften(args, s, stride, rows, columns, factor, m, l, change):  # type: ignore[no-untyped-def]  # noqa: E741
    """Scores to powers, relative to the largest score so far; by how much what was summed before changes.

    A few rows at a time, which stay in the first cache.
    """
    lanes, top = width(s), stack(args, 128)
    for r in range(0, rows, lanes):
        n, p, t = min(lanes, rows - r), shift(s, r * stride), shift(top, r)
        _tops(args, p, stride, n, columns, factor, t)
        _merge_tops(args, n, t, shift(m, r), shift(l, r), shift(change, r))
        _powers(args, p, stride, n, columns, factor, t, shift(l, r))


@inline
def _slope(weights, d, average, outers, zeros):  # type: ignore[no-untyped-def]
    return where_equal(weights, zeros, zeros, weights * outers * (d - average))


@inline
def whole_rows(args, s, d, stride, rows, columns, factor, outer):  # type: ignore[no-untyped-def]
    """Whole rows of scores to weights, and d to ds = p (d - sum p d), times ``outer``.

    All terms are rounded alike, so that they cancel as in the formula: a lone key gets exactly 0.
    """
    lanes, group = width(s), group_width(s)
    zero, one, hidden, mark = number(args, 0), number(args, 1), number(args, -np.inf), number(args, -1)
    zeros, marks, hiddens, factors, outers = spread(zero), spread(mark), spread(hidden), spread(factor), spread(outer)
    group_factors, group_hiddens, group_marks = spread_group(factor), spread_group(hidden), spread_group(mark)
    whole = columns // group * group
    for r in range(rows):
        p, e = shift(s, r * stride), shift(d, r * stride)
        top = _top(p, columns, hiddens) * factor
        lowest = zero if top == hidden else top
        base, group_base, sums = spread(lowest), spread_group(lowest), zeros
        for j in range(0, whole, group):
            v = rounded(load_group(shift(p, j)) * group_factors)
            power = exp(v - group_base)
            sums = sums + folded(power)
            store(shift(p, j), where_equal(v, group_hiddens, group_marks, power))  # -1: 0 also where the sum is NaN
        for j in range(whole, columns, lanes):
            v = rounded(load(shift(p, j)) * factors)
            power = exp(v - base)
            sums = sums + power
            store(shift(p, j), where_equal(v, hiddens, marks, power))
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
            store(shift(e, j), _slope(load(shift(p, j)), load(shift(e, j)), average, outers, zeros))


@inline
def _weight(scores, factors, base, most, hiddens, zeros):  # type: ignore[no-untyped-def]
    """From the log-sum-exp; 0 also where that is -inf, because all scores are, or NaN."""
    v = rounded(scores * factors)
    return where_equal(v, hiddens, zeros, exp(smaller(most, v - base)))


@inline
def parts_of_rows(args, s, d, stride, rows, columns, factor, outer, c, h):  # type: ignore[no-untyped-def]
    """Parts of rows of scores to weights by their log-sum-exp c, and d to ds = p (d - h), times ``outer``."""
    lanes, group, zero, hidden = width(s), group_width(s), number(args, 0), number(args, -np.inf)
    most = number(args, 88)  # also for a c that is not that of these scores
    whole = columns // group * group
    for r in range(rows):
        p, e = shift(s, r * stride), shift(d, r * stride)
        for j in range(0, whole, group):
            q, u, zeros = shift(p, j), shift(e, j), spread_group(zero)
            weights = _weight(
                *(load_group(q), spread_group(factor), spread_group(c[r]), spread_group(most), spread_group(hidden)),
                zeros,
            )
            store(q, weights)
            store(u, _slope(weights, load_group(u), spread_group(h[r]), spread_group(outer), zeros))
        for j in range(whole, columns, lanes):
            q, u, nothing = shift(p, j), shift(e, j), spread(zero)
            weight = _weight(load(q), spread(factor), spread(c[r]), spread(most), spread(hidden), nothing)
            store(q, weight)
            store(u, _slope(weight, load(u), spread(h[r]), spread(outer), nothing))
