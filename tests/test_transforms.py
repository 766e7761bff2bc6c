"""compile, grad, value_and_grad, vjp, hvp: results against finite differences and by hand, caching, errors, threads."""

import threading

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import testing
from fastdl.graph import Graph

RANDOM = np.random.default_rng(3)


def normal(*shape):
    return RANDOM.standard_normal(shape)


def counted(function):
    """The function, and a list that grows with each call of its Python code."""
    calls = []

    def wrapper(*args, **options):
        calls.append(1)
        return function(*args, **options)

    return wrapper, calls


def mlp(params, x, classes):
    for weight, bias in params[:-1]:
        x = np.tanh(x @ weight.T + bias)
    weight, bias = params[-1]
    return F.cross_entropy(F.dense(x, weight, bias), classes)


def cnn(params, x, classes):
    x = F.relu(F.conv2d(x, params["first"], params["bias"], padding=1))
    x = F.avg_pool2d(x, 2)
    x = F.tanh(F.conv2d(x, params["second"], stride=2))
    return F.cross_entropy(F.dense(np.reshape(x, (len(x), -1)), params["head"]), classes)


def mlp_parameters():
    return [(normal(5, 4), normal(5)), (normal(4, 5), normal(4)), (normal(3, 4), normal(3))]


def cnn_parameters():
    return {"first": normal(3, 1, 3, 3), "bias": normal(3), "second": normal(4, 3, 2, 2), "head": normal(3, 16)}


MLP = (mlp, mlp_parameters(), normal(6, 4), np.array([0, 1, 2, 0, 1, 2]))
CNN = (cnn, cnn_parameters(), normal(4, 1, 8, 8), np.array([0, 1, 2, 0]))


@pytest.mark.parametrize(("function", "params", "x", "classes"), [MLP, CNN], ids=["mlp", "cnn"])
class TestNetworks:
    def test_gradient(self, function, params, x, classes):
        testing.check_grad(lambda params, x: function(params, x, classes), params, x)

    def test_gradient_of_the_gradient(self, function, params, x, classes):
        direction = fd.grad(lambda p: function(p, x, classes))(params)  # any vector will do

        def slope(p):
            return inner(fd.grad(lambda p: function(p, x, classes))(p), direction)

        testing.check_grad(fd.compile(slope), params)

    def test_hvp(self, function, params, x, classes):
        leaves, structure = fd.transforms.flatten(params)
        v = fd.transforms.unflatten(structure, [normal(*a.shape) for a in leaves])
        found = fd.transforms.flatten(fd.hvp(lambda p: function(p, x, classes), params, v))[0]
        gradient = fd.grad(lambda p: function(p, x, classes))
        h = 1e-5
        sides = [
            fd.transforms.flatten(gradient(fd.transforms.unflatten(structure, moved)))[0]
            for moved in ([a + s * h * b for a, b in zip(leaves, fd.transforms.flatten(v)[0])] for s in (1, -1))
        ]
        for a, plus, minus in zip(found, *sides, strict=True):
            np.testing.assert_allclose(a, (plus - minus) / (2 * h), rtol=1e-5, atol=1e-7)

    def test_third_derivative(self, function, params, x, classes):
        def first(s):
            return fd.grad(lambda s: function(params, s * x, classes))(s)

        third = fd.compile(fd.grad(fd.grad(first)))
        second = fd.compile(fd.grad(first))
        s, h = np.float64(0.7), 1e-4
        if function is cnn:  # relu and its kinks: a small step, and few of them near
            h = 1e-6
        numeric = (second(s + h) - second(s - h)) / (2 * h)
        np.testing.assert_allclose(third(s), numeric, rtol=1e-4, atol=1e-6)


def inner(a, b):
    pairs = zip(fd.transforms.flatten(a)[0], fd.transforms.flatten(b)[0], strict=True)
    total = 0.0
    for x, y in pairs:
        total = np.sum(x * y) + total
    return total


class TestByHand:
    def test_powers(self):
        cube = fd.grad(lambda x: x**3)
        assert cube(np.float64(2)) == 12
        assert fd.grad(cube)(np.float64(2)) == 12
        assert fd.grad(fd.grad(cube))(np.float64(2)) == 6
        assert fd.grad(fd.grad(fd.grad(cube)))(np.float64(2)) == 0

    def test_perturbations_are_not_confused(self):
        """d/dx (x d/dy (x y)) = d/dx (x x) = 2 x; confusing the two derivatives would give 3 x or x."""
        f = fd.grad(lambda x: x * fd.grad(lambda y: x * y)(x))
        assert f(np.float64(3)) == 6
        # d/dx (x d/dy (x + y) at y = 1) = 1, the example of Siskind and Pearlmutter (2005).
        g = fd.grad(lambda x: x * fd.grad(lambda y: x + y)(np.float64(1)))
        assert g(np.float64(5)) == 1
        # The same tensor for two arguments: d/dy (d/dz (y z)) = 1, at whatever y and z.
        h = fd.compile(lambda x: fd.grad(lambda y: fd.grad(lambda z: y * z)(x))(x))
        assert h(np.float64(5)) == 1
        both = fd.compile(lambda x: fd.grad(lambda a, b: a * a * b, argnums=(0, 1))(x, x))
        assert both(np.float64(3)) == (18, 9)

    def test_an_inner_function_of_arrays_alone_may_capture_recorded_tensors(self):
        x = np.float64([1, 2, 3])
        f = fd.grad(lambda x: np.sum(fd.grad(lambda y: np.sum(x * x * y))(np.ones(3))))
        np.testing.assert_array_equal(f(x), 2 * x)
        inner_compiled = fd.compile(lambda x: np.sum(fd.compile(lambda y: x * y)(np.full(3, 2.0))))
        assert inner_compiled(x) == 12

    def test_a_variable_used_twice_and_a_dead_end(self):
        def f(x):
            np.exp(x)  # not part of the result
            y = x * x
            return np.sum(y + y * x)

        np.testing.assert_allclose(fd.grad(f)(np.float64([1, 2])), [5, 16])

    def test_no_dependence_gives_zeros(self):
        a, b = fd.grad(lambda x, y: np.sum(y), argnums=(0, 1))(np.ones(2), np.ones((2, 1)))
        np.testing.assert_array_equal(a, [0, 0])
        np.testing.assert_array_equal(b, [[1], [1]])
        np.testing.assert_array_equal(fd.grad(lambda x: 3.0)(np.ones(2)), [0, 0])
        np.testing.assert_array_equal(fd.grad(lambda x: np.sum(F.astype(x > 0, "float64")))(np.ones(2)), [0, 0])

    def test_the_function_itself(self):
        value, grad = fd.value_and_grad(lambda x: x)(np.float32(2))
        assert (value, grad) == (2, 1) and value.dtype == grad.dtype == np.float32

    def test_value_and_grad_of_structures(self):
        params = {"w": normal(2, 3), "more": [normal(3), (normal(1),)]}
        value, grads = fd.value_and_grad(lambda p: np.sum(p["w"] * p["more"][0]) + np.sum(p["more"][1][0] ** 2))(params)
        assert value.shape == () and type(grads["more"][1]) is tuple
        np.testing.assert_allclose(grads["w"], np.broadcast_to(params["more"][0], (2, 3)))
        np.testing.assert_allclose(grads["more"][1][0], 2 * params["more"][1][0])

    def test_argnums(self):
        f = lambda a, b: np.sum(a * b)  # noqa: E731
        a, b = np.float64([1, 2]), np.float64([3, 4])
        np.testing.assert_array_equal(fd.grad(f, argnums=1)(a, b), a)
        np.testing.assert_array_equal(fd.grad(f, argnums=-1)(a, b), a)
        both = fd.grad(f, argnums=(1, 0))(a, b)
        np.testing.assert_array_equal(both[0], a)
        np.testing.assert_array_equal(both[1], b)
        with pytest.raises(ValueError, match="argnums is 2, but the function was called with 2 arguments"):
            fd.grad(f, argnums=2)(a, b)

    def test_keyword_arguments_are_not_differentiated(self):
        f = fd.grad(lambda x, scale: np.sum(x * scale))
        np.testing.assert_array_equal(f(np.ones(2), scale=np.float64([2, 3])), [2, 3])
        np.testing.assert_array_equal(f(np.ones(2), scale=4.0), [4, 4])

    def test_through_a_change_of_dtype(self):
        grad = fd.grad(lambda x: np.sum(F.astype(x, "float64") ** 2))(np.float32([1, 2]))
        assert grad.dtype == np.float32
        np.testing.assert_array_equal(grad, [2, 4])

    def test_scipy_minimizes(self):
        from scipy.optimize import minimize, rosen, rosen_der

        def rosenbrock(x):
            return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

        f = fd.value_and_grad(rosenbrock)
        x = normal(5)
        np.testing.assert_allclose(f(x)[0], rosen(x))
        np.testing.assert_allclose(f(x)[1], rosen_der(x), rtol=1e-10)
        found = minimize(f, np.zeros(5), jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-14})
        np.testing.assert_allclose(found.x, np.ones(5), atol=1e-4)


class TestVjp:
    def test_structures(self):
        a, b = normal(3), normal(3)
        y, pullback = fd.vjp(lambda p: {"product": p[0] * p[1], "sums": [np.sum(p[0])]}, (a, b))
        np.testing.assert_array_equal(y["product"], a * b)
        ((da, db),) = pullback({"product": np.ones(3), "sums": [np.float64(10)]})
        np.testing.assert_allclose(da, b + 10)
        np.testing.assert_allclose(db, a)

    def test_the_arguments_may_change_afterwards(self):
        x = np.float64([1, 2])
        _, pullback = fd.vjp(lambda x: x * x, x)
        x[:] = 100
        np.testing.assert_array_equal(pullback(np.ones(2))[0], [2, 4])

    def test_wrong_weights(self):
        _, pullback = fd.vjp(lambda x: (x, x), np.ones(2))
        with pytest.raises(ValueError, match="another structure"):
            pullback(np.ones(2))
        with pytest.raises(ValueError, match=r"shape \(3,\) and dtype float64; expected .* \(2,\)"):
            pullback((np.ones(3), np.ones(2)))
        with pytest.raises(ValueError, match="dtype float32; expected"):
            pullback((np.ones(2), np.ones(2, np.float32)))

    def test_a_result_that_does_not_depend_on_the_argument(self):
        _, pullback = fd.vjp(lambda x: np.ones(3), np.ones(2))
        np.testing.assert_array_equal(pullback(np.ones(3))[0], [0, 0])


class TestCompile:
    def test_recorded_once_for_each_shape_dtype_and_static_value(self):
        function, calls = counted(lambda x, p=2: x**p)
        f = fd.compile(function)
        for x, p, count in [
            (np.ones(3), 2, 1),
            (np.zeros(3), 2, 1),
            (np.ones(4), 2, 2),
            (np.ones(3, np.float32), 2, 3),
            (np.ones(3), 3, 4),
            (np.ones(3), 3.0, 5),
            (np.ones(3), True, 6),
            (np.ones((3, 1)), 2, 7),
            (np.ones(3), 2, 7),
            (np.ones(6)[::2], 2, 7),
        ]:
            result = f(x, p)
            np.testing.assert_array_equal(result, x**p)
            assert result.dtype == x.dtype and len(calls) == count
        f(np.ones(3), p=2)  # as a keyword: recorded for itself
        assert len(calls) == 8

    def test_zeros_of_both_signs_are_different_static_values(self):
        f = fd.compile(lambda x, s: x * s)
        assert not np.signbit(f(np.ones(1), 0.0)[0])
        assert np.signbit(f(np.ones(1), -0.0)[0])

    def test_nested_arguments_and_results(self):
        f = fd.compile(
            lambda tree, scale: {"sum": tree["a"] + tree["b"][0], "rest": [scale, None, "text", (tree["a"],)]}
        )
        a, b = normal(2), normal(2)
        result = f({"b": [b], "a": a}, 3)
        np.testing.assert_array_equal(result["sum"], a + b)
        assert result["rest"][:3] == [3, None, "text"]
        np.testing.assert_array_equal(result["rest"][3][0], a)

    def test_named_tuples(self):
        from collections import namedtuple

        Pair = namedtuple("Pair", "first second")
        result = fd.compile(lambda p: Pair(p.second, p.first))(Pair(np.ones(1), np.zeros(2)))
        assert type(result) is Pair and result.first.shape == (2,)

    def test_captured_arrays_are_read_at_each_call(self):
        for captured in (np.zeros(3), np.zeros(6)[::2], np.zeros((2, 3)).T[:, 0]):
            f = fd.compile(lambda x: x + captured)  # noqa: B023
            x = np.ones(3)
            np.testing.assert_array_equal(f(x), 1)
            captured[:] = [1, 2, 3]
            np.testing.assert_array_equal(f(x), [2, 3, 4])

    def test_results_are_fresh_arrays(self):
        constant = np.ones(3)
        f = fd.compile(lambda x: (x, x, np.reshape(x, (3, 1)), x[1:], constant, x + 1))
        x = np.float64([1, 2, 3])
        results = f(x)
        for result, expected in zip(results, (x, x, x[:, None], x[1:], constant, x + 1), strict=True):
            np.testing.assert_array_equal(result, expected)
        for i, a in enumerate([x, constant, *results]):
            for b in [x, constant, *results][i + 1 :]:
                assert not np.shares_memory(a, b)
        results[5][:] = 0
        np.testing.assert_array_equal(f(x)[5], x + 1)

    def test_no_arrays_at_all(self):
        assert fd.compile(lambda a, b: a + b)(1, 2) == 3

    def test_an_unhashable_argument(self):
        with pytest.raises(TypeError, match="an argument is a set, which is neither an array nor hashable"):
            fd.compile(lambda x, s: x)(np.ones(1), {1})

    def test_an_error_while_recording_is_not_kept(self):
        fail = [True]

        def function(x):
            if fail[0]:
                raise RuntimeError("once")
            return x + 1

        f = fd.compile(function)
        with pytest.raises(RuntimeError, match="once"):
            f(np.ones(1))
        fail[0] = False
        assert f(np.ones(1)) == 2
        assert fd.graph.current_graph() is None

    def test_an_error_of_a_kernel(self):
        f = fd.compile(lambda x, i: F.take(x, i, axis=0))
        with pytest.raises(IndexError):
            f(np.ones(3), np.array([0, 3]))
        np.testing.assert_array_equal(f(np.ones(3), np.array([0, 2])), [1, 1])

    def test_keeps_name_and_docstring(self):
        def named(x):
            """Says what it does."""
            return x

        for transformed in (fd.compile(named), fd.grad(named), fd.value_and_grad(named)):
            assert transformed.__name__ == "named" and transformed.__doc__ == "Says what it does."

    def test_eight_threads_call_one_function(self):
        function, calls = counted(lambda x, w: np.sum(np.tanh(x @ w), axis=0) * 2.0)
        f, gradient = fd.compile(function), fd.grad(lambda w, x: np.mean(np.tanh(x @ w) ** 2))
        inputs = [(normal(64, 32), normal(32, 16)) for _ in range(8)]
        expected = [np.sum(np.tanh(x @ w), axis=0) * 2.0 for x, w in inputs]
        slopes = [fd.grad(lambda w, x: np.mean(np.tanh(x @ w) ** 2))(w, x) for x, w in inputs]
        wrong, start = [], threading.Barrier(8)

        def work(i):
            start.wait()
            for _ in range(100):
                y, g = f(*inputs[i]), gradient(*inputs[i][::-1])
                if not np.allclose(y, expected[i], rtol=1e-12) or not np.array_equal(g, slopes[i]):
                    wrong.append(i)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == [] and len(calls) == 1


class TestErrors:
    def test_what_is_not_a_number(self):
        with pytest.raises(ValueError, match=r"returned an array of shape \(2,\); expected a number.*np.sum.*fd.vjp"):
            fd.grad(lambda x: x * 2.0)(np.ones(2))
        with pytest.raises(TypeError, match="the function returned tuple; expected a number"):
            fd.grad(lambda x: (x, x))(np.float64(1))

    @pytest.mark.parametrize("x", [1.0, 1, np.arange(3), np.array([True]), "text", None, {"a": np.arange(2)}])
    def test_arguments_without_derivative(self, x):
        with pytest.raises(TypeError, match="grad: an argument to differentiate by is .*; expected float32 or float64"):
            fd.grad(lambda x: 1.0)(x)

    def test_what_has_no_derivative(self):
        p = np.ones(3)
        with pytest.raises(TypeError, match="sgd_.*update cannot be differentiated"):
            fd.grad(lambda p: np.sum(F.sgd_update(p, p, p, 0, 0.1, momentum=0.5)[0]))(p)

    def test_a_leaked_tensor(self):
        leaked = []
        fd.compile(lambda x: leaked.append(x) or x)(np.ones(2))
        with pytest.raises(fd.RecordingError, match="left the function that was recorded"):
            fd.compile(lambda x: x + leaked[0])(np.ones(2))

    def test_hvp_arguments(self):
        with pytest.raises(ValueError, match="another structure"):
            fd.hvp(np.sum, np.ones(2), [np.ones(2)])
        with pytest.raises(ValueError, match=r"v has an array \(3,\) float64; expected \(2,\) float64"):
            fd.hvp(np.sum, np.ones(2), np.ones(3))


def test_a_graph_of_ones_own_is_recorded_into():
    """As in a training step: a gradient inside a loss that captured recorded tensors."""
    from fastdl.plan import Plan

    with Graph() as graph:
        x = graph.input(fd.ops.Spec((3,), np.dtype("float64")))
        y = np.sum(fd.grad(lambda w: np.sum(w * x * x))(np.ones(3)))
    assert Plan(graph, [x], [y])([np.float64([1, 2, 3])])[0] == 14
