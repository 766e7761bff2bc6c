"""Recurrent layers step by step: simple (Elman), LSTM and GRU, and their gradients, backwards through time.

Letters: N sequences x[n] of T steps and I features; H hidden units; h the hidden state and c LSTM's cell state (N, H);
W weight_ih (G H, I), U weight_hh (G H, H), b both biases (G H,), with G gates below each other. A letter with a d
before it is its gradient. All sequences of a batch are taken together: a row of a matrix is a sequence.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, present, quiet
from ._sequences import Layer, from_input, from_state, gradients_of, layer_of, of_input, of_state, picked, states_before
from .activations import sigmoid, tanh
from .rectifiers import relu


def rnn(
    x: ArrayLike,
    h0: ArrayLike | None,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    activation: str = "tanh",
    reverse: bool = False,
    at: Sequence[Indices] | None = None,
) -> tuple[FloatArray, ...]:
    """h_t = s(W x_t + b_ih + U h_(t-1) + b_hh), where s is tanh or relu: returns (outputs, last h).

    The outputs (N, T, H) are h after each step. `at` holds a list of indices for each result.

    >>> outputs, h = rnn([[[1], [1], [1]]], None, [[1]], [[1]], activation="relu")
    >>> outputs.tolist(), h.tolist()
    ([[[1.0], [2.0], [3.0]]], [[3.0]])
    """
    layer = layer_of("rnn", 1, x, h0, None, weight_ih, weight_hh, bias_ih, bias_hh, reverse)
    outputs = _rnn_outputs("rnn", layer, activation)
    return picked((outputs, outputs[:, layer.order[-1]]), at)


def _rnn_outputs(op: str, layer: Layer, activation: str) -> FloatArray:
    if activation not in ("tanh", "relu"):
        raise ValueError(f"{op}: activation is {activation!r}; expected 'tanh' or 'relu'")
    activate = relu if activation == "relu" else tanh
    outputs, h = np.empty(layer.outputs_shape), layer.h0
    with quiet():
        for t in layer.order:
            h = activate(from_input(layer, t) + from_state(layer, h, t))
            outputs[:, t] = h
    return outputs


def rnn_backward(
    grad: Sequence[ArrayLike | None],
    x: ArrayLike,
    h0: ArrayLike | None,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    activation: str = "tanh",
    reverse: bool = False,
) -> tuple[FloatArray | None, ...]:
    """Gradients of rnn with respect to each array (None where there is none); `grad` is (of outputs, of last h).

    In the forward pass this was: h_t = s(a_t) with a_t = W x_t + U h_(t-1) + b, so now, from the last step to the
    first: dh_t = g_t + U' da_(t+1) and da_t = dh_t s'(a_t). Every step used the same W, U and b: their gradients are
    sums over the steps, dW = sum of da_t x_t', dU = sum of da_t h_(t-1)', db = sum of da_t.

    >>> dx, _, dweight_ih, *_ = rnn_backward((None, [[1]]), [[[1], [1], [1]]], None, [[1]], [[1]], activation="relu")
    >>> dx.tolist(), dweight_ih.tolist()
    ([[[1.0], [1.0], [1.0]]], [[3.0]])
    """
    op = "rnn_backward"
    layer = layer_of(op, 1, x, h0, None, weight_ih, weight_hh, bias_ih, bias_hh, reverse)
    outputs = _rnn_outputs(op, layer, activation)
    slopes, dh = gradients_of("rnn", grad, layer, 2)
    da = np.empty(outputs.shape)
    with quiet():
        for t in reversed(layer.order):
            dh = dh + slopes[:, t]
            h = outputs[:, t]
            da[:, t] = np.where(h <= 0, 0.0, dh) if activation == "relu" else dh * (1 - h**2)
            dh = da[:, t] @ layer.weight_hh
        dx, dw, db_ih = of_input(layer, da)
        du, db_hh = of_state(layer, da, outputs)
    return dx, present(dh, h0), dw, du, present(db_ih, bias_ih), present(db_hh, bias_hh)


def lstm(
    x: ArrayLike,
    h0: ArrayLike | None,
    c0: ArrayLike | None,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    reverse: bool = False,
    at: Sequence[Indices] | None = None,
) -> tuple[FloatArray, ...]:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; Gers et al., 2000): returns (outputs, last h, last c).

    (i, f, g, o) = W x_t + b_ih + U h_(t-1) + b_hh, cut into four; then
    c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g) and h_t = sigmoid(o) tanh(c_t). The outputs (N, T, H) are h after
    each step. `at` holds a list of indices for each result.

    >>> outputs, h, c = lstm([[[1], [1]]], None, None, [[1], [1], [1], [1]], [[0], [0], [0], [0]])
    >>> outputs.round(3).tolist(), c.round(3).tolist()
    ([[[0.37], [0.545]]], [[0.964]])
    """
    layer = layer_of("lstm", 4, x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, reverse)
    outputs, cells, _ = _lstm_steps(layer)
    last = layer.order[-1]
    return picked((outputs, outputs[:, last], cells[:, last]), at)


def _lstm_steps(layer: Layer) -> tuple[FloatArray, FloatArray, FloatArray]:
    """h, c and the gates i f g o of all steps."""
    outputs, cells = np.empty(layer.outputs_shape), np.empty(layer.outputs_shape)
    gates = np.empty((*layer.x.shape[:2], len(layer.weight_hh)))
    h, c = layer.h0, layer.c0
    with quiet():
        for t in layer.order:
            i, f, g, o = np.split(from_input(layer, t) + from_state(layer, h, t), 4, axis=1)
            i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
            c = f * c + i * g
            h = o * tanh(c)
            outputs[:, t], cells[:, t], gates[:, t] = h, c, np.concatenate([i, f, g, o], axis=1)
    return outputs, cells, gates


def lstm_backward(
    grad: Sequence[ArrayLike | None],
    x: ArrayLike,
    h0: ArrayLike | None,
    c0: ArrayLike | None,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    reverse: bool = False,
) -> tuple[FloatArray | None, ...]:
    """Gradients of lstm with respect to each array; `grad` is (of outputs, of last h, of last c), any may be None.

    In the forward pass this was: h = o tanh(c), so now: do = dh tanh(c) and dc gets dh o (1 - tanh(c)^2).
    In the forward pass this was: c = f c' + i g with c' of the step before, so now: df = dc c', di = dc g, dg = dc i,
    and the step before gets dc f. A sigmoid s(a) gives da = ds s (1 - s), a tanh da = dg (1 - g^2). With da of all
    gates, the step before gets dh' = U' da; the weights' gradients are sums over the steps as in rnn.

    >>> zeros = [[0], [0], [0], [0]]
    >>> _, _, _, dweight_ih, *_ = lstm_backward((None, None, [[1]]), [[[1]]], None, [[2]], zeros, zeros)
    >>> dweight_ih.tolist()
    [[0.0], [0.5], [0.5], [0.0]]
    """
    layer = layer_of("lstm_backward", 4, x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, reverse)
    outputs, cells, gates = _lstm_steps(layer)
    slopes, dh, dc = gradients_of("lstm", grad, layer, 3)
    da = np.empty(gates.shape)
    before = states_before(layer, cells, layer.c0)
    with quiet():
        for t in reversed(layer.order):
            i, f, g, o = np.split(gates[:, t], 4, axis=1)
            shown = tanh(cells[:, t])
            dh = dh + slopes[:, t]
            dc = dc + dh * o * (1 - shown**2)
            parts = [
                dc * g * i * (1 - i),
                dc * before[:, t] * f * (1 - f),
                dc * i * (1 - g**2),
                dh * shown * o * (1 - o),
            ]
            da[:, t] = np.concatenate(parts, axis=1)
            dh, dc = da[:, t] @ layer.weight_hh, dc * f
        dx, dw, db_ih = of_input(layer, da)
        du, db_hh = of_state(layer, da, outputs)
    return dx, present(dh, h0), present(dc, c0), dw, du, present(db_ih, bias_ih), present(db_hh, bias_hh)


def gru(
    x: ArrayLike,
    h0: ArrayLike | None,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    reverse: bool = False,
    at: Sequence[Indices] | None = None,
) -> tuple[FloatArray, ...]:
    """Gated recurrent units (Cho et al., 2014), in PyTorch's variant: returns (outputs, last h).

    (a_r, a_z, a_n) = W x_t + b_ih and (u_r, u_z, u_n) = U h_(t-1) + b_hh, each cut into three; then
    r = sigmoid(a_r + u_r), z = sigmoid(a_z + u_z), n = tanh(a_n + r u_n), h_t = (1 - z) n + z h_(t-1).
    The outputs (N, T, H) are h after each step. `at` holds a list of indices for each result.

    >>> outputs, h = gru([[[1], [1]]], None, [[1], [1], [1]], [[0], [0], [0]])
    >>> outputs.round(3).tolist(), h.round(3).tolist()
    ([[[0.205], [0.355]]], [[0.355]])
    """
    layer = layer_of("gru", 3, x, h0, None, weight_ih, weight_hh, bias_ih, bias_hh, reverse)
    outputs, _, _ = _gru_steps(layer)
    return picked((outputs, outputs[:, layer.order[-1]]), at)


def _gru_steps(layer: Layer) -> tuple[FloatArray, FloatArray, FloatArray]:
    """h, the gates r z n and u_n of all steps."""
    outputs, products = np.empty(layer.outputs_shape), np.empty(layer.outputs_shape)
    gates = np.empty((*layer.x.shape[:2], len(layer.weight_hh)))
    h = layer.h0
    with quiet():
        for t in layer.order:
            a_r, a_z, a_n = np.split(from_input(layer, t), 3, axis=1)
            u_r, u_z, u_n = np.split(from_state(layer, h, t), 3, axis=1)
            r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
            n = tanh(a_n + r * u_n)
            h = (1 - z) * n + z * h
            outputs[:, t], products[:, t], gates[:, t] = h, u_n, np.concatenate([r, z, n], axis=1)
    return outputs, gates, products


def gru_backward(
    grad: Sequence[ArrayLike | None],
    x: ArrayLike,
    h0: ArrayLike | None,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    reverse: bool = False,
) -> tuple[FloatArray | None, ...]:
    """Gradients of gru with respect to each array; `grad` is (of outputs, of last h), either may be None.

    In the forward pass this was: h = (1 - z) n + z h' with h' of the step before, so now: dn = dh (1 - z),
    dz = dh (h' - n), and the step before gets dh z.
    In the forward pass this was: n = tanh(a_n + r u_n), so now: da_n = dn (1 - n^2), dr = da_n u_n, du_n = da_n r.
    r and z are sigmoids s of a + u: da = du = ds s (1 - s). Then W and b_ih see (da_r, da_z, da_n), U and b_hh see
    (da_r, da_z, du_n), and the step before gets U' of the latter as well.

    >>> zeros = [[0], [0], [0]]
    >>> _, dh0, dweight_ih, *_ = gru_backward((None, [[1]]), [[[1]]], [[2]], zeros, zeros)
    >>> dh0.tolist(), dweight_ih.tolist()
    ([[0.5]], [[0.0], [0.5], [0.5]])
    """
    layer = layer_of("gru_backward", 3, x, h0, None, weight_ih, weight_hh, bias_ih, bias_hh, reverse)
    outputs, gates, products = _gru_steps(layer)
    slopes, dh = gradients_of("gru", grad, layer, 2)
    da, du = np.empty(gates.shape), np.empty(gates.shape)
    before = states_before(layer, outputs, layer.h0)
    with quiet():
        for t in reversed(layer.order):
            r, z, n = np.split(gates[:, t], 3, axis=1)
            dh = dh + slopes[:, t]
            da_n = dh * (1 - z) * (1 - n**2)
            da_r = da_n * products[:, t] * r * (1 - r)
            da_z = dh * (before[:, t] - n) * z * (1 - z)
            da[:, t] = np.concatenate([da_r, da_z, da_n], axis=1)
            du[:, t] = np.concatenate([da_r, da_z, da_n * r], axis=1)
            dh = dh * z + du[:, t] @ layer.weight_hh
        dx, dw, db_ih = of_input(layer, da)
        dweight_hh, db_hh = of_state(layer, du, outputs)
    return dx, present(dh, h0), dw, dweight_hh, present(db_ih, bias_ih), present(db_hh, bias_hh)
