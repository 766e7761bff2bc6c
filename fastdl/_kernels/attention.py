"""Attention by blocks: no more of the weights is kept than one block of queries by keys.

Letters: T queries, S keys, D their features, E features of a value; q k v the inputs, g the gradient of the result y;
s scores, p weights, m largest score so far, l sum of powers, c the log-sum-exp of a row, h its number g . y.

A cell of the forward pass is a block of queries. It walks over the blocks of keys and keeps m and l; when a later block
has a larger score, what was summed before is scaled down (Milakov and Gimelshein, "Online normalizer calculation for
softmax", 2018; Dao, "FlashAttention-2", 2023, algorithms 1 and 2). The backward passes compute the weights anew from c:
once by blocks of queries for dq, once by blocks of keys for dk and dv, so that no two cells add to one place.

The keys (for the gradients the values, too) are transposed beforehand, block by block, so that products run along
contiguous memory. Blocks of keys that causality hides from all queries of a block are skipped. A weight that is 0 takes
no part in a sum, whatever it stands beside: products with a block that is not finite leave such terms out.

Slots 0 to 20 are those of the scores: q, transposed keys, mask, T, S, D, E, queries of a head that share keys, scale,
causal, kind of mask (0 none, 1 boolean, 2 added), outer axes, their shape, strides of the mask along them, along the
queries and along the keys, queries and keys in a block, scratch of a worker and its stride, the kernel ``product``.
"""

import numpy as np

from . import vector_math as vm
from .block import (
    address,
    call,
    flags,
    integer,
    integers,
    number,
    offset,
    pointer,
    real,
    shift,
    stack,
    stack_integers,
)
from .compiler import inline
from .matmul import outer_rows
from .vector_max import maximum


@inline
def finite(x, n, zero):  # type: ignore[no-untyped-def]
    """Whether n numbers are all finite."""
    s = zero
    for j in range(n):
        s += x[j] * zero
    return s == zero


@inline
def multiply(args, worker, y, stride_y, a, row_a, step_a, b, stride_b, rows, columns, depth, add, whole):  # type: ignore[no-untyped-def]
    """Call the kernel ``product``, which is compiled once for all products of all kernels of this file."""
    block = stack_integers(args, 12)
    block[0], block[1], block[2], block[3], block[4] = address(y), stride_y, address(a), row_a, step_a
    block[5], block[6], block[7], block[8], block[9] = address(b), stride_b, rows, columns, depth
    block[10], block[11] = add, whole
    call(integer(args, 20), address(block), 0, 1, worker)


def product(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[i, j] = (y[i, j] if add else 0) + sum_k a[i, k] b[k, j]; terms with a[i, k] = 0 are left out if not whole.

    Slots: y, its stride, a, its strides along i and k, b, its stride, rows, columns, depth, add, whole. One cell.
    """
    y, stride_y, a, row_a, step_a = (
        pointer(args, 0),
        integer(args, 1),
        pointer(args, 2),
        integer(args, 3),
        integer(args, 4),
    )
    b, stride_b, rows, columns, depth = (
        pointer(args, 5),
        integer(args, 6),
        integer(args, 7),
        integer(args, 8),
        integer(args, 9),
    )
    add, whole = integer(args, 10), integer(args, 11)
    t0, t1, t2, t3 = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
    for first in range(0, columns, 256):
        n, q = min(256, columns - first), shift(b, first)
        for i in range(0, rows, 4):
            last = min(4, rows - i) - 1
            p, u = shift(y, i * stride_y + first), shift(a, i * row_a)
            for j in range(n):
                t0[j], t1[j], t2[j], t3[j] = number(args, 0), number(args, 0), number(args, 0), number(args, 0)
            if whole:
                outer_rows(t0, t1, t2, t3, u, row_a, step_a, q, stride_b, integers(args, 0), False, last + 1, n, depth)
            else:
                _sparse_row(t0, u, step_a, q, stride_b, n, depth)
                _sparse_row(t1, shift(u, min(1, last) * row_a), step_a, q, stride_b, n, depth)
                _sparse_row(t2, shift(u, min(2, last) * row_a), step_a, q, stride_b, n, depth)
                _sparse_row(t3, shift(u, last * row_a), step_a, q, stride_b, n, depth)
            put(p, t0, n, add)
            if last > 0:
                put(shift(p, stride_y), t1, n, add)
            if last > 1:
                put(shift(p, 2 * stride_y), t2, n, add)
            if last > 2:
                put(shift(p, 3 * stride_y), t3, n, add)


@inline
def _sparse_row(t, a, step_a, b, stride_b, n, depth):  # type: ignore[no-untyped-def]
    for k in range(depth):
        u, v = a[k * step_a], shift(b, k * stride_b)
        if u != 0:
            for j in range(n):
                t[j] += u * v[j]


@inline
def put(p, t, n, add):  # type: ignore[no-untyped-def]
    if add:
        for j in range(n):
            p[j] += t[j]
    else:
        for j in range(n):
            p[j] = t[j]


@inline
def dot(a, b, n, zero):  # type: ignore[no-untyped-def]
    s = zero
    for j in range(n):
        s += a[j] * b[j]
    return s


@inline
def mask_row(args, p, matrix, i, j0, width):  # type: ignore[no-untyped-def]
    """Scale the scores p of query i and keys j0.. of a matrix; what may not be attended to becomes -inf."""
    scale, kind = real(args, 8), integer(args, 10)
    hidden = number(args, -np.inf)
    for j in range(width):
        p[j] = p[j] * scale
    if kind:
        place = offset(matrix, integer(args, 11), integers(args, 12), integers(args, 13))
        step = integer(args, 15)
        place += i * integer(args, 14) + j0 * step
        if kind == 1:
            allowed = shift(flags(args, 2), place)
            if step:
                for j in range(width):
                    v = p[j]
                    p[j] = v if allowed[j] else hidden
            elif not allowed[0]:
                for j in range(width):
                    p[j] = hidden
        else:
            added = shift(pointer(args, 2), place)
            if step:
                for j in range(width):
                    p[j] = p[j] + added[j]
            else:
                fixed = added[0]
                for j in range(width):
                    p[j] = p[j] + fixed
    if integer(args, 9):
        for j in range(min(width, max(0, i + 1 - j0)), width):
            p[j] = hidden


@inline
def rows_of(args, cell):  # type: ignore[no-untyped-def]
    """Matrix, first query and number of queries of a cell. Under causality later blocks of queries cost more: they
    are dealt out from both ends in turn, so that neighbouring cells make even parts."""
    block = integer(args, 16)
    blocks = -(-integer(args, 3) // block)
    matrix, k = cell // blocks, cell % blocks
    if integer(args, 9):
        k = k // 2 if k % 2 == 0 else blocks - 1 - k // 2
    return matrix, k * block, min(block, integer(args, 3) - k * block)


@inline
def keys_seen(args, i):  # type: ignore[no-untyped-def]
    """How many keys the queries before i may see."""
    return min(integer(args, 4), i) if integer(args, 9) else integer(args, 4)


@inline
def scale(p, factor, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        p[j] = p[j] * factor


@inline
def fill(p, value, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        p[j] = value


def pack(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Each block of rows of x transposed. Cells: (matrix, block). Slots: y, x, rows, columns, rows in a block."""
    y, x, rows, columns, in_block = (
        pointer(args, 0),
        pointer(args, 1),
        integer(args, 2),
        integer(args, 3),
        integer(args, 4),
    )
    blocks = -(-rows // in_block)
    for cell in range(lo, hi):
        first = cell % blocks * in_block
        p, q = shift(y, cell * in_block * columns), shift(x, (cell // blocks * rows + first) * columns)
        for start in range(0, min(in_block, rows - first), 16):
            height = min(16, rows - first - start)
            for j in range(columns):
                for i in range(height):
                    p[j * in_block + start + i] = q[(start + i) * columns + j]


@inline
def _soften(args, p, width, m, l):  # type: ignore[no-untyped-def]  # noqa: E741 - the letter of the papers
    """Scores to powers; the new m and l, and the factor for what was summed with the old m."""
    top = maximum(p, width)
    top = top if top > m else m
    base = number(args, 0) if top == number(args, -np.inf) else top  # a row without a score yet: powers of 0
    total = number(args, 0)
    for j in range(width):
        e = vm.exp(p[j] - base)
        p[j] = e
        total += e
    factor = vm.exp(m - base)
    return top, l * factor + total, factor


@inline
def _scores(args, worker, s, matrix, i0, rows, j0, width):  # type: ignore[no-untyped-def]
    """A block of products q . k; few queries read the keys (slot 24) as they are."""
    features, in_block, head = integer(args, 5), integer(args, 17), matrix // integer(args, 7)
    q = shift(pointer(args, 0), (matrix * integer(args, 3) + i0) * features)
    if integer(args, 25):
        k = shift(pointer(args, 24), (head * integer(args, 4) + j0) * features)
        for i in range(rows):
            for j in range(width):
                s[i * in_block + j] = dot(shift(q, i * features), shift(k, j * features), features, number(args, 0))
    else:
        block = head * -(-integer(args, 4) // in_block) + j0 // in_block
        k = shift(pointer(args, 1), block * features * in_block)
        multiply(args, worker, s, in_block, q, features, 1, k, in_block, rows, width, features, False, True)


def forward(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y and c. Slots 21 to 25: y, c, v, k, whether the keys are read as they are."""
    length, keys, size, in_block = integer(args, 3), integer(args, 4), integer(args, 6), integer(args, 17)
    s, m, l = shift(pointer(args, 18), worker * integer(args, 19)), stack(args, 64), stack(args, 64)  # noqa: E741
    for cell in range(lo, hi):
        matrix, i0, rows = rows_of(args, cell)
        y = shift(pointer(args, 21), (matrix * length + i0) * size)
        values = shift(pointer(args, 23), matrix // integer(args, 7) * keys * size)
        fill(m, number(args, -np.inf), rows)
        fill(l, number(args, 0), rows)
        fill(y, number(args, 0), rows * size)
        end = keys_seen(args, i0 + rows)
        for block in range(-(-end // in_block)):
            j0 = block * in_block
            width = min(in_block, end - j0)
            v = shift(values, j0 * size)
            _scores(args, worker, s, matrix, i0, rows, j0, width)
            for i in range(rows):
                p = shift(s, i * in_block)
                mask_row(args, p, matrix, i0 + i, j0, width)
                m[i], l[i], factor = _soften(args, p, width, m[i], l[i])
                if factor == 0:  # all weights so far vanish, also those beside values that are not finite
                    fill(shift(y, i * size), number(args, 0), size)
                elif block:
                    scale(shift(y, i * size), factor, size)
            whole = finite(v, width * size, number(args, 0))
            multiply(args, worker, y, size, s, in_block, 1, v, size, rows, size, width, True, whole)
        c = shift(pointer(args, 22), matrix * length + i0)
        for i in range(rows):
            # Without any key that may be attended to all powers are 0, and so is y.
            factor = number(args, 1) if l[i] == 0 else number(args, 1) / l[i]
            scale(shift(y, i * size), factor, size)
            c[i] = m[i] + vm.log(l[i])
