"""What is learnt of calls: by several threads at once, in the midst of others, and of options of every kind."""

import ctypes
import gc
import pickle
import sys
import threading

import numpy as np
import pytest

from fastdl import functional as F
from fastdl import ops
from fastdl._kernels import addresses, repeats, words

A = np.linspace(-1, 2, 12, dtype=np.float32).reshape(3, 4)
add = ops.PRIMITIVES["add"]


@pytest.fixture(autouse=True)
def _nothing_known():
    ops.forget_programs()
    yield
    ops.forget_programs()


def linked():
    """How many records the table leads to; all of them must be known."""
    alive, count = {addresses.address_of(keeper.record) for keeper in repeats._known.values()}, 0
    for place in repeats._table()[words.BUCKETS :].tolist():
        while place:
            assert place in alive and count <= len(alive)
            count += 1
            place = ctypes.c_int64.from_address(place + 8 * words.NEXT).value
    return count


def test_what_several_threads_learn_at_once_is_learnt_once(at_once, monkeypatch):
    keep = repeats._Keeper.__init__
    meeting = threading.Barrier(4)

    def meet(*arguments):
        keep(*arguments)
        meeting.wait(20)

    F.add(A[:1], A[:1])
    ops.forget_programs()
    monkeypatch.setattr(repeats._Keeper, "__init__", meet)
    at_once(lambda i: F.add(A, A), 4)
    assert linked() == len(repeats._known) == 1 and add.again(A, A) is not None


def test_one_caller_for_threads_that_meet_in_the_first_call(at_once, monkeypatch):
    make, meeting, made = repeats.caller, threading.Barrier(4), []

    def meet():
        made.append(make())
        meeting.wait(20)
        return made[-1]

    monkeypatch.setattr(repeats, "caller", meet)
    object.__setattr__(add, "again", repeats.stranger)
    at_once(lambda i: F.add(A, A), 4)
    assert len(made) == 4 and add.again in made and add.again(A, A) is not None and linked() == 1


@pytest.mark.parametrize("inside", [lambda: F.add(A, A), ops.forget_programs])
def test_learning_may_run_anything_inside(inside, monkeypatch):
    """As the garbage collector does."""
    keep, within = repeats._Keeper.__init__, []

    def run(*arguments):
        keep(*arguments)
        if not within:
            within.append(1)
            inside()

    F.multiply(A, A)
    monkeypatch.setattr(repeats._Keeper, "__init__", run)
    F.add(A, A)
    assert within and linked() == len(repeats._known)
    np.testing.assert_array_equal(F.add(A, A), 2 * A)


def test_options_that_compare_by_python_may_forget_the_call():
    class Evil(int):
        def __eq__(self, other):
            ops.forget_programs()
            gc.collect()
            return False

        __hash__ = int.__hash__

    repeat = ops.PRIMITIVES["broadcast_to"]
    for shape in ((3, 3, 4), (2, 3, 4)):
        repeat(A, shape=shape)
    assert repeat.again(A, shape=(Evil(9), 3, 4)) is None and not repeats._known
    assert repeat.again(A, shape=(2, 3, 4)) is None


def test_a_dtype_that_was_unpickled_is_known_beside_the_usual_one():
    other = np.ndarray(A.shape, pickle.loads(pickle.dumps(A.dtype)), A)
    if other.dtype is A.dtype:
        pytest.skip("this NumPy unpickles its own dtypes")
    for first, second in ((A, other), (other, A)):
        ops.forget_programs()
        F.add(first, first)
        assert add.again(second, second) is None
        F.add(second, second)
        assert add.again(first, first) is not None and add.again(second, second) is not None


def test_options_that_are_new_each_time_do_not_drive_out_others():
    F.add(A, A)
    for i in range(50):
        F.leaky_relu(A, 0.01 * i)
    assert add.again(A, A) is not None and len(repeats._known) <= 1 + repeats._MOST_OPTIONS
    known = len(repeats._known)
    F.leaky_relu(A[:2], 0.5)
    assert len(repeats._known) == known + 1  # of other shapes


def test_negative_zero_is_another_option():
    for value in (0.0, -0.0, 0.0, -0.0):
        assert np.copysign(1, F.pad(A, 1, value=value)[0, 0]) == np.copysign(1, value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of the GNU C library")
def test_the_interpreter_may_end_in_any_order(run):
    """What was freed is overwritten, so that who looks at it crashes."""
    code = "import numpy as np; from fastdl import functional as F; x = np.ones(3); F.add(x, x); print(F.add(x, x)[0])"
    assert run(code, PYTHONMALLOC="malloc", MALLOC_PERTURB_="255")[0].split() == ["2.0"]


def test_the_number_of_known_calls_is_bounded(monkeypatch):
    monkeypatch.setattr(repeats, "_MOST", 10)
    for n in range(1, 25):
        x = np.ones(n, np.float32)
        np.testing.assert_array_equal(F.add(x, x), np.full(n, 2, np.float32))
        assert len(repeats._known) <= 10 and add.again(x, x) is not None
