"""The gradient of a convolution with respect to its kernels. Letters and planes: see ``conv.py``.

dW[o, c, tap] is the sum over all pixels of g[o, pixel] x[c, the pixel below the tap]: a product whose terms are pixels.
The pixels of x are read where they lie, in the image or its planes. There are two ways:

- ``weight_grad``: output channels lie on the lanes, so g is transposed, strip by strip. A row of the product is a
  channel and a tap, and starts where the pixels below that tap start. Rows of a strip are the groups of the product, so
  that nothing between them takes part.
- ``weight_grad_pixels``: pixels lie on the lanes, g is read in place, and the lanes of each sum are added up once, at
  the end of a cell. For few channels, which would not fill a vector, and few taps, for which transposing g would cost
  more than the product.
"""

from .block import address, call, integer, integers, number, pointer, shift, stack_integers
from .compiler import merge
from .conv import fill_planes
from .moves import turn
from .pixel_sums import pixel_sums
from .vectors import load, spread, store, total, width


@merge
def _pixels_below(args, scratch, x, sizes, shape, row, count, first_column, channels):  # type: ignore[no-untyped-def]
    """Where the pixels below ``count`` rows of a result lie: in the image at x, or in its planes."""
    if sizes[11]:
        return shift(x, row * shape[3] + first_column)
    fill_planes(args, scratch, x, shape, channels, row, count + sizes[10], first_column)
    return scratch


def weight_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Partial sums of the gradient with respect to the weight.

    A cell is a chunk of the rows, or pieces of rows, of all results together, of a group, for a block of channels of x.
    Slots: partial sums (chunks, groups, O, C, U V), g, x, sizes, shape of the planes, where the pixels below the taps
    of a channel block start, where g starts for each row of a strip, worker scratch and its stride, elements of the
    planes and of g transposed, the kernel ``product.block``.
    sizes: 0 groups, 1, 2 channels of a group in g and in x, 3 channels in a block, 4 pieces in a chunk, 5 pieces in a
    strip (of one row only where rows are cut), 6 images x P x pieces of a row, 7 P, 8 Q, 9 taps of a channel, 10 rows
    of a plane beyond those of the result, 11 whether the image is its own planes, 12 whether rows follow each other
    without a gap, 13 columns of a panel of g, 14 pieces of a row, 15 columns of a piece.
    """
    sums, g, x = pointer(args, 0), pointer(args, 1), pointer(args, 2)
    sizes, shape = integers(args, 3), integers(args, 4)
    scratch = shift(pointer(args, 7), worker * integer(args, 8))
    turned = shift(scratch, integer(args, 9))
    totals = shift(turned, integer(args, 10))
    groups, out_channels, in_channels, block_channels = sizes[0], sizes[1], sizes[2], sizes[3]
    chunk_rows, strip_rows, all_rows, rows, columns, taps = sizes[4], sizes[5], sizes[6], sizes[7], sizes[8], sizes[9]
    across, pieces, piece_columns, blocks = sizes[13], sizes[14], sizes[15], -(-in_channels // block_channels)
    stride_totals = -(-out_channels // across) * across
    block = stack_integers(args, 19)
    for k in range(19):
        block[k] = 0
    block[0], block[1], block[4], block[5], block[6] = address(totals), stride_totals, 1, shape[3], integer(args, 5)
    block[7], block[8], block[11], block[13] = address(turned), across, integer(args, 6), out_channels
    for cell in range(lo, hi):
        first = cell % blocks * block_channels
        channels = min(block_channels, in_channels - first)
        group, chunk = cell // blocks % groups, cell // (blocks * groups)
        position, last = chunk * chunk_rows, min(all_rows, (chunk + 1) * chunk_rows)
        block[12], block[15] = channels * taps, 0
        while position < last:
            image, line = position // (rows * pieces) * groups + group, position % (rows * pieces)
            row, first_column = line // pieces, line % pieces * piece_columns
            n = min(piece_columns, columns - first_column)
            count = min(strip_rows, min(rows - row, last - position))
            source = shift(x, (image * in_channels + first) * shape[0] * shape[1])
            block[2] = address(_pixels_below(args, scratch, source, sizes, shape, row, count, first_column, channels))
            pixels = count * n
            for panel in range(stride_totals // across):
                o = panel * across
                place = shift(g, ((image * out_channels + o) * rows + row) * columns + first_column)
                some = min(across, out_channels - o)
                turn(shift(turned, o * pixels), across, place, rows * columns, some, pixels)
            block[9], block[10], block[14] = pixels * across, count, n
            if sizes[12]:
                block[10], block[14] = 1, pixels
            call(integer(args, 11), address(block), 0, 1, worker)
            block[15] = 1
            position += count
        place = shift(sums, ((chunk * groups + group) * out_channels * in_channels + first) * taps)
        turn(place, in_channels * taps, totals, stride_totals, channels * taps, out_channels)


def weight_grad_pixels(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """As ``weight_grad``, pixels on the lanes.

    Slots: partial sums, g, x, sizes, shape of the planes, where the pixels below the taps of a channel block start,
    worker scratch and its stride, elements of the planes.
    sizes: as there but 13, 16: output channels and taps (of all channels) in a block of sums in registers.
    """
    sums, g, x = pointer(args, 0), pointer(args, 1), pointer(args, 2)
    sizes, shape, offsets = integers(args, 3), integers(args, 4), integers(args, 5)
    scratch = shift(pointer(args, 6), worker * integer(args, 7))
    totals, lanes = shift(scratch, integer(args, 8)), width(x)
    groups, out_channels, in_channels, block_channels = sizes[0], sizes[1], sizes[2], sizes[3]
    chunk_rows, strip_rows, all_rows, rows, columns, taps = sizes[4], sizes[5], sizes[6], sizes[7], sizes[8], sizes[9]
    pieces, piece_columns, blocks = sizes[14], sizes[15], -(-in_channels // block_channels)
    for cell in range(lo, hi):
        first = cell % blocks * block_channels
        channels = min(block_channels, in_channels - first)
        group, chunk = cell // blocks % groups, cell // (blocks * groups)
        position, last = chunk * chunk_rows, min(all_rows, (chunk + 1) * chunk_rows)
        width_totals = channels * taps * lanes
        parts, heights = -(-channels * taps // sizes[16]), -(-out_channels // sizes[13])
        for k in range(out_channels * channels * taps):
            store(shift(totals, k * lanes), spread(number(args, 0)))
        while position < last:
            image, line = position // (rows * pieces) * groups + group, position % (rows * pieces)
            row, first_column = line // pieces, line % pieces * piece_columns
            n = min(piece_columns, columns - first_column)
            count = min(strip_rows, min(rows - row, last - position))
            position += count
            source = shift(x, (image * in_channels + first) * shape[0] * shape[1])
            below = _pixels_below(args, scratch, source, sizes, shape, row, count, first_column, channels)
            above = shift(g, (image * out_channels * rows + row) * columns + first_column)
            if sizes[12]:
                count, n = 1, count * n
            for height in range(heights):
                o, end_o = out_channels * height // heights, out_channels * (height + 1) // heights
                for part in range(parts):
                    k, end_k = channels * taps * part // parts, channels * taps * (part + 1) // parts
                    pixel_sums(
                        *(end_o - o, end_k - k, shift(totals, o * width_totals + k * lanes), width_totals),
                        *(shift(above, o * rows * columns), rows * columns, columns),
                        *(below, shape[3], shift(offsets, k), count, n),
                    )
        place = shift(sums, ((chunk * groups + group) * out_channels * in_channels + first) * taps)
        for o in range(out_channels):
            for k in range(channels * taps):
                place[o * in_channels * taps + k] = total(load(shift(totals, o * width_totals + k * lanes)))
