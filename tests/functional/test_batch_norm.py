"""Batch normalisation: both modes by hand, the new statistics and their gradients, errors, agreement with PyTorch."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference, testing

RNG = np.random.default_rng(0)


def x(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def arguments(*shape, dtype=np.float64):
    c = shape[1]
    return [x(*shape, dtype=dtype), *(x(c, dtype=dtype) for _ in range(3)), RNG.uniform(0.5, 2, c).astype(dtype)]


def test_by_hand():
    a = np.float64([[1, 0], [3, 0], [5, 6]])  # means 3 and 2, variances 8/3 and 8, unbiased 4 and 12
    ones, twos = np.ones(2), np.full(2, 2.0)
    y, mean, var = F.batch_norm(a, twos, ones, ones, ones, training=True, momentum=0.5, eps=0)
    np.testing.assert_allclose(y, 1 + 2 * (a - [3, 2]) / np.sqrt([8 / 3, 8]), rtol=1e-14)
    np.testing.assert_allclose(mean, [2, 1.5], rtol=1e-15)
    np.testing.assert_allclose(var, [2.5, 6.5], rtol=1e-15)
    np.testing.assert_allclose(
        F.batch_norm(a, twos, ones, ones, np.full(2, 4.0), eps=0), 1 + 2 * (a - 1) / 2, rtol=1e-15
    )
    assert ones.tolist() == [1, 1] and twos.tolist() == [2, 2]  # nothing is changed in place


def test_without_running_statistics():
    a = x(6, 3)
    y, mean, var = F.batch_norm(a, None, None, None, None, training=True)
    assert mean is None and var is None
    np.testing.assert_array_equal(y, F.batch_norm(a, None, None, np.zeros(3), np.ones(3), training=True)[0])
    assert F.batch_norm_backward(x(6, 3), a, None, None, None, None, training=True)[1:] == (None,) * 4


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"x": x(3)}, ValueError, r"batch_norm: x has shape \(3,\); expected \(N, C, ...\)"),
        ({"running_var": None}, ValueError, "running_mean is given, running_var absent; expected both, or in training"),
        ({"running_mean": None, "running_var": None}, ValueError, "running_mean is absent, running_var absent"),
        (
            {"weight": x(2)},
            ValueError,
            r"batch_norm: weight has shape \(2,\); expected \(3,\), one number for each cha",
        ),
        ({"running_mean": x(3, 1)}, ValueError, r"batch_norm: running_mean has shape \(3, 1\)"),
        ({"training": 1}, TypeError, "batch_norm: training is 1; expected True or False"),
        ({"momentum": 1.5}, ValueError, "batch_norm: momentum is 1.5; expected 0 <= momentum <= 1"),
        ({"momentum": None}, TypeError, "batch_norm: momentum is None; expected a number"),
        ({"eps": float("nan")}, ValueError, "batch_norm: eps is nan; expected a finite number"),
        ({"bias": x(3, dtype=np.float32)}, TypeError, "batch_norm: bias has dtype float32 but x has float64"),
        (
            {"x": x(1, 3), "training": True},
            ValueError,
            r"x has 1 values per channel \(x \(1, 3\)\); expected more than",
        ),
        ({"x": x(0, 3), "training": True}, ValueError, "x has 0 values per channel"),
    ],
)
def test_what_is_refused(change, error, message):
    names = ("x", "weight", "bias", "running_mean", "running_var")
    with pytest.raises(error, match=message):
        F.batch_norm(**{**dict(zip(names, arguments(4, 3), strict=True)), **change})


@pytest.mark.parametrize("grad", [x(4), (x(4, 3), x(4), None), (x(4, 3), None, x(3, dtype=np.float32))])
def test_the_backward_checks_its_gradients(grad):
    with pytest.raises((TypeError, ValueError), match=r"batch_norm_backward: grad.* expected"):
        F.batch_norm_backward(grad, *arguments(4, 3), training=True)


SHAPES = [(5, 3), (4, 3, 2), (3, 2, 4, 5), (2, 3, 200), (70, 130), (3, 40, 7, 7)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_new_statistics_have_gradients(shape):
    def weighted(*args):
        return F.batch_norm(*args, training=True, momentum=0.3, eps=0.1)

    args = arguments(*shape)
    testing.check_grad(weighted, *args)
    testing.check_grad(
        weighted, *args, backward=lambda grad, *a: F.batch_norm_backward(grad, *a, training=True, momentum=0.3, eps=0.1)
    )
    mean, var = (args[0].mean((0, *range(2, len(shape)))), args[0].var((0, *range(2, len(shape)))))
    grads = (x(*shape), None, x(shape[1]))
    saved = F.batch_norm_backward(grads, *args, training=True, mean=mean, var=var)
    for a, b in zip(saved, F.batch_norm_backward(grads, *args, training=True), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    only = F.batch_norm_backward((None, x(shape[1]), None), *args, training=True)
    assert only[0].shape == shape and only[1] is None and only[2] is None and not only[4].any()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (3, 2, 130)])
def test_third_derivatives(shape, training):
    def value(a, w, b, mean, var):
        results = F.batch_norm(a, w, b, mean, var, training=training, eps=0.1)
        y, *others = results if training else (results,)
        return np.sum(F.tanh(y)) + sum(np.sum(other**3) for other in others)

    def first(*args):
        return sum(np.sum(g**2) for g in fd.grad(value, argnums=(0, 1, 4))(*args))

    def second(*args):
        return np.sum(fd.grad(first)(*args) ** 2)

    testing.check_grad(second, *arguments(*shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [*SHAPES, (300, 600), (8, 64, 28, 28), (40, 3, 17, 17)])
def test_against_pytorch_and_with_two_threads(shape, training, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    args, g = arguments(*shape, dtype=dtype), x(*shape, dtype=dtype)
    results = []
    for threads in (1, 2):
        with fd.threads(threads):
            y = F.batch_norm(*args, training=training)
            results.append([*(y if training else [y]), *F.batch_norm_backward(g, *args, training=training)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    leaves = [torch.tensor(a, requires_grad=True) for a in args[:3]]
    mean, var = (torch.tensor(a) for a in args[3:])
    other = torch.nn.functional.batch_norm(leaves[0], mean, var, *leaves[1:], training)
    expected = [
        other.detach(),
        *([mean, var] if training else []),
        *torch.autograd.grad(other, leaves, torch.tensor(g)),
    ]
    tolerance = {"rtol": 1e-3, "atol": 1e-3} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-10}
    for a, b in zip(results[0], expected, strict=False):
        np.testing.assert_allclose(a, b.numpy(), **tolerance)


@pytest.mark.parametrize("shape", [(4000, 3), (20, 3, 200)])
def test_a_large_mean_costs_no_more_than_in_naive_code(shape):
    a = (1e4 + x(*shape)).astype(np.float32)
    axes = (0, *range(2, len(shape)))
    exact = reference.batch_norm(a, None, None, None, None, training=True)[0]
    mean = a.mean(axes, keepdims=True)
    naive = (a - mean) / np.sqrt(((a - mean) ** 2).mean(axes, keepdims=True) + np.float32(1e-5))
    ours = F.batch_norm(a, None, None, None, None, training=True)[0]
    assert np.abs(ours - exact).max() <= 1.01 * np.abs(naive - exact).max()


@pytest.mark.parametrize("shape", [(64, 5), (100, 3, 4), (16, 3, 12, 12)])
def test_a_constant_channel_is_exactly_its_mean(shape):
    a = np.full(shape, 100000.3, np.float32)
    y, mean, var = F.batch_norm(a, None, None, *np.zeros((2, shape[1]), np.float32), training=True, momentum=1.0)
    assert not y.any() and not var.any() and (mean == a[0, 0].ravel()[0]).all()


def test_in_a_plan_the_old_statistics_make_room_for_the_new():
    """Recorded on tensors, with the statistics as inputs and outputs."""
    args = arguments(6, 4)
    run = fd.compile(lambda *a: F.batch_norm(*a, training=True))
    for got, expected in zip(run(*args), F.batch_norm(*args, training=True), strict=True):
        np.testing.assert_array_equal(got, expected)
    y, mean, var = fd.compile(lambda a: F.batch_norm(a, None, None, None, None, training=True))(args[0])
    assert mean is None and var is None and y.shape == (6, 4)
