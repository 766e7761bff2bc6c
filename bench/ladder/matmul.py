"""The matrix product c = a b, step by step: ``python -m bench.ladder matmul [--small]``.

Letters: a (M, K), b (K, N), c (M, N); i, k, j count M, K, N. Sizes are multiples of 256, so that no step needs a line
for what is left at an end.
"""

from collections.abc import Iterator

import numba
import numpy as np

from fastdl import functional as F
from fastdl._kernels.machine import most_vectors
from fastdl._kernels.micro_block import most_rows

from .products import block, panels
from .steps import PEAK, Step

TITLE, LIMIT = "Matrix product, float32", PEAK
SIZE, SMALL = 1024, 256  # of the matrices; the tests take the small one
PIECE = 256  # terms of a piece of the sums: 256 rows of 1024 numbers take a megabyte
SAFE = {"fastmath": {"nsz", "contract", "reassoc"}, "error_model": "numpy"}


def loops(a, b, c):
    """The formula."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = np.float32(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            c[i, j] = total


# The same loops compiled: b is walked down its columns, so each step touches another line of the cache.
compiled = numba.njit(**SAFE)(loops)


@numba.njit(**SAFE)
def ordered(a, b, c):
    """The loops in the order i, k, j: all is walked along rows, and the inner loop works on vectors."""
    c[:] = 0
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


@numba.njit(**SAFE)
def blocked(a, b, c):
    """Rows of b that fit the second cache meet all rows of a before the next ones are fetched."""
    c[:] = 0
    for start in range(0, a.shape[1], PIECE):
        for i in range(a.shape[0]):
            for k in range(start, start + PIECE):
                for j in range(b.shape[1]):
                    c[i, j] += a[i, k] * b[k, j]


@numba.njit(**SAFE)
def four_terms(a, b, c):
    """Four terms for each visit to c, which is loaded and stored a quarter as often."""
    c[:] = 0
    for start in range(0, a.shape[1], PIECE):
        for i in range(a.shape[0]):
            for k in range(start, start + PIECE, 4):
                p, q, r, s = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
                for j in range(b.shape[1]):
                    c[i, j] += (p * b[k, j] + q * b[k + 1, j]) + (r * b[k + 2, j] + s * b[k + 3, j])


@numba.njit(**SAFE)
def sixteen_sums(a, b, c):
    """4 x 4 sums at a time, each a vector of partial sums along k: eight vectors loaded for sixteen multiply-adds.

    Along k both factors have to be contiguous, so the piece of b is transposed first.
    """
    c[:] = 0
    for start in range(0, a.shape[1], PIECE):
        end = start + PIECE
        t = np.ascontiguousarray(b[start:end].T)
        for i in range(0, a.shape[0], 4):
            a0, a1, a2, a3 = a[i, start:end], a[i + 1, start:end], a[i + 2, start:end], a[i + 3, start:end]
            for j in range(0, t.shape[0], 4):
                t0, t1, t2, t3 = t[j], t[j + 1], t[j + 2], t[j + 3]
                c00 = c01 = c02 = c03 = c10 = c11 = c12 = c13 = np.float32(0)
                c20 = c21 = c22 = c23 = c30 = c31 = c32 = c33 = np.float32(0)
                for k in range(a0.size):
                    u0, u1, u2, u3, v0, v1, v2, v3 = a0[k], a1[k], a2[k], a3[k], t0[k], t1[k], t2[k], t3[k]
                    c00, c01, c02, c03 = c00 + u0 * v0, c01 + u0 * v1, c02 + u0 * v2, c03 + u0 * v3
                    c10, c11, c12, c13 = c10 + u1 * v0, c11 + u1 * v1, c12 + u1 * v2, c13 + u1 * v3
                    c20, c21, c22, c23 = c20 + u2 * v0, c21 + u2 * v1, c22 + u2 * v2, c23 + u2 * v3
                    c30, c31, c32, c33 = c30 + u3 * v0, c31 + u3 * v1, c32 + u3 * v2, c33 + u3 * v3
                for row, sums in enumerate(
                    ((c00, c01, c02, c03), (c10, c11, c12, c13), (c20, c21, c22, c23), (c30, c31, c32, c33))
                ):
                    for column in range(4):
                        c[i + row, j + column] += sums[column]


def steps(n: int) -> Iterator[Step]:
    """The ladder for matrices of n x n; the first step takes smaller ones, and one step data that stay in the cache."""
    rng = np.random.default_rng(0)

    def factors(rows: int, terms: int, columns: int):
        a, b = (rng.standard_normal(s).astype(np.float32) for s in ((rows, terms), (terms, columns)))
        sizes = " x ".join(map(str, (rows, terms, columns)))
        return (
            a,
            b,
            np.empty((rows, columns), np.float32),
            a.astype(np.float64) @ b,
            sizes,
            2.0 * rows * terms * columns,
        )

    def into(function, a, b, c):
        def run():
            function(a, b, c)
            return c

        return run

    a, b, c, expected, size, work = factors(64, 64, 64)
    yield Step("loops", size, "three loops in Python", into(loops, a, b, c), expected, work)
    a, b, c, expected, size, work = factors(n, n, n)
    for name, function, change, traffic in (
        ("compiled", compiled, "the same, compiled", "2 (numbers)"),
        ("ordered", ordered, "order i, k, j: along rows, in vectors", "3"),
        ("blocked", blocked, "a block of b stays in the cache", "3"),
        ("four terms", four_terms, "four terms for each visit to c", "1.5"),
        ("sixteen sums", sixteen_sums, "4 x 4 sums, as plain loops", "0.5"),
    ):
        yield Step(name, size, change, into(function, a, b, c), expected, work, traffic)
    vectors = most_vectors()
    sums = vectors * most_rows(vectors)
    loads = f"{(vectors + most_rows(vectors)) / sums:.2f}"  # a row of b, a number of each row of a
    p, q, r, truth, small, part = factors(768, 128, 64)
    change = "the micro-kernel: sums in registers, data in the cache"
    yield Step("micro-kernel", small, change, block(r, p, panels(q), packed=True), truth, part, loads)
    yield Step("whole matrices", size, "the same on all of it", block(c, a, b), expected, work, loads)
    yield Step("F.matmul", size, "packed, in pieces for the caches", lambda: F.matmul(a, b), expected, work, loads)
    yield Step("F.matmul", size, "all threads", lambda: F.matmul(a, b), expected, work, loads, all_threads=True)
