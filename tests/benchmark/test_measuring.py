"""A run of the benchmark: right results are timed, wrong ones are named, and a process that fails fails alone."""

import importlib
import json
import subprocess
import sys
import time

import numpy as np
import pytest

from fastdl.benchmark import check, measure, pictures, process, report, rows, work
from fastdl.benchmark.peers import _fastdl, _numpy, _scipy
from fastdl.benchmark.rows import Row

QUICK = [row for row in rows.ROWS if row.quick]


@pytest.fixture(scope="module")
def run():
    """All quick rows beside NumPy and SciPy, as briefly as can be."""
    seen = []
    results, facts = measure.run(QUICK, ["numpy", "scipy"], threads=2, rounds=2, seconds=1e-4, report=seen.append)
    assert seen == results
    return results, facts


def test_every_quick_row_is_verified_and_timed(run):
    results, facts = run
    assert [r.row for r in results] == QUICK and not facts["interrupted"]
    for result in results:
        assert {name: m.problem for name, m in result.libraries.items()} == dict.fromkeys(result.libraries)
        for measured in result.libraries.values():
            assert len(measured.curve) == (10 if result.row.kind == "train" else 0)
            assert len(measured.seconds) == 2 and 0 < measured.median < 10 and measured.first > 0
        assert (result.share is not None) == bool(result.row.work)
        assert len(result.peaks) == (2 if result.row.work else 0) and all(peak > 1e8 for peak in result.peaks)
    by_kind = {r.row.kind: set(r.libraries) for r in results}
    assert by_kind["dense"] == {"fastdl", "numpy"} and by_kind["filter2d"] == {"fastdl", "scipy"}
    assert by_kind["conv2d"] == {"fastdl"}
    assert facts["versions"]["numpy"] == np.__version__ and facts["threads"] == 2 and facts["cpu"]


def test_what_is_printed_and_written(run, tmp_path):
    results, facts = run
    text = report.header(facts) + report.table(results)
    for result in results:
        assert result.row.name in text
    assert "numpy /" in text and "failed" not in text and facts["cpu"] in text
    path = tmp_path / "run.json"
    path.write_text(json.dumps(report.as_json(results, facts)))
    earlier = report.read_json(path)
    dense = earlier["rows"]["dense 128x784x512"]["libraries"]
    assert dense["numpy"]["ratio"] == pytest.approx(dense["numpy"]["median"] / dense["fastdl"]["median"])
    for row in earlier["rows"].values():
        row["libraries"]["fastdl"]["median"] *= 2
    lines = report.comparison(results, earlier).splitlines()[2:]
    assert len(lines) == len(results) and all(line.endswith("2.00") for line in lines)


def test_files_that_are_no_earlier_run(tmp_path):
    row = '{"format": 1, "facts": {}, "rows": {"relu 64x1000": %s}}'
    for content in ("", "[]", "{}", '{"format": 2, "rows": {}}', row % 5, row % '{"libraries": {"fastdl": 1}}'):
        path = tmp_path / "x.json"
        path.write_text(content)
        with pytest.raises(ValueError, match=r"x\.json: (cannot be read as JSON|is not what fastdl bench)"):
            report.read_json(path)
    with pytest.raises(ValueError, match="cannot be read"):
        report.read_json(tmp_path / "nothing.json")


def test_times_change_their_unit_where_three_digits_do():
    seconds = (2.5, 0.9996, 0.9994, 1e-3, 0.99949e-6)
    assert [report._time(s) for s in seconds] == ["2.5 s", "1 s", "999 ms", "1 ms", "999 ns"]


def result_of(name="a", ours=1.0, part="", bars=None, **peers):
    libraries = {"fastdl": measure.Measured([ours])} | {n: measure.Measured([t]) for n, t in peers.items()}
    return measure.Result(Row(name, "dense", {}, bars or {}, part), libraries)


def test_bars():
    results = [
        result_of("a", 2.0, "attention", {"torch": 1.5, "best": 1.0}, torch=4.0, numpy=1.0),
        result_of("b", 1.0, "attention", {"jax": 1.0}, torch=0.5),
    ]
    assert len(report.bars(results)) == 3  # the part was not measured whole
    names = [row.name for row in rows.ROWS if row.part == "attention"]
    results += [result_of(name, 1.0, "attention", torch=1.0) for name in names]
    found = report.bars(results)
    assert [(b.name, b.peer, b.measured, b.verdict) for b in found[:3]] == [
        ("a", "torch", 2.0, "pass"),
        ("a", "best", 0.5, "MISS"),
        ("b", "jax", None, "not measured"),
    ]
    assert found[3].name == f"geometric mean of attention, {len(names) + 2} rows" and found[
        3
    ].measured == pytest.approx(1.0)
    assert "MISS" in report.bars_table(found)


def test_a_row_that_failed_has_no_ratio():
    failed = result_of(torch=4.0)
    failed.libraries["fastdl"].seconds = []
    failed.libraries["fastdl"].problem = "differs"
    assert failed.ratio("torch") is None and failed.share is None
    assert "a: fastdl: differs" in report.table([failed]) and "failed" in report.table([failed])


@pytest.mark.parametrize(
    "name",
    ["dense 128x784x512", "conv2d 5x5 32,6,14,14->16", "softmax 64x1000", "relu 64x1000", "filter2d 3x3 480x640"],
)
def test_a_wrong_result_is_found(name):
    (row,) = rows.select([name])
    task = _fastdl.build(row, work.arrays(row))
    right = task.result()
    assert check.against_reference(row, right) is None
    for wrong in (np.zeros_like(right[0]), right[0] * 1.001, np.full_like(right[0], np.nan)):
        assert "differs from the reference by" in check.against_reference(row, [wrong])
    assert check.against_fastdl(row, right, right) is None
    assert "differs from fastdl" in check.against_fastdl(row, right, [right[0] + 1])
    assert "gives 2 results" in check.against_fastdl(row, right, [right[0], right[0]])
    assert "gives the shape" in check.against_fastdl(row, right, [right[0][:1]])


@pytest.mark.parametrize("peer", [_numpy, _scipy])
def test_peers_do_the_same_work(peer):
    for row in rows.ROWS:
        if row.work < 1e8 and row.kind != "train" and "4096" not in row.name and "56" not in row.name:
            made = work.arrays(row)
            task = peer.build(row, made)
            if task is not None:
                ours = _fastdl.build(row, made).result()
                assert check.against_fastdl(row, ours, task.result()) is None, row.name


TRAINING = [row for row in rows.ROWS if row.kind == "train"]


@pytest.mark.parametrize("row", TRAINING, ids=lambda row: row.name)
@pytest.mark.parametrize("peer", ["torch", "jax", "sklearn"])
def test_peers_learn_the_same(peer, row):
    pytest.importorskip(peer)
    made = work.arrays(row)
    theirs = importlib.import_module(f"fastdl.benchmark.peers._{peer}").build(row, made)
    if theirs is None:
        pytest.skip(f"{peer} has nothing for this row")
    ours = _fastdl.build(row, made)
    assert check.against_fastdl(row, ours.result(), theirs.result()) is None
    assert check.same_curve(ours.learn(3, 2)[0], theirs.learn(3, 2)[0]) is None


def test_wrong_training_is_found():
    row = TRAINING[1]
    made = work.arrays(row)
    ours = _fastdl.build(row, made).result()
    start = work.initial(made)
    assert check.against_fastdl(row, ours, ours) is None
    for share in (0, 0.95, 1.05, np.nan):  # of what should have been learned
        wrong = [before + np.float32(share) * (after - before) for before, after in zip(start, ours, strict=True)]
        assert "learned something else" in check.against_fastdl(row, ours, wrong)


def test_a_wrong_loss_curve_is_found():
    curve = [2.5, 2.0, 1.6, 1.5]
    assert check.same_curve(curve, [2.5, 2.01, 1.62, 1.47]) is None and check.same_curve([], []) is None
    assert "has the loss 1.7 in epoch 3, fastdl 1.6" in check.same_curve(curve, [2.5, 2.0, 1.7, 1.5])
    for place in range(4):  # wherever it stands among numbers that agree
        theirs = [np.nan if i == place else loss for i, loss in enumerate(curve)]
        assert f"has the loss nan in epoch {place + 1}" in check.same_curve(curve, theirs)
    assert "losses of 2 epochs, fastdl of 4" in check.same_curve(curve, curve[:2])


def test_a_library_that_is_not_there_or_dies_fails_alone():
    worker = process.Worker("nonsense", 1)
    with pytest.raises(process.WorkerError, match=r"its process ended with code 1: ModuleNotFoundError: .*nonsense"):
        worker.ask({"do": "time", "seconds": 1}, 60)
    worker = process.Worker("numpy", 1)
    assert worker.ask({"do": "time", "seconds": 1}, 60) == {"error": "no row is prepared"}
    assert "ValueError" in worker.ask({"do": "prepare", "row": "none", "folder": "."}, 60)["error"]
    with pytest.raises(process.WorkerError, match="took longer than 0 s"):
        worker.ask({"do": "time", "seconds": 1}, 0)
    assert worker.ask({"do": "time", "seconds": 1}, 60) == {"error": "no row is prepared"}  # started anew
    worker.close()


def test_a_library_starts_without_a_word():
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "fastdl.benchmark.worker", "numpy", "1"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_slope_leaves_out_what_does_not_grow():
    """Of a task that takes 5 ms to begin with and 1 ms for each run: 1 ms."""
    from fastdl.benchmark.peers import Task
    from fastdl.benchmark.worker import _time

    task = Task(lambda count: time.sleep(0.02 + 0.002 * count), list, slope=True)
    assert _time(task, 0.03)["seconds"] == pytest.approx(0.002, rel=0.5)


def test_a_slope_that_is_none_is_no_time(monkeypatch):
    from fastdl.benchmark import worker
    from fastdl.benchmark.peers import Task

    monkeypatch.setattr(worker, "_run", lambda task, count: 1 / count)  # seconds
    with pytest.raises(RuntimeError, match="three times the work took no longer"):
        worker._time(Task(print, list, slope=True), 0.005)


def test_without_a_peak_the_libraries_are_timed_all_the_same(monkeypatch):
    class Broken(measure._Peaks):
        def __init__(self, threads):
            self.worker = process.Worker("numpy", threads)  # has no peak

    monkeypatch.setattr(measure, "_Peaks", Broken)
    ((result,), _) = measure.run(rows.select(["dense 128x784x512"]), [], threads=1, rounds=2, seconds=1e-4)
    assert result.share is None and result.libraries["fastdl"].median > 0
    assert "dense 128x784x512: the machine's peak: AttributeError" in report.table([result])


def test_a_picture(run, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("ratios", "curves"):
        getattr(pictures, name)(*run, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
