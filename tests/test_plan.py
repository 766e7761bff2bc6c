"""Plans: where values lie, states updated in place, results that are no values of their own."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl._kernels import arena
from fastdl.graph import Graph
from fastdl.ops import Spec
from fastdl.plan import Plan

FLOAT = np.dtype("float64")


def planned(build, *arrays):
    """The plan of ``build(*tensors)``, which returns (outputs, updates)."""
    with Graph() as graph:
        inputs = [graph.input(Spec(a.shape, a.dtype)) for a in arrays]
        outputs, updates = build(*inputs)
        return Plan(graph, inputs, outputs, updates)


class TestMemory:
    def test_values_that_do_not_live_at_the_same_time_share_room(self):
        def chain(x):
            for _ in range(50):
                x = np.exp(x) * 0.1
            return [np.sum(x)], []

        x = np.zeros(1000)
        plan = planned(chain, x)
        assert 8000 <= plan.arena_bytes <= 3 * 8064 + 4096  # not 100 values of 8000 bytes

    def test_values_that_live_at_the_same_time_do_not(self):
        def fan(x):
            kept = [np.exp(x * float(i)) for i in range(10)]
            return [np.sum(np.concatenate(kept)), *[np.sum(k * kept[0]) for k in kept]], []

        x = np.linspace(0, 1, 500)
        results = planned(fan, x)([x])
        kept = [np.exp(x * i) for i in range(10)]
        np.testing.assert_allclose(results[0], np.sum(kept))
        for i in range(10):
            np.testing.assert_allclose(results[1 + i], np.sum(kept[i] * kept[0]))

    def test_random_graphs(self):
        """Values read long after they were made, in any order: no room is given away too early."""
        kinds = [lambda a, b: a + b, lambda a, b: np.tanh(a) - b, lambda a, b: np.concatenate([a, b])[: len(a)]]
        for seed in range(40):
            rng = np.random.default_rng(seed)
            recipe = [(rng.integers(3), rng.random(2)) for _ in range(30)]

            def build(x, recipe=recipe):
                values = [x]
                for kind, (i, j) in recipe:
                    values.append(kinds[kind](values[int(i * len(values))], values[int(j * len(values))]))
                return [values[-1], values[len(values) // 2], np.concatenate(values[::7])]

            x = rng.standard_normal(37)
            for found, expected in zip(fd.compile(build)(x), build(x), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

    def test_views_cost_nothing(self):
        def views(x):
            return [np.sum(np.reshape(x, (-1, 2))[3:5])], []

        assert planned(views, np.ones((10, 10))).arena_bytes <= 4096 + 1024
        plan = planned(lambda x: ([np.reshape(np.reshape(x, (25, 4))[1:2], (2, 2)) + 0.0], []), np.ones((10, 10)))
        assert plan.arena_bytes == 0

    def test_parts_of_a_concatenation_are_computed_in_their_places(self):
        x = np.arange(1000.0)
        plan = planned(lambda x: ([np.concatenate([x + 1.0, x * 2.0])], []), x)
        assert plan.arena_bytes == 0
        np.testing.assert_array_equal(plan([x])[0], np.concatenate([x + 1, x * 2]))

    def test_what_the_result_does_not_need_is_not_computed(self):
        with Graph() as graph:
            x = graph.input(Spec((3,), FLOAT))
            np.exp(x)
            plan = Plan(graph, [x], [x + 1.0])
        assert [node.primitive.name for node in plan.nodes] == ["add"]

    def test_arenas_go_back(self):
        f = fd.compile(lambda x: np.sum(np.exp(x) * np.tanh(x)))
        x = np.ones(50_000)
        f(x)
        before = arena._kept
        for _ in range(20):
            f(x)
        assert arena._kept == before

    def test_empty_arrays(self):
        for found in fd.compile(lambda x: (x + 1.0, np.concatenate([x, x]), np.sum(x), x[:, :0]))(np.ones((0, 3))):
            assert found.size == 0 or found == 0
        assert fd.compile(lambda x: (lambda y: np.concatenate([y, y]))(x + 1.0))(np.ones((0, 3))).shape == (0, 3)


class TestResults:
    CASES = {
        "an input": lambda x: [x],
        "an input twice": lambda x: [x, x],
        "a value twice": lambda x: (lambda y: [y, y, y])(x + 1.0),
        "a view of an input": lambda x: [np.reshape(x, (-1,)), x[1:]],
        "a view of a value": lambda x: (lambda y: [y[1:], np.reshape(y, (-1,)), y])(x + 1.0),
        "views of a value": lambda x: (lambda y: [y[1:], y[:1]])(x + 1.0),
        "a value that is used again": lambda x: (lambda y: [np.exp(y), y, np.exp(y) * y])(x + 1.0),
        "a part of a concatenation": lambda x: (lambda y: [y, np.concatenate([y, x]), np.concatenate([x, y])])(x + 1.0),
        "the same part twice": lambda x: (lambda y: [np.concatenate([y, y, y])])(x + 1.0),
        "a concatenation of one": lambda x: (lambda y: [np.concatenate([y]), y])(x + 1.0),
        "parts of parts": lambda x: (lambda y: [np.concatenate([np.concatenate([y, x]), y]), y])(x + 1.0),
        "with an empty part": lambda x: (lambda y: [np.concatenate([y[:0], y, x[:0]]), y])(x + 1.0),
        "along another axis": lambda x: [np.concatenate([x + 1.0, x * 2.0], axis=1)],
        "a slice of a concatenation": lambda x: [np.concatenate([x + 1.0, x * 2.0])[1:3]],
        "a reshaped part": lambda x: [np.concatenate([np.reshape(x + 1.0, (-1,)), np.reshape(x * 2.0, (-1,))])],
        "a part that is a slice": lambda x: [np.concatenate([(x + 1.0)[:1], (x * 2.0)[1:]])],
    }

    @pytest.mark.parametrize("name", CASES)
    def test_result(self, name):
        build = self.CASES[name]
        x = np.arange(6.0).reshape(3, 2)
        for found, expected in zip(fd.compile(build)(x), build(x), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-14)

    def test_a_constant(self):
        c = np.arange(3.0)
        found = fd.compile(lambda x: [c, c[1:], x + c, c])(np.ones(3))
        np.testing.assert_array_equal(found[2], c + 1)
        for result in (found[0], found[3]):
            np.testing.assert_array_equal(result, c)
            assert not np.shares_memory(result, c)

    def test_other_arguments_than_planned(self):
        plan = planned(lambda x: ([x + 1.0], []), np.ones(3))
        for wrong in (np.ones(4), np.ones(3, np.float32), np.ones(6)[::2]):
            with pytest.raises(ValueError, match=r"the plan was given .* expected a contiguous array \(3,\) float64"):
                plan.bind([wrong], [np.empty(3)])


def test_the_same_bits_with_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, w, k = rng.standard_normal((16, 3, 20, 20)), rng.standard_normal((10, 8 * 81)), rng.standard_normal((8, 3, 3, 3))

    def network(x, k, w):
        y = F.max_pool2d(F.relu(F.conv2d(x, k)), 2)
        return F.softmax(F.dense(np.reshape(y, (len(y), -1)), w)), np.sum(y)

    f = fd.compile(network)
    gradient = fd.compile(lambda *a: fd.vjp(lambda *a: network(*a)[0], *a)[1](np.ones((16, 10))))
    with fd.threads(1):
        alone = [*f(x, k, w), *gradient(x, k, w)]
    for _ in range(5):
        with fd.threads(2):
            for a, b in zip([*f(x, k, w), *gradient(x, k, w)], alone, strict=True):
                np.testing.assert_array_equal(a, b)


def test_one_plan_in_eight_threads(at_once):
    plan = planned(lambda x, y: ([np.tanh(x) @ y, np.sum(np.exp(x), axis=0)], []), np.ones((60, 60)), np.ones((60, 60)))
    rng = np.random.default_rng(1)
    inputs = [(rng.standard_normal((60, 60)), rng.standard_normal((60, 60))) for _ in range(8)]
    expected = [plan(pair) for pair in inputs]
    wrong = []

    def work(i):
        for _ in range(100):
            if any(not np.array_equal(a, b) for a, b in zip(plan(inputs[i]), expected[i], strict=True)):
                wrong.append(i)

    at_once(work, 8)
    assert wrong == []
