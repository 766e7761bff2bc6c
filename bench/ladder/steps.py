"""What the ladders share: a step, how it is checked and timed, and the table of what was found."""

import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

import fastdl as fd
from fastdl._kernels import Buffer, Kernel, ProgramBuilder, address_of
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
    amount: float  # multiplications and additions of the formula, or bytes to read and write, however a step does it
    traffic: str = ""  # vectors (or numbers) loaded and stored for each multiply-add
    tolerance: float = 1e-5  # of the largest number that is expected
    all_threads: bool = False


class Rung(NamedTuple):
    """A step that was right, and how fast it was."""

    step: Step
    threads: int
    rate: float  # operations, or bytes, in a second
    share: float  # of the limit of as many threads, the best of this run


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


class Limit(NamedTuple):
    """What the steps of a ladder are measured by, with ``measure()``, which gives operations or bytes in a second."""

    name: str
    unit: str
    make: Callable[[Callable[[], float]], Any]


class _Copy:
    """A copy of 64 MB into memory that is there already; read and written bytes both count."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer, size = timer, 1 << 26
        self._arrays = [np.zeros(size, np.uint8) for _ in range(2)]
        builder = ProgramBuilder()
        arguments = [Buffer.external(0), Buffer.external(1), size]
        builder.launch(Kernel("copy", "copy"), ["uint8"], arguments, cells=size >> 14, work=1e9)
        self._program = builder.build(2, [])

    def measure(self) -> float:
        start = self._timer()
        self._program.run([address_of(a) for a in self._arrays])
        return 2 * self._arrays[0].size / (self._timer() - start)


PEAK = Limit("peak", "GFLOP/s", lambda timer: Peak("float32", timer))
COPY = Limit("copy", "GB/s", _Copy)


def climb(steps: Iterable[Step], limit: Limit = PEAK) -> list[Rung]:
    """Check and time each step, with the limit beside it.

    One thread is timed by the time that it had a core, so that other work on the machine matters little; several by the
    clock on the wall.
    """
    found, best = [], {}
    for step in steps:
        threads = fd.get_num_threads() if step.all_threads else 1
        if step.all_threads and threads == 1:
            continue
        print(f"{step.name} ...", file=sys.stderr)
        timer = time.thread_time if threads == 1 else time.perf_counter
        with fd.threads(threads):
            check(step)
            measured = limit.make(timer)
            before = max(measured.measure() for _ in range(5))
            found.append((step, threads, seconds(step.run, timer)))
            best[threads] = max(best.get(threads, 0.0), before, measured.measure())
    return [Rung(s, n, s.amount / t, s.amount / t / best[n]) for s, n, t in found]


def table(title: str, rungs: list[Rung], limit: Limit = PEAK, markdown: bool = False) -> str:
    """The rungs, line by line, for a terminal or as Markdown."""
    traffic = any(r.step.traffic for r in rungs)
    more = ["loads and stores"] if traffic else []
    head = ["step", "size", limit.unit, f"of the {limit.name}", *more, "what is new"]
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
    limits = {r.threads: r.rate / r.share / 1e9 for r in rungs}
    said = ", ".join(f"{most:.0f} {limit.unit} on {n} thread{'s' * (n > 1)}" for n, most in sorted(limits.items()))
    if markdown:
        lines = [
            f"**{title}** ({limit.name}: {said})",
            "",
            *("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]),
        ]
        return "\n".join([*lines, ""])
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    ]
    return "\n".join([f"{title} ({limit.name}: {said})", *lines, ""])


def machine() -> str:
    """Where and when the figures were taken."""
    facts = circumstances(fd.get_num_threads())
    return f"{facts['cpu']}, {facts['cores']} cores, NumPy {np.__version__}, {facts['time'].split()[0]}"
