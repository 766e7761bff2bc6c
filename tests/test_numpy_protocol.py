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


def test_tensors_are_not_changed_in_place():
    def change(x):
        x[0] = 1.0
        return x

    with pytest.raises(fd.RecordingError, match="assigned to; use F.where"):
        fd.compile(change)(X)
