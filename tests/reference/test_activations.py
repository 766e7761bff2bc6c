"""Activations and softmax: values, the ends of the number range, NaN."""

import math

import numpy as np
import pytest

from fastdl import reference
from fastdl.reference import (
    log_softmax,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    tanh,
    tanh_backward,
)

INF, NAN = math.inf, math.nan


def test_relu() -> None:
    assert relu([-INF, -1, 0, 2, INF]).tolist() == [0, 0, 0, 2, INF]
    assert math.isnan(relu([NAN])[0])
    assert relu_backward([1, 2, 3, 4], [-1, 0, 5, NAN])[0].tolist() == [0, 0, 3, 4]
    assert relu_backward([INF], [-1])[0].tolist() == [0]


def test_sigmoid() -> None:
    assert sigmoid([-INF, 0, INF]).tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(sigmoid([1, -1]), [math.e / (1 + math.e), 1 / (1 + math.e)], rtol=1e-15)
    np.testing.assert_allclose(sigmoid([-700]), [math.exp(-700)], rtol=1e-13)
    np.testing.assert_allclose(sigmoid_backward([1, 1], [50, -50])[0], [math.exp(-50)] * 2, rtol=1e-13)
    assert math.isnan(sigmoid([NAN])[0])


def test_tanh() -> None:
    assert tanh([-INF, 0, INF]).tolist() == [-1, 0, 1]
    np.testing.assert_allclose(tanh([1]), [(math.e**2 - 1) / (math.e**2 + 1)], rtol=1e-15)
    np.testing.assert_allclose(tanh_backward([1, 1], [30, -30])[0], [4 * math.exp(-60)] * 2, rtol=1e-13)
    assert tanh_backward([1], [1000])[0].tolist() == [0]


def test_softmax() -> None:
    np.testing.assert_allclose(softmax([0, math.log(2), math.log(5)]), [1 / 8, 2 / 8, 5 / 8], rtol=1e-15)
    np.testing.assert_allclose(softmax([1e4, 1e4 + math.log(3)]), [0.25, 0.75], rtol=1e-11)
    assert softmax([-INF, 3]).tolist() == [0, 1]
    assert np.isnan(softmax([[NAN, 1], [-INF, -INF]])).all()
    x = [[1, 2, 3], [4, 6, 8]]
    np.testing.assert_allclose(softmax(x, 0).sum(axis=0), 1, rtol=1e-15)
    np.testing.assert_allclose(softmax(x, axis=-1).sum(axis=1), 1, rtol=1e-15)


def test_log_softmax() -> None:
    np.testing.assert_allclose(log_softmax([[1, 2, 3]]), np.log(softmax([[1, 2, 3]])), rtol=1e-14)
    assert log_softmax([0, -1000]).tolist() == [0, -1000]  # where the logarithm of softmax would be -inf
    assert log_softmax([-INF, 3]).tolist() == [-INF, 0]


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_empty_arrays_and_wrong_axes(op: str) -> None:
    function, backward = getattr(reference, op), getattr(reference, f"{op}_backward")
    for shape in ((0, 3), (3, 0)):
        assert function(np.zeros(shape)).shape == shape
        assert backward(np.zeros(shape), np.zeros(shape))[0].shape == shape
    with pytest.raises(ValueError, match=f"^{op}: axis is 2, x has 2 dimensions"):
        function([[1, 2]], 2)
    with pytest.raises(ValueError, match=f"^{op}: axis is -1, x has 0 dimensions"):
        function(1.0)
