"""Optimiser steps on one parameter array, equal to PyTorch's rules, and learning rates that change. Cells of 4096.

The step counter and the learning rate are read from memory, so that they may change inside a running plan; what
follows from them alone is computed once a call, in float64. Parameters and state are updated where they stand: a result
that has memory of its own is filled with a copy first, because a loop that reads one pointer and writes another that
may be equal to it would not be vectorised. Letters: p parameters, g gradient, v velocity or mean square, m mean.
"""

import numpy as np

from .block import address, doubles, from_bits, integer, integers, number, pointer, real, shift, stack
from .compiler import inline


@inline
def _moved(args, result, source, first, last):  # type: ignore[no-untyped-def]
    """The array of slot ``result``, holding the elements first..last of the array of slot ``source``."""
    to, x = pointer(args, result), pointer(args, source)
    if address(to) != address(x):
        for i in range(first, last):
            to[i] = x[i]
    return to


@inline
def _double(args, k):  # type: ignore[no-untyped-def]
    """Slot ``k``, a real, in float64 whatever the kernel's type."""
    return from_bits(0.0, integer(args, k))


@inline
def _copy(to, x, n):  # type: ignore[no-untyped-def]
    for i in range(n):
        to[i] = x[i]


def sgd(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """g += decay p; p -= rate g. Slots: p, p before, g, n, rate, decay."""
    first, last = lo * 4096, min(integer(args, 3), hi * 4096)
    p, g = _moved(args, 0, 1, first, last), pointer(args, 2)
    rate, decay = number(args, doubles(args, 4)[0]), real(args, 5)
    for i in range(first, last):
        p[i] -= rate * (g[i] + decay * p[i])


def sgd_momentum(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """g += decay p; v = momentum v + g, in the first step v = g; p -= rate v, with Nesterov rate (g + momentum v).

    Slots: p, p before, g, n, rate, decay, v, v before, step, momentum, Nesterov.
    """
    first, last = lo * 4096, min(integer(args, 3), hi * 4096)
    p, v, g = _moved(args, 0, 1, first, last), _moved(args, 6, 7, first, last), pointer(args, 2)
    rate, decay, momentum = number(args, doubles(args, 4)[0]), real(args, 5), real(args, 9)
    begins, nesterov = integers(args, 8)[0] == 0, integer(args, 10)
    for start in range(first, last, 1024):  # so that the second loop finds in the first cache what the first one left
        stop = min(last, start + 1024)
        if begins:
            for i in range(start, stop):
                v[i] = g[i] + decay * p[i]
        else:
            for i in range(start, stop):
                v[i] = momentum * v[i] + (g[i] + decay * p[i])
        if nesterov:
            for i in range(start, stop):
                p[i] -= rate * (g[i] + decay * p[i] + momentum * v[i])
        else:
            for i in range(start, stop):
                p[i] -= rate * v[i]


def adam(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; p -= rate m / bias1 / (sqrt(v / bias2) + eps).

    Weight decay: g += decay p before, or decoupled p *= 1 - rate decay. Slots: p, p before, g, n, rate, decay, m,
    m before, v, v before, step, beta1, beta2, 1 - beta1, 1 - beta2, eps, decoupled.
    """
    first, last = lo * 4096, min(integer(args, 3), hi * 4096)
    p, g = _moved(args, 0, 1, first, last), pointer(args, 2)
    m, v = _moved(args, 6, 7, first, last), _moved(args, 8, 9, first, last)
    rate, t, beta1, beta2 = doubles(args, 4)[0], integers(args, 10)[0] + 1, _double(args, 11), _double(args, 12)
    decay, kept = real(args, 5), number(args, 1)
    if integer(args, 16):
        decay, kept = number(args, 0), number(args, 1 - rate * _double(args, 5))
    # Of the fraction, both parts times sqrt(bias2): one division less for each number.
    root = np.sqrt(1 - beta2 ** np.float64(t))
    size, eps = number(args, rate * root / (1 - beta1 ** np.float64(t))), number(args, root * _double(args, 15))
    # 1 - beta is an argument: were it computed here, LLVM would turn b v + (1 - b) x into x + b (v - x), which cancels.
    old1, old2, new1, new2 = real(args, 11), real(args, 12), real(args, 13), real(args, 14)
    for i in range(first, last):
        gradient = g[i] + decay * p[i]
        m[i] = old1 * m[i] + new1 * gradient
        v[i] = old2 * v[i] + new2 * gradient * gradient
        p[i] = kept * p[i] - size * m[i] / (np.sqrt(v[i]) + eps)


def rmsprop(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """s = alpha s + (1 - alpha) g^2; d = g / (sqrt(s - m^2) + eps), m the centre; v = momentum v + d; p -= rate v.

    Slots: p, p before, g, n, rate, decay, s, s before, alpha, 1 - alpha, eps, momentum, centred, m, m before, with
    momentum, v, v before. Rounding may make s - m^2 less than 0, which counts as 0.
    """
    first, last = lo * 4096, min(integer(args, 3), hi * 4096)
    p, g, s = _moved(args, 0, 1, first, last), pointer(args, 2), _moved(args, 6, 7, first, last)
    rate, decay, zero = number(args, doubles(args, 4)[0]), real(args, 5), number(args, 0)
    old, new, eps, momentum = real(args, 8), real(args, 9), real(args, 10), real(args, 11)
    centred, moving = integer(args, 12), integer(args, 15)
    m, v = _moved(args, 13, 14, first, last), _moved(args, 16, 17, first, last)
    if not centred and not moving:
        for i in range(first, last):
            gradient = g[i] + decay * p[i]
            s[i] = old * s[i] + new * gradient * gradient
            p[i] -= rate * (gradient / (np.sqrt(s[i]) + eps))
        return
    spread, step = stack(args, 256), stack(args, 256)
    for start in range(first, last, 256):
        n = min(256, last - start)
        q, r, squares = shift(p, start), shift(g, start), shift(s, start)
        for i in range(n):
            gradient = r[i] + decay * q[i]
            squares[i] = old * squares[i] + new * gradient * gradient
        _copy(spread, squares, n)
        if centred:
            centre = shift(m, start)
            for i in range(n):
                centre[i] = old * centre[i] + new * (r[i] + decay * q[i])
            for i in range(n):
                left = spread[i] - centre[i] * centre[i]
                spread[i] = zero if left < 0 else left
        for i in range(n):
            step[i] = (r[i] + decay * q[i]) / (np.sqrt(spread[i]) + eps)
        if moving:
            speed = shift(v, start)
            for i in range(n):
                step[i] = momentum * speed[i] + step[i]
            _copy(speed, step, n)
        for i in range(n):
            q[i] -= rate * step[i]


def adagrad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """g += decay p; s += g^2; p -= rate / (1 + step slowing) g / (sqrt(s) + eps).

    Slots: p, p before, g, n, rate, decay, s, s before, step, slowing, eps.
    """
    first, last = lo * 4096, min(integer(args, 3), hi * 4096)
    p, g, s = _moved(args, 0, 1, first, last), pointer(args, 2), _moved(args, 6, 7, first, last)
    rate = number(args, doubles(args, 4)[0] / (1 + np.float64(integers(args, 8)[0]) * _double(args, 9)))
    decay, eps = real(args, 5), real(args, 10)
    for i in range(first, last):
        gradient = g[i] + decay * p[i]
        s[i] += gradient * gradient
        p[i] -= rate * gradient / (np.sqrt(s[i]) + eps)


def schedule(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """The learning rate at a step: that of the last piece which has begun. Slots: rate, step, pieces, count.

    A piece is start, length, a, b, kind; with u = (step - start) / length the rate is, for kind 0, a + (b - a) u and
    b from u = 1 on; for kind 1 the same with (1 - cos(pi u)) / 2 for u; for kind 2 a b^floor(u).
    """
    rate, t, pieces, count = doubles(args, 0), integers(args, 1)[0], doubles(args, 2), integer(args, 3)
    low, high = 0, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        if pieces[5 * middle] <= t:
            low = middle
        else:
            high = middle - 1
    piece = shift(pieces, 5 * low)
    a, b, kind = piece[2], piece[3], piece[4]
    u = (t - piece[0]) / piece[1]
    if kind == 2:
        rate[0] = a * b ** np.floor(u)
    elif u >= 1:
        rate[0] = b
    elif kind == 1:
        rate[0] = a + (b - a) * (1 - np.cos(np.pi * u)) / 2
    else:
        rate[0] = a + (b - a) * u
