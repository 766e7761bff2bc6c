"""A run of the benchmark: row after row, verify first, then time all libraries turn about, round after round."""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .check import against_fastdl, against_reference, same_curve
from .process import Worker, WorkerError
from .rows import Row
from .work import RESULTS

_PAUSE = 0.01  # threads of the library timed before may spin for a while


@dataclass
class Measured:
    """What was found for one library in one row. ``problem`` says why there is no time; ``curve`` has the losses of a
    short training, epoch by epoch."""

    seconds: list[float] = field(default_factory=list)
    first: float = 0.0
    note: str = ""
    problem: str | None = None
    curve: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds else None


@dataclass
class Result:
    """One row: its libraries by name (fastdl first), and the machine's peak in each round, or why there is none."""

    row: Row
    libraries: dict[str, Measured]
    peaks: list[float] = field(default_factory=list)
    peak_problem: str | None = None

    def ratio(self, peer: str) -> float | None:
        """The peer's time over fastdl's; "best": the fastest peer's."""
        ours = self.libraries["fastdl"].median
        if ours is None:
            return None
        others = {name: m.median for name, m in self.libraries.items() if name != "fastdl"}
        theirs = min((t for t in others.values() if t), default=None) if peer == "best" else others.get(peer)
        return None if theirs is None else theirs / ours

    @property
    def share(self) -> float | None:
        """The share of the best peak measured."""
        ours = self.libraries["fastdl"].median
        if not (self.row.work and ours and self.peaks):
            return None
        return self.row.work / ours / max(self.peaks)


def run(
    rows: Sequence[Row],
    libraries: Sequence[str],
    *,
    threads: int,
    rounds: int = 5,
    seconds: float = 0.1,
    limit: float = 600.0,
    report: Callable[[Result], None] | None = None,
) -> tuple[list[Result], dict[str, Any]]:
    """Measure the rows with the libraries, "fastdl" among them; returns the results and the circumstances.

    A library's calls fill at least ``seconds`` in each of the ``rounds``; no answer may take longer than ``limit``.
    ``report`` is called with each finished row. A KeyboardInterrupt ends the run with the rows that are finished.
    """
    order = ["fastdl", *(name for name in libraries if name != "fastdl")]
    workers = {name: Worker(name, threads) for name in order}
    peaks = _Peaks(threads)
    results: list[Result] = []
    facts = circumstances(threads) | {"rounds": rounds, "interrupted": False}
    try:
        with tempfile.TemporaryDirectory(prefix="fastdl-bench-") as folder:
            for row in rows:
                result = _prepare(row, workers, Path(folder), limit)
                _time(result, workers, peaks, rounds, seconds, limit)
                results.append(result)
                if report is not None:
                    report(result)
    except KeyboardInterrupt:
        facts["interrupted"] = True
    finally:
        facts["versions"] = {name: worker.version for name, worker in workers.items() if worker.version}
        for worker in (*workers.values(), peaks.worker):
            worker.close()
    return results, facts


def _prepare(row: Row, workers: dict[str, Worker], folder: Path, limit: float) -> Result:
    """Every library's first call, and whether the results are right."""
    result = Result(row, {})
    ours: list[np.ndarray[Any, Any]] = []
    for name, worker in workers.items():
        measured = Measured()
        answer = _asked(worker, {"do": "prepare", "row": row.name, "folder": str(folder)}, limit)
        if answer.get("unsupported"):
            if name == "fastdl":
                measured.problem = "has nothing for this row"
            else:
                continue
        elif "error" in answer:
            measured.problem = answer["error"]
        else:
            measured.first, measured.note, measured.curve = answer["first"], answer["note"], answer["curve"]
            with np.load(folder / RESULTS) as saved:
                arrays = [saved[key] for key in saved.files]
            if name == "fastdl":
                ours, measured.problem = arrays, against_reference(row, arrays)
            elif ours:
                curve = result.libraries["fastdl"].curve
                measured.problem = against_fastdl(row, ours, arrays) or same_curve(curve, measured.curve)
        result.libraries[name] = measured
    return result


def _asked(worker: Worker, request: dict[str, Any], limit: float) -> dict[str, Any]:
    """The worker's answer, or what became of the worker as an error."""
    try:
        return worker.ask(request, limit)
    except WorkerError as error:
        return {"error": str(error)}


class _Peaks:
    """The machine's peak, measured by a process of its own beside the libraries."""

    def __init__(self, threads: int) -> None:
        self.worker = Worker("peak", threads)

    def measure(self, dtype: str, limit: float) -> dict[str, Any]:
        return _asked(self.worker, {"do": "peak", "dtype": dtype}, limit)


def _time(result: Result, workers: dict[str, Worker], peaks: _Peaks, rounds: int, seconds: float, limit: float) -> None:
    sound = [name for name, measured in result.libraries.items() if measured.problem is None]
    for number in range(rounds):
        if result.row.work and result.peak_problem is None:
            answer = peaks.measure(result.row.spec["dtype"], limit)
            if "error" in answer:
                result.peak_problem, result.peaks = answer["error"], []
            else:
                result.peaks.append(answer["peak"])
        for name in sound[number % len(sound) :] + sound[: number % len(sound)] if sound else []:
            time.sleep(_PAUSE)
            measured = result.libraries[name]
            if measured.problem is not None:
                continue
            answer = _asked(workers[name], {"do": "time", "seconds": seconds}, limit)
            if "error" in answer:
                measured.problem, measured.seconds = answer["error"], []
            else:
                measured.seconds.append(answer["seconds"])


def circumstances(threads: int) -> dict[str, Any]:
    """Where and when: what has to be said beside any figure."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "system": platform.platform(),
        "time": time.strftime("%Y-%m-%d %H:%M"),
    }


def _cpu() -> str:
    """The processor's name and, from LLVM, its family."""
    from llvmlite import binding

    family = str(binding.get_host_cpu_name())
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return f"{platform.processor()} ({family})"
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{name} ({family})"
