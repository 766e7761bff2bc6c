"""The matrix product c = a b, step by step: ``python -m bench.ladder.matmul [N]``.

Letters: a (m, k), b (k, n), c (m, n); i, l, j count their rows and columns. Every step is checked before it is timed,
on one thread; the last column is the share of what the core multiplies and adds at most.
"""

import sys
import time

import numba
import numpy as np

import fastdl as fd
from fastdl import functional as F
from fastdl.benchmark.peak import Peak

SAFE = {"fastmath": {"nsz", "contract", "reassoc"}, "error_model": "numpy"}


def python(a, b, c):
    """Three loops in Python: every number is an object that is looked up, taken apart and put together again."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            c[i, j] = total


# The same loops compiled: b is walked down its columns, so each step touches another cache line.
compiled = numba.njit(**SAFE)(python)


@numba.njit(**SAFE)
def rows(a, b, c):
    """The loops in the order i, l, j: all is walked along rows, and the inner loop works on full vectors."""
    c[:] = 0
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


@numba.njit(**SAFE)
def blocks(a, b, c):
    """Four rows of b for each pass over a row of c: c is read and written a quarter as often."""
    c[:] = 0
    m, n = c.shape
    for k in range(0, a.shape[1] // 4 * 4, 4):
        for i in range(m):
            p, q, r, s = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            for j in range(n):
                c[i, j] += (p * b[k, j] + q * b[k + 1, j]) + (r * b[k + 2, j] + s * b[k + 3, j])
    for k in range(a.shape[1] // 4 * 4, a.shape[1]):
        for i in range(m):
            for j in range(n):
                c[i, j] += a[i, k] * b[k, j]


def fastdl(a, b, c):
    """What ``F.matmul`` does today: blocks of rows in registers, accumulators that overlap nothing."""
    c[:] = F.matmul(a, b)


STEPS = {
    "python": python,
    "compiled": compiled,
    "rows": rows,
    "blocks": blocks,
    "fastdl": fastdl,
}


def seconds(step, a, b, c, least=0.2):
    """The best of as many calls as take ``least`` seconds."""
    best, total = np.inf, 0.0
    while total < least:
        start = time.perf_counter()
        step(a, b, c)
        took = time.perf_counter() - start
        best, total = min(best, took), total + took
    return best


def climb(n):
    """(name, operations in a second, share of the peak) of each step for matrices of n x n."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, n)).astype(np.float32) for _ in range(2))
    c, expected = np.empty((n, n), np.float32), a.astype(np.float64) @ b
    with fd.threads(1):
        peak = Peak("float32")
        for name, step in STEPS.items():
            size = min(n, 96) if step is python else n  # a minute otherwise
            part, other, result = a[:size, :size].copy(), b[:size, :size].copy(), c[:size, :size].copy()
            step(part, other, result)
            truth = expected if size == n else part.astype(np.float64) @ other
            error = np.abs(result - truth).max()
            if not error < 1e-5 * n:
                raise AssertionError(f"{name} is wrong by {error}")
            rate = 2.0 * size**3 / seconds(step, part, other, result)
            yield name, rate, rate / peak.measure()


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    print(f"{n} x {n} x {n}, float32, one thread")
    for name, rate, share in climb(n):
        print(f"{name:10} {rate / 1e9:10.3f} GFLOP/s {100 * share:8.2f} % of the peak")


if __name__ == "__main__":
    main()
