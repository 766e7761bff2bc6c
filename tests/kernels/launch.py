"""Launches of the tests' own kernels, for tests and for the processes that tests start."""

from pathlib import Path

import numpy as np

import fastdl._kernels
from fastdl._kernels import Buffer, Kernel, ProgramBuilder, address_of

# Kernels are found by module name; the folder is not part of the package, so the tests' cache is their own, too.
fastdl._kernels.__path__.append(str(Path(__file__).parent / "own"))


def own(name):
    """A kernel of ``own/for_tests.py``."""
    return Kernel("for_tests", name)


def program(kernel, dtypes, arguments, *, cells, work=0.0, bases=0, failures=()):
    """A program of one launch."""
    builder = ProgramBuilder()
    builder.launch(kernel, dtypes, arguments, cells=cells, work=work)
    return builder.build(bases, failures)


def add(a, b):
    """a + b by the kernel, spread over threads if there are any."""
    y = np.full_like(a, np.nan)
    arguments = [Buffer.external(0), Buffer.external(1), Buffer.external(2), a.size]
    adding = program(own("add"), [a.dtype.name], arguments, cells=-(-a.size // 1024), work=1e9, bases=3)
    adding.run([address_of(y), address_of(a), address_of(b)])
    return y


def largest(x):
    """The largest of x, by the kernels' ``maximum``."""
    y = np.full(1, np.nan, x.dtype)
    arguments = [Buffer.external(0), Buffer.external(1), x.size]
    program(own("largest"), [x.dtype.name], arguments, cells=1, bases=2).run([address_of(y), address_of(x)])
    return y[0]


def each(name, x, past=False, y=None):
    """A function of vectors of each number of x."""
    y = np.full_like(x, 7) if y is None else y
    arguments = [Buffer.external(0), Buffer.external(1), x.size, int(past)]
    over = program(own(f"each_{name}"), [x.dtype.name], arguments, cells=1, bases=2)
    over.run([address_of(y), address_of(x)])
    return y


def check(n=100_000, dtype="float32"):
    """Add two arrays; fails if the sum is wrong."""
    a, b = np.arange(n, dtype=dtype), np.full(n, 0.5, dtype)
    np.testing.assert_array_equal(add(a, b), a + b)


def who_ran(cells=64):
    """The parts that ran at once: the worker numbers over a grid, sorted. [0] means the caller alone."""
    counts, workers = np.zeros(cells, np.int64), np.full(cells, -1)
    marking = program(
        own("mark"), ["float32"], [Buffer.external(0), Buffer.external(1)], cells=cells, work=1e9, bases=2
    )
    marking.run([address_of(counts), address_of(workers)])
    assert (counts == 1).all()
    return sorted(set(workers.tolist()))
