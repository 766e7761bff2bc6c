"""Helpers of the kernel tests: a cache of their own, launches, and processes started with a chosen environment."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastdl._kernels import threads

HERE = Path(__file__).parent


def _load(name):
    """A module beside this file, which is no package; processes that tests start import it by its name."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def launch():
    """The module ``launch``: programs made of the tests' own kernels."""
    return _load("launch")


@pytest.fixture(scope="session")
def products():
    """The module ``products``: blocks of products against NumPy."""
    return _load("products")


@pytest.fixture(scope="session")
def convolutions():
    """The module ``convolutions``: shapes at which the direct kernels go different ways."""
    return _load("convolutions")


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory):
    """A cache folder shared by the kernel tests: their kernels may change while the package's do not."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(warm_cache, monkeypatch):
    monkeypatch.setenv("FASTDL_CACHE_DIR", str(warm_cache))


@pytest.fixture(autouse=True)
def _whole_machine(monkeypatch):
    """Beside other work one thread would compute; tests ask who does."""
    monkeypatch.setattr(threads, "crowded", lambda: False)


@pytest.fixture
def environment(tmp_path):
    """`environment(NAME=value, ...)`: an environment without settings of fastdl or Numba but these; None removes."""

    def make(**changes):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "FASTDL_", "PYTHONWARN"))}
        env["FASTDL_CACHE_DIR"] = os.environ["FASTDL_CACHE_DIR"]
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
        env.update(changes)
        return {k: str(v) for k, v in env.items() if v is not None}

    return make


@pytest.fixture
def start(environment, tmp_path):
    """`start(code, **environment)`: a process that runs the code, with ``launch`` to be imported."""

    def popen(code, **changes):
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment(**changes),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return popen


@pytest.fixture
def run(start):
    """`run(code, **environment)`: (standard output, standard error) of a process, which must succeed."""

    def finish(code, **changes):
        with start(code, **changes) as process:
            try:
                out, err = process.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == 0, f"exit code {process.returncode}\n{out}\n{err}"
        return out, err

    return finish
