"""Max pooling over windows of 2 x 2 side by side where nobody asks which pixel was taken: half the memory traffic.

Letters and the rule for NaN and equal pixels are those of ``max_pooling.py``. A cell is a plane, its rows are at most
1024 pixels long. Loops over windows go on to full vectors, beyond the end of a row, where memory allows it; what they
write there in the buffer, the next row overwrites.
"""

from .block import integer, number, pointer, shift, stack
from .compiler import merge
from .max_pooling import _takes
from .streaming import large, put
from .vectors import fence


@merge
def _whole(n, free):  # type: ignore[no-untyped-def]
    """``n`` windows rounded up to full vectors if so many are ``free`` to be read."""
    whole = (n + 15) // 16 * 16
    return whole if whole <= free else n


def max_pool2d_pairs_values(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, x, H, W, P, Q, planes."""
    height, width, rows, columns = integer(args, 2), integer(args, 3), integer(args, 4), integer(args, 5)
    t, planes = stack(args, 2064), integer(args, 6)
    past, block = large(pointer(args, 0), planes * rows * columns), 2048 // columns
    for cell in range(lo, hi):
        x, y = shift(pointer(args, 1), cell * height * width), shift(pointer(args, 0), cell * rows * columns)
        readable = (planes - cell) * height * width
        first = 0
        while first < rows:
            count = min(block, rows - first)
            for k in range(count):
                corner = 2 * (first + k) * width
                above, below, line = shift(x, corner), shift(x, corner + width), shift(t, k * columns)
                for q in range(_whole(columns, (readable - corner - width) // 2)):
                    a, b, c, d = above[2 * q], above[2 * q + 1], below[2 * q], below[2 * q + 1]
                    e, f = b if _takes(b, a) else a, d if _takes(d, c) else c
                    line[q] = f if _takes(f, e) else e
            put(shift(y, first * columns), t, count * columns, past)
            first += count
    if past:
        fence()


def max_pool2d_pairs_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dx: g where the pixel was the one taken, else 0. Slots: dx, g, x, H, W, P, Q, planes."""
    height, width, rows, columns = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 6)
    t, code, sent, planes = stack(args, 2096), stack(args, 528), stack(args, 528), integer(args, 7)
    past, block = large(pointer(args, 0), planes * height * width), 1024 // width
    zero, one, two, three = number(args, 0), number(args, 1), number(args, 2), number(args, 3)
    for cell in range(lo, hi):
        x, dx = shift(pointer(args, 2), cell * height * width), shift(pointer(args, 0), cell * height * width)
        g = shift(pointer(args, 1), cell * rows * columns)
        readable, given = (planes - cell) * height * width, (planes - cell) * rows * columns
        first = 0
        while first < rows:
            count = min(block, rows - first)
            for k in range(count):
                p = first + k
                corner = 2 * p * width
                above, below, h = shift(x, corner), shift(x, corner + width), shift(g, p * columns)
                whole = _whole(columns, min((readable - corner - width) // 2, given - p * columns))
                for q in range(whole):
                    a, b, c, d = above[2 * q], above[2 * q + 1], below[2 * q], below[2 * q + 1]
                    right = _takes(b, a)
                    value, at = b if right else a, one if right else zero
                    down = _takes(c, value)
                    value, at = c if down else value, two if down else at
                    code[q] = three if _takes(d, value) else at
                    sent[q] = h[q]
                upper, lower = shift(t, 2 * k * width), shift(t, (2 * k + 1) * width)
                for q in range(whole):
                    v, at = sent[q], code[q]
                    upper[2 * q] = v if at == 0 else zero
                    upper[2 * q + 1] = v if at == 1 else zero
                for q in range(whole):
                    v, at = sent[q], code[q]
                    lower[2 * q] = v if at == 2 else zero
                    lower[2 * q + 1] = v if at == 3 else zero
                if width % 2:
                    upper[width - 1], lower[width - 1] = zero, zero
            put(shift(dx, 2 * first * width), t, 2 * count * width, past)
            first += count
        if height % 2:
            for j in range(width):
                t[j] = zero
            put(shift(dx, (height - 1) * width), t, width, past)
    if past:
        fence()
