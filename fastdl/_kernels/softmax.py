"""Softmax and its logarithm along one axis, with their gradients; x as (outer, n, inner), the axis in the middle.

Along the last axis (inner = 1) the kernels ``_rows`` work on whole rows: several short ones together in a buffer of 512
elements, so that exp runs over full vectors, a long one piece by piece, whose powers of up to 4096 elements stay in a
buffer, so that y is only written. Powers are those of ``raised_exp``: dividing them by their sum takes the factor away,
and small results have their digits. Otherwise ``_columns`` work on blocks of 128
columns, so that memory is walked along the inner axis. Long sums are made of sums of pieces: a plain sum of 600 float32
numbers, one after the other, was off by 40 units in the last place. Every output may be the memory of an input: results
are made in the buffer and copied, which also spares LLVM the checks whether arrays overlap.

Letters: m maximum, s sum, t the buffer, p q r places in the output and the inputs. A NaN, a +inf or nothing but -inf
in a row makes the whole row NaN, as in the formula with the maximum subtracted.
"""

from . import vector_math as vm
from .block import address, integer, number, pointer, shift, stack
from .compiler import inline
from .streaming import large, put, put_less, put_times, room
from .vector_exp import lowered, raised_exp
from .vector_groups import folded, group_width, kept, load_group, spread_group
from .vector_max import maximum
from .vectors import fence, first, load, put_first, spread, store, total, width


@inline
def _exp(t, n):  # type: ignore[no-untyped-def]
    """``raised_exp`` of the buffer in place, up to a full vector after its n elements."""
    lanes, group = width(t), group_width(t)
    whole = n // group * group
    for j in range(0, whole, group):
        store(shift(t, j), raised_exp(load_group(shift(t, j))))
    for j in range(whole, n, lanes):
        store(shift(t, j), raised_exp(load(shift(t, j))))


@inline
def _exp_sum(args, t, x, m, n, keep):  # type: ignore[no-untyped-def]
    """The sum of ``raised_exp`` of x - m, which are left in t if ``keep``."""
    lanes, group, zero = width(x), group_width(x), number(args, 0)
    less, sums, rest = spread_group(m), spread(zero), spread(m)
    whole = n // group * group
    for j in range(0, whole, group):
        v = raised_exp(load_group(shift(x, j)) - less)
        if keep:
            store(shift(t, j), v)
        sums = sums + folded(v)
    for j in range(whole, n, lanes):
        e = raised_exp(first(shift(x, j), n - j) - rest)
        if keep:
            put_first(shift(t, j), e, n - j)
        sums = sums + kept(e, n - j)
    return total(sums)


@inline
def _copy(p, t, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        p[j] = t[j]


@inline
def _lower(t, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        t[j] = lowered(t[j])


@inline
def _fill(t, value, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        t[j] = value


@inline
def _add(s, t, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        s[j] += t[j]


@inline
def _sum(t, n, zero):  # type: ignore[no-untyped-def]
    s = zero
    for j in range(n):
        s += t[j]
    return s


def _rows(logarithm):  # type: ignore[no-untyped-def]
    """Slots: y, x, outer, n, rows in a cell."""

    @inline
    def short_rows(args, x, n, count, t, tops):  # type: ignore[no-untyped-def]
        for row in range(count):
            q, u = shift(x, row * n), shift(t, row * n)
            m = maximum(q, n)
            tops[row] = m
            for j in range(n):
                u[j] = q[j] - m
        _exp(t, count * n)
        for row in range(count):
            q, u = shift(x, row * n), shift(t, row * n)
            s = _sum(u, n, number(args, 0))
            if logarithm:
                m, s = tops[row], vm.log(lowered(s))
                for j in range(n):
                    u[j] = vm.minus_both(q[j], m, s)
            else:
                scale = number(args, 1) / s
                for j in range(n):
                    u[j] = u[j] * scale

    @inline
    def long_row(args, y, x, n, t, past):  # type: ignore[no-untyped-def]
        m, s, in_buffer = maximum(x, n), number(args, 0), n <= 4096
        piece = 32 * group_width(x)  # sums of 32 in each lane
        for start in range(0, n, piece):
            powers = t if in_buffer else y
            s += _exp_sum(args, shift(powers, start), shift(x, start), m, min(piece, n - start), not logarithm)
        if logarithm:
            put_less(y, x, m, vm.log(lowered(s)), n, past)
        elif in_buffer:
            put_times(y, t, number(args, 1) / s, n, past)
        else:
            put_times(y, y, number(args, 1) / s, n, False)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, outer, n, in_cell = (
            pointer(args, 0),
            pointer(args, 1),
            integer(args, 2),
            integer(args, 3),
            integer(args, 4),
        )
        row, last = lo * in_cell, min(outer, hi * in_cell)
        past = large(y, outer * n) and address(y) != address(x)
        t, tops = stack(args, 4096), stack(args, 512)
        if n > 512:
            for long in range(row, last):
                long_row(args, shift(y, long * n), shift(x, long * n), n, t, past)
        else:
            group = 512 // n
            while row < last:
                count = min(group, last - row)
                short_rows(args, shift(x, row * n), n, count, t, tops)
                put(shift(y, row * n), t, count * n, past)
                row += count
        if past:
            fence()

    return kernel


def _columns(logarithm):  # type: ignore[no-untyped-def]
    """Slots: y, x, n, inner, blocks of 128 columns. Cells: (outer, blocks)."""

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, n, inner, blocks = (
            pointer(args, 0),
            pointer(args, 1),
            integer(args, 2),
            integer(args, 3),
            integer(args, 4),
        )
        m, s, part, t = stack(args, 128), stack(args, 128), stack(args, 128), stack(args, 128)
        for cell in range(lo, hi):
            column = cell % blocks * 128
            width = min(128, inner - column)
            start = cell // blocks * n * inner + column
            _copy(m, shift(x, start), width)
            for k in range(1, n):
                q = shift(x, start + k * inner)
                for j in range(width):
                    v = q[j]
                    m[j] = v if v > m[j] else m[j]
            _fill(s, number(args, 0), width)
            for top in range(0, n, 32):
                _fill(part, number(args, 0), width)
                for k in range(top, min(n, top + 32)):
                    p, q = shift(y, start + k * inner), shift(x, start + k * inner)
                    for j in range(width):
                        t[j] = q[j] - m[j]
                    _exp(t, width)
                    _add(part, t, width)
                    if not logarithm:
                        _copy(p, t, width)
                _add(s, part, width)
            for j in range(width):
                s[j] = vm.log(lowered(s[j])) if logarithm else number(args, 1) / s[j]
            for k in range(n):
                p, q = shift(y, start + k * inner), shift(x, start + k * inner)
                if logarithm:
                    for j in range(width):
                        t[j] = vm.minus_both(q[j], m[j], s[j])
                    _copy(p, t, width)
                else:
                    for j in range(width):
                        p[j] = p[j] * s[j]

    return kernel


def _grad_rows(logarithm):  # type: ignore[no-untyped-def]
    """Slots: dx, g, y, outer, n, rows in a cell. dx = y (g - sum(g y)), or g - exp(y) sum(g) for the logarithm."""

    @inline
    def total(args, g, y, n):  # type: ignore[no-untyped-def]
        s = number(args, 0)
        for j in range(n):
            s += g[j] if logarithm else g[j] * y[j]
        return s

    @inline
    def finish(t, g, y, s, n):  # type: ignore[no-untyped-def]
        """Into t, which holds exp(y) for the logarithm."""
        for j in range(n):
            t[j] = g[j] - t[j] * s if logarithm else y[j] * (g[j] - s)

    @inline
    def exp_of(t, y, n):  # type: ignore[no-untyped-def]
        if logarithm:
            _copy(t, y, n)
            _exp(t, n)
            _lower(t, n)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        dx, g, y = pointer(args, 0), pointer(args, 1), pointer(args, 2)
        outer, n, in_cell = integer(args, 3), integer(args, 4), integer(args, 5)
        row, last = lo * in_cell, min(outer, hi * in_cell)
        past = large(dx, outer * n) and address(dx) != address(g) and address(dx) != address(y)
        t = stack(args, 512)
        if n > 512:
            for place in range(row * n, last * n, n):
                s = number(args, 0)
                for start in range(place, place + n, 512):
                    s += total(args, shift(g, start), shift(y, start), min(512, place + n - start))
                start = place
                while start < place + n:
                    p, q, r = shift(dx, start), shift(g, start), shift(y, start)
                    size = min(place + n - start, room(p, 512))
                    exp_of(t, r, size)
                    finish(t, q, r, s, size)
                    put(p, t, size, past)
                    start += size
        else:
            group = 512 // n
            while row < last:
                count = min(group, last - row)
                exp_of(t, shift(y, row * n), count * n)
                for k in range(count):
                    q, r = shift(g, (row + k) * n), shift(y, (row + k) * n)
                    finish(shift(t, k * n), q, r, total(args, q, r, n), n)
                put(shift(dx, row * n), t, count * n, past)
                row += count
        if past:
            fence()

    return kernel


def _grad_columns(logarithm):  # type: ignore[no-untyped-def]
    """Slots: dx, g, y, n, inner, blocks of 128 columns. Cells: (outer, blocks)."""

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        dx, g, y = pointer(args, 0), pointer(args, 1), pointer(args, 2)
        n, inner, blocks = integer(args, 3), integer(args, 4), integer(args, 5)
        s, t = stack(args, 128), stack(args, 128)
        for cell in range(lo, hi):
            column = cell % blocks * 128
            width = min(128, inner - column)
            start = cell // blocks * n * inner + column
            _fill(s, number(args, 0), width)
            for top in range(0, n, 32):
                _fill(t, number(args, 0), width)
                for k in range(top, min(n, top + 32)):
                    q, r = shift(g, start + k * inner), shift(y, start + k * inner)
                    for j in range(width):
                        t[j] += q[j] if logarithm else q[j] * r[j]
                _add(s, t, width)
            for k in range(n):
                place = start + k * inner
                p, q, r = shift(dx, place), shift(g, place), shift(y, place)
                if logarithm:
                    _copy(t, r, width)
                    _exp(t, width)
                    _lower(t, width)
                    for j in range(width):
                        t[j] = q[j] - t[j] * s[j]
                else:
                    for j in range(width):
                        t[j] = r[j] * (q[j] - s[j])
                _copy(p, t, width)

    return kernel


softmax_rows, log_softmax_rows = _rows(False), _rows(True)
softmax_columns, log_softmax_columns = _columns(False), _columns(True)
softmax_grad_rows, log_softmax_grad_rows = _grad_rows(False), _grad_rows(True)
softmax_grad_columns, log_softmax_grad_columns = _grad_columns(False), _grad_columns(True)
