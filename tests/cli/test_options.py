"""The command itself: help, version, and how quickly it starts."""

import subprocess
import sys

import pytest

import fastdl


@pytest.mark.parametrize("arguments", [("--help",), ("train", "--help"), ("predict", "--help")])
def test_help(good, arguments):
    assert "usage: fastdl" in good(*arguments)


def test_version(good):
    assert good("--version") == f"fastdl {fastdl.__version__}\n"


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_no_compiler(argument):
    code = (
        f"import sys; from fastdl.cli import main; main([{argument!r}]); "
        "sys.exit(any(name.split('.')[0] in ('numba', 'llvmlite', 'scipy', 'tqdm') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_run_as_a_module(process):
    with process("fly") as run:
        out, err = run.communicate(timeout=60)
    assert (run.returncode, out, err.count("\n")) == (2, "", 1)


def test_names_that_the_terminal_cannot_show(process, folder):
    (folder / "größe.csv").write_text("x,größe\n" + "".join(f"{i},{i}.5\n" for i in range(20)), encoding="utf-8")
    with process(
        "train", "größe.csv", "--target", "größe", "--model", "logistic", "--epochs", 1, PYTHONIOENCODING="ascii"
    ) as run:
        out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert out.startswith("gr\\xf6\\xdfe.csv: 20 rows")


def test_a_reader_that_goes_away_is_no_error(process):
    with process("doctor") as run:
        run.stdout.close()
        assert "Error" not in run.stderr.read()
        assert run.wait(timeout=60) == 141
