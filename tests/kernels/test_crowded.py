"""While other work keeps the cores, one thread computes: how that is noticed, for how long, and what it changes."""

from array import array

import numpy as np
import pytest

from fastdl._kernels import Buffer, address_of, program, threads

crowded = threads.crowded  # the tests of this folder have it replaced


class Clock:
    """In the place of the module ``time``: moves when it is told to."""

    now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(threads, "time", clock)
    monkeypatch.setattr(threads, "crowded", crowded)
    monkeypatch.setattr(threads, "shared", array("q", [*threads.shared[:2], 0]))
    monkeypatch.setattr(threads, "_pause", 0.0)
    return clock


@pytest.fixture
def mark(launch):
    """`mark()`: the workers of a run of one program, which is the same each time."""
    counts, workers = np.zeros(64, np.int64), np.full(64, -1)
    arguments = [Buffer.external(0), Buffer.external(1)]
    marking = launch.program(launch.own("mark"), ["float32"], arguments, cells=64, work=1e6, bases=2)

    def run():
        marking.run([address_of(counts), address_of(workers)])
        return set(workers.tolist())

    if threads.most() == 1:
        pytest.skip("one core")
    return run


@pytest.mark.parametrize(("seconds", "least"), [(10e-6, 10e-6), (1e-3, 10e-6), (4.0, 1.0), (0.0, 0.0)])
def test_what_is_no_stall(clock, seconds, least):
    threads.ran(seconds, least)
    assert not threads.crowded()


def test_after_a_stall_the_caller_is_alone_eight_times_as_long(clock):
    threads.ran(4e-3 + 10e-6, 10e-6)
    assert threads.crowded()
    clock.now += 31.9e-3
    assert threads.crowded()
    clock.now += 0.2e-3
    assert not threads.crowded()


def test_the_pause_doubles_while_stalls_go_on_and_begins_anew_after_a_rest(clock):
    threads.ran(2e-3, 0.0)
    pauses = []
    for _ in range(8):
        clock.now += threads._pause
        threads.ran(2e-3, 0.0)
        pauses.append(threads._pause)
    np.testing.assert_allclose(pauses, [0.032, 0.064, 0.128, 0.256, 0.5, 0.5, 0.5, 0.5])
    clock.now += 3
    threads.ran(2e-3, 0.0)
    assert threads._pause == pytest.approx(0.016)


def test_a_crowded_machine_is_left_to_the_caller_alone(mark, monkeypatch):
    assert len(mark()) > 1
    monkeypatch.setattr(threads, "crowded", lambda: True)
    assert mark() == {0}
    monkeypatch.setattr(threads, "crowded", lambda: False)
    assert len(mark()) > 1


def test_runs_are_held_against_the_estimate_and_then_against_the_quickest(mark, monkeypatch):
    said, times = [], iter([0, 0.5, 1, 1.1, 2, 2.4, 3, 3.05, 4, 4.2])
    monkeypatch.setattr(threads, "ran", lambda seconds, least: said.append((round(seconds, 6), round(least, 6))))
    monkeypatch.setattr(threads, "crowded", lambda: len(said) == 3)
    clock = Clock()
    monkeypatch.setattr(clock, "perf_counter", lambda: next(times))
    monkeypatch.setattr(program, "time", clock)
    for _ in range(3):
        mark()
    assert mark() == {0}  # a run alone is timed, too
    monkeypatch.setattr(threads, "crowded", lambda: False)
    mark()
    assert said == [(0.5, 0.003), (0.1, 0.5), (0.4, 0.1), (0.2, 0.05)]


def test_a_run_with_little_to_do_is_forgotten_when_one_alone_took_longer(mark, clock, monkeypatch):
    # A mask that hid everything once must not make all later runs look as if they were held up.
    durations = iter([1e-5, 0.1, 0.25, 0.2, 0.2])  # together, together, alone in the pause, and after it
    readings = []

    def perf_counter():
        if readings:
            return readings.pop()
        start, clock.now = clock.now, clock.now + next(durations)
        readings.append(clock.now)
        return start

    inside = Clock()
    monkeypatch.setattr(inside, "perf_counter", perf_counter)
    monkeypatch.setattr(program, "time", inside)
    mark()
    mark()
    assert threads.crowded()
    assert mark() == {0}
    clock.now += 1
    for _ in range(2):
        assert len(mark()) > 1
        assert not threads.crowded()


def test_one_thread_is_not_timed(mark, monkeypatch):
    monkeypatch.setattr(threads, "ran", lambda seconds, least: 1 / 0)
    with threads.threads(1):
        assert mark() == {0}
