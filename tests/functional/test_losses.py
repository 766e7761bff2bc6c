"""Losses beyond what the walk over the registry sees: values by hand, several cells, errors, second derivatives."""

import numpy as np
import pytest

from fastdl import functional as losses
from fastdl._kernels import threads
from fastdl.functional import _class_losses, binary_losses
from fastdl.functional import losses as value_losses

REDUCTIONS = ("mean", "sum", "none")
DTYPES = (np.float32, np.float64)


def reduced(each, reduction):
    return {"mean": each.mean, "sum": each.sum, "none": lambda: each}[reduction]()


def naive_mse(p, t):
    return (p - t) ** 2


def naive_bce(z, t):
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


def naive_softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def onehot(t, classes):
    return np.moveaxis(np.eye(classes)[t], -1, 1)


def naive_cross_entropy(z, t):
    top = z.max(1)
    true = np.take_along_axis(z, t[:, None], 1)[:, 0]
    return np.log(np.exp(z - top[:, None]).sum(1)) + (top - true)


def pair(rng, shape, dtype):
    return (3 * rng.standard_normal(shape)).astype(dtype), rng.random(shape).astype(dtype)


def classes(rng, shape, dtype):
    return (3 * rng.standard_normal(shape)).astype(dtype), rng.integers(0, shape[1], (shape[0], *shape[2:]))


def close(result, expected, dtype):
    assert result.dtype == dtype
    assert result.shape == np.shape(expected)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(result, expected, rtol=16 * eps, atol=16 * eps * np.abs(expected).max(initial=0))


# 4096 elements are a cell, 256 a block, 16 a vector.
SIZES = ((), (0,), (1,), (10, 1), (16,), (17,), (255,), (3, 100), (4096,), (4097,), (3, 5001))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SIZES)
def test_elementwise_losses(shape, reduction, dtype):
    rng = np.random.default_rng(0)
    x, t = pair(rng, shape, dtype)
    wide_x, wide_t = x.astype(np.float64), t.astype(np.float64)
    for loss, naive in ((losses.mse_loss, naive_mse), (losses.binary_cross_entropy_with_logits, naive_bce)):
        if x.size or reduction != "mean":
            close(loss(x, t, reduction=reduction), reduced(naive(wide_x, wide_t), reduction), dtype)
        else:
            assert np.isnan(loss(x, t, reduction=reduction))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SIZES)
def test_elementwise_gradients(shape, reduction, dtype):
    rng = np.random.default_rng(1)
    x, t = pair(rng, shape, dtype)
    g = rng.standard_normal(shape if reduction == "none" else ()).astype(dtype)
    scaled = g.astype(np.float64) / (max(1, x.size) if reduction == "mean" else 1)
    wide_x, wide_t = x.astype(np.float64), t.astype(np.float64)
    dp, dt = losses.mse_loss_backward(g, x, t, reduction=reduction)
    close(dp, 2 * (wide_x - wide_t) * scaled, dtype)
    close(dt, -2 * (wide_x - wide_t) * scaled, dtype)
    dz, dt = losses.binary_cross_entropy_with_logits_backward(g, x, t, reduction=reduction)
    close(dz, (1 / (1 + np.exp(-wide_x)) - wide_t) * scaled, dtype)
    close(dt, -wide_x * scaled, dtype)


# Rows that share a cell, rows of several cells, a row longer than the buffer of 2048, planes of more than 512 pixels.
LOGITS = (
    (1, 1),
    (10, 2),
    (10, 10),
    (700, 3),
    (5, 64),
    (300, 70),
    (3, 2048),
    (2, 5000),
    (2, 3, 5),
    (3, 2, 30, 41),
    (2, 4, 1),
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", LOGITS)
def test_cross_entropy(shape, reduction, dtype):
    rng = np.random.default_rng(2)
    z, t = classes(rng, shape, dtype)
    wide = z.astype(np.float64)
    close(losses.cross_entropy(z, t, reduction=reduction), reduced(naive_cross_entropy(wide, t), reduction), dtype)
    g = rng.standard_normal(t.shape if reduction == "none" else ()).astype(dtype)
    scaled = g.astype(np.float64) / (t.size if reduction == "mean" else 1)
    scaled = scaled[:, None] if reduction == "none" else scaled
    dz, dt = losses.cross_entropy_backward(g, z, t, reduction=reduction)
    close(dz, (naive_softmax(wide) - onehot(t, shape[1])) * scaled, dtype)
    assert dt is None


def test_hand_computed():
    log2 = np.log(2)
    assert losses.mse_loss(np.float32([1, 2, 3]), np.float32([1, 0, 2])) == np.float32(5 / 3)
    z, t = np.float64([0, np.log(3)]), np.float64([0.5, 0])
    np.testing.assert_allclose(
        losses.binary_cross_entropy_with_logits(z, t, reduction="none"), [log2, 2 * log2], rtol=1e-14
    )
    z, t = np.float64([[0, 0], [0, np.log(3)]]), np.int32([0, 1])
    each = losses.cross_entropy(z, t, reduction="none")
    np.testing.assert_allclose(each, [log2, np.log(4 / 3)], rtol=1e-14)
    dz, _ = losses.cross_entropy_backward(1.0, z, t)
    np.testing.assert_allclose(dz, [[-0.25, 0.25], [0.125, -0.125]], rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_overflow_and_no_cancellation(dtype):
    z, t = np.array([20, -20, 1000, -1000, 1000], dtype), np.array([1, 0, 1, 0, 0], dtype)
    tiny = np.log1p(np.exp(-20))
    for copies in (1, 8, 100):  # with many elements the sum is taken in vectors
        every = losses.binary_cross_entropy_with_logits(np.tile(z, copies), np.tile(t, copies), reduction="none")
        np.testing.assert_allclose(every, np.tile([tiny, tiny, 0, 0, 1000], copies), rtol=1e-6)
        sure = losses.binary_cross_entropy_with_logits(np.tile(z[:4], copies), np.tile(t[:4], copies), reduction="sum")
        np.testing.assert_allclose(sure, copies * 2 * tiny, rtol=1e-6)
        dz, _ = losses.binary_cross_entropy_with_logits_backward(
            1.0, np.tile(z, copies), np.tile(t, copies), reduction="sum"
        )
        np.testing.assert_allclose(dz, np.tile([-np.exp(-20), np.exp(-20), 0, 0, 1], copies), rtol=1e-6)
    for shape in ((1, 3), (1, 3, 20)):
        logits = np.zeros(shape, dtype)
        logits[:, 0], logits[:, 1] = 10_000, 9_999
        loss = losses.cross_entropy(logits, np.ones((1, *shape[2:]), np.int64))
        np.testing.assert_allclose(loss, 1 + np.log1p(np.exp(-1)), rtol=1e-6)


def test_means_of_many_are_accurate():
    n = 1_000_003
    p = np.full(n, 0.1, np.float32)
    np.testing.assert_allclose(losses.mse_loss(p, np.zeros_like(p)), np.float64(np.float32(0.1)) ** 2, rtol=2e-7)


def test_nan_comes_through():
    x, t = np.zeros(5000, np.float32), np.zeros(5000, np.float32)
    x[4097] = np.nan
    for loss in (losses.mse_loss, losses.binary_cross_entropy_with_logits):
        assert np.isnan(loss(x, t))
        assert np.isnan(loss(x, t, reduction="none")).sum() == 1
    for shape in ((4, 3), (4, 3, 20), (4, 3000)):
        for place in (0, 1, 2):
            z = np.zeros(shape, np.float32)
            z[2, place] = np.nan
            t = np.zeros((4, *shape[2:]), np.int64)
            assert np.isnan(losses.cross_entropy(z, t))
            each = losses.cross_entropy(z, t, reduction="none")
            assert np.isnan(each[2]).all() and not np.isnan(each[[0, 1, 3]]).any()
            dz, _ = losses.cross_entropy_backward(1.0, z, t)
            assert np.isnan(dz[2]).all() and not np.isnan(dz[[0, 1, 3]]).any()


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 6)])
def test_a_masked_class_has_no_share(shape):
    z = np.zeros(shape)
    z[:, 1] = -np.inf
    t = np.zeros((3, *shape[2:]), np.int64)
    np.testing.assert_allclose(losses.cross_entropy(z, t), np.log(3), rtol=1e-14)
    dz, _ = losses.cross_entropy_backward(1.0, z, t, reduction="sum")
    assert (dz[:, 1] == 0).all()
    assert losses.cross_entropy(z, t + 1) == np.inf


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (2, 3, 0)])
def test_nothing(shape):
    z, t = np.zeros(shape), np.zeros((shape[0], *shape[2:]), np.int64)
    assert np.isnan(losses.cross_entropy(z, t))
    assert losses.cross_entropy(z, t, reduction="sum") == 0
    assert losses.cross_entropy(z, t, reduction="none").shape == t.shape
    assert losses.cross_entropy_backward(1.0, z, t)[0].shape == shape


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype):
    rng = np.random.default_rng(3)
    x, t = pair(rng, (300_001,), dtype)
    z, c = classes(rng, (20_001, 11), dtype)
    planes, pixels = classes(rng, (7, 5, 11_001), dtype)

    def everything():
        yield losses.mse_loss(x, t)
        yield losses.binary_cross_entropy_with_logits(x, t)
        yield from losses.mse_loss_backward(1.0, x, t)
        yield from losses.binary_cross_entropy_with_logits_backward(t, x, t, reduction="none")
        for logits, target in ((z, c), (planes, pixels)):
            yield losses.cross_entropy(logits, target)
            yield losses.cross_entropy(logits, target, reduction="none")
            yield losses.cross_entropy_backward(1.0, logits, target)[0]

    with threads.threads(1):
        alone = list(everything())
    for one, two in zip(alone, everything(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_views_and_integer_types():
    rng = np.random.default_rng(4)
    z, t = classes(rng, (6, 8), np.float64)
    expected = losses.cross_entropy(np.ascontiguousarray(z[::2, ::-2]), t[::2] // 2)
    assert losses.cross_entropy(z[::2, ::-2], t[::2] // 2) == expected
    for dtype in (np.uint8, np.int16, np.uint64):
        assert losses.cross_entropy(z, t.astype(dtype)) == losses.cross_entropy(z, t)
    assert losses.cross_entropy(z, list(map(int, t))) == losses.cross_entropy(z, t)
    z.flags.writeable = False
    losses.cross_entropy(z, t)


def numeric(f, x, h, eps=1e-6):
    """The sum of h times the derivative of f, by central differences for each element of x."""
    d = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[i] += eps
        down[i] -= eps
        d[i] = np.sum(h * (f(up) - f(down))) / (2 * eps)
    return d


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("primitive", [value_losses._mse_grad, binary_losses._logits_grad])
def test_second_derivatives_of_elementwise_losses(primitive, reduction):
    rng = np.random.default_rng(5)
    x, t = pair(rng, (4, 3), np.float64)
    g = np.asarray(rng.standard_normal(x.shape if reduction == "none" else ()))
    h = rng.standard_normal(x.shape)
    grads = primitive.vjp((h,), (g, x, t), (None,), reduction=reduction)
    for i in range(3):
        inputs = [g, x, t]

        def first(value, i=i, inputs=inputs):
            return primitive(*[value if k == i else a for k, a in enumerate(inputs)], reduction=reduction)[0]

        assert grads[i].shape == inputs[i].shape
        np.testing.assert_allclose(grads[i], numeric(first, inputs[i], h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4)])
def test_second_derivatives_of_cross_entropy(shape, reduction):
    rng = np.random.default_rng(6)
    z, t = classes(rng, shape, np.float64)
    g = np.asarray(rng.standard_normal(t.shape if reduction == "none" else ()))
    h = rng.standard_normal(shape)
    total = np.asarray(float(t.size)) if reduction == "mean" else None
    options = {"reduction": reduction, "ignored": -100, "smoothing": 0.0}
    dg, dz, *others = _class_losses.cross_entropy_grad.vjp((h,), (g, z, t, None, total), (None,), **options)
    assert others == [None, None, None] and dg.shape == g.shape
    np.testing.assert_allclose(
        dg,
        numeric(lambda v: losses.cross_entropy_backward(v, z, t, reduction=reduction)[0], g, h),
        rtol=1e-6,
        atol=1e-8,
    )
    np.testing.assert_allclose(
        dz,
        numeric(lambda v: losses.cross_entropy_backward(g, v, t, reduction=reduction)[0], z, h),
        rtol=1e-6,
        atol=1e-8,
    )


def test_errors_name_the_remedy():
    x = np.zeros((4, 1))
    with pytest.raises(ValueError, match=r"mse_loss: target is \(4,\), prediction is \(4, 1\).*target\.reshape"):
        losses.mse_loss(x, np.zeros(4))
    with pytest.raises(ValueError, match="each prediction needs a target of its own"):
        losses.binary_cross_entropy_with_logits(x, np.zeros(3))
    with pytest.raises(ValueError, match="reduction is 'avg'; expected one of 'mean', 'sum', 'none'"):
        losses.mse_loss(x, x, reduction="avg")
    with pytest.raises(TypeError, match="target has dtype float32 but prediction has float64"):
        losses.mse_loss(x, x.astype(np.float32))
    with pytest.raises(ValueError, match=r"grad has shape \(4, 1\); expected \(\), the shape of the loss"):
        losses.mse_loss_backward(x, x, x)
    with pytest.raises(TypeError, match="expected integer classes. Use mse_loss"):
        losses.cross_entropy(np.zeros((4, 3)), np.zeros(4))
    with pytest.raises(ValueError, match=r"target is \(4, 1\), logits is \(4, 3\).*one class number per target"):
        losses.cross_entropy(np.zeros((4, 3)), np.zeros((4, 1), int))
    with pytest.raises(ValueError, match="argmax"):
        losses.cross_entropy(np.zeros((4, 3)), np.zeros((4, 3), int))
    with pytest.raises(ValueError, match="at least one class"):
        losses.cross_entropy(np.zeros((0, 0)), np.zeros(0, int))


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 50), (2000, 3)])
@pytest.mark.parametrize("bad", [-1, 3, 2**40, -(2**62)])
def test_a_class_that_is_not_there(shape, bad):
    z, t = np.zeros(shape), np.zeros((shape[0], *shape[2:]), np.int64)
    t[-1] = bad
    for f in (
        lambda: losses.cross_entropy(z, t),
        lambda: losses.cross_entropy(z, t, reduction="none"),
        lambda: losses.cross_entropy_backward(1.0, z, t),
    ):
        with pytest.raises(IndexError, match=r"cross_entropy: target holds a class outside 0\.\.2"):
            f()
    t[-1] = 2
    np.testing.assert_allclose(losses.cross_entropy(z, t), np.log(3), rtol=1e-14)
