"""Normalisation of single samples: values by hand, errors, corners, numerics; the rest is in the walk over the ops."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference, testing

RNG = np.random.default_rng(0)


def x(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def test_layer_norm_by_hand():
    """Mean 3 and variance 8/3; weight and bias change with the element."""
    y = F.layer_norm(np.float64([1, 3, 5]), np.float64([1, 1, 2]), np.float64([0, 10, 0]), eps=0)
    np.testing.assert_allclose(y, [-2 / np.sqrt(8 / 3), 10, 4 / np.sqrt(8 / 3)], rtol=1e-15)


def test_rms_norm_by_hand_and_its_eps():
    np.testing.assert_allclose(F.rms_norm(np.float64([3, 4]), eps=0), np.array([3, 4]) / np.sqrt(12.5), rtol=1e-15)
    for dtype in (np.float32, np.float64):  # x so small that eps counts
        tiny = np.full(4, np.sqrt(np.finfo(dtype).eps), dtype)
        np.testing.assert_allclose(F.rms_norm(tiny), np.sqrt(0.5), rtol=1e-6)
        np.testing.assert_allclose(reference.rms_norm(tiny), np.sqrt(0.5), rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 6, 5), (2, 6), (3, 6, 4, 40)])
def test_group_norm_is_layer_norm_of_groups(shape):
    a = x(*shape)
    flat = F.layer_norm(a.reshape(shape[0], 3, -1)).reshape(shape)
    np.testing.assert_allclose(F.group_norm(a, 3), flat, rtol=1e-12, atol=1e-13)
    weight, bias = x(6), x(6)
    along = (6, *[1] * (len(shape) - 2))
    scaled = flat * weight.reshape(along) + bias.reshape(along)
    np.testing.assert_allclose(F.group_norm(a, 3, weight, bias), scaled, rtol=1e-12, atol=1e-13)
    if len(shape) > 2:
        np.testing.assert_array_equal(F.instance_norm(a, weight, bias), F.group_norm(a, 6, weight, bias))


def test_normalized_shape_is_read_off_the_weight():
    a, weight = x(2, 3, 4), x(3, 4)
    by_weight = F.layer_norm(a, weight)
    np.testing.assert_array_equal(F.layer_norm(a, weight, normalized_shape=(3, 4)), by_weight)
    np.testing.assert_array_equal(F.layer_norm(a, None, np.zeros((3, 4))), F.layer_norm(a, normalized_shape=[3, 4]))
    np.testing.assert_array_equal(F.layer_norm(a), F.layer_norm(a, normalized_shape=4))
    np.testing.assert_allclose(F.layer_norm(a).mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(by_weight / weight, F.layer_norm(a.reshape(2, 12)).reshape(2, 3, 4), rtol=1e-12)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: F.layer_norm(x(2, 3), x(4)), ValueError, r"layer_norm: normalises over the last axes of sizes \(4,\)"),
        (lambda: F.layer_norm(x(2, 3), x(3), x(2)), ValueError, r"layer_norm: bias has shape \(2,\); expected \(3,\)"),
        (lambda: F.layer_norm(x()), ValueError, r"sizes \(\), x has shape \(\); expected an x whose shape ends so"),
        (lambda: F.layer_norm(x(3), normalized_shape=2.5), TypeError, "normalized_shape is 2.5; expected an integer"),
        (
            lambda: F.layer_norm(x(3), eps=-1),
            ValueError,
            "layer_norm: eps is -1; expected a finite number of at least 0",
        ),
        (lambda: F.layer_norm(x(3), eps="a"), TypeError, "layer_norm: eps is 'a'; expected a number"),
        (lambda: F.layer_norm(x(3), x(3, dtype=np.float32)), TypeError, "weight has dtype float32 but x has float64"),
        (lambda: F.rms_norm([1.0, 2.0]), TypeError, "rms_norm: x is a list; expected a NumPy array"),
        (lambda: F.rms_norm(x(3), normalized_shape=()), ValueError, r"of sizes \(\)"),
        (lambda: F.group_norm(x(3), 1), ValueError, r"group_norm: x has shape \(3,\); expected \(N, C, ...\)"),
        (
            lambda: F.group_norm(x(2, 6), 4),
            ValueError,
            r"num_groups is 4, x has 6 channels \(x \(2, 6\)\); expected a div",
        ),
        (lambda: F.group_norm(x(2, 6), 2.0), TypeError, "group_norm: num_groups is 2.0; expected an integer"),
        (
            lambda: F.group_norm(x(2, 6), 2, x(2)),
            ValueError,
            r"weight has shape \(2,\); expected \(6,\), one number for",
        ),
        (
            lambda: F.instance_norm(x(2, 6)),
            ValueError,
            r"instance_norm: x has shape \(2, 6\); expected .* axis of pixels",
        ),
        (lambda: F.instance_norm(x(2, 6, 1)), ValueError, r"x has one pixel \(x \(2, 6, 1\)\), whose variance is 0"),
        (
            lambda: F.layer_norm_backward(x(3), x(2, 3)),
            ValueError,
            r"layer_norm_backward: grad has shape \(3,\); expected \(2, 3\)",
        ),
        (
            lambda: F.group_norm_backward(x(2, 4), x(2, 4), 2, mean=x(2), var=x(2, 2)),
            ValueError,
            r"group_norm_backward: mean has shape \(2,\); expected \(2, 2\), the shape of the statistics",
        ),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_groups_of_one_give_the_bias_and_no_gradient():
    a, weight, bias = x(5, 1), np.float64([3]), np.float64([7])
    for name, args in (("layer_norm", (a, weight, bias)), ("group_norm", (a, 1, weight, bias))):
        np.testing.assert_array_equal(getattr(F, name)(*args), np.full((5, 1), 7.0))
        grads = [g for g in getattr(F, f"{name}_backward")(np.ones((5, 1)), *args) if g is not None]
        np.testing.assert_allclose(grads[0], 0, atol=1e-12)
        assert grads[1].tolist() == [0] and grads[2].tolist() == [5]


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_nothing_at_all(shape):
    for name, args in (("layer_norm", ()), ("rms_norm", ()), ("group_norm", (1,))):
        assert getattr(F, name)(x(*shape), *args).shape == shape
    weight = np.ones(shape[1])
    dx, dw, db = F.layer_norm_backward(x(*shape), x(*shape), weight, weight)
    assert dx.shape == shape and not dw.any() and not db.any() and dw.shape == db.shape == weight.shape
    slope = fd.grad(lambda a: F.sum(F.layer_norm(a) * a))
    assert fd.grad(lambda a: F.sum(slope(a) ** 2))(x(*shape)).shape == shape


@pytest.mark.parametrize("name, shape", [("layer_norm", (40, 700)), ("instance_norm", (3, 5, 700))])
def test_a_large_mean_costs_no_more_than_in_naive_code(name, shape):
    """Mean 1e4, standard deviation 1, float32: what is left is the rounding of the mean itself."""
    a = (1e4 + x(*shape)).astype(np.float32)
    exact = getattr(reference, name)(a)
    mean = a.mean(-1, keepdims=True)
    naive = (a - mean) / np.sqrt(((a - mean) ** 2).mean(-1, keepdims=True) + np.float32(1e-5))
    ours = getattr(F, name)(a)
    assert np.abs(ours - exact).max() <= 1.01 * np.abs(naive - exact).max()


def test_a_constant_row_gives_zero():
    """The sum of 1000 times 12345.678 is rounded; the mean is put right before it is subtracted."""
    assert not F.layer_norm(np.full((3, 1000), 12345.678, np.float32)).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saved_statistics_spare_nothing_but_time(dtype):
    a, weight, g = x(7, 33, dtype=dtype), x(33, dtype=dtype), x(7, 33, dtype=dtype)
    mean, var = a.mean(-1), a.var(-1)
    for got, expected in zip(
        F.layer_norm_backward(g, a, weight, mean=mean, var=var), F.layer_norm_backward(g, a, weight), strict=True
    ):
        if expected is not None:
            np.testing.assert_allclose(got, expected, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-5)
    square = (a**2).mean(-1)
    for got, expected in zip(
        F.rms_norm_backward(g, a, weight, mean_square=square), F.rms_norm_backward(g, a, weight), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-5)


CALLS = {
    "rows": lambda a, w, b: F.layer_norm(a, w, b),
    "root mean square": lambda a, w, b: F.rms_norm(a, w),
    "groups": lambda a, w, b: F.group_norm(a, 4, w, b),
    "long pieces": lambda a, w, b: F.instance_norm(F.reshape(a, (5, 4, -1)), w[:4], b[:4]),
}


@pytest.mark.parametrize("name", CALLS)
def test_third_derivatives(name):
    """Gradients of gradients of gradients: each primitive's vjp is made of primitives that have one."""
    call = CALLS[name]

    def first(a, w, b):
        return np.sum(fd.grad(lambda a: np.sum(F.tanh(call(a, w, b))))(a) ** 2)

    def second(a, w, b):
        return np.sum(fd.grad(first)(a, w, b) ** 2)

    testing.check_grad(second, x(5, 8), x(8), x(8))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows, n", [(1, 5000), (130, 7), (70, 2049), (2000, 64)])
def test_lengths_around_the_blocks_of_the_kernels(rows, n, dtype):
    a, w, b, g = x(rows, n, dtype=dtype), x(n, dtype=dtype), x(n, dtype=dtype), x(rows, n, dtype=dtype)
    wide = [v.astype(np.float64) for v in (g, a, w, b)]
    tolerance = {"rtol": 1e-4, "atol": 2e-4} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-11}
    with fd.threads(1):
        y, grads = F.layer_norm(a, w, b), F.layer_norm_backward(g, a, w, b)
    with fd.threads(2):
        np.testing.assert_array_equal(F.layer_norm(a, w, b), y)
        for again, grad in zip(F.layer_norm_backward(g, a, w, b), grads, strict=True):
            np.testing.assert_array_equal(again, grad)
    np.testing.assert_allclose(y, reference.layer_norm(*wide[1:]), **tolerance)
    for grad, expected in zip(grads, reference.layer_norm_backward(*wide), strict=True):
        np.testing.assert_allclose(grad, expected, **tolerance)
