"""The lecture's twenty example files: each runs, gives its numbers, prints them, and draws its picture."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "examples" / "lecture"
FILES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples are not beside the tests")


@pytest.fixture(scope="module")
def lesson():
    """``lesson(row)``: the names of that row's file and what its ``numbers()`` returned, run once."""
    runs = {}

    def run(row):
        if row not in runs:
            (path,) = FOLDER.glob(f"{row:02}_*.py")
            names = runpy.run_path(str(path))
            runs[row] = names, names["numbers"]()
        return runs[row]

    return run


def test_there_is_one_for_each_row():
    assert [int(path.name[:2]) for path in FILES] == list(range(1, 21))


@pytest.mark.parametrize("row", range(1, 21))
def test_prints_its_numbers(row, lesson, capsys):
    names, found = lesson(row)
    assert names["__doc__"].startswith(f"{row}. ")
    capsys.readouterr()  # with an empty cache fastdl has said that it compiles
    names["tell"](found)
    out, err = capsys.readouterr()
    assert any(c.isdigit() for c in out) and "nan" not in out.split() and not err


@pytest.mark.parametrize("row", range(1, 21))
def test_draws_its_picture(row, lesson, tmp_path):
    pytest.importorskip("matplotlib")
    names, found = lesson(row)
    names["picture"](found).savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_runs_as_a_script(tmp_path):
    def run(*arguments):
        command = [sys.executable, "-W", "error", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    done = run(FOLDER / "01_neuron.py")
    assert done.returncode == 0 and "0.870" in done.stdout and "0.037" in done.stdout, done.stderr
    done = run(FOLDER, "8-9", 18)
    titles = [line.split(".")[0] for line in done.stdout.splitlines() if line.partition(". ")[0].isdigit()]
    assert (done.returncode, titles) == (0, ["8", "9", "18"]), done.stderr
    assert run(FOLDER, "x").returncode == 2


def test_thresholds(lesson):
    """2: one area for all thresholds, another confusion matrix for each."""
    _, found = lesson(2)
    assert (found["classes"], found["at tau"]) == ([1, 0], 0)
    assert found["areas"] == pytest.approx([found["areas"][0]] * 5, abs=1e-12) and found["areas"][0] > 0.9
    tp, tn = [table[1, 1] for table in found["tables"]], [table[0, 0] for table in found["tables"]]
    assert tp == sorted(tp, reverse=True) and tn == sorted(tn) and tp[0] > tp[-1] and tn[0] < tn[-1]


def test_the_worst_error_falls(lesson):
    """5."""
    worst = lesson(5)[1]["worst"]
    assert list(worst) == [1, 2, 4, 8, 16, 32, 64]
    assert worst[1] > worst[4] > worst[8] > worst[32] and worst[1] > 1 and worst[64] < 0.05


def test_regions(lesson):
    """6: a line for one neuron only; three of the other four shapes for the smallest hidden layer."""
    found = {name: {k: accuracy for k, (accuracy, _) in row.items()} for name, row in lesson(6)[1].items()}
    assert found["linear"]["2-1"] == 1 and found["xor"]["2-1"] < 0.7 and found["circles"]["2-1"] < 0.7
    assert min(found[name]["2-4-1"] for name in ("xor", "circles", "moons")) > 0.97
    assert found["spiral"]["2-10-1"] > found["spiral"]["2-1"] + 0.1


def test_depth(lesson):
    """7."""
    _, found = lesson(7)
    assert [row[:3] for row in found["sawtooth"]] == [(k, 2**k, 6 * k + 1) for k in range(1, 11)]
    assert found["same"] and found["one"]["parameters"] == found["two"]["parameters"]
    assert found["two"]["error"] < 0.6 * found["one"]["error"]


def test_landscape(lesson):
    """11: at a minimum all directions lead up, the sharpest eigenvector most of all for its length."""
    _, found = lesson(11)
    assert found["walk"].losses[-1] < found["walk"].losses[0] / 2 and found["line"].success
    assert (
        found["sharpness"][0] > found["sharpness"][1] > 0 and min(found["rise"].values()) > 0 and found["share"] > 0.8
    )


def test_stochastic(lesson):
    """12: a smaller batch has cheaper steps and gets further in each pass over the data."""
    full, mini, single = lesson(12)[1].values()
    assert full["loss"][-1] > mini["loss"][-1] > single["loss"][-1]
    assert full["per step"] > mini["per step"] > single["per step"]
    assert (full["steps"], mini["steps"], single["steps"]) == (10, 570, 17970)


def test_why_convolution(lesson):
    """16."""
    _, found = lesson(16)
    assert (found["conv"], found["dense"]) == (80, 4245280)
    assert found["equivariant"] < 1e-5 < 0.1 < found["changed"] and found["invariant"] < 1e-5
    assert (found["fields"], found["with pooling"]) == ([3, 5, 7], 8)
    assert found["kernels"].shape == (8, 5, 5) and found["accuracy"] > 0.85


def test_feature_extractor(lesson):
    """17."""
    _, found = lesson(17)
    assert found["scores"]["accuracy"] > 0.9 and found["loss"] == sorted(found["loss"], reverse=True)
    assert [m.shape for m in found["maps"]] == [(8, 26, 26), (16, 12, 12), (16, 10, 10)]


def test_questions(lesson):
    """20."""
    two, three, four, five, six, seven = lesson(20)[1].values()
    assert two == {0.01: [1, 1], 0.5: [1, 0], 0.9: [0, 0]}
    assert three["0 hidden"] < 0.7 and three["4 hidden"] > 0.97
    assert four[0.1] < 0.1 < min(four[1e-4], four[30.0])
    assert len(five) == 10 and five[-1] - five[0] > 0.02
    assert min(six["convolution"]) > 0.95 and six["dense"][0] > 0.9 and six["dense"][1] < 0.75
    assert seven == {"symptom": ("headache", 0.75, 1.0), "medicine": ("ibuprofen", 0.71, 1.0)}
