"""Convolution: the correlation of images with learned kernels, and its gradient with respect to the kernels.

Letters: C channels and H x W pixels of an image, U x V taps of a kernel, P x Q pixels of a result. Images are first
copied into *planes*: padded with zeros, and with a stride taken apart into its phases (every s-th row and column). Then
the pixels below one tap of the kernel, for all pixels of the result, lie behind each other in memory: tap (u, v) starts
at an offset that a table holds. So a convolution is the sum over its taps of matrix products over the channels, weights
times pixels, both read in place, and that is what the kernel ``product.block`` computes. The price is the few columns
between the end of one row and the start of the next, which are computed and not stored. An image without padding and
stride is its own planes. The gradient with respect to the images is the same correlation, of the gradient with the
transposed kernels, once for each phase of the stride.
"""

from .block import address, call, integer, integers, number, pointer, shift, stack_integers
from .compiler import merge
from .micro import vectors_of_tile
from .moves import copy_row
from .prefetch import fetch_to_read, fetch_to_write, line
from .strided import every_second, put_every_second
from .vectors import load, put_first, spread, store, width


@merge
def _zeros(target, zero, n):  # type: ignore[no-untyped-def]
    """n zeros, mostly one or two."""
    lanes, zeros = width(target), spread(zero)
    while n >= lanes:
        store(target, zeros)
        target, n = shift(target, lanes), n - lanes
    if n > 0:
        put_first(target, zeros, n)


@merge
def take_row(target, source, step, n):  # type: ignore[no-untyped-def]
    """n numbers, ``step`` apart in the source."""
    lanes = width(source)
    if step == 1:
        if n > 0:
            copy_row(target, source, n)
    elif step == 2 and n >= lanes:
        for j in range(0, n - lanes, lanes):
            store(shift(target, j), every_second(shift(source, 2 * j)))
        store(shift(target, n - lanes), every_second(shift(source, 2 * (n - lanes))))
    else:
        for j in range(n):
            target[j] = source[j * step]


@merge
def _put_row(target, step, source, n):  # type: ignore[no-untyped-def]
    """n numbers, ``step`` apart in the target."""
    lanes = width(source)
    if step == 1:
        copy_row(target, source, n)
    elif step == 2 and n >= lanes:
        for j in range(0, n - lanes, lanes):
            put_every_second(shift(target, 2 * j), load(shift(source, j)))
        put_every_second(shift(target, 2 * (n - lanes)), load(shift(source, n - lanes)))
    else:
        for j in range(n):
            target[j * step] = source[j]


@merge
def fill_planes(args, planes, x, shape, channels, first_row, rows, first_column):  # type: ignore[no-untyped-def]
    """Fill the planes of ``channels`` channels from those at x: ``rows`` rows of each, from a row and column on.

    shape: H, W, elements of a plane, its columns, stride (2), padding above and left, numbers of phases (2), from
    channel to channel, bytes of a number, then the phases of the rows and those of the columns that the kernel uses.
    """
    height, across, plane, columns = shape[0], shape[1], shape[2], shape[3]
    stride_h, stride_w, top, left, phases_h, phases_w = shape[4], shape[5], shape[6], shape[7], shape[8], shape[9]
    channel, zero, in_line = shape[10], number(args, 0), line(x)
    from_row = max(0, min(height, first_row * stride_h - top))
    pixels = (min(height, (first_row + rows) * stride_h - top) - from_row) * across
    for c in range(channels):
        # The next channel's rows are on their way while these are copied.
        following = shift(x, ((c + 1) * height + from_row) * across)
        for k in range(0, pixels, in_line):
            fetch_to_read(shift(following, k))
        for a in range(phases_h):
            for b in range(phases_w):
                place = shift(planes, c * channel + (a * phases_w + b) * plane)
                above, before = shape[12 + a] - top, shape[12 + phases_h + b] - left + first_column * stride_w
                # Columns of the plane that lie in the image: 0 <= w * stride_w + before < across.
                start = min(columns, max(0, -(before // stride_w)))
                stop = max(start, min(columns, (across - 1 - before) // stride_w + 1))
                for t in range(rows):
                    i = (first_row + t) * stride_h + above
                    target = shift(place, t * columns)
                    if i < 0 or i >= height:
                        _zeros(target, zero, columns)
                        continue
                    source = shift(x, (c * height + i) * across + before)
                    _zeros(target, zero, start)
                    take_row(shift(target, start), shift(source, start * stride_w), stride_w, stop - start)
                    _zeros(shift(target, stop), zero, columns - stop)
                _zeros(shift(place, rows * columns), zero, plane - rows * columns)


@merge
def _put(y, plane, stride, step, tile, across, rows, columns, n, first_column, last_column):  # type: ignore[no-untyped-def]
    """Columns of a tile, ``rows`` of ``across`` numbers, to the result: n of each row of ``columns``."""
    t = first_column // columns
    j = first_column
    while j < last_column:
        w = j - t * columns
        count = min(n - w, last_column - j)
        if count > 0:
            target, source = shift(y, t * stride + w * step), shift(tile, j - first_column)
            for o in range(rows):
                _put_row(shift(target, o * plane), step, shift(source, o * across), count)
        t += 1
        j = t * columns


@merge
def _product(args, block, worker, y, stride_y, weight, b, taps, offsets, bias):  # type: ignore[no-untyped-def]
    """block[12] rows and block[13] columns at y: the sum over all channels, ``terms`` of them at a time."""
    sizes = integers(args, 5)
    channels, terms, channel = sizes[1], sizes[16], sizes[17]
    block[0], block[1] = address(y), stride_y
    if channels * taps == 0:
        for o in range(block[12]):
            start = bias[o] if integer(args, 4) else number(args, 0)
            if integer(args, 13) and start < 0:
                start = number(args, 0)
            for j in range(block[13]):
                y[o * stride_y + j] = start
        return
    if sizes[23]:
        _packed_product(args, block, worker, sizes, y, weight, b, taps, offsets, bias)
        return
    for part in range(-(-channels // terms)):
        c = part * terms
        block[2], block[7], block[14] = address(shift(weight, c * taps)), address(shift(b, c * channel)), terms
        if c == 0:
            block[15], block[16] = 3 * integer(args, 4), address(bias)
        else:
            block[14], block[15] = min(terms, channels - c), 1
        if sizes[21] > 0:
            block[14] = sizes[21]
        block[17] = integer(args, 13) if c + terms >= channels else 0  # s is applied to whole sums
        call(integer(args, 12), address(block), 0, 1, worker)


@merge
def _packed_product(args, block, worker, sizes, y, weight, b, taps, offsets, bias):  # type: ignore[no-untyped-def]
    """The same, a panel of columns at a time: its pixels are copied so that they lie as the weights do, tap after tap.

    Then both are read from front to back, by the shortest of loops.
    """
    channels, terms, channel, columns = sizes[1], sizes[16], sizes[17], block[13]
    panel = shift(pointer(args, 9), worker * integer(args, 10) + integer(args, 14))
    lanes, most = width(y), vectors_of_tile(y) * width(y)
    block[7] = address(panel)
    for j in range(0, columns, most):
        block[0], block[13] = address(shift(y, j)), min(most, columns - j)
        for part in range(-(-channels // terms)):
            c = part * terms
            here, pixels = min(terms, channels - c), shift(b, c * channel + j)
            for k in range(here):
                for t in range(taps):
                    source, target = shift(pixels, k * channel + offsets[t]), shift(panel, (k * taps + t) * most)
                    for v in range(0, most, lanes):  # behind the planes there is room for the last panel
                        store(shift(target, v), load(shift(source, v)))
            block[2], block[14] = address(shift(weight, c * taps)), here * taps
            block[15], block[16] = 1 if c else 3 * integer(args, 4), address(bias)
            block[17] = integer(args, 13) if c + terms >= channels else 0
            call(integer(args, 12), address(block), 0, 1, worker)


@merge
def _strip(args, block, worker, y, stride_y, weight, planes, p, bias, tile, rows, n):  # type: ignore[no-untyped-def]
    """``rows`` rows of n pixels of phase p of the result, whose first one lies at y."""
    sizes, columns = integers(args, 5), integers(args, 6)[3]
    in_channels, tile_rows, tile_columns, own, direct = sizes[1], sizes[6], sizes[15], sizes[19], sizes[20]
    lanes, in_line, taps = width(y), line(y), p[0]
    row_y = sizes[11] * sizes[10]
    offsets = shift(integers(args, 7), p[1])
    block[3], block[4], block[10], block[11] = in_channels * taps, taps, taps, address(offsets)
    if sizes[23]:
        block[4], block[10], block[11] = 1, 1, 0
    if sizes[21] > 0:
        block[4], block[10] = taps // sizes[21], taps // sizes[21]
    for down in range(-(-rows // tile_rows)):
        row = down * tile_rows
        target, b = shift(y, row * row_y), shift(planes, row * columns)
        flat = (min(tile_rows, rows - row) - 1) * columns + n
        vectors = -(-flat // lanes)
        tiles = -(-vectors * lanes // tile_columns)
        # The planes reach further, an image and y do not: there the last tile ends with them, over columns of the one
        # before, rather than with a vector cut short.
        exact = (own or direct) and flat % lanes != 0
        if exact:
            tiles = max(tiles, min(2, vectors))
        for right in range(tiles):
            j = vectors * right // tiles * lanes
            last = vectors * (right + 1) // tiles * lanes
            if exact and last > flat:
                j, last = max(0, j - (last - flat)), flat
            block[13] = last - j
            place, stride = tile, tile_columns
            if direct:
                place, stride = shift(target, j), stride_y
            else:  # While the product runs, the lines of y that the tile is copied to come into the cache.
                for o in range(block[12]):
                    for k in range(0, last - j, in_line):
                        fetch_to_write(shift(target, o * stride_y + j + k))
            _product(args, block, worker, place, stride, weight, shift(b, j), taps, offsets, bias)
            if not direct:
                _put(target, stride_y, row_y, sizes[12], tile, tile_columns, block[12], columns, n, j, min(flat, last))


def correlate(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = s(sum over taps of weight * x + bias).

    A cell is a strip of rows, or a piece of one row, of the result of one image and group, for a block of output
    channels.
    Slots: y, x, weight, bias, has bias, sizes, shape of the planes (see ``fill_planes``), offsets of the taps, phases
    of the result, worker scratch and its stride, elements of all planes, the kernel ``product.block``, s is relu, place
    of a panel in the scratch.
    sizes: 0 groups, 1 input and 2 output channels of a group, 3 output channels in a block, 4 strips, 5 rows of a
    strip, 6 rows of it that one product takes, 7 pieces of a row, 8 columns of a piece; 9 H and 10 W of y, 11, 12 steps
    of its rows and columns from pixel to pixel of a phase, 13 phases, 14 elements of the weight of a group, 15 columns
    of a tile, 16 input channels of one product, 17 from channel to channel in the planes, 18 rows of a plane, 19
    whether the image is its own planes, 20 whether products write to y, 21 rows of taps if these, and not the
    channels, are the terms of products (of a single channel), else 0, 22 from term to term in the planes or a panel, 23
    whether pixels are packed in panels.
    A phase of the result: number of taps, where its offsets and its weights (O, C, taps) start, first row and column in
    y, rows and columns.
    """
    y, x, weight, bias = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    sizes, shape, phases = integers(args, 5), integers(args, 6), integers(args, 8)
    scratch = shift(pointer(args, 9), worker * integer(args, 10))
    block = stack_integers(args, 19)
    groups, in_channels, channels, block_channels = sizes[0], sizes[1], sizes[2], sizes[3]
    strips, strip_rows, pieces, piece_columns = sizes[4], sizes[5], sizes[7], sizes[8]
    height, across = sizes[9], sizes[10]
    blocks = -(-channels // block_channels)
    for k in range(19):
        block[k] = 0
    block[5], block[8], block[9] = 1, sizes[22], 0 if sizes[23] else vectors_of_tile(y) * width(y)
    for cell in range(lo, hi):
        o = cell % blocks * block_channels
        first_column = cell // blocks % pieces * piece_columns
        first_row = cell // (blocks * pieces) % strips * strip_rows
        image = cell // (blocks * pieces * strips)  # counts images and groups
        group = image % groups
        source = shift(x, image * in_channels * shape[0] * shape[1])
        planes = scratch
        if sizes[19]:
            planes = shift(source, first_row * shape[3] + first_column)
        else:
            fill_planes(args, planes, source, shape, in_channels, first_row, sizes[18], first_column)
        block[12] = min(channels - o, block_channels)
        for phase in range(sizes[13]):
            p = shift(phases, 7 * phase)
            rows, n = min(p[5] - first_row, strip_rows), min(p[6] - first_column, piece_columns)
            if rows > 0 and n > 0:
                a = shift(weight, group * sizes[14] + p[2] + o * in_channels * p[0])
                row = (image * channels + o) * height + p[3] + first_row * sizes[11]
                target = shift(y, row * across + p[4] + first_column * sizes[12])
                biases, tile = shift(bias, group * channels + o), shift(scratch, integer(args, 11))
                _strip(args, block, worker, target, height * across, a, planes, p, biases, tile, rows, n)


def transpose_weight(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """The weight as the gradient of the images needs it: (G, O, C, taps) -> (G, phases, C, O, taps of the phase).

    Slots: result, weight, O, C, taps, taps that are used, tables of these: the taps phase after phase; for each of them
    the number of taps of the phases before its own, and of its own; whether they are all taps in their order. A cell is
    eight input channels of a group, which lie side by side in the weight.
    """
    y, weight = pointer(args, 0), pointer(args, 1)
    out_channels, channels, taps, used = integer(args, 2), integer(args, 3), integer(args, 4), integer(args, 5)
    order, before, own = integers(args, 6), integers(args, 7), integers(args, 8)
    blocks = -(-channels // 8)
    for cell in range(lo, hi):
        group, first = cell // blocks, cell % blocks * 8
        target = shift(y, group * out_channels * channels * used)
        source = shift(weight, group * out_channels * channels * taps)
        for o in range(out_channels):
            for c in range(first, min(channels, first + 8)):
                row = shift(source, (o * channels + c) * taps)
                if integer(args, 9):
                    copy_row(shift(target, (c * out_channels + o) * taps), row, taps)
                else:
                    for k in range(used):
                        place = out_channels * (channels * before[k] + c * own[k])
                        target[place + o * own[k] + k - before[k]] = row[order[k]]
