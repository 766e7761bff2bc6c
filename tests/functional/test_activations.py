"""Activations: every row of the table against its formula and PyTorch, tails, corners, memory, errors."""

import math

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import testing
from fastdl._kernels import threads
from fastdl.functional._activations import NAMED, TABLE
from fastdl.ops import PRIMITIVES, execute

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
# Ways to call each: name, the same in PyTorch (torch.nn.functional), options.
CALLS = [
    ("relu", "relu", {}),
    ("leaky_relu", "leaky_relu", {}),
    ("leaky_relu", "leaky_relu", {"negative_slope": 0.3}),
    ("elu", "elu", {}),
    ("elu", "elu", {"alpha": 0.7}),
    ("selu", "selu", {}),
    ("celu", "celu", {}),
    ("celu", "celu", {"alpha": 0.5}),  # of which the reciprocal is exact: PyTorch takes it in float32
    ("gelu", "gelu", {}),
    ("gelu", "gelu", {"approximate": "tanh"}),
    ("silu", "silu", {}),
    ("mish", "mish", {}),
    ("sigmoid", "sigmoid", {}),
    ("hard_sigmoid", "hardsigmoid", {}),
    ("hard_swish", "hardswish", {}),
    ("tanh", "tanh", {}),
    ("softplus", "softplus", {}),
    ("softplus", "softplus", {"beta": 2.0, "threshold": 3.0}),
    ("softsign", "softsign", {}),
]
EVERY_CALL = pytest.mark.parametrize(("name", "theirs", "options"), CALLS)


@BOTH
def test_relu_at_its_corner(dtype):
    x = np.array([-np.inf, -1, -0.0, 0, 1e-30, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(F.relu(x), np.array([0, 0, 0, 0, 1e-30, np.inf, np.nan], dtype))
    g = np.full(7, 3, dtype)
    np.testing.assert_array_equal(F.relu_backward(g, x)[0], [0, 0, 0, 0, 3, 3, 3])


@BOTH
def test_saturation(dtype):
    x = np.array([-np.inf, -1000, -50, 50, 1000, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(F.tanh(x), [-1, -1, -1, 1, 1, 1, np.nan])
    y = F.sigmoid(x)
    np.testing.assert_array_equal(y[[0, 1, 3, 4, 5, 6]], [0, 0, 1, 1, 1, np.nan])
    np.testing.assert_allclose(y[2], np.exp(-50), rtol=1e-6)
    for name in ("tanh", "sigmoid"):
        (dx,) = getattr(F, f"{name}_backward")(np.ones_like(x), x)
        np.testing.assert_array_equal(dx[[0, 1, 4, 5, 6]], [0, 0, 0, 0, np.nan])


@BOTH
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_a_saved_output_serves_the_backward(name, dtype):
    rng = np.random.default_rng(0)
    g, x = rng.standard_normal((2, 50)).astype(dtype)
    backward = getattr(F, f"{name}_backward")
    np.testing.assert_array_equal(backward(g, x)[0], backward(g, x, output=getattr(F, name)(x))[0])


@EVERY_CALL
@BOTH
def test_values_and_two_derivatives_as_pytorch(name, theirs, options, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal(200), rng.uniform(-12, 12, 200), rng.uniform(-0.01, 0.01, 50)])
    x, g = x.astype(dtype), rng.standard_normal(450).astype(dtype)
    h = rng.standard_normal(450).astype(dtype)
    y, pullback = fd.vjp(lambda x: getattr(F, name)(x, **options), x)
    (dx,) = pullback(g)
    _, second = fd.vjp(lambda g, x: getattr(F, f"{name}_backward")(g, x, **options)[0], g, x)
    dg, ddx = second(h)
    tx, tg = torch.tensor(x, requires_grad=True), torch.tensor(g, requires_grad=True)
    if name == "hard_sigmoid":  # of which PyTorch has no second derivative
        ty = torch.nn.functional.relu6(tx + 3) / 6
    else:
        ty = getattr(torch.nn.functional, theirs)(tx, **options)
    (tdx,) = torch.autograd.grad(ty, tx, tg, create_graph=True)
    tdg, tddx = torch.autograd.grad(tdx, (tg, tx), torch.tensor(h), allow_unused=True)
    tddx = torch.zeros_like(tx) if tddx is None else tddx
    eps = np.finfo(dtype).eps
    for ours, other in ((y, ty), (dx, tdx), (dg, tdg), (ddx, tddx)):
        assert ours.dtype == dtype
        scale = 10 if ours is y else 60  # their 1 + erf and 1 - tanh**2 cancel
        np.testing.assert_allclose(ours, other.detach().numpy(), rtol=scale * eps, atol=scale * eps)


@EVERY_CALL
@BOTH
def test_infinities_and_nan(name, theirs, options, dtype):
    torch = pytest.importorskip("torch")
    x = np.array([-np.inf, np.nan, -1e30, 1e30], dtype)
    other = getattr(torch.nn.functional, theirs)(torch.tensor(x), **options).numpy()
    np.testing.assert_allclose(getattr(F, name)(x, **options), other, rtol=1e-6)
    x = np.array([np.inf, np.finfo(dtype).max / 2], dtype)  # where some of PyTorch's overflow
    y = getattr(F, name)(x, **options)
    bounded = {"tanh": (1, 1), "sigmoid": (1, 1), "hard_sigmoid": (1, 1), "softsign": (np.nan, 1)}
    above = x * dtype(1.0507009873554805 if name == "selu" else 1)
    np.testing.assert_allclose(y, np.array(bounded.get(name, above), dtype), rtol=1e-6)


@EVERY_CALL
@BOTH
def test_derivatives_of_large_numbers_are_finite(name, theirs, options, dtype):
    top = np.finfo(dtype).max
    x = np.array([-top, -1e36, -1e18, -1e4, 1e4, 1e18, 1e36, top], dtype)
    (dx,) = getattr(F, f"{name}_backward")(np.ones_like(x), x, **options)
    lowest, highest = {"leaky_relu": (options.get("negative_slope", 0.01), 1), "selu": (0, 1.0507009873554805)}.get(
        name, (0, 0 if name in ("tanh", "sigmoid", "hard_sigmoid", "softsign") else 1)
    )
    expected = np.repeat(np.array([lowest, highest], dtype), 4)
    np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-7)


@BOTH
def test_tails_keep_their_digits(dtype):
    """Far below 0 the smooth ones are tiny numbers, of which 1 + erf and the like would leave nothing."""
    eps = np.finfo(dtype).eps
    x = -np.arange(1, 80, 0.7).astype(dtype)
    wide = x.astype(np.float64)
    for name, expected in (
        ("silu", wide * np.exp(wide) / (1 + np.exp(wide))),
        ("mish", wide * (u := np.exp(wide) * (np.exp(wide) + 2)) / (u + 2)),
        ("softplus", np.log1p(np.exp(wide))),
    ):
        np.testing.assert_allclose(getattr(F, name)(x), expected, rtol=6 * eps)
    x = -np.arange(1, 12, 0.1).astype(dtype)
    expected = [v * math.erfc(-v / math.sqrt(2)) / 2 for v in x.astype(np.float64)]
    np.testing.assert_allclose(F.gelu(x), expected, rtol=max(6 * eps, 4e-14))  # math.erfc's own argument is rounded


@BOTH
@pytest.mark.parametrize("name", ["elu", "selu", "celu"])
def test_small_arguments_keep_their_digits(name, dtype):
    x = -np.logspace(-30, -1, 100).astype(dtype)
    scale = 1.0507009873554805 * 1.6732632423543772 if name == "selu" else 1.0
    expected = scale * np.expm1(x.astype(np.float64))
    np.testing.assert_allclose(getattr(F, name)(x), expected, rtol=4 * np.finfo(dtype).eps)


@BOTH
def test_corners(dtype):
    x = np.array([-3, 0, 3], dtype)
    g = np.ones(3, dtype)
    for name, values, slopes in (
        ("leaky_relu", [-0.03, 0, 3], [0.01, 0.01, 1]),
        ("elu", [math.expm1(-3), 0, 3], [math.exp(-3), 1, 1]),
        ("hard_sigmoid", [0, 0.5, 1], [0, 1 / 6, 0]),
        ("hard_swish", [0, 0, 3], [0, 0.5, 1]),
        ("softsign", [-0.75, 0, 0.75], [1 / 16, 1, 1 / 16]),
    ):
        np.testing.assert_allclose(getattr(F, name)(x), values, rtol=1e-6)
        np.testing.assert_allclose(getattr(F, f"{name}_backward")(g, x)[0], slopes, rtol=1e-6)


@BOTH
def test_softplus_is_the_input_above_the_threshold(dtype):
    x = np.array([2.9, 3.1], dtype)
    y = F.softplus(x, threshold=3)
    np.testing.assert_allclose(y, [np.log1p(np.exp(2.9)), 3.1], rtol=1e-6)
    assert y[1] == x[1]
    np.testing.assert_array_equal(F.softplus_backward(np.ones(2, dtype), x, threshold=3)[0][1], 1)


@BOTH
@pytest.mark.parametrize("name", TABLE)
def test_in_place(name, dtype):
    rng = np.random.default_rng(0)
    x, g = (3 * rng.standard_normal((2, 5000))).astype(dtype)
    options = {key: 0.5 for key in TABLE[name].options}
    for primitive, inputs in ((name, (x,)), (f"{name}_grad", (g, x))):
        (expected,) = PRIMITIVES[primitive](*inputs, **options)
        copies = tuple(a.copy() for a in inputs)
        execute(PRIMITIVES[primitive], copies, options, out=copies[0])
        np.testing.assert_array_equal(copies[0], expected)


@BOTH
@pytest.mark.parametrize("activation", NAMED)
def test_dense_with_each_of_them(activation, dtype):
    """The result, the gradient and the gradient of the gradient of a layer are those of its two parts."""
    rng = np.random.default_rng(1)
    x, weight, bias, g = (rng.standard_normal(s).astype(dtype) for s in ((7, 40), (30, 40), (30,), (7, 30)))
    options = {"approximate": "tanh"} if activation == "gelu_tanh" else {}
    function = getattr(F, activation.removesuffix("_tanh"))
    apart, pull_apart = fd.vjp(lambda *a: function(F.dense(*a), **options), x, weight, bias)
    together, pull = fd.vjp(lambda *a: F.dense(*a, activation=activation), x, weight, bias)
    np.testing.assert_array_equal(together, apart)
    for a, b in zip(pull(g), pull_apart(g), strict=True):
        np.testing.assert_array_equal(a, b)
    out = np.empty_like(apart)
    assert F.dense(x, weight, bias, activation=activation, out=out) is out
    np.testing.assert_array_equal(out, apart)
    for output in (None, apart):
        public = F.dense_backward(g, x, weight, bias, activation=activation, output=output)
        for a, b in zip(public, pull(g), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    if dtype == np.float64 and activation not in ("relu", "leaky_relu", "selu", "hard_sigmoid", "hard_swish", "elu"):
        layer = fd.compile(lambda *a: fd.vjp(lambda *b: F.dense(*b, activation=activation), *a)[1](g))
        testing.check_grad(layer, x, weight, bias)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (2, 3, 4, 4), (0, 3), (2, 3, 0)])
def test_prelu_has_a_slope_for_each_channel(shape):
    rng = np.random.default_rng(2)
    x, g, weight = rng.standard_normal(shape), rng.standard_normal(shape), rng.standard_normal(3)
    spread = weight.reshape(3, *(1,) * (len(shape) - 2))
    np.testing.assert_array_equal(F.prelu(x, weight), np.where(x > 0, x, spread * x))
    dx, dweight = F.prelu_backward(g, x, weight)
    np.testing.assert_allclose(dx, np.where(x > 0, g, spread * g))
    others = tuple(axis for axis in range(len(shape)) if axis != 1)
    np.testing.assert_allclose(dweight, np.where(x > 0, 0, g * x).sum(others), atol=1e-12)


def test_prelu_of_few_dimensions():
    assert F.prelu(np.float32(-2).reshape(()), np.float32([0.5])) == -1
    np.testing.assert_array_equal(F.prelu(np.float32([-2, 4, -6]), np.float32([0.5])), [-1, 4, -3])
    dx, dweight = F.prelu_backward(np.ones(3, np.float32), np.float32([-2, 4, -6]), np.float32([0.5]))
    np.testing.assert_array_equal(dx, [0.5, 1, 0.5])
    np.testing.assert_array_equal(dweight, [-8])


@BOTH
@pytest.mark.parametrize("name", ["gelu", "mish", "softplus", "elu", "sin", "erf"])
def test_one_and_two_threads_give_the_same_bits(name, dtype):
    x = np.random.default_rng(0).standard_normal(100_003).astype(dtype)
    with threads.threads(1):
        alone = getattr(F, name)(x), *getattr(F, f"{name}_backward")(x, x)
    with threads.threads(2):
        for a, b in zip(alone, (getattr(F, name)(x), *getattr(F, f"{name}_backward")(x, x)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_derivatives_of_any_order():
    """sin three times, and gelu'' by hand: the table is closed under differentiation."""
    x = np.float64([-1.5, 0.3, 2.0])
    third = fd.grad(lambda x: fd.grad(lambda x: fd.grad(lambda x: np.sum(F.sin(x)))(x).sum())(x).sum())
    np.testing.assert_allclose(third(x), -np.cos(x), rtol=1e-13)
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    second = fd.grad(lambda x: fd.grad(lambda x: np.sum(F.gelu(x)))(x).sum())
    np.testing.assert_allclose(second(x), density * (2 - x * x), rtol=1e-12)
    third = fd.grad(lambda x: fd.grad(lambda x: fd.grad(lambda x: np.sum(F.gelu(x)))(x).sum())(x).sum())
    np.testing.assert_allclose(third(x), density * (x**3 - 4 * x), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.relu([1.0]), TypeError, r"relu: x is a list; expected a NumPy array"),
        (lambda x: F.tanh(x.astype(int)), TypeError, r"tanh: x has dtype int64; expected float32 or float64"),
        (lambda x: F.relu_backward(x.astype(float), x), TypeError, "relu_backward: grad has dtype float64; expect"),
        (lambda x: F.elu(x, "1"), TypeError, "elu: alpha is '1'; expected a number"),
        (lambda x: F.elu(x, True), TypeError, "elu: alpha is True; expected a number"),
        (lambda x: F.elu(x, math.nan), ValueError, "elu: alpha is nan; expected a finite number"),
        (lambda x: F.celu(x, 0), ValueError, "celu: alpha is 0; expected a finite number other than 0"),
        (lambda x: F.celu(x, 1e-320), ValueError, "celu: alpha is 1e-320; expected a number whose reciprocal"),
        (lambda x: F.leaky_relu(x, None), TypeError, "leaky_relu: negative_slope is None; expected a number"),
        (lambda x: F.softplus(x, beta=0), ValueError, "softplus: beta is 0; expected a finite number other than 0"),
        (lambda x: F.softplus_backward(x, x, beta=0), ValueError, "softplus_backward: beta is 0"),
        (lambda x: F.gelu(x, approximate="erf"), ValueError, "gelu: approximate is 'erf'; expected one of 'none', 't"),
        (
            lambda x: F.prelu(x, np.ones(2, np.float32)),
            ValueError,
            r"prelu: weight has shape \(2,\); expected \(3,\), one slope for each channel .* or \(1,\)",
        ),
        (lambda x: F.prelu(x[0], np.ones(3, np.float32)), ValueError, r"weight has shape \(3,\); expected \(1,\)"),
        (lambda x: F.dense(x, x, activation="swish"), ValueError, "dense: activation is 'swish'; expected one of 'id"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones((2, 3), np.float32))
