"""`fastdl verify`: fastdl's own ops and a user's kernel, from the shell."""

import re
import sys

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference, testing
from fastdl.testing import _own

KERNELS = """
import numpy as np

def relu(x):
    return np.where(x < 0, x.dtype.type(0), x)

def leaky(x):
    return np.where(x < 0, x.dtype.type(0.5) * x, x)

def one_by_one(x, weight):
    from fastdl import functional as F
    return F.conv2d(x, weight)

number = 3
"""


@pytest.fixture
def kernels(folder, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])
    (folder / "my_kernels.py").write_text(KERNELS)
    (folder / "broken_kernels.py").write_text("1 / 0")
    yield "my_kernels.py"
    for name in ("my_kernels", "broken_kernels"):
        sys.modules.pop(name, None)


def test_own_ops(good):
    out = good("verify", "relu", "argmax", "relu", "--cases", 5, "--seed", 2)
    lines = out.splitlines()
    assert lines[0] == "5 cases of each op in each of float32, float64; threads 1 and 2"
    assert [line.split()[0] for line in lines[2:4]] == ["relu", "argmax"]
    assert lines[2].endswith("ok") and lines[3].split() == ["argmax", "0", "-", "-", "ok"]
    assert lines[-1].startswith("2 of 2 ops are right")


def test_an_op_that_is_wrong(command, monkeypatch):
    monkeypatch.setattr(F, "relu", lambda x: np.abs(x))
    code, out, _ = command("verify", "relu", "argmax", "--cases", 4, "--dtype", "float64")
    assert code == 1
    assert "relu                              WRONG\nrelu in float64, arrays" in out
    assert "expected = reference.relu(x)" in out and out.splitlines()[-1].startswith("1 of 2 ops are right")


def test_a_gradient_that_is_wrong(command, monkeypatch):
    """Op and reference agree in a backward that is not the slope."""
    for module in (F, reference):
        monkeypatch.setattr(module, "tanh_backward", lambda grad, x: (2 * grad,))
    monkeypatch.setattr(_own, "check_grad", lambda f, *a: testing.check_grad(f, *a, backward=F.tanh_backward))
    code, out, _ = command("verify", "tanh", "--cases", 2, "--dtype", "float64")
    assert code == 1 and "the gradient of tanh with respect to argument 0 is wrong" in out
    assert re.search(r"args, options = testing\.draw\('tanh', \(0, 0, \d\), 'float64', values='smooth'\)", out)


def test_bits_that_depend_on_the_threads(command, monkeypatch):
    relu = F.relu
    monkeypatch.setattr(F, "relu", lambda x: relu(x) if fd.get_num_threads() == 1 else np.nextafter(relu(x), x))
    monkeypatch.setattr(_own, "verify", lambda *_, **__: testing.Report("relu", 1, ("float64",), 0.0))
    code, out, _ = command("verify", "relu", "--cases", 9, "--dtype", "float64")
    assert code == 1 and "two threads give other bits than one" in out and "with fd.threads(2):" in out


@pytest.mark.parametrize("where", ["my_kernels.py:relu", "my_kernels:relu"])
def test_a_right_function(good, kernels, where):
    out = good("verify", "relu", "--function", where, "--cases", 9)
    assert out.startswith(f"{where} is right: <relu verified: 9 cases in each of float32, float64")


def test_a_wrong_function(command, kernels):
    code, out, _ = command("verify", "relu", "--function", "my_kernels.py:leaky")
    assert code == 1 and out.startswith("WRONG: relu in float32") and "from my_kernels import leaky" in out
    with pytest.raises(AssertionError):
        exec("\n".join(line[4:] for line in out.splitlines() if line.startswith("    ")), {})


def test_a_function_with_fewer_options(command, good, kernels):
    code, out, _ = command("verify", "conv2d", "--function", "my_kernels.py:one_by_one", "--cases", 5)
    assert code == 1 and "so give verify only=()" in out
    assert "is right" in good("verify", "conv2d", "--function", "my_kernels.py:one_by_one", "--only", "", "--cases", 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("conv",), "there is no op named 'conv'; did you mean"),
        (("relu_backward",), "relu_backward is verified with relu; name that"),
        (("relu", "--cases", "0"), "got '0', expected a whole number of at least 1"),
        (("relu", "--only", "axis"), "--only is for a kernel of your own"),
        (("--function", "my_kernels.py:relu"), "--function needs one OP"),
        (("relu", "tanh", "--function", "my_kernels.py:relu"), "--function needs one OP"),
        (("rely", "--function", "my_kernels.py:relu"), "did you mean relu"),
        (("relu", "--function", "relu"), "expected my_module:my_conv or path/to/file.py:my_conv"),
        (("relu", "--function", "none.py:relu"), "there is no file none.py"),
        (("relu", "--function", "no_such_module:relu"), "cannot be imported: ModuleNotFoundError"),
        (("relu", "--function", "broken_kernels.py:relu"), "cannot be imported: ZeroDivisionError"),
        (("relu", "--function", "my_kernels.py:reul"), "has no reul; did you mean relu?"),
        (("relu", "--function", "my_kernels.py:number"), "is int, expected a function"),
        (("conv2d", "--function", "my_kernels.py:relu", "--only", "strides"), "did you mean stride?"),
        (("conv2d", "--function", "my_kernels.py:relu", "--only", "stride:complex"), "got the type 'complex'"),
    ],
)
def test_bad_input(bad, kernels, arguments, message):
    assert message in bad("verify", *arguments)
