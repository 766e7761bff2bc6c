"""`fastdl warmup`: afterwards nothing is compiled any more."""

import importlib
import inspect
import json
from pathlib import Path

import pytest

from fastdl import _kernels


def test_a_cache_that_cannot_be_written(bad, folder, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv("FASTDL_CACHE_DIR", str(folder / "file" / "cache"))
    line = bad("warmup")
    assert "cannot be written" in line and "set FASTDL_CACHE_DIR" in line


def kernels():
    """The names of all kernels, as the files of the cache begin with them."""
    for path in Path(_kernels.__file__).parent.glob("*.py"):
        module = importlib.import_module(f"fastdl._kernels.{path.stem}")
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                if list(inspect.signature(function).parameters) == ["args", "lo", "hi", "worker"]:
                    yield f"{path.stem}-{name}-".replace("_", "-")


@pytest.mark.slow
def test_nothing_is_left_to_compile(process, folder):
    cache = folder / "cache"
    with process("warmup", FASTDL_CACHE_DIR=str(cache)) as run:
        out, err = run.communicate(timeout=600)
    assert run.returncode == 0 and "all kernels are ready" in out and "Traceback" not in err
    files = [path.name for path in cache.iterdir()]
    assert [name for name in kernels() if not any(file.startswith(name) for file in files)] == []
    for data in ("digits", "breast_cancer"):
        with process("train", data, "--epochs", 1, "--json", "--out", data, FASTDL_CACHE_DIR=str(cache)) as run:
            out, _ = run.communicate(timeout=600)
        assert json.loads(out.splitlines()[-1])["seconds"]["compile"] == 0
