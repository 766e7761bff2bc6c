"""Filters: the correlation of one image with one kernel, and what its gradients need.

Letters: H x W pixels and C channels of an image, U x V taps of the kernel, P x Q pixels of a result. A tile of the
result is computed from a copy of the pixels below it, with the border in place: so there is one loop for all borders,
and the copy costs little, because it is what brings the pixels into the cache. In a row of the copy the pixels that
lie below one tap, for a row of the result, follow each other: channels are only columns that take larger steps.

sizes, of all kernels here: P, Q, C, W, columns of the bordered image before those of x, U, V, rows and columns of a
tile, tiles side by side. ``rows`` and ``columns`` say which row and column of x each of the bordered image is;
-1: zeros.
"""

from .block import integer, integers, number, pointer, shift, stack
from .compiler import merge
from .conv import nine_taps
from .matmul import dots_block, outer_rows


@merge
def _bordered(args, target, stride, x, sizes, rows, columns, first_row, height, first_column, width):  # type: ignore[no-untyped-def]
    """Copy ``height`` x ``width`` pixels of the bordered image."""
    channels, width_x, before = sizes[2], sizes[3], sizes[4]
    zero = number(args, 0)
    start = min(width, max(0, before - first_column))
    stop = max(start, min(width, before + width_x - first_column))
    for r in range(height):
        row = shift(target, r * stride)
        if rows[first_row + r] < 0:
            for j in range(width * channels):
                row[j] = zero
            continue
        source = shift(x, rows[first_row + r] * width_x * channels)
        inner, begin = shift(source, (first_column + start - before) * channels), shift(row, start * channels)
        for j in range((stop - start) * channels):
            begin[j] = inner[j]
        for side in range(2):
            for w in range(stop if side else 0, width if side else start):
                column = columns[first_column + w]
                for c in range(channels):
                    row[w * channels + c] = zero if column < 0 else source[column * channels + c]


def correlate(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = sum over taps of kernel * x. A cell is a tile of the result.

    Slots: y, x, kernel, taps, sizes, rows, columns, offsets of the taps in a tile, worker scratch and its stride.
    """
    y, x, kernel, taps = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
    sizes, rows, columns, offsets = integers(args, 4), integers(args, 5), integers(args, 6), integers(args, 7)
    tile = shift(pointer(args, 8), worker * integer(args, 9))
    total = stack(args, 256)
    zero = number(args, 0)
    channels, across, more_rows, more_columns = sizes[2], sizes[9], sizes[5] - 1, sizes[6] - 1
    stride = (sizes[8] + more_columns) * channels
    nines = taps // 9 * 9
    rest, table = shift(kernel, nines), shift(offsets, nines)
    for cell in range(lo, hi):
        i, j = cell // across * sizes[7], cell % across * sizes[8]
        height, width = min(sizes[7], sizes[0] - i), min(sizes[8], sizes[1] - j)
        _bordered(args, tile, stride, x, sizes, rows, columns, i, height + more_rows, j, width + more_columns)
        for r in range(height):
            target = shift(y, ((i + r) * sizes[1] + j) * channels)
            for first in range(0, width * channels, 256):
                n = min(256, width * channels - first)
                whole = -(-n // 16) * 16  # up to 15 columns are computed for nobody
                for k in range(whole):
                    total[k] = zero
                source, place = shift(tile, r * stride + first), shift(target, first)
                for k in range(0, nines, 9):
                    nine_taps(total, shift(kernel, k), source, shift(offsets, k), whole)
                outer_rows(total, total, total, total, rest, 0, 1, source, 0, table, True, 1, whole, taps - nines)
                for k in range(n):
                    place[k] = total[k]


def kernel_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Partial sums of the gradient with respect to the kernel: products of g with the pixels below each tap.

    A cell is a chunk of tiles. Slots: partial sums (chunks, U, V), g, x, tiles of a chunk, sizes, rows, columns,
    tiles, worker scratch and its stride.
    """
    sums, g, x, chunk = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
    sizes, rows, columns, tiles = integers(args, 4), integers(args, 5), integers(args, 6), integers(args, 7)
    tile = shift(pointer(args, 8), worker * integer(args, 9))
    zero = number(args, 0)
    channels, across, taps_down, taps_across = sizes[2], sizes[9], sizes[5], sizes[6]
    stride = (sizes[8] + taps_across - 1) * channels
    row_g = sizes[1] * channels
    for cell in range(lo, hi):
        total = shift(sums, cell * taps_down * taps_across)
        for k in range(taps_down * taps_across):
            total[k] = zero
        for number_of_tile in range(cell * chunk, min(tiles[0], (cell + 1) * chunk)):
            i, j = number_of_tile // across * sizes[7], number_of_tile % across * sizes[8]
            height, width = min(sizes[7], sizes[0] - i), min(sizes[8], sizes[1] - j)
            down, right = height + taps_down - 1, width + taps_across - 1
            _bordered(args, tile, stride, x, sizes, rows, columns, i, down, j, right)
            # Row t of the tile lies below tap u for row t - u of g: a row of g less for each tap.
            for t in range(down):
                u = max(0, t - height + 1)
                last = min(taps_down - 1, t)
                above = shift(g, (i + t - u) * row_g + j * channels)
                below, place = shift(tile, t * stride), shift(total, u * taps_across)
                dots_block(
                    args,
                    place,
                    taps_across,
                    above,
                    -row_g,
                    below,
                    channels,
                    last - u + 1,
                    taps_across,
                    width * channels,
                )


def fold(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = the bordered image e, with each pixel of the border added to the one that it is a copy of.

    A cell is ``block`` rows of y. Slots: y (H, W, C), e, H, W, C, block, rows and columns of e, rows of e before those
    of y, columns likewise, row and column of y for each of e.
    """
    y, e, height, width, channels = (
        pointer(args, 0),
        pointer(args, 1),
        integer(args, 2),
        integer(args, 3),
        integer(args, 4),
    )
    block, rows_e, columns_e, above, before = (
        integer(args, 5),
        integer(args, 6),
        integer(args, 7),
        integer(args, 8),
        integer(args, 9),
    )
    rows, columns = integers(args, 10), integers(args, 11)
    zero = number(args, 0)
    for cell in range(lo, hi):
        for i in range(cell * block, min(height, (cell + 1) * block)):
            target = shift(y, i * width * channels)
            for k in range(width * channels):
                target[k] = zero
            for k in range(rows_e - height + 1):
                # First the row itself, then all rows of the border.
                t = i + above if k == 0 else k - 1 if k <= above else k - 1 + height
                if rows[t] != i:
                    continue
                row = shift(e, t * columns_e * channels)
                inner = shift(row, before * channels)
                for j in range(width * channels):
                    target[j] += inner[j]
                for b in range(columns_e - width):
                    w = b if b < before else b + width
                    for c in range(channels):
                        target[columns[w] * channels + c] += row[w * channels + c]
