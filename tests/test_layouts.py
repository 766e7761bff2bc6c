"""Networks in NHWC, and networks with transpositions around their layers: planned in NCHW, with the same values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl.graph import Graph
from fastdl.ops import Spec
from fastdl.plan import Plan

FIRST, LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def names(build, *arrays):
    """The primitives of the plan of ``build(*tensors)``."""
    with Graph() as graph:
        inputs = [graph.input(Spec(a.shape, a.dtype)) for a in arrays]
        results = build(*inputs)
        plan = Plan(graph, inputs, list(results) if isinstance(results, (list, tuple)) else [results])
    return [node.primitive.name for node in plan.nodes]


def normal(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def same(build, *arrays):
    """The plan's results are those of the calls one by one."""
    for found, expected in zip(fd.compile(build)(*arrays), build(*arrays), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)


def around(w, x):
    """A convolution of images in NHWC by one of images in NCHW."""
    return F.transpose(F.conv2d(F.transpose(x, FIRST), w), LAST)


X, W, V = normal(0, 2, 8, 9, 3), normal(1, 4, 3, 3, 3), normal(2, 4, 4, 3, 3)
N = {"layout": "NHWC"}

# The network, and how many transpositions its plan has.
CASES = {
    "one layer": (lambda x, w, v: [F.conv2d(x, w, **N)], 2),
    "two layers": (lambda x, w, v: [F.conv2d(F.relu(F.conv2d(x, w, **N)), v, **N)], 2),
    "pooling": (
        lambda x, w, v: [F.conv2d(F.max_pool2d(F.tanh(F.conv2d(x, w, padding=1, **N)), 2, **N), v, **N)],
        2,
    ),
    "means": (lambda x, w, v: [F.avg_pool2d(F.conv2d(x, w, **N) * 2.0 + 1.0, 2, **N)], 2),
    "a residual": (lambda x, w, v: (lambda y: [F.conv2d(y, v, padding=1, **N) + y])(F.conv2d(x, w, **N)), 2),
    "a choice": (lambda x, w, v: (lambda y: [F.where(F.greater(y, 0), F.exp(y), y)])(F.conv2d(x, w, **N)), 2),
    "flattened": (lambda x, w, v: [F.reshape(F.max_pool2d(F.conv2d(x, w, **N), 2, **N), (2, -1))], 2),
    "the result and what follows": (lambda x, w, v: (lambda y: [y, F.conv2d(y, v, **N)])(F.conv2d(x, w, **N)), 3),
    "the input is read twice": (lambda x, w, v: [F.conv2d(x, w, **N), F.max_pool2d(x, 2, **N), x], 3),
    "a row is added": (lambda x, w, v: [F.conv2d(x, w, **N) + v[0, :, 0, 0]], 2),
    "not for a view of it": (lambda x, w, v: [F.conv2d(x, w, **N)[:, 1:]], 2),
    "transposed around": (lambda x, w, v: [around(v, F.relu(around(w, x)))], 2),
    "transposed twice": (lambda x, w, v: [F.transpose(F.transpose(F.conv2d(v, v), LAST), FIRST)], 0),
    "both ways": (lambda x, w, v: [F.max_pool2d(F.transpose(F.conv2d(F.transpose(x, FIRST), w), LAST), 2, **N)], 2),
    "transposed for nobody": (lambda x, w, v: [F.sum(F.transpose(x, LAST), axis=0)], 1),
    "in another way": (lambda x, w, v: [F.transpose(F.conv2d(x, w, **N), (3, 1, 2, 0))], 3),
    "no images": (lambda x, w, v: [F.transpose(w, LAST) * 2.0], 1),
    "one channel is a view": (lambda x, w, v: [F.conv2d(x[..., :1], w[:1, :1], **N)], 2),
}


@pytest.mark.parametrize("name", CASES)
def test_transpositions(name):
    build, count = CASES[name]
    assert names(build, X, W, V).count("transpose") == count
    same(build, X, W, V)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2), (0, 2, 3), (3,), (0,), (1, 3), (0, 1, 2, 3), (2,)])
def test_sums(axes, layout):
    x = X if layout == "NHWC" else np.ascontiguousarray(X.transpose(FIRST))

    def build(x, w):
        y = F.conv2d(x, w, layout=layout)
        return [F.sum(y, axis=axes), F.mean(y, axis=axes, keepdims=True)]

    for found, expected in zip(fd.compile(build)(x, W), build(x, W), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    with Graph() as graph:
        tensors = [graph.input(Spec(a.shape, a.dtype)) for a in (x, W)]
        plan = Plan(graph, tensors, build(*tensors))
    found = [node.primitive.name for node in plan.nodes].count("transpose")
    keeps_order = axes not in ((0,), (2,))  # the axes that are left
    assert found == (0 if layout == "NCHW" else 1 if keeps_order else 2)


def test_single_numbers():
    same(lambda x, w: [F.conv2d(x, w, **N) * F.max(F.conv2d(x, w, **N)), F.relu(x[:1, :1, :1, :1])], X, W)

    def numbers(x, w):
        one = F.conv2d(x[:1, :3, :3], w[:1], **N)
        return [F.conv2d(x, w, **N) * one, one + one]

    same(numbers, X, W)


@given(st.integers(0, 10**6), st.sampled_from([np.float32, np.float64]))
def test_random_networks(seed, dtype):
    """Layers of any kind, in NHWC and transposed to it, over values that were made before."""
    rng = np.random.default_rng(seed)
    x, w = normal(seed, 2, 6, 6, 3, dtype=dtype), normal(seed + 1, 3, 3, 3, 3, dtype=dtype)
    kinds = [
        lambda a, b, w: F.conv2d(a, w, padding=1, **N),
        lambda a, b, w: F.relu(a),
        lambda a, b, w: F.tanh(a) - b,
        lambda a, b, w: F.max_pool2d(a, 3, stride=1, padding=1, **N),
        lambda a, b, w: F.avg_pool2d(a, 3, stride=1, padding=1, **N),
        lambda a, b, w: F.transpose(F.conv2d(F.transpose(a, FIRST), w, padding=1), LAST),
        lambda a, b, w: F.transpose(F.tanh(F.transpose(a, FIRST)) * F.transpose(b, FIRST), LAST),
        lambda a, b, w: F.concatenate([a[:1], b[1:]]),
        lambda a, b, w: F.where(F.greater(a, b), a, 0.5),
        lambda a, b, w: F.adaptive_max_pool2d(a, (6, 6), **N) * 0.5,
        lambda a, b, w: F.conv_transpose2d(a, w, padding=1, **N),
    ]
    recipe = [(rng.integers(len(kinds)), rng.random(2)) for _ in range(8)]

    def build(x, w):
        values = [x]
        for kind, (i, j) in recipe:
            values.append(kinds[kind](values[int(i * len(values))], values[int(j * len(values))], w))
        return [values[-1], values[len(values) // 2]]

    same(build, x, w)
    y, pull = fd.vjp(lambda x, w: build(x, w)[0], x, w)
    g = normal(seed + 2, *y.shape, dtype=dtype)
    found = pull(g)
    # The gradient along one direction, with the network in float64.
    directions = [normal(seed + 3, *a.shape, dtype=np.float64) for a in (x, w)]
    if dtype == np.float64:
        h = 1e-7
        ahead, behind = (build(*(a + s * h * d for a, d in zip((x, w), directions, strict=True)))[0] for s in (1, -1))
        slope = np.sum((ahead - behind) / (2 * h) * g)
        along = sum(np.sum(a * d) for a, d in zip(found, directions, strict=True))
        np.testing.assert_allclose(along, slope, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_step(dtype):
    """Loss and gradients of a network in NHWC are those of the same one in NCHW."""
    x, w = normal(0, 4, 12, 12, 3, dtype=dtype), normal(1, 8, 3, 3, 3, dtype=dtype)
    v = normal(2, 6, 8, 3, 3, dtype=dtype)
    b, dense = normal(3, 8, dtype=dtype), normal(4, 2, 6, dtype=dtype)

    def loss(layout):
        def value(w, b, v, dense, x):
            y = F.max_pool2d(F.relu(F.conv2d(x, w, b, layout=layout)), 2, layout=layout)
            y = F.relu(F.conv2d(y, v, layout=layout))
            y = F.global_avg_pool2d(y, layout=layout)
            return F.cross_entropy(F.dense(F.reshape(y, (4, 6)), dense), np.array([0, 1, 1, 0]))

        return fd.value_and_grad(value, argnums=(0, 1, 2, 3))

    first, last = loss("NCHW"), loss("NHWC")
    x_first = np.ascontiguousarray(x.transpose(FIRST))
    (value, grads), (value_last, grads_last) = first(w, b, v, dense, x_first), last(w, b, v, dense, x)
    np.testing.assert_array_equal(value, value_last)
    for a, c in zip(grads, grads_last, strict=True):
        np.testing.assert_array_equal(a, c)
    # The images, and the gradient of their means.
    assert names(lambda *a: [last(*a)[0], *last(*a)[1]], w, b, v, dense, x).count("transpose") == 2
