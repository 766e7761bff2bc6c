"""Helpers of the data tests: files in a temporary folder, and the message of the error that they cause."""

import pytest

from fastdl import datasets


@pytest.fixture
def message():
    """`message(function, *args)`: the text of the DataError that the call raises; always one line."""

    def call(function, *args, **kwargs):
        with pytest.raises(datasets.DataError) as caught:
            function(*args, **kwargs)
        text = str(caught.value)
        assert text and "\n" not in text and "\r" not in text
        return text

    return call


@pytest.fixture
def write(tmp_path):
    """`write(text or bytes)`: the path of a new file with this content."""

    def write_file(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file
