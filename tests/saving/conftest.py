"""Fixtures of the model file tests: a place for a file, a small file, and the message that a bad one causes."""

import pytest

import fastdl as fd
from fastdl import nn


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path):
    """The file of a small model."""
    fd.save(nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1)), path)
    return path


@pytest.fixture
def reason():
    """`reason(path, model)`: the message of loading a bad file, which names the file and is one line."""

    def load(path, model=None):
        with pytest.raises(fd.ModelFileError) as caught:
            fd.load(path, model)
        text = str(caught.value)
        assert text.startswith(f"{path}: ") and "\n" not in text and len(text) < 1000
        return text.removeprefix(f"{path}: ")

    return load
