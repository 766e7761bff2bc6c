"""What a kernel is made from: its file, those it imports, and nothing else; found without importing them."""

import ast
from pathlib import Path

import pytest

import fastdl._kernels
from fastdl._kernels import cache, sources

PACKAGE = Path(fastdl._kernels.__file__).parent
FILES = {
    "compiler": "def compile_kernel():\n    from .block import Block\n",
    "block": "from typing import Any\n",
    "words": "from ..shared import name  # of the package above: no file of this one\n",
    "more_words": "",
    "shared": "import math\nfrom . import words as w, more_words\n",
    "first": '"""Text\nfrom . import nothing\n"""\nfrom .shared import (  # a list (of one)\n    name,\n)\n',
    "second": "from .block import pointer\nif True:\n    from fastdl._kernels.words import name\n",
    "round": "from .trip import a\n",
    "trip": "import fastdl._kernels.round\n",
}
EVERYONES = {"compiler", "block"}
MADE_FROM = {
    "first": {"first", "shared", "words", "more_words"},
    "second": {"second", "words"},
    "shared": {"shared", "words", "more_words"},
    "words": {"words"},
    "round": {"round", "trip"},
    "trip": {"round", "trip"},
}


def forget():
    sources.digest.cache_clear()
    sources._read.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package of kernels, in the place of the real one."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(fastdl._kernels, "__path__", [str(tmp_path)])
    forget()
    yield tmp_path
    forget()


def digests():
    forget()
    return {name: sources.digest(name) for name in MADE_FROM}


def test_each_kernel_has_a_digest_of_its_own(folder):
    alike = {"round", "trip"}  # made from the same files; their names tell their machine code apart
    assert len({digest for name, digest in digests().items()}) == len(MADE_FROM) - len(alike) + 1


@pytest.mark.parametrize("changed", FILES)
def test_a_change_reaches_whoever_imports_the_file_and_nobody_else(folder, changed):
    before = digests()
    with open(folder / f"{changed}.py", "a") as file:
        file.write("# changed\n")
    after = digests()
    reached = {name for name in MADE_FROM if before[name] != after[name]}
    assert reached == {name for name in MADE_FROM if changed in MADE_FROM[name] | EVERYONES}


def test_a_new_import_is_seen(folder):
    before = digests()
    (folder / "words.py").write_text("from .block import number\n\n\ndef f():\n    from .extra import name\n")
    (folder / "extra.py").write_text("1\n")
    between = digests()
    (folder / "extra.py").write_text("2\n")
    assert before["first"] != between["first"] != digests()["first"]


def test_a_file_that_moved_and_kept_its_text_is_another(folder):
    before = digests()["words"]
    (folder / "words.py").rename(folder / "moved.py")
    assert sources.digest("moved") != before


def test_without_sources_each_version_has_machine_code_of_its_own(folder, monkeypatch):
    for path in folder.iterdir():
        path.unlink()
    before = digests()
    monkeypatch.setattr(sources, "__version__", "another")
    assert all(digest != before[name] for name, digest in digests().items())


def test_the_name_of_a_cached_file_follows(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "fingerprint", lambda: "versions and CPU")
    before = {name: cache.path(f"{name}.kernel(float32)") for name in MADE_FROM}
    (folder / "shared.py").write_text("")
    forget()
    after = {name: cache.path(f"{name}.kernel(float32)") for name in MADE_FROM}
    assert {name for name in MADE_FROM if before[name] != after[name]} == {"first", "shared"}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_no_import_of_a_kernel_is_overlooked(path):
    """What the quick search finds against what the parser finds in the whole file."""
    text = path.read_bytes()
    everything = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    found = sources._statements(text)
    assert sorted(map(ast.unparse, found)) == sorted(map(ast.unparse, everything))


def test_every_kernel_file_that_is_imported_is_there():
    forget()
    for path in PACKAGE.glob("*.py"):
        for name in sources._read(path.stem).imports:
            assert (PACKAGE / f"{name}.py").is_file(), f"{path.name} imports {name}"


def test_looking_costs_little_and_imports_no_numba(run):
    code = """
import sys, time
from fastdl._kernels import sources
start = time.process_time()
for module in ("elementwise", "softmax", "conv", "attention_gradient", "recurrent_grad"):
    sources.digest(module)
seconds = time.process_time() - start
assert seconds < 0.02, seconds
assert "numba" not in sys.modules and "llvmlite" not in sys.modules
"""
    run(code)
