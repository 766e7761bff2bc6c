"""The vjp of every elementwise primitive, gradient primitives included, against differences along random directions."""

import numpy as np
import pytest

from fastdl.functional import comparisons, dropout, elementwise  # noqa: F401
from fastdl.functional._activations import TABLE
from fastdl.ops import PRIMITIVES

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.standard_normal(shape)


def positive(*shape):
    return rng.uniform(0.3, 2, shape)


def whole(*shape):
    return np.round(rng.uniform(-2, 3, shape))


OPTIONS = 0.9, 1.3, 0.6  # of the rows of the table of activations that have some
COUNTERS = np.array(3), np.array(-4)
CASES = [
    ("add", (normal(4, 1, 3), normal(5, 1)), {}),
    ("subtract", (normal(1, 3), normal(2, 1)), {}),
    ("multiply", (normal(4, 3), normal(3)), {}),
    ("divide", (normal(3), positive(4, 3)), {}),
    ("power", (positive(4, 3), normal(3)), {}),
    ("power_slope", (positive(4, 3), normal(4, 1)), {}),
    ("power_log", (positive(4, 3), normal()), {}),
    ("maximum", (normal(4, 3), normal(3)), {}),
    ("minimum", (normal(3), normal(4, 3)), {}),
    ("negative", (normal(3),), {}),
    ("exp", (normal(3),), {}),
    ("log", (positive(3),), {}),
    ("sqrt", (positive(3),), {}),
    ("abs", (normal(5),), {}),
    ("sign", (normal(5),), {}),
    ("where", (normal(4, 1) > 0, normal(4, 3), normal(3)), {}),
    *((name, (positive(9),), {}) for name in ("expm1", "log1p", "sin", "cos", "erf")),
    ("prelu", (normal(4, 3), normal(3)), {}),
    ("prelu_slope", (normal(4, 3), normal(4, 1)), {}),
    *((name, (2 * normal(9),), dict(zip(row.options, OPTIONS, strict=False))) for name, row in TABLE.items()),
    *(
        (f"{name}_grad", (normal(9), 2 * normal(9)), dict(zip(row.options, OPTIONS, strict=False)))
        for name, row in TABLE.items()
    ),
    ("softmax", (normal(3, 5),), {"axis": 1}),
    ("softmax", (normal(3, 5, 2),), {"axis": 0}),
    ("softmax_grad", (normal(3, 5), normal(3, 5)), {"axis": 1}),
    ("softmax_grad", (normal(3, 5, 2), normal(3, 5, 2)), {"axis": 1}),
    ("log_softmax", (normal(3, 5),), {"axis": 1}),
    ("log_softmax", (normal(3, 5, 2),), {"axis": 0}),
    ("log_softmax_grad", (normal(3, 5), normal(3, 5)), {"axis": 1}),
    ("log_softmax_grad", (normal(3, 5, 2), normal(3, 5, 2)), {"axis": 1}),
    ("dropout", (normal(20), *COUNTERS), {"p": 0.5, "node": 2}),
]


@pytest.mark.parametrize(("name", "inputs", "attrs"), CASES)
def test_vjp(name, inputs, attrs):
    """<J v, u> from two runs at x + e v and x - e v, and <v, J' u> from the vjp."""
    primitive = PRIMITIVES[name]
    outputs = primitive(*inputs, **attrs)
    u = rng.standard_normal(outputs[0].shape)
    gradients = primitive.vjp((u,), inputs, outputs, **attrs)
    assert len(gradients) == len(inputs)
    e = 1e-6
    for i, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        if x.dtype != np.float64:
            assert gradient is None
            continue
        v = rng.standard_normal(x.shape)
        ends = []
        for end in (x + e * v, x - e * v):
            (y,) = primitive(*inputs[:i], np.asarray(end), *inputs[i + 1 :], **attrs)
            ends.append((y * u).sum())
        expected = (ends[0] - ends[1]) / (2 * e)
        assert gradient is None or gradient.shape == x.shape
        got = 0.0 if gradient is None else (v * gradient).sum()
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8)


def test_every_differentiable_primitive_is_here():
    homes = ("elementwise", "comparisons", "_activations", "rectifiers", "softmax", "dropout", "_lowering")
    mine = {
        name
        for name, primitive in PRIMITIVES.items()
        if primitive.vjp is not None and primitive.vjp.__module__.rsplit(".")[-1] in homes
    }
    others = {"astype", "beats_above", "beats_below"}  # tested with their values
    assert {name for name, _, _ in CASES} >= mine - others


def test_power_where_the_base_is_zero():
    """The exponents 0 to 3 at the base 0: first and second derivatives are numbers."""
    a, b = np.zeros(4), np.arange(4.0)
    da, db = elementwise.power_backward(np.ones(4), a, b)
    np.testing.assert_array_equal(da, [0, 1, 0, 0])
    np.testing.assert_array_equal(db, [0, 0, 0, 0])
    slope = PRIMITIVES["power_slope"]
    second, _ = slope.vjp((np.ones(4),), (a, b), slope(a, b))
    np.testing.assert_array_equal(second, [0, 0, 2, 0])


def test_power_where_the_base_is_negative():
    da, db = elementwise.power_backward(np.ones(2), np.array([-2.0, -2.0]), np.array([3.0, 2.0]))
    np.testing.assert_array_equal(da, [12, -4])
    assert np.isnan(db).all()
