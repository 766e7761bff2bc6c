"""The page docs/lecture.md: its code runs from top to bottom and prints what it says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "lecture.md"
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]\d+)?")


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not beside the tests")
def test_code_runs_and_prints_what_it_says(capsys):
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^## (\d+)\.", text, re.MULTILINE) == [str(row) for row in range(1, 21)]
    blocks, namespace, compared = BLOCKS.findall(text), {}, 0
    for position, (kind, code) in enumerate(blocks):
        if kind != "python":
            continue
        exec(compile(code, f"lecture.md, block {position}", "exec"), namespace)
        out = capsys.readouterr().out
        said = next((said for kind, said in blocks[position + 1 : position + 2] if kind == "text"), "")
        ours, shown = ([float(n) for n in NUMBER.findall(t)] for t in (out, said))
        assert ours == pytest.approx(shown, abs=0.02), code  # training differs in the last digits between machines
        words = [re.sub(r"\s", "", NUMBER.sub("#", t)) for t in (out, said)]
        assert words[0] == words[1], code
        compared += bool(said)
    assert compared == 20
