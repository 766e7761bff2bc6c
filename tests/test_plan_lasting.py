"""Plans with inputs that last: what depends on them alone is computed once for all batches of a bound plan."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn
from fastdl._kernels import Program, program
from fastdl.graph import Graph
from fastdl.ops import Spec
from fastdl.plan import Plan
from fastdl.training.inference import Inference


def planned(build, lasting, *arrays, updates=()):
    """The plan of ``build(*tensors)``; ``lasting`` and ``updates``: positions of inputs, and (input, result)."""
    with Graph() as graph:
        inputs = [graph.input(Spec(a.shape, a.dtype)) for a in arrays]
        outputs = build(*inputs)
        pairs = [(inputs[i], outputs[k]) for i, k in updates]
        return Plan(graph, inputs, outputs, pairs, lasting=[inputs[i] for i in lasting])


def batches(plan, first, *others):
    """Results of the bound plan for several first arguments, all in memory of their own."""
    found, run = [], None
    for x in first:
        results = [np.full(t.shape, 777).astype(t.dtype) for t in plan.outputs]
        if run is None:
            run = plan.bind([x, *others], results)
        else:
            plan.move(run, [x, *others], results)
        run.run()
        found.append(results)
    return found


def normal(seed, *shape, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


CASES = {
    "a scale": lambda x, w: [x * F.exp(w)],
    "nothing but the lasting": lambda x, w: [F.exp(w), x + 1.0],
    "a lasting input itself": lambda x, w: [w, x * w],
    "a view of what is made once": lambda x, w: [np.reshape(F.exp(w), (-1,))[2:], x - F.exp(w)],
    "a part of a concatenation": lambda x, w: [np.concatenate([F.exp(w), x * 2.0])],
    "a part made once, twice": lambda x, w: (lambda e: [np.concatenate([e, x, e]), e * x])(F.exp(w)),
    "a concatenation made once": lambda x, w: [np.concatenate([F.exp(w), w * 2.0]) + np.concatenate([x, x])],
    "temporaries": lambda x, w: [F.tanh(F.tanh(x * F.exp(F.tanh(F.exp(w * 0.1)))) + w) * F.log(F.exp(w) + 1.0)],
    "captured arrays": lambda x, w: [x + F.exp(np.arange(12.0).reshape(3, 4)) * w],
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_made_once(name):
    build = CASES[name]
    x, w = normal(0, 4, 3, 4), normal(1, 3, 4)
    plan = planned(build, [1], x[0], w)
    assert plan.program.prologue or name == "a lasting input itself"
    for batch, found in zip(x, batches(plan, x, w), strict=True):
        for result, expected, alone in zip(found, build(batch, w), plan([batch, w]), strict=True):
            np.testing.assert_allclose(result, expected, rtol=1e-14)
            np.testing.assert_array_equal(result, alone)


def test_values_made_once_are_not_overwritten():
    """Random graphs, whose values share room."""
    kinds = [lambda a, b: a + b, lambda a, b: F.tanh(a) - b, lambda a, b: np.concatenate([a, b])[2 : len(a) + 2]]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        recipe = [(rng.integers(3), rng.random(2)) for _ in range(30)]

        def build(x, w, v, recipe=recipe):
            values = [x, w, v]
            for kind, (i, j) in recipe:
                values.append(kinds[kind](values[int(i * len(values))], values[int(j * len(values))]))
            return [values[-1], values[len(values) // 2], np.concatenate(values[::7])]

        x, w, v = normal(seed, 3, 37), normal(seed + 100, 37), normal(seed + 200, 37)
        plan, plain = planned(build, [1, 2], x[0], w, v), planned(build, [], x[0], w, v)
        for batch, found in zip(x, batches(plan, x, w, v), strict=True):
            for result, expected in zip(found, plain([batch, w, v]), strict=True):
                np.testing.assert_array_equal(result, expected)


def test_steps_with_a_state():
    """Only what does not change is computed once."""
    state, w = np.zeros(5), normal(0, 5)
    expected = sum(np.exp(w) for _ in range(4))
    plan = planned(lambda s, w: [s + F.exp(w)], [1], state, w, updates=[(0, 0)])
    assert plan.program.prologue == 1
    result = np.empty(5)
    plan.bind([state, w], [result]).run(4)
    np.testing.assert_allclose(state, expected, rtol=1e-14)


def test_ctrl_c_while_that_is_computed(monkeypatch):
    """The next run computes it again, and then the rest."""
    x, w, y = normal(0, 5), normal(1, 5), np.full(5, 777.0)
    run = planned(lambda x, w: [x * F.exp(w)], [1], x, w).bind([x, w], [y])
    drive = Program._drive

    def interrupted(*arguments):
        drive(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Program, "_drive", interrupted)
        run.run()
    run.run()
    np.testing.assert_allclose(y, x * np.exp(w), rtol=1e-14)


def test_weights_are_packed_once():
    x, w = normal(0, 3, 200, 300, dtype=np.float32), normal(1, 130, 300, dtype=np.float32)

    def build(x, w):
        return [F.relu(F.dense(x, w)) + F.dense(x * 2.0, w)]

    plan = planned(build, [1], x[0], w)
    assert [node.primitive.name for node in plan.nodes].count("dense_pack") == plan.program.prologue == 1
    plain = planned(build, [], x[0], w)
    for batch, (found,) in zip(x, batches(plan, x, w), strict=True):
        np.testing.assert_array_equal(found, plain([batch, w])[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 8, 9, 40, 150, 400])
@pytest.mark.parametrize("columns", [0, 1, 10, 130])
def test_the_same_bits_with_a_packed_weight(rows, columns, dtype):
    x, w, b = normal(0, 2, rows, 90, dtype=dtype), normal(1, columns, 90, dtype=dtype), normal(2, columns, dtype=dtype)
    build = lambda x, w, b: [F.tanh(F.dense(x, w, b))]  # noqa: E731
    for batch, (found,) in zip(x, batches(planned(build, [1, 2], x[0], w, b), x, w, b), strict=True):
        np.testing.assert_array_equal(found, F.dense(batch, w, b, activation="tanh"))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("shape", [(8, 32, 28, 28), (1, 512, 7, 7), (2, 3, 9, 9), (3, 20, 1, 1)])
def test_the_same_bits_with_a_transformed_weight(shape, layout):
    n, c, h, width = shape
    x = normal(0, 3, *(shape if layout == "NCHW" else (n, h, width, c)), dtype=np.float32)
    w, b = normal(1, 40, c, 3, 3, dtype=np.float32), normal(2, 40, dtype=np.float32)
    build = lambda x, w, b: [F.relu(F.conv2d(x, w, b, padding=1, layout=layout))]  # noqa: E731
    plan = planned(build, [1, 2], x[0], w, b)
    assert plan.program.prologue == (1 if c == 32 else 0)
    for batch, (found,) in zip(x, batches(plan, x, w, b), strict=True):
        np.testing.assert_array_equal(found, build(batch, w, b)[0])


def test_ctrl_c_before_a_failure_was_read(monkeypatch):
    """The next run fails for its own reasons only."""
    at, table, y = np.array([0, 9]), normal(0, 3, 2), np.zeros((2, 2))
    run = planned(lambda at, table: [F.embedding(at, table)], [], at, table).bind([at, table], [y])
    drive = program._driver()

    def interrupted(*arguments):
        drive(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(program, "_driver_function", interrupted)
        run.run()
    at[:] = 1
    run.run()
    np.testing.assert_array_equal(y, table[at])
    at[:] = 9
    for _ in range(2):
        with pytest.raises(IndexError):
            run.run()


class TestPredict:
    @pytest.fixture
    def network(self):
        fd.seed(0)
        return nn.Sequential(
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dense(32 * 16, 20), nn.Tanh()
        )

    def test_batches(self, network):
        x = normal(0, 70, 16, 8, 8, dtype=np.float32)
        whole = network(x)
        for size in (16, 32, 35, 69, 70, 100):
            np.testing.assert_allclose(network.predict(x, batch_size=size), whole, rtol=1e-4, atol=1e-5)
        assert network.predict(x[:0]).shape == (0, 20)

    def test_weights_changed_in_place_between_two_calls(self, network):
        x = normal(0, 70, 16, 8, 8, dtype=np.float32)
        inference = Inference(network)
        for factor in (1.0, -0.5, 2.0):
            for weight in (network[0].weight, network[4].weight):
                weight *= factor
            np.testing.assert_allclose(inference(x, 16), network(x), rtol=1e-4, atol=1e-5)

    def test_images_in_other_types(self, network):
        x = np.random.default_rng(0).integers(0, 255, (40, 16, 8, 8)).astype(np.uint8)
        expected = network.predict(x.astype(np.float32), batch_size=16)
        np.testing.assert_array_equal(network.predict(x, batch_size=16), expected)
        np.testing.assert_array_equal(network.predict(x.astype(float)[:, ::-1][:, ::-1], batch_size=16), expected)

    def test_the_same_bits_with_any_number_of_threads(self, network):
        x = normal(0, 300, 16, 8, 8, dtype=np.float32)
        with fd.threads(1):
            alone = network.predict(x, batch_size=64)
        np.testing.assert_array_equal(network.predict(x, batch_size=64), alone)

    def test_a_kernel_that_fails(self):
        model = nn.Sequential(nn.Embedding(5, 3))
        with pytest.raises(IndexError):
            model.predict(np.array([[1], [2], [9], [3]]), batch_size=1)
