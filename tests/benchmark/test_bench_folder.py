"""What lies in ``bench/`` of a checkout runs: the ladder, the forward to the command, the timings of own kernels."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="the tests lie apart from the checkout")


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_the_ladder():
    done = python("-m", "bench.ladder.matmul", "130")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["python", "compiled", "rows", "blocks", "fastdl"]


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
