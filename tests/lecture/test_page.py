"""The page docs/lecture.md has a block with its output for each row; tests/test_docs_examples.py runs them."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "lecture.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not beside the tests")
def test_each_row_shows_code_and_what_it_prints():
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^## (\d+)\.", text, re.MULTILINE) == [str(row) for row in range(1, 21)]
    kinds = re.findall(r"^```(\w+)\n.*?^```", text, re.MULTILINE | re.DOTALL)
    assert sum(pair == ("python", "text") for pair in zip(kinds, kinds[1:], strict=False)) == 20
