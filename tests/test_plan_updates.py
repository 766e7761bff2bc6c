"""Plans with states: values that a step reads and replaces, in their own memory, step after step."""

import numpy as np

from fastdl import functional as F
from fastdl.graph import Graph
from fastdl.ops import Spec
from fastdl.plan import Plan


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
    return np.array(values, np.float64)


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
        kinds = [
            lambda a, b, made: a,
            lambda a, b, made: a + b,
            lambda a, b, made: made * 0.5 + a,
            lambda a, b, made: made,
            lambda a, b, made: np.concatenate([b[1:], a[:1]]),
            lambda a, b, made: F.negative(a),
        ]
        for seed in range(60):
            rng = np.random.default_rng(seed)
            count = int(rng.integers(1, 5))
            recipe = [(rng.integers(6), rng.integers(count), rng.integers(count)) for _ in range(count)]

            def new_values(states, recipe=recipe):
                values = []
                for kind, i, j in recipe:
                    values.append(kinds[kind](states[i], states[j], values[-1] if values else states[i]))
                return values

            states = [rng.standard_normal(4) for _ in range(count)]
            expected = [s.copy() for s in states]
            for _ in range(3):
                expected = [np.array(v) for v in new_values(expected)]
            built = lambda *s, f=new_values: ([s[0], s[-1]], list(zip(s, f(list(s)), strict=True)))  # noqa: E731
            stepped(built, *states, steps=3)
            for found, wanted in zip(states, expected, strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-12, err_msg=f"seed {seed}: {recipe}")
