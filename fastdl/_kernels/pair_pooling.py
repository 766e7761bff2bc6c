"""Max pooling over windows of 2 x 2 side by side where nobody asks which pixel was taken: half the memory traffic.

Letters and the rule for NaN and equal pixels are those of ``max_pooling.py``. A cell is a plane, its rows are at most
1024 pixels long. A vector of windows is a step; at the end of a row it goes on beyond it where memory allows that, and
what it writes there, the next row overwrites.
"""

from typing import Any

from numba.extending import intrinsic

from .block import integer, number, pointer, shift, stack
from .compiler import merge
from .streaming import large, put
from .strided import evens, in_turns_high, in_turns_low, odds
from .vectors import fence, first, load, put_first, spread, store, width


@intrinsic  # type: ignore[untyped-decorator]
def _taken(typing_context: Any, value: Any, best: Any, then: Any, otherwise: Any) -> Any:
    """``then`` in the lanes where ``value`` displaces ``best``, which stands before it: it is larger, or the first NaN;
    ``otherwise`` in the others."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        value, best, then, otherwise = values
        takes = builder.and_(builder.fcmp_unordered(">", value, best), builder.fcmp_ordered("ord", best, best))
        return builder.select(takes, then, otherwise)

    return value(value, value, value, value), codegen


@merge
def _some(place, n, free):  # type: ignore[no-untyped-def]
    """The vector at ``place`` of which n numbers are asked for and ``free`` may be read."""
    return load(place) if free >= width(place) else first(place, n)


@merge
def _put_some(place, value, n, free):  # type: ignore[no-untyped-def]
    """n numbers of a vector, or all of it if ``free`` numbers may be written."""
    if free >= width(place):
        store(place, value)
    elif n > 0:
        put_first(place, value, n)


@merge
def _pixels(place, n, free):  # type: ignore[no-untyped-def]
    """The even and the odd ones of 2 n pixels of a row."""
    lanes = width(place)
    low, high = _some(place, 2 * n, free), _some(shift(place, lanes), 2 * n - lanes, free - lanes)
    return evens(low, high), odds(low, high)


def max_pool2d_pairs_values(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, x, H, W, P, Q, planes."""
    height, across, rows, columns = integer(args, 2), integer(args, 3), integer(args, 4), integer(args, 5)
    t, planes, lanes = stack(args, 2112), integer(args, 6), width(pointer(args, 0))
    past, block = large(pointer(args, 0), planes * rows * columns), 2048 // columns
    for cell in range(lo, hi):
        x, y = shift(pointer(args, 1), cell * height * across), shift(pointer(args, 0), cell * rows * columns)
        readable, top = (planes - cell) * height * across, 0
        while top < rows:
            count = min(block, rows - top)
            target = t if past else shift(y, top * columns)
            writable = 2112 if past else (rows - top) * columns
            for k in range(count):
                for q in range(0, columns, lanes):
                    corner, n, at = 2 * (top + k) * across + 2 * q, columns - q, k * columns + q
                    a, b = _pixels(shift(x, corner), n, readable - corner)
                    c, d = _pixels(shift(x, corner + across), n, readable - corner - across)
                    upper, lower = _taken(b, a, b, a), _taken(d, c, d, c)
                    _put_some(shift(target, at), _taken(lower, upper, lower, upper), n, writable - at)
            if past:
                put(shift(y, top * columns), t, count * columns, past)
            top += count
    if past:
        fence()


@merge
def _put_pixels(place, even, odd, n, free):  # type: ignore[no-untyped-def]
    """The opposite of :func:`_pixels`."""
    lanes = width(place)
    _put_some(place, in_turns_low(even, odd), min(lanes, 2 * n), free)
    if 2 * n > lanes:
        _put_some(shift(place, lanes), in_turns_high(even, odd), min(lanes, 2 * n - lanes), free - lanes)


def max_pool2d_pairs_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dx: g where the pixel was the one taken, else 0. Slots: dx, g, x, H, W, P, Q, planes."""
    height, across, rows, columns = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 6)
    t, planes, lanes, zero = stack(args, 2112), integer(args, 7), width(pointer(args, 0)), spread(number(args, 0))
    past, block = large(pointer(args, 0), planes * height * across), 1024 // across
    for cell in range(lo, hi):
        x, dx = shift(pointer(args, 2), cell * height * across), shift(pointer(args, 0), cell * height * across)
        g = shift(pointer(args, 1), cell * rows * columns)
        readable, given, top = (planes - cell) * height * across, (planes - cell) * rows * columns, 0
        while top < rows:
            count = min(block, rows - top)
            target = t if past else shift(dx, 2 * top * across)
            writable = 2112 if past else (height - 2 * top) * across
            for k in range(count):
                for q in range(0, columns, lanes):
                    corner, n, at = 2 * (top + k) * across + 2 * q, columns - q, (top + k) * columns + q
                    a, b = _pixels(shift(x, corner), n, readable - corner)
                    c, d = _pixels(shift(x, corner + across), n, readable - corner - across)
                    best = _taken(b, a, b, a)
                    better, left = _taken(c, best, c, best), _some(shift(g, at), n, given - at)
                    to_d, left = _taken(d, better, left, zero), _taken(d, better, zero, left)
                    to_c, left = _taken(c, best, left, zero), _taken(c, best, zero, left)
                    to_b, to_a = _taken(b, a, left, zero), _taken(b, a, zero, left)
                    place = 2 * k * across + 2 * q
                    # The upper row may go on in the lower one if that is written afterwards.
                    free = writable - place if columns <= lanes else across - 2 * q
                    _put_pixels(shift(target, place), to_a, to_b, n, free)
                    _put_pixels(shift(target, place + across), to_c, to_d, n, writable - place - across)
                if across % 2:
                    target[(2 * k + 1) * across - 1] = number(args, 0)
                    target[(2 * k + 2) * across - 1] = number(args, 0)
            if past:
                put(shift(dx, 2 * top * across), t, 2 * count * across, past)
            top += count
        if height % 2:
            for j in range(across):
                t[j] = number(args, 0)
            put(shift(dx, (height - 1) * across), t, across, past)
    if past:
        fence()
