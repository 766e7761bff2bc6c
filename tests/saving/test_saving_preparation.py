"""A file of the command, loaded from Python: the preparation of the data in it is not applied, and that is said."""

import warnings

import pytest

import fastdl as fd
from fastdl import nn
from fastdl.saving import COMMANDS_KEY, PreparationWarning


def test_loading_a_file_of_the_command_warns(tmp_path):
    path = tmp_path / "m.safetensors"
    fd.save(nn.Sequential(nn.Dense(2, 1)), path, extra={COMMANDS_KEY: {}})
    with pytest.warns(PreparationWarning, match="expects data prepared"):
        fd.load(path)


def test_other_files_do_not(tmp_path):
    path = tmp_path / "m.safetensors"
    fd.save(nn.Sequential(nn.Dense(2, 1)), path, extra={"note": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fd.load(path)
