"""The gradient of a convolution with respect to its kernels, pieces of 3 x 3 taps, by Winograd's F(3 x 3, 4 x 4).

Letters as in ``winograd.py``; g is the gradient of the result, dW that of the weight. In the forward pass a tile of the
result was y = A' [(G w G') * (B' d B)] A. That is linear in w, and <g, y> = <dW, w> for every w, so

    dW = G' [ sum over the tiles of (A g A') * (B' d B) ] G

Z = A g A' has 36 numbers for the 4 x 4 pixels of g in a tile, V = B' d B is the same as in the forward pass. So each of
the 36 frequencies is a product whose terms are tiles, M[o, c] = sum over t of Z[t, o] V[t, c], with 36 multiplications
for 16 pixels instead of 144, and G' M G comes once at the end. Pixels of a tile beyond the result are zeros in Z.
"""

from .block import address, call, integer, integers, number, pointer, shift, stack, stack_integers
from .compiler import inline
from .micro import rows_of_tile, vectors_of_tile
from .moves import turn
from .short_products import upright_rows
from .vectors import fma, load, put_first, spread, store, total, transpose, width
from .winograd_tiles import A, B, strip


@inline
def _spread_out(args, target, step_target, source, step_source):  # type: ignore[no-untyped-def]
    """A g: the polynomial with four coefficients g, vectors so many numbers apart, at the points."""
    a, b = spread(number(args, A)), spread(number(args, B))
    aa, bb = spread(number(args, A * A)), spread(number(args, B * B))
    g0, g1 = load(source), load(shift(source, step_source))
    g2, g3 = load(shift(source, 2 * step_source)), load(shift(source, 3 * step_source))
    even_a, odd_a = fma(aa, g2, g0), a * fma(aa, g3, g1)
    even_b, odd_b = fma(bb, g2, g0), b * fma(bb, g3, g1)
    store(target, g0)
    store(shift(target, step_target), even_a + odd_a)
    store(shift(target, 2 * step_target), even_a - odd_a)
    store(shift(target, 3 * step_target), even_b + odd_b)
    store(shift(target, 4 * step_target), even_b - odd_b)
    store(shift(target, 5 * step_target), g3)


@inline
def _gathered(args, m0, m1, m2, m3, m4, m5):  # type: ignore[no-untyped-def]
    """G' m: what ``sampled`` made of three taps, of six numbers back to three."""
    zero = spread(number(args, 1 / (A * A * B * B)))
    at_a, at_b = 1 / (2 * A * A * (A * A - B * B)), 1 / (2 * B * B * (B * B - A * A))
    a0, a1, a2 = spread(number(args, at_a)), spread(number(args, at_a * A)), spread(number(args, at_a * A * A))
    b0, b1, b2 = spread(number(args, at_b)), spread(number(args, at_b * B)), spread(number(args, at_b * B * B))
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        fma(zero, m0, fma(a0, even_a, b0 * even_b)),
        fma(a1, odd_a, b1 * odd_b),
        fma(a2, even_a, fma(b2, even_b, m5)),
    )


@inline
def _row_of_tiles(args, z, pitch, step, between, columns, tiles):  # type: ignore[no-untyped-def]
    """Z of a row of tiles, for L channels, from six rows that were transformed along the columns already."""
    lanes = width(z)
    for t in range(tiles):
        for i in range(6):
            source = shift(between, (i * columns + 4 * t) * lanes)
            _spread_out(args, shift(z, 6 * i * pitch + t * step), pitch, source, lanes)


@inline
def _tiles_in(args, z, g, sizes, scratch, row, rows, column, tiles, start, end):  # type: ignore[no-untyped-def]
    """Z of ``rows`` rows of tiles of the result at g from tile row ``row`` on, of ``tiles`` from ``column`` on each.

    For the groups start..end of L channels.
    """
    channels, height, length, pitch, step = sizes[1], sizes[4], sizes[5], sizes[15], sizes[18]
    lanes, all_columns, first = width(g), 4 * tiles, 4 * column
    columns = min(length - first, all_columns)
    between = shift(scratch, sizes[21])
    zero = spread(number(args, 0))
    for i in range(6):
        for w in range(columns, all_columns):
            store(shift(between, (i * all_columns + w) * lanes), zero)
    for group in range(start, end):
        c = min(group * lanes, channels - lanes)
        plane = shift(g, c * height * length)
        strip(args, scratch, plane, height * length, 4 * row, 4 * rows, height, first, first + columns, length)
        for r in range(rows):
            source = shift(scratch, 4 * r * columns * lanes)
            for w in range(columns):
                place = shift(between, w * lanes)
                _spread_out(args, place, all_columns * lanes, shift(source, w * lanes), columns * lanes)
            _row_of_tiles(args, shift(z, r * tiles * step + c), pitch, step, between, all_columns, tiles)


def gradients(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Z of a strip, as ``winograd.images`` makes V: a cell is a strip, for one of several parts of the channels.

    Slots: Z, g, sizes, worker scratch and its stride, parts, elements of Z from strip to strip, the first strip of Z.
    """
    z, g, sizes, parts = pointer(args, 0), pointer(args, 1), integers(args, 2), integer(args, 5)
    scratch = shift(pointer(args, 3), worker * integer(args, 4))
    channels, rows, pieces = sizes[1], sizes[8], sizes[12]
    groups = -(-channels // width(g))
    for cell in range(lo, hi):
        part, number_of_strip = cell % parts, integer(args, 7) + cell // parts
        column = number_of_strip % pieces * sizes[11]
        tiles = min(sizes[11], sizes[9] - column)
        first = number_of_strip // pieces * sizes[10]
        place, row, last = shift(z, cell // parts * integer(args, 6)), first, min(sizes[13], first + sizes[10])
        while row < last:
            top = row % rows
            count = min(last - row, rows - top)
            target = shift(place, (row - first) * tiles * sizes[18])
            image = shift(g, row // rows * channels * sizes[4] * sizes[5])
            start, end = groups * part // parts, groups * (part + 1) // parts
            _tiles_in(args, target, image, sizes, scratch, top, count, column, tiles, start, end)
            row += count


@inline
def _products(m, z, v, sizes, outputs, channels, tiles, add):  # type: ignore[no-untyped-def]
    """M = Z' V for each frequency, or M + Z' V: ``outputs`` rows, ``channels`` columns, ``tiles`` terms.

    The last vector of a row of M may have lanes of no channel, made of what lies behind a tile in V.
    """
    lanes, step_z, step_v = width(v), sizes[18], sizes[26]
    every = -(-channels // lanes)
    panels = -(-every // vectors_of_tile(v))
    for f in range(36):
        ahead = 1 if f < 35 else 0
        for panel in range(panels):
            first, end = every * panel // panels, every * (panel + 1) // panels
            blocks = -(-outputs // rows_of_tile(v, end - first))
            height, taller = outputs // blocks, outputs % blocks  # rows of a block, and how many have one more
            y, a = shift(m, f * sizes[16] + first * lanes), shift(z, f * sizes[15])
            b = shift(v, f * sizes[14] + first * lanes)
            # Of what the next frequency reads, a share while each panel is computed.
            next_a = shift(z, (f + ahead) * sizes[15] + tiles * step_z * panel // panels)
            next_b = shift(v, (f + ahead) * sizes[14] + tiles * step_v * panel // panels)
            for part in range(2):
                rows, count = (height, blocks - taller) if part else (height + 1, taller)
                if rows * count > 0:
                    upright_rows(
                        *(rows, end - first, y, sizes[20], a, step_z, b, step_v, next_a, next_b, count, tiles, add)
                    )
                    y, a = shift(y, rows * count * sizes[20]), shift(a, rows * count)


@inline
def _middle(args, target, m, pitch):  # type: ignore[no-untyped-def]
    """G' m for one of the six columns of the frequencies."""
    lanes = width(m)
    g0, g1, g2 = _gathered(
        args,
        load(m),
        load(shift(m, 6 * pitch)),
        load(shift(m, 12 * pitch)),
        load(shift(m, 18 * pitch)),
        load(shift(m, 24 * pitch)),
        load(shift(m, 30 * pitch)),
    )
    store(target, g0)
    store(shift(target, 6 * lanes), g1)
    store(shift(target, 12 * lanes), g2)


@inline
def _taps_out(args, target, middle, taps, m, pitch, count, wrong):  # type: ignore[no-untyped-def]
    """G' m G of L input channels, of which there are ``count``. Returns wrong, + NaN if a number is not finite."""
    lanes, zero = width(m), spread(number(args, 0))
    for j in range(6):
        _middle(args, shift(middle, j * lanes), shift(m, j * pitch), pitch)
    for i in range(3):
        p, q = shift(middle, 6 * i * lanes), shift(taps, 3 * i * lanes)
        g0, g1, g2 = _gathered(
            args,
            load(p),
            load(shift(p, lanes)),
            load(shift(p, 2 * lanes)),
            load(shift(p, 3 * lanes)),
            load(shift(p, 4 * lanes)),
            load(shift(p, 5 * lanes)),
        )
        wrong = fma(g0, zero, fma(g1, zero, fma(g2, zero, wrong)))
        store(q, g0)
        store(shift(q, lanes), g1)
        store(shift(q, 2 * lanes), g2)
    if lanes <= 9:
        turn(target, 9, taps, lanes, 9, count)
    else:  # a square has more rows than there are taps
        transpose(middle, lanes, taps, lanes)
        for k in range(count):
            put_first(shift(target, 9 * k), load(shift(middle, k * lanes)), 9)
    return wrong


@inline
def _pieces_out(target, nine, sizes, first, count):  # type: ignore[no-untyped-def]
    """Nine taps of each of ``count`` channels of V from ``first`` on to their places in larger kernels."""
    down, across = sizes[27], sizes[28]
    piece, channel = first // sizes[0], first % sizes[0]
    for j in range(count):
        top, left = piece // sizes[29] * 3, piece % sizes[29] * 3
        place = shift(target, (channel * down + top) * across + left)
        for u in range(min(3, down - top)):
            for v in range(min(3, across - left)):
                place[u * across + v] = nine[9 * j + 3 * u + v]
        channel += 1
        if channel == sizes[0]:
            piece, channel = piece + 1, 0


def weight_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Partial sums of dW. A cell is a chunk of the strips (see ``gradients``), a block of channels of g, one of x.

    Slots: partial sums (chunks, O, C, U, V), x, g, sizes, worker scratch and its stride, the strip after the last,
    strips of a chunk, V and Z from the first strip on and their elements from strip to strip, the kernels
    ``winograd.images`` and ``gradients`` or 0 where V and Z are there already, for each cell a number that will be NaN
    if one of its sums is not finite; the first strip, M of all cells, which is kept between launches for some of the
    strips each, or null, and whether this launch is the last of them.
    sizes: as in ``winograd.py``, but 15 elements of Z from frequency to frequency; of Z from tile to tile: 18; channels
    of a block: 19 of g, 20 of x; where the parts of a worker's scratch start: 22 V, 23 M, 24 Z, 25 squares of taps.
    """
    sums, sizes, wrongs = pointer(args, 0), integers(args, 3), pointer(args, 14)
    scratch = shift(pointer(args, 4), worker * integer(args, 5))
    m, squares, own = shift(scratch, sizes[23]), shift(scratch, sizes[25]), stack_integers(args, 8)
    channels, outputs, lanes = sizes[31], sizes[1], width(sums)
    blocks, out_blocks = -(-channels // sizes[20]), -(-outputs // sizes[19])
    middle, taps, begin = squares, shift(squares, 18 * lanes), integer(args, 15)
    plain, nine = sizes[27] == 3 and sizes[28] == 3, stack(args, 256)
    for cell in range(lo, hi):
        c, o = cell % blocks * sizes[20], cell // blocks % out_blocks * sizes[19]
        n, k, chunk = min(sizes[20], channels - c), min(sizes[19], outputs - o), cell // (blocks * out_blocks)
        start = begin + chunk * integer(args, 7)
        end, add = min(integer(args, 6), start + integer(args, 7)), 1 if begin > 0 else 0
        if address(pointer(args, 16)) != 0:
            m = shift(pointer(args, 16), cell * 36 * sizes[16])
        for number_of_strip in range(start, end):
            first = number_of_strip // sizes[12] * sizes[10]
            rows = min(sizes[13], first + sizes[10]) - first
            tiles = rows * min(sizes[11], sizes[9] - number_of_strip % sizes[12] * sizes[11])
            v = shift(pointer(args, 8), (number_of_strip - begin) * integer(args, 10))
            z = shift(pointer(args, 9), (number_of_strip - begin) * integer(args, 11))
            if integer(args, 12) != 0:
                v, z = shift(scratch, sizes[22]), shift(scratch, sizes[24])
                own[0], own[1], own[2], own[3] = address(v), address(pointer(args, 1)), address(sizes), integer(args, 4)
                own[4], own[5], own[6], own[7] = integer(args, 5), 1, 0, 0
                call(integer(args, 12), address(own), number_of_strip, number_of_strip + 1, worker)
                own[0], own[1] = address(z), address(pointer(args, 2))
                call(integer(args, 13), address(own), number_of_strip, number_of_strip + 1, worker)
            _products(m, shift(z, o), shift(v, c), sizes, k, n, tiles, add)
            add = 1
        if integer(args, 17) == 0:
            continue
        wrong = spread(number(args, 0))
        for f in range(36 if n % lanes else 0):  # lanes of no channel
            for i in range(k):
                for j in range(n, -(-n // lanes) * lanes):
                    m[f * sizes[16] + i * sizes[20] + j] = number(args, 0)
        for i in range(k):
            target = shift(sums, (chunk * outputs + o + i) * sizes[0] * sizes[27] * sizes[28])
            for j in range(0, n, lanes):
                source, count = shift(m, i * sizes[20] + j), min(lanes, n - j)
                place = shift(target, 9 * (c + j)) if plain else nine
                wrong = _taps_out(args, place, middle, taps, source, sizes[16], count, wrong)
                if not plain:
                    _pieces_out(target, nine, sizes, c + j, count)
        wrongs[cell] = total(wrong)


def where_wrong(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Another kernel's cells, if one of some numbers is not finite. Slots: numbers, how many, the kernel, its slots."""
    numbers, s = pointer(args, 0), number(args, 0)
    for k in range(integer(args, 1)):
        s += numbers[k] * number(args, 0)
    if not s == number(args, 0):
        call(integer(args, 2), address(shift(args, 3)), lo, hi, worker)
