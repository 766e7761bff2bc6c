"""Convolution: the correlation of images with learned kernels, and its gradient with respect to the kernels.

Letters: C channels and H x W pixels of an image, U x V taps of a kernel, P x Q pixels of a result. Images are first
copied into *planes*: padded with zeros, and with a stride taken apart into its phases (every s-th row and column). Then
the pixels below one tap of the kernel, for all pixels of the result, lie behind each other in memory: tap (c, u, v) of
the flattened planes starts at an offset that a table holds. So a convolution is a matrix product whose second factor is
read in place, at the price of the few columns between the end of one row and the start of the next, which are computed
and not stored. The gradient with respect to the images is the same correlation, of the gradient with the transposed
kernels, once for each phase of the stride.
"""

from .block import integer, integers, number, pointer, shift, stack
from .compiler import merge
from .matmul import dots_block, outer_rows


@merge
def _planes(args, planes, x, shape, channels, first, rows):  # type: ignore[no-untyped-def]
    """Fill the planes of ``channels`` channels from those at x: ``rows`` rows of each, from its row ``first`` on.

    shape: H, W, rows and columns of a plane, stride (2), padding above and left, numbers of phases (2), then the phases
    of the rows and those of the columns that the kernel uses.
    """
    height, width, plane_rows, columns = shape[0], shape[1], shape[2], shape[3]
    stride_h, stride_w, top, left, phases_h, phases_w = shape[4], shape[5], shape[6], shape[7], shape[8], shape[9]
    zero = number(args, 0)
    for c in range(channels):
        for a in range(phases_h):
            for b in range(phases_w):
                plane = shift(planes, ((c * phases_h + a) * phases_w + b) * plane_rows * columns)
                above, before = shape[10 + a] - top, shape[10 + phases_h + b] - left
                # Columns of the plane that lie in the image: 0 <= w * stride_w + before < width.
                start = min(columns, max(0, -(before // stride_w)))
                stop = max(start, min(columns, (width - 1 - before) // stride_w + 1))
                for t in range(rows):
                    i = (first + t) * stride_h + above
                    target = shift(plane, t * columns)
                    if i < 0 or i >= height:
                        for w in range(columns):
                            target[w] = zero
                        continue
                    source = shift(x, (c * height + i) * width + before)
                    for w in range(start):
                        target[w] = zero
                    if stride_w == 1:
                        for w in range(start, stop):
                            target[w] = source[w]
                    else:
                        for w in range(start, stop):
                            target[w] = source[w * stride_w]
                    for w in range(stop, columns):
                        target[w] = zero


@merge
def _start(args, y0, y1, y2, y3, bias, has_bias, count, n):  # type: ignore[no-untyped-def]
    """The biases of up to four channels, or zeros; behind the last channel stands the last one again."""
    zero = number(args, 0)
    start0, start1 = (bias[0], bias[min(1, count - 1)]) if has_bias else (zero, zero)
    start2, start3 = (bias[min(2, count - 1)], bias[count - 1]) if has_bias else (zero, zero)
    if count == 1:
        for j in range(n):
            y0[j] = start0
        return
    for j in range(n):
        y0[j], y1[j], y2[j], y3[j] = start0, start1, start2, start3


@merge
def nine_taps(total, kernel, x, offsets, columns):  # type: ignore[no-untyped-def]
    """total[j] += the next nine taps: all of a 3 x 3 kernel in one pass (a sixth less time than in 4 + 4 + 1)."""
    k0, k1, k2, k3, k4 = kernel[0], kernel[1], kernel[2], kernel[3], kernel[4]
    k5, k6, k7, k8 = kernel[5], kernel[6], kernel[7], kernel[8]
    x0, x1, x2 = shift(x, offsets[0]), shift(x, offsets[1]), shift(x, offsets[2])
    x3, x4, x5 = shift(x, offsets[3]), shift(x, offsets[4]), shift(x, offsets[5])
    x6, x7, x8 = shift(x, offsets[6]), shift(x, offsets[7]), shift(x, offsets[8])
    for j in range(columns):
        upper = k0 * x0[j] + k1 * x1[j] + k2 * x2[j] + k3 * x3[j]
        lower = k4 * x4[j] + k5 * x5[j] + k6 * x6[j] + k7 * x7[j] + k8 * x8[j]
        total[j] += upper + lower


@merge
def _put(target, stride, step, source, columns, m, n):  # type: ignore[no-untyped-def]
    """m rows of n pixels from a row of a tile to the result."""
    for r in range(m):
        p, q = shift(target, r * stride), shift(source, r * columns)
        if step == 1:
            for j in range(n):
                p[j] = q[j]
        else:
            for j in range(n):
                p[j * step] = q[j]


@merge
def _finish(y, plane, stride, step, y0, y1, y2, y3, columns, count, m, n):  # type: ignore[no-untyped-def]
    """The tiles of up to four channels, whose planes of the result start at y."""
    _put(y, stride, step, y0, columns, m, n)
    if count > 1:
        _put(shift(y, plane), stride, step, y1, columns, m, n)
    if count > 2:
        _put(shift(y, 2 * plane), stride, step, y2, columns, m, n)
    if count > 3:
        _put(shift(y, 3 * plane), stride, step, y3, columns, m, n)


def correlate(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = sum over taps of weight * x + bias.

    A cell is a strip of rows of the result of one image and group, for a block of output channels.
    Slots: y, x, weight, bias, has bias, sizes, shape of the planes (see ``_planes``), offsets of the taps, phases of
    the result, worker scratch and its stride.
    sizes: groups, input and output channels of a group, output channels in a block, strips, rows of a strip, rows and
    columns of a tile, H and W of y, steps of its rows and columns from pixel to pixel of a phase, phases, elements of
    the weight of a group. A phase of the result: number of taps K, its offsets and its weights (channels, K) in their
    tables, first row and column in y, rows and columns.
    """
    y, x, weight, bias = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    sizes, shape, offsets, phases = integers(args, 5), integers(args, 6), integers(args, 7), integers(args, 8)
    planes = shift(pointer(args, 9), worker * integer(args, 10))
    y0, y1, y2, y3 = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
    groups, in_channels, channels, block_channels = sizes[0], sizes[1], sizes[2], sizes[3]
    strips, strip_rows, tile_rows, tile_columns = sizes[4], sizes[5], sizes[6], sizes[7]
    height, width, step_h, step_w = sizes[8], sizes[9], sizes[10], sizes[11]
    blocks = -(-channels // block_channels)
    height_x, width_x, plane_rows, columns = shape[0], shape[1], shape[2], shape[3]
    for cell in range(lo, hi):
        first_channel = cell % blocks * block_channels
        last_channel = min(channels, first_channel + block_channels)
        first_row = cell // blocks % strips * strip_rows
        image = cell // (blocks * strips)  # counts images and groups
        group = image % groups
        source = shift(x, image * in_channels * height_x * width_x)
        _planes(args, planes, source, shape, in_channels, first_row, plane_rows)
        for phase in range(sizes[12]):
            p = shift(phases, 7 * phase)
            depth, table, a = p[0], shift(offsets, p[1]), shift(weight, group * sizes[13] + p[2])
            row0, column0, rows, phase_columns = p[3], p[4], min(p[5], first_row + strip_rows), p[6]
            for down in range(-((first_row - rows) // tile_rows)):
                t = first_row + down * tile_rows
                for right in range(-(-phase_columns // tile_columns)):
                    w = right * tile_columns
                    m, n = min(tile_rows, rows - t), min(tile_columns, phase_columns - w)
                    across = -(-((m - 1) * columns + n) // 16) * 16
                    b = shift(planes, (t - first_row) * columns + w)
                    for o in range(first_channel, last_channel, 4):
                        count = min(4, last_channel - o)
                        biases = shift(bias, group * channels + o)
                        _start(args, y0, y1, y2, y3, biases, integer(args, 4), count, across)
                        q = shift(a, o * depth)
                        # One channel, or the last of many: nine taps at a time.
                        nines = depth // 9 * 9 if count == 1 else 0
                        for k in range(0, nines, 9):
                            nine_taps(y0, shift(q, k), b, shift(table, k), across)
                        rest, places = shift(q, nines), shift(table, nines)
                        outer_rows(y0, y1, y2, y3, rest, depth, 1, b, 0, places, True, count, across, depth - nines)
                        row = ((image * channels + o) * height + row0 + t * step_h) * width
                        corner = shift(y, row + column0 + w * step_w)
                        stride, plane = step_h * width, height * width
                        _finish(corner, plane, stride, step_w, y0, y1, y2, y3, columns, count, m, n)


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
                _planes(args, planes, source, shape, channels, row, count + extra)
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


def add_partial(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = sum over the first axis of x (chunks, n), in order. Slots: y, x, chunks, n. A cell is 1024 elements."""
    y, x, chunks, n = pointer(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
    for cell in range(lo, hi):
        first, last = cell * 1024, min(n, cell * 1024 + 1024)
        for i in range(first, last):
            y[i] = x[i]
        for chunk in range(1, chunks):
            source = shift(x, chunk * n)
            for i in range(first, last):
                y[i] += source[i]


def transpose_weight(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """The weight as the gradient of the images needs it: (G, O, C, taps) -> (G, phases, C, O, taps of the phase).

    Slots: result, weight, O, C, taps, taps that are used, tables of these: the taps phase after phase; for each of them
    the number of taps of the phases before its own, and of its own. A cell is one input channel.
    """
    y, weight = pointer(args, 0), pointer(args, 1)
    out_channels, channels, taps, used = integer(args, 2), integer(args, 3), integer(args, 4), integer(args, 5)
    order, before, own = integers(args, 6), integers(args, 7), integers(args, 8)
    for cell in range(lo, hi):
        group, c = cell // channels, cell % channels
        target = shift(y, group * out_channels * channels * used)
        source = shift(weight, group * out_channels * channels * taps)
        for k in range(used):
            place = channels * out_channels * before[k] + c * out_channels * own[k] + k - before[k]
            for o in range(out_channels):
                target[place + o * own[k]] = source[(o * channels + c) * taps + order[k]]
