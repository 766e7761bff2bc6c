"""Elementwise functions: NumPy's values, shapes that do not fit, the gradients at kinks, ties and NaN."""

import math

import numpy as np
import pytest

from fastdl import reference
from fastdl.reference import (
    abs_backward,
    maximum,
    maximum_backward,
    minimum_backward,
    power,
    power_backward,
    sqrt_backward,
    where,
    where_backward,
)

INF, NAN = math.inf, math.nan
SPECIAL = [-INF, -2.5, -1.0, 0.0, 0.5, 2.0, 3.0, INF, NAN]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, not the reference's
@pytest.mark.parametrize("op", ["negative", "exp", "log", "sqrt", "abs"])
def test_unary_values_are_numpys(op: str) -> None:
    np.testing.assert_array_equal(getattr(reference, op)(SPECIAL), getattr(np, op)(SPECIAL))


BINARY = ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum"]
COMPARISONS = ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("op", BINARY + COMPARISONS)
def test_binary_values_are_numpys(op: str) -> None:
    a, b = np.array(SPECIAL)[:, np.newaxis], np.array(SPECIAL)
    result, expected = getattr(reference, op)(a, b), getattr(np, op)(a, b)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == expected.dtype


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("op", ["divide", "power", "maximum", "log", "sqrt", "exp"])
def test_nothing_warns(op: str) -> None:
    arguments = ([SPECIAL, SPECIAL], [1000.0] * len(SPECIAL))[: 1 if op in ("log", "sqrt", "exp") else 2]
    result = getattr(reference, op)(*arguments)
    getattr(reference, f"{op}_backward")(np.ones(result.shape), *arguments)


def test_integers_are_divided_and_raised_as_real_numbers() -> None:
    assert reference.divide([1, 3], 2).tolist() == [0.5, 1.5]
    assert power([2], [-1]).tolist() == [0.5]


def test_gradients_at_the_ends_of_a_domain() -> None:
    assert abs_backward([1, 1, 1], [-2, 0, 3])[0].tolist() == [-1, 0, 1]
    assert sqrt_backward([1], [0])[0].tolist() == [INF]


def test_power_gradients_at_the_ends_of_its_domain() -> None:
    a, b = [0, 0, 0, -2, 2, 0], [2, 0, 1, 2, 0, -1]
    ga, gb = power_backward(np.ones(6), a, b)
    assert ga.tolist() == [0, 0, 1, -4, 0, -INF]
    assert gb[:3].tolist() == [0, 0, 0]
    assert math.isnan(gb[3])
    np.testing.assert_allclose(gb[4], math.log(2), rtol=1e-15)


def test_gradients_of_maximum_and_minimum_at_ties_and_nan() -> None:
    a, b = [1, 2, 3, NAN, 0, NAN], [2, 2, 2, 0, NAN, NAN]
    ga, gb = maximum_backward([10] * 6, a, b)
    assert ga.tolist() == [0, 5, 10, 10, 0, 5] and gb.tolist() == [10, 5, 0, 0, 10, 5]
    ga, gb = minimum_backward([10] * 6, a, b)
    assert ga.tolist() == [10, 5, 0, 10, 0, 5] and gb.tolist() == [0, 5, 10, 0, 10, 5]
    ga, gb = maximum_backward([[1], [1]], 1, [[1], [0]])
    assert ga.tolist() == 1.5 and gb.tolist() == [[0.5], [0]]
    assert np.isnan(maximum([NAN, 1], [1, NAN])).all()


def test_where_looks_at_the_chosen_side_only() -> None:
    assert where([[True], [False]], [1, INF], [NAN, 2]).tolist()[0] == [1, INF]
    assert where([1, 0], 5, [6, 7]).tolist() == [5, 7]
    none, ga, gb = where_backward([INF, 1], [True, False], [0, 0], [0, 0])
    assert none is None and ga.tolist() == [INF, 0] and gb.tolist() == [0, 1]


@pytest.mark.parametrize("op", BINARY + COMPARISONS)
def test_shapes_that_do_not_fit(op: str) -> None:
    with pytest.raises(ValueError, match=rf"^{op}: a \(2, 3\) and b \(2,\) cannot be broadcast"):
        getattr(reference, op)(np.ones((2, 3)), np.ones(2))
    if op in BINARY:
        with pytest.raises(ValueError, match=rf"^{op}_backward: a \(2, 3\) and b \(2,\) cannot be broadcast"):
            getattr(reference, f"{op}_backward")(1, np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match=r"^where: condition \(2,\) and a \(3,\) and b \(\)"):
        where([True, False], [1, 2, 3], 0)
