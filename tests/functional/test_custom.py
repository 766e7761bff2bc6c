"""Ops of the user's own: on arrays, recorded, in training; and what they may not do."""

import math

import numba
import numpy as np
import pytest

import fastdl as fd
from fastdl import nn, optim
from fastdl.tree import flatten

rng = np.random.default_rng(0)


@numba.njit
def smooth(x, y):
    for i in range(x.size):
        y.flat[i] = math.sqrt(x.flat[i] ** 2 + 1)


@numba.njit
def smooth_backward(dy, x, dx):
    for i in range(x.size):
        dx.flat[i] = dy.flat[i] * x.flat[i] / math.sqrt(x.flat[i] ** 2 + 1)


def scores(x, w, at, y):
    """y[i] = <x[i], w[at[i]]>."""
    for i in range(x.shape[0]):
        s = y.dtype.type(0)
        for k in range(x.shape[1]):
            s += x[i, k] * w[at[i], k]
        y[i] = s


def scores_backward(dy, x, w, at, dx, dw):
    dw[:] = 0
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            dx[i, k] = dy[i] * w[at[i], k]
            dw[at[i], k] += dy[i] * x[i, k]


abs_op = fd.custom_op(smooth, smooth_backward)
score_op = fd.custom_op(scores, scores_backward, shape=lambda x, w, at: x[:1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4), (2, 3, 5)])
def test_on_arrays_recorded_and_differentiated(dtype, shape):
    x = rng.standard_normal(shape).astype(dtype)
    expected = np.sqrt(x.astype(np.float64) ** 2 + 1)
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    for y in (abs_op(x), fd.compile(abs_op)(x), abs_op(np.asarray(x, order="F"))):
        assert y.shape == x.shape and y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=tolerance)
    grad = fd.grad(lambda x: np.sum(abs_op(x)))(x)
    np.testing.assert_allclose(grad, x / expected, rtol=10 * tolerance, atol=1e-30)


def test_several_arguments_of_which_one_holds_integers():
    x, w, at = rng.standard_normal((6, 3)), rng.standard_normal((4, 3)), np.array([0, 3, 3, 1, 0, 2])
    np.testing.assert_allclose(score_op(x, w, at), (x * w[at]).sum(axis=1), rtol=1e-13)
    fd.testing.check_grad(lambda x, w: np.sum(score_op(x, w, at) ** 2), x, w)


def test_inside_fit_the_bits_are_those_of_a_loop_by_hand():
    class Net(nn.Module):
        def __init__(self):
            self.first, self.last = nn.Dense(3, 8, dtype=np.float64), nn.Dense(8, 1, dtype=np.float64)

        def __call__(self, x):
            return self.last(abs_op(self.first(x)))

    x, t = rng.standard_normal((40, 3)), rng.standard_normal(40)

    def loss(z, t):
        return np.mean(abs_op(z[:, 0] - t))

    results = []
    for threads in (1, 2):
        fd.seed(0)
        model = Net()
        with fd.threads(threads):
            model.fit(x, t, loss=loss, epochs=3, batch_size=16, optimizer=optim.SGD(0.1), shuffle=False)
        results.append(flatten(model.parameters())[0])
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    fd.seed(0)
    twin = Net()
    params = twin.parameters()
    step = fd.grad(lambda p, x, t: loss(twin.apply(p, x), t))
    for _ in range(3):
        for start in range(0, 40, 16):
            grads = step(params, x[start : start + 16], t[start : start + 16])
            params, _ = optim.SGD(0.1).update(params, grads, optim.SGD(0.1).init(params))
    for a, b in zip(results[0], flatten(params)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_an_exception_is_reported():
    def picky(x, y):
        if x[0] > 1:
            raise ValueError("too large")
        y[0] = x[0]

    op = fd.custom_op(picky)
    assert op(np.float64([0.5])) == 0.5
    for run in (op, fd.compile(op)):
        with pytest.raises(RuntimeError, match="picky raised an exception, which cannot leave compiled code"):
            run(np.float64([2]))
    assert op(np.float64([0.5])) == 0.5


def test_a_function_that_needs_the_interpreter_is_refused():
    def talkative(x, y):
        print("hello")
        y[0] = x[0]

    def unknown(x, y):
        y[0] = nothing(x)  # noqa: F821

    with pytest.raises(TypeError, match=r"talkative needs the interpreter \(Py.*keep to loops"):
        fd.custom_op(talkative)(np.ones(1))
    with pytest.raises(TypeError, match="unknown cannot be compiled for array.*nothing"):
        fd.custom_op(unknown)(np.ones(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fd.custom_op(3), "forward is a int; expected a function"),
        (lambda: fd.custom_op(lambda y: None), "has 1 parameters; expected arrays and the result"),
        (lambda: abs_op(np.ones(2), np.ones(2)), "smooth: got 2 arrays; expected 1"),
        (lambda: abs_op(np.ones(2, int)), "smooth: the arguments are int64; expected float32 or float64"),
        (
            lambda: score_op(np.ones((2, 3)), np.ones((4, 3), np.float32), np.zeros(2, int)),
            "scores: the arguments are float64, float32, int64; expected .* one of both",
        ),
        (lambda: fd.custom_op(smooth, shape=lambda s: 3)(np.ones(2)), "shape returned 3; expected a tuple"),
        (
            lambda: fd.grad(lambda x: np.sum(fd.custom_op(smooth, smooth)(x)))(np.ones(2)),
            r"the backward of smooth takes \(x, y\); expected 3 arrays: \(dy, arguments, gradients\)",
        ),
        (
            lambda: fd.grad(lambda x: np.sum(fd.custom_op(smooth)(x)))(np.ones(2)),
            "smooth .* cannot be differentiated: it has no backward",
        ),
    ],
)
def test_wrong_use(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
