"""Functions that add, drop, swap and turn axes, and split: every element type, views, errors."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F

DTYPES = (np.float32, np.float64, np.int64, np.bool_)
CALLS = [
    ("stack", lambda m, x: m.stack([x, x], -1)),
    ("stack of single numbers", lambda m, x: m.stack([x[0, 0, 0], x[1, 0, 2]])),
    ("expand_dims", lambda m, x: m.expand_dims(x, (0, -1))),
    ("squeeze", lambda m, x: m.squeeze(x)),
    ("squeeze one", lambda m, x: m.squeeze(x, 1)),
    ("swapaxes", lambda m, x: m.swapaxes(x, 0, -1)),
    ("flip", lambda m, x: m.flip(x)),
    ("flip two", lambda m, x: m.flip(x, (0, 2))),
    ("split", lambda m, x: m.concatenate(m.split(x, 2)[::-1], 0)),
    ("split at", lambda m, x: m.concatenate(m.split(x, [1, 1, 2], axis=2)[::-1], 2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", [call for _, call in CALLS], ids=[name for name, _ in CALLS])
def test_as_numpy_in_every_dtype(call, dtype):
    x = (np.arange(12).reshape(4, 1, 3) * 7 % 5).astype(dtype)
    expected = call(np, x)
    for found in (call(F, x), fd.compile(lambda x: call(F, x))(x)):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)


def test_split_gives_a_list_of_views_with_gradients():
    x = np.arange(6.0)
    parts = F.split(x, 3)
    assert isinstance(parts, list) and all(part.base is x for part in parts)
    grad = fd.grad(lambda x: np.sum(np.stack([k * part for k, part in enumerate(F.split(x, 3))])))(x)
    np.testing.assert_array_equal(grad, [0, 0, 1, 1, 2, 2])


X = np.zeros((2, 1, 3))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: F.stack([]), TypeError, "stack: arrays is empty; expected a list or tuple of at least one array"),
        (lambda: F.stack(X), TypeError, "stack: arrays is a ndarray"),
        (lambda: F.stack([X, X[0]]), ValueError, "arrays[1] is (1, 3), arrays[0] is (2, 1, 3); expected one shape"),
        (lambda: F.stack([X, X > 0]), TypeError, "arrays[1] has dtype bool but arrays[0] has float64"),
        (lambda: F.stack([X], axis=4), ValueError, "stack: axis is 4; expected -4 <= axis < 4"),
        (lambda: F.expand_dims(X, 4), ValueError, "expand_dims: axis is 4; expected -4 <= axis < 4"),
        (lambda: F.expand_dims(X, (0, 0)), ValueError, "expand_dims: axis (0, 0) names an axis twice"),
        (lambda: F.squeeze(X, 0), ValueError, "squeeze: axis 0 of x (2, 1, 3) has size 2; expected axes of size 1"),
        (lambda: F.swapaxes(X, 0, 3), ValueError, "swapaxes: axis is 3"),
        (lambda: F.flip(X, 3), ValueError, "flip: axis is 3"),
        (lambda: F.split(X, 2, axis=2), ValueError, "split: 2 parts of axis 2 of x (2, 1, 3); expected a divisor of 3"),
        (lambda: F.split(X, 1.5), TypeError, "split: indices_or_sections is 1.5; expected an integer or a list"),
        (lambda: F.split(X, [1.5]), TypeError, "split: indices_or_sections is [1.5]; expected an integer or a list"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
