"""Elementwise arithmetic beyond what a walk over the registry sees: broadcasting, memory, special values, errors."""

import numpy as np
import pytest

from fastdl._kernels import threads
from fastdl.functional import comparisons, elementwise
from fastdl.ops import PRIMITIVES, execute

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NUMPY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "greater": np.greater,
    "less_equal": np.less_equal,
}
SHAPES = [
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((1,), (5,)),
    ((4, 1), (1, 3)),
    ((2, 3, 4), (3, 1)),
    ((3, 1, 5), (2, 1, 4, 1)),
    ((7, 1, 2, 1), (7, 3, 1, 5)),
    ((2, 5000), (5000,)),
    ((2, 5000), (2, 1)),
    ((3000, 5), (5,)),
    ((0, 3), (3,)),
    ((1, 3), (0, 3)),
    ((13, 1000), (13, 1000)),
]


def function(name):
    return getattr(elementwise, name, None) or getattr(comparisons, name)


@BOTH
@pytest.mark.parametrize("shapes", SHAPES)
def test_broadcasting_as_in_numpy(shapes, dtype):
    rng = np.random.default_rng(0)
    a, b = (np.asarray(np.round(2 * rng.standard_normal(s)), dtype) for s in shapes)
    for name, expected in NUMPY.items():
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(function(name)(a, b), expected(a, b), err_msg=name)


@BOTH
def test_gradients_of_broadcast_operands_have_their_shapes(dtype):
    a, b = np.ones((4, 1, 3), dtype), np.full((5, 1), 2, dtype)
    g = np.ones((4, 5, 3), dtype)
    da, db = elementwise.multiply_backward(g, a, b)
    np.testing.assert_array_equal(da, np.full((4, 1, 3), 10, dtype))
    np.testing.assert_array_equal(db, np.full((5, 1), 12, dtype))
    assert da.dtype == db.dtype == dtype


@BOTH
def test_python_numbers_take_the_dtype_of_the_array(dtype):
    x = np.array([1, 2], dtype)
    for y in (
        elementwise.add(x, 1),
        elementwise.subtract(1, x),
        elementwise.multiply(x, True),
        comparisons.maximum(x, 1.5),
    ):
        assert y.dtype == dtype
    np.testing.assert_array_equal(elementwise.divide(1, x), np.array([1, 0.5], dtype))
    da, db = elementwise.multiply_backward(x, x, 3)
    np.testing.assert_array_equal(da, 3 * x)
    assert db.shape == () and db == 5


@BOTH
def test_squares_are_products(dtype):
    x = np.array([3, -1e-3, np.inf, np.nan, -0.0], dtype)
    np.testing.assert_array_equal(elementwise.power(x, 2), x * x)
    np.testing.assert_array_equal(elementwise.power(x, np.full(5, 2, dtype)), x * x)


@BOTH
def test_special_powers(dtype):
    special = np.array([0, 1, -1, 0.5, -0.5, 2, -2, 3, np.inf, -np.inf, np.nan], dtype)
    a, b = special[:, None], special
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(elementwise.power(a, b), np.power(a, b), rtol=1e-6)


@BOTH
def test_not_a_number_comes_through(dtype):
    x = np.array([np.nan, 1, np.inf, -np.inf, 0, -2], dtype)
    with np.errstate(all="ignore"):
        for name in ("negative", "exp", "log", "sqrt", "abs"):
            np.testing.assert_allclose(function(name)(x), getattr(np, name)(x), rtol=1e-6)
        for name in ("add", "multiply", "divide", "maximum", "minimum"):
            np.testing.assert_array_equal(function(name)(x[:, None], x), getattr(np, name)(x[:, None], x))
    np.testing.assert_array_equal(elementwise.abs_backward(np.ones_like(x), x)[0], np.sign(x))


UNARY = ["negative", "exp", "log", "sqrt", "abs", "sign", "relu", "tanh", "sigmoid"]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum"]
OF_ONE_SHAPE = ["relu_grad", "tanh_grad", "sigmoid_grad"]  # these do not broadcast


@BOTH
@pytest.mark.parametrize("name", UNARY)
def test_one_operand_in_place(name, dtype):
    for n in (1, 7, 40, 9001):
        x = np.random.default_rng(n).uniform(0.5, 2, n).astype(dtype)
        (expected,) = PRIMITIVES[name](x)
        execute(PRIMITIVES[name], (x,), {}, out=x)
        np.testing.assert_array_equal(x, expected)


@BOTH
@pytest.mark.parametrize("name", [*BINARY, *OF_ONE_SHAPE])
def test_two_operands_in_place(name, dtype):
    rng = np.random.default_rng(0)
    for a_shape, b_shape in (
        ((41,), (41,)),
        ((9001,), ()),
        ((5, 300), (300,)),
        ((5, 300), (5, 1)),
        ((2, 3, 5), (3, 1)),
    ):
        b_shape = a_shape if name in OF_ONE_SHAPE else b_shape
        a, b = rng.uniform(0.5, 2, a_shape).astype(dtype), rng.uniform(0.5, 2, b_shape).astype(dtype)
        (expected,) = PRIMITIVES[name](a, b)
        execute(PRIMITIVES[name], (a, b), {}, out=a)
        np.testing.assert_array_equal(a, expected)
    (doubled,) = PRIMITIVES[name](a, a)
    execute(PRIMITIVES[name], (a, a), {}, out=a)
    np.testing.assert_array_equal(a, doubled)


@BOTH
@pytest.mark.parametrize("shapes", [((200_001,), (200_001,)), ((401, 500), (500,)), ((50_001, 4), (50_001, 1))])
def test_one_and_two_threads_give_the_same_bits(shapes, dtype):
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0.5, 2, s).astype(dtype) for s in shapes)
    for run in (lambda: elementwise.power(a, b), lambda: elementwise.exp(a), lambda: elementwise.divide(a, b)):
        with threads.threads(1):
            alone = run()
        with threads.threads(2):
            np.testing.assert_array_equal(alone, run())


def test_strided_read_only_and_unaligned_arrays():
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    base.flags.writeable = False
    unaligned = np.frombuffer(b"x" + base.tobytes(), np.uint8)[1:].view(np.float32).reshape(4, 6)
    for x in (base[:, ::2], base[::-1].T, unaligned, np.asfortranarray(base)):
        np.testing.assert_array_equal(elementwise.add(x, x[:1]), x + x[:1])
        np.testing.assert_array_equal(elementwise.negative(x), -x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: elementwise.add(x, np.ones(3)), TypeError, r"add: b has dtype float64 but a has float32"),
        (lambda x: elementwise.add(x, [1, 2]), TypeError, r"add: b is a list; expected a NumPy array"),
        (lambda x: elementwise.add(1, 2), TypeError, r"add: a is a int; expected a NumPy array"),
        (lambda x: elementwise.add(np.arange(3), 1), TypeError, r"add: a has dtype int64; expected float32 or float64"),
        (
            lambda x: elementwise.multiply(x, np.ones(4, np.float32)),
            ValueError,
            r"multiply: shapes \(3,\) and \(4,\) do not broadcast together",
        ),
        (lambda x: elementwise.exp(x > 0), TypeError, r"exp: x has dtype bool"),
        (
            lambda x: elementwise.exp_backward(x[:2], x),
            ValueError,
            r"exp_backward: grad has shape \(2,\); expected \(3,\), the shape of the result",
        ),
        (
            lambda x: elementwise.add_backward(x[:, None], x, x),
            ValueError,
            r"add_backward: grad has shape \(3, 1\); expected \(3,\)",
        ),
        (
            lambda x: elementwise.add_backward(np.ones(3), x, x),
            TypeError,
            r"add_backward: grad has dtype float64; expected float32",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones(3, np.float32))
