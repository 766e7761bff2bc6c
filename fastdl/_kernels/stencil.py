"""Correlation of one region with a small window, for the kernels of image filters and depthwise convolutions."""

from .block import integer, integers, number, pointer, shift
from .vectors import fence, width
from .window import ROWS, WIDEST, to_boundary, window


def correlate(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """One region of a result, for other kernels: they call it by its address, so it is compiled once. One cell.

    Slots: y, its stride, rows and columns; x and its stride; U, V, offsets of the
    taps across, kernel (U, V); pointer to the start, which the
    sums begin with if the next slot is 1 (0: zeros; 2: what y holds); what will be read next, with its stride: as many
    rows and columns as y; how y is stored: 1 past the cache, where it is aligned for that,
    2 by relu.

    Of x up to a vector beyond the last column may be read.
    """
    y, stride_y, height, columns = pointer(args, 0), integer(args, 1), integer(args, 2), integer(args, 3)
    x, stride_x, down, across = pointer(args, 4), integer(args, 5), integer(args, 6), integer(args, 7)
    offsets = integers(args, 8)
    kernel, begins, ahead, stride_ahead = pointer(args, 9), integer(args, 11), pointer(args, 12), integer(args, 13)
    start = pointer(args, 10)[0] if begins == 1 else number(args, 0)
    lane, resumes = width(y), begins == 2
    streams = integer(args, 14) == 1 and stride_y % lane == 0 and to_boundary(y) == 0
    for r in range(0, height, ROWS):
        rows, j = min(ROWS, height - r), 0
        widest = WIDEST if rows == ROWS and (down > 3 or (down == 3 and across == 3)) else 2
        while j < columns:
            left = columns - j
            # Three vectors are two and one.
            vectors = widest if left > (widest - 1) * lane else 2 if left > lane else 1
            n = min(left, vectors * lane)
            window(
                shift(y, r * stride_y + j),
                stride_y,
                rows,
                n,
                streams and n == vectors * lane,
                shift(x, r * stride_x + j),
                stride_x,
                down,
                across,
                offsets,
                kernel,
                start,
                integer(args, 14) == 2,
                resumes,
                shift(ahead, r * stride_ahead + j),
                stride_ahead,
            )
            j += n
    if streams:
        fence()
