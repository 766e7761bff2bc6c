"""How many threads there are, whose choice it is, and the places where there must be one only."""

import os
import threading

import numpy as np
import pytest

from fastdl._kernels import threads
from fastdl._kernels.machine import Machine


@pytest.mark.parametrize("n", [0, -1, 1.0, True, "2", None])
def test_what_is_not_a_number_of_threads(n):
    for function in (threads.set_num_threads, lambda n: threads.threads(n).__enter__()):
        with pytest.raises(ValueError, match=r"number of threads is .*; it must be an integer of at least 1"):
            function(n)
    assert threads.get_num_threads() == threads.most()


def test_set_num_threads():
    threads.set_num_threads(1)
    assert threads.get_num_threads() == 1
    threads.set_num_threads(np.int64(10**6))
    assert threads.get_num_threads() == threads.most()


def test_threads_holds_inside_its_block_even_when_that_raises():
    with pytest.raises(KeyError), threads.threads(1):
        with threads.threads(2):
            assert threads.get_num_threads() == 2
        assert threads.get_num_threads() == 1
        raise KeyError
    assert threads.get_num_threads() == threads.most()


def test_threads_is_the_calling_threads_own(launch):
    seen = {}

    def look():
        seen["other"] = threads.get_num_threads(), launch.who_ran()

    with threads.threads(1):
        other = threading.Thread(target=look)
        other.start()
        other.join()
        seen["own"] = threads.get_num_threads(), launch.who_ran()
    assert seen["own"] == (1, [0])
    assert seen["other"] == (threads.most(), list(range(threads.most())))


def test_set_num_threads_is_for_all_threads(launch):
    threads.set_num_threads(1)
    seen = []
    other = threading.Thread(target=lambda: seen.append(launch.who_ran()))
    other.start()
    other.join()
    assert seen == [[0]] and launch.who_ran() == [0]


@pytest.mark.parametrize(("setting", "most"), [("1", 1), ("3", 3), ("1000", 256)])
def test_numba_num_threads(run, setting, most):
    run(
        f"import launch; from fastdl._kernels import threads; assert threads.most() == {most}\n"
        f"if {most} < 9: launch.check(); assert launch.who_ran() == list(range({most}))",
        NUMBA_NUM_THREADS=setting,
    )


@pytest.mark.parametrize("setting", ["", "many", "0"])
def test_numba_num_threads_that_is_no_number(run, setting):
    run("from fastdl._kernels import threads; assert threads.most() >= 1", NUMBA_NUM_THREADS=setting)


def test_under_workqueue_the_caller_runs_all(run):
    """The layer aborts the process when two threads are in it: here eight would be."""
    run(
        """
import threading, launch
from fastdl._kernels import threads
launch.check()
assert threads.layer() == "workqueue" and threads.get_num_threads() == 2
assert launch.who_ran() == [0]
callers = [threading.Thread(target=lambda: [launch.check() for _ in range(50)]) for _ in range(8)]
for caller in callers: caller.start()
for caller in callers: caller.join()
""",
        NUMBA_THREADING_LAYER="workqueue",
        NUMBA_NUM_THREADS=2,
    )


FORK = """
import os, launch
from fastdl._kernels import threads
assert launch.who_ran() == [0, 1]
child = os.fork()
if child == 0:
    launch.check()
    assert launch.who_ran() == [0]
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
launch.check()
assert launch.who_ran() == [0, 1]
"""

BOUND_BEFORE_THE_FORK = """
import os, launch, numpy as np
from fastdl._kernels import Buffer, address_of
counts, workers = np.zeros(64, np.int64), np.full(64, -1)
arguments = [Buffer.external(0), Buffer.external(1)]
program = launch.program(launch.own("mark"), ["float32"], arguments, cells=64, work=1e9, bases=2)
bound = program.bind([address_of(counts), address_of(workers)])
bound.run()
assert set(workers) == {0, 1}
child = os.fork()
if child == 0:
    bound.run()
    assert set(workers) == {0} and (counts == 2).all()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""

FORK_POOL = """
import multiprocessing, launch
def work(i):
    launch.check()
    return launch.who_ran()
launch.check()
assert launch.who_ran() == [0, 1]
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(work, range(6)) == [[0]] * 6
assert launch.who_ran() == [0, 1]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("code", [FORK, BOUND_BEFORE_THE_FORK, FORK_POOL])
def test_a_forked_child_runs_all_itself(run, code):
    """A child of a process that used OpenMP is killed at its first parallel region."""
    run(code, NUMBA_NUM_THREADS=2)


def test_eight_python_threads_at_once(launch, at_once):
    def work(i):
        for n in [5, 1000, 70_000, 100_000] * 10:
            launch.check(n), launch.check(n, "float64")

    at_once(work, 8)


def test_narrow_vectors_make_a_launch_worth_more_parts(monkeypatch):
    monkeypatch.setattr(threads, "most", lambda: 8)
    for vector_bytes, parts in ((64, 1), (32, 3), (16, 6)):
        monkeypatch.setattr(threads, "machine", lambda n=vector_bytes: Machine(n, 16))
        assert threads.parts(100, 1.5 * threads.WORK_PER_PART) == parts
        assert threads.parts(2, 100 * threads.WORK_PER_PART) == 2
        assert threads.parts(100, 0.2 * threads.WORK_PER_PART) == 1
