"""Reductions: NumPy's values over all kinds of axes, ties, NaN, nothing to reduce, wrong axes."""

import math
from typing import Any

import numpy as np
import pytest

from fastdl import reference
from fastdl.reference import argmax, max_backward, mean_backward, min_backward, sum_backward

X = np.random.default_rng(0).integers(-9, 10, (2, 3, 4)).astype(float)


@pytest.mark.parametrize("op", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, -2), (), (0, 1, 2), [1]])
@pytest.mark.parametrize("keepdims", [False, True])
def test_values_are_numpys(op: str, axis: Any, keepdims: bool) -> None:
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis
    result, expected = (
        getattr(reference, op)(X, axis, keepdims),
        getattr(np, op)(X, axis=numpy_axis, keepdims=keepdims),
    )
    np.testing.assert_allclose(result, expected, rtol=1e-15)
    assert result.shape == np.shape(expected)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_argmax_is_numpys(axis: int | None) -> None:
    x = X.copy()
    np.testing.assert_array_equal(argmax(x, axis), np.argmax(x, axis))
    x[1, 1, 2] = x[1, 2, 3] = np.nan
    np.testing.assert_array_equal(argmax(x, axis), np.argmax(x, axis))
    assert argmax(x, axis).dtype == np.int64


def test_the_first_of_equal_maxima() -> None:
    assert argmax([3, 5, 5]) == 1
    assert argmax([[1, 1], [1, 1]], axis=0).tolist() == [0, 0]


def test_gradients_by_hand() -> None:
    x = [[1, 2, 3], [4, 5, 6]]
    assert sum_backward(7, x)[0].tolist() == [[7, 7, 7], [7, 7, 7]]
    assert sum_backward([[1], [2]], x, 1, True)[0].tolist() == [[1, 1, 1], [2, 2, 2]]
    assert mean_backward([3, 6], x, 1)[0].tolist() == [[1, 1, 1], [2, 2, 2]]


def test_ties_share_the_gradient() -> None:
    x = [[1, 3, 3], [2, 2, 2]]
    assert max_backward([6, 6], x, 1)[0].tolist() == [[0, 3, 3], [2, 2, 2]]
    assert min_backward([6, 6], x, 1)[0].tolist() == [[6, 0, 0], [2, 2, 2]]
    assert max_backward(6, x)[0].tolist() == [[0, 3, 3], [0, 0, 0]]


def test_nan_is_the_maximum_and_the_minimum() -> None:
    x = [1, math.nan, 3, math.nan]
    assert math.isnan(reference.max(x)) and math.isnan(reference.min(x))
    assert max_backward(6, x)[0].tolist() == min_backward(6, x)[0].tolist() == [0, 3, 0, 3]


@pytest.mark.filterwarnings("error")
def test_nothing_to_reduce() -> None:
    empty = np.zeros((2, 0))
    assert reference.sum(empty, 1).tolist() == [0, 0]
    assert np.isnan(reference.mean(empty, 1)).all()
    assert reference.max(empty, 0).shape == (0,)
    for op in ("sum", "mean"):
        assert getattr(reference, f"{op}_backward")([1, 1], empty, 1)[0].shape == (2, 0)
    for op in ("max", "min", "argmax"):
        with pytest.raises(ValueError, match=f"^{op}: x is .2, 0., axis is 1; expected at least one element"):
            getattr(reference, op)(empty, 1)


@pytest.mark.parametrize(("axis", "message"), [(2, "axis is 2, x has 2"), ((0, -2), "expected each axis once")])
def test_wrong_axes(axis: Any, message: str) -> None:
    for op in ("sum", "mean", "max", "min"):
        with pytest.raises(ValueError, match=f"^{op}: .*{message}"):
            getattr(reference, op)([[1, 2]], axis)
        with pytest.raises(ValueError, match=f"^{op}_backward: .*{message}"):
            getattr(reference, f"{op}_backward")(1, [[1, 2]], axis)
