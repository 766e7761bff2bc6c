"""check_grad checked: right gradients pass, those with a mistake fail and say by how much."""

import numpy as np
import pytest

from fastdl import functional as F
from fastdl import testing
from fastdl.ops import PRIMITIVES
from fastdl.testing import VerificationError, check_grad

RANDOM = np.random.default_rng(5)
X, W = RANDOM.standard_normal((6, 5)), RANDOM.standard_normal((4, 5))


def layer(x, w):
    return np.tanh(x @ w.T)


def layer_backward(grad, x, w):
    inner = grad * (1 - np.tanh(x @ w.T) ** 2)
    return inner @ w, inner.T @ x


def test_recorded_functions():
    report = check_grad(lambda x, w: np.sum(F.tanh(F.matmul(x, np.transpose(w))) ** 2), X, W)
    assert report.worst < 0.5
    check_grad(lambda x: np.exp(x) / np.sum(np.exp(x)), X[0])
    check_grad(lambda p: [F.multiply(p["a"], p["b"]), np.mean(p["a"])], {"a": X[0], "b": X[1]})
    check_grad(lambda x, classes: F.cross_entropy(x, classes), X, np.array([0, 1, 2, 3, 4, 0]))


def test_float32_arguments_are_checked_in_float64():
    check_grad(lambda x: np.mean(x * x), X.astype(np.float32))


def test_somebody_elses_backward():
    assert check_grad(layer, X, W, backward=layer_backward).worst < 0.5
    check_grad(layer, X[:1, :3], W[:2, :3], backward=layer_backward)  # tiny: the whole Jacobian


def wrong_factor(grad, x, w):
    dx, dw = layer_backward(grad, x, w)
    return dx, 2 * dw


def slightly_wrong_factor(grad, x, w):
    dx, dw = layer_backward(grad, x, w)
    return dx * 1.00001, dw


def zeros(grad, x, w):
    return np.zeros_like(x), np.zeros_like(w)


def forgotten_slope(grad, x, w):
    return grad @ w, grad.T @ x


def one_element(grad, x, w):
    dx, dw = layer_backward(grad, x, w)
    dx[0, 0] += 1e-3
    return dx, dw


def transposed(grad, x, w):
    dx, dw = layer_backward(grad, x, w)
    return dx, dw.T


def nan(grad, x, w):
    dx, dw = layer_backward(grad, x, w)
    return dx, dw * np.nan


def other_dtype(grad, x, w):
    dx, dw = layer_backward(grad, x, w)
    return dx, dw.astype(np.float32)


def too_few(grad, x, w):
    return layer_backward(grad, x, w)[:1]


BROKEN = [
    (wrong_factor, "argument 1 is wrong.*2 times as much"),
    (slightly_wrong_factor, "argument 0 is wrong.*1.00001 times"),
    (zeros, "argument 0 is wrong.*the gradient says 0"),
    (forgotten_slope, "argument 0 is wrong"),
    (one_element, "argument 0 is wrong"),
    (transposed, r"gradient 1 .* is \(5, 4\) float64; expected \(4, 5\) float64"),
    (nan, "argument 1 is wrong.*says nan"),
    (other_dtype, r"gradient 1 .* is \(4, 5\) float32"),
    (too_few, "returned 1 gradients; expected 2"),
]


@pytest.mark.parametrize(("backward", "message"), BROKEN)
def test_a_broken_backward_fails(backward, message):
    with pytest.raises(VerificationError, match=f"(?s){message}"):
        check_grad(layer, X, W, backward=backward)


@pytest.mark.parametrize("backward", [wrong_factor, slightly_wrong_factor, zeros, forgotten_slope, one_element])
def test_a_broken_backward_fails_on_tiny_arrays(backward):
    with pytest.raises(VerificationError, match="is wrong"):
        check_grad(layer, X[:2, :3], W[:2, :3], backward=backward)


def test_a_broken_primitive_fails():
    primitive = PRIMITIVES["exp"]
    right = primitive.vjp
    object.__setattr__(primitive, "vjp", lambda grads, inputs, outputs: (F.multiply(grads[0], 1.01),))
    try:
        with pytest.raises(VerificationError, match="is wrong"):
            check_grad(F.exp, X)
    finally:
        object.__setattr__(primitive, "vjp", right)
    check_grad(F.exp, X)


def test_a_kink_is_said_to_be_one():
    with pytest.raises(ValueError, match="do not settle .* kink"):
        check_grad(lambda x: np.sum(np.abs(x - 1.000003)), np.ones(30))
    with pytest.raises(ValueError, match="gives nan near these arguments"):
        check_grad(lambda x: np.sum(F.log(F.negative(x))), np.ones(3))


def test_arguments_that_cannot_be_checked():
    with pytest.raises(ValueError, match="no argument is a floating array"):
        check_grad(lambda x: x, 1.0)
    with pytest.raises(ValueError, match="returned no floating array"):
        check_grad(lambda x: F.argmax(x), X)


def test_arguments_are_not_changed():
    x = X.copy()
    testing.check_grad(lambda x: np.sum(x**3), x)
    np.testing.assert_array_equal(x, X)
