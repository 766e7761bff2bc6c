"""What can be differentiated, and how it is said that something cannot."""

import sys

import numpy as np
import pytest

import fastdl as fd

X = np.float64([1, 2, 3])


@pytest.mark.parametrize("function", [np.argmax, lambda x: np.sum(x) > 0], ids=["integer", "truth value"])
def test_a_result_without_gradient_is_refused(function):
    with pytest.raises(TypeError, match="which has no gradient; expected a float number"):
        fd.grad(function)(X)


def test_numbers_where_arrays_must_be():
    with pytest.raises(TypeError, match="hvp: an argument is a float"):
        fd.hvp(lambda x: x**3, 2.0, 1.0)
    y, pullback = fd.vjp(np.sum, X)
    with pytest.raises(TypeError, match="vjp: the weights hold a float"):
        pullback(1.0)
    np.testing.assert_array_equal(pullback(np.float64(2.0))[0], [2, 2, 2])


def test_constants_among_the_results_have_no_gradient():
    y, pullback = fd.vjp(lambda x: (2 * x, 3.0), X)
    np.testing.assert_array_equal(pullback((X, np.float64(1.0)))[0], 2 * X)


def test_inner_and_outer_derivatives_are_kept_apart():
    assert fd.grad(lambda x: x * fd.grad(lambda y: x + y)(np.float64(1.0)))(np.float64(5.0)) == 1
    assert fd.grad(lambda x: x * fd.grad(lambda y: x * y)(x))(np.float64(5.0)) == 10


def test_python_objects_are_returned_and_not_copied_byte_by_byte():
    kept = object()
    found = fd.compile(lambda x: np.array([kept, None], object))
    references = sys.getrefcount(kept)
    results = [found(X) for _ in range(3)]
    assert all(r[0] is kept for r in results)
    del results, found
    assert sys.getrefcount(kept) <= references
