"""dense and matmul beyond what the walk over the registry sees: every kernel, tile edges, threads, corners, errors."""

import numpy as np
import pytest

from fastdl import functional as F
from fastdl._kernels import threads
from fastdl.ops import PRIMITIVES

DTYPES = (np.float32, np.float64)
# (M, N, K): the small kernel, sums of few terms, long sums, edges of tiles, single rows and columns, several pieces.
SIZES = [
    (10, 4, 2),
    (5, 3, 7),
    (1, 1, 600),
    (1, 300, 40),
    (300, 1, 40),
    (33, 65, 19),
    (64, 64, 64),
    (66, 270, 31),
    (70, 130, 1100),
    (9, 513, 300),
    (1000, 6, 3),
    (8, 100, 2050),  # few rows
    (3, 700, 130),
    (24, 200, 64),  # b in place
    (200, 600, 512),  # b packed for several tiles, rows of a copied
    (10, 64, 4100),  # parts of sums
    (130, 17, 5000),
]


def tolerance(dtype, terms):
    return 4 * np.finfo(dtype).eps * max(1, terms)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("transpose_a", "transpose_b"), [(False, False), (False, True), (True, False), (True, True)])
def test_every_kernel_with_either_factor_transposed_for_any_number_of_threads(size, transpose_a, transpose_b, dtype):
    m, n, k = size
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (m, k)).astype(dtype), rng.uniform(-1, 1, (k, n)).astype(dtype)
    factors = np.ascontiguousarray(a.T) if transpose_a else a, np.ascontiguousarray(b.T) if transpose_b else b
    (y,) = PRIMITIVES["matmul"](*factors, transpose_a=transpose_a, transpose_b=transpose_b)
    np.testing.assert_allclose(y, a.astype(np.float64) @ b, rtol=0, atol=tolerance(dtype, k))
    with threads.threads(1):
        (alone,) = PRIMITIVES["matmul"](*factors, transpose_a=transpose_a, transpose_b=transpose_b)
    np.testing.assert_array_equal(y, alone)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_transposed_view_is_read_as_it_lies(dtype):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (40, 70)).astype(dtype), rng.uniform(-1, 1, (90, 40)).astype(dtype)
    (expected,) = PRIMITIVES["matmul"](a, b, transpose_a=True, transpose_b=True)
    np.testing.assert_array_equal(F.matmul(a.T, b.T), expected)
    np.testing.assert_allclose(F.matmul(a.T, b.T), a.T.astype(np.float64) @ b.T, rtol=0, atol=tolerance(dtype, 40))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(10, 4, 2), (33, 65, 19), (70, 130, 300), (5, 20, 3000), (10, 64, 4100)])
@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
def test_dense_in_every_kernel(size, activation, dtype):
    m, n, k = size
    rng = np.random.default_rng(1)
    x, weight, bias = (rng.uniform(-1, 1, s).astype(dtype) for s in ((m, k), (n, k), (n,)))
    z = x.astype(np.float64) @ weight.T + bias
    expected = {
        None: z,
        "relu": np.maximum(z, 0),
        "tanh": np.tanh(z),
        "sigmoid": 1 / (1 + np.exp(-z)),
    }[activation]
    y = F.dense(x, weight, bias, activation=activation)
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance(dtype, k))
    with threads.threads(1):
        np.testing.assert_array_equal(y, F.dense(x, weight, bias, activation=activation))
    out = np.full_like(y, np.nan)
    assert F.dense(x, weight, bias, activation=activation, out=out) is out
    np.testing.assert_array_equal(out, y)


def test_dense_by_hand():
    x, weight, bias = np.float64([[1, 2]]), np.float64([[1, 1], [1, -1]]), np.float64([10, 0])
    np.testing.assert_array_equal(F.dense(x, weight, bias), [[13, -1]])
    dx, dweight, dbias = F.dense_backward(np.float64([[1, 10]]), x, weight, bias)
    np.testing.assert_array_equal(dx, [[11, -9]])
    np.testing.assert_array_equal(dweight, [[1, 2], [10, 20]])
    np.testing.assert_array_equal(dbias, [1, 10])
    # With relu the second unit is off: nothing flows back through it.
    dx, dweight, dbias = F.dense_backward(np.float64([[1, 10]]), x, weight, bias, activation="relu")
    np.testing.assert_array_equal(dx, [[1, 1]])
    np.testing.assert_array_equal(dweight, [[1, 2], [0, 0]])
    np.testing.assert_array_equal(dbias, [1, 0])


def test_backward_takes_the_output_that_was_saved():
    rng = np.random.default_rng(2)
    x, weight, bias = rng.standard_normal((6, 5)), rng.standard_normal((3, 5)), rng.standard_normal(3)
    grad = rng.standard_normal((6, 3))
    output = F.dense(x, weight, bias, activation="tanh")
    saved = F.dense_backward(grad, x, weight, bias, activation="tanh", output=output)
    anew = F.dense_backward(grad, x, weight, bias, activation="tanh")
    for a, b in zip(saved, anew, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_bias_its_gradient_is_none():
    x, weight = np.ones((2, 3)), np.ones((4, 3))
    assert F.dense_backward(np.ones((2, 4)), x, weight)[2] is None


@pytest.mark.parametrize("m", [3, 40])
def test_a_sum_of_no_terms_is_the_bias(m):
    bias = np.float32([1, -2])
    y = F.dense(np.empty((m, 0), np.float32), np.empty((2, 0), np.float32), bias, activation="relu")
    np.testing.assert_array_equal(y, np.tile(np.float32([1, 0]), (m, 1)))
    np.testing.assert_array_equal(F.matmul(np.empty((m, 0)), np.empty((0, 300))), np.zeros((m, 300)))


def test_matmul_shapes_follow_numpy():
    rng = np.random.default_rng(3)
    shapes = [
        ((3,), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3,)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 2)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (6, 3, 4)),
        ((0, 2, 3), (3, 4)),
        ((2, 3), (3, 0)),
    ]
    for a, b in shapes:
        a, b = rng.standard_normal(a), rng.standard_normal(b)
        y = F.matmul(a, b)
        np.testing.assert_allclose(y, np.matmul(a, b), atol=1e-14)
        assert isinstance(y, np.ndarray)


def test_stacks_of_large_matrices_that_broadcast():
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((3, 1, 40, 50)), rng.standard_normal((2, 50, 60))
    np.testing.assert_allclose(F.matmul(a, b), a @ b, atol=1e-12)
    grad = rng.standard_normal((3, 2, 40, 60))
    da, db = F.matmul_backward(grad, a, b)
    np.testing.assert_allclose(da, (grad @ b.swapaxes(-1, -2)).sum(1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(db, (a.swapaxes(-1, -2) @ grad).sum(0), atol=1e-12)


@pytest.mark.parametrize("size", [(4, 3, 5), (40, 50, 60), (40, 50, 4)])
def test_nan_and_infinity_stay_in_their_row_and_column(size):
    m, n, k = size
    a, b = np.ones((m, k)), np.ones((k, n))
    a[1, 2], b[3, 2] = np.nan, np.inf
    y = F.matmul(a, b)
    assert np.all(np.isnan(y[1]))
    rest = np.delete(y, 1, axis=0)
    assert np.all(np.isinf(rest[:, 2]))
    assert np.all(np.delete(rest, 2, axis=1) == k)
    assert np.all(np.isnan(F.dense(a, b.T.copy(), activation="relu")[1]))


def test_strided_read_only_and_unaligned_arguments():
    rng = np.random.default_rng(5)
    x, weight = rng.standard_normal((12, 20))[::2, ::-1], rng.standard_normal((20, 7)).T
    raw = np.zeros(8 * 7 + 1, np.uint8)
    bias = raw[1:].view(np.float64)
    bias[:] = rng.standard_normal(7)
    for a in (x, weight, bias):
        a.flags.writeable = False
    np.testing.assert_allclose(F.dense(x, weight, bias), x @ weight.T + bias, atol=1e-13)


ERRORS = [
    (lambda: F.matmul(np.ones((2, 3)), np.ones((4, 5))), r"matmul: a has 3 columns, b has 4 rows \(a \(2, 3\)"),
    (lambda: F.matmul(np.ones((2, 2, 3)), np.ones((3, 3, 4))), "matmul: the leading axes of a and b"),
    (lambda: F.matmul(np.float64(1), np.ones(3)), "matmul: a is a single number"),
    (lambda: F.matmul_backward(np.ones((2, 2)), np.ones((2, 3)), np.ones((3, 4))), r"grad has shape \(2, 2\)"),
    (lambda: F.dense(np.ones((2, 4)), np.ones((5, 3))), "dense: weight has 3 input features, x has 4"),
    (lambda: F.dense(np.ones((2, 3)), np.ones(3)), "dense: weight has shape"),
    (lambda: F.dense(np.ones((2, 3)), np.ones((5, 3)), np.ones(3)), "dense: bias has shape"),
    (lambda: F.dense(np.float64(1), np.ones((5, 3))), "dense: x is a single number"),
    (lambda: F.dense(np.ones(3), np.ones((5, 3)), activation="swish"), "dense: activation is 'swish'"),
    (lambda: F.dense(np.ones(3), np.ones((5, 3)), out=np.ones(4)), r"dense: out has shape \(4,\)"),
    (lambda: F.dense_backward(np.ones((2, 4)), np.ones((2, 3)), np.ones((5, 3))), "dense_backward: grad has shape"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_out_may_not_overlap():
    x = np.ones((3, 3))
    with pytest.raises(ValueError, match="out overlaps x"):
        F.dense(x, np.ones((3, 3)), out=x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(2, 3, 4), (8, 100, 300), (33, 65, 19), (200, 130, 600), (10, 64, 4100)])
def test_a_prepared_weight_gives_the_same_bits_and_keeps_its_values(size, dtype):
    m, n, k = size
    rng = np.random.default_rng(2)
    x, weight, bias = (rng.uniform(-1, 1, s).astype(dtype) for s in ((m, k), (n, k), (n,)))
    handle = F.prepare(weight)
    for activation in (None, "relu", "tanh", "gelu"):
        expected = F.dense(x, weight, bias, activation=activation)
        np.testing.assert_array_equal(F.dense(x, handle, bias, activation=activation), expected)
    before = F.dense(x, weight)
    weight += 1
    np.testing.assert_array_equal(F.dense(x, handle), before)
    out = np.empty((m, n), dtype)
    assert F.dense(x, handle, out=out) is out
    np.testing.assert_array_equal(out, before)
    assert not np.array_equal(F.dense(x, weight), before)
    with pytest.raises(ValueError, match="input features"):
        F.dense(np.ones((2, k + 1), dtype), handle)


@pytest.mark.parametrize(
    "call",
    [
        lambda handle: F.matmul(np.ones((3, 4), np.float32), handle),
        lambda handle: F.conv1d(np.ones((1, 4, 5), np.float32), handle),
        lambda handle: F.conv_transpose2d(np.ones((1, 4, 5, 5), np.float32), handle),
        lambda handle: F.add(np.ones(4, np.float32), handle),
    ],
)
def test_a_handle_elsewhere_is_told_where_it_belongs(call):
    handle = F.prepare(np.ones((5, 4), np.float32))
    with pytest.raises(
        TypeError, match="is a PreparedWeight, which dense and conv2d take .*; pass the array that it was"
    ):
        call(handle)
