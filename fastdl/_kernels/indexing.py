"""Kernels that pick elements by lists of positions, and the way back: adding up what was picked.

x is (outer, n, inner), positions count along n; those below 0 count from the end. A position outside is reported in the
status word and skipped. The ways back own the places they add to, cell by cell, and go through the positions in order,
so that the sums do not depend on who runs them.
"""

from .block import integer, integers, number, pointer, shift
from .compiler import inline


@inline
def _place(at, n, status, code):  # type: ignore[no-untyped-def]
    """A position counted from the front; -1, and reported, if it is outside."""
    place = at + n if at < 0 else at
    if 0 <= place < n:
        return place
    status[0] = code
    return -1


def take(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer, k, :] = x[outer, at[k], :]. A cell is a block of positions k at an outer place.

    Slots: y, x, at, status, code, n, inner, number of positions, positions in a cell.
    """
    y, x, at, status, code = pointer(args, 0), pointer(args, 1), integers(args, 2), integers(args, 3), integer(args, 4)
    n, inner, count, in_cell = integer(args, 5), integer(args, 6), integer(args, 7), integer(args, 8)
    blocks = (count + in_cell - 1) // in_cell
    for cell in range(lo, hi):
        outer, first = cell // blocks, cell % blocks * in_cell
        to, source = shift(y, outer * count * inner), shift(x, outer * n * inner)
        for k in range(first, min(count, first + in_cell)):
            place = _place(at[k], n, status, code)
            if place >= 0 and inner == 1:
                to[k] = source[place]
            elif place >= 0:
                line, row = shift(to, k * inner), shift(source, place * inner)
                for i in range(inner):
                    line[i] = row[i]


def take_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dx[outer, at[k], :] += g[outer, k, :], from zero. A cell is 32 columns of an outer place.

    Slots: dx, g, at, status, code, n, inner, number of positions.
    """
    dx, g, at, status, code = pointer(args, 0), pointer(args, 1), integers(args, 2), integers(args, 3), integer(args, 4)
    n, inner, count = integer(args, 5), integer(args, 6), integer(args, 7)
    blocks = (inner + 31) // 32
    for cell in range(lo, hi):
        outer, first = cell // blocks, cell % blocks * 32
        across = min(32, inner - first)
        base, source = shift(dx, outer * n * inner + first), shift(g, outer * count * inner + first)
        _clear(args, base, n, inner, across)
        for k in range(count):
            place = _place(at[k], n, status, code)
            if place >= 0:
                to, row = shift(base, place * inner), shift(source, k * inner)
                for i in range(across):
                    to[i] += row[i]


@inline
def _clear(args, base, rows, step, across):  # type: ignore[no-untyped-def]
    """Zeros in ``across`` columns of rows that lie ``step`` apart."""
    if across == step:
        for i in range(rows * step):
            base[i] = number(args, 0)
    else:
        for row in range(rows):
            to = shift(base, row * step)
            for i in range(across):
                to[i] = number(args, 0)


def take_along_axis(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer, k, i] = x[outer, at[outer, k, i], i]. A cell is some outer places, or 256 columns of one.

    Slots: y, x, at, status, code, outer, n, inner, positions along the axis, outer places in a cell.
    """
    y, x, at, status, code = pointer(args, 0), pointer(args, 1), integers(args, 2), integers(args, 3), integer(args, 4)
    outer, n, inner = integer(args, 5), integer(args, 6), integer(args, 7)
    count, in_cell, blocks = integer(args, 8), integer(args, 9), (integer(args, 7) + 255) // 256
    for cell in range(lo, hi):
        first, last = cell % blocks * 256, min(inner, cell % blocks * 256 + 256)
        for o in range(cell // blocks * in_cell, min(outer, (cell // blocks + 1) * in_cell)):
            source = shift(x, o * n * inner)
            for k in range(count):
                start = (o * count + k) * inner
                for i in range(first, last):
                    place = _place(at[start + i], n, status, code)
                    if place >= 0:
                        y[start + i] = source[place * inner + i]


def take_along_axis_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dx[outer, at[outer, k, i], i] += g[outer, k, i], from zero. Cells and slots as in ``take_along_axis``: dx, g."""
    dx, g, at, status, code = pointer(args, 0), pointer(args, 1), integers(args, 2), integers(args, 3), integer(args, 4)
    outer, n, inner = integer(args, 5), integer(args, 6), integer(args, 7)
    count, in_cell, blocks = integer(args, 8), integer(args, 9), (integer(args, 7) + 255) // 256
    for cell in range(lo, hi):
        first, last = cell % blocks * 256, min(inner, cell % blocks * 256 + 256)
        begin, end = cell // blocks * in_cell, min(outer, (cell // blocks + 1) * in_cell)
        _clear(args, shift(dx, begin * n * inner + first), (end - begin) * n, inner, last - first)
        for o in range(begin, end):
            to = shift(dx, o * n * inner)
            for k in range(count):
                start = (o * count + k) * inner
                for i in range(first, last):
                    place = _place(at[start + i], n, status, code)
                    if place >= 0:
                        to[place * inner + i] += g[start + i]
