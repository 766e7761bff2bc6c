"""What the door refuses, for all families alike: all of it once reached a kernel, or an error that named nothing."""

import numpy as np
import pytest

from fastdl import functional as F
from fastdl.ops import OPS

X = np.linspace(0.1, 0.9, 6, dtype=np.float32).reshape(2, 3)
IMAGE, KERNEL = X[None, None], np.ones((1, 1, 1, 1), np.float32)
WITH_OUTPUT = {
    "divide": (X, X, X),
    **{name: (X, X) for name in ("relu", "tanh", "sigmoid", "exp", "sqrt", "softmax", "log_softmax")},
    **{name: (X[0], X, 0) for name in ("max", "min")},
}


@pytest.mark.parametrize("name", WITH_OUTPUT)
def test_a_saved_output_that_does_not_fit_is_refused(name):
    backward, args = OPS[name].backward, WITH_OUTPUT[name]
    good = np.array(args[0])
    backward(*args, output=good)
    with pytest.raises(TypeError, match=f"{name}_backward: output has dtype float64; expected float32"):
        backward(*args, output=good.astype(float))
    for wrong in (good[..., :1], np.stack([good, good])):
        with pytest.raises(ValueError, match=rf"{name}_backward: output has shape .*; expected \({good.shape[0]},"):
            backward(*args, output=wrong)
    with pytest.raises(TypeError, match=f"{name}_backward: output is a list; expected a NumPy array"):
        backward(*args, output=good.tolist())


def test_a_saved_output_of_dense_that_does_not_fit_is_refused():
    weight = np.ones((4, 3), np.float32)
    for wrong in (np.ones((1, 4), np.float32), np.ones((3, 2, 4), np.float32)):
        with pytest.raises(ValueError, match="dense_backward: output has shape"):
            F.dense_backward(np.ones((2, 4), np.float32), X, weight, activation="relu", output=wrong)


@pytest.mark.parametrize(
    "call, error, message",
    [
        # None is a null pointer to a kernel.
        (lambda: F.adam_update(X, X, None, X, 0, 0.1), TypeError, "adam_update: m is a NoneType"),
        (lambda: F.sgd_update(X, None, None, 0, 0.1), TypeError, "sgd_update: g is a NoneType"),
        (lambda: F.dense(X, None), TypeError, "dense: weight is a NoneType"),
        (lambda: F.conv2d(None, KERNEL), TypeError, "conv2d: x is a NoneType"),
        # The last place of x, had it wrapped around.
        (lambda: F.take(X, np.array([2**64 - 1], np.uint64)), ValueError, "indices holds 18446744073709551615"),
        (lambda: F.cross_entropy(X, np.full(2, 2**64 - 3, np.uint64)), ValueError, "target holds 18446744073709551613"),
        # Subclasses that mean something else.
        (lambda: F.add(np.ma.masked_array(X, X > 0.5), 1), TypeError, "a is a masked array"),
        # Options.
        (lambda: F.sum(X, axis=True), TypeError, "sum: axis is True; expected an integer"),
        (lambda: F.sum(X, axis=1.5), TypeError, "sum: axis is 1.5; expected an integer"),
        (lambda: F.max_pool2d(IMAGE, None), TypeError, "kernel_size is None; expected an integer or two"),
        (lambda: F.avg_pool2d(IMAGE, 1.5), TypeError, "kernel_size is 1.5; expected an integer or two"),
        (lambda: F.transpose(X, 1), TypeError, "transpose: axes is 1; expected a sequence"),
        (lambda: F.concatenate(3), TypeError, "concatenate: arrays is a int; expected a list or tuple"),
        (lambda: F.sgd_update(X, X, None, 0, True), TypeError, "sgd_update: lr is a bool"),
        (lambda: F.add(X, 10**400), ValueError, "add: b is an integer too large for float32"),
        (lambda: F.greater(2**70, np.arange(3)), ValueError, "greater: a is an integer too large for int64"),
        # Arguments of backwards.
        (lambda: F.take_backward(X[0], [1.0], [0]), TypeError, "take_backward: x is a list"),
        (lambda: F.take_backward([1.0], X[0], [0]), TypeError, "take_backward: grad is a list"),
        (lambda: F.slice_backward(X[0], [1.0], 0), TypeError, "slice_backward: x is a list"),
        (lambda: F.sum_backward([1.0], X), TypeError, "sum_backward: grad is a list"),
        (lambda: F.reshape_backward(X, [1.0], (1,)), TypeError, "reshape_backward: x is a list"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_what_is_an_array_too():
    np.testing.assert_array_equal(F.take(X, []), X[:0])
    np.testing.assert_array_equal(F.take(X, np.array([1], np.uint64)), X[1:])
    np.testing.assert_array_equal(F.max_pool2d(IMAGE, np.array([1, 1])), IMAGE)
    assert F.reshape(X.view(np.matrix), (6,)).shape == (6,)
    assert type(F.reshape(X.view(np.memmap), (6,))) is np.ndarray
    assert F.sgd_update(X, X, None, 0, np.int64(1))[0][0, 0] == 0
