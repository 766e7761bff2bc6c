"""Kernels that go along lines of an array: cumulative sums, and the k largest or smallest of a line.

Cumulative sums see x as (outer, n, inner) and n as chunks; a chunk starts with the sum of those before it, which is
found first, so that chunks can be worked on at once. All sums are in float64. With ``reverse`` the places along n are
counted from the end.
"""

from .block import doubles, integer, integers, number, pointer, shift
from .compiler import inline
from .reductions import stack_doubles


@inline
def _piece(cell, n, inner, length, reverse):  # type: ignore[no-untyped-def]
    """Of a cell: where its columns start, how many they are, the first element of its chunk, how many, the step."""
    blocks, chunks = (inner + 255) // 256, (n + length - 1) // length
    outer, chunk, first = cell // (blocks * chunks), cell // blocks % chunks, cell % blocks * 256
    count = min(length, n - chunk * length)
    start = n - 1 - chunk * length if reverse else chunk * length
    step = -inner if reverse else inner
    return outer * n * inner + start * inner + first, min(256, inner - first), count, step


def chunk_sums(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """sums[outer, chunk, inner] = sum of a chunk. A cell is a chunk, by 256 columns.

    Slots: sums, x, n, inner, length of a chunk, reverse.
    """
    sums, x, n, inner = doubles(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
    length, reverse = integer(args, 4), integer(args, 5)
    blocks = (inner + 255) // 256
    for cell in range(lo, hi):
        start, across, count, step = _piece(cell, n, inner, length, reverse)
        to, source = shift(sums, cell // blocks * inner + cell % blocks * 256), shift(x, start)
        for j in range(across):
            to[j] = 0
        if inner == 1:
            total = 0.0
            for i in range(count):
                total += source[i * step]
            to[0] = total
        else:
            for i in range(count):
                row = shift(source, i * step)
                for j in range(across):
                    to[j] += row[j]


def sums_before(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Each chunk's sum becomes the sum of the chunks before it. A cell is a place of outer.

    Slots: sums, chunks, inner.
    """
    sums, chunks, inner = doubles(args, 0), integer(args, 1), integer(args, 2)
    for outer in range(lo, hi):
        base = shift(sums, outer * chunks * inner)
        for j in range(inner):
            before = 0.0
            for chunk in range(chunks):
                mine = base[chunk * inner + j]
                base[chunk * inner + j] = before
                before += mine


def cumsum(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[outer, i, :] = x[outer, i, :] + what came before. Cells as in ``chunk_sums``.

    Slots: y, x, sums before each chunk (read if n is longer than a chunk), n, inner, length of a chunk, reverse.
    """
    y, x, sums, n = pointer(args, 0), pointer(args, 1), doubles(args, 2), integer(args, 3)
    inner, length, reverse = integer(args, 4), integer(args, 5), integer(args, 6)
    blocks, total = (inner + 255) // 256, stack_doubles(args)
    for cell in range(lo, hi):
        start, across, count, step = _piece(cell, n, inner, length, reverse)
        before, to, source = cell // blocks * inner + cell % blocks * 256, shift(y, start), shift(x, start)
        for j in range(across):
            total[j] = sums[before + j] if n > length else 0.0
        if inner == 1:
            running = total[0]
            for i in range(count):
                running += source[i * step]
                to[i * step] = running
        else:
            for i in range(count):
                row, line = shift(source, i * step), shift(to, i * step)
                for j in range(across):
                    total[j] += row[j]
                for j in range(across):
                    line[j] = total[j]


@inline
def _larger(a, b):  # type: ignore[no-untyped-def]
    """Whether a comes before b among the largest: NaN counts as larger than all."""
    return (a > b) | ((a != a) & (b == b))


@inline
def _smaller(a, b):  # type: ignore[no-untyped-def]
    """Whether a comes before b among the smallest: NaN counts as larger than all."""
    return (a < b) | ((b != b) & (a == a))


def _top_k(before):  # type: ignore[no-untyped-def]
    """values[r, :], indices[r, :] = the k first of x[r, :] in the order of ``before``, of equals those in front.

    They are kept in a heap whose root is the last of them (Williams 1964), which lies in the results; most elements are
    compared with the root alone, 16 at a time. Slots: values, indices, x, rows, n, k, rows in a cell.
    """

    @inline
    def later(values, indices, i, j):  # type: ignore[no-untyped-def]
        """Whether entry i of the heap comes after entry j."""
        if before(values[j], values[i]):
            return True
        return (not before(values[i], values[j])) and indices[i] > indices[j]

    @inline
    def sift(values, indices, size):  # type: ignore[no-untyped-def]
        """Move the root down to its place."""
        i = 0
        while 2 * i + 1 < size:
            child = 2 * i + 1
            if child + 1 < size and later(values, indices, child + 1, child):
                child += 1
            if not later(values, indices, child, i):
                break
            values[i], values[child] = values[child], values[i]
            indices[i], indices[child] = indices[child], indices[i]
            i = child

    @inline
    def fill(values, indices, row, k):  # type: ignore[no-untyped-def]
        """The heap of the first k elements."""
        for i in range(k):
            values[i] = row[i]
            indices[i] = i
            place = i
            while place > 0 and later(values, indices, place, (place - 1) // 2):
                parent = (place - 1) // 2
                values[place], values[parent] = values[parent], values[place]
                indices[place], indices[parent] = indices[parent], indices[place]
                place = parent

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        rows, n, k, in_cell = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 6)
        for r in range(lo * in_cell, min(rows, hi * in_cell)):
            values, indices = shift(pointer(args, 0), r * k), shift(integers(args, 1), r * k)
            row = shift(pointer(args, 2), r * n)
            fill(values, indices, row, k)
            start = k
            while start < n:
                hits, root, piece = number(args, 0), values[0], shift(row, start)
                if start + 16 <= n:
                    for i in range(16):
                        hits += number(args, before(piece[i], root))
                else:
                    hits = number(args, 1)
                if hits > 0:
                    for i in range(start, min(n, start + 16)):
                        if before(row[i], values[0]):
                            values[0] = row[i]
                            indices[0] = i
                            sift(values, indices, k)
                start += 16
            for size in range(k - 1, 0, -1):
                values[0], values[size] = values[size], values[0]
                indices[0], indices[size] = indices[size], indices[0]
                sift(values, indices, size)

    return kernel


top_k_largest, top_k_smallest = _top_k(_larger), _top_k(_smaller)
