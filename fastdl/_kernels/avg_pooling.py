"""Mean pooling: the mean of each window of an image, and its gradient.

Letters: H x W pixels of a plane (one channel of one image), P x Q windows. A cell is a plane. The windows are the
products of intervals of rows and of columns: two tables hold (start, stop, count) for each p and each q, and the sum of
a window is divided by the product of its two counts, in which padding may take part.
"""

from .block import integer, integers, number, pointer, shift
from .compiler import merge


@merge
def _share(args, rows, columns, p, q):  # type: ignore[no-untyped-def]
    """What the sum of a window is divided by, as a number of the kernel's type."""
    return number(args, rows[3 * p + 2] * columns[3 * q + 2])


def avg_windows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, x, H, W, P, Q, tables of rows and columns, worker scratch of W numbers and its stride."""
    height, width, p_count, q_count = integer(args, 2), integer(args, 3), integer(args, 4), integer(args, 5)
    rows, columns, sums = integers(args, 6), integers(args, 7), shift(pointer(args, 8), worker * integer(args, 9))
    for cell in range(lo, hi):
        y, x = shift(pointer(args, 0), cell * p_count * q_count), shift(pointer(args, 1), cell * height * width)
        for p in range(p_count):
            above, below = rows[3 * p], rows[3 * p + 1]
            # First down the columns, which are shared by the windows of a row and vectorised.
            first = shift(x, above * width)
            for j in range(width):
                sums[j] = first[j]
            for i in range(above + 1, below):
                source = shift(x, i * width)
                for j in range(width):
                    sums[j] += source[j]
            for q in range(q_count):
                total = number(args, 0)
                for j in range(columns[3 * q], columns[3 * q + 1]):
                    total += sums[j]
                y[p * q_count + q] = total / _share(args, rows, columns, p, q)


def avg_windows_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: dx, g, H, W, P, Q, tables of rows and columns, worker scratch of W numbers and its stride."""
    height, width, p_count, q_count = integer(args, 2), integer(args, 3), integer(args, 4), integer(args, 5)
    rows, columns, row = integers(args, 6), integers(args, 7), shift(pointer(args, 8), worker * integer(args, 9))
    for cell in range(lo, hi):
        dx, g = shift(pointer(args, 0), cell * height * width), shift(pointer(args, 1), cell * p_count * q_count)
        for i in range(height * width):
            dx[i] = number(args, 0)
        for p in range(p_count):
            # What the windows of a row give to each column is the same for all rows of the windows.
            for j in range(width):
                row[j] = number(args, 0)
            for q in range(q_count):
                share = g[p * q_count + q] / _share(args, rows, columns, p, q)
                for j in range(columns[3 * q], columns[3 * q + 1]):
                    row[j] += share
            for i in range(rows[3 * p], rows[3 * p + 1]):
                target = shift(dx, i * width)
                for j in range(width):
                    target[j] += row[j]
