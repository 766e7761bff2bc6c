"""Files that hold arrays only, as PyTorch writes them: reading, converting, loading what fits."""

import json
import struct

import numpy as np
import pytest
import safetensors.numpy

import fastdl as fd
from fastdl import nn


def write(path, arrays):
    """A file by hand: ``arrays`` are name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    for name, (dtype, shape, content) in arrays.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_arrays_come_back(path):
    arrays = {
        "layers.0.weight": np.arange(6, dtype=np.float32).reshape(3, 2),
        "double": np.float64([[1e-300]]),
        "count": np.int64(5),
        "mask": np.array([True, False]),
        "nothing": np.zeros((0, 3), np.float32),
    }
    safetensors.numpy.save_file({k: np.asarray(v) for k, v in arrays.items()}, path)
    found = fd.load_state_dict(str(path))
    assert sorted(found) == sorted(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].flags.writeable
        np.testing.assert_array_equal(found[name], array)


def test_half_precision_becomes_float32(path):
    """bfloat16 is the upper half of a float32; every value of both kinds has its float32."""
    bits = np.arange(2**16, dtype="<u2")
    halves = np.arange(2**16, dtype="<u2").view("<f2")
    write(
        path,
        {
            "first": ("F32", [1], np.float32([7]).tobytes()),
            "brain": ("BF16", [256, 256], bits.tobytes()),
            "half": ("F16", [2**16], halves.tobytes()),
            "scalar": ("BF16", [], b"\x80\x3f"),
            "none": ("BF16", [0, 4], b""),
        },
    )
    found = fd.load_state_dict(path)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    assert found["brain"].shape == (256, 256) and found["none"].shape == (0, 4)
    np.testing.assert_array_equal(found["brain"].ravel().view(np.uint32), np.arange(2**16, dtype=np.uint32) << 16)
    np.testing.assert_array_equal(found["half"], halves.astype(np.float32))
    assert found["first"] == 7 and found["scalar"] == 1
    write(path, {"weight": ("BF16", [1, 2], b"\x80\x3f\x00\xc0"), "bias": ("F16", [1], np.float16([0.5]).tobytes())})
    model = fd.load(path, nn.Dense(2, 1))
    assert model.weight.tolist() == [[1, -2]] and model.bias == 0.5 and model.weight.dtype == np.float32


def test_as_torch_writes_them(path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file, save_model

    theirs = {k: torch.randn(3, 4).to(getattr(torch, k)) for k in ("bfloat16", "float16", "float32", "float64")}
    save_file(theirs, path)
    for name, array in fd.load_state_dict(path).items():
        assert array.dtype == (np.float64 if name == "float64" else np.float32)
        np.testing.assert_array_equal(array, theirs[name].to(torch.float64).numpy())
    model = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    save_model(model, str(path))
    ours = nn.Sequential(nn.Dense(3, 3, bias=False), nn.Dense(3, 3, bias=False))
    state = fd.load_state_dict(path)
    assert len(safetensors.numpy.load_file(path)) == 1 and ours.load_state_dict(state).loaded == [
        "0.weight",
        "1.weight",
    ]
    np.testing.assert_array_equal(ours[1].weight, model[0].weight.detach())
    assert state["0.weight"] is state["1.weight"]  # or a small file could fill the memory
    torch.save(model.state_dict(), path)
    with pytest.raises(fd.ModelFileError, match=r"if torch.save wrote it, write it with safetensors.torch.save_file"):
        fd.load_state_dict(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file; check the path"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: path.write_bytes(b"\0" * 20), "is no safetensors file, or a damaged one"),
        (
            lambda path: write(path, {"a": ("F8_E5M2", [2], b"\0\0")}),
            "array 'a' has dtype F8_E5M2; expected one of BF16, BOOL",
        ),
        (lambda path: write(path, {"a": ("BF16", [2], b"\0\0")}), "damaged"),
        (lambda path: write(path, {"a": ("BF16", [1] * 100, b"\0\0")}), "a shape beyond what NumPy can hold"),
    ],
)
def test_bad_files_are_named(path, make, message):
    make(path)
    with pytest.raises(fd.ModelFileError) as caught:
        fd.load_state_dict(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)


def test_a_path_is_text_or_a_path():
    with pytest.raises(TypeError, match="load_state_dict: path is a dict; expected text or a path"):
        fd.load_state_dict({})


def test_what_fits_is_loaded(path):
    """A network with another head: the usual start of fine-tuning."""
    old = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 4), nn.ReLU(), nn.BatchNorm1d(4))
    fd.save(old, path)
    new = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 5), nn.Dense(5, 1, bias=False))
    before = new.state_dict()
    state = fd.load_state_dict(path)
    with pytest.raises(ValueError, match="load_state_dict: the values do not fit the model: 3.weight"):
        new.load_state_dict(state)
    assert all(np.array_equal(before[name], array) for name, array in new.state_dict().items())
    state["0.bias"] = np.int64([1, 2, 3])
    report = new.load_state_dict(state, strict=False)
    assert report.loaded == ["0.weight"]
    assert report.missing == {"3.weight": (1, 5)}
    assert sorted(report.unexpected) == sorted(name for name in old.state_dict() if name.startswith("4."))
    assert report.misshapen == {"2.weight": ((4, 3), (5, 3)), "2.bias": ((4,), (5,))}
    assert report.mistyped == {"0.bias": "has dtype int64, expected float32"}
    for name, array in new.state_dict().items():
        np.testing.assert_array_equal(array, old[0].weight if name == "0.weight" else before[name])
    lines = repr(report).split("\n  ")
    assert lines[0] == "LoadReport: 1 of 5 arrays loaded" and lines[1] == "3.weight (1, 5) is missing"
    assert lines[-3:] == [
        "2.weight has shape (4, 3), expected (5, 3)",
        "2.bias has shape (4,), expected (5,)",
        "0.bias has dtype int64, expected float32",
    ]


def test_a_strict_load_reports_that_all_is_there():
    model = nn.Dense(2, 3)
    report = model.load_state_dict(model.state_dict())
    assert repr(report) == "LoadReport: 2 of 2 arrays loaded" and report.problems() == []
    assert repr(model.load_state_dict({"weight": object()}, strict=False)).startswith(
        "LoadReport: 0 of 2 arrays loaded\n  bias (3,) is missing\n  weight has shape (), expected (3, 2)"
    )
    with pytest.raises(TypeError, match="load_state_dict: strict is 'no'; expected True or False"):
        model.load_state_dict({}, strict="no")
