"""NumPy's functions on recorded tensors: the spellings that NumPy takes, and what it refuses."""

import numpy as np
import pytest

import fastdl as fd

X = np.random.default_rng(3).standard_normal((2, 3))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.clip(x, -0.5, 0.5),
        lambda x: np.clip(x, a_min=-0.5, a_max=0.5),
        lambda x: np.clip(x, min=-0.5),
        lambda x: np.expand_dims(x, (0, -1)),
        lambda x: np.expand_dims(x, -1),
        lambda x: np.squeeze(x[None, :, None]),
        lambda x: np.squeeze(x[None], axis=np.int64(0)),
        lambda x: np.squeeze(x[:1], axis=(0,)),
        lambda x: np.stack([x, 2 * x], axis=-1),
        lambda x: x.flatten(),
        lambda x: np.int64(3) * x,
        lambda x: x / np.prod(x.shape),
        lambda x: x ** np.int64(2),
        lambda x: np.asarray(2.0) * x,
        lambda x: np.multiply(x, np.int32(2)),
        lambda x: np.einsum("ij,kj->ik", x, x, optimize=True),
        lambda x: np.einsum("ij->j", x),
        lambda x: np.cumsum(x),
        lambda x: np.cumsum(x, axis=1),
        lambda x: np.clip(x, np.zeros(3), 1.0),
        lambda x: np.clip(x, None, np.float64(0.2)),
        lambda x: np.square(x),
        lambda x: np.var(x, axis=0, ddof=1),
        lambda x: np.std(x, keepdims=True),
        lambda x: np.swapaxes(x, 0, -1),
        lambda x: np.flip(x, (0, 1)),
        lambda x: np.concatenate(np.split(x, [1], axis=1)[::-1], axis=1),
        lambda x: np.where(np.logical_and(x > 0, np.logical_not(x > 1)), x, 0),
        lambda x: np.where((x > 0) & ~(x > 1) | (x < -1), x, 0),
        lambda x: np.where(np.array([True, False, True]) & (x > 0), x, 0),
        lambda x: np.where(np.logical_or(x > 0, True), x, 0),
        lambda x: np.sum(x, dtype=np.float64),
        lambda x: np.sum(x, axis=0, dtype=x.dtype),
        lambda x: np.mean(x, 1, dtype=np.float64),
        lambda x: np.add.reduce(x, axis=1, dtype=np.float64),
        lambda x: x.var(0, ddof=1) + x.std(axis=0),
        lambda x: x.clip(0, 1).cumsum(axis=0).swapaxes(0, 1),
        lambda x: x[None].squeeze(),
        lambda x: np.dot(x, 2.0) + np.dot(np.float64(3), x),
        lambda x: np.dot(x, np.ones((4, 3, 5))) + np.dot(x[0], x[1]),
        lambda x: np.dot(np.ones((4, 2)), x),
        lambda x: np.dot(np.stack([x, 2 * x]), np.stack([x.T, 3 * x.T])),
    ],
)
def test_recorded_as_numpy_does_it(function):
    found = fd.compile(function)(X)
    np.testing.assert_allclose(found, function(X), rtol=1e-14)
    assert found.shape == function(X).shape and found.dtype == function(X).dtype


@pytest.mark.parametrize(
    "function", [lambda x: np.squeeze(x, axis=0), lambda x: np.squeeze(x, axis=5), lambda x: np.expand_dims(x, 7)]
)
def test_refused_as_numpy_does_it(function):
    with pytest.raises(ValueError) as ours:
        fd.compile(function)(X)
    with pytest.raises(ValueError) as theirs:
        function(X)
    assert str(ours.value) == str(theirs.value)


def test_another_dtype_for_the_sum_is_refused():
    with pytest.raises(TypeError, match="sum: dtype is <class 'numpy.float32'>, x is float64; .*use astype"):
        fd.compile(lambda x: np.sum(x, dtype=np.float32))(X)


def test_what_cannot_be_recorded_names_what_can():
    with pytest.raises(
        fd.RecordingError, match=r"np\.nanmax cannot be recorded; did you mean np\.max\? It lets NaN through"
    ):
        fd.compile(lambda x: np.nanmax(x))(X)
    with pytest.raises(
        fd.RecordingError, match=r"np\.heaviside cannot .* functions of fastdl\.functional: abs, .* where"
    ):
        fd.compile(lambda x: np.heaviside(x, 0.0))(X)


def test_a_method_that_cannot_be_recorded_is_not_taken_for_its_function():
    with pytest.raises(fd.RecordingError, match=r"np\.logical_and\.reduce cannot be recorded; write it"):
        fd.compile(lambda x: np.logical_and.reduce(x > 0))(X)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.max(x, initial=0.0), r"np\.max on a recorded tensor: .*'initial'; it takes \(x.*axis.*keepdims"),
        (lambda x: np.zeros_like(x, dtype=bool), r"np\.zeros_like on .*'dtype'; it takes \(x\)"),
        (lambda x: np.mean(x, 0, None, None, True), r"np\.mean on a recorded tensor: too many positional arguments"),
        (lambda x: np.add.reduce(x, initial=1.0), r"np\.add\.reduce on a recorded tensor: .*'initial'"),
    ],
)
def test_an_argument_that_is_not_taken_is_named_with_the_function(function, message):
    with pytest.raises(TypeError, match=message):
        fd.compile(function)(X)


def test_tensors_are_not_changed_in_place():
    def change(x):
        x[0] = 1.0
        return x

    with pytest.raises(fd.RecordingError, match="assigned to; use F.where"):
        fd.compile(change)(X)
