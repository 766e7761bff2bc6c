"""Functions that move elements: NumPy's results, repeated positions, wrong arguments."""

from typing import Any

import numpy as np
import pytest

from fastdl import reference

X = np.arange(24.0).reshape(2, 3, 4)


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)
    assert result.shape == np.shape(expected) and result.dtype == np.float64
    assert not np.shares_memory(result, X)


@pytest.mark.parametrize("shape", [24, -1, (4, 6), (2, -1), (-1, 3, 2), (1, 24, 1), (2, 2, 3, 2)])
def test_reshape(shape: Any) -> None:
    check(reference.reshape(X, shape), np.reshape(X, shape))


def test_reshape_of_one_and_of_no_elements() -> None:
    check(reference.reshape(5, (1, 1)), [[5.0]])
    check(reference.reshape([[5]], ()), 5.0)
    check(reference.reshape(np.zeros((0, 3)), (-1, 2, 3)), np.zeros((0, 2, 3)))


@pytest.mark.parametrize("axes", [None, (0, 1, 2), (2, 0, 1), (-1, 0, -2), [1, 2, 0]])
def test_transpose(axes: Any) -> None:
    check(reference.transpose(X, axes), np.transpose(X, axes))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate(axis: int) -> None:
    other = np.take(X, [1, 0, 1], axis) + 100
    empty = np.take(X, np.zeros(0, int), axis)
    check(reference.concatenate([X, empty, other], axis), np.concatenate([X, empty, other], axis))
    check(reference.concatenate([X]), X)


INDICES = [np.s_[0], np.s_[-1, 2], np.s_[:], np.s_[..., 1], np.s_[1, ..., ::-1], np.s_[:, None, 1:, -3:-1]]
INDICES += [np.s_[1, 2, 3], np.s_[()], np.s_[...], np.s_[None], np.s_[:, 5:, ::2], np.s_[:, ::-2, 3:0:-1]]
INDICES += [np.s_[0, :, ..., None], np.s_[None, ..., None, 2], np.s_[np.int64(1), np.int32(0)]]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_slice(index: Any) -> None:
    check(reference.slice(X, index), X[index])
    expected = np.zeros(X.shape)
    expected[index] = X[index] + 1
    np.testing.assert_array_equal(reference.slice_backward(X[index] + 1, X, index)[0], expected)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize(
    "indices", [1, [0, 1, 1], [[-1, 0], [1, -2]], np.zeros((0, 2), int), [], np.array([1, 0], np.uint8)]
)
def test_take(indices: Any, axis: int) -> None:
    check(reference.take(X, indices, axis), np.take(X, np.asarray(indices, int), axis))


@pytest.mark.parametrize("axis", [0, 1, -2])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 1, 4), (1, 3, 4), (1, 3, 1), (1, 1, 1)])
def test_take_along_axis(shape: Any, axis: int) -> None:
    indices = np.random.default_rng(0).integers(-2, 2, shape)
    check(reference.take_along_axis(X, indices, axis), np.take_along_axis(X, indices, axis))
    narrow = X[:, :2, :1] if axis else X[:, :1, :1]
    check(
        reference.take_along_axis(narrow, indices[:, :1], axis),
        np.take_along_axis(narrow, indices[:, :1], axis),
    )


def test_what_is_taken_twice_receives_both_gradients() -> None:
    assert reference.take_backward([1, 10, 100], [7, 8], [1, 0, -1])[0].tolist() == [10, 101]
    gradient, none = reference.take_along_axis_backward([[1, 10, 100]], [[7, 8]], [[1, 0, -1]], 1)
    assert gradient.tolist() == [[10, 101]] and none is None


@pytest.mark.parametrize("shape", [(2, 3, 4), (5, 2, 3, 4), (1, 2, 3, 4)])
def test_broadcast_to(shape: Any) -> None:
    check(reference.broadcast_to(X, shape), np.broadcast_to(X, shape))
    check(reference.broadcast_to(X[:, :1], shape), np.broadcast_to(X[:, :1], shape))
    check(reference.broadcast_to(3, shape), np.full(shape, 3.0))


@pytest.mark.parametrize(
    ("op", "arguments", "message"),
    [
        ("reshape", (X, (5, 5)), "shape is .5, 5., x is .2, 3, 4."),
        ("reshape", (X, (-1, 5)), "shape is .-1, 5."),
        ("reshape", (X, (-1, -1)), "shape is .-1, -1."),
        ("reshape", (X, (-4, -6)), "shape is .-4, -6."),
        ("reshape", (np.zeros((0, 3)), (0, -1)), "shape is .0, -1."),
        ("transpose", (X, (0, 1)), "axes is .0, 1., x is .2, 3, 4."),
        ("transpose", (X, (0, 1, -2)), "axes is .0, 1, -2."),
        ("transpose", (X, (0, 1, 3)), "axis is 3, x has 3 dimensions"),
        ("concatenate", ([],), "arrays is .*; expected at least one array"),
        ("concatenate", ([1, 2],), "expected at least one array, with at least one dimension"),
        ("concatenate", ([[1], [[2]]],), "arrays are .1,., .1, 1.; expected the same sizes"),
        ("concatenate", ([[[1]], [[2, 3]]],), "arrays are .1, 1., .1, 2."),
        ("concatenate", ([[1], [2]], 1), "axis is 1"),
        ("slice", (X, (0, 3)), "index 3 is outside axis 1 of x .2, 3, 4."),
        ("slice", (X, (0, 0, 0, 0)), "expected at most 3 axes"),
        ("slice", (X, (..., 0, ...)), "at most one"),
        ("slice", (X, ([0, 1],)), "expected integers, slices"),
        ("slice", (X, True), "expected integers, slices"),
        ("take", (X, [0, 2]), "indices range from 0 to 2; expected positions from -2 to 1"),
        ("take", (X, [-3]), "indices range from -3 to -3"),
        ("take", (X, [0.0]), "indices must be an array of integers"),
        ("take", (X, [0], 3), "axis is 3"),
        ("take_along_axis", (X, [0], 0), "indices is .1,., x is .2, 3, 4."),
        ("take_along_axis", (X, np.zeros((1, 2, 4), int), 0), "indices is .1, 2, 4., x is .2, 3, 4."),
        ("take_along_axis", (X, np.full((1, 3, 4), 2), 0), "indices range from 2 to 2"),
        ("broadcast_to", (X, (2, 3)), "x .2, 3, 4. cannot be broadcast to shape .2, 3."),
        ("broadcast_to", (X, (2, 3, 5)), "x .2, 3, 4. cannot be broadcast"),
    ],
)
def test_wrong_arguments(op: str, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{op}: .*({message})"):
        getattr(reference, op)(*arguments)
    with pytest.raises(ValueError, match=f"^{op}_backward: .*({message})"):
        getattr(reference, f"{op}_backward")(0, *arguments)
