"""The product of two blocks of memory, cut into tiles of registers: what every family of kernels calls, by address.

While a tile's sums are made, the memory that it and the next panel will need is asked for: they come from caches that
answer late, and where a neighbour on the machine takes the caches, from memory. The product is compiled once for each
type. ``micro.py`` describes a tile, its sums over groups and terms, and where a and b lie.
"""

from .block import address, integer, integers, number, pointer, shift, stack, stack_integers
from .compiler import inline, merge
from .micro import column, rows_of_tile, tile, vectors_of_tile
from .prefetch import fetch_to_write, line
from .vectors import width


@inline
def _start(args, zero, target, first):  # type: ignore[no-untyped-def]
    """What the sums of the rows of ``target`` start with, and its step; what is added to them, and its stride."""
    mode, bias = integer(args, 15), pointer(args, 16)
    if mode == 1:
        return zero, 0, target, integer(args, 1)
    if mode == 2:
        return zero, 0, shift(bias, first), 0
    if mode == 3:
        return bias, 1, pointer(args, 18), 0
    return zero, 0, pointer(args, 18), 0  # slot 18 is null


@merge
def _packed_column(args, first, count):  # type: ignore[no-untyped-def]
    """All rows of y for a panel of a packed b, in two heights of tiles that differ by a row; the last vector has
    ``count`` lanes."""
    rows, depth, row_a, stride_y = integer(args, 12), integer(args, 14), integer(args, 3), integer(args, 1)
    y, a, zero = shift(pointer(args, 0), first), pointer(args, 2), stack(args, 1)
    zero[0] = number(args, 0)
    panel = vectors_of_tile(y) * width(y)
    b = shift(pointer(args, 7), first // panel * integer(args, 9))
    following = shift(b, integer(args, 9))
    if integer(args, 11):
        b = shift(b, integers(args, 11)[0])
    start, step_start, added, stride_added = _start(args, zero, y, first)
    blocks = -(-rows // rows_of_tile(y, vectors_of_tile(y)))
    height, taller = rows // blocks, rows % blocks
    lines = -(-depth * panel // (line(y) * blocks)) if depth >= 64 else 0
    masked = count < width(y)
    # Rows of a single panel whose ends are the starts of the next ones are stored whole, but for the last tile's.
    alone = first == 0 and stride_y == integer(args, 13) and integer(args, 15) != 1
    last = 1 if masked and alone else 0
    for part in range(3):
        begin, end = 0, taller
        if part == 1:
            begin, end = taller, blocks - last
        elif part == 2:
            begin, end = blocks - last, blocks
        tiles = end - begin
        if tiles > 0:
            i = begin * height + min(begin, taller)
            column(
                *(height + (begin < taller), masked, shift(y, i * stride_y), stride_y),
                *(shift(added, i * stride_added), stride_added, shift(start, i * step_start), step_start),
                *(shift(a, i * row_a), row_a, b, shift(following, begin * lines * line(y)), lines, depth),
                *(tiles, count, last * (part < 2), integer(args, 17) & 1),
            )


@merge
def _column_of_tiles(args, first, vectors, count):  # type: ignore[no-untyped-def]
    """All rows of y for ``vectors`` vectors of columns from ``first`` on, the last of which has ``count`` lanes."""
    y, stride_y, a, b = pointer(args, 0), integer(args, 1), pointer(args, 2), pointer(args, 7)
    row_a, step_a, group_a, table_a = integer(args, 3), integer(args, 4), integer(args, 5), integers(args, 6)
    stride_b, panel_b, groups, table_b = integer(args, 8), integer(args, 9), integer(args, 10), integers(args, 11)
    rows, depth, relu, lanes = integer(args, 12), integer(args, 14), integer(args, 17) & 1, width(y)
    places, none, zero = stack_integers(args, 16), stack_integers(args, 1), stack(args, 1)
    none[0], zero[0] = 0, number(args, 0)
    panel = vectors_of_tile(y) * lanes
    columns_b = shift(b, first // panel * panel_b + first % panel)
    table = table_b if address(table_b) != 0 else none
    most, in_line, far = rows_of_tile(y, vectors), line(y), groups * depth >= 64
    blocks = -(-rows // most)
    for block in range(blocks):
        # Blocks of nearly equal height: none of a row or two, whose sums would wait for each other.
        i, end = rows * block // blocks, rows * (block + 1) // blocks
        for r in range(end - i):
            places[r] = table_a[i + r] if address(table_a) != 0 else (i + r) * row_a
        target = shift(y, i * stride_y + first)
        start, step_start, added, stride_added = _start(args, zero, target, first)
        if far:  # The lines of y come while the sums are made.
            for r in range(end - i):
                for j in range(0, vectors * lanes, in_line):
                    fetch_to_write(shift(target, r * stride_y + j))
        # Where b is read in place the tile asks for the next panel, a vector of it for each block of rows.
        ahead = (block % vectors + vectors) * lanes if panel_b == panel else 0
        tile(
            *(end - i, vectors, count < lanes, target, stride_y, added, stride_added, shift(start, i * step_start)),
            *(step_start, a, places, step_a, group_a, columns_b, stride_b, table, ahead, groups, depth, count, relu),
        )


@inline
def _is_packed(args):  # type: ignore[no-untyped-def]
    """Whether terms lie side by side in a, whose rows are evenly spaced, and b is a single group in panels."""
    panel = vectors_of_tile(pointer(args, 0)) * width(pointer(args, 0))
    evenly = address(integers(args, 6)) == 0 and integer(args, 4) == 1
    return evenly and integer(args, 8) == panel and integer(args, 10) == 1 and integer(args, 14) >= 4


def block(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[i, j] = s(start + sum_g sum_k a[i, g, k] b[g, k, j]); groups and depth at least 1. One cell.

    Slots: 0 y, 1 its stride; 2 a, 3 its strides along rows, 4 terms, 5 groups, 6 a table of where its rows start
    instead of the first stride, or null; 7 b, 8 its stride along terms, 9 from panel to panel of as many columns as
    a tile has (the width of a panel itself if its columns lie side by side), 10 groups, 11 a table of where b's groups
    start, or null for one group at 0; 12 rows, 13 columns, 14 terms; 15 what the sums start with: 0 nothing, 1 y, 2 a
    number for each column, 3 a number for each row; 16 these numbers; 17 1 if s is relu, plus 2 if the panels of b are
    whole: lanes behind the last column can be read, and hold zeros; 18 null.
    """
    columns, lanes, most = integer(args, 13), width(pointer(args, 0)), vectors_of_tile(pointer(args, 0))
    every = -(-columns // lanes)
    panels = -(-every // most)
    in_place, packed = integer(args, 9) == most * lanes, _is_packed(args)
    for panel in range(panels):
        if in_place:  # panels of nearly equal width: none of a single vector
            first, end = every * panel // panels, every * (panel + 1) // panels
        else:
            first, end = panel * most, min(every, (panel + 1) * most)
        count = min(lanes, columns - (end - 1) * lanes)
        if packed and end - first == most and (count == lanes or integer(args, 17) & 2):
            _packed_column(args, first * lanes, count)
        else:
            _column_of_tiles(args, first * lanes, end - first, count)
