"""Calls like an earlier one: who gets the quick way, and that it answers as the usual one does."""

import gc
import os
import sys
import time

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import ops
from fastdl._kernels import Program, addresses, arena, repeats, threads, words

A = np.linspace(-1, 2, 12, dtype=np.float32).reshape(3, 4)
add, dense, softmax = (ops.PRIMITIVES[name] for name in ("add", "dense", "softmax"))


@pytest.fixture(autouse=True)
def _nothing_known():
    ops.forget_programs()
    yield
    ops.forget_programs()


def refuse(*args, **options):
    raise AssertionError("the usual way")


def test_a_call_like_an_earlier_one_takes_the_quick_way(monkeypatch):
    assert add.again(A, A) is None
    expected = F.add(A, A)
    monkeypatch.setattr(ops, "execute", refuse)
    other = A[::-1].copy()
    other.flags.writeable = False
    np.testing.assert_array_equal(F.add(A, A), expected)
    np.testing.assert_array_equal(F.add(A, other), A + other)
    first, second = F.add(A, A), F.add(A, A)
    assert not np.shares_memory(first, second) and first.base is None


@pytest.mark.parametrize(
    "other",
    [
        A.astype(np.float64),
        A.reshape(4, 3),
        A.reshape(12),
        A[:2],
        np.asfortranarray(A),
        np.zeros((3, 8), np.float32)[:, ::2],
        np.frombuffer(bytes(49), np.uint8)[1:].view(np.float32).reshape(3, 4),
        A.astype(">f4"),
        A.view(np.recarray),
        A.tolist(),
        None,
        2.0,
        np.float32(1),
    ],
    ids=lambda x: f"{type(x).__name__} {getattr(x, 'dtype', '')} {getattr(x, 'strides', '')}",
)
def test_a_call_that_differs_does_not(other):
    F.add(A, A)
    assert add.again(A, A) is not None
    assert add.again(A, other) is None and add.again(other, A) is None
    assert add.again(A) is None and add.again(A, A, A) is None and add.again(A, A, axis=0) is None


def test_options_are_compared_by_value_and_type():
    softmax(A, axis=1)
    assert softmax.again(A, axis=1) is not None
    for axis in (0, True, 1.0, "1", None, (1,), A):
        assert softmax.again(A, axis=axis) is None
    assert softmax.again(A, 1) is None and softmax.again(A, axes=1) is None
    attention = ops.PRIMITIVES["attention"]
    attention(A, A, A, None, causal=False, scale=0.5)
    assert attention.again(A, A, A, None, causal=False, scale=float("0.5")) is not None
    assert attention.again(A, A, A, None, causal=True, scale=0.5) is None
    repeat = ops.PRIMITIVES["broadcast_to"]
    repeat(A, shape=(300, 3, 4))
    assert repeat.again(A, shape=tuple(int(n) for n in "300 3 4".split())) is not None
    assert repeat.again(A, shape=(301, 3, 4)) is None and repeat.again(A, shape=[300, 3, 4]) is None


def test_primitives_are_told_apart():
    F.add(A, A)
    F.multiply(A, A)
    np.testing.assert_array_equal(F.add(A, A), 2 * A)
    np.testing.assert_array_equal(F.multiply(A, A), A * A)
    assert ops.PRIMITIVES["subtract"].again(A, A) is None


def test_what_a_kernel_reports_is_raised():
    table, index = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([0, 2])
    F.take(table, index, axis=0)
    before = sys.getrefcount(table)
    for _ in range(3):
        with pytest.raises(IndexError, match="outside axis 0"):
            F.take(table, np.array([0, 3]), axis=0)
    np.testing.assert_array_equal(F.take(table, index, axis=0), table[[0, 2]])
    assert sys.getrefcount(table) == before


def test_no_reference_is_lost_or_kept():
    bias = np.ones(4, np.float32)
    square = np.ones((4, 4), np.float32)
    for arguments in ((A, square, bias), (A, square, None), (A, bias, None)):
        known = dense.again(*arguments, activation="relu")
        assert known is None
        if arguments[1] is square:
            dense(*arguments, activation="relu")
    everything = (A, square, bias, A.dtype, "relu")
    before = [sys.getrefcount(x) for x in everything]
    blocks = sys.getallocatedblocks()
    for _ in range(1000):
        dense.again(A, square, bias, activation="relu")
        dense.again(A, square, None, activation="relu")
        dense.again(A, bias, None, activation="relu")
    assert [sys.getrefcount(x) for x in everything] == before
    assert sys.getallocatedblocks() < blocks + 100


def test_debug_nans_looks_at_known_calls_too():
    zeros = np.zeros(3, np.float32)
    assert np.isnan(F.divide(zeros, zeros)).all()
    finite = F.divide(zeros + 1, zeros + 1)
    with fd.debug_nans():
        with pytest.raises(FloatingPointError, match="divide"):
            F.divide(zeros + 1, zeros)
        np.testing.assert_array_equal(F.divide(zeros + 1, zeros + 1), finite)
    assert np.isinf(F.divide(zeros + 1, zeros)).all()


@pytest.fixture
def layer():
    """A layer, called once, with an arena and work for several threads; and its result."""
    rng = np.random.default_rng(0)
    x, weight = (rng.standard_normal((n, 200)).astype(np.float32) for n in (64, 500))
    if threads.most() == 1:
        pytest.skip("one core")
    expected = F.dense(x, weight)
    return lambda: np.testing.assert_array_equal(F.dense(x, weight), expected)


@pytest.fixture
def usual(monkeypatch):
    """Programs that Python ran. Other work on the machine is not noticed."""
    runs, run = [], Program._run
    monkeypatch.setattr(threads, "ran", lambda seconds, least: None)
    threads.shared[words.ALONE_UNTIL] = 0

    def noted(self, *arguments):
        runs.append(self)
        run(self, *arguments)

    monkeypatch.setattr(Program, "_run", noted)
    return runs


def test_threads_and_an_arena_do_not_take_python(layer, usual):
    for _ in range(3):
        layer()
    assert not usual


def test_as_many_threads_compute_as_were_chosen(layer, usual):
    pool, threads.shared[words.POOL] = threads.shared[words.POOL], 0  # whoever wants several threads asks Python for it
    try:
        with fd.threads(1):
            layer()
        assert not usual
        layer()
        assert len(usual) == 1
        fd.set_num_threads(1)
        layer()
        assert len(usual) == 1
        with fd.threads(2):
            layer()
        assert len(usual) == 2
    finally:
        threads.shared[words.POOL] = pool


def test_who_finds_no_arena_asks_for_one(layer, usual):
    for _, word in arena._parked.values():
        place, word[0] = word[0], 0
        layer()
        layer()
        assert word[0] == 0 or not usual
        word[0] = place
    assert len(usual) == 2
    layer()
    assert len(usual) == 2


def test_after_a_stall_python_runs_it_alone(layer, usual):
    threads.shared[words.ALONE_UNTIL] = time.perf_counter_ns() + 10**10
    try:
        layer()
        assert len(usual) == 1
    finally:
        threads.shared[words.ALONE_UNTIL] = 0
    layer()
    assert len(usual) == 1


def test_a_run_that_was_held_up_is_noted(usual, monkeypatch):
    if threads.most() == 1:
        pytest.skip("one core")
    x, told = np.ones(3_000_000, np.float32), []
    monkeypatch.setattr(threads.Pace, "held_up", lambda self, nanoseconds: told.append((self, nanoseconds)))
    F.exp(x)
    F.exp(x)
    assert not told
    (keeper,) = repeats._known.values()
    program = keeper.others[1]
    program.pace.word[0], before = 1, len(usual)
    start = time.perf_counter_ns()
    F.exp(x)
    ((pace, nanoseconds),) = told
    assert pace is program.pace and words.STALL < nanoseconds < time.perf_counter_ns() - start
    assert pace.word[0] == 1
    program.pace.word[0] = 10**10
    F.exp(x)
    assert words.STALL < program.pace.word[0] < 10**9 and len(told) == 1 and len(usual) == before


FORKS = """
import os
import numpy as np
from fastdl import functional as F
from fastdl._kernels import arena

rng = np.random.default_rng(0)
x, weight = (rng.standard_normal((n, 200)).astype(np.float32) for n in (64, 500))
expected = F.dense(x, weight)

def works():
    return np.array_equal(F.dense(x, weight), expected)

def forked(good):
    child = os.fork()
    if child == 0:
        os._exit(0 if good() else 1)
    return os.waitpid(child, 0)[1]

def has_its_arenas():
    return arena._parked and all(word[0] for _, word in arena._parked.values())

assert works()
print(forked(works))
for _, word in arena._parked.values():  # as if other threads were using them
    word[0] = 0
print(forked(has_its_arenas), forked(works))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_computes_and_has_all_arenas(run):
    """In a process of its own: those that other tests have imported start threads, which a fork does not survive."""
    assert run(FORKS)[0].split() == ["0", "0", "0"]


@pytest.mark.parametrize("columns", [4, 500])
def test_several_threads_at_once(columns, at_once):
    """With and without an arena and other threads; more than one runs the same program."""
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal((64, 200)).astype(np.float32) for _ in range(4)]
    weight = rng.standard_normal((columns, 200)).astype(np.float32)
    expected = [F.dense(x, weight) for x in xs]

    def work(i):
        for _ in range(200):
            np.testing.assert_array_equal(F.dense(xs[i], weight), expected[i])

    at_once(work, 4)


def test_calls_may_be_forgotten_while_one_is_answered(monkeypatch):
    """To make the result may run the garbage collector, which may run anything."""
    forgetting = []

    def new(shape, dtype):
        if forgetting:
            repeats.forget()
            gc.collect()
        return np.empty(shape, dtype)

    monkeypatch.setattr(ops, "allocator", lambda nbytes: new)
    F.add(A, A)
    forgetting.append(True)
    np.testing.assert_array_equal(add.again(A, A)[0], A + A)
    assert add.again(A, A) is None


def test_what_fails_to_make_a_result_is_raised(monkeypatch):
    failing = []

    def new(shape, dtype):
        if failing:
            raise MemoryError("none left")
        return np.empty(shape, dtype)

    monkeypatch.setattr(ops, "allocator", lambda nbytes: new)
    F.add(A, A)
    failing.append(True)
    with pytest.raises(MemoryError, match="none left"):
        F.add(A, A)


def test_elsewhere_all_calls_take_the_usual_way(monkeypatch):
    monkeypatch.setattr(repeats, "HEAD", 32)  # as without the interpreter's lock
    repeats._table.cache_clear()
    object.__setattr__(add, "again", repeats.stranger)
    try:
        assert repeats.caller() is repeats.stranger
        np.testing.assert_array_equal(F.add(A, A), A + A)
        np.testing.assert_array_equal(F.add(A, A), A + A)
        assert add.again(A, A) is None
    finally:
        repeats._table.cache_clear()
        for primitive in ops.PRIMITIVES.values():
            object.__setattr__(primitive, "again", repeats.stranger)


def test_objects_are_laid_out_as_expected():
    assert addresses.HEAD == words.HEAD and repeats._laid_out_as_expected()
