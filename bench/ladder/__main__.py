"""``python -m bench.ladder [matmul] [conv] [attention] [memory] [--markdown]``: climb the ladders, in two minutes."""

import argparse
import importlib

import fastdl as fd

from .steps import climb, machine, table

LADDERS = ("matmul", "conv", "attention", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ladder", description="From the naive loop to the limit.")
    parser.add_argument("ladders", nargs="*", metavar="ladder", help=f"of {', '.join(LADDERS)}; without any, all")
    parser.add_argument("--markdown", action="store_true", help="print tables for docs/_ladders.md")
    parser.add_argument("--small", action="store_true", help="small sizes, to see that all steps are right")
    parser.add_argument("--threads", type=int, help="of the last step of each ladder; without, all cores")
    options = parser.parse_args()
    if unknown := set(options.ladders) - set(LADDERS):
        parser.error(f"no ladder is named {', '.join(sorted(unknown))}; there are {', '.join(LADDERS)}")
    if options.threads:
        fd.set_num_threads(options.threads)
    tables = []
    for name in options.ladders or LADDERS:
        ladder = importlib.import_module(f"bench.ladder.{name}")
        rungs = climb(ladder.steps(ladder.SMALL if options.small else ladder.SIZE), ladder.LIMIT)
        tables.append(table(ladder.TITLE, rungs, ladder.LIMIT, options.markdown))
    print("\n".join([f"{machine()}\n", *tables]), end="")


main()
