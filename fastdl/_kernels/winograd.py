"""The kernels of Winograd's convolution: weights to panels, images to the result (``winograd_tiles.py`` says how).

Letters: C input and O output channels, H x W pixels of an image, P x Q of a result, L lanes of a vector; U the
transformed weights, V the transformed tiles, M their product.

sizes: 0 C, 1 O, 2 H, 3 W, 4 P, 5 Q, 6 zeros above, 7 left, 8 rows of tiles of an image, 9 columns of tiles, 10 rows of
tiles of a cell, 11 columns of tiles of a cell, 12 pieces of a row of tiles, 13 rows of tiles of all images, elements
from frequency to frequency: 14 of V, 15 of U, 16 of M; elements of the weight from channel to channel: 17 output, 18
input; 19 whether its taps are read backwards, 20 output channels of a block; where the parts of a worker's scratch
start, the strip at 0: 21 its transformed rows, 22 V, 23 M, 24 pixels of the result,
25 a chunk of U; 26 elements of V from tile to tile; 27 rows and 28 columns of taps, 29 pieces of a row of taps, 30 of
all taps, 31 channels of V. A kernel of more than 3 x 3 taps is cut into *pieces* of so many, with zeros at its ends;
each is convolved with the image from 3 rows or columns further on, and V has the channels of the image for each piece.
"""

import numpy as np

from .block import address, call, integer, integers, number, pointer, shift, stack, stack_integers
from .compiler import inline
from .micro import rows_of_tile
from .moves import turn
from .short_products import rows_of_panel
from .vectors import larger, load, spread, store, total, transpose, width
from .winograd_tiles import sampled, tile_out, tiles_in


@inline
def _taps(args, target, weight, a, channels, step, left):  # type: ignore[no-untyped-def]
    """target[tap, l] = the nine taps of L output channels from ``a`` on, zeros behind the last of them.

    ``left``: elements of the weight from the first tap on; squares of taps would read beyond its end.
    """
    lanes = width(weight)
    count = min(lanes, channels - a)
    if count == lanes and (lanes - 1) * step + max(9, lanes) <= left:
        for k in range(0, 9, lanes):
            first = max(0, min(k, 9 - lanes))
            transpose(shift(target, first * lanes), lanes, shift(weight, first), step)
        return
    for k in range(9):
        for j in range(lanes):
            target[k * lanes + j] = weight[j * step + k] if j < count else number(args, 0)


@inline
def _piece(args, target, weight, a, channels, step, sizes, piece):  # type: ignore[no-untyped-def]
    """The same nine taps of a piece of a larger kernel, in the order in which they are read."""
    lanes, down, across = width(weight), sizes[27], sizes[28]
    count = min(lanes, channels - a)
    for k in range(9):
        u, v = piece // sizes[29] * 3 + k // 3, piece % sizes[29] * 3 + k % 3
        tap = u * across + v
        if sizes[19]:
            tap = down * across - 1 - tap
        for j in range(lanes):
            inside = j < count and u < down and v < across
            target[k * lanes + j] = weight[j * step + tap] if inside else number(args, 0)


def weights(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """U[f, panel, c] = a panel of G g G'. A cell is L output channels, for 16 input channels.

    Slots: U, weight, sizes, columns of a panel, elements of U from frequency to frequency, first output channel, first
    input channel and how many of these.
    """
    u, weight, sizes, panel = pointer(args, 0), pointer(args, 1), integers(args, 2), integer(args, 3)
    pitch, first_out, first_in, count = integer(args, 4), integer(args, 5), integer(args, 6), integer(args, 7)
    taps = stack(args, 512)
    lanes, channels, outputs = width(u), sizes[0], sizes[1]
    step_out, step_in, plain = sizes[17], sizes[18], sizes[27] == 3 and sizes[28] == 3
    backwards = sizes[19] != 0 and plain
    blocks = -(-count // 16)
    for cell in range(lo, hi):
        a, first = cell // blocks * lanes, cell % blocks * 16
        for c in range(first, min(count, first + 16)):
            piece, channel = (first_in + c) // channels, (first_in + c) % channels
            start = (first_out + a) * step_out + channel * step_in
            source, left = shift(weight, start), 9 * channels * outputs - start
            if plain:
                _taps(args, taps, source, first_out + a, outputs, step_out, left)
            else:
                _piece(args, taps, source, first_out + a, outputs, step_out, sizes, piece)
            target = shift(u, a // panel * panel * count + c * panel + a % panel)
            _panel_rows(args, target, taps, pitch, backwards, lanes)


@inline
def _panel_rows(args, target, taps, pitch, backwards, lanes):  # type: ignore[no-untyped-def]
    """The 36 frequencies of L kernels of nine taps."""
    middle = stack(args, 1024)
    for v in range(3):
        k = 8 - v if backwards else v
        step = -3 if backwards else 3
        g = sampled(
            args,
            load(shift(taps, k * lanes)),
            load(shift(taps, (k + step) * lanes)),
            load(shift(taps, (k + 2 * step) * lanes)),
        )
        store(shift(middle, v * lanes), g[0])
        store(shift(middle, (3 + v) * lanes), g[1])
        store(shift(middle, (6 + v) * lanes), g[2])
        store(shift(middle, (9 + v) * lanes), g[3])
        store(shift(middle, (12 + v) * lanes), g[4])
        store(shift(middle, (15 + v) * lanes), g[5])
    for i in range(6):
        p = shift(middle, 3 * i * lanes)
        g = sampled(args, load(p), load(shift(p, lanes)), load(shift(p, 2 * lanes)))
        q = shift(target, 6 * i * pitch)
        store(q, g[0])
        store(shift(q, pitch), g[1])
        store(shift(q, 2 * pitch), g[2])
        store(shift(q, 3 * pitch), g[3])
        store(shift(q, 4 * pitch), g[4])
        store(shift(q, 5 * pitch), g[5])


@inline
def _products(args, v, u, depth, m, sizes, tiles, columns, add):  # type: ignore[no-untyped-def]
    """M = V U for each frequency, or M + V U: ``tiles`` rows, ``depth`` input channels, ``columns`` output channels."""
    vectors, block, row, panel = columns // width(v), sizes[20], sizes[26], integer(args, 9)
    blocks = -(-tiles // rows_of_tile(v, vectors))
    height, taller = tiles // blocks, tiles % blocks  # rows of a block, and how many have one more
    for f in range(36):
        y, a, b = shift(m, f * sizes[16]), shift(v, f * sizes[14]), shift(u, f * sizes[15])
        for part in range(2):
            rows, count = (height, blocks - taller) if part else (height + 1, taller)
            if rows * count > 0:
                next_a, next_b = shift(a, rows * row), shift(b, sizes[15])
                rows_of_panel(rows, vectors, y, block, a, row, b, panel, next_a, next_b, count, depth, add)
                y, a = shift(y, rows * count * block), shift(a, rows * count * row)


@inline
def _block(args, worker, v, u, m, sizes, o, tiles, columns, own):  # type: ignore[no-untyped-def]
    """M for the output channels from o on, summed over chunks of input channels.

    Weights that no other cell needs are transformed here, a chunk at a time.
    """
    channels, panel, chunk, weights = sizes[31], integer(args, 9), integer(args, 15), stack_integers(args, 8)
    for part in range(-(-channels // chunk)):
        c = part * chunk
        depth = min(chunk, channels - c)
        place = shift(u, o // panel * panel * channels + c * panel + o % panel)
        if integer(args, 14) != 0:
            place = shift(own, sizes[25])
            weights[0], weights[1], weights[2], weights[3] = address(place), integer(args, 5), address(sizes), panel
            weights[4], weights[5], weights[6], weights[7] = sizes[15], o, c, depth
            call(integer(args, 14), address(weights), 0, columns // width(v) * -(-depth // 16), worker)
        _products(args, shift(v, c), place, depth, m, sizes, tiles, columns, 1 if part > 0 else 0)


@inline
def _defined(args, target, columns, x, weight, bias, o, channels, sizes, p0, q0, height, length):  # type: ignore[no-untyped-def]
    """A tile of ``channels`` output channels from o on as the sum over the taps: where numbers are not finite."""
    lanes, zero, across, taps = width(x), number(args, 0), sizes[28], sizes[27] * sizes[28]
    for k in range(channels):
        for p in range(height):
            for q in range(length):
                s = bias[o + k] if integer(args, 4) else zero
                for c in range(sizes[0]):
                    w, plane = shift(weight, (o + k) * sizes[17] + c * sizes[18]), shift(x, c * sizes[2] * sizes[3])
                    for tap in range(taps):
                        i, j = p0 + p + tap // across - sizes[6], q0 + q + tap % across - sizes[7]
                        inside = i >= 0 and i < sizes[2] and j >= 0 and j < sizes[3]
                        pixel = plane[i * sizes[3] + j] if inside else zero
                        s += w[taps - 1 - tap if sizes[19] else tap] * pixel
                target[(p * columns + q) * lanes + k] = s


@inline
def _finite(args, target, columns, height, length):  # type: ignore[no-untyped-def]
    """Whether L channels of a tile are finite."""
    lanes, zero, s = width(target), number(args, 0), number(args, 0)
    for p in range(height):
        for k in range(length * lanes):
            s += target[p * columns * lanes + k] * zero
    return s == zero


@inline
def _tiles_out(args, y, x, m, sizes, pixels, row, rows, column, tiles, o, first, channels):  # type: ignore[no-untyped-def]
    """The result for L output channels from o on, at lane ``first`` of M, ``channels`` of which there are."""
    weight, bias, lanes = pointer(args, 5), pointer(args, 3), width(y)
    height, length = sizes[4], sizes[5]
    zero = spread(number(args, 0))
    added, numbers = zero, stack(args, 16)
    if integer(args, 4):
        for k in range(lanes):
            numbers[k] = bias[o + k] if k < channels else number(args, 0)
        added = load(numbers)
    bottom, columns = min(4 * rows, height - 4 * row), min(4 * tiles, length - 4 * column)
    wrong, relu = zero, integer(args, 16)
    floor = spread(number(args, 0) if relu else number(args, -np.inf))
    for attempt in range(2):  # the second one without relu, which would hide an infinity
        if attempt == 0 or not total(wrong) == number(args, 0):
            for r in range(rows):
                for t in range(tiles):
                    place = shift(pixels, (4 * r * columns + 4 * t) * lanes)
                    tall, long = min(4, bottom - 4 * r), min(4, columns - 4 * t)
                    source = shift(m, (r * tiles + t) * sizes[20] + first)
                    wrong = tile_out(args, place, columns, source, sizes[16], added, floor, tall, long, wrong)
            floor = spread(number(args, -np.inf))
    if not total(wrong) == number(args, 0):
        for r in range(rows):
            for t in range(tiles):
                place = shift(pixels, (4 * r * columns + 4 * t) * lanes)
                tall, long = min(4, bottom - 4 * r), min(4, columns - 4 * t)
                if not _finite(args, place, columns, tall, long):
                    p, q = 4 * (row + r), 4 * (column + t)
                    _defined(args, place, columns, x, weight, bias, o, channels, sizes, p, q, tall, long)
        if relu:
            for p in range(bottom * columns):
                store(shift(pixels, p * lanes), larger(zero, load(shift(pixels, p * lanes))))
    whole = columns == length
    runs, run = (1, bottom * columns) if whole else (bottom, columns)
    for r in range(runs):
        start = shift(y, (o * height + 4 * row + r) * length + 4 * column)
        turn(start, height * length, shift(pixels, r * run * lanes), lanes, run, channels)


def images(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """V of a strip: a few rows of tiles, perhaps of several images, or a piece of such a row.

    A cell is a strip, for one of several parts of the channels.
    Slots: V, x, sizes, worker scratch and its stride, parts, elements of V from strip to strip, the first strip of V.
    """
    v, x, sizes, parts = pointer(args, 0), pointer(args, 1), integers(args, 2), integer(args, 5)
    scratch = shift(pointer(args, 3), worker * integer(args, 4))
    channels, rows, pieces = sizes[0], sizes[8], sizes[12]
    groups = -(-channels // width(x))
    for cell in range(lo, hi):
        part, strip = cell % parts, integer(args, 7) + cell // parts
        column = strip % pieces * sizes[11]
        tiles = min(sizes[11], sizes[9] - column)
        first, last = strip // pieces * sizes[10], min(sizes[13], (strip // pieces + 1) * sizes[10])
        place, row = shift(v, cell // parts * integer(args, 6)), first
        while row < last:
            top = row % rows
            count = min(last - row, rows - top)
            target = shift(place, (row - first) * tiles * sizes[26])
            image = shift(x, row // rows * channels * sizes[2] * sizes[3])
            begin, stop = sizes[30] * groups * part // parts, sizes[30] * groups * (part + 1) // parts
            for piece in range(sizes[30]):
                start, end = max(0, begin - piece * groups), min(groups, stop - piece * groups)
                above, left = sizes[6] - piece // sizes[29] * 3, sizes[7] - piece % sizes[29] * 3
                if start < end:
                    place_of_piece = shift(target, piece * channels)
                    tiles_in(
                        *(args, place_of_piece, image, sizes, scratch, top, count, column, tiles, start, end),
                        *(above, left),
                    )
            row += count


def multiply(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = s(x * weight + bias). A cell is a strip (see ``images``), for one of several parts of the blocks of channels.

    Slots: y, x, U, bias, has bias, weight, sizes, worker scratch and its stride, columns of a panel, parts, the kernel
    ``images`` or 0 where V is there already, V, elements of V from strip to strip, the kernel ``weights`` or 0 where U
    is there already, input channels of a chunk, s is relu.
    """
    y, x, u, sizes, parts = pointer(args, 0), pointer(args, 1), pointer(args, 2), integers(args, 6), integer(args, 10)
    scratch = shift(pointer(args, 7), worker * integer(args, 8))
    m, pixels, own = shift(scratch, sizes[23]), shift(scratch, sizes[24]), stack_integers(args, 8)
    channels, outputs, rows, pieces, lanes, block = sizes[0], sizes[1], sizes[8], sizes[12], width(y), sizes[20]
    image_in, image_out, blocks = channels * sizes[2] * sizes[3], outputs * sizes[4] * sizes[5], -(-outputs // block)
    for cell in range(lo, hi):
        part, strip = cell % parts, cell // parts
        column = strip % pieces * sizes[11]
        tiles = min(sizes[11], sizes[9] - column)
        first, last = strip // pieces * sizes[10], min(sizes[13], (strip // pieces + 1) * sizes[10])
        v = shift(pointer(args, 12), strip * integer(args, 13))
        if integer(args, 11) != 0:
            v = shift(scratch, sizes[22])
            own[0], own[1], own[2], own[3] = address(v), address(x), address(sizes), integer(args, 7)
            own[4], own[5], own[6], own[7] = integer(args, 8), 1, 0, 0
            call(integer(args, 11), address(own), strip, strip + 1, worker)
        for number_of_block in range(blocks * part // parts, blocks * (part + 1) // parts):
            o = number_of_block * block
            n = min(block, outputs - o)
            _block(args, worker, v, u, m, sizes, o, (last - first) * tiles, -(-n // lanes) * lanes, scratch)
            row = first
            while row < last:
                image, top = row // rows, row % rows
                count = min(last - row, rows - top)
                source, target = shift(m, (row - first) * tiles * block), shift(y, image * image_out)
                start = shift(x, image * image_in)
                for group in range(-(-n // lanes)):
                    k = group * lanes
                    left = min(lanes, n - k)
                    _tiles_out(args, target, start, source, sizes, pixels, top, count, column, tiles, o + k, k, left)
                row += count
