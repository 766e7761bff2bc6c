"""The installed package: what is in it, what its metadata say, its command, and the examples in its docstrings."""

import doctest
import importlib
import inspect
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import fastdl
from fastdl.benchmark.peers import LIBRARIES

NAME = "fastdl-numba"


@pytest.fixture(scope="module")
def distribution():
    try:
        return metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        pytest.skip("the package is not installed")


@pytest.fixture(scope="module")
def files(distribution):
    return [file.as_posix() for file in distribution.files if "__pycache__" not in file.parts]


def test_the_metadata(distribution):
    about = distribution.metadata
    assert distribution.version == fastdl.__version__
    assert about["License-Expression"] == "BSD-3-Clause"
    assert about["Requires-Python"] == ">=3.11"
    (numba,) = [r for r in distribution.requires if r.startswith("numba")]
    assert ">=" in numba and "<" in numba, "private interfaces of numba are used"
    assert set(about.get_all("Provides-Extra")) >= {"test", "dev"}


def test_nothing_but_the_package_is_installed(files):
    tops = {name.split("/")[0] for name in files if not name.startswith("../")}
    assert tops == {"fastdl", f"fastdl_numba-{fastdl.__version__}.dist-info"}
    outside = [name for name in files if name.startswith("../")]
    assert {Path(name).stem for name in outside} == {"fastdl"}, "the command, and nothing else"
    assert not [name for name in files if "_cache/" in name or "/tests/" in name]


def test_data_and_types_are_installed(files):
    data = {name.rsplit("/", 1)[1] for name in files if name.startswith("fastdl/datasets/data/")}
    assert data >= {"digits.npz", "mnist5k.npz", "breast_cancer.csv", "brain_slices.npz"}
    assert any(name.endswith(".md") for name in data), "the attribution"
    assert "fastdl/py.typed" in files


@pytest.mark.parametrize("command", [["fastdl"], [sys.executable, "-m", "fastdl"]])
def test_the_command(distribution, command, tmp_path):
    if command == ["fastdl"]:
        (entry,) = metadata.entry_points(group="console_scripts", name="fastdl")
        assert entry.value == "fastdl.cli:main"
        command = [str(Path(sys.executable).with_name("fastdl"))]
    finished = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0 and "train" in finished.stdout, finished.stderr


def modules():
    """Names of all modules of the package but ``__main__``, which would run the command."""
    package = Path(fastdl.__file__).parent
    paths = [path.relative_to(package.parent).with_suffix("") for path in sorted(package.rglob("*.py"))]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    return [name for name in names if not name.endswith("__main__")]


def loaded(name):
    """A module of the package; skips the test for what imports a peer of the benchmark that is not installed."""
    peer = name.removeprefix("fastdl.benchmark.peers._").removesuffix("_training")
    if peer in LIBRARIES:
        pytest.importorskip(LIBRARIES[peer], reason="this peer of the benchmark is not installed")
    return importlib.import_module(name)


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = loaded(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        report = []
        runner.run(example, out=report.append)
        assert not runner.failures, "".join(report)


PUBLIC = ("functional", "nn", "optim", "init", "training", "datasets", "testing", "reference", "benchmark")


def test_the_examples_of_public_names_are_among_them():
    """Doctest looks into a module for what was defined there, and passes by what a decorator hides."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = [name for name in modules() if "peers" not in name]
    run = {test.name for name in names for test in finder.find(importlib.import_module(name), name) if test.examples}
    shown, hidden = 0, []
    for home in (fastdl, *(importlib.import_module(f"fastdl.{name}") for name in PUBLIC)):
        for name in home.__all__:
            value = getattr(home, name)
            if (inspect.isclass(value) or inspect.isroutine(value)) and ">>>" in (value.__doc__ or ""):
                shown += 1
                hidden += [name] if f"{value.__module__}.{value.__qualname__}" not in run else []
    assert shown > 400 and not hidden
