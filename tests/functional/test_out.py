"""``out=``: the same result in the array that was given; what does not fit is refused before anything is done."""

import inspect

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl.ops import OPS

NAMES = [name for name, op in OPS.items() if "out" in inspect.signature(op.forward).parameters]


def first(result):
    return result[0] if isinstance(result, tuple) else result


def drawn(name, dtype=np.float32, seed=0):
    args, kwargs = OPS[name].draw(np.random.default_rng(seed), np.dtype(dtype))
    return OPS[name].forward, args, kwargs


def test_which_ops_have_it():
    assert {"relu", "sigmoid", "tanh", "gelu", "softmax", "log_softmax", "layer_norm", "batch_norm"} <= set(NAMES)
    assert {"max_pool2d", "dense", "conv2d", "filter2d"} <= set(NAMES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_takes_the_result(name, dtype):
    for seed in range(3):
        forward, args, kwargs = drawn(name, dtype, seed)
        expected = forward(*args, **kwargs)
        out = np.full_like(first(expected), np.nan)
        found = forward(*args, **kwargs, out=out)
        assert first(found) is out
        if isinstance(expected, tuple):
            assert len(found) == len(expected)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(out, first(expected))


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_refused(name):
    forward, args, kwargs = drawn(name)
    expected = first(forward(*args, **kwargs))
    wide = np.zeros((*expected.shape, 2), np.float32)
    locked = np.zeros_like(expected)
    locked.flags.writeable = False
    for out, error, message in [
        (expected.tolist(), TypeError, "out is a "),
        (np.zeros((*expected.shape, 1), np.float32), ValueError, "out has shape"),
        (expected.astype(np.float64), ValueError, "out has shape .* and dtype float64; expected .* and float32"),
        (locked, ValueError, "out must be C-contiguous, aligned and writeable"),
    ]:
        with pytest.raises(error, match=rf"^{name}: {message}"):
            forward(*args, **kwargs, out=out)
    if expected.size > 1:
        with pytest.raises(ValueError, match="out must be C-contiguous"):
            forward(*args, **kwargs, out=wide[..., 0])
    assert not wide.any() and not locked.any()


@pytest.mark.parametrize("name", ["relu", "gelu", "softmax", "layer_norm", "batch_norm"])
def test_an_input_is_refused(name):
    x = np.random.default_rng(0).standard_normal((4, 6), np.float32)
    before = x.copy()
    rest = (None, None, np.zeros(6, np.float32), np.ones(6, np.float32)) if name == "batch_norm" else ()
    with pytest.raises(ValueError, match=f"{name}: out overlaps x; pass an array of its own"):
        OPS[name].forward(x, *rest, out=x)
    np.testing.assert_array_equal(x, before)


def test_while_recording_is_refused():
    out = np.zeros(3, np.float32)
    with pytest.raises(TypeError, match="relu: out= was given while recording"):
        fd.compile(lambda x: F.relu(x, out=out))(np.ones(3, np.float32))
