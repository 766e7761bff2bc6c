"""Kernels of tables that are looked up by row number: embedding and its gradient, one_hot.

Letters: V rows of the table, D its columns, N numbers. A number outside 0..V-1 is reported in the status word and
skipped. The gradient first sorts the numbers by counting (Knuth, The Art of Computer Programming 3, 5.2), so that each
row of the table is written once, by one cell, as the sum of its terms in the order of the numbers.
"""

from .block import integer, integers, number, pointer, shift, stack


def embedding(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[k, :] = weight[at[k], :]; zeros where at[k] is the row ``zero`` (-1: none). A cell is a block of numbers k.

    Slots: y, weight, at, status, code, V, D, N, numbers in a cell, zero.
    """
    y, weight, at, status = pointer(args, 0), pointer(args, 1), integers(args, 2), integers(args, 3)
    code, rows, columns, count = integer(args, 4), integer(args, 5), integer(args, 6), integer(args, 7)
    in_cell, zero = integer(args, 8), integer(args, 9)
    for k in range(lo * in_cell, min(count, hi * in_cell)):
        to, place = shift(y, k * columns), at[k]
        if place < 0 or place >= rows:
            status[0] = code
        elif place == zero:
            for j in range(columns):
                to[j] = number(args, 0)
        else:
            row = shift(weight, place * columns)
            for j in range(columns):
                to[j] = row[j]


def sort_by_row(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """order = the numbers' places k, those of row 0 first, each row's in order; ends[v] = where those of row v end.

    Numbers of the row ``left_out`` (-1: none) are left out. One cell. Slots: order, ends, at, status, code, V, N,
    left_out.
    """
    order, ends, at, status = integers(args, 0), integers(args, 1), integers(args, 2), integers(args, 3)
    code, rows, count, left_out = integer(args, 4), integer(args, 5), integer(args, 6), integer(args, 7)
    for v in range(rows):
        ends[v] = 0
    for k in range(count):
        place = at[k]
        if place < 0 or place >= rows:
            status[0] = code
        elif place != left_out:
            ends[place] += 1
    before = 0
    for v in range(rows):
        mine = ends[v]
        ends[v] = before
        before += mine
    for k in range(count):
        place = at[k]
        if 0 <= place < rows and place != left_out:
            order[ends[place]] = k
            ends[place] += 1


def embedding_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dw[v, :] = sum of g[k, :] over the places k of row v; 64 of them at a time, and these sums.

    A cell is a block of rows, by 128 columns. Slots: dw, g, order, ends, V, D, rows in a cell.
    """
    dw, g, order, ends = pointer(args, 0), pointer(args, 1), integers(args, 2), integers(args, 3)
    rows, columns, in_cell = integer(args, 4), integer(args, 5), integer(args, 6)
    across = (columns + 127) // 128
    part, total = stack(args, 128), stack(args, 128)
    for cell in range(lo, hi):
        first_row, first = cell // across * in_cell, cell % across * 128
        n = min(128, columns - first)
        begin = ends[first_row - 1] if first_row > 0 else 0
        for v in range(first_row, min(rows, first_row + in_cell)):
            to, end = shift(dw, v * columns + first), ends[v]
            if begin == end:
                for j in range(n):
                    to[j] = number(args, 0)
            else:
                for j in range(n):
                    total[j] = 0
                for piece in range(begin, end, 64):
                    for j in range(n):
                        part[j] = 0
                    for k in range(piece, min(end, piece + 64)):
                        row = shift(g, order[k] * columns + first)
                        for j in range(n):
                            part[j] += row[j]
                    for j in range(n):
                        total[j] += part[j]
                for j in range(n):
                    to[j] = total[j]
            begin = end


def one_hot(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[k, c] = 1 if at[k] = c, else 0. A cell is a block of numbers k.

    Slots: y, at, status, code, classes, N, numbers in a cell.
    """
    y, at, status, code = pointer(args, 0), integers(args, 1), integers(args, 2), integer(args, 3)
    classes, count, in_cell = integer(args, 4), integer(args, 5), integer(args, 6)
    first, last = lo * in_cell, min(count, hi * in_cell)
    for i in range(first * classes, last * classes):
        y[i] = 0
    for k in range(first, last):
        place = at[k]
        if place < 0 or place >= classes:
            status[0] = code
        else:
            y[k * classes + place] = 1
