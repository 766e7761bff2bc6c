"""Slices and lists of positions, beyond what the walk over the registry sees: every element type, order, errors."""

import numpy as np
import pytest

from fastdl._kernels import threads
from fastdl.functional import _moving, indexing
from fastdl.ops import Spec

DTYPES = (np.float32, np.float64, np.int64, np.bool_)
INDICES = [
    np.s_[1],
    np.s_[-1, ..., 0],
    np.s_[::-1],
    np.s_[:, 3:0:-2, None],
    np.s_[..., 5:2],
    np.s_[None, 2:, :, -3:],
    np.s_[1, 2, 3],
    (),
    None,
    np.s_[::2, 1:2, ::3],
]


def numbered(sizes, dtype):
    x = np.arange(np.prod(sizes, dtype=int)).reshape(sizes)
    return (x * 7 % 3 == 0) if dtype == np.bool_ else x.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_slices_as_views_and_as_kernels(index, dtype):
    x = numbered((4, 5, 6), dtype)
    y = indexing.slice(x, index)
    assert isinstance(y, np.ndarray)
    np.testing.assert_array_equal(y, x[index])
    attributes, result = _moving.slice_attributes(_moving.entries_of("slice", x, index))
    (copied,) = indexing._slice(x, **attributes)
    np.testing.assert_array_equal(copied.reshape(result), x[index])
    start = indexing._view_slice(Spec(x.shape, x.dtype), **attributes)
    if start is not None:
        np.testing.assert_array_equal(x.ravel()[start : start + y.size], y.ravel())


def test_contiguous_slices_are_known_as_views():
    x = Spec((4, 5, 6), np.dtype(np.float32))
    for index, start in [(np.s_[1:3], 30), (np.s_[2, 1:3], 66), (np.s_[3, 4, 2:4], 116), (np.s_[:, 1:2], None)]:
        attributes, _ = _moving.slice_attributes(_moving.entries_of("slice", x, index))
        assert indexing._view_slice(x, **attributes) == start


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_the_gradient_of_a_slice(index):
    x = numbered((4, 5, 6), np.float32)
    g = np.random.default_rng(0).standard_normal(x[index].shape).astype(np.float32)
    expected = np.zeros_like(x)
    expected[index] = g
    np.testing.assert_array_equal(indexing.slice_backward(g, x, index)[0], expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_take_from_either_end(axis, dtype):
    x = numbered((7, 8, 70), dtype)
    indices = np.random.default_rng(1).integers(-7, 7, size=(3, 40))
    np.testing.assert_array_equal(indexing.take(x, indices, axis), np.take(x, indices, axis))
    np.testing.assert_array_equal(indexing.take(x, [1, -2], axis), np.take(x, [1, -2], axis))
    np.testing.assert_array_equal(indexing.take(x, np.int32(3), axis), np.take(x, 3, axis))
    assert indexing.take(x, np.zeros((0, 2), np.int64), axis).size == 0
    along = np.random.default_rng(2).integers(-7, 7, size=x.shape)
    np.testing.assert_array_equal(indexing.take_along_axis(x, along, axis), np.take_along_axis(x, along, axis))


@pytest.mark.parametrize("sizes", [(50, 100), (3, 50, 40), (2, 50), (50,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_add_up_in_order(sizes, dtype):
    """The sums are those of the loop over the positions, to the bit, for any number of threads."""
    axis = sizes.index(50)
    rng = np.random.default_rng(3)
    indices = rng.integers(-50, 50, size=3000)
    x = np.zeros(sizes, dtype)
    g = rng.standard_normal((*sizes[:axis], 3000, *sizes[axis + 1 :])).astype(dtype)
    expected = np.zeros_like(x)
    for k, at in enumerate(indices):
        expected[(slice(None),) * axis + (at,)] += g[(slice(None),) * axis + (k,)]
    dx, none = indexing.take_backward(g, x, indices, axis)
    assert none is None
    np.testing.assert_array_equal(dx, expected)
    along = np.broadcast_to(indices.reshape((1,) * axis + (-1,) + (1,) * (len(sizes) - axis - 1)), g.shape)
    np.testing.assert_array_equal(indexing.take_along_axis_backward(g, x, along, axis)[0], expected)
    with threads.threads(1):
        np.testing.assert_array_equal(indexing.take_backward(g, x, indices, axis)[0], expected)


def test_take_along_axis_broadcasts_both():
    x, indices = numbered((1, 4, 3), np.float64), np.array([[[1]], [[-1]]])
    y = indexing.take_along_axis(x, indices, 1)
    np.testing.assert_array_equal(y, [[[3, 4, 5]], [[9, 10, 11]]])
    dx, _ = indexing.take_along_axis_backward(np.ones_like(y), x, indices, 1)
    np.testing.assert_array_equal(dx[0], [[0] * 3, [1] * 3, [0] * 3, [1] * 3])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: indexing.slice(x, 2), IndexError, r"index 2 is outside axis 0 of x \(2, 3\); expected -2..1"),
        (lambda x: indexing.slice(x, (0, 0, 0)), IndexError, "expected at most 2 axes"),
        (lambda x: indexing.slice(x, (..., ...)), IndexError, "at most one"),
        (lambda x: indexing.slice(x, [0]), TypeError, "index holds a list; .*use take"),
        (lambda x: indexing.slice(x, True), TypeError, "index holds a bool"),
        (lambda x: indexing.take(x, [0, 2]), IndexError, r"take: .* outside axis 0 of x \(2, 3\); expected -2 <="),
        (lambda x: indexing.take(x, -4, 1), IndexError, r"outside axis 1 .* -3 <= position < 3"),
        (lambda x: indexing.take(x[:0], 0), IndexError, "outside axis 0"),
        (lambda x: indexing.take(x, [0.5]), TypeError, "indices has dtype float64"),
        (lambda x: indexing.take_backward(x, x, [0, 5]), IndexError, "take_backward: indices"),
        (lambda x: indexing.take_backward(x, x, [0]), ValueError, r"grad has shape \(2, 3\).*\(1, 3\)"),
        (lambda x: indexing.take_along_axis(x, np.array([[3]]), 1), IndexError, "take_along_axis: indices"),
        (lambda x: indexing.take_along_axis(x, np.array([0]), 1), ValueError, r"indices \(1,\), x \(2, 3\)"),
        (lambda x: indexing.take_along_axis(x, np.zeros((3, 1), np.int64), 1), ValueError, "broadcast together"),
        (lambda x: indexing.take_along_axis_backward(x, x, np.array([[0]]), 1), ValueError, r"grad has shape \(2, 3\)"),
        (lambda x: indexing.slice_backward(x, x, 0), ValueError, r"slice_backward: grad has shape \(2, 3\).*\(3,\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones((2, 3), np.float32))


def test_a_program_works_again_after_an_error():
    x = np.float32([1, 2])
    with pytest.raises(IndexError):
        indexing.take(x, np.array([2]))
    np.testing.assert_array_equal(indexing.take(x, np.array([1])), [2])
