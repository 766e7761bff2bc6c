"""The choice between one thread and all: it follows the clock, and costs little."""

import pytest

from fastdl.training.pace import CHUNK_SECONDS, Pace


def simulate(pace, seconds, steps=10_000):
    """Steps that take ``seconds(alone, time)`` each; returns (time, time spent alone, longest run)."""
    time = spent = longest = 0.0
    while steps:
        alone, count = pace.next(steps)
        assert 1 <= count <= steps
        took = sum(seconds(alone, time) for _ in range(count))
        pace.took(alone, count, took)
        steps -= count
        time += took
        spent += took * alone
        longest = max(longest, took)
    return time, spent, longest


def test_one_thread_leaves_no_choice():
    pace = Pace(1)
    _, alone, longest = simulate(pace, lambda alone, time: 1e-4)
    assert alone == 0 and longest <= CHUNK_SECONDS * 1.01


@pytest.mark.parametrize(("together", "by_itself"), [(1e-3, 2e-3), (2e-3, 1e-3), (1e-6, 5e-6), (0.02, 0.4)])
def test_the_quicker_way_gets_nearly_all_steps(together, by_itself):
    time, _, longest = simulate(Pace(2), lambda alone, time: by_itself if alone else together)
    assert time < 10_000 * min(together, by_itself) * 1.05 + by_itself + 0.01
    assert longest <= max(CHUNK_SECONDS * 1.01, together, by_itself)


def test_a_machine_that_becomes_busy_is_noticed_and_forgotten():
    pace = Pace(2)

    def seconds(alone, time):
        busy = 2 < time < 12
        return 2e-3 if alone else (2e-2 if busy else 1e-3)

    time, alone, _ = simulate(pace, seconds, steps=20_000)
    # 2 s together, 10 s alone (5,000 steps), the rest together; always together would take 10 s for 500 steps.
    assert 9 < alone < 12.5
    assert time < 2 + 10 + 13_000 * 1e-3 * 1.15
