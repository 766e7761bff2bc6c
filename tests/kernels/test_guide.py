"""The guide to the folder of kernels, which is the docstring of their package."""

import re
from pathlib import Path

from fastdl import _kernels


def test_the_guide_names_every_file_once():
    there = sorted(path.stem for path in Path(_kernels.__file__).parent.glob("[!_]*.py"))
    guide = _kernels.__doc__.partition("\n\n")[2]  # below where to begin
    assert sorted(re.findall(r"``(\w+)``", guide)) == there
