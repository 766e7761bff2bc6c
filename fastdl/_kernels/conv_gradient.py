"""The gradient of a convolution with respect to its kernels. Letters and planes: see ``conv.py``.

dW[o, c, tap] is the sum over all pixels of g[o, pixel] x[c, the pixel below the tap]: a product whose terms are pixels.
Output channels lie on the lanes, so g is transposed, strip by strip. The pixels of x are read where they lie, in the
image or its planes: a row of the product is a channel and a tap, and starts where the pixels below that tap start.
Rows of a strip are the groups of the product, so that nothing between them takes part.
"""

from .block import address, call, integer, integers, pointer, shift, stack_integers
from .conv import fill_planes
from .moves import turn


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
            if sizes[11]:
                block[2] = address(shift(source, row * shape[3] + first_column))
            else:
                fill_planes(args, scratch, source, shape, channels, row, count + sizes[10], first_column)
                block[2] = address(scratch)
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
