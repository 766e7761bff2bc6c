"""Convolution of stride 1 with kernels of 3 x 3 taps by Winograd's minimal filtering F(4 x 4, 3 x 3).

Letters: C input and O output channels, H x W pixels of an image, P x Q of a result, L lanes of a vector, T tiles of a
cell. A tile is 4 x 4 pixels of a result; 6 x 6 pixels d of the image contribute to it, through 3 x 3 taps g:

    y = A' [(G g G') * (B' d B)] A      (* multiplies elements; ' transposes)

which has 36 multiplications where the sum over the taps has 144 (Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks", 2016). Summed over the channels, each of the 36 elements ("frequencies") is a matrix product: V, tiles
x C, times U, C x O, is M, tiles x O, and the micro-kernel computes these at the machine's limit.

In one dimension: polynomials are multiplied by their values at 0, -a, a, -b, b and infinity. Usual are a = 1, b = 2;
here a = 3/4, b = 3/2: the powers of points on both sides of 1 differ less, which makes the error about four times
smaller at the price of two multiplications (points like these: Alam et al., "Winograd Convolution for Deep Neural
Networks: Efficient Point Selection", 2022). All constants of A and B are exact in binary.

All transforms have the channels on the lanes; pixels come and go in squares of L channels by L pixels, transposed in
registers. Rows of an image that are needed whole are one run of memory, so that widths that L does not divide cost
nothing. Tiles that are not finite are computed again from the definition: a product by zero of an infinite pixel would
spread over the tile otherwise.
"""

from .block import number, shift
from .compiler import inline
from .moves import turn
from .vectors import fma, larger, load, spread, store, width

A, B = 3 / 4, 3 / 2  # the points


@inline
def _filtered(args, d0, d1, d2, d3, d4, d5):  # type: ignore[no-untyped-def]
    """B' d: the coefficients of the polynomials that vanish at all points but one."""
    both, product = spread(number(args, -(A * A + B * B))), spread(number(args, A * A * B * B))
    less_aa, less_bb = spread(number(args, -A * A)), spread(number(args, -B * B))
    a, b = spread(number(args, A)), spread(number(args, B))
    less_a, less_b = spread(number(args, -A)), spread(number(args, -B))
    even, odd = fma(less_bb, d2, d4), fma(less_bb, d1, d3)
    even_b, odd_b = fma(less_aa, d2, d4), fma(less_aa, d1, d3)
    return (
        fma(product, d0, fma(both, d2, d4)),
        fma(a, odd, even),
        fma(less_a, odd, even),
        fma(b, odd_b, even_b),
        fma(less_b, odd_b, even_b),
        fma(product, d1, fma(both, d3, d5)),
    )


@inline
def _summed(args, m0, m1, m2, m3, m4, m5):  # type: ignore[no-untyped-def]
    """A' m: rows of powers of the points."""
    a, b, aa, bb = (
        spread(number(args, A)),
        spread(number(args, B)),
        spread(number(args, A * A)),
        spread(number(args, B * B)),
    )
    aaa, bbb = spread(number(args, A * A * A)), spread(number(args, B * B * B))
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        m0 + (even_a + even_b),
        fma(a, odd_a, b * odd_b),
        fma(aa, even_a, bb * even_b),
        fma(aaa, odd_a, fma(bbb, odd_b, m5)),
    )


@inline
def sampled(args, g0, g1, g2):  # type: ignore[no-untyped-def]
    """G g: the kernel's polynomial at the points, divided by what ``_filtered`` is too large."""
    zero = spread(number(args, 1 / (A * A * B * B)))
    at_a, at_b = 1 / (2 * A * A * (A * A - B * B)), 1 / (2 * B * B * (B * B - A * A))
    a0, a1, a2 = spread(number(args, at_a)), spread(number(args, at_a * A)), spread(number(args, at_a * A * A))
    b0, b1, b2 = spread(number(args, at_b)), spread(number(args, at_b * B)), spread(number(args, at_b * B * B))
    even_a, odd_a = fma(a2, g2, a0 * g0), a1 * g1
    even_b, odd_b = fma(b2, g2, b0 * g0), b1 * g1
    return zero * g0, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g2


@inline
def _filter(args, target, step_target, source, step_source):  # type: ignore[no-untyped-def]
    """B' d of six vectors of the source, so many numbers apart, to six of the target."""
    d0, d1, d2, d3, d4, d5 = _filtered(
        args,
        load(source),
        load(shift(source, step_source)),
        load(shift(source, 2 * step_source)),
        load(shift(source, 3 * step_source)),
        load(shift(source, 4 * step_source)),
        load(shift(source, 5 * step_source)),
    )
    store(target, d0)
    store(shift(target, step_target), d1)
    store(shift(target, 2 * step_target), d2)
    store(shift(target, 3 * step_target), d3)
    store(shift(target, 4 * step_target), d4)
    store(shift(target, 5 * step_target), d5)


@inline
def strip(args, target, source, plane, first_row, rows, height, first, last, length):  # type: ignore[no-untyped-def]
    """target[row, column, l]: L channels of ``rows`` rows from ``first_row`` on, columns first..last; zeros outside."""
    lanes, columns = width(source), last - first
    top, bottom = max(0, min(rows, -first_row)), max(0, min(rows, height - first_row))
    zero = spread(number(args, 0))
    for p in range(top * columns):
        store(shift(target, p * lanes), zero)
    for p in range(max(top, bottom) * columns, rows * columns):
        store(shift(target, p * lanes), zero)
    whole = columns == length
    runs, run = (1, (bottom - top) * columns) if whole else (bottom - top, columns)
    if bottom > top:
        for r in range(runs):
            start = shift(source, (first_row + top + r) * length + first)
            turn(shift(target, (top * columns + r * run) * lanes), lanes, start, plane, lanes, run)


@inline
def _row_of_tiles(args, v, pitch, step, between, columns, tiles):  # type: ignore[no-untyped-def]
    """V of a row of tiles, for L channels, from the six rows of the strip, transformed along the columns already."""
    lanes = width(v)
    for t in range(tiles):
        for i in range(6):
            source = shift(between, (i * columns + 4 * t) * lanes)
            _filter(args, shift(v, 6 * i * pitch + t * step), pitch, source, lanes)


@inline
def _down(args, between, source, first, columns, step, row):  # type: ignore[no-untyped-def]
    """The six rows of the strip transformed along its columns: ``between`` has ``row`` columns from ``first`` on."""
    lanes = width(source)
    for w in range(columns):
        _filter(args, shift(between, (first + w) * lanes), row, shift(source, w * lanes), step)


@inline
def tiles_in(args, v, x, sizes, scratch, row, rows, column, tiles, start, end, top, left):  # type: ignore[no-untyped-def]
    """V of ``rows`` rows of tiles of the image at x from tile row ``row`` on, of ``tiles`` from ``column`` on each.

    For the groups start..end of L channels, with ``top`` and ``left`` zeros before the image.
    """
    channels, height, length, pitch = sizes[0], sizes[2], sizes[3], sizes[14]
    lanes, step = width(x), sizes[26]
    all_columns = 4 * tiles + 2
    from_column = 4 * column - left
    first, last = max(0, from_column), min(length, from_column + all_columns)
    columns = max(0, last - first)
    between = shift(scratch, sizes[21])
    zero = spread(number(args, 0))
    for i in range(6):
        for w in range(all_columns):
            if from_column + w < first or from_column + w >= last:
                store(shift(between, (i * all_columns + w) * lanes), zero)
    for group in range(start, end):
        c = min(group * lanes, channels - lanes)
        plane = shift(x, c * height * length)
        strip(
            args, scratch, plane, height * length, 4 * row - top, 4 * rows + 2, height, first, first + columns, length
        )
        for r in range(rows):
            source = shift(scratch, 4 * r * columns * lanes)
            _down(args, between, source, first - from_column, columns, columns * lanes, all_columns * lanes)
            _row_of_tiles(args, shift(v, r * tiles * step + c), pitch, step, between, all_columns, tiles)


@inline
def tile_out(args, target, columns, m, pitch, bias, floor, height, length, wrong):  # type: ignore[no-untyped-def]
    """The tile y = A' m A + bias, at least ``floor``, of L channels, as much of it as lies in the result.

    Returns wrong, + NaN if a number is not finite.
    """
    lanes = width(m)
    zero = spread(number(args, 0))
    a0, a1, a2, a3 = _column(args, m, pitch)
    b0, b1, b2, b3 = _column(args, shift(m, pitch), pitch)
    c0, c1, c2, c3 = _column(args, shift(m, 2 * pitch), pitch)
    d0, d1, d2, d3 = _column(args, shift(m, 3 * pitch), pitch)
    e0, e1, e2, e3 = _column(args, shift(m, 4 * pitch), pitch)
    f0, f1, f2, f3 = _column(args, shift(m, 5 * pitch), pitch)
    wrong = _put_row(args, target, a0, b0, c0, d0, e0, f0, bias, floor, length, wrong, zero)
    if height > 1:
        wrong = _put_row(args, shift(target, columns * lanes), a1, b1, c1, d1, e1, f1, bias, floor, length, wrong, zero)
    if height > 2:
        wrong = _put_row(
            args, shift(target, 2 * columns * lanes), a2, b2, c2, d2, e2, f2, bias, floor, length, wrong, zero
        )
    if height > 3:
        wrong = _put_row(
            args, shift(target, 3 * columns * lanes), a3, b3, c3, d3, e3, f3, bias, floor, length, wrong, zero
        )
    return wrong


@inline
def _column(args, m, pitch):  # type: ignore[no-untyped-def]
    """A' m for one column of the frequencies."""
    return _summed(
        args,
        load(m),
        load(shift(m, 6 * pitch)),
        load(shift(m, 12 * pitch)),
        load(shift(m, 18 * pitch)),
        load(shift(m, 24 * pitch)),
        load(shift(m, 30 * pitch)),
    )


@inline
def _put_row(args, target, m0, m1, m2, m3, m4, m5, bias, floor, length, wrong, zero):  # type: ignore[no-untyped-def]
    """One row of a tile."""
    lanes = width(target)
    y0, y1, y2, y3 = _summed(args, m0, m1, m2, m3, m4, m5)
    wrong = fma(y0, zero, fma(y1, zero, fma(y2, zero, fma(y3, zero, wrong))))
    store(target, larger(floor, y0 + bias))
    if length > 1:
        store(shift(target, lanes), larger(floor, y1 + bias))
    if length > 2:
        store(shift(target, 2 * lanes), larger(floor, y2 + bias))
    if length > 3:
        store(shift(target, 3 * lanes), larger(floor, y3 + bias))
    return wrong
