"""Reduction kernels: sums, maxima, minima and where the maximum is.

Every reduction is a series of passes over (outer, n, inner): n elements, ``inner`` apart, become one; each pass cuts n
into chunks of a fixed size and leaves one partial result a chunk to the next pass. Rows (inner = 1) are cut into chunks
of 4096. Columns are added up row after row; where inner is small, the n x inner elements of a place of ``outer`` are
read as rows of ``fold`` x inner, so that the loop over a row is long, and folded at the end; 64 such rows are a chunk.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .block import integer, integers, number, pointer, second, shift, stack, stack_integers
from .compiler import inline


@intrinsic
def stack_doubles(typing_context, args):  # type: ignore[no-untyped-def]
    """512 float64 on the stack, whatever the kernel's type."""
    result = types.CPointer(types.float64)

    def codegen(context, builder, signature, values):  # type: ignore[no-untyped-def]
        with builder.goto_entry_block():
            room = builder.alloca(ir.ArrayType(ir.DoubleType(), 512))
            room.align = 64
        return builder.gep(room, [ir.Constant(ir.IntType(32), 0)] * 2)

    return result(args), codegen


def sum_rows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer, chunk] = sum of a chunk of x[outer, :] / divisor.

    512 elements are added in the kernel's type, over many lanes, and these sums in float64. Slots: y (second type), x,
    outer, n, divisor, chunks in a cell.
    """
    y, x, outer, n = second(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
    divisor, in_cell = np.float64(integer(args, 4)), integer(args, 5)
    chunks = max(1, (n + 4095) // 4096)
    for piece in range(lo * in_cell, min(outer * chunks, hi * in_cell)):
        first = piece % chunks * 4096
        row, length = shift(x, piece // chunks * n + first), min(n - first, 4096)
        total = 0.0
        for block in range(0, length, 512):
            part, start = shift(row, block), number(args, 0)
            for i in range(min(512, length - block)):
                start += part[i]
            total += start
        y[piece] = total / divisor


def sum_columns(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer, chunk, inner] = sum of a chunk of x[outer, :, inner] / divisor.

    8 rows are added in the kernel's type, and these sums in float64. Slots: y (second type), x, n, inner, divisor,
    fold.
    """
    y, x, n, inner = second(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
    divisor, fold = np.float64(integer(args, 4)), integer(args, 5)
    width, length = fold * inner, n * inner
    rows, blocks = (n + fold - 1) // fold, (fold * inner + 511) // 512
    chunks = max(1, (rows + 63) // 64)
    part, total = stack(args, 512), stack_doubles(args)
    for cell in range(lo, hi):
        outer, chunk, first = cell // (blocks * chunks), cell // blocks % chunks, cell % blocks * 512
        across = min(512, width - first)
        for j in range(across):
            total[j] = 0
        base = shift(x, outer * length + first)
        # The last row may be cut short by folding.
        last = min(rows, chunk * 64 + 64)
        whole = last if last * width <= length else last - 1
        row = chunk * 64
        while row + 8 <= whole:
            q = shift(base, row * width)
            for j in range(across):
                part[j] = (q[j] + q[width + j]) + (q[2 * width + j] + q[3 * width + j])
            q = shift(q, 4 * width)
            for j in range(across):
                part[j] += (q[j] + q[width + j]) + (q[2 * width + j] + q[3 * width + j])
            for j in range(across):
                total[j] += part[j]
            row += 8
        for r in range(row, last):
            q = shift(base, r * width)
            for j in range(min(across, length - r * width - first)):
                total[j] += q[j]
        for m in range(1, fold):
            for j in range(inner):
                total[j] += total[m * inner + j]
        p = shift(y, (outer * chunks + chunk) * inner + first)
        for j in range(min(across, inner)):
            p[j] = total[j] / divisor


@inline
def _larger(a, b):  # type: ignore[no-untyped-def]
    """The larger one, or NaN if one is NaN."""
    return a if (a > b) | (a != a) else b


@inline
def _smaller(a, b):  # type: ignore[no-untyped-def]
    """The smaller one, or NaN if one is NaN."""
    return a if (a < b) | (a != a) else b


@inline
def _extremum(args, row, n, lanes, pick, worst):  # type: ignore[no-untyped-def]
    """The extremum of n neighbours, over 64 lanes. The last block overlaps the one before it."""
    best = number(args, worst)
    if n < 64:
        for i in range(n):
            best = pick(row[i], best)
        return best
    for j in range(64):
        lanes[j] = row[j]
    for block in range(64, n - 63, 64):
        q = shift(row, block)
        for j in range(64):
            lanes[j] = pick(q[j], lanes[j])
    q = shift(row, n - 64)
    for j in range(64):
        lanes[j] = pick(q[j], lanes[j])
    for j in range(32):
        lanes[j] = pick(lanes[32 + j], lanes[j])
    for j in range(16):
        lanes[j] = pick(lanes[16 + j], lanes[j])
    for j in range(16):
        best = pick(lanes[j], best)
    return best


def _extremum_rows(pick, worst):  # type: ignore[no-untyped-def]
    """y[outer, chunk] = extremum of a chunk of x[outer, :]. Slots: y, x, outer, n, chunks in a cell."""

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, outer, n = pointer(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
        in_cell, chunks, lanes = integer(args, 4), max(1, (n + 4095) // 4096), stack(args, 64)
        for piece in range(lo * in_cell, min(outer * chunks, hi * in_cell)):
            first = piece % chunks * 4096
            row = shift(x, piece // chunks * n + first)
            y[piece] = _extremum(args, row, min(n - first, 4096), lanes, pick, worst)

    return kernel


def _extremum_columns(pick, worst):  # type: ignore[no-untyped-def]
    """y[outer, chunk, inner] = extremum of a chunk of x[outer, :, inner]. Slots: y, x, n, inner, fold."""

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, n, inner, fold = pointer(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3), integer(args, 4)
        width, length = fold * inner, n * inner
        rows, blocks = (n + fold - 1) // fold, (fold * inner + 511) // 512
        chunks = max(1, (rows + 63) // 64)
        best = stack(args, 512)
        for cell in range(lo, hi):
            outer, chunk, first = cell // (blocks * chunks), cell // blocks % chunks, cell % blocks * 512
            across = min(512, width - first)
            for j in range(across):
                best[j] = number(args, worst)
            for row in range(chunk * 64, min(rows, chunk * 64 + 64)):
                q = shift(x, outer * length + row * width + first)
                for j in range(min(across, length - row * width - first)):
                    best[j] = pick(q[j], best[j])
            for m in range(1, fold):
                for j in range(inner):
                    best[j] = pick(best[m * inner + j], best[j])
            p = shift(y, (outer * chunks + chunk) * inner + first)
            for j in range(min(across, inner)):
                p[j] = best[j]

    return kernel


max_rows, max_columns = _extremum_rows(_larger, -np.inf), _extremum_columns(_larger, -np.inf)
min_rows, min_columns = _extremum_rows(_smaller, np.inf), _extremum_columns(_smaller, np.inf)


def tie_share_rows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """w[outer, :] = 1 / (number of ties) where x[outer, :] attains y[outer], 0 elsewhere. NaN attains NaN.

    Slots: w, x, y, outer, n, rows in a cell.
    """
    w, x, y, outer, n, in_cell = (
        pointer(args, 0),
        pointer(args, 1),
        pointer(args, 2),
        integer(args, 3),
        integer(args, 4),
        integer(args, 5),
    )
    for r in range(lo * in_cell, min(outer, hi * in_cell)):
        row, to, top, ties = shift(x, r * n), shift(w, r * n), y[r], 0
        for i in range(n):
            ties += (row[i] == top) | (row[i] != row[i])
        share = number(args, 1) / number(args, ties)
        for i in range(n):
            to[i] = share if (row[i] == top) | (row[i] != row[i]) else number(args, 0)


def tie_share_columns(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """As ``tie_share_rows`` for w[outer, :, inner]. Slots: w, x, y, n, inner."""
    w, x, y, n, inner = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3), integer(args, 4)
    blocks = (inner + 255) // 256
    share, top = stack(args, 256), stack(args, 256)
    for cell in range(lo, hi):
        outer, first = cell // blocks, cell % blocks * 256
        across = min(256, inner - first)
        base, to, extremum = outer * n * inner + first, shift(w, outer * n * inner + first), outer * inner + first
        for j in range(across):
            top[j] = y[extremum + j]
            share[j] = 0
        for i in range(n):
            row = shift(x, base + i * inner)
            for j in range(across):
                share[j] += number(args, (row[j] == top[j]) | (row[j] != row[j]))
        for j in range(across):
            share[j] = number(args, 1) / share[j]
        for i in range(n):
            row, line = shift(x, base + i * inner), shift(to, i * inner)
            for j in range(across):
                line[j] = share[j] if (row[j] == top[j]) | (row[j] != row[j]) else number(args, 0)


def argmax_rows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer] = first place of the largest of x[outer, :], or of the first NaN. Slots: y, x, outer, n, rows in a cell.

    The maximum is found first and looked up then, a block at a time; both without branches that cannot be predicted.
    """
    y, x, outer, n, in_cell = integers(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3), integer(args, 4)
    lanes = stack(args, 64)
    for r in range(lo * in_cell, min(outer, hi * in_cell)):
        row = shift(x, r * n)
        best = _extremum(args, row, n, lanes, _larger, -np.inf)
        start, hits = 0, number(args, 0)
        while start + 64 <= n:
            q = shift(row, start)
            for j in range(64):
                hits += number(args, (q[j] == best) | (q[j] != q[j]))
            if hits > 0:
                break
            start += 64
        at = n
        for i in range(start, min(n, start + 64)):
            at = min(at, i + n * ((row[i] != best) & (row[i] == row[i])))
        y[r] = at


def argmax_columns(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer, inner] = first place of the largest of x[outer, :, inner]. Slots: y, x, n, inner."""
    y, x, n, inner = integers(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
    blocks = (inner + 255) // 256
    best, at = stack(args, 256), stack_integers(args, 256)
    for cell in range(lo, hi):
        outer, first = cell // blocks, cell % blocks * 256
        across = min(256, inner - first)
        base = shift(x, outer * n * inner + first)
        for j in range(across):
            best[j] = base[j]
            at[j] = 0
        for i in range(1, n):
            q = shift(base, i * inner)
            for j in range(across):
                # Not after a NaN; and the first of equals stays.
                better = ((q[j] > best[j]) | (q[j] != q[j])) & (best[j] == best[j])
                best[j] = q[j] if better else best[j]
                at[j] = i if better else at[j]
        p = shift(y, outer * inner + first)
        for j in range(across):
            p[j] = at[j]
