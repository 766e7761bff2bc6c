"""Products of plain loops: matrices of a few hundred terms, and the two blocks that recurrent layers and filters use.

Larger matrix products are in ``tiles.py``. Letters: M rows and N columns of y, K the length of the sums. ``small`` is
three loops without any preparation: a call takes tens of nanoseconds. Two blocks keep a part of y close to the
arithmetic where a product is a step of something else:

- ``dots_block`` takes b transposed, so that the sums run along contiguous memory in both operands: 4 x 4 sums at a
  time, each a vector of partial sums.
- ``outer_rows`` takes b with contiguous rows: 4 rows of y lie on the stack while 4 x 4 numbers of a are multiplied
  with 4 rows of b. Better for short sums, because a vectorised sum costs more at its ends than in between.

They reach half to three quarters of the arithmetic's limit.
"""

from . import vector_math as vm
from .block import integer, number, pointer, shift, stack
from .compiler import in_order, merge
from .moves import turn
from .vectors import width


@in_order
def _add_product(total, u, v):  # type: ignore[no-untyped-def]
    """total + u v without "reassoc": a loop over this is not vectorised, which pays for sums of few terms."""
    return total + u * v


@merge
def dots_block(args, y, stride_y, a, stride_a, b, stride_b, rows, columns, depth):  # type: ignore[no-untyped-def]
    """y[i, j] += sum_k a[i, k] b[j, k]."""
    block = stack(args, 16)
    for i in range(0, rows, 4):
        # Behind the last row stands the last row again: computed, but not added.
        last = rows - 1 - i
        a0 = shift(a, i * stride_a)
        a1, a2, a3 = (
            shift(a0, min(1, last) * stride_a),
            shift(a0, min(2, last) * stride_a),
            shift(a0, min(3, last) * stride_a),
        )
        for j in range(0, columns, 4):
            last = columns - 1 - j
            b0 = shift(b, j * stride_b)
            b1, b2, b3 = (
                shift(b0, min(1, last) * stride_b),
                shift(b0, min(2, last) * stride_b),
                shift(b0, min(3, last) * stride_b),
            )
            zero = number(args, 0)
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = zero
            s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = zero
            for k in range(depth):
                u0, u1, u2, u3 = a0[k], a1[k], a2[k], a3[k]
                v0, v1, v2, v3 = b0[k], b1[k], b2[k], b3[k]
                s00 += u0 * v0
                s01 += u0 * v1
                s02 += u0 * v2
                s03 += u0 * v3
                s10 += u1 * v0
                s11 += u1 * v1
                s12 += u1 * v2
                s13 += u1 * v3
                s20 += u2 * v0
                s21 += u2 * v1
                s22 += u2 * v2
                s23 += u2 * v3
                s30 += u3 * v0
                s31 += u3 * v1
                s32 += u3 * v2
                s33 += u3 * v3
            block[0], block[1], block[2], block[3] = s00, s01, s02, s03
            block[4], block[5], block[6], block[7] = s10, s11, s12, s13
            block[8], block[9], block[10], block[11] = s20, s21, s22, s23
            block[12], block[13], block[14], block[15] = s30, s31, s32, s33
            across = min(4, columns - j)
            for row in range(min(4, rows - i)):
                p = shift(y, (i + row) * stride_y + j)
                for column in range(across):
                    p[column] += block[4 * row + column]


@merge
def outer_rows(y0, y1, y2, y3, a, row_a, b, stride_b, rows, columns, depth):  # type: ignore[no-untyped-def]
    """y_i[j] += sum_k a[i * row_a + k] b[k * stride_b + j] for 1 to 4 rows and at most 256 columns.

    Each row of y is a stack array of its own: nothing else lets the compiler know that they do not overlap.
    """
    whole = depth // 4 * 4
    if rows == 1:
        for k in range(0, whole, 4):
            u0, u1, u2, u3 = a[k], a[k + 1], a[k + 2], a[k + 3]
            v0, v1 = shift(b, k * stride_b), shift(b, (k + 1) * stride_b)
            v2, v3 = shift(b, (k + 2) * stride_b), shift(b, (k + 3) * stride_b)
            for j in range(columns):
                y0[j] += u0 * v0[j] + u1 * v1[j] + u2 * v2[j] + u3 * v3[j]
        for k in range(whole, depth):
            u0, v0 = a[k], shift(b, k * stride_b)
            for j in range(columns):
                y0[j] += u0 * v0[j]
        return
    # Behind the last row stands the last row again: computed, for nobody.
    a0, a1, a2, a3 = (
        a,
        shift(a, min(1, rows - 1) * row_a),
        shift(a, min(2, rows - 1) * row_a),
        shift(a, (rows - 1) * row_a),
    )
    for k in range(0, whole, 4):
        k1, k2, k3 = k + 1, k + 2, k + 3
        u00, u01, u02, u03 = a0[k], a0[k1], a0[k2], a0[k3]
        v0, v1 = shift(b, k * stride_b), shift(b, (k + 1) * stride_b)
        v2, v3 = shift(b, (k + 2) * stride_b), shift(b, (k + 3) * stride_b)
        u10, u11, u12, u13 = a1[k], a1[k1], a1[k2], a1[k3]
        u20, u21, u22, u23 = a2[k], a2[k1], a2[k2], a2[k3]
        u30, u31, u32, u33 = a3[k], a3[k1], a3[k2], a3[k3]
        for j in range(columns):
            w0, w1, w2, w3 = v0[j], v1[j], v2[j], v3[j]
            y0[j] += u00 * w0 + u01 * w1 + u02 * w2 + u03 * w3
            y1[j] += u10 * w0 + u11 * w1 + u12 * w2 + u13 * w3
            y2[j] += u20 * w0 + u21 * w1 + u22 * w2 + u23 * w3
            y3[j] += u30 * w0 + u31 * w1 + u32 * w2 + u33 * w3
    for k in range(whole, depth):
        u0, u1, u2, u3 = a0[k], a1[k], a2[k], a3[k]
        v = shift(b, k * stride_b)
        for j in range(columns):
            y0[j] += u0 * v[j]
            y1[j] += u1 * v[j]
            y2[j] += u2 * v[j]
            y3[j] += u3 * v[j]


def small(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """One matrix, one cell: each feature in here costs every tiny network some nanoseconds a launch.

    Slots: y, a, b, bias, has bias, M, N, K, strides of a (row, term) and of b (term, column), activation (0 none,
    1 relu, 2 tanh, 3 sigmoid).
    """
    y, a, b, bias, has_bias = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3), integer(args, 4)
    rows, columns, depth = integer(args, 5), integer(args, 6), integer(args, 7)
    row_a, step_a, step_b, column_b = integer(args, 8), integer(args, 9), integer(args, 10), integer(args, 11)
    activation = integer(args, 12)
    for i in range(0, rows, 4):
        # 4 x 2 sums; behind the last row or column stands the last one again.
        last = rows - 1 - i
        p0, a0 = shift(y, i * columns), shift(a, i * row_a)
        p1, a1 = shift(p0, min(1, last) * columns), shift(a0, min(1, last) * row_a)
        p2, a2 = shift(p0, min(2, last) * columns), shift(a0, min(2, last) * row_a)
        p3, a3 = shift(p0, min(3, last) * columns), shift(a0, min(3, last) * row_a)
        for j in range(0, columns, 2):
            next_j = min(j + 1, columns - 1)
            b0, b1 = shift(b, j * column_b), shift(b, next_j * column_b)
            s00 = bias[j] if has_bias else number(args, 0)
            s01 = bias[next_j] if has_bias else number(args, 0)
            s10, s20, s30 = s00, s00, s00
            s11, s21, s31 = s01, s01, s01
            for k in range(depth):
                u0, u1, u2, u3 = a0[k * step_a], a1[k * step_a], a2[k * step_a], a3[k * step_a]
                v0, v1 = b0[k * step_b], b1[k * step_b]
                s00, s01 = _add_product(s00, u0, v0), _add_product(s01, u0, v1)
                s10, s11 = _add_product(s10, u1, v0), _add_product(s11, u1, v1)
                s20, s21 = _add_product(s20, u2, v0), _add_product(s21, u2, v1)
                s30, s31 = _add_product(s30, u3, v0), _add_product(s31, u3, v1)
            p0[j], p1[j], p2[j], p3[j] = s00, s10, s20, s30
            p0[next_j], p1[next_j], p2[next_j], p3[next_j] = s01, s11, s21, s31
    if activation == 1:
        for i in range(rows * columns):
            y[i] = number(args, 0) if y[i] < 0 else y[i]
    elif activation == 2:
        for i in range(rows * columns):
            y[i] = vm.tanh(y[i])
    elif activation == 3:
        for i in range(rows * columns):
            y[i] = vm.sigmoid(y[i])


@merge
def _put(target, source, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        target[j] = source[j]


def transpose(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """A stack of matrices, each (rows, columns) -> (columns, rows). Slots: y, x, rows, columns, row blocks of 32."""
    y, x = pointer(args, 0), pointer(args, 1)
    rows, columns, blocks = integer(args, 2), integer(args, 3), integer(args, 4)
    for cell in range(lo, hi):
        place, first = cell // blocks * rows * columns, cell % blocks * 32
        p, q = shift(y, place + first), shift(x, place + first * columns)
        if columns >= width(y):
            turn(p, rows, q, columns, min(32, rows - first), columns)
        else:  # few results to a row: write these from end to end
            for j in range(columns):
                for i in range(min(32, rows - first)):
                    p[j * rows + i] = q[i * columns + j]
