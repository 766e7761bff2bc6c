"""What each row of the lecture does when its file is run by itself: print its numbers and, if asked, draw them."""

import argparse
import importlib.util


def run(text, numbers, tell, picture):
    """``text``: the head paragraph of the file; the functions are those of the file."""
    parser = argparse.ArgumentParser(description=(text or "").split("\n")[0])
    parser.add_argument("--picture", metavar="FILE", help="draw it, too (needs matplotlib)")
    file = parser.parse_args().picture
    if file and importlib.util.find_spec("matplotlib") is None:
        parser.error("--picture needs matplotlib: pip install matplotlib")
    tell(found := numbers())
    if file:
        picture(found).savefig(file)
