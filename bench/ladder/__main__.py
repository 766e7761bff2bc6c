"""``python -m bench.ladder [matmul] [conv] [attention] [--markdown] [--small]``: climb the ladders, a minute or two."""

import argparse
import importlib

from .steps import climb, machine, table

LADDERS = ("matmul", "conv", "attention")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ladder", description="From the naive loop to the limit.")
    parser.add_argument("ladders", nargs="*", metavar="ladder", help=f"of {', '.join(LADDERS)}; without any, all")
    parser.add_argument("--markdown", action="store_true", help="print tables for docs/_ladders.md")
    parser.add_argument("--small", action="store_true", help="small sizes, to see that all steps are right")
    options = parser.parse_args()
    if unknown := set(options.ladders) - set(LADDERS):
        parser.error(f"no ladder is named {', '.join(sorted(unknown))}; there are {', '.join(LADDERS)}")
    tables = []
    for name in options.ladders or LADDERS:
        ladder = importlib.import_module(f"bench.ladder.{name}")
        tables.append(
            table(ladder.TITLE, climb(ladder.steps(ladder.SMALL if options.small else ladder.SIZE)), options.markdown)
        )
    print("\n".join([f"{machine()}\n", *tables]), end="")


main()
