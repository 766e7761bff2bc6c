"""Recurrent layers: a whole sequence in one launch.

Letters: N sequences of T steps, H hidden units, G gates (1 in the simple layer, 3 in GRU, 4 in LSTM), z (N, T, G H)
what the inputs give to the gates, W (G H, H) the recurrent weight, y (N, T, H) the outputs, s the number of a step in
the order of walking: backwards in time if ``reverse``.

Sequences do not know of each other, so a cell is four of them and walks through all steps: nothing waits for anything.
The product of four rows of h with W is the block of the matrix product, ``outer_rows``, which accumulates in stack
arrays. Units go in blocks, and the weights are packed so that all gates of a block stand side by side: after the
product the arithmetic of the gates finds its operands on the stack, where nothing overlaps. Its loops run on to the
next multiple of 16, past the last unit, so that eight units are not left to scalar code; written as a loop over whole
sixteens with one inside, LLVM unrolls the inner and gathers across the outer one (measured: 2 to 3 times slower).
"""

from . import vector_math as vm
from .block import integer, number, pointer, shift, stack
from .compiler import merge
from .matmul import _put, outer_rows


def pack(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """A cell is a block of units: row k holds the weights that h_k has in its gates, gate by gate, LSTM's as i f o g.

    Slots: packed, W, G, H, units of a block.
    """
    packed, w = pointer(args, 0), pointer(args, 1)
    gates, hidden, width = integer(args, 2), integer(args, 3), integer(args, 4)
    for cell in range(lo, hi):
        first = cell * width
        n = min(width, hidden - first)
        p = shift(packed, first * gates * hidden)
        for gate in range(gates):
            place = gate if gate < 2 or gates == 3 else 5 - gate
            q = shift(w, (gate * hidden + first) * hidden)
            for k in range(hidden):
                row = shift(p, (k * gates + place) * n)
                for j in range(n):
                    row[j] = q[j * hidden + k]


@merge
def _put_or_zero(args, target, source, given, n):  # type: ignore[no-untyped-def]
    if given:
        for j in range(n):
            target[j] = source[j]
    else:
        for j in range(n):
            target[j] = number(args, 0)


@merge
def _place(step, steps, reverse):  # type: ignore[no-untyped-def]
    """Where the step lies that is walked as number ``step``."""
    return steps - 1 - step if reverse else step


@merge
def _row_of(y0, y1, y2, y3, r):  # type: ignore[no-untyped-def]
    return y0 if r == 0 else (y1 if r == 1 else (y2 if r == 2 else y3))


@merge
def _sigmoids(x, n):  # type: ignore[no-untyped-def]
    for j in range((n + 15) & -16):
        x[j] = vm.sigmoid(x[j])


@merge
def _tanhs(target, x, n):  # type: ignore[no-untyped-def]
    for j in range((n + 15) & -16):
        target[j] = vm.tanh(x[j])


def rnn(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """h = s(z + W h). Slots: y, z, h0, has h0, packed W, N, T, H, reverse, units of a block, activation (1 relu)."""
    y, z, h0, has_h0, packed = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3), pointer(args, 4)
    batch, steps, hidden, reverse = integer(args, 5), integer(args, 6), integer(args, 7), integer(args, 8)
    width, relu = integer(args, 9), integer(args, 10)
    y0, y1, y2, y3 = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
    line = steps * hidden
    for cell in range(lo, hi):
        rows, first = min(4, batch - 4 * cell), 4 * cell * line
        for s in range(steps):
            at, before = _place(s, steps, reverse), _place(s - 1, steps, reverse)
            h = shift(y, first + before * hidden) if s > 0 else shift(h0, 4 * cell * hidden)
            stride = line if s > 0 else hidden
            for block in range(-(-hidden // width)):
                u = block * width
                n = min(width, hidden - u)
                for r in range(4):
                    start = shift(z, first + min(r, rows - 1) * line + at * hidden + u)
                    _put(_row_of(y0, y1, y2, y3, r), start, n)
                if s > 0 or has_h0:
                    w = shift(packed, u * hidden)
                    outer_rows(y0, y1, y2, y3, h, stride, w, n, rows, n, hidden)
                for r in range(rows):
                    p = _row_of(y0, y1, y2, y3, r)
                    if relu:
                        for j in range(n):
                            p[j] = number(args, 0) if p[j] <= 0 else p[j]
                    else:
                        _tanhs(p, p, n)
                    _put(shift(y, first + r * line + at * hidden + u), p, n)


def lstm(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """i, f, o = sigmoid, g = tanh of z + W h; c = f c + i g, h = o tanh(c). The gates may overwrite z.

    Slots: y, cells, gates (i f g o), z, h0, has h0, c0, has c0, packed W, N, T, H, reverse, units of a block.
    """
    y, cells, gates, z = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    h0, has_h0, c0, has_c0, packed = (
        pointer(args, 4),
        integer(args, 5),
        pointer(args, 6),
        integer(args, 7),
        pointer(args, 8),
    )
    batch, steps, hidden, reverse = integer(args, 9), integer(args, 10), integer(args, 11), integer(args, 12)
    width, line = integer(args, 13), steps * hidden
    y0, y1, y2, y3 = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
    c, t = stack(args, 64), stack(args, 64)
    for cell in range(lo, hi):
        rows, first = min(4, batch - 4 * cell), 4 * cell * line
        for s in range(steps):
            at, before = _place(s, steps, reverse), _place(s - 1, steps, reverse)
            h = shift(y, first + before * hidden) if s > 0 else shift(h0, 4 * cell * hidden)
            stride = line if s > 0 else hidden
            for block in range(-(-hidden // width)):
                u = block * width
                n = min(width, hidden - u)
                for r in range(4):
                    start = shift(z, 4 * (first + min(r, rows - 1) * line + at * hidden) + u)
                    p = _row_of(y0, y1, y2, y3, r)
                    _put(p, start, n)
                    _put(shift(p, n), shift(start, hidden), n)
                    _put(shift(p, 2 * n), shift(start, 3 * hidden), n)
                    _put(shift(p, 3 * n), shift(start, 2 * hidden), n)
                if s > 0 or has_h0:
                    w = shift(packed, 4 * u * hidden)
                    outer_rows(y0, y1, y2, y3, h, stride, w, 4 * n, rows, 4 * n, hidden)
                for r in range(rows):
                    p, place = _row_of(y0, y1, y2, y3, r), first + r * line + at * hidden
                    if s > 0:
                        _put(c, shift(cells, first + r * line + before * hidden + u), n)
                    else:
                        _put_or_zero(args, c, shift(c0, (4 * cell + r) * hidden + u), has_c0, n)
                    _tanhs(t, shift(p, 3 * n), n)
                    _sigmoids(p, 3 * n)  # past its end over the numbers that t was made of
                    saved = shift(gates, 4 * place + u)
                    _put(saved, p, n)
                    _put(shift(saved, hidden), shift(p, n), n)
                    _put(shift(saved, 2 * hidden), t, n)
                    _put(shift(saved, 3 * hidden), shift(p, 2 * n), n)
                    for j in range(n):
                        c[j] = p[n + j] * c[j] + p[j] * t[j]
                    _put(shift(cells, place + u), c, n)
                    _tanhs(t, c, n)
                    for j in range(n):
                        t[j] = p[2 * n + j] * t[j]
                    _put(shift(y, place + u), t, n)


def gru(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """q = W_n h + b_n; r, v = sigmoid(z + W h + b), n = tanh(z + r q), h = (1 - v) n + v h. The gates may overwrite z.

    Slots: y, gates (r v n), q, z, h0, has h0, packed W, b, has b, N, T, H, reverse, units of a block.
    """
    y, gates, q, z = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    h0, has_h0, packed, bias, has_bias = (
        pointer(args, 4),
        integer(args, 5),
        pointer(args, 6),
        pointer(args, 7),
        integer(args, 8),
    )
    batch, steps, hidden, reverse = integer(args, 9), integer(args, 10), integer(args, 11), integer(args, 12)
    width, line = integer(args, 13), steps * hidden
    y0, y1, y2, y3 = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
    old, t, x, b = stack(args, 64), stack(args, 64), stack(args, 64), stack(args, 192)
    for cell in range(lo, hi):
        rows, first = min(4, batch - 4 * cell), 4 * cell * line
        for s in range(steps):
            at, before = _place(s, steps, reverse), _place(s - 1, steps, reverse)
            h = shift(y, first + before * hidden) if s > 0 else shift(h0, 4 * cell * hidden)
            stride = line if s > 0 else hidden
            for block in range(-(-hidden // width)):
                u = block * width
                n = min(width, hidden - u)
                for gate in range(3):
                    _put_or_zero(args, shift(b, gate * n), shift(bias, gate * hidden + u), has_bias, n)
                for r in range(4):
                    start = shift(z, 3 * (first + min(r, rows - 1) * line + at * hidden) + u)
                    p = _row_of(y0, y1, y2, y3, r)
                    _put(p, start, n)
                    _put(shift(p, n), shift(start, hidden), n)
                    for j in range(2 * n):
                        p[j] += b[j]
                    _put(shift(p, 2 * n), shift(b, 2 * n), n)
                if s > 0 or has_h0:
                    w = shift(packed, 3 * u * hidden)
                    outer_rows(y0, y1, y2, y3, h, stride, w, 3 * n, rows, 3 * n, hidden)
                for r in range(rows):
                    p, place = _row_of(y0, y1, y2, y3, r), first + r * line + at * hidden
                    if s > 0:
                        _put(old, shift(y, first + r * line + before * hidden + u), n)
                    else:
                        _put_or_zero(args, old, shift(h0, (4 * cell + r) * hidden + u), has_h0, n)
                    saved = shift(gates, 3 * place + u)
                    _put(x, shift(z, 3 * place + 2 * hidden + u), n)
                    _put(t, shift(p, 2 * n), n)
                    _put(shift(q, place + u), t, n)
                    _sigmoids(p, 2 * n)  # past its end over the numbers that t holds
                    for j in range(n):
                        x[j] += p[j] * t[j]
                    _tanhs(t, x, n)
                    _put(saved, p, n)
                    _put(shift(saved, hidden), shift(p, n), n)
                    _put(shift(saved, 2 * hidden), t, n)
                    for j in range(n):
                        t[j] = (number(args, 1) - p[n + j]) * t[j] + p[n + j] * old[j]
                    _put(shift(y, place + u), t, n)
