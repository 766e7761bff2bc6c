"""The profile of a training step, launch by launch: ``python -m bench.step 'train LeNet*'``.

Each launch of the step's plan is timed where it stands, by the processor's clock, with one thread and with all: what a
launch finds in the caches is what it finds in training. Medians over ``--steps`` steps. Behind the cells stands on how
many threads a launch may run; one that takes longer with all threads than with one fetches what another core has
written.
"""

import argparse
import fnmatch
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastdl._kernels
from fastdl._kernels import Buffer, Kernel, Program, ProgramBuilder, Run, address_of, program
from fastdl._kernels.launches import Launch
from fastdl._kernels.words import THREADS
from fastdl.benchmark.peers import _fastdl_training
from fastdl.benchmark.rows import ROWS, Row
from fastdl.benchmark.work import arrays
from fastdl.training.steps import Steps

fastdl._kernels.__path__.append(str(Path(__file__).parent / "own"))


class _Noted(Program):
    """A program that remembers its launches."""

    def __init__(self, launches: Sequence[Launch], *arguments: Any, **options: Any) -> None:
        super().__init__(launches, *arguments, **options)
        self.launches = list(launches)


def name(launch: Launch) -> str:
    """The kernel's, or those of a group's members."""
    members = launch.members or (launch,)
    return " + ".join(f"{member.kernel.module}.{member.kernel.name}" for member in members)


def training(row: Row) -> tuple[Steps, Run]:
    """A row's training after an epoch, and its usual step."""
    found: list[Steps] = []

    def noted(self: Steps, *arguments: Any, **options: Any) -> None:
        found.append(self)
        usual(self, *arguments, **options)

    usual, Steps.run, program.Program = Steps.run, noted, _Noted  # type: ignore[method-assign,misc]
    try:
        _fastdl_training.task(row, arrays(row)).run(1)
    finally:
        Steps.run, program.Program = usual, Program  # type: ignore[method-assign,misc]
    return found[-1], found[-1]._run(found[-1].usual)


def profile(steps: Steps, run: Run, counts: list[int], repetitions: int) -> np.ndarray[Any, Any]:
    """Seconds of each launch, for each number of threads."""
    launches, slots = run._program.launches, run._block.slots  # type: ignore[attr-defined]
    ticks, builder = np.zeros(len(launches), np.int64), ProgramBuilder()
    arguments = [Buffer.external(0), Buffer.external(1), Kernel("walk", "walk").address("int64")]
    builder.launch(Kernel("stopwatch", "timed"), ["int64"], arguments, cells=len(launches), work=1.0)
    timed = builder.build(2).bind([run._block.place, address_of(ticks)])
    position, batches = steps.memory.arrays["position"], (steps.source.count or 0) // steps.usual
    found, rates = [], []
    for number in range(repetitions):
        for count in counts:
            for k in range(3):  # the first two bring the caches into the state that such steps leave
                position[...] = (3 * number + k) % batches * steps.usual
                slots[THREADS] = count
                start = time.perf_counter()
                timed.run()
                rates.append(ticks.sum() / (time.perf_counter() - start))
            found.append(ticks.copy())
    seconds = np.array(found).reshape(repetitions, len(counts), len(launches)) / np.median(rates)
    return np.median(seconds, axis=0)


def main() -> int:
    """Print the table of each row that fits the pattern."""
    parser = argparse.ArgumentParser(prog="python -m bench.step", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("rows", help="names of training rows, with * and ?")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    rows = [row for row in ROWS if row.kind == "train" and fnmatch.fnmatch(row.name, options.rows)]
    rows = [row for row in rows if "networks" not in row.spec]
    if not rows:
        print(f"no training row of one network is called {options.rows!r}", file=sys.stderr)
        return 2
    for row in rows:
        steps, run = training(row)
        counts = sorted({1, run.threads})
        seconds = profile(steps, run, counts, options.steps)
        print(row.name)
        print(
            f"{'us on':>52}"
            + "".join(f"{f'{count} threads':>12}" for count in counts).replace("1 threads", " 1 thread")
        )
        for i, launch in enumerate(run._program.launches):  # type: ignore[attr-defined]
            times = "".join(f"{1e6 * t:12.1f}" for t in seconds[:, i])
            print(f"{name(launch):36.36}{launch.cells:>7} cells {launch.parts}{times}")
        print(f"{'all':51}" + "".join(f"{1e6 * t:12.1f}" for t in seconds.sum(axis=1)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
