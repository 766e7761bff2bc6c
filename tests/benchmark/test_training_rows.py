"""What is demanded of every row of training besides speed: the same bits, quick planning, memory that stays flat."""

import sys
import time

import numpy as np
import pytest

import fastdl as fd
from fastdl import optim
from fastdl.benchmark import rows, work
from fastdl.benchmark.networks import LENET
from fastdl.benchmark.peers import _fastdl, _fastdl_training
from fastdl.training import losses
from fastdl.training.memory import Memory
from fastdl.training.sources import MemorySource
from fastdl.training.step import plan_step

ROWS = [row for row in rows.ROWS if row.kind == "train"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_same_bits_for_any_number_of_threads_and_again(row):
    task, found = _fastdl.build(row, work.arrays(row)), []
    for count in (1, 2, 2):
        with fd.threads(min(count, fd.get_num_threads())):
            found.append(task.learn(3, 2))
    for curve, parameters in found[1:]:
        assert curve == found[0][0]
        for one, other in zip(found[0][1], parameters, strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.slow
def test_planning_a_new_batch_size_of_lenet_takes_under_5_ms():
    """Of the processor, which other work on the machine lengthens too: a third more is allowed."""
    rng = np.random.default_rng(0)
    x, y = rng.random((512, 1, 28, 28), np.float32), np.arange(512) % 10
    model, optimizer, loss = _fastdl_training.build(LENET), optim.SGD(0.05), losses.get("cross_entropy")
    memory = Memory(model, MemorySource({"x": x, "y": y}, 32, 0, (x, y)), loss, optimizer, seed=0, count=False)
    plan_step(model, memory, loss, optimizer, 32)
    found = []
    for batch in range(33, 64):
        start = time.thread_time()
        plan_step(model, memory, loss, optimizer, batch)
        found.append(time.thread_time() - start)
    assert min(found) < 0.005 and np.median(found) < 0.0067, found


@pytest.mark.slow
def test_memory_stays_flat_over_100_000_steps():
    resource = pytest.importorskip("resource")
    (row,) = [row for row in ROWS if row.quick]
    task = _fastdl.build(row, work.arrays(row))
    task.run(10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    task.run(500)  # epochs of 200 steps
    unit = 1 if sys.platform == "darwin" else 1024
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 2**20
