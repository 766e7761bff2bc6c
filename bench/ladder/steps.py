"""What the ladders share: a step, how it is checked and timed, and the table of what was found."""

import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

import fastdl as fd
from fastdl.benchmark.measure import circumstances
from fastdl.benchmark.peak import Peak

BATCH, ROUNDS = 0.005, 20  # seconds of calls between two readings of the clock, and readings of a quick step


class Step(NamedTuple):
    """One step of a ladder: what it computes and what is new about it."""

    name: str
    size: str
    change: str
    run: Callable[[], np.ndarray]
    expected: np.ndarray
    operations: float  # of the formula: multiplications and additions, however the step does it
    traffic: str = ""  # vectors (or numbers) loaded and stored for each multiply-add
    tolerance: float = 1e-5  # of the largest number that is expected
    threads: int = 1


class Rung(NamedTuple):
    """A step that was right, and how fast it was."""

    step: Step
    seconds: float
    rate: float  # operations in a second
    share: float  # of the peak of as many threads, the best of this run


def check(step: Step) -> None:
    """Run a step once (which compiles it), and raise if it is wrong."""
    result = np.asarray(step.run(), np.float64)
    error = np.abs(result - step.expected).max() / np.abs(step.expected).max()
    if not error < step.tolerance:
        raise AssertionError(f"{step.name} is wrong by {error:.1e} of the largest number")


def seconds(run: Callable[[], np.ndarray], timer: Callable[[], float]) -> float:
    """The least time of a call: of batches of calls, or of one or two calls that take longer than all of these."""
    start = timer()
    run()
    best = total = timer() - start
    calls = max(1, math.ceil(BATCH / max(best, 1e-9)))
    while total < BATCH * ROUNDS:
        start = timer()
        for _ in range(calls):
            run()
        took = timer() - start
        best, total = min(best, took / calls), total + took
    return best


def climb(steps: Iterable[Step], dtype: str = "float32") -> list[Rung]:
    """Check and time each step, with the peak beside it.

    One thread is timed by the time that it had a core, so that other work on the machine matters little; several by the
    clock on the wall.
    """
    found, peaks = [], {}
    for step in steps:
        print(f"{step.name} ...", file=sys.stderr)
        timer = time.thread_time if step.threads == 1 else time.perf_counter
        with fd.threads(step.threads):
            check(step)
            peak = Peak(dtype, timer)
            before = max(peak.measure() for _ in range(5))
            found.append((step, seconds(step.run, timer)))
            peaks[step.threads] = max(peaks.get(step.threads, 0.0), before, peak.measure())
    return [Rung(s, t, s.operations / t, s.operations / t / peaks[s.threads]) for s, t in found]


def table(title: str, rungs: list[Rung], markdown: bool) -> str:
    """The rungs, line by line, for a terminal or as Markdown."""
    traffic = any(r.step.traffic for r in rungs)
    head = ["step", "size", "GFLOP/s", "of the peak", *(["loads and stores"] if traffic else []), "what is new"]
    rows = [
        [
            r.step.name,
            r.step.size,
            f"{r.rate / 1e9:.3g}",
            f"{100 * r.share:.2g} %" if r.share < 0.01 else f"{100 * r.share:.0f} %",
            *([r.step.traffic] if traffic else []),
            r.step.change,
        ]
        for r in rungs
    ]
    peaks = {r.step.threads: r.rate / r.share / 1e9 for r in rungs}
    said = ", ".join(f"{peak:.0f} GFLOP/s on {n} thread{'s' * (n > 1)}" for n, peak in sorted(peaks.items()))
    if markdown:
        lines = [
            f"**{title}** (peak: {said})",
            "",
            *("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]),
        ]
        return "\n".join([*lines, ""])
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    ]
    return "\n".join([f"{title} (peak: {said})", *lines, ""])


def machine() -> str:
    """Where and when the figures were taken."""
    facts = circumstances(fd.get_num_threads())
    return f"{facts['cpu']}, {facts['threads']} threads, NumPy {np.__version__}, {facts['time'].split()[0]}"
