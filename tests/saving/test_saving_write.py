"""Writing model files: complete or not at all."""

import os

import pytest

import fastdl as fd
from fastdl import nn


@pytest.mark.parametrize(
    "extra, message",
    [
        ({"f": print}, "extra must hold dicts, lists, text and numbers only: it holds a builtin_function_or_method"),
        ({(1, 2): 3}, "extra must hold dicts"),
        ([1], "extra is a list; expected a dict or None"),
    ],
)
def test_extra_must_be_json(saved, extra, message):
    before = saved.read_bytes()
    with pytest.raises(TypeError) as caught:
        fd.save(fd.load(saved), saved, extra=extra)
    assert message in str(caught.value) and saved.read_bytes() == before and os.listdir(saved.parent) == [saved.name]


def test_extra_that_contains_itself(path):
    extra = {}
    extra["self"] = extra
    with pytest.raises(TypeError, match="Circular reference"):
        fd.save(nn.ReLU(), path, extra=extra)


def test_what_is_saved_and_where():
    with pytest.raises(TypeError, match="save: model is a dict; expected an nn.Module"):
        fd.save({}, "x")
    with pytest.raises(TypeError, match="save: path is a int; expected text or a path"):
        fd.save(nn.ReLU(), 0)
    with pytest.raises(TypeError, match="load: path is a int"):
        fd.load(0)
    with pytest.raises(TypeError, match="load: model is a dict; expected an nn.Module or None"):
        fd.load("x", {})
    with pytest.raises(fd.ModelFileError, match="null character"):
        fd.load("a\0b")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(saved, monkeypatch, failing):
    before = saved.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(fd.ModelFileError) as caught:
        fd.save(nn.Dense(5, 5), saved)
    monkeypatch.undo()
    assert str(caught.value) == f"{saved}: cannot be written (No space left on device); check the folder and the disk"
    assert saved.read_bytes() == before and os.listdir(saved.parent) == [saved.name]


def test_an_interrupt_while_writing_leaves_nothing(saved, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fd.save(nn.Dense(5, 5), saved)
    assert os.listdir(saved.parent) == [saved.name] and len(fd.load(saved)) == 3


def test_places_that_cannot_be_written(tmp_path):
    for path, message in (
        (tmp_path / "no" / "model", "cannot be written (no such folder); check the folder"),
        (tmp_path, "is not a file; give the path of a file"),
    ):
        with pytest.raises(fd.ModelFileError) as caught:
            fd.save(nn.ReLU(), path)
        assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX systems")
def test_a_pipe_or_device_is_not_replaced_nor_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for call in (lambda: fd.save(nn.ReLU(), pipe), lambda: fd.load(pipe)):
        with pytest.raises(fd.ModelFileError, match="is not a file; give the path of a file"):
            call()
    assert pipe.is_fifo()


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX systems")
def test_links_and_modes(saved, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(saved.name)
    fd.save(nn.Dense(7, 7), link)
    assert link.is_symlink() and fd.load(saved).num_parameters == 56
    before = os.umask(0o027)
    try:
        fd.save(nn.ReLU(), tmp_path / "new")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
