"""The way back through recurrent layers: from the gradients of the outputs to those of what goes into the gates.

Letters as in ``recurrent.py``; d before a name is its gradient. A cell is four sequences again and walks their steps in
the opposite order: with dz of the step walked before, dh = dy + dz W, and from dh follows dz of this step. After the
last step the same product gives dh0. Gradients of the weights are matrix products over all steps, made elsewhere.
What is handed on from step to step besides dh lies where its last value is wanted: dc0, dh0.

``extra`` is added to dz of its step; only gradients of gradients need it (they see the saved gates as a result).
"""

from . import vector_math as vm
from .block import integer, number, pointer, shift, stack
from .compiler import merge
from .matmul import _put, outer_rows
from .recurrent import _place, _put_or_zero, _row_of


@merge
def _add(target, source, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        target[j] += source[j]


def rnn_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dz = dh s'(z). Slots: dz, dh0, dy, y, W, N, T, H, reverse, units of a block, activation (1 relu, else tanh)."""
    dz, dh0, dy, y, w = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3), pointer(args, 4)
    batch, steps, hidden, reverse = integer(args, 5), integer(args, 6), integer(args, 7), integer(args, 8)
    width, relu, line = integer(args, 9), integer(args, 10), steps * hidden
    y0, y1, y2, y3 = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
    for cell in range(lo, hi):
        rows, first = min(4, batch - 4 * cell), 4 * cell * line
        for back in range(steps + 1):
            s = steps - 1 - back
            at, later = _place(s, steps, reverse), _place(s + 1, steps, reverse)
            for block in range(-(-hidden // width)):
                u = block * width
                n = min(width, hidden - u)
                for r in range(4):
                    start = shift(dy, first + min(r, rows - 1) * line + at * hidden + u)
                    _put_or_zero(args, _row_of(y0, y1, y2, y3, r), start, s >= 0, n)
                if back > 0:
                    d = shift(dz, first + later * hidden)
                    outer_rows(y0, y1, y2, y3, d, line, shift(w, u), hidden, rows, n, hidden)
                for r in range(rows):
                    p, place = _row_of(y0, y1, y2, y3, r), first + r * line + at * hidden + u
                    if s < 0:
                        _put(shift(dh0, (4 * cell + r) * hidden + u), p, n)
                        continue
                    h = shift(y, place)
                    if relu:
                        for j in range(n):
                            p[j] = number(args, 0) if h[j] <= 0 else p[j]
                    else:
                        for j in range(n):
                            p[j] *= number(args, 1) - h[j] * h[j]
                    _put(shift(dz, place), p, n)


@merge
def _lstm_step(args, dh, d, gates, c, old, carry, n):  # type: ignore[no-untyped-def]
    """One row of one block: d (i f g o, 64 apart) += dz; ``carry`` comes as dc and goes as dc of the step before."""
    one = number(args, 1)
    for j in range((n + 15) & -16):
        i, f, g, o = gates[j], gates[64 + j], gates[128 + j], gates[192 + j]
        t = vm.tanh(c[j])
        dc = carry[j] + dh[j] * o * (one - t * t)
        d[j] += dc * g * i * (one - i)
        d[64 + j] += dc * old[j] * f * (one - f)
        d[128 + j] += dc * i * (one - g * g)
        d[192 + j] += dh[j] * t * o * (one - o)
        carry[j] = dc * f


def lstm_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: dz, dh0, dc0, dy, has dy, dcells, has dcells, extra, has extra, gates, cells, c0, has c0, W, N, T, H,
    reverse, units of a block.
    """
    dz, dh0, dc0, dy, dcells = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3), pointer(args, 5)
    has_dy, has_dcells, has_extra, has_c0 = integer(args, 4), integer(args, 6), integer(args, 8), integer(args, 12)
    extra, gates, cells, c0, w = (
        pointer(args, 7),
        pointer(args, 9),
        pointer(args, 10),
        pointer(args, 11),
        pointer(args, 13),
    )
    batch, steps, hidden, reverse = integer(args, 14), integer(args, 15), integer(args, 16), integer(args, 17)
    width, line = integer(args, 18), steps * hidden
    y0, y1, y2, y3 = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
    d, g, c, old, carry = stack(args, 256), stack(args, 256), stack(args, 64), stack(args, 64), stack(args, 64)
    for cell in range(lo, hi):
        rows, first = min(4, batch - 4 * cell), 4 * cell * line
        for back in range(steps + 1):
            s = steps - 1 - back
            at, later, before = (
                _place(s, steps, reverse),
                _place(s + 1, steps, reverse),
                _place(s - 1, steps, reverse),
            )
            for block in range(-(-hidden // width)):
                u = block * width
                n = min(width, hidden - u)
                for r in range(4):
                    start = shift(dy, first + min(r, rows - 1) * line + at * hidden + u)
                    _put_or_zero(args, _row_of(y0, y1, y2, y3, r), start, s >= 0 and has_dy, n)
                if back > 0:
                    a = shift(dz, 4 * (first + later * hidden))
                    outer_rows(y0, y1, y2, y3, a, 4 * line, shift(w, u), hidden, rows, n, 4 * hidden)
                for r in range(rows):
                    p, place = _row_of(y0, y1, y2, y3, r), first + r * line + at * hidden
                    state = (4 * cell + r) * hidden + u
                    if s < 0:
                        _put(shift(dh0, state), p, n)
                        continue
                    for gate in range(4):
                        column = 4 * place + gate * hidden + u
                        _put(shift(g, 64 * gate), shift(gates, column), n)
                        _put_or_zero(args, shift(d, 64 * gate), shift(extra, column), has_extra, n)
                    _put(c, shift(cells, place + u), n)
                    if s > 0:
                        _put(old, shift(cells, first + r * line + before * hidden + u), n)
                    else:
                        _put_or_zero(args, old, shift(c0, state), has_c0, n)
                    _put_or_zero(args, carry, shift(dc0, state), back > 0, n)
                    if has_dcells:
                        _add(carry, shift(dcells, place + u), n)
                    _lstm_step(args, p, d, g, c, old, carry, n)
                    for gate in range(4):
                        _put(shift(dz, 4 * place + gate * hidden + u), shift(d, 64 * gate), n)
                    _put(shift(dc0, state), carry, n)


@merge
def _gru_step(args, dh, d, gates, q, old, n):  # type: ignore[no-untyped-def]
    """One row of one block: d (r v n q, 64 apart) += dz and dq; ``dh`` becomes what the step before gets of it."""
    one = number(args, 1)
    for j in range((n + 15) & -16):
        r, v, m = gates[j], gates[64 + j], gates[128 + j]
        dm = d[128 + j] + dh[j] * (one - v) * (one - m * m)
        d[j] += dm * q[j] * r * (one - r)
        d[64 + j] += dh[j] * (old[j] - m) * v * (one - v)
        d[128 + j] = dm
        d[192 + j] += dm * r
        dh[j] *= v


def gru_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dz holds the gradients of r v n before their activation, dw those of W h + b, which differ in n.

    Slots: dz, dw, dh0, dy, has dy, extra, has extra, extra of q, has it, gates, q, y, h0, has h0, W, N, T, H, reverse,
    units of a block.
    """
    dz, dw, dh0, dy, has_dy = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3), integer(args, 4)
    extra, has_extra, extra_q, has_extra_q = pointer(args, 5), integer(args, 6), pointer(args, 7), integer(args, 8)
    gates, q, y, h0, has_h0 = (
        pointer(args, 9),
        pointer(args, 10),
        pointer(args, 11),
        pointer(args, 12),
        integer(args, 13),
    )
    w, batch, steps, hidden = pointer(args, 14), integer(args, 15), integer(args, 16), integer(args, 17)
    reverse, width, line = integer(args, 18), integer(args, 19), steps * hidden
    y0, y1, y2, y3 = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
    d, g, m, old = stack(args, 256), stack(args, 192), stack(args, 64), stack(args, 64)
    for cell in range(lo, hi):
        rows, first = min(4, batch - 4 * cell), 4 * cell * line
        for back in range(steps + 1):
            s = steps - 1 - back
            at, later, before = (
                _place(s, steps, reverse),
                _place(s + 1, steps, reverse),
                _place(s - 1, steps, reverse),
            )
            for block in range(-(-hidden // width)):
                u = block * width
                n = min(width, hidden - u)
                for r in range(4):
                    start = shift(dy, first + min(r, rows - 1) * line + at * hidden + u)
                    _put_or_zero(args, _row_of(y0, y1, y2, y3, r), start, s >= 0 and has_dy, n)
                if back > 0:
                    a = shift(dw, 3 * (first + later * hidden))
                    outer_rows(y0, y1, y2, y3, a, 3 * line, shift(w, u), hidden, rows, n, 3 * hidden)
                for r in range(rows):
                    p, place = _row_of(y0, y1, y2, y3, r), first + r * line + at * hidden
                    state = (4 * cell + r) * hidden + u
                    if back > 0:
                        _add(p, shift(dh0, state), n)
                    if s < 0:
                        _put(shift(dh0, state), p, n)
                        continue
                    for gate in range(3):
                        column = 3 * place + gate * hidden + u
                        _put(shift(g, 64 * gate), shift(gates, column), n)
                        _put_or_zero(args, shift(d, 64 * gate), shift(extra, column), has_extra, n)
                    _put_or_zero(args, shift(d, 192), shift(extra_q, place + u), has_extra_q, n)
                    _put(m, shift(q, place + u), n)
                    if s > 0:
                        _put(old, shift(y, first + r * line + before * hidden + u), n)
                    else:
                        _put_or_zero(args, old, shift(h0, state), has_h0, n)
                    _gru_step(args, p, d, g, m, old, n)
                    _put(shift(dh0, state), p, n)
                    for gate in range(3):
                        column = 3 * place + gate * hidden + u
                        _put(shift(dz, column), shift(d, 64 * gate), n)
                        _put(shift(dw, column), shift(d, 64 * (gate if gate < 2 else 3)), n)
