"""fastdl's own kernels, forward and backward, on the shapes of the benchmark's rows that are quick."""

import pytest

from fastdl.benchmark import ROWS
from fastdl.benchmark.peers import _fastdl
from fastdl.benchmark.work import arrays

SMALL = [row for row in ROWS if row.kind != "train" and 0 <= row.work < 5e8 and "4096" not in row.name]


@pytest.mark.parametrize("row", SMALL, ids=lambda row: row.name)
def test_kernel(benchmark, row):
    task = _fastdl.build(row, arrays(row))
    task.result()  # compiled, and planned
    benchmark(task.run, 1)
