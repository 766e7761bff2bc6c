"""The README's code runs, in order, and its commands are the ones that the gate uses."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def blocks():
    return BLOCKS.findall(README.read_text(encoding="utf-8"))


def test_commands(blocks):
    commands = [text.strip() for kind, text in blocks if kind == "sh"]
    assert commands[:2] == ["pip install . && fastdl train mnist5k", "pip install '.[test]' && pytest"]


def test_code_runs_and_prints_what_it_says(blocks, capsys):
    import numpy as np

    namespace = {"np": np}
    printed = said = 0
    for position, (kind, text) in enumerate(blocks):
        if kind != "python":
            continue
        exec(compile(text, f"README.md, block {position}", "exec"), namespace)
        out = capsys.readouterr().out
        if position + 1 < len(blocks) and blocks[position + 1][0] == "text":
            said += 1
            # Numbers differ in the last digits between machines: vectors of another width add in another order.
            ours, shown = _numbers(out), _numbers(blocks[position + 1][1])
            assert len(ours) == len(shown) and ours == pytest.approx(shown, abs=0.03)
            assert _words(out) == _words(blocks[position + 1][1])
        printed += bool(out)
    assert (printed, said) == (3, 2)
    assert namespace["scores"]["accuracy"] > 0.96


_NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]\d+)?")


def _words(text):
    """What is not a number; NumPy pads numbers with spaces."""
    return re.sub(r"\s", "", _NUMBER.sub("#", text))


def _numbers(text):
    return [float(n) for n in _NUMBER.findall(text)]
