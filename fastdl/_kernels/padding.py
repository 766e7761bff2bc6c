"""Padding of arrays at the ends of their axes, and the way back.

Modes: 0 a constant, 1 reflected without the edge itself, 2 the edge repeated, 3 wrapped around. An axis of n places is
preceded by ``before`` new ones.
"""

from .block import integer, integers, pointer, real, shift
from .compiler import inline


@inline
def _source(place, before, n, mode):  # type: ignore[no-untyped-def]
    """Where a place of the padded axis comes from; -1 for the constant."""
    at = place - before
    if 0 <= at < n:
        return at
    if mode == 0:
        return -1
    if mode == 1:
        return -at if at < 0 else 2 * (n - 1) - at
    if mode == 2:
        return 0 if at < 0 else n - 1
    return at + n if at < 0 else at - n


def pad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = x with borders. A cell is some rows of y.

    Slots: y, x, rows of y, rows in a cell, mode, value, the last axis (padded size, n, before), number of outer axes,
    their tables: padded sizes, n, before, steps in x.
    """
    rows, in_cell, mode, value = integer(args, 2), integer(args, 3), integer(args, 4), real(args, 5)
    columns, n, before, outer = integer(args, 6), integer(args, 7), integer(args, 8), integer(args, 9)
    padded, sizes, befores, steps = integers(args, 10), integers(args, 11), integers(args, 12), integers(args, 13)
    for row in range(lo * in_cell, min(rows, hi * in_cell)):
        y = shift(pointer(args, 0), row * columns)
        rest, start, inside = row, 0, True
        for k in range(outer):
            axis = outer - 1 - k
            source = _source(rest % padded[axis], befores[axis], sizes[axis], mode)
            rest //= padded[axis]
            inside = inside and source >= 0
            start += source * steps[axis]
        if not inside:
            for i in range(columns):
                y[i] = value
            continue
        x, middle = shift(pointer(args, 1), start), shift(y, before)
        for i in range(n):
            middle[i] = x[i]
        if mode == 0:
            for i in range(before):
                y[i] = value
            for i in range(before + n, columns):
                y[i] = value
        else:
            for i in range(before):
                y[i] = x[_source(i, before, n, mode)]
            for i in range(before + n, columns):
                y[i] = x[_source(i, before, n, mode)]


def pad_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """The way back along one axis: dx[outer, source, :] += g[outer, place, :]. A cell is some outer places.

    Slots: dx, g, outer places, those in a cell, mode, padded size, n, before, inner places.
    """
    outer, in_cell, mode = integer(args, 2), integer(args, 3), integer(args, 4)
    padded, n, before, inner = integer(args, 5), integer(args, 6), integer(args, 7), integer(args, 8)
    for o in range(lo * in_cell, min(outer, hi * in_cell)):
        dx, g = shift(pointer(args, 0), o * n * inner), shift(pointer(args, 1), o * padded * inner)
        middle = shift(g, before * inner)
        for i in range(n * inner):
            dx[i] = middle[i]
        for k in range(padded - n):
            place = k if k < before else k + n
            target, source = shift(dx, _source(place, before, n, mode) * inner), shift(g, place * inner)
            for i in range(inner):
                target[i] += source[i]
