"""Moving elements, beyond what the walk over the registry sees: every element type, tiles and cells, views, errors."""

import itertools

import numpy as np
import pytest

from fastdl._kernels import threads
from fastdl.functional import shape

DTYPES = (np.float32, np.float64, np.int64, np.bool_)


def numbered(sizes, dtype):
    """Different numbers in all places, as far as the dtype has any."""
    x = np.arange(np.prod(sizes, dtype=int)).reshape(sizes)
    return (x * 7 % 3 == 0) if dtype == np.bool_ else x.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(33, 70), (8, 8), (64, 64), (7, 1000), (5, 40, 33), (32, 3, 31, 2), (2, 9, 8, 40)])
def test_transpose_in_every_order(sizes, dtype):
    x = numbered(sizes, dtype)
    for axes in itertools.permutations(range(x.ndim)):
        y = shape.transpose(x, axes)
        assert y.flags.c_contiguous and y.dtype == dtype
        np.testing.assert_array_equal(y, np.transpose(x, axes))


def test_a_large_transposition_is_the_same_for_any_number_of_threads():
    x = numbered((300, 1030), np.float32)
    y = shape.transpose(x)
    np.testing.assert_array_equal(y, x.T)
    with threads.threads(1):
        np.testing.assert_array_equal(y, shape.transpose(x))


def test_what_is_moved_keeps_its_bits():
    x = np.array([[0x7FA00001, 0xFFC12345], [0x80000000, 1]], np.uint32).view(np.float32)  # NaNs with payload, -0
    np.testing.assert_array_equal(shape.transpose(x).view(np.uint32), x.view(np.uint32).T)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("sizes", "full"),
    [
        ((5,), (3, 5)),
        ((4, 1), (4, 5000)),
        ((2, 1, 7), (2, 70, 7)),
        ((), (2, 3)),
        ((1, 3, 1), (40, 3, 33)),
        ((1,), (0,)),
    ],
)
def test_broadcast_to(sizes, full, dtype):
    x = numbered(sizes, dtype)
    y = shape.broadcast_to(x, full)
    assert y.flags.c_contiguous and y.flags.writeable and not np.shares_memory(x, y)
    np.testing.assert_array_equal(y, np.broadcast_to(x, full))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate(axis, dtype):
    arrays = []
    for n in (3, 0, 1, 50):
        sizes = [4, 5, 6]
        sizes[axis] = n
        arrays.append(numbered(sizes, dtype))
    np.testing.assert_array_equal(shape.concatenate(arrays, axis), np.concatenate(arrays, axis))
    np.testing.assert_array_equal(shape.concatenate(tuple(arrays[3:]), axis), arrays[3])


def test_gradients_by_hand():
    x = np.float32([[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(shape.reshape_backward(x.ravel(), x, -1)[0], x)
    np.testing.assert_array_equal(shape.transpose_backward(x.T.copy(), x)[0], x)
    np.testing.assert_array_equal(shape.broadcast_to_backward(x, x[:1], (2, 3))[0], [[5, 7, 9]])
    first, second = shape.concatenate_backward(x, [x[:, :1], x[:, 1:]], axis=1)
    np.testing.assert_array_equal(first, [[1], [4]])
    np.testing.assert_array_equal(second, [[2, 3], [5, 6]])


def test_reshape_shares_memory_and_takes_views():
    x = numbered((4, 6), np.float32)
    assert np.shares_memory(shape.reshape(x, (3, -1)), x)
    np.testing.assert_array_equal(shape.reshape(x[:, ::-2], 12), x[:, ::-2].reshape(12))
    assert shape.reshape(x[:0], (2, 0)).shape == (2, 0)
    assert shape.reshape(np.float64(3), (1, 1)).shape == (1, 1)


def test_views_and_read_only_arrays():
    base = numbered((9, 20), np.float64)
    base.flags.writeable = False
    unaligned = np.frombuffer(b"x" + base.tobytes(), np.uint8)[1:].view(np.float64).reshape(9, 20)
    for x in (base[::-2, 1::3], base.T, unaligned):
        np.testing.assert_array_equal(shape.transpose(x), x.T)
        np.testing.assert_array_equal(shape.concatenate([x, x]), np.concatenate([x, x]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: shape.reshape(x, (4, -1)), ValueError, r"reshape: shape is \(4, -1\), x is \(2, 3\); .*\(6\)"),
        (lambda x: shape.reshape(x, (-1, -1)), ValueError, "at most one -1"),
        (lambda x: shape.reshape(x[:0], (-1, 0)), ValueError, "reshape"),
        (lambda x: shape.reshape(x, (2.0, 3)), TypeError, "expected an integer or a sequence of integers"),
        (lambda x: shape.reshape(x.astype(np.int32), 6), TypeError, r"x has dtype int32; .*astype"),
        (lambda x: shape.transpose(x, (0, 0)), ValueError, "expected each axis of x once"),
        (lambda x: shape.transpose(x, (0,)), ValueError, "expected each axis of x once"),
        (lambda x: shape.broadcast_to(x, (3, 3)), ValueError, r"x \(2, 3\) cannot be broadcast to shape \(3, 3\)"),
        (lambda x: shape.broadcast_to(x, 3), ValueError, "cannot be broadcast"),
        (lambda x: shape.concatenate(x), TypeError, "arrays is a ndarray; expected a list or tuple"),
        (lambda x: shape.concatenate([]), TypeError, "arrays is empty"),
        (lambda x: shape.concatenate([x, x[:, :2]]), ValueError, r"arrays\[1\] is \(2, 2\), arrays\[0\] is \(2, 3\)"),
        (lambda x: shape.concatenate([x, x.astype(np.float64)]), TypeError, r"arrays\[1\] has dtype float64"),
        (lambda x: shape.concatenate([x[0, 0], x]), ValueError, "no dimensions"),
        (
            lambda x: shape.transpose_backward(x, x),
            ValueError,
            r"transpose_backward: grad has shape \(2, 3\).*\(3, 2\)",
        ),
        (lambda x: shape.concatenate_backward(x, [x, x]), ValueError, r"grad has shape \(2, 3\).*\(4, 3\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones((2, 3), np.float32))
