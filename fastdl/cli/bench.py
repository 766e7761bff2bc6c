"""`fastdl bench`: fastdl beside other libraries on this machine."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._kernels import threads as pool
from . import INTERRUPTED, files
from .errors import CommandError

if TYPE_CHECKING:
    from ..benchmark import Result, Row

MISSED = 1


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; the exit code is 1 if ``--bars`` was given and one was missed."""
    from ..benchmark import pictures, report, rows
    from ..benchmark.peers import PEERS, installed

    try:
        chosen = rows.select([*options.rows, *(options.more or [])] or ["all"])
        earlier = report.read_json(Path(options.compare)) if options.compare else None
    except ValueError as error:
        raise CommandError(str(error)) from None
    if options.list:
        print("\n".join(row.name for row in chosen))
        return 0
    there = installed()
    peers = [name for name in PEERS if name in there] if options.peers is None else options.peers
    missing = [name for name in peers if name not in PEERS or name not in there]
    if missing:
        known = ", ".join(PEERS)
        raise CommandError(f"--peers: {', '.join(missing)} not installed or unknown; install it, or choose of {known}")
    for path in (options.json, options.picture, options.curves):
        if path is not None:
            files.check_output(path, force=True, inputs=())
    for option, path in (("--picture", options.picture), ("--curves", options.curves)):
        if path is not None:
            _check_picture(option, path)
    if options.curves is not None and not any(row.kind == "train" for row in chosen):
        raise CommandError("--curves draws losses, and no row of training was chosen; add train to the rows")
    threads = options.threads or pool.get_num_threads()
    beside, plural = ", ".join(peers) or "nobody", "s" if threads > 1 else ""
    print(f"{len(chosen)} rows; fastdl beside {beside}; {threads} thread{plural}", file=sys.stderr)
    results, facts = _measured(chosen, peers, threads, options)
    print(report.header(facts))
    print(report.table(results))
    if earlier is not None:
        print("\n" + report.comparison(results, earlier))
    if options.json and results:
        with files.written(options.json) as file:
            file.write(json.dumps(report.as_json(results, facts), indent=1) + "\n")
    if options.picture and results:
        pictures.ratios(results, facts, Path(options.picture))
    if options.curves and results:
        pictures.curves(results, facts, Path(options.curves))
    missed = False
    if options.bars:
        found = report.bars(results)
        print("\n" + report.bars_table(found))
        missed = any(bar.verdict != "pass" for bar in found)
    failed = any(r.libraries["fastdl"].problem is not None for r in results)
    if facts["interrupted"]:
        print(f"interrupted after {len(results)} of {len(chosen)} rows", file=sys.stderr)
        return INTERRUPTED
    return MISSED if missed or failed else 0


def _check_picture(option: str, path: str) -> None:
    from ..benchmark import pictures

    if importlib.util.find_spec("matplotlib") is None:
        raise CommandError(f"{option} needs matplotlib: pip install 'fastdl-numba[bench]'")
    kinds = pictures.kinds()
    if Path(path).suffix.lower().removeprefix(".") not in kinds:
        raise CommandError(f"{option} {path}: expected a name that ends in {', '.join('.' + k for k in kinds)}")


def _measured(
    chosen: Sequence[Row], peers: Sequence[str], threads: int, options: argparse.Namespace
) -> tuple[list[Result], dict[str, Any]]:
    """The run, with a progress bar on a terminal."""
    from tqdm import tqdm

    from ..benchmark import measure

    with tqdm(total=len(chosen), unit="row", disable=None, dynamic_ncols=True) as bar:

        def finished(result: Result) -> None:
            bar.set_description(result.row.name, refresh=False)
            bar.update()

        return measure.run(
            chosen, peers, threads=threads, rounds=options.rounds, seconds=options.seconds, report=finished
        )
