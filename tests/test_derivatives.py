"""grad, value_and_grad and hvp: against finite differences on networks, and by hand."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import testing
from fastdl.tree import flatten, unflatten

RANDOM = np.random.default_rng(3)


def normal(*shape):
    return RANDOM.standard_normal(shape)


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
        leaves, structure = flatten(params)
        v = unflatten(structure, [normal(*a.shape) for a in leaves])
        found = flatten(fd.hvp(lambda p: function(p, x, classes), params, v))[0]
        gradient = fd.grad(lambda p: function(p, x, classes))
        h = 1e-5
        sides = [
            flatten(gradient(unflatten(structure, moved)))[0]
            for moved in ([a + s * h * b for a, b in zip(leaves, flatten(v)[0], strict=True)] for s in (1, -1))
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
    pairs = zip(flatten(a)[0], flatten(b)[0], strict=True)
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
