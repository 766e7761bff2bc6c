"""The gradient of a convolution with respect to its kernels. Letters and planes: see ``conv.py``."""

from .block import integer, integers, number, pointer, shift, stack
from .compiler import merge
from .conv import fill_planes
from .matmul import dots_block


@merge
def _copy_row(args, target, source, n):  # type: ignore[no-untyped-def]
    """n elements in steps of 16: up to 15 more are read and written."""
    lanes = stack(args, 16)
    for j in range(0, n, 16):
        p, q = shift(target, j), shift(source, j)
        for k in range(16):
            lanes[k] = q[k]
        for k in range(16):
            p[k] = lanes[k]


@merge
def _gather(args, pixels, stride, planes, columns, offsets, taps, rows, row_length):  # type: ignore[no-untyped-def]
    """Row k of ``pixels`` gets the pixels below tap k: ``rows`` times ``row_length`` of them."""
    for k in range(taps):
        target, source = shift(pixels, k * stride), shift(planes, offsets[k])
        for j in range(rows):
            _copy_row(args, shift(target, j * row_length), shift(source, j * columns), row_length)


def weight_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Partial sums of the gradient with respect to the weight: products of g with the pixels below each tap.

    A cell is a chunk of the rows of all results together, for one group and a block of input channels. The rows go in
    batches whose pixels, those of g and those below each tap, are gathered to rows of a matrix: the sums are long then.
    Slots: partial sums (chunks, groups, O, C, U V), g, x, sizes, shape of the planes, offsets of the taps of a channel
    block, worker scratch and its stride, elements of the planes, of the matrix of pixels and of a row of it.
    sizes: groups, channels of a group in g and in x, channels in a block, rows of a chunk, rows of a batch, images x P,
    P, Q, taps of a channel, rows of a plane beyond those of the result.
    """
    sums, g, x = pointer(args, 0), pointer(args, 1), pointer(args, 2)
    sizes, shape, offsets = integers(args, 3), integers(args, 4), integers(args, 5)
    planes = shift(pointer(args, 6), worker * integer(args, 7))
    pixels = shift(planes, integer(args, 8))
    grads, stride = shift(pixels, integer(args, 9)), integer(args, 10)
    groups, out_channels, in_channels, block_channels = sizes[0], sizes[1], sizes[2], sizes[3]
    chunk_rows, batch_rows, all_rows, rows, columns, taps = sizes[4], sizes[5], sizes[6], sizes[7], sizes[8], sizes[9]
    extra, blocks = sizes[10], -(-in_channels // block_channels)
    zero = number(args, 0)
    for cell in range(lo, hi):
        first_channel = cell % blocks * block_channels
        channels = min(block_channels, in_channels - first_channel)
        group, chunk = cell // blocks % groups, cell // (blocks * groups)
        total = shift(sums, ((chunk * groups + group) * out_channels * in_channels + first_channel) * taps)
        for o in range(out_channels):
            for k in range(channels * taps):
                total[o * in_channels * taps + k] = zero
        last = min(all_rows, (chunk + 1) * chunk_rows)
        for number_of_batch in range(-((chunk * chunk_rows - last) // batch_rows)):
            first = chunk * chunk_rows + number_of_batch * batch_rows
            batch = min(batch_rows, last - first)
            done = 0
            while done < batch:
                image, row = (first + done) // rows * groups + group, (first + done) % rows
                count = min(rows - row, batch - done)
                source = shift(x, (image * in_channels + first_channel) * shape[0] * shape[1])
                fill_planes(args, planes, source, shape, channels, row, count + extra, 0)
                place = done * columns
                _gather(args, shift(pixels, place), stride, planes, shape[3], offsets, channels * taps, count, columns)
                for o in range(out_channels):
                    source = shift(g, ((image * out_channels + o) * rows + row) * columns)
                    target = shift(grads, o * stride + place)
                    for j in range(count * columns):
                        target[j] = source[j]
                done += count
            used = batch * columns
            whole = -(-used // 16) * 16
            for j in range(used, whole):
                for k in range(channels * taps):
                    pixels[k * stride + j] = zero
                for o in range(out_channels):
                    grads[o * stride + j] = zero
            dots_block(
                args, total, in_channels * taps, grads, stride, pixels, stride, out_channels, channels * taps, whole
            )
