"""Groups: elementwise launches of a plan that run cell by cell, with the same bits as one after the other."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl._kernels import groups, program
from fastdl.graph import Graph
from fastdl.ops import Spec
from fastdl.plan import Plan


def planned(build, *arrays, updates=(), lasting=()):
    """The plan of ``build(*tensors)``; ``updates``: positions of (input, result), ``lasting`` of inputs."""
    with Graph() as graph:
        inputs = [graph.input(Spec(a.shape, a.dtype)) for a in arrays]
        outputs = build(*inputs)
        pairs = [(inputs[i], outputs[k]) for i, k in updates]
        return Plan(graph, inputs, outputs, pairs, lasting=[inputs[i] for i in lasting])


@pytest.fixture
def members(monkeypatch):
    """How many members each group of the plans made from now on has, in order."""
    found = []

    def noted(*arguments):
        launches = groups.grouped(*arguments)
        found.extend(len(launch.members) for launch in launches if launch.members)
        return launches

    monkeypatch.setattr(program, "grouped", noted)
    return found


def apart(build, *arrays, monkeypatch, **options):
    """The plan without groups."""
    with monkeypatch.context() as patch:
        patch.setattr(program, "grouped", lambda launches, *_: list(launches))
        return planned(build, *arrays, **options)


def normal(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


CASES = {
    "a chain": (lambda x, y: [F.exp(F.tanh(x) * 0.5) + y], [4]),
    "results on the way": (lambda x, y: (lambda a: (lambda b: [a, b, a + b])(F.tanh(a)))(x * y), [3]),
    "comparisons": (lambda x, y: [F.where(F.greater(x, y), x, F.negative(y)) * 2.0], [4]),
    "clip and dropout": (lambda x, y: [F.dropout(F.clip(x, -1, 1), 0.3, seed=1, step=2) + F.relu(y)], [4]),
    "a sum between": (lambda x, y: [F.tanh(x) * F.sum(F.exp(x) + y)], [3]),
    "a row in between": (lambda x, y: [F.tanh(F.tanh(F.sigmoid(x)) + y[0]) * 2.0], [2, 2]),
    "in and out": (lambda x, y: [F.concatenate([F.exp(x), F.exp(x) * y])], [2]),
    "gradients": (lambda x, y: [F.gelu_backward(F.silu_backward(y, x)[0], x)[0] + x], [3]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_same_bits(name, dtype, members, monkeypatch):
    build, expected = CASES[name]
    x, y = normal(0, 123, 457, dtype=dtype), normal(1, 123, 457, dtype=dtype)
    x[3, 5], y[70, 1] = np.nan, np.inf
    with np.errstate(all="ignore"):
        plan = planned(build, x, y)
        assert members == expected
        plain = apart(build, x, y, monkeypatch=monkeypatch)([x, y])
        for count in (1, 2):
            with fd.threads(count):
                for found, known in zip(plan([x, y]), plain, strict=True):
                    np.testing.assert_array_equal(found, known)


def test_one_cell_is_no_group(members):
    planned(lambda x: [F.exp(F.tanh(x) * 0.5)], normal(0, 4096))
    assert members == []
    planned(lambda x: [F.exp(F.tanh(x) * 0.5)], normal(0, 4097))
    assert members == [3]


def test_random_graphs(members, monkeypatch):
    """Values that share room at other offsets, of other types, and in pieces of other values."""
    kinds = [
        lambda a, b: a + b,
        lambda a, b: F.tanh(a) - b,
        lambda a, b: F.where(F.greater(a, b), a, b),
        lambda a, b: F.concatenate([a, b])[5000 : 5000 + a.shape[0]],
        lambda a, b: F.astype(F.astype(a, np.float64) * 0.5, np.float32) + b,
        lambda a, b: a * F.mean(b),
    ]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        recipe = [(rng.integers(len(kinds)), rng.random(2)) for _ in range(25)]

        def build(x, y, recipe=recipe):
            values = [x, y]
            for kind, (i, j) in recipe:
                values.append(kinds[kind](values[int(i * len(values))], values[int(j * len(values))]))
            return [values[-1], values[len(values) // 2], F.concatenate(values[::7])]

        x, y = normal(seed, 9000 + seed), normal(seed + 1, 9000 + seed)
        plan = planned(build, x, y)
        plain = apart(build, x, y, monkeypatch=monkeypatch)
        for found, known in zip(plan([x, y]), plain([x, y]), strict=True):
            np.testing.assert_array_equal(found, known)
    assert len(members) > 100


def test_updates_in_place(members, monkeypatch):
    def build(p, g, v):
        scaled = F.clip(g * 0.5, -1, 1)
        new, new_v = F.sgd_update(p, scaled, v, 1, 0.1, momentum=0.9)
        return [new, new_v, new * 2.0]

    arrays = [normal(i, 50_000) for i in range(3)]
    states = []
    for make in (planned, lambda *a, **k: apart(*a, monkeypatch=monkeypatch, **k)):
        own = [a.copy() for a in arrays]
        results = [np.empty_like(a) for a in own]
        make(build, *own, updates=[(0, 0), (2, 1)]).bind(own, results).run(3)
        states.append([*own, *results])
    assert members and max(members) >= 3
    for found, known in zip(*states, strict=True):
        np.testing.assert_array_equal(found, known)


def test_a_group_does_not_leave_the_prologue(members):
    x, w = normal(0, 10_000), normal(1, 10_000)
    plan = planned(lambda x, w: [F.exp(F.tanh(w)) + F.tanh(F.exp(x))], x, w, lasting=[1])
    assert members == [2, 3] and plan.program.prologue == 1
    np.testing.assert_array_equal(plan([x, w])[0], F.exp(F.tanh(w)) + F.tanh(F.exp(x)))


def test_small_launches_are_enough_for_two_threads_together():
    def build(x):
        for _ in range(8):
            x = x * 0.5 + 1.0
        return [x]

    x = normal(0, 20_000)
    assert planned(build, x).program.most_parts == 2 or fd.get_num_threads() == 1


def test_results_past_the_cache_end_a_group(members, monkeypatch):
    x = normal(0, 2**22 + 5)
    build = lambda x: [F.relu(F.tanh(x) * 2.0) + x]  # noqa: E731
    plan = planned(build, x)
    np.testing.assert_array_equal(plan([x])[0], apart(build, x, monkeypatch=monkeypatch)([x])[0])
