"""Kernels that move elements without changing them: strided copies, transposition, zeros.

All of them see arrays as (outer axes, rows, columns). A cell is a block of rows and columns at one place of the outer
axes, about 4096 elements. Steps are counted in elements, may be 0 (a repeated element) or negative. The element type is
an integer of the right size, so that one kernel serves float32 and another float64 and int64.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .block import integer, integers, offset, pointer, shift, stack


@intrinsic
def transpose_8x8(typing_context, to, step_to, source, step):  # type: ignore[no-untyped-def]
    """to[r * step_to + c] = source[c * step + r] for r and c below 8, in vector registers.

    In round s the vectors i and i + s exchange their off-diagonal blocks of size s (Eklundh 1972).
    """

    def codegen(context, builder, signature, values):  # type: ignore[no-untyped-def]
        step_to, step = (context.cast(builder, values[k], signature.args[k], types.intp) for k in (1, 3))
        element = context.get_data_type(to.dtype)
        vector = ir.VectorType(element, 8)
        width = element.width // 8

        def line(base, stride, i):  # type: ignore[no-untyped-def]
            place = builder.gep(base, [builder.mul(stride, ir.Constant(stride.type, i))])
            return builder.bitcast(place, vector.as_pointer())

        v = [builder.load(line(values[2], step, i), align=width) for i in range(8)]
        for s in (1, 2, 4):
            upper = [j if not j & s else 8 + j - s for j in range(8)]
            lower = [j + s if not j & s else 8 + j for j in range(8)]
            masks = [ir.Constant(ir.VectorType(ir.IntType(32), 8), mask) for mask in (upper, lower)]
            for i in range(8):
                if not i & s:
                    v[i], v[i + s] = (builder.shuffle_vector(v[i], v[i + s], mask) for mask in masks)
        for i in range(8):
            builder.store(v[i], line(values[0], step_to, i), align=width)
        return context.get_dummy_value()

    return types.void(to, step_to, source, step), codegen


def zeros(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = 0. Slots: y, n."""
    y, n = pointer(args, 0), integer(args, 1)
    for i in range(lo * 4096, min(n, hi * 4096)):
        y[i] = 0


def copy(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer, r, c] = x[outer, r, c], both strided.

    Slots: y, x, rows, columns, rows and columns of a cell, steps of y and x from row to row, from column to column,
    number of outer axes, their sizes, steps of y and x along them.
    """
    y, x, rows, columns = pointer(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
    cell_rows, cell_columns = integer(args, 4), integer(args, 5)
    row_y, row_x, step_y, step_x = integer(args, 6), integer(args, 7), integer(args, 8), integer(args, 9)
    axes, sizes, outer_y, outer_x = integer(args, 10), integers(args, 11), integers(args, 12), integers(args, 13)
    down, across = (rows + cell_rows - 1) // cell_rows, (columns + cell_columns - 1) // cell_columns
    for cell in range(lo, hi):
        outer, block = cell // (down * across), cell % (down * across)
        first_row, first = block // across * cell_rows, block % across * cell_columns
        n = min(columns, first + cell_columns) - first
        p = shift(y, offset(outer, axes, sizes, outer_y) + first * step_y)
        q = shift(x, offset(outer, axes, sizes, outer_x) + first * step_x)
        for row in range(first_row, min(rows, first_row + cell_rows)):
            to, source = shift(p, row * row_y), shift(q, row * row_x)
            if step_y == 1 and step_x == 1:
                for i in range(n):
                    to[i] = source[i]
            elif step_y == 1 and step_x == 0:
                repeated = source[0]
                for i in range(n):
                    to[i] = repeated
            else:
                for i in range(n):
                    to[i * step_y] = source[i * step_x]


def transpose(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer, r, c] = x[outer, r, c], where y's columns and x's rows are contiguous.

    A tile of 32 x 32 goes through the stack, so that each cache line is read once and written once, also where rows
    lie a power of two apart and meet in the same cache set. Slots: y, x, rows, columns, steps of y from row to row and
    of x from column to column, number of outer axes, their sizes, steps of y and x along them.
    """
    y, x, rows, columns = pointer(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
    row_y, column_x = integer(args, 4), integer(args, 5)
    axes, sizes, outer_y, outer_x = integer(args, 6), integers(args, 7), integers(args, 8), integers(args, 9)
    down, across = (rows + 31) // 32, (columns + 31) // 32
    tile = stack(args, 1024)
    for cell in range(lo, hi):
        outer, block = cell // (down * across), cell % (down * across)
        first_row, first_column = block // across * 32, block % across * 32
        m, n = min(32, rows - first_row), min(32, columns - first_column)
        p = shift(y, offset(outer, axes, sizes, outer_y) + first_row * row_y + first_column)
        q = shift(x, offset(outer, axes, sizes, outer_x) + first_row + first_column * column_x)
        whole_m, whole_n = m // 8 * 8, n // 8 * 8
        for c in range(0, whole_n, 8):
            for r in range(0, whole_m, 8):
                transpose_8x8(shift(tile, r * 32 + c), 32, shift(q, c * column_x + r), column_x)
            for r in range(whole_m, m):
                for i in range(c, c + 8):
                    tile[r * 32 + i] = q[i * column_x + r]
        for c in range(whole_n, n):
            for r in range(m):
                tile[r * 32 + c] = q[c * column_x + r]
        if n == 32:
            for r in range(m):
                to, line = shift(p, r * row_y), shift(tile, r * 32)
                for c in range(32):
                    to[c] = line[c]
        else:
            for r in range(m):
                to, line = shift(p, r * row_y), shift(tile, r * 32)
                for c in range(n):
                    to[c] = line[c]
