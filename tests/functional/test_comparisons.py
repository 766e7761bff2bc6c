"""Choosing, comparing and converting: ties, NaN, integers, all pairs of dtypes, errors."""

import numpy as np
import pytest

from fastdl._kernels import threads
from fastdl.functional import comparisons
from fastdl.ops import PRIMITIVES, execute

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
COMPARISONS = ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]
DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]


@BOTH
def test_half_of_the_gradient_to_each_at_a_tie(dtype):
    a, b = np.array([1, 5, 4, np.nan, 1, np.nan], dtype), np.array([3, 2, 4, 1, np.nan, np.nan], dtype)
    g = np.array([1, 2, 3, 4, 5, 6], dtype)
    da, db = comparisons.maximum_backward(g, a, b)
    np.testing.assert_array_equal(da, [0, 2, 1.5, 4, 0, 3])
    np.testing.assert_array_equal(db, [1, 0, 1.5, 0, 5, 3])
    da, db = comparisons.minimum_backward(g, a, b)
    np.testing.assert_array_equal(da, [1, 0, 1.5, 4, 0, 3])
    np.testing.assert_array_equal(db, [0, 2, 1.5, 0, 5, 3])


@BOTH
def test_an_infinite_gradient_stays_with_the_operand_that_was_chosen(dtype):
    da, db = comparisons.maximum_backward(np.array([np.inf], dtype), np.array([2], dtype), np.array([1], dtype))
    assert da == np.inf and db == 0


WHERE = [
    ((5,), (5,), (5,)),
    ((), (5,), ()),
    ((), (), (5,)),
    ((), (), ()),
    ((5,), (), ()),
    ((4, 1), (3,), (4, 3)),
    ((4, 3), (4, 1), (3,)),
    ((3,), (2, 4, 3), ()),
    ((2, 1, 3), (4, 1), (2, 4, 3)),
    ((1,), (1,), (7, 1)),
    ((9001,), (9001,), ()),
    ((9001,), (), (9001,)),
    ((0, 3), (3,), ()),
]


@BOTH
@pytest.mark.parametrize("shapes", WHERE)
def test_where_broadcasts_as_in_numpy(shapes, dtype):
    rng = np.random.default_rng(0)
    for condition in (
        np.asarray(rng.standard_normal(shapes[0]) > 0),
        np.ones(shapes[0], bool),
        np.zeros(shapes[0], bool),
    ):
        a, b = (np.asarray(rng.standard_normal(s), dtype) for s in shapes[1:])
        expected = np.where(condition, a, b)
        np.testing.assert_array_equal(comparisons.where(condition, a, b), expected)
        if a.shape == expected.shape:
            execute(PRIMITIVES["where"], (condition, a, b), {}, out=a)
            np.testing.assert_array_equal(a, expected)


@BOTH
def test_what_is_not_chosen_has_no_influence(dtype):
    condition, x = np.array([True, False]), np.array([1, np.nan], dtype)
    np.testing.assert_array_equal(comparisons.where(condition, x, 0), [1, 0])
    none, da, db = comparisons.where_backward(np.array([np.inf, np.nan], dtype), condition, x, x)
    assert none is None
    np.testing.assert_array_equal(da, [np.inf, 0])
    np.testing.assert_array_equal(db, [0, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name, dtype):
    a = np.array([[-1], [0], [2**24 + 1]], dtype)
    b = np.array([-1, 0, 2**24, 2**24 + 1], dtype)
    got = getattr(comparisons, name)(a, b)
    assert got.dtype == np.bool_
    np.testing.assert_array_equal(got, getattr(np, name)(a, b))
    np.testing.assert_array_equal(getattr(comparisons, name)(a, 0), getattr(np, name)(a, 0))
    if dtype is not np.int64:
        special = np.array([np.nan, np.inf, -np.inf, 0, -0.0], dtype)
        expected = getattr(np, name)(special[:, None], special)
        np.testing.assert_array_equal(getattr(comparisons, name)(special[:, None], special), expected)


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_conversions(source, target):
    for n in (0, 1, 5, 9000):
        x = (np.arange(n) % 250 / (2 if source.startswith("float") else 1)).astype(source)
        before = x.copy()
        y = comparisons.astype(x, target)
        assert y.dtype == target and y is not x and not np.shares_memory(x, y)
        np.testing.assert_array_equal(y, x.astype(target))
        np.testing.assert_array_equal(x, before)


def test_conversions_of_negative_and_special_numbers():
    x = np.array([-1.9, -0.5, 0.5, 1e9, -(2.0**40)])
    np.testing.assert_array_equal(comparisons.astype(x, np.int64), x.astype(np.int64))
    np.testing.assert_array_equal(comparisons.astype(x[:4], np.int32), x[:4].astype(np.int32))
    np.testing.assert_array_equal(
        comparisons.astype(np.array([np.nan, np.inf, 0, -0.0]), bool), [True, True, False, False]
    )
    np.testing.assert_array_equal(
        comparisons.astype(np.array([1e300, np.nan]), np.float32), np.float32([np.inf, np.nan])
    )
    np.testing.assert_array_equal(comparisons.astype(np.array([-1, 2**53 + 1]), float), [-1.0, 2.0**53])


def test_gradients_of_conversions():
    x = np.array([1, 2], np.float32)
    (dx,) = comparisons.astype_backward(np.array([0.5, 0.25]), x, np.float64)
    assert dx.dtype == np.float32
    np.testing.assert_array_equal(dx, [0.5, 0.25])
    assert comparisons.astype_backward(np.array([1, 1]), x, np.int64) == (None,)
    assert comparisons.astype_backward(x, np.array([1, 1]), np.float32) == (None,)


@BOTH
def test_one_and_two_threads_give_the_same_bits(dtype):
    a = np.random.default_rng(0).standard_normal((300, 1001)).astype(dtype)
    condition = comparisons.greater(a, 0)
    for run in (
        lambda: comparisons.where(condition, a, a[:, :1]),
        lambda: comparisons.less(a, a[0]),
        lambda: comparisons.astype(a, np.int64),
    ):
        with threads.threads(1):
            alone = run()
        with threads.threads(2):
            np.testing.assert_array_equal(alone, run())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: comparisons.where(x, x, x), TypeError, r"where: condition has dtype float32; expected bool"),
        (lambda x: comparisons.where(x > 0, 1, 2), TypeError, r"where: a is a int"),
        (
            lambda x: comparisons.where(x > 0, x, x.astype(float)),
            TypeError,
            r"where: b has dtype float64 but a has float32",
        ),
        (
            lambda x: comparisons.where(np.ones(2, bool), x, x),
            ValueError,
            r"where: shapes \(2,\) and \(3,\) and \(3,\) do not broadcast",
        ),
        (
            lambda x: comparisons.less(x, np.ones(2, np.float32)),
            ValueError,
            r"less: shapes \(3,\) and \(2,\) do not broadcast",
        ),
        (
            lambda x: comparisons.equal(x, np.arange(3)),
            TypeError,
            r"equal: b has dtype int64 but a has float32; expected both",
        ),
        (lambda x: comparisons.less(np.arange(3), 0.5), TypeError, r"less: 0.5 stands beside an array of int64"),
        (
            lambda x: comparisons.astype(x, "complex64"),
            TypeError,
            r"astype: dtype is 'complex64'; expected one of float32",
        ),
        (lambda x: comparisons.astype(x, "nonsense"), TypeError, r"astype: dtype is 'nonsense'"),
        (lambda x: comparisons.astype(x.astype(np.int8), "float32"), TypeError, r"astype: x has dtype int8"),
        (
            lambda x: comparisons.astype_backward(x, x, np.float64),
            TypeError,
            "astype_backward: grad has dtype float32; expected float64",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones(3, np.float32))
