"""Matrix products y = s(a b + bias) of any size: packing, blocking for the caches, and sums of long columns in parts.

Letters: M rows and N columns of y, K the length of the sums; a panel is as many columns of b as the micro-kernel's
widest block, a tile the part of y that one cell computes.

How memory is used (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; Van Zee and van de
Geijn, "BLIS", 2015): the sums go piece by piece, so long that a panel of a piece fits the first cache, beside the few
rows of a that are multiplied with it; the rows of a of a tile fit the second cache, and all panels see them there. A
panel is packed so that its terms lie behind each other: without that, rows of b a power of two apart would evict each
other, and each would be on a page of its own. A transposed b is transposed on the way, a square of registers at a time.
Rows of a are read in place unless that has these same flaws.
"""

from .block import address, call, integer, integers, number, offset, pointer, shift, stack_integers
from .compiler import inline
from .moves import copy_row, turn
from .prefetch import fetch_to_read_soon
from .vectors import first, fma, load, put_first, spread, store, total, width


@inline
def _pack_panel(panel, panel_width, b, step_b, column_b, terms, columns):  # type: ignore[no-untyped-def]
    """Terms of ``columns`` columns of b to panel[term, column], and zeros behind them."""
    if column_b == 1:
        for k in range(terms):
            copy_row(shift(panel, k * panel_width), shift(b, k * step_b), columns)
    else:
        turn(panel, panel_width, b, column_b, columns, terms)
    for k in range(terms if columns < panel_width else 0):
        for j in range(columns, panel_width):
            panel[k * panel_width + j] = 0


def pack(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """All of b in panels, for tiles that share them. A cell is a panel's piece of 256 terms.

    Slots: packed, b, K, N, strides of b (term, column) and from matrix to matrix, columns of a panel.
    """
    packed, b = pointer(args, 0), pointer(args, 1)
    depth, columns, step_b, column_b = integer(args, 2), integer(args, 3), integer(args, 4), integer(args, 5)
    matrix_b, panel_width = integer(args, 6), integer(args, 7)
    panels, pieces = -(-columns // panel_width), -(-depth // 256)
    for cell in range(lo, hi):
        k, j = cell % pieces * 256, cell // pieces % panels * panel_width
        matrix = cell // (pieces * panels)
        target = shift(packed, (matrix * panels * panel_width + j) * depth + k * panel_width)
        source = shift(b, matrix * matrix_b + k * step_b + j * column_b)
        _pack_panel(target, panel_width, source, step_b, column_b, min(256, depth - k), min(panel_width, columns - j))


def tiles(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """A stack of products. A cell is a tile of y of one matrix, and one of the parts of its sums.

    Slots: 0 y, a, b, 3 bias or null, 4 relu, 5 M, N, K, 8 strides of a (row, term) and of b (term, column), 12 outer
    axes, their shape, strides of a and b along them, 16 tiles down and across, 18 parts of the sums and the terms of a
    part, 20 terms of a piece, 21 what is done with b (0 read in place, 1 packed by ``pack``, 2 packed here), 22 whether
    rows of a are packed here, 23 columns of a panel, 24 worker scratch and its stride, 26 of which the panel takes, 27
    the kernel ``product.block``, 28 whether tiles are counted down first. With several parts y is a stack of partial
    sums, without bias.

    Tiles are of nearly equal size, down to a row, across to a panel.
    """
    rows, columns, depth = integer(args, 5), integer(args, 6), integer(args, 7)
    row_a, step_a, step_b, column_b = integer(args, 8), integer(args, 9), integer(args, 10), integer(args, 11)
    axes, shape, strides_a, strides_b = integer(args, 12), integers(args, 13), integers(args, 14), integers(args, 15)
    down, across, down_first = integer(args, 16), integer(args, 17), integer(args, 28)
    parts, part_terms, piece = integer(args, 18), integer(args, 19), integer(args, 20)
    form, copies, panel_width = integer(args, 21), integer(args, 22), integer(args, 23)
    panel = shift(pointer(args, 24), worker * integer(args, 25))
    own_rows = shift(panel, integer(args, 26))
    panels = -(-columns // panel_width)
    block = stack_integers(args, 19)
    block[6], block[10], block[11], block[18] = 0, 1, 0, 0
    block[5], block[16] = 0, 0
    for cell in range(lo, hi):
        tile, part, matrix = cell % (down * across), cell // (down * across) % parts, cell // (down * across * parts)
        tile_i, tile_j = (tile % down, tile // down) if down_first else (tile // across, tile % across)
        i, j = rows * tile_i // down, panels * tile_j // across * panel_width
        m, n = rows * (tile_i + 1) // down - i, min(columns, panels * (tile_j + 1) // across * panel_width) - j
        y = shift(pointer(args, 0), ((matrix * parts + part) * rows + i) * columns + j)
        a = shift(pointer(args, 1), offset(matrix, axes, shape, strides_a) + i * row_a)
        b = pointer(args, 2)
        if form == 1:
            b = shift(b, offset(matrix, axes, shape, strides_b) + j * depth)
        else:
            b = shift(b, offset(matrix, axes, shape, strides_b) + j * column_b)
        begin, end = part * part_terms, min(depth, (part + 1) * part_terms)
        for number_of_piece in range(-((begin - end) // piece)):
            k = begin + number_of_piece * piece
            terms = min(piece, end - k)
            source = shift(a, k * step_a)
            block[2], block[3], block[4] = address(source), row_a, step_a
            if copies:
                if step_a == 1:
                    for r in range(m):
                        copy_row(shift(own_rows, r * (piece + 16)), shift(source, r * row_a), terms)
                else:
                    turn(own_rows, piece + 16, source, step_a, terms, m)
                block[2], block[3], block[4] = address(own_rows), piece + 16, 1
            block[1], block[8], block[12], block[14] = columns, panel_width, m, terms
            block[15] = 1 if number_of_piece > 0 else (2 if address(pointer(args, 3)) != 0 else 0)
            block[17] = (integer(args, 4) if k + terms == depth else 0) + (2 if form else 0)
            if form == 2:
                for column in range(-(-n // panel_width)):
                    q = column * panel_width
                    count = min(panel_width, n - q)
                    _pack_panel(panel, panel_width, shift(b, k * step_b + q * column_b), step_b, column_b, terms, count)
                    block[0], block[7], block[9], block[13] = address(shift(y, q)), address(panel), 0, count
                    block[16] = address(shift(pointer(args, 3), j + q))
                    call(integer(args, 27), address(block), 0, 1, worker)
            else:
                block[0], block[13] = address(y), n
                block[16] = address(shift(pointer(args, 3), j))
                if form == 1:
                    block[7], block[9] = address(shift(b, k * panel_width)), depth * panel_width
                else:
                    block[7], block[8], block[9] = address(shift(b, k * step_b)), step_b, panel_width
                call(integer(args, 27), address(block), 0, 1, worker)


@inline
def _put_sum(args, y, bias, q, last, value):  # type: ignore[no-untyped-def]
    """Column q of four, if there is one. One by one: a loop over them would be vectorised, and wait for memory."""
    if q <= last:
        v = value + bias[q] if integer(args, 3) != 0 else value
        y[q] = number(args, 0) if integer(args, 4) and v < 0 else v


def few_rows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y for a few rows of a and columns of b that are contiguous along the sums, at the speed of reading b once.

    Four columns at a time, and two vectors of each: sums that do not wait for each other, and as few streams as leave
    room in the first cache where columns lie a power of two apart: eight would fill all ways of theirs. A cell is four
    columns. Slots: y, a, b, bias or null, relu, M, N, K, strides of a's rows and of b's columns.
    """
    y, a, b, bias = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    rows, columns, depth = integer(args, 5), integer(args, 6), integer(args, 7)
    row_a, column_b = integer(args, 8), integer(args, 9)
    lanes, zero = width(a), number(args, 0)
    step = 2 * lanes
    whole, rest = depth // step, depth % step
    least, more = min(rest, lanes), max(0, rest - lanes)
    # The processor foresees a stream only after some lines of it, and each column is a new one: so the next columns are
    # asked for towards the end of these.
    asks, ahead, two_lines = whole >= 16, 16 * lanes, address(shift(a, step)) - address(a) > 64
    for cell in range(lo, hi):
        j = cell * 4
        # Behind the last column stands the last one again: computed, for nobody.
        last, b0 = columns - 1 - j, shift(b, j * column_b)
        b1, b2 = shift(b0, min(1, last) * column_b), shift(b0, min(2, last) * column_b)
        b3 = shift(b0, min(3, last) * column_b)
        for i in range(rows):
            p = shift(a, i * row_a)
            s0 = spread(zero)
            s1, s2, s3, t0, t1, t2, t3 = s0, s0, s0, s0, s0, s0, s0
            for c in range(whole):
                k = c * step
                if asks and i == 0:
                    far = k + ahead if k + ahead < depth else k + ahead - depth + 4 * column_b
                    fetch_to_read_soon(shift(b0, far))
                    fetch_to_read_soon(shift(b1, far))
                    fetch_to_read_soon(shift(b2, far))
                    fetch_to_read_soon(shift(b3, far))
                    if two_lines:
                        fetch_to_read_soon(shift(b0, far + lanes))
                        fetch_to_read_soon(shift(b1, far + lanes))
                        fetch_to_read_soon(shift(b2, far + lanes))
                        fetch_to_read_soon(shift(b3, far + lanes))
                u, v = load(shift(p, k)), load(shift(p, k + lanes))
                s0, t0 = fma(u, load(shift(b0, k)), s0), fma(v, load(shift(b0, k + lanes)), t0)
                s1, t1 = fma(u, load(shift(b1, k)), s1), fma(v, load(shift(b1, k + lanes)), t1)
                s2, t2 = fma(u, load(shift(b2, k)), s2), fma(v, load(shift(b2, k + lanes)), t2)
                s3, t3 = fma(u, load(shift(b3, k)), s3), fma(v, load(shift(b3, k + lanes)), t3)
            if rest:
                k = whole * step
                u = first(shift(p, k), least)
                s0, s1 = fma(u, first(shift(b0, k), least), s0), fma(u, first(shift(b1, k), least), s1)
                s2, s3 = fma(u, first(shift(b2, k), least), s2), fma(u, first(shift(b3, k), least), s3)
            if more:
                k = whole * step + lanes
                v = first(shift(p, k), more)
                t0, t1 = fma(v, first(shift(b0, k), more), t0), fma(v, first(shift(b1, k), more), t1)
                t2, t3 = fma(v, first(shift(b2, k), more), t2), fma(v, first(shift(b3, k), more), t3)
            target, start = shift(y, i * columns + j), shift(bias, j)
            _put_sum(args, target, start, 0, last, total(s0 + t0))
            _put_sum(args, target, start, 1, last, total(s1 + t1))
            _put_sum(args, target, start, 2, last, total(s2 + t2))
            _put_sum(args, target, start, 3, last, total(s3 + t3))


@inline
def _add_four_rows(y, u0, u1, u2, u3, b0, b1, b2, b3, n):  # type: ignore[no-untyped-def]
    """y += u0 b0 + u1 b1 + u2 b2 + u3 b3, n numbers."""
    lanes = width(y)
    v0, v1, v2, v3 = spread(u0), spread(u1), spread(u2), spread(u3)
    for c in range(n // lanes):
        j = c * lanes
        s = fma(v0, load(shift(b0, j)), load(shift(y, j)))
        s = fma(v1, load(shift(b1, j)), s)
        s = fma(v2, load(shift(b2, j)), s)
        store(shift(y, j), fma(v3, load(shift(b3, j)), s))
    rest = n % lanes
    if rest:
        j = n - rest
        s = fma(v0, first(shift(b0, j), rest), first(shift(y, j), rest))
        s = fma(v1, first(shift(b1, j), rest), s)
        s = fma(v2, first(shift(b2, j), rest), s)
        put_first(shift(y, j), fma(v3, first(shift(b3, j), rest), s), rest)


def along_rows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y for a few rows of a, at the speed of reading b once, row by row: wide pieces of four rows at a time.

    A cell is a wide piece of the columns of one matrix and one of the parts of its sums. Slots: y, a, b, 3 bias or
    null, 4 M, N, K, 7 strides of a (row, term) and of b (term), 10 outer axes, their shape, strides of a and b along
    them, 14 columns of a piece, 15 parts of the sums and the terms of a part. With several parts y is a stack of
    partial sums, without bias.
    """
    rows, columns, depth = integer(args, 4), integer(args, 5), integer(args, 6)
    row_a, step_a, step_b = integer(args, 7), integer(args, 8), integer(args, 9)
    axes, shape, strides_a, strides_b = integer(args, 10), integers(args, 11), integers(args, 12), integers(args, 13)
    piece, parts, part_terms = integer(args, 14), integer(args, 15), integer(args, 16)
    across = -(-columns // piece)
    for cell in range(lo, hi):
        j, part, matrix = cell % across * piece, cell // across % parts, cell // (across * parts)
        n, begin = min(piece, columns - j), part * part_terms
        end = min(depth, begin + part_terms)
        y = shift(pointer(args, 0), (matrix * parts + part) * rows * columns + j)
        a = shift(pointer(args, 1), offset(matrix, axes, shape, strides_a))
        b = shift(pointer(args, 2), offset(matrix, axes, shape, strides_b) + j)
        bias = shift(pointer(args, 3), j)
        for i in range(rows):
            target = shift(y, i * columns)
            for c in range(n):
                target[c] = bias[c] if integer(args, 3) != 0 else number(args, 0)
        for group in range(-((begin - end) // 4)):
            k = begin + group * 4
            last = end - 1 - k
            if last >= 3:
                b0 = shift(b, k * step_b)
                b1, b2, b3 = shift(b0, step_b), shift(b0, 2 * step_b), shift(b0, 3 * step_b)
                for i in range(rows):
                    p = shift(a, i * row_a + k * step_a)
                    _add_four_rows(
                        shift(y, i * columns), p[0], p[step_a], p[2 * step_a], p[3 * step_a], b0, b1, b2, b3, n
                    )
            else:
                for term in range(k, end):
                    source = shift(b, term * step_b)
                    for i in range(rows):
                        u, target = a[i * row_a + term * step_a], shift(y, i * columns)
                        for c in range(n):
                            target[c] += u * source[c]
