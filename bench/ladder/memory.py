"""A function of each number of an array larger than the caches, step by step: ``python -m bench.ladder memory``.

Memory is the limit here. The measure is a copy into an array that is there already: 4 bytes read and 4 written for each
number. The result of relu is the larger of x and 0.
"""

from collections.abc import Iterator

import numba
import numpy as np

from fastdl import functional as F

from .steps import COPY, Step

TITLE, LIMIT = "relu of 64 MB, float32", COPY
SIZE, SMALL = 4096, 64  # rows and columns; the tests take the small one


def masked(x):
    """NumPy without thinking of memory: three arrays are made, each of fresh memory."""
    return np.where(x > 0, x, np.zeros_like(x))


@numba.njit(error_model="numpy")
def loop(x, y):
    """A plain loop, which LLVM makes into vectors; a line of y is read before it is written."""
    for i in range(x.size):
        v = x[i]
        y[i] = v if not v <= 0 else np.float32(0)


def steps(n: int) -> Iterator[Step]:
    """The ladder for n x n numbers; operations count bytes that have to be read and written: 8 for each number."""
    x = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
    y, expected, size, work = np.empty_like(x), np.maximum(x, 0).astype(np.float64), f"{n} x {n}", 8.0 * x.size
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)

    def plain():
        loop(flat_x, flat_y)
        return y

    def step(name, change, run, all_threads=False):
        return Step(name, size, change, run, expected, work, all_threads=all_threads)

    yield step("np.where", "three fresh arrays", lambda: masked(x))
    yield step("np.maximum", "one fresh array", lambda: np.maximum(x, 0))
    yield step("out=", "an array that is there already", lambda: np.maximum(x, 0, out=y))
    yield step("loop", "the same, compiled", plain)
    yield step("F.relu", "stored past the cache", lambda: F.relu(x, out=y))
    yield step("F.relu", "all threads", lambda: F.relu(x, out=y), True)
    yield step("F.relu", "all threads, a fresh array", lambda: F.relu(x), True)
