"""One library in a process of its own: prepares rows and times them when it is told to.

``python -m fastdl.benchmark.worker LIBRARY THREADS`` reads a request a line from standard input and answers each with a
line on standard output, both JSON. What libraries print goes to standard error.

    {"do": "prepare", "row": NAME, "folder": PATH} -> {"first": seconds, "note": text, "curve": losses of training},
                                                      or {"unsupported": true}
    {"do": "time", "seconds": least}               -> {"seconds": of one call, "calls": how many were timed}
    {"do": "peak", "dtype": NAME}                  -> {"peak": operations in a second}, of the worker "peak" alone
"""

import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .peers import CURVE, Task
from .rows import ROWS
from .work import RESULTS, arrays

_LONG = 2.0  # seconds: a call so long is timed at once, since what it has to wake is no part of it to speak of


def main() -> None:
    """Answer until standard input ends."""
    library, threads = sys.argv[1], int(sys.argv[2])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if hasattr(os, "sched_setaffinity"):  # as many CPUs as threads, whatever the library makes of its settings
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    peer = importlib.import_module(f"fastdl.benchmark.peers._{library}")
    peer.setup(threads)
    _answer(answers, {"version": peer.version()})
    task: Task | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                task = None  # the last row's arrays go before the next row's come
                gc.collect()
                task, answer = _prepare(peer, request["row"], Path(request["folder"]))
            elif request["do"] == "peak":
                answer = {"peak": peer.peak(request["dtype"])}
            elif task is None:
                answer = {"error": "no row is prepared"}
            else:
                answer = _time(task, request["seconds"])
        except Exception as error:  # a peer may fail in any way; the row says so and the others go on
            answer = {"error": f"{type(error).__name__}: {error}"}
        _answer(answers, answer)


def _answer(stream: TextIO, answer: dict[str, Any]) -> None:
    stream.write(json.dumps(answer) + "\n")
    stream.flush()


def _prepare(peer: Any, name: str, folder: Path) -> tuple[Task | None, dict[str, Any]]:
    """Build the row's task, run it once, and leave its results in the folder."""
    (row,) = [row for row in ROWS if row.name == name]
    start = time.perf_counter()
    task = peer.build(row, arrays(row))
    if task is None:
        return None, {"unsupported": True}
    results = task.result()
    first = time.perf_counter() - start
    np.savez(folder / RESULTS, *results)
    curve = task.learn(*CURVE)[0] if task.learn is not None else []
    task.run(1)  # what is compiled for this row alone has no part in its times
    return task, {"first": first, "note": task.note, "curve": [float(loss) for loss in curve]}


def _time(task: Task, least: float) -> dict[str, Any]:
    """Seconds of one call: as many calls as take ``least`` seconds together, after one that is not timed.

    While the other libraries were timed, threads went to sleep and, in a virtual machine, the pages that were free went
    back to the host after two seconds: the next call that touches them takes 1 us a KiB (measured).
    """
    count = 1
    if not task.slope:
        first = _run(task, 1)
        if first > _LONG and first > least:
            return {"seconds": first, "calls": 1}
    while (seconds := _run(task, count)) < least:
        count = max(count + 1, int(count * min(8, 1.3 * least / max(seconds, 1e-9))))
    if not task.slope:
        return {"seconds": seconds / count, "calls": count}
    for _ in range(8):
        longer = _run(task, 3 * count) - _run(task, count)
        if longer > 0:
            return {"seconds": longer / (2 * count), "calls": 2 * count}
        count *= 2  # the machine was busy with something else during the shorter run
    raise RuntimeError("three times the work took no longer than the work itself; is the machine busy?")


def _run(task: Task, count: int) -> float:
    start = time.perf_counter()
    task.run(count)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
