"""Bad model files: other files, truncated ones, hostile headers, random damage."""

import json
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import nn


def write(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_no_file(tmp_path, reason):
    assert reason(tmp_path / "nothing") == "no such file; check the path"
    assert reason(tmp_path) == "is not a file; give the path of a file"


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 50, 300])
def test_truncated_in_the_header(saved, length, reason):
    saved.write_bytes(saved.read_bytes()[:length])
    assert reason(saved).startswith("is no safetensors file, or a damaged one (")


def test_truncated_by_one_byte_and_too_long(saved, reason):
    content = saved.read_bytes()
    for wrong in (content[:-1], content + b"\0"):
        saved.write_bytes(wrong)
        assert "damaged" in reason(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 this is another kind of file, and long enough to have a header",
        b"\x80\x04\x95pickle" * 20,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**64 - 1) + b"{}",
        struct.pack("<Q", 99_999_999) + b"{}",
        struct.pack("<Q", 4) + b"null",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc",
        struct.pack("<Q", 200_000) + b"[" * 200_000,
        struct.pack("<Q", 5 * 200_000) + b'{"a":' * 200_000,
    ],
)
def test_other_files(path, content, reason):
    path.write_bytes(content)
    assert "damaged" in reason(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 23]},
        {"dtype": "F32", "shape": [3, 2], "data_offsets": [24, 0]},
        {"dtype": "F32", "shape": [3, 2], "data_offsets": [-24, 0]},
        {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 2**70]},
        {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [-3, -2], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": "32", "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [3, 2]},
        {"dtype": "object", "shape": [3, 2], "data_offsets": [0, 24]},
        [],
        None,
    ],
)
def test_hostile_headers(path, entry, reason):
    write(path, {"weight": entry}, b"\0" * 24)
    assert "damaged" in reason(path) and "damaged" in reason(path, nn.Dense(2, 3, bias=False))


def test_overlapping_arrays(path, reason):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    write(path, {"a": entry, "b": entry}, b"\0" * 8)
    assert "damaged" in reason(path)


def test_dtypes_that_numpy_does_not_have(path, reason):
    write(path, {"weight": {"dtype": "F8_E4M3", "shape": [3, 2], "data_offsets": [0, 6]}}, b"\0" * 6)
    assert "array 'weight' has dtype F8_E4M3; expected one of BF16" in reason(path, nn.Dense(2, 3, bias=False))


def test_too_many_dimensions(path, reason):
    write(path, {"weight": {"dtype": "F32", "shape": [1] * 100, "data_offsets": [0, 4]}}, b"\0" * 4)
    assert "shape beyond what NumPy can hold" in reason(path, nn.Dense(2, 3))
    write(path, {"weight": {"dtype": "F32", "shape": [2**40, 2**40, 0], "data_offsets": [0, 0]}})
    assert reason(path, nn.Dense(2, 3))


@given(st.data())
def test_random_damage_gives_our_error_or_a_model(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        fd.save(nn.Sequential(nn.Dense(2, 3), nn.Dropout(0.1)), path, extra={"a": [1, "b"]})
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            position = data.draw(st.integers(0, len(content) - 1))
            content[position] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
        try:
            assert isinstance(fd.load(path), nn.Module)
        except fd.ModelFileError as error:
            assert "\n" not in str(error)
