"""Ctrl-C while `fastdl train` works: the model as it is then goes into the file, and the exit code is 130."""

import signal
import sys
import time

import pytest

import fastdl as fd

FILE = "fastdl-model.safetensors"
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there"),
    pytest.mark.filterwarnings("ignore::fastdl.saving.PreparationWarning"),
]


def test_the_model_so_far_is_kept(good, process, folder):
    good("train", "digits", "--epochs", 1, "--out", "first.safetensors")  # compiles what is to come
    with process("train", "digits", "--epochs", 100_000, "--lr", 1e-5, "--json") as run:
        for _ in range(4):  # the introduction; then training begins
            run.stdout.readline()
        time.sleep(1.5)
        run.send_signal(signal.SIGINT)
        start = time.perf_counter()
        out, err = run.communicate(timeout=60)
        seconds = time.perf_counter() - start
    assert run.returncode == 130, err
    assert "interrupted after" in out and FILE in out and "Traceback" not in err
    assert seconds < 2.0  # 0.2 s to come back, and what writing and leaving the process take on a busy machine
    model = fd.load(FILE)
    assert model.extra["fastdl_train"]["notes"]["history"]["stopped"] == "interrupted"
    assert good("evaluate", FILE, "digits")


def test_before_the_first_step_nothing_is_written(command, folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastdl.nn.Module.fit", interrupted)
    code, out, err = command("train", "breast_cancer")
    assert code == 130 and "nothing was written" in out
    assert not list(folder.iterdir())


def test_while_reading(command, folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastdl.cli.train.read_for_training", interrupted)
    code, out, err = command("train", "breast_cancer")
    assert (code, out, err) == (130, "", "fastdl: interrupted\n")
