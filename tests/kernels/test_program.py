"""Programs: where arguments come from, steps, the status word, scratch, and the same bits for any number of threads."""

import gc
import threading
import time

import numpy as np
import pytest

from fastdl._kernels import STATUS, Buffer, ProgramBuilder, address_of, arena, threads
from fastdl._kernels.launches import ARENA_BASE, CONSTANT_BASE
from fastdl._kernels.program import BLOCK_STATUS


def external(n):
    return [Buffer.external(i) for i in range(n)]


def pushing(launch, numbers, **options):
    """A program that appends these numbers to its only base, a list."""
    builder = ProgramBuilder()
    for n in numbers:
        builder.launch(launch.own("push"), ["float32"], [Buffer.external(0), n], cells=1, work=0)
    return builder.build(1, **options)


def test_launches_run_in_order_and_step_after_step(launch):
    numbers = np.zeros(20, np.int64)
    pushing(launch, [3, 1, 2]).run([address_of(numbers)], steps=2)
    np.testing.assert_array_equal(numbers[:7], [6, 3, 1, 2, 3, 1, 2])


def test_no_steps_and_no_launches(launch):
    numbers = np.zeros(2, np.int64)
    pushing(launch, [1]).run([address_of(numbers)], steps=0)
    ProgramBuilder().build(0).run([])
    builder = ProgramBuilder()
    builder.launch(launch.own("push"), ["float32"], [Buffer.external(0), 1], cells=0, work=0)
    builder.build(1).run([address_of(numbers)])
    assert numbers[0] == 0


def test_the_same_program_on_other_memory(launch):
    adding = launch.program(launch.own("add"), ["float64"], [*external(3), 1500], cells=2, bases=3)
    rng = np.random.default_rng(0)
    for _ in range(3):
        a, b, y = rng.normal(size=(3, 1500))
        adding.run([address_of(y), address_of(a), address_of(b)])
        np.testing.assert_array_equal(y, a + b)


def test_a_bound_program_is_run_again_and_again(launch):
    numbers = np.zeros(9, np.int64)
    bound = pushing(launch, [7]).bind([address_of(numbers)])
    bound.run(), bound.run(3)
    np.testing.assert_array_equal(numbers, [4, 7, 7, 7, 7, 0, 0, 0, 0])


def test_the_address_of_an_array_is_where_its_first_element_lies():
    x = np.arange(12.0).reshape(3, 4)
    frozen = x.copy()
    frozen.flags.writeable = False
    for array in (x, x[1:, 2:], x[::-1], x.T, frozen, np.zeros(()), np.zeros((0, 3)), x.view(np.matrix), x > 3):
        assert address_of(array) == array.__array_interface__["data"][0]


def test_a_run_after_one_that_was_interrupted_or_failed(launch):
    """The memory of a finished run serves the next one: what is left in its status word must not count."""
    numbers = np.zeros(9, np.int64)
    program = pushing(launch, [7])
    program.run([address_of(numbers)])
    (block,) = program._idle
    block.slots[BLOCK_STATUS] = 1  # as if Ctrl-C had come between a kernel's report and its reading
    program.run([address_of(numbers)])
    np.testing.assert_array_equal(numbers[:3], [2, 7, 7])
    for wrong in ([], [address_of(numbers)] * 2):
        with pytest.raises(ValueError, match="the program has 1 bases"):
            program.run(wrong)
    program.run([address_of(numbers)])
    assert numbers[0] == 3 and len(program._idle) == 1


def test_kinds_of_arguments(launch):
    """Constants, negative and large integers, a real, a place in the middle of a buffer, an absent argument."""
    builder = ProgramBuilder()
    values = [-5, 2**62, 0, 9]
    builder.constant([1, 2, 3])
    place = builder.constant(values)
    assert place.base == CONSTANT_BASE
    memory = np.full(12, -1)
    target = Buffer.external(0).at(8 * 3)
    builder.launch(launch.own("copy_integers"), ["float32"], [target, place, 4, None], cells=1, work=0)
    x, y = np.array([2.0, -3.0], np.float32), np.empty(2, np.float32)
    builder.launch(launch.own("scale"), ["float32"], [Buffer.external(1), Buffer.external(2), 0.1, 2], cells=1, work=0)
    builder.build(3).run([address_of(memory), address_of(y), address_of(x)])
    np.testing.assert_array_equal(memory, [-1, -1, -1, *values, 0, -1, -1, -1, -1])
    np.testing.assert_array_equal(y, np.float32(0.1) * x)


@pytest.mark.parametrize("argument", [np.float32(0.5), "text", 1.5 + 2j])
def test_an_argument_that_would_be_cut_to_an_integer_is_refused(launch, argument):
    with pytest.raises(TypeError):
        launch.program(launch.own("push"), ["float32"], [Buffer.external(0), argument], cells=1, bases=1)


class TestStatus:
    """A kernel reports by writing a code into the status word."""

    FAILURES = (IndexError("first"), ValueError("second", 2))

    def program(self, launch, code):
        builder = ProgramBuilder()
        builder.launch(launch.own("push"), ["float32"], [Buffer.external(0), 1], cells=1, work=0)
        builder.launch(launch.own("report"), ["float32"], [Buffer.external(1), STATUS, code], cells=1, work=0)
        return builder.build(2, failures=self.FAILURES)

    @pytest.mark.parametrize(("code", "error"), [(1, FAILURES[0]), (2, FAILURES[1])])
    def test_raises_what_the_code_means_and_stops(self, launch, code, error):
        numbers, countdown = np.zeros(20, np.int64), np.array([3])
        with pytest.raises(type(error)) as caught:
            self.program(launch, code).run([address_of(numbers), address_of(countdown)], steps=10)
        assert caught.value.args == error.args and caught.value is not error
        assert numbers[0] == 3, "steps after the one that failed were run"

    def test_what_failed_can_run_again(self, launch):
        numbers, countdown = np.zeros(20, np.int64), np.array([1])
        bound = self.program(launch, 1).bind([address_of(numbers), address_of(countdown)])
        with pytest.raises(IndexError):
            bound.run()
        bound.run(4)
        assert numbers[0] == 5

    def test_one_failing_run_does_not_disturb_another(self, launch):
        program = self.program(launch, 1)
        rows = np.zeros((2, 20), np.int64)
        countdowns = np.array([1, 100])
        runs = [program.bind([address_of(rows[i]), address_of(countdowns[i:])]) for i in range(2)]
        with pytest.raises(IndexError):
            runs[0].run(5)
        runs[1].run(5)
        np.testing.assert_array_equal(rows[:, 0], [1, 5])


class TestScratch:
    def test_places_are_aligned_apart_and_given_out_again_after_release(self):
        builder = ProgramBuilder(planned_bytes=100)
        first, second = builder.scratch(1), builder.scratch(65)
        builder.release_scratch()
        third = builder.scratch(8)
        assert first.base == ARENA_BASE and first.offset == 128 and second.offset == 192 and third == first
        assert builder.build(0).arena_bytes == 128 + 64 + 128

    def test_arenas_are_aligned_and_kept(self):
        one = arena.take(5000)
        assert one.place % arena.ALIGNMENT == 0
        assert one.place + 5000 <= address_of(one.memory) + one.memory.size
        arena.give(one)
        again = arena.take(5001)
        assert again.memory is one.memory
        assert arena.take(5001).memory is not one.memory

    def test_sizes_that_are_no_longer_used_make_room(self, monkeypatch):
        monkeypatch.setattr(arena, "_free", {})
        monkeypatch.setattr(arena, "_kept", 0)
        monkeypatch.setattr(arena, "KEPT_BYTES", 100_000)
        arena.give(arena.take(60_000))
        wanted = arena.take(90_000)
        arena.give(wanted)
        assert arena.take(90_000).memory is wanted.memory
        too_large = arena.take(200_000)
        arena.give(too_large)
        assert arena.take(200_000).memory is not too_large.memory

    def test_large_results_come_back_with_their_last_view(self, monkeypatch):
        monkeypatch.setattr(arena, "_free", {})
        monkeypatch.setattr(arena, "_kept", 0)
        monkeypatch.setattr(arena, "LARGE_BYTES", 10_000)
        assert arena.allocator(9_999) is np.empty
        new = arena.allocator(10_000)
        y = new((50, 50), np.dtype(np.float32))
        assert y.shape == (50, 50) and y.dtype == np.float32 and type(y) is np.ndarray and y.flags.writeable
        place = address_of(y)
        assert place % arena.ALIGNMENT == 0
        view = y.reshape(-1)[10:]
        del y
        assert address_of(new((50, 50), np.dtype(np.float32))) != place, "the view still looks at it"
        assert type(view[3:]) is np.ndarray
        view[...] = 1
        owner = view.base.base
        assert type(owner) is not np.ndarray
        part = owner[40:]  # whoever looks for the owner may make a view of it
        del view, owner
        assert address_of(new((50, 50), np.dtype(np.float32))) != place, "a view of the owner still looks at it"
        del part
        assert address_of(new((50, 50), np.dtype(np.float32))) == place

    def test_a_run_that_the_garbage_collector_finishes_inside_take(self):
        """`take` allocates, which may collect a run in a cycle, which gives its arena back: in the same thread."""
        with arena._lock:
            assert arena._lock.acquire(blocking=False), "would wait for itself"
            arena._lock.release()
            arena.give(arena.take(3000))

    def test_the_arena_goes_back_with_its_run(self, launch, monkeypatch):
        monkeypatch.setattr(arena, "_free", {})
        monkeypatch.setattr(arena, "_kept", 0)
        builder = ProgramBuilder()
        builder.scratch(10_000)
        program = builder.build(0)
        first, second = program.bind([]), program.bind([])
        assert first._arena.memory is not second._arena.memory
        kept = first._arena.memory
        del first
        gc.collect()
        assert program.bind([])._arena.memory is kept

    def test_each_worker_has_its_own(self, launch):
        """Cells add up in the worker's scratch; two workers in one place would disturb each other."""
        rng = np.random.default_rng(1)
        x, out = rng.integers(0, 9, (64, 5000)).astype(float), np.full(64, np.nan)
        builder = ProgramBuilder()
        place, stride = builder.worker_scratch(8)
        assert stride == arena.ALIGNMENT
        arguments = [Buffer.external(0), Buffer.external(1), 5000, place, stride // 8]
        builder.launch(launch.own("sum_by_worker"), ["float64"], arguments, cells=64, work=1e9)
        summing = builder.build(2)
        assert summing.arena_bytes == threads.most() * stride
        for _ in range(20):
            summing.run([address_of(out), address_of(x)])
            np.testing.assert_array_equal(out, x.sum(1))


class TestThreads:
    def test_large_grids_are_spread_and_small_ones_are_not(self, launch):
        for work, workers in [(9_999, 1), (20_000, 2), (1e9, threads.most())]:
            counts, ran = np.zeros(64, np.int64), np.zeros(64, np.int64)
            program = launch.program(launch.own("mark"), ["float32"], external(2), cells=64, work=work, bases=2)
            program.run([address_of(counts), address_of(ran)])
            assert (counts == 1).all() and len(set(ran)) == workers

    @pytest.mark.parametrize("cells", [1, 2, 3, 63, 64, 65, 1001])
    def test_every_cell_is_run_once(self, launch, cells):
        launch.who_ran(cells)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 99_999])
    def test_the_same_bits_for_any_number(self, launch, dtype, n):
        rng = np.random.default_rng(n)
        a, b = rng.normal(size=(2, n)).astype(dtype)
        a[::7], b[::11] = np.nan, np.inf
        with threads.threads(1):
            alone = launch.add(a, b)
        np.testing.assert_array_equal(launch.add(a, b).view(f"u{a.itemsize}"), alone.view(f"u{a.itemsize}"))
        np.testing.assert_array_equal(alone, a + b)

    def test_a_program_in_several_python_threads(self, launch, at_once):
        program = launch.program(launch.own("add"), ["float64"], [*external(3), 50_000], cells=49, work=1e9, bases=3)
        failures = []

        def work(seed):
            a, b, y = np.random.default_rng(seed).normal(size=(3, 50_000))
            for _ in range(50):
                y[:] = np.nan
                program.run([address_of(y), address_of(a), address_of(b)])
                if not np.array_equal(y, a + b):
                    failures.append(seed)

        at_once(work, 4)
        assert not failures

    def test_other_python_threads_go_on_while_a_kernel_runs(self, launch):
        """The interpreter's lock is released, so a signal or a progress bar need not wait."""
        y = np.empty(1)
        slow = launch.program(
            launch.own("spread_rows"), ["float64"], [Buffer.external(0), 50_000_000], cells=1, bases=1
        )
        slow.run([address_of(y)])
        runner = threading.Thread(target=lambda: slow.run([address_of(y)]))
        last = start = time.perf_counter()
        longest = 0.0
        runner.start()
        while runner.is_alive():
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        seconds = time.perf_counter() - start
        longest = max(longest, time.perf_counter() - last)
        assert longest < seconds / 2, f"stood still for {longest:.3f} of {seconds:.3f} s"
