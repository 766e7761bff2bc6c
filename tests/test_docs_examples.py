"""The Python blocks of the documentation's pages run, in order, and print what the text block after them says.

A page has one namespace. A block after the comment ``<!-- not executed -->`` is left out.
"""

import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"^(<!-- not executed -->\n+)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]\d+)?")


def blocks_of(text):
    """(line, language, code) of each block that is to be executed, or printed by the one before it."""
    return [
        (text.count("\n", 0, found.start(2)) + 1, found[2], found[3])
        for found in BLOCK.finditer(text)
        if found[1] is None
    ]


PAGES = sorted(page for page in DOCS.glob("*.md") if any(b[1] == "python" for b in blocks_of(page.read_text("utf-8"))))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_run_and_print_what_the_page_says(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of(page.read_text("utf-8"))
    namespace = {"__name__": "__main__"}
    for (line, language, code), following in zip(blocks, [*blocks[1:], None], strict=True):
        if language != "python":
            continue
        exec(compile("\n" * line + code, str(page), "exec"), namespace)  # errors name the line of the page
        printed = capsys.readouterr().out
        said = following[2] if following is not None and following[1] == "text" else ""
        assert words(printed) == words(said), f"{page.name}, line {line}"
        np.testing.assert_allclose(numbers(printed), numbers(said), rtol=0.05, atol=0.01, err_msg=f"line {line}")


def words(text):
    """What is not a number; NumPy pads numbers with spaces."""
    return re.sub(r"\s", "", NUMBER.sub("#", text))


def numbers(text):
    """The numbers, which differ in the last digits between machines: wider vectors add in another order."""
    return [float(n) for n in NUMBER.findall(text)]


def test_there_are_pages_and_marked_blocks_are_left_out():
    assert {"validate.md"} <= {page.name for page in PAGES}
    text = "<!-- not executed -->\n```python\n1 / 0\n```\n\n```python\nx = 1\n```\n```text\n2\n```\n"
    assert blocks_of(text) == [(6, "python", "x = 1\n"), (9, "text", "2\n")]
