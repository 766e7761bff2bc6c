"""Recurrent layers, one layer in one direction: simple (Elman), LSTM and GRU, each beside its backward.

Letters: x (N, T, I) the input: N sequences of T steps; H hidden units; h the hidden state, c LSTM's cell state; G
gates, whose weights lie below each other in PyTorch's order: weight_ih (G H, I), weight_hh (G H, H), biases (G H,).
What the inputs give to the gates, z = x weight_ih' + bias, is one matrix product for all steps; a primitive of
``_recurrent.py`` walks through them.
"""

from typing import Any

import numpy as np

from ..ops import op
from ._door import choice
from ._draw import recurrent as draw
from ._recurrent import gru_sequence, lstm_sequence, rnn_sequence, vjp_gru, vjp_lstm, vjp_rnn
from ._recurrent_door import checked, gradients_of, last, of_all_steps, of_inputs
from .dense import dense, dense_backward
from .elementwise import plus


@op(draw=draw.rnn, every_result=True)
def rnn(
    x: Any,
    h0: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    activation: str = "tanh",
    reverse: bool = False,
) -> tuple[Any, Any]:
    """A simple recurrent layer: each step sees its input and the state that the step before left. Returns (outputs, h).

    h_t = s(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), with s = tanh or relu. Equivalent to
    ``h = np.tanh(x[:, t] @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)`` for t = 0, 1, ...

    x (N, T, I) sequences, h0 (N, H) the state at the start or None for zeros, weight_ih (H, I), weight_hh (H, H),
    biases (H,) or None: all float32 or all float64. The outputs (N, T, H) are the states after each step, h (N, H) the
    last one. ``reverse`` walks from the last step to the first; the outputs stay at their steps.

    Raises ValueError if the sizes disagree or T is 0.

    Source: Elman, Finding structure in time (1990), as PyTorch's RNN computes it.

    >>> outputs, h = rnn(np.ones((1, 3, 1)), None, np.eye(1), np.eye(1), activation="relu")
    >>> outputs[0, :, 0], h
    (array([1., 2., 3.]), array([[3.]]))
    """
    layer = checked(
        "rnn", 1, reverse, x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    choice("rnn", "activation", activation, ("tanh", "relu"))
    z = dense(layer.x, layer.weight_ih, plus(layer.bias_ih, layer.bias_hh))
    (y,) = rnn_sequence(z, layer.h0, layer.weight_hh, activation=activation, reverse=layer.reverse)
    return y, last(y, layer.reverse)


def rnn_backward(
    grad: Any,
    x: Any,
    h0: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    activation: str = "tanh",
    reverse: bool = False,
) -> tuple[Any, ...]:
    """Gradients of :func:`rnn`; ``grad`` is a tuple of those of the outputs and of h, either may be None.

    In the forward pass a_t = z_t + W_hh h_(t-1) and h_t = s(a_t), where z = x W_ih' + b. So, from the last step to the
    first, dh_t = g_t + W_hh' da_(t+1) and da_t = dh_t s'(a_t); dW_hh = sum of da_t h_(t-1)', and dz = da.
    """
    name = "rnn_backward"
    layer = checked(
        name, 1, reverse, x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    choice(name, "activation", activation, ("tanh", "relu"))
    options: dict[str, Any] = {"activation": activation, "reverse": layer.reverse}
    dy, dh = gradients_of(name, grad, ("the outputs", "h"), layer)
    dy = of_all_steps(dy, dh, layer)
    z = dense(layer.x, layer.weight_ih, plus(layer.bias_ih, layer.bias_hh))
    inputs = (z, layer.h0, layer.weight_hh)
    outputs = rnn_sequence(*inputs, **options)
    dy = np.zeros(outputs[0].shape, outputs[0].dtype) if dy is None else dy
    dz, dh0, dweight_hh = vjp_rnn((dy,), inputs, outputs, **options)
    dx, dweight_ih, dbias_ih, dbias_hh = of_inputs(dz, layer)
    return dx, None if h0 is None else dh0, dweight_ih, dweight_hh, dbias_ih, dbias_hh


@op(draw=draw.lstm, every_result=True)
def lstm(
    x: Any,
    h0: Any,
    c0: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    reverse: bool = False,
) -> tuple[Any, Any, Any]:
    """Long short-term memory: gates decide what a cell state forgets, takes up and shows. Returns (outputs, h, c).

    With (i, f, g, o) = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh, cut into four:
    c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g),  h_t = sigmoid(o) tanh(c_t).
    Equivalent to ``i, f, g, o = np.split(x[:, t] @ weight_ih.T + h @ weight_hh.T + bias_ih + bias_hh, 4, axis=1)`` and
    these formulas for t = 0, 1, ...

    x (N, T, I) sequences, h0 and c0 (N, H) the states at the start or None for zeros, weight_ih (4 H, I), weight_hh
    (4 H, H), biases (4 H,) or None: all float32 or all float64. The outputs (N, T, H) are h after each step, h and c
    (N, H) the last states. ``reverse`` walks from the last step to the first; the outputs stay at their steps.

    Raises ValueError if the sizes disagree or T is 0.

    Source: Hochreiter and Schmidhuber, Long short-term memory (1997), with the forget gate of Gers et al. (2000); order
    of the gates and both biases as in PyTorch.

    >>> ones = np.ones((1, 2, 1))
    >>> outputs, h, c = lstm(ones, None, None, np.ones((4, 1)), np.zeros((4, 1)))
    >>> outputs[0, :, 0].round(3), c.round(3)
    (array([0.37 , 0.545]), array([[0.964]]))
    """
    layer = checked(
        "lstm",
        4,
        reverse,
        x=x,
        h0=h0,
        c0=c0,
        weight_ih=weight_ih,
        weight_hh=weight_hh,
        bias_ih=bias_ih,
        bias_hh=bias_hh,
    )
    z = dense(layer.x, layer.weight_ih, plus(layer.bias_ih, layer.bias_hh))
    y, cells, _ = lstm_sequence(z, layer.h0, layer.c0, layer.weight_hh, reverse=layer.reverse)
    return y, last(y, layer.reverse), last(cells, layer.reverse)


def lstm_backward(
    grad: Any,
    x: Any,
    h0: Any,
    c0: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    reverse: bool = False,
) -> tuple[Any, ...]:
    """Gradients of :func:`lstm`; ``grad`` is a tuple of those of the outputs, of h and of c, any may be None.

    In the forward pass c = f c' + i g and h = o tanh(c), where c' is c of the step before and i, f, g, o are the gates
    after their functions s of z + W_hh h'. So, from the last step to the first, with what the next step hands on:
    dh = dy + W_hh' dz(next), dc = f(next) dc(next) + dh o (1 - tanh(c)^2); dz = s' (dc g, dc c', dc i, dh tanh(c)).
    """
    name = "lstm_backward"
    layer = checked(
        name, 4, reverse, x=x, h0=h0, c0=c0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    dy, dh, dc = gradients_of(name, grad, ("the outputs", "h", "c"), layer)
    z = dense(layer.x, layer.weight_ih, plus(layer.bias_ih, layer.bias_hh))
    inputs = (z, layer.h0, layer.c0, layer.weight_hh)
    outputs = lstm_sequence(*inputs, reverse=layer.reverse)
    grads = (of_all_steps(dy, dh, layer), of_all_steps(None, dc, layer), None)
    dz, dh0, dc0, dweight_hh = vjp_lstm(grads, inputs, outputs, reverse=layer.reverse)
    dx, dweight_ih, dbias_ih, dbias_hh = of_inputs(dz, layer)
    return (
        dx,
        None if h0 is None else dh0,
        None if c0 is None else dc0,
        dweight_ih,
        dweight_hh,
        dbias_ih,
        dbias_hh,
    )


@op(draw=draw.gru, every_result=True)
def gru(
    x: Any,
    h0: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Gated recurrent units: a gate decides how much of the state is replaced. Returns (outputs, h).

    With (a_r, a_z, a_n) = W_ih x_t + b_ih and (u_r, u_z, u_n) = W_hh h_(t-1) + b_hh, each cut into three:
    r = sigmoid(a_r + u_r),  z = sigmoid(a_z + u_z),  n = tanh(a_n + r u_n),  h_t = (1 - z) n + z h_(t-1).
    Equivalent to these formulas with ``np.split`` for t = 0, 1, ...

    x (N, T, I) sequences, h0 (N, H) the state at the start or None for zeros, weight_ih (3 H, I), weight_hh (3 H, H),
    biases (3 H,) or None: all float32 or all float64. The outputs (N, T, H) are the states after each step, h (N, H)
    the last one. ``reverse`` walks from the last step to the first; the outputs stay at their steps.

    Raises ValueError if the sizes disagree or T is 0.

    Source: Cho et al., Learning phrase representations using RNN encoder-decoder (2014). As in PyTorch the reset gate r
    multiplies W_hn h + b_hn and not h, and z keeps the old state; the paper has it the other way round in both.

    >>> outputs, h = gru(np.ones((1, 2, 1)), None, np.ones((3, 1)), np.zeros((3, 1)))
    >>> outputs[0, :, 0].round(3), h.round(3)
    (array([0.205, 0.355]), array([[0.355]]))
    """
    layer = checked(
        "gru", 3, reverse, x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    z = dense(layer.x, layer.weight_ih, layer.bias_ih)
    y, _, _ = gru_sequence(z, layer.h0, layer.weight_hh, layer.bias_hh, reverse=layer.reverse)
    return y, last(y, layer.reverse)


def gru_backward(
    grad: Any,
    x: Any,
    h0: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    reverse: bool = False,
) -> tuple[Any, ...]:
    """Gradients of :func:`gru`; ``grad`` is a tuple of those of the outputs and of h, either may be None.

    In the forward pass n = tanh(a_n + r q) with q = W_hn h' + b_hn, and h = (1 - z) n + z h', where h' is h of the step
    before. So, from the last step to the first: da_n = dh (1 - z) (1 - n^2), da_z = dh (h' - n) z (1 - z),
    da_r = da_n q r (1 - r), dq = da_n r, and dh' = dy' + z dh + W_hh' (da_r, da_z, dq).
    """
    name = "gru_backward"
    layer = checked(
        name, 3, reverse, x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    dy, dh = gradients_of(name, grad, ("the outputs", "h"), layer)
    dy = of_all_steps(dy, dh, layer)
    inputs = (dense(layer.x, layer.weight_ih, layer.bias_ih), layer.h0, layer.weight_hh, layer.bias_hh)
    outputs = gru_sequence(*inputs, reverse=layer.reverse)
    dz, dh0, dweight_hh, dbias_hh = vjp_gru((dy, None, None), inputs, outputs, reverse=layer.reverse)
    dx, dweight_ih, dbias_ih = dense_backward(dz, layer.x, layer.weight_ih, layer.bias_ih)
    return dx, None if h0 is None else dh0, dweight_ih, dweight_hh, dbias_ih, dbias_hh
