"""All twenty rows of the lecture, or those that are named: `python examples/lecture 1 8-10 --pictures FOLDER`.

Prints what each file beside this one prints by itself; with ``--pictures`` and matplotlib also draws each row's
picture.
"""

import argparse
import importlib.util
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def chosen(texts):
    """Numbers of rows from "3" and "8-10"."""
    found = set()
    for text in texts:
        first, _, last = text.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found or set(range(1, 21))


def main():
    parser = argparse.ArgumentParser(prog="python examples/lecture", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="a number or a range such as 8-10; without: all")
    parser.add_argument("--pictures", metavar="FOLDER", type=Path, help="draw, too: one PNG file a row")
    options = parser.parse_args()
    try:
        rows = chosen(options.rows)
    except ValueError:
        parser.error(f"rows are {' '.join(options.rows)}; expected numbers from 1 to 20 or ranges such as 8-10")
    if options.pictures and importlib.util.find_spec("matplotlib") is None:
        print("matplotlib is not installed, so nothing is drawn: pip install matplotlib", file=sys.stderr)
        options.pictures = None
    for path in sorted(HERE.glob("[0-9][0-9]_*.py")):
        if int(path.name[:2]) not in rows:
            continue
        lesson = runpy.run_path(str(path))
        print(f"\n{lesson['__doc__'].splitlines()[0]}\n")
        found = lesson["numbers"]()
        lesson["tell"](found)
        if options.pictures:
            options.pictures.mkdir(parents=True, exist_ok=True)
            lesson["picture"](found).savefig(options.pictures / f"{path.stem}.png")


if __name__ == "__main__":
    main()
