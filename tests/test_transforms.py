"""Transformed functions: vjp, what compile keeps and when it records anew, errors, Python threads."""

import threading

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
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

    def test_eight_threads_call_one_function(self, at_once):
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

        at_once(work, 8)
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
