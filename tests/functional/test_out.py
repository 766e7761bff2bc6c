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
    assert {"max_pool2d", "max_pool1d", "avg_pool2d", "avg_pool1d", "dense", "conv2d", "filter2d"} <= set(NAMES)
    assert {"matmul", "attention", "rms_norm", "group_norm", "instance_norm"} <= set(NAMES)
    assert {"add", "subtract", "multiply", "divide", "power", "exp", "log", "sqrt", "erf", "clip"} <= set(NAMES)


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
        (locked, ValueError, "out is not writeable; it must be C-contiguous, writeable and aligned"),
    ]:
        with pytest.raises(error, match=rf"^{name}: {message}"):
            forward(*args, **kwargs, out=out)
    if expected.size > 1:
        with pytest.raises(ValueError, match="out is not C-contiguous"):
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


def images(*shape):
    return np.random.default_rng(1).standard_normal(shape, np.float32)


LARGE = {
    "relu": (images(40, 110_003), 0, F.relu, F.relu_backward),
    "gelu": (images(40, 110_003), 0, F.gelu, F.gelu_backward),
    "softmax": (images(4001, 1203), 0, F.softmax, F.softmax_backward),
    "softmax of long rows": (images(900, 5001), 0, F.softmax, F.softmax_backward),
    "log_softmax": (images(4001, 1203), 0, F.log_softmax, F.log_softmax_backward),
    "log_softmax of short rows": (images(440_001, 10), 0, F.log_softmax, F.log_softmax_backward),
    "layer_norm": (images(4001, 1203), 0, F.layer_norm, lambda g, x: F.layer_norm_backward(g, x)[:1]),
    "group_norm": (
        images(50, 6, 125, 127),
        0,
        lambda x, **out: F.group_norm(x, 3, **out),
        lambda g, x: F.group_norm_backward(g, x, 3)[:1],
    ),
    "batch_norm": (
        images(9, 40, 125, 127),
        1,
        lambda x, **out: F.batch_norm(x, None, None, None, None, training=True, **out)[0],
        lambda g, x: F.batch_norm_backward(g, x, None, None, None, None, training=True)[:1],
    ),
    "max_pool2d": (
        images(30, 20, 171, 175),
        0,
        lambda x, **out: F.max_pool2d(x, 2, **out),
        lambda g, x: F.max_pool2d_backward(g, x, 2),
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_results_have_the_bits_of_small_ones(name):
    """Results of more than 16 MB are stored past the cache: in parts, along an axis whose parts are independent."""
    x, axis, forward, backward = LARGE[name]
    parts = [np.ascontiguousarray(part) for part in np.array_split(x, 8, axis)]
    expected = [forward(part) for part in parts]
    y = forward(x)
    np.testing.assert_array_equal(y, np.concatenate(expected, axis))
    g = images(*y.shape)
    (dx,) = backward(g, x)
    pairs = zip(np.array_split(g, 8, axis), parts, strict=True)
    np.testing.assert_array_equal(dx, np.concatenate([backward(*pair)[0] for pair in pairs], axis))
    assert x.nbytes > 16 * 2**20
    if name in NAMES:
        memory = np.full(y.size + 16, 7, np.float32)
        for offset in (1, 3):  # at no place where vectors are aligned
            forward(x, out=memory[offset : offset + y.size].reshape(y.shape))
            np.testing.assert_array_equal(memory[offset : offset + y.size].reshape(y.shape), y)
            assert (memory[:offset] == 7).all() and (memory[offset + y.size :] == 7).all()
            memory[...] = 7


def test_while_recording_is_refused():
    out = np.zeros(3, np.float32)
    with pytest.raises(TypeError, match="relu: out= was given while recording"):
        fd.compile(lambda x: F.relu(x, out=out))(np.ones(3, np.float32))
