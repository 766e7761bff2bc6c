"""Model files whose arrays are sound, but what they say about the model is not."""

import json
import os
import struct
import subprocess
import sys

import pytest

import fastdl as fd
from fastdl import nn


def parts(path):
    """The header of a file as a dict, and its bytes of data."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def about(path, change):
    """Change what the file says by a function of it, or put other text in its place."""
    header, data = parts(path)
    if callable(change):
        values = json.loads(header["__metadata__"]["fastdl"])
        change(values)
        change = json.dumps(values)
    header["__metadata__"]["fastdl"] = change
    write(path, header, data)


def replace_layer(description):
    return lambda values: values["architecture"]["parts"].__setitem__(0, description)


def options(**changes):
    return lambda values: values["architecture"]["parts"][0]["options"].update(changes)


@pytest.mark.parametrize(
    "change, message",
    [
        ("", "its metadata are no JSON"),
        ("{", "its metadata are no JSON"),
        ("[" * 100_000, "its metadata are no JSON (nested too deeply)"),
        ('{"format": 1' + "0" * 5000 + "}", "its metadata are no JSON"),
        ("[]", "its metadata are []; expected a dict"),
        ("{}", "its format is None; expected 1"),
        (lambda v: v.update(format=True), "its format is True; expected 1"),
        (lambda v: v.update(format=2), "its format is 2, this version of fastdl reads 1: update fastdl"),
        (lambda v: v.pop("classes"), "its metadata have no 'classes'"),
        (lambda v: v.update(loss=["x"]), "its loss is ['x'], which makes no sense"),
        (lambda v: v.update(loss="x" * 1000), "which makes no sense"),
        (lambda v: v.update(classes=[]), "its classes is [], which"),
        (lambda v: v.update(classes=[1, "a"]), "its classes is [1, 'a'], which"),
        (lambda v: v.update(classes=[1, True]), "its classes is [1, True], which"),
        (lambda v: v.update(classes=[[1]]), "its classes is [[1]], which"),
        (lambda v: v.update(classes=[2**64]), "its classes is"),
        (lambda v: v.update(input_shape=[-1]), "its input_shape is [-1], which"),
        (lambda v: v.update(input_shape=[2**40]), "its input_shape is"),
        (lambda v: v.update(input_shape=[1] * 40), "its input_shape is"),
        (lambda v: v.update(input_shape=7), "its input_shape is 7, which"),
        (lambda v: v.update(dtype="float16"), "its dtype is 'float16', which"),
        (lambda v: v.update(dtype=[]), "its dtype is [], which"),
        (lambda v: v.update(dtype="float64"), "its layers are float32, but its dtype is said to be 'float64'"),
        (lambda v: v.update(extra=[]), "its extra is [], which"),
        (lambda v: v.update(architecture=None), "its architecture is None, which"),
        (lambda v: v.update(architecture={}), "the model is a None, which fastdl does not know"),
        (replace_layer({"layer": "Banana", "options": {}}), "layer 0 is a 'Banana', which fastdl does not know"),
        (replace_layer({"layer": "__class__", "options": {}}), "layer 0 is a '__class__', which fastdl does not know"),
        (replace_layer({"layer": ["Dense"]}), "layer 0 is a ['Dense'], which fastdl does not know"),
        (replace_layer("Dense"), "layer 0 is described by 'Dense'; expected a dict"),
        (replace_layer({"class": "os.system"}), "layer 0 is of the class 'os.system', which a file can only name"),
        (replace_layer({"same_as": "7"}), "layer 0 is said to be the same as '7', not known"),
        (replace_layer({"same_as": []}), "layer 0 is said to be the same as [], not known"),
        (replace_layer({"same_as": ""}), "layer 0 is said to be the same as '', not known"),
        (replace_layer({"layer": "Sequential", "parts": {}}), "layer 0 has the parts {}; expected a list"),
        (replace_layer({"layer": "Residual", "parts": []}), "layer 0 is a Residual of 0 parts; expected one"),
        (replace_layer({"layer": "Dense", "options": []}), "layer 0 has the options []; expected a dict"),
        (replace_layer({"layer": "Dense", "options": {"self": 1}}), "layer 0, a Dense, has the unknown option 'self'"),
        (replace_layer({"layer": "ReLU", "options": {"args": []}}), "layer 0, a ReLU, has the unknown option 'args'"),
        (replace_layer({"layer": "Dense", "options": {}}), "layer 0 cannot be made: "),
        (options(units=3), "layer 0, a Dense, has the unknown option 'units'"),
        (options(in_features="2"), "layer 0 cannot be made: Dense: in_features is '2'; expected an integer"),
        (options(dtype="O"), "layer 0 cannot be made: Dense: dtype is 'O'; expected float32 or float64"),
        (options(dtype={"names": []}), "layer 0 cannot be made: Dense: dtype is"),
        (options(dtype="float64"), "its layers are float64, but its dtype is said to be 'float32'"),
        (options(out_features=4), "0.weight has shape (3, 2), expected (4, 2); 0.bias has shape (3,), expected (4,)"),
        (options(bias=False), "0.bias is unexpected"),
        (
            options(in_features=10**9, out_features=10**9),
            "0.weight has shape (3, 2), expected (1000000000, 1000000000)",
        ),
        (options(in_features=10**15, out_features=10**15), "layer 0 cannot be made"),
        (options(in_features=10**30, out_features=1), "layer 0 cannot be made"),
        (
            replace_layer({"layer": "Dropout", "options": {"p": float("nan")}}),
            "layer 0 cannot be made: Dropout: p is nan",
        ),
    ],
)
def test_bad_metadata(saved, change, message, reason):
    about(saved, change)
    assert message in reason(saved)


def test_deep_architectures(saved, reason):
    deep = {"layer": "ReLU", "options": {}}
    for _ in range(150):
        deep = {"layer": "Sequential", "parts": [deep]}
    about(saved, replace_layer(deep))
    assert "over 100 containers deep" in reason(saved)
    model = nn.ReLU()
    for _ in range(150):
        model = nn.Sequential(model)
    with pytest.raises(ValueError, match="151 layers, 150 containers deep; expected at most 100000 and 100"):
        fd.save(model, saved)


def test_sharing_does_not_make_a_small_file_endless(saved, reason):
    description = {"layer": "Sequential", "parts": [{"layer": "ReLU", "options": {}}]}
    for _ in range(40):
        description = {"layer": "Sequential", "parts": [description]}
    part, path = description, []
    while part["layer"] == "Sequential":
        path.append("0")
        part["parts"].append({"same_as": ".".join(["0", *path])})
        part = part["parts"][0]
    about(saved, replace_layer(description))
    assert "layers; expected at most 100000" in reason(saved)


def test_arrays_of_another_dtype(saved, reason):
    header, data = parts(saved)
    header["0.bias"]["dtype"] = "I32"
    write(saved, header, data)
    assert "0.bias has dtype int32, expected float32" in reason(saved)
    fd.save(nn.Sequential(nn.Dense(2, 2)), saved)
    header, data = parts(saved)
    for name in ("0.weight", "0.bias"):
        header[name] |= {"dtype": "F16", "shape": [2 * n if i == 0 else n for i, n in enumerate(header[name]["shape"])]}
    about_text = json.loads(header["__metadata__"]["fastdl"])
    about_text["architecture"]["parts"][0]["options"]["out_features"] = 4
    header["__metadata__"]["fastdl"] = json.dumps(about_text)
    write(saved, header, data)
    assert "array 0.weight is float16, but its layer is float32" in reason(saved)


def test_an_absurd_size_takes_no_memory(saved):
    about(saved, options(in_features=10**8, out_features=10**8))
    code = (
        "import resource, sys, fastdl as fd\n"
        "resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))\n"
        "try:\n    fd.load(sys.argv[1])\n"
        "except fd.ModelFileError as error:\n    print(error)\n"
    )
    if os.name != "posix":
        pytest.skip("limits of POSIX systems")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", code, saved], capture_output=True, text=True, env=environment, check=True
    )
    assert "expected (100000000, 100000000)" in run.stdout
