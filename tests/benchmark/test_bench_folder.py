"""What lies in ``bench/`` of a checkout runs: the ladder, the forward to the command, the timings of own kernels."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="the tests lie apart from the checkout")


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("ladder", "last"),
    [("matmul", "F.matmul"), ("conv", "Winograd"), ("attention", "F.attention"), ("memory", "F.relu")],
)
def test_a_ladder_checks_all_its_steps(ladder, last):
    done = python("-m", "bench.ladder", ladder, "--small", "--markdown")
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")]
    assert rows[0][0] == "step" and rows[-1][0] == last
    assert {len(row) for row in rows} == {len(rows[0])} and len(rows) >= 6
    assert all(float(row[2]) > 0 for row in rows[2:])
    shown = (ROOT / "docs" / "_ladders.md").read_text("utf-8")
    assert all(f"| {row[0]} |" in shown for row in rows[2:]), "run `python -m bench.ladder --markdown` again"


def test_a_ladder_stops_at_a_step_that_is_wrong():
    code = """if True:
        import numpy as np
        from bench.ladder.steps import Step, climb
        climb([Step("wrong", "1", "", lambda: np.ones(4), np.array([1, 1, 1, 1.001]), 1.0)])
    """
    done = python("-c", code)
    assert done.returncode == 1 and "wrong is wrong by 1.0e-03 of the largest number" in done.stderr


def test_there_are_no_other_ladders():
    done = python("-m", "bench.ladder", "snakes")
    assert (
        done.returncode == 2 and "no ladder is named snakes; there are matmul, conv, attention, memory" in done.stderr
    )


def test_the_profile_of_a_step():
    done = python("-m", "bench.step", "train 2-8-8-8-1*", "--steps", "2")
    assert done.returncode == 0, done.stderr
    title, threads, *launches, whole = done.stdout.splitlines()
    assert title.startswith("train 2-8-8-8-1 tanh") and "1 thread" in threads and len(launches) >= 3
    assert launches[-1].startswith("batches.tally") and any(line.startswith("updates.adam") for line in launches)
    each = [float(line.split()[-1]) for line in launches]
    assert min(each) > 0 and float(whole.split()[-1]) == pytest.approx(sum(each), abs=0.1 * len(each))
    assert python("-m", "bench.step", "train nobody").returncode == 2


def test_the_forward():
    done = python("-m", "bench", "no such row")
    assert done.returncode == 2 and "no row is named 'no such row'" in done.stderr


def test_own_kernels_and_overheads():
    pytest.importorskip("pytest_benchmark")
    done = python(
        "-m",
        "pytest",
        "bench",
        "--benchmark-disable",
        "-q",
        "-k",
        "overheads or softmax or attention",
        "-p",
        "no:cacheprovider",
    )
    assert done.returncode == 0, done.stdout + done.stderr
