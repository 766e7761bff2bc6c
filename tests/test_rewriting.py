"""Plans of rewritten graphs: the values of the graph as it was recorded, from fewer launches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl.graph import Graph
from fastdl.ops import Spec
from fastdl.plan import Plan

DTYPES = (np.float32, np.float64)


def names(build, *arrays):
    """The primitives of the plan of ``build(*tensors)``."""
    with Graph() as graph:
        inputs = [graph.input(Spec(a.shape, a.dtype)) for a in arrays]
        results = build(*inputs)
        plan = Plan(graph, inputs, list(results) if isinstance(results, (list, tuple)) else [results])
    return [node.primitive.name for node in plan.nodes]


def same(found, expected):
    """Equal numbers, NaN where NaN is."""
    np.testing.assert_array_equal(found, expected)


def images(rng, shape, dtype=np.float32):
    """Normal numbers, some of them zero."""
    x = rng.standard_normal(shape).astype(dtype)
    x[rng.random(shape) < 0.1] = 0
    return x


# x, weight, options: by Winograd, directly into the result and through tiles, strided, grouped, depthwise.
CONVOLUTIONS = {
    "winograd": ((2, 32, 13, 14), (24, 32, 3, 3), {"padding": 1}),
    "winograd by blocks": ((1, 96, 8, 8), (96, 96, 3, 3), {"padding": 1}),
    "direct": ((2, 3, 12, 32), (5, 3, 5, 5), {}),
    "tiles": ((2, 4, 9, 11), (6, 4, 3, 3), {"padding": 1}),
    "strided": ((2, 4, 13, 13), (6, 4, 3, 3), {"stride": 2}),
    "many channels": ((1, 600, 9, 9), (4, 600, 2, 2), {}),
    "pointwise": ((2, 16, 8, 8), (8, 16, 1, 1), {}),
    "groups": ((2, 8, 9, 9), (12, 4, 3, 3), {"groups": 2}),
    "depthwise": ((2, 6, 17, 19), (6, 1, 3, 3), {"groups": 6, "padding": 1}),
    "depthwise strided": ((2, 6, 17, 19), (12, 1, 5, 5), {"groups": 6, "stride": 2, "padding": 2}),
    "NHWC": ((2, 9, 11, 4), (6, 4, 3, 3), {"layout": "NHWC"}),
    "no taps' worth": ((2, 0, 5, 5), (3, 0, 3, 3), {}),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CONVOLUTIONS)
class TestConvolution:
    def test_relu_is_part_of_it(self, name, dtype):
        shape, taps, options = CONVOLUTIONS[name]
        rng = np.random.default_rng(0)
        x, w, b = images(rng, shape, dtype), images(rng, taps, dtype), images(rng, taps[:1], dtype)
        for arguments in ((x, w, b), (x, w)):
            layer = lambda *a, options=options: F.relu(F.conv2d(*a, **options))  # noqa: E731
            assert [name for name in names(layer, *arguments) if name != "transpose"] == ["conv2d"]
            same(fd.compile(layer)(*arguments), layer(*arguments))

    def test_what_is_not_finite_comes_through(self, name, dtype):
        shape, taps, options = CONVOLUTIONS[name]
        rng = np.random.default_rng(1)
        x, w, b = images(rng, shape, dtype), images(rng, taps, dtype), images(rng, taps[:1], dtype)
        if x.size:
            x.flat[rng.integers(x.size, size=3)] = [np.nan, np.inf, -np.inf]
        b[0] = -np.inf
        layer = lambda *a: F.relu(F.conv2d(*a, **options))  # noqa: E731
        with np.errstate(all="ignore"):
            same(fd.compile(layer)(x, w, b), layer(x, w, b))

    def test_gradients(self, name, dtype):
        shape, taps, options = CONVOLUTIONS[name]
        rng = np.random.default_rng(2)
        x, w, b = images(rng, shape, dtype), images(rng, taps, dtype), images(rng, taps[:1], dtype)
        z = F.conv2d(x, w, b, **options)
        g = images(rng, z.shape, dtype)
        expected = F.conv2d_backward(F.relu_backward(g, z)[0], x, w, b, **options)
        _, pull = fd.vjp(lambda *a: F.relu(F.conv2d(*a, **options)), x, w, b)
        dx, dw, db = pull(g)
        same(dx, expected[0])
        same(dw, expected[1])
        np.testing.assert_allclose(db, expected[2], rtol=1e-5, atol=1e-5)  # in NHWC the pixels come in another order


class TestWinogradOverflow:
    def test_where_the_transforms_overflow_and_the_sum_does_not(self):
        rng = np.random.default_rng(3)
        x = rng.standard_normal((1, 32, 12, 12)).astype(np.float32) * 1e37
        w = rng.standard_normal((32, 32, 3, 3)).astype(np.float32)
        layer = lambda x, w: F.relu(F.conv2d(x, w))  # noqa: E731
        with np.errstate(all="ignore"):
            expected = layer(x, w)
            same(fd.compile(layer)(x, w), expected)
        assert np.isinf(expected).any() and np.isfinite(expected).any()


class TestDense:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "elu"])
    @pytest.mark.parametrize("shape", [(5, 3, 4), (3, 200, 70), (1, 300, 40), (70, 2000, 9), (64, 784, 128)])
    def test_activations(self, shape, activation, dtype):
        rows, inputs, outputs = shape
        rng = np.random.default_rng(0)
        x, w, b = images(rng, (rows, inputs), dtype), images(rng, (outputs, inputs), dtype), images(rng, outputs, dtype)
        layer = lambda *a: getattr(F, activation)(F.dense(*a))  # noqa: E731
        known = activation in ("relu", "tanh", "sigmoid")
        assert names(layer, x, w, b) == (["dense"] if known else ["dense", activation])
        same(fd.compile(layer)(x, w, b), F.dense(x, w, b, activation=activation))
        g = images(rng, (rows, outputs), dtype)
        _, pull = fd.vjp(layer, x, w, b)
        for found, expected in zip(pull(g), F.dense_backward(g, x, w, b, activation=activation), strict=True):
            same(found, expected)

    def test_vectors_and_stacks(self):
        rng = np.random.default_rng(0)
        w, b = images(rng, (7, 5)), images(rng, 7)
        for shape in ((5,), (2, 3, 5), (0, 5)):
            layer = lambda *a: F.relu(F.dense(*a))  # noqa: E731
            x = images(rng, shape)
            assert names(layer, x, w, b) == ["dense"]
            same(fd.compile(layer)(x, w, b), layer(x, w, b))


class TestReaders:
    """What somebody else reads stays what it is."""

    x, w = images(np.random.default_rng(0), (4, 6)), images(np.random.default_rng(1), (5, 6))

    CASES = {
        "a result": lambda x, w: (lambda z: [z, F.relu(z)])(F.dense(x, w)),
        "read twice": lambda x, w: (lambda z: [F.relu(z), F.exp(z)])(F.dense(x, w)),
        "two activations": lambda x, w: (lambda z: [F.relu(z), F.tanh(z)])(F.dense(x, w)),
        "read by itself": lambda x, w: (lambda z: [F.relu(z) * z])(F.dense(x, w)),
        "a view is a result": lambda x, w: (lambda z: [np.reshape(z, (-1,)), F.relu(z)])(F.dense(x, w)),
        "its view is read twice": lambda x, w: (lambda v: [v + 1, F.relu(v)])(np.reshape(F.dense(x, w), (-1,))),
    }

    @pytest.mark.parametrize("name", CASES)
    def test_other_readers(self, name):
        build = self.CASES[name]
        assert "relu" in names(build, self.x, self.w)
        for found, expected in zip(fd.compile(build)(self.x, self.w), build(self.x, self.w), strict=True):
            same(found, expected)

    ABSORBED = {
        "through a view": lambda x, w: [F.relu(np.reshape(F.dense(x, w), (2, 10)))],
        "through views": lambda x, w: [F.relu(np.reshape(np.reshape(F.dense(x, w), (2, 10)), (-1,))) + 1],
        "the second one stays": lambda x, w: [F.tanh(F.relu(F.dense(x, w)))],
        "asked for and added": lambda x, w: [F.tanh(F.dense(x, w, activation="relu"))],
        "the result is read twice": lambda x, w: (lambda y: [y, y * 2.0, F.exp(y)])(F.relu(F.dense(x, w))),
    }

    @pytest.mark.parametrize("name", ABSORBED)
    def test_absorbed(self, name):
        build = self.ABSORBED[name]
        assert "relu" not in names(build, self.x, self.w)
        for found, expected in zip(fd.compile(build)(self.x, self.w), build(self.x, self.w), strict=True):
            same(found, expected)

    def test_conv1d(self):
        rng = np.random.default_rng(0)
        x, w = images(rng, (2, 3, 20)), images(rng, (4, 3, 5))
        layer = lambda x, w: F.relu(F.conv1d(x, w))  # noqa: E731
        assert "relu" not in names(layer, x, w)
        same(fd.compile(layer)(x, w), layer(x, w))


class TestPooling:
    def test_the_gradient_of_relu_is_taken_before_unpooling(self):
        x, w = np.zeros((2, 3, 9, 9)), np.zeros((4, 3, 2, 2))
        found = names(fd.grad(lambda w, x: np.sum(F.max_pool2d(F.relu(F.conv2d(x, w)), 2) ** 2)), w, x)
        assert found.index("relu_grad") < found.index("max_pool2d_pull")
        found = names(fd.grad(lambda w, x: np.sum(F.max_pool2d(F.relu(F.conv2d(x, w)), 3) ** 2)), w, x)
        assert found.index("relu_grad") < found.index("max_pool2d_grad")

    @given(st.integers(0, 10**6), st.sampled_from(DTYPES), st.sampled_from(["NCHW", "NHWC"]))
    def test_same_values(self, seed, dtype, layout):
        """Windows of any kind, which may overlap; ties, NaN and infinities."""
        rng = np.random.default_rng(seed)
        size = int(rng.integers(1, 4))
        stride = int(rng.choice([size, 1, 2, 3]))
        options = {"stride": stride, "padding": int(rng.integers(0, size // 2 + 1)), "layout": layout}
        x = rng.integers(-3, 4, (2, 5, 7, 6)).astype(dtype)
        for value in (np.nan, np.inf, -np.inf):
            x[rng.random(x.shape) < 0.03] = value
        y = F.relu(x)
        p = F.max_pool2d(y, size, **options)
        g = rng.standard_normal(p.shape).astype(dtype)
        g[rng.random(p.shape) < 0.1] = np.inf
        pooled, pull = fd.vjp(lambda x: F.max_pool2d(F.relu(x), size, **options), x)
        same(pooled, p)
        with np.errstate(all="ignore"):
            same(pull(g)[0], F.relu_backward(F.max_pool2d_backward(g, y, size, **options)[0], x)[0])

    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    def test_sums_over_the_pixels(self, layout):
        rng = np.random.default_rng(0)
        x, w, b = images(rng, (3, 8, 8, 8)), images(rng, (4, 8, 3, 3)), images(rng, 4)

        def network(w, b):
            return F.max_pool2d(F.relu(F.conv2d(x, w, b, layout=layout)), 2, layout=layout)

        p, pull = fd.vjp(network, w, b)
        g = images(rng, p.shape)
        z = F.conv2d(x, w, b, layout=layout)
        dz = F.relu_backward(F.max_pool2d_backward(g, F.relu(z), 2, layout=layout)[0], z)[0]
        dw, db = pull(g)
        same(dw, F.conv2d_backward(dz, x, w, b, layout=layout)[1])
        np.testing.assert_allclose(db, np.sum(dz, (0, 2, 3) if layout == "NCHW" else (0, 1, 2)), rtol=1e-5, atol=1e-5)

    def test_other_sums_stay(self):
        x = images(np.random.default_rng(0), (2, 3, 6, 6), np.float64)
        for axes in ((0, 2), (1,), (0, 2, 3), None):
            slope = fd.grad(lambda x: np.sum(F.max_pool2d(x * x, 2) ** 3))
            found = fd.compile(lambda x, axes=axes, slope=slope: np.sum(slope(x), axis=axes))(x)
            np.testing.assert_allclose(found, np.sum(slope(x), axis=axes), rtol=1e-12)

    def test_relu_of_other_images(self):
        """The gradient of one pooling, kept where other images are positive."""
        rng = np.random.default_rng(0)
        a, b, g = images(rng, (1, 2, 6, 6)), images(rng, (1, 2, 6, 6)), images(rng, (1, 2, 3, 3))

        def kept(a, b, g):
            _, pull = fd.vjp(lambda a: F.max_pool2d(a, 2), a)
            return F.relu_backward(pull(g)[0], b, output=F.relu(b))[0]

        found = names(kept, a, b, g)
        assert found.index("max_pool2d_pull") < found.index("relu_grad")
        same(fd.compile(kept)(a, b, g), kept(a, b, g))

    def test_places_of_maxima_are_found_only_for_gradients(self):
        x = images(np.random.default_rng(0), (2, 3, 8, 8))
        assert names(lambda x: F.max_pool2d(x, 3), x) == ["max_pool2d_values"]
        slope = fd.grad(lambda x: np.sum(F.max_pool2d(x, 3) ** 2))
        assert "max_pool2d" in names(slope, x)


def test_the_recorded_graph_can_be_differentiated_after_it_was_planned():
    rng = np.random.default_rng(0)
    x, w = images(rng, (4, 6), np.float64), images(rng, (5, 6), np.float64)

    def loss(w, x):
        return np.sum(F.relu(F.dense(x, w)) ** 3)

    v = images(rng, w.shape, np.float64)
    found = fd.hvp(lambda w: loss(w, x), w, v)
    h = 1e-6
    slope = fd.grad(loss)
    np.testing.assert_allclose(found, (slope(w + h * v, x) - slope(w - h * v, x)) / (2 * h), rtol=1e-4, atol=1e-5)
