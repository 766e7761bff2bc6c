"""Filters: the correlation of one image with one kernel, and what its gradients need.

Letters: H x W pixels and C channels of an image, U x V taps of the kernel, P x Q pixels of a result. Where the window
lies inside the image, which is nearly everywhere, the image is read in place; for the pixels near the edges it is
copied with the border around it, so that there is one loop for all borders. Channels are only columns that the taps
step over.

sizes, of all kernels here: P, Q, C, W, columns of the bordered image before those of x, U, V, rows and columns of a
tile, tiles side by side, H, rows of the bordered image before those of x. ``rows`` and ``columns`` say which row and
column of x each of the bordered image is; -1: zeros.
"""

from .block import address, call, integer, integers, number, pointer, shift, stack_integers
from .compiler import merge
from .matmul import dots_block
from .vectors import width as lanes_of
from .window import to_boundary

_NARROW = 64  # a middle of fewer columns is not worth being treated apart


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


@merge
def _inside(first, count, before, size, taps):  # type: ignore[no-untyped-def]
    """Which of ``count`` results from ``first`` on have their window inside the image: from, to."""
    start = min(count, max(0, before - first))
    return start, max(start, min(count, before + size - taps + 1 - first))


def correlate(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = sum over taps of kernel * x. A cell is a tile of the result: the pixels in its middle, whose windows lie
    inside the image, read x itself, those around them a copy with the border in place.

    Slots: y, x, kernel, sizes, rows, columns, worker scratch and its stride, elements between rows of a copy, size of a
    copy, whether y goes past the cache, whether the taps count from the last one, the kernel ``stencil.correlate``,
    offsets of the taps of a row.
    """
    y, x, kernel = pointer(args, 0), pointer(args, 1), pointer(args, 2)
    sizes, rows, columns = integers(args, 3), integers(args, 4), integers(args, 5)
    copy, row_copy = shift(pointer(args, 6), worker * integer(args, 7)), integer(args, 8)
    stencil, block = integer(args, 12), stack_integers(args, 15)
    channels, across, taps_down, taps_across = sizes[2], sizes[9], sizes[5], sizes[6]
    row_x, row_y, taps = sizes[3] * channels, sizes[1] * channels, shift(copy, integer(args, 9))
    last, lane = taps_down * taps_across - 1, lanes_of(y)
    for k in range(last + 1):
        taps[k] = kernel[last - k if integer(args, 11) else k]
    block[6], block[7], block[8], block[9] = taps_down, taps_across, integer(args, 13), address(taps)
    block[10], block[11], block[14] = address(y), 0, integer(args, 10)
    for cell in range(lo, hi):
        i, j = cell // across * sizes[7], cell % across * sizes[8]
        height, width = min(sizes[7], sizes[0] - i), min(sizes[8], sizes[1] - j)
        top, bottom = _inside(i, height, sizes[11], sizes[10], taps_down)
        left, right = _inside(j, width, sizes[4], sizes[3], taps_across)
        # The middle begins where vectors of the result do, if there is such a pixel.
        corner = shift(y, i * row_y + j * channels)
        for step in range(lane):
            if to_boundary(shift(corner, (left + step) * channels)) == 0:
                left = min(right, left + step)
                break
        right -= (right - left) % lane  # whole vectors: nothing behind the last pixel is read
        if right - left < _NARROW:
            top, bottom = height, height
        for part in range(5):
            # All rows above the middle, all below, what is left of it, right of it, the middle.
            r, to_r = (0, top) if part == 0 else (bottom, height) if part == 1 else (top, bottom)
            c, to_c = (0, left) if part == 2 else (right, width) if part == 3 else (0, width)
            source, stride = copy, row_copy
            if part == 4:
                c, to_c, stride = left, right, row_x
                source = shift(x, (i + r - sizes[11]) * row_x + (j + c - sizes[4]) * channels)
            elif to_c > c and to_r > r:
                more, wide = to_r - r + taps_down - 1, to_c - c + taps_across - 1
                _bordered(args, copy, row_copy, x, sizes, rows, columns, i + r, more, j + c, wide)
            count, target = (to_c - c) * channels, shift(corner, r * row_y + c * channels)
            block[0], block[1], block[2], block[3] = address(target), row_y, to_r - r, count
            block[4], block[5] = address(source), stride
            # What is read next: four blocks further on in the last rows below these.
            block[12], block[13] = address(shift(source, (taps_down - 1) * stride + 16 * lane)), stride
            call(stencil, address(block), 0, 1, worker)


def kernel_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Partial sums of the gradient with respect to the kernel: products of g with the pixels below each tap.

    A cell is a chunk of tiles. Slots: partial sums (chunks, U, V), g, x, tiles of a chunk, sizes, rows, columns,
    tiles, worker scratch and its stride.
    """
    sums, g, x, chunk = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
    sizes, rows, columns, tiles = integers(args, 4), integers(args, 5), integers(args, 6), integer(args, 7)
    tile = shift(pointer(args, 8), worker * integer(args, 9))
    zero = number(args, 0)
    channels, across, taps_down, taps_across = sizes[2], sizes[9], sizes[5], sizes[6]
    stride = (sizes[8] + taps_across - 1) * channels
    row_g = sizes[1] * channels
    for cell in range(lo, hi):
        total = shift(sums, cell * taps_down * taps_across)
        for k in range(taps_down * taps_across):
            total[k] = zero
        for number_of_tile in range(cell * chunk, min(tiles, (cell + 1) * chunk)):
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
