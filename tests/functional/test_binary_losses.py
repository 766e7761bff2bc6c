"""Losses of values and of yes-or-no targets, beyond what the walk over the registry sees."""

import itertools

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import testing

DTYPES = (np.float32, np.float64)
REDUCTIONS = ("mean", "sum", "none")
SHAPES = [(), (0,), (17,), (3, 5), (300, 41)]


def drawn(shape, dtype):
    rng = np.random.default_rng(sum(shape))
    return [
        a.astype(dtype) for a in (2 * rng.standard_normal(shape), rng.random(shape), rng.uniform(0.05, 0.95, shape))
    ]


def close(ours, theirs, dtype):
    theirs = np.asarray(theirs)
    assert ours.dtype == dtype and ours.shape == theirs.shape
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=32 * eps, atol=32 * eps * np.abs(theirs).max(initial=0))


def same_as(torch, loss, name, x, t, dtype, arrays, options):
    """Our loss and gradients, and PyTorch's in float64 on the same numbers."""
    theirs = [torch.tensor(a.astype(np.float64), requires_grad=True) for a in (x, t)]
    weights = {k: torch.tensor(v.astype(np.float64)) for k, v in arrays.items()}
    y = loss(*theirs, **weights, **options)
    ours = getattr(F, name)(x, t, **arrays, **options)
    close(ours, y.detach().numpy(), dtype)
    g = np.random.default_rng(1).standard_normal(ours.shape).astype(dtype)
    y.backward(torch.tensor(g.astype(np.float64)))
    for a, b in zip(getattr(F, f"{name}_backward")(g, x, t, **arrays, **options), theirs, strict=True):
        close(a, b.grad.numpy(), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_all_options_as_pytorch(shape, reduction, dtype):
    torch = pytest.importorskip("torch")
    T = torch.nn.functional
    if shape == (0,) and reduction == "mean":
        return  # NaN
    z, t, p = drawn(shape, dtype)
    options = {"reduction": reduction}
    same_as(torch, T.l1_loss, "mae_loss", z, t, dtype, {}, options)
    for delta in (0.5, 1.0, 3.0):
        same_as(torch, T.huber_loss, "huber_loss", z, t, dtype, {}, options | {"delta": delta})
    weights = [None, np.full((), 3, dtype), np.abs(z), np.abs(z[..., :1]) if shape else None]
    for weight, pos_weight in itertools.product(weights, weights):
        arrays = {k: v for k, v in (("weight", weight), ("pos_weight", pos_weight)) if v is not None}
        name = "binary_cross_entropy_with_logits"
        same_as(torch, getattr(T, name), name, z, t, dtype, arrays, options)
        if pos_weight is None:
            same_as(torch, T.binary_cross_entropy, "binary_cross_entropy", p, t, dtype, arrays, options)


def test_hand_computed():
    p, t = np.float64([1, 2, 3, -4]), np.float64([1, 0, 2.5, 0])
    assert F.mae_loss(p, t, reduction="none").tolist() == [0, 2, 0.5, 4]
    assert F.mae_loss_backward(2.0, p, t, reduction="sum")[0].tolist() == [0, 2, 2, -2]
    assert F.huber_loss(p, t, delta=2.0, reduction="none").tolist() == [0, 2, 0.125, 6]
    assert F.huber_loss_backward(1.0, p, t, delta=2.0, reduction="sum")[0].tolist() == [0, 2, 0.5, -2]
    scores, sides = np.float32([0.5, 2, -1, 1]), np.float32([1, 1, 1, -1])
    assert F.hinge_loss(scores, sides, reduction="none").tolist() == [0.5, 0, 2, 2]
    assert F.hinge_loss(scores, sides) == np.float32(4.5 / 4)
    ds, dt = F.hinge_loss_backward(1.0, scores, sides, reduction="sum")
    assert ds.tolist() == [-1, 0, -1, 1] and dt.tolist() == [-0.5, 0, 1, -1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_certain_and_wrong_costs_a_hundred(dtype):
    p, t = np.array([0, 1, 0, 1], dtype), np.array([1, 0, 0, 1], dtype)
    assert F.binary_cross_entropy(p, t, reduction="none").tolist() == [100, 100, 0, 0]
    dp, _ = F.binary_cross_entropy_backward(1.0, p, t, reduction="sum")
    np.testing.assert_allclose(dp, [-1e12, 1e12, 0, 0], rtol=1e-6)
    assert np.isnan(F.binary_cross_entropy(np.array([-0.1, 1.1, np.nan], dtype), t[:3], reduction="none")).all()


def test_nan_comes_through():
    x, t = np.zeros(5000, np.float32), np.ones(5000, np.float32)
    x[4097] = np.nan
    for loss in (F.mae_loss, F.huber_loss, F.hinge_loss, F.binary_cross_entropy):
        assert np.isnan(loss(x, t))
        assert np.isnan(loss(x, t, reduction="none")).sum() == 1
    for backward in (F.mae_loss_backward, F.huber_loss_backward):
        assert np.isnan(backward(1.0, x, t)[0]).sum() == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_weighing_yes_neither_overflows_nor_cancels(dtype):
    z, t = np.array([20, -20, 1000, -1000, -1000], dtype), np.array([1, 0, 1, 0, 1], dtype)
    tiny = np.log1p(np.exp(-20))
    each = F.binary_cross_entropy_with_logits(z, t, pos_weight=np.array(3, dtype), reduction="none")
    np.testing.assert_allclose(each, [3 * tiny, tiny, 0, 0, 3000], rtol=1e-6)
    dz, _ = F.binary_cross_entropy_with_logits_backward(1.0, z, t, pos_weight=np.array(3, dtype), reduction="sum")
    np.testing.assert_allclose(dz, [-3 * np.exp(-20), np.exp(-20), 0, 0, -3], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype):
    z, t, p = drawn((300_001,), dtype)

    def everything():
        for name in ("mae_loss", "huber_loss", "hinge_loss"):
            yield getattr(F, name)(z, t)
            yield from getattr(F, f"{name}_backward")(1.0, z, t)
        for options in ({}, {"weight": t}):
            yield F.binary_cross_entropy(p, t, **options)
            yield from F.binary_cross_entropy_backward(t, p, t, reduction="none", **options)
        yield F.binary_cross_entropy_with_logits(z, t, weight=p, pos_weight=t)
        yield from F.binary_cross_entropy_with_logits_backward(1.0, z, t, weight=p, pos_weight=t)

    with fd.threads(1):
        alone = list(everything())
    with fd.threads(2):
        for one, two in zip(alone, everything(), strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_second_derivatives(reduction):
    z, t, p = drawn((3, 4), np.float64)
    w, d = np.float64([[1], [0], [2]]), np.float64([3, 1, 0.5, 0])
    signs = np.where(t > 0.5, 1.0, -1.0)
    options = {"reduction": reduction}
    g = np.asarray(np.random.default_rng(1).standard_normal(z.shape if reduction == "none" else ()))
    for backward, arguments, others in (
        (F.mae_loss_backward, (z, t), {}),
        (F.huber_loss_backward, (z, t), {"delta": 0.7}),
        (F.hinge_loss_backward, (z, signs), {}),
        (F.binary_cross_entropy_backward, (p, t), {}),
        (F.binary_cross_entropy_backward, (p, t), {"weight": w}),
        (F.binary_cross_entropy_with_logits_backward, (z, t), {"weight": w}),
        (F.binary_cross_entropy_with_logits_backward, (z, t), {"pos_weight": d}),
        (F.binary_cross_entropy_with_logits_backward, (z, t), {"weight": w, "pos_weight": d}),
    ):
        testing.check_grad(lambda g, x, t, b=backward, o=options | others: b(g, x, t, **o), g, *arguments)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"weight": np.ones(3)}, ValueError, r"weight is \(3,\), the targets are \(4, 1\)"),
        ({"weight": np.ones((2, 1))}, ValueError, r"weight is \(2, 1\), .* expected a shape that repeats to theirs"),
        ({"pos_weight": np.ones((2, 4, 1))}, ValueError, r"pos_weight is \(2, 4, 1\), the targets are \(4, 1\)"),
        ({"weight": np.ones(1, np.float32)}, TypeError, "weight has dtype float32 but x has float64"),
        ({"weight": 2.0}, TypeError, "weight is a float"),
    ],
)
def test_weights_are_checked(options, error, message):
    x = np.zeros((4, 1))
    with pytest.raises(error, match=f"binary_cross_entropy_with_logits: .*{message}"):
        F.binary_cross_entropy_with_logits(x, x, **options)


def test_delta_is_checked():
    x = np.zeros(3)
    for delta in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match="huber_loss: delta is .*greater than 0"):
            F.huber_loss(x, x, delta=delta)
    with pytest.raises(TypeError, match="huber_loss_backward: delta is '1'"):
        F.huber_loss_backward(1.0, x, x, delta="1")


def test_weights_are_constants():
    z, t, _ = drawn((3, 4), np.float64)
    w = np.ones(4)
    assert not fd.grad(lambda w: F.binary_cross_entropy_with_logits(z, t, weight=w, pos_weight=w))(w).any()
