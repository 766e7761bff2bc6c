"""``fd.minimize``: where it ends, why, and the path that it took."""

import numpy as np
import pytest
from scipy import optimize

import fastdl as fd
from fastdl import optim


def bowl(x):
    return np.sum((x - np.float64([1, -2])) ** 2)


def two_valleys(x):
    """Minima near -1.04 and 0.96; the left one is the deeper."""
    return (x**2 - 1) ** 2 + 0.3 * x


def test_the_path_by_hand():
    result = fd.minimize(bowl, [0, 0], optim.SGD(0.25), max_steps=2, tol=0)
    np.testing.assert_array_equal(result.path, [[0, 0], [0.5, -1], [0.75, -1.5]])
    np.testing.assert_array_equal(result.losses, [5, 1.25, 0.3125])
    np.testing.assert_array_equal(result.x, result.path[-1])
    np.testing.assert_array_equal(result.jac, [-0.5, 1])
    assert (result.nit, result.nfev, result.fun, result.status, result.success) == (2, 3, 0.3125, 1, False)
    assert "max_steps" in result.message and isinstance(result, optimize.OptimizeResult)


@pytest.mark.parametrize("optimizer", ["sgd", optim.SGD(0.1, momentum=0.5), optim.Adam(0.1), optim.RMSprop(0.001)])
def test_it_stops_where_the_slope_is_flat(optimizer):
    result = fd.minimize(bowl, np.zeros(2), optimizer, max_steps=20000, tol=0.1)
    assert result.success and result.status == 0 and np.abs(result.jac).max() <= 0.1
    np.testing.assert_allclose(result.x, [1, -2], atol=0.051)
    assert len(result.path) == len(result.losses) == result.nit + 1 == result.njev


def test_which_minimum_is_found_depends_on_the_start():
    left, right = (fd.minimize(two_valleys, start, optim.SGD(0.05)) for start in (-0.5, 0.5))
    assert left.success and right.success and left.x < -0.9 and right.x > 0.9 and left.fun < right.fun
    assert left.path.shape == (left.nit + 1,)


def test_at_a_minimum_no_step_is_taken():
    result = fd.minimize(bowl, [1, -2], optim.SGD(0.1))
    assert result.success and result.nit == 0 and result.path.shape == (1, 2)


def test_divergence_is_reported():
    result = fd.minimize(bowl, [5.0, 5.0], optim.SGD(10.0), max_steps=5000)
    assert not result.success and result.status == 2 and "smaller learning rate" in result.message


def test_dtype_and_shape_are_kept_and_the_start_unchanged():
    start = np.ones((2, 3), np.float32)
    result = fd.minimize(lambda x: np.sum(x * x), start, optim.SGD(0.5), max_steps=1, keep_path=False)
    assert result.x.shape == (2, 3) and result.x.dtype == np.float32 and "path" not in result
    assert (start == 1).all() and (result.x == 0).all()


def test_the_callback_sees_every_point_and_may_end_it():
    seen = []

    def callback(x, loss):
        seen.append((x.copy(), loss))
        x[...] = np.nan  # a copy: nothing happens
        if len(seen) == 3:
            raise StopIteration

    result = fd.minimize(bowl, [0.0, 0.0], optim.SGD(0.25), callback=callback)
    assert result.status == 3 and result.nit == 2 and len(seen) == 3
    np.testing.assert_array_equal([x for x, _ in seen], result.path)
    assert [loss for _, loss in seen] == result.losses.tolist()


def test_it_agrees_with_scipy_given_the_same_function():
    """value_and_grad serves scipy.optimize.minimize(jac=True)."""
    theirs = optimize.minimize(fd.value_and_grad(optimize_rosen), [-1.2, 1.0], jac=True, method="BFGS")
    ours = fd.minimize(optimize_rosen, [-1.2, 1.0], optim.Adam(0.02), max_steps=20000, tol=1e-5)
    np.testing.assert_allclose(theirs.x, [1, 1], atol=1e-4)
    np.testing.assert_allclose(ours.x, [1, 1], atol=1e-3)


def optimize_rosen(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3, [0.0], "sgd"), {}, TypeError, "minimize: fun is a int; expected a function"),
        ((bowl, ["a"], "sgd"), {}, TypeError, "minimize: x0 has dtype <U1; expected float32 or float64"),
        ((bowl, [[1.0], [1.0, 2.0]], "sgd"), {}, ValueError, "minimize: x0 is no array: "),
        ((bowl, [0.0, 0], "sdg"), {}, ValueError, "optimizer is 'sdg'; expected one of 'sgd'"),
        ((bowl, [0.0, 0], "sgd"), {"max_steps": 1.5}, TypeError, "minimize: max_steps is 1.5; expected an integer"),
        ((bowl, [0.0, 0], "sgd"), {"max_steps": -1}, ValueError, "minimize: max_steps is -1"),
        ((bowl, [0.0, 0], "sgd"), {"tol": -1}, ValueError, "minimize: tol is -1; expected at least 0"),
        ((bowl, [0.0, 0], "sgd"), {"tol": None}, TypeError, "minimize: tol is None; expected a number"),
        ((bowl, [0.0, 0], "sgd"), {"callback": 1}, TypeError, "minimize: callback is a int"),
        ((lambda x: x, [0.0, 0], "sgd"), {}, ValueError, "expected a number: reduce it with np.sum"),
    ],
)
def test_arguments_are_checked(arguments, options, error, message):
    with pytest.raises(error) as caught:
        fd.minimize(*arguments, **options)
    assert message in str(caught.value)
