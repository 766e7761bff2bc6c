"""Plans: where values lie, states updated in place, results that are no values of their own."""

import threading

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


def stepped(build, *arrays, steps=1):
    """Run steps on the arrays themselves; returns the results."""
    plan = planned(build, *arrays)
    results = [np.full(t.shape, np.nan).astype(t.dtype) for t in plan.outputs]
    plan.bind(arrays, results).run(steps)
    return results


def numbers(*values):
    return np.array(values, FLOAT)


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
        results = stepped(fan, x)
        kept = [np.exp(x * i) for i in range(10)]
        np.testing.assert_allclose(results[0], np.sum(kept))
        for i in range(10):
            np.testing.assert_allclose(results[1 + i], np.sum(kept[i] * kept[0]))

    def test_random_graphs(self):
        """Values read long after they were made, in any order: no room is given away too early."""
        for seed in range(40):
            rng = np.random.default_rng(seed)
            recipe = [(rng.integers(3), rng.random(2)) for _ in range(30)]

            def build(x, recipe=recipe):
                values = [x]
                for kind, (i, j) in recipe:
                    a, b = values[int(i * len(values))], values[int(j * len(values))]
                    new = [lambda: a + b, lambda: np.tanh(a) - b, lambda: np.concatenate([a, b])[: len(x)]][kind]()
                    values.append(new)
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


class TestUpdates:
    def test_in_place(self):
        p, g = numbers(1, 2, 3), numbers(10, 10, 10)
        plan = planned(lambda p, g: ([], [(p, p - g * 0.1)]), p, g)
        assert plan.arena_bytes <= 64  # nothing but g * 0.1
        plan.bind([p, g]).run(3)
        np.testing.assert_allclose(p, [-2, -1, 0])

    def test_optimizers_run_in_place(self):
        p, g, v = np.ones(1000), np.ones(1000), np.zeros(1000)

        def build(p, g, v):
            new_p, new_v = F.sgd_update(p, g, v, 1, 0.1, momentum=0.9)
            return [], [(p, new_p), (v, new_v)]

        plan = planned(build, p, g, v)
        assert plan.arena_bytes == 0
        plan.bind([p, g, v]).run(2)
        np.testing.assert_allclose(v, 1.9)
        np.testing.assert_allclose(p, 1 - 0.1 - 0.19)

    def test_the_old_value_is_also_a_result(self):
        x = numbers(1, 2)
        (old,) = stepped(lambda x: ([x], [(x, x + 1.0)]), x)
        np.testing.assert_array_equal(old, [1, 2])
        np.testing.assert_array_equal(x, [2, 3])

    def test_a_view_of_the_old_value_is_a_result(self):
        x = numbers(1, 2)
        (old,) = stepped(lambda x: ([np.reshape(x, (2, 1))], [(x, x + 1.0)]), x)
        np.testing.assert_array_equal(old, [[1], [2]])
        np.testing.assert_array_equal(x, [2, 3])

    def test_the_old_value_is_read_later(self):
        x = numbers(1, 2)
        (twice,) = stepped(lambda x: (lambda new: ([x * 2.0 + new], [(x, new)]))(x + 1.0), x)
        np.testing.assert_array_equal(twice, [4, 7])
        np.testing.assert_array_equal(x, [2, 3])

    def test_the_new_value_is_read_later(self):
        x, y = numbers(1, 2), numbers(0, 0)
        stepped(lambda x, y: (lambda new: ([], [(x, new), (y, y + new)]))(x + 1.0), x, y)
        np.testing.assert_array_equal(x, [2, 3])
        np.testing.assert_array_equal(y, [2, 3])

    def test_two_states_are_swapped(self):
        for size in (2, 30_000):
            a, b = np.full(size, 1.0), np.full(size, 2.0)
            stepped(lambda a, b: ([], [(a, b), (b, a)]), a, b)
            assert (a == 2).all() and (b == 1).all()
            stepped(lambda a, b: ([], [(a, b), (b, a)]), a, b, steps=4)
            assert (a == 2).all() and (b == 1).all()

    def test_three_states_go_round(self):
        a, b, c = numbers(1), numbers(2), numbers(3)
        stepped(lambda a, b, c: ([a + b], [(a, b), (b, c), (c, a)]), a, b, c)
        assert (a, b, c) == (2, 3, 1)

    def test_one_state_becomes_what_another_was(self):
        a, b = numbers(1), numbers(5)
        stepped(lambda a, b: ([], [(a, a + 1.0), (b, a)]), a, b, steps=3)
        assert (a, b) == (4, 3)
        stepped(lambda a, b: ([], [(b, a), (a, a + 1.0)]), a, b)
        assert (a, b) == (5, 4)

    def test_both_depend_on_both(self):
        a, b = numbers(1), numbers(1)
        stepped(lambda a, b: ([], [(a, a + b), (b, a * b)]), a, b, steps=3)  # (2, 1), (3, 2), (5, 6)
        assert (a, b) == (5, 6)

    def test_two_states_get_the_same_value(self):
        a, b = numbers(1), numbers(5)
        (c,) = stepped(lambda a, b: (lambda new: ([new], [(a, new), (b, new)]))(a + b), a, b, steps=2)
        assert (a, b, c) == (12, 12, 12)

    def test_a_state_stays_or_becomes_a_constant(self):
        a, b = numbers(1), numbers(2)
        stepped(lambda a, b: ([], [(a, a), (b, a.graph.lift(numbers(7)))]), a, b)
        assert (a, b) == (1, 7)

    def test_a_state_becomes_a_view(self):
        a, b = numbers(1, 2, 3, 4), numbers(0, 0)
        stepped(lambda a, b: ([], [(a, np.concatenate([a[2:], b])), (b, a[:2])]), a, b)
        np.testing.assert_array_equal(a, [3, 4, 0, 0])
        np.testing.assert_array_equal(b, [1, 2])

    def test_a_broadcast_operand_is_not_overwritten_too_early(self):
        a, s = np.arange(5000.0), np.array(2.0)
        stepped(lambda a, s: ([], [(a, a * s), (s, s * s)]), a, s)
        np.testing.assert_array_equal(a, np.arange(5000.0) * 2)
        assert s == 4
        b = numbers(1, 2, 3)
        stepped(lambda b: ([], [(b, b - np.sum(b))]), b)
        np.testing.assert_array_equal(b, [-5, -4, -3])
        stepped(lambda b: ([], [(b, b[::-1] + b)]), b)
        np.testing.assert_array_equal(b, [-8, -8, -8])
        c, d = np.arange(1.0, 9001.0).reshape(3000, 3), np.arange(9000.0).reshape(3000, 3)
        expected = c - c[:1], d[:1] + c
        stepped(lambda c, d: ([], [(d, d[:1] + c)]), c, d)
        stepped(lambda c: ([], [(c, c - c[:1])]), c)
        np.testing.assert_array_equal(c, expected[0])
        np.testing.assert_array_equal(d, expected[1])

    def test_random_updates(self):
        """States updated from each other in all kinds of ways, against plain NumPy."""
        for seed in range(60):
            rng = np.random.default_rng(seed)
            count = int(rng.integers(1, 5))
            plan = [(int(rng.integers(6)), int(rng.integers(count)), int(rng.integers(count))) for _ in range(count)]

            def new_values(states, plan=plan):
                values = []
                for kind, i, j in plan:
                    a, b = states[i], states[j]
                    made = values[-1] if values else a
                    values.append(
                        [
                            lambda: a,
                            lambda: a + b,
                            lambda: made * 0.5 + a,
                            lambda: made,
                            lambda: np.concatenate([b[1:], a[:1]]),
                            lambda: F.negative(a),
                        ][kind]()
                    )
                return values

            states = [rng.standard_normal(4) for _ in range(count)]
            expected = [s.copy() for s in states]
            for _ in range(3):
                expected = [np.array(v) for v in new_values(expected)]
            built = lambda *s, f=new_values: ([s[0], s[-1]], list(zip(s, f(list(s)), strict=True)))  # noqa: E731
            stepped(built, *states, steps=3)
            for found, wanted in zip(states, expected, strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-12, err_msg=f"seed {seed}: {plan}")


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


def test_one_plan_in_eight_threads():
    plan = planned(lambda x, y: ([np.tanh(x) @ y, np.sum(np.exp(x), axis=0)], []), np.ones((60, 60)), np.ones((60, 60)))
    rng = np.random.default_rng(1)
    inputs = [(rng.standard_normal((60, 60)), rng.standard_normal((60, 60))) for _ in range(8)]
    expected = [plan(pair) for pair in inputs]
    wrong = []

    def work(i):
        for _ in range(100):
            if any(not np.array_equal(a, b) for a, b in zip(plan(inputs[i]), expected[i], strict=True)):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
