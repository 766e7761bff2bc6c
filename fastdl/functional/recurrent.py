"""Recurrent layers, one layer in one direction: simple (Elman), LSTM and GRU, each beside its backward.

Letters: x (N, T, I) the input: N sequences of T steps; H hidden units; h the hidden state, c LSTM's cell state; G
gates, whose weights lie below each other in PyTorch's order: weight_ih (G H, I), weight_hh (G H, H), biases (G H,).
What the inputs give to the gates, z = x weight_ih' + bias, is one matrix product for all steps; a primitive of
``_recurrent.py`` walks through them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops import Symbol, op
from . import elementwise, indexing
from ._door import check_grad, choice, describe, floats
from ._draw import recurrent as draw
from ._recurrent import gru_sequence, lstm_sequence, rnn_sequence
from ._unrolled import one_step
from .dense import dense, dense_backward

_OPTIONAL = ("h0", "c0", "bias_ih", "bias_hh")


class _Layer(NamedTuple):
    """The arguments of a layer, checked."""

    x: Any
    h0: Any
    c0: Any
    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any
    reverse: bool


def _checked(name: str, gates: int, reverse: Any, **arrays: Any) -> _Layer:
    values = dict(zip(arrays, floats(name, optional=_OPTIONAL, **arrays), strict=True))
    x, weight_ih, weight_hh = values["x"], values["weight_ih"], values["weight_hh"]
    if not isinstance(reverse, (bool, np.bool_)):
        raise TypeError(f"{name}: reverse is {reverse!r}; expected True or False")
    if len(x.shape) != 3:
        remedy = ", for a single sequence x[None]" if len(x.shape) == 2 else ""
        raise ValueError(f"{name}: x has shape {tuple(x.shape)}; expected (batch, steps, features){remedy}")
    if x.shape[1] == 0:
        raise ValueError(f"{name}: x has no steps ({describe(x=x)}); expected at least one")
    if len(weight_hh.shape) != 2 or weight_hh.shape[1] == 0 or weight_hh.shape[0] != gates * weight_hh.shape[1]:
        rows = "H" if gates == 1 else f"{gates} H"
        raise ValueError(
            f"{name}: weight_hh has shape {tuple(weight_hh.shape)}; expected ({rows}, H) for H >= 1 hidden units"
        )
    (batch, _, features), (rows, hidden) = x.shape, weight_hh.shape
    expected = {"weight_ih": (rows, features), "h0": (batch, hidden), "c0": (batch, hidden)}
    expected |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    for what, wanted in expected.items():
        value = values.get(what)
        if value is not None and tuple(value.shape) != wanted:
            raise ValueError(
                f"{name}: {what} has shape {tuple(value.shape)}; expected {wanted} "
                f"({describe(x=x, weight_hh=weight_hh)})"
            )
    return _Layer(
        x, values["h0"], values.get("c0"), weight_ih, weight_hh, values["bias_ih"], values["bias_hh"], bool(reverse)
    )


def _last(y: Any, reverse: bool) -> Any:
    """The state after the last step that was walked."""
    state = one_step(y, 0 if reverse else y.shape[1] - 1)
    return state if isinstance(state, Symbol) else state.copy()


def _both(bias_ih: Any, bias_hh: Any) -> Any:
    """The sum of two biases that may be absent."""
    if bias_ih is None or bias_hh is None:
        return bias_hh if bias_ih is None else bias_ih
    return elementwise.add(bias_ih, bias_hh)


def _gradients_of(name: str, grad: Any, results: Sequence[str], layer: _Layer) -> list[Any]:
    """The gradients of the outputs and of the last states, checked; None for one that is absent."""
    if not isinstance(grad, (tuple, list)) or len(grad) != len(results):
        came = f"{len(grad)} gradients" if isinstance(grad, (tuple, list)) else f"a {type(grad).__name__}"
        raise TypeError(f"{name}: grad is {came}; expected a tuple of {len(results)}: of {', '.join(results)}")
    batch, steps, _ = layer.x.shape
    hidden = layer.weight_hh.shape[1]
    shapes = [(batch, steps, hidden), *[(batch, hidden)] * (len(results) - 1)]
    return [
        None if g is None else check_grad(name, g, s, layer.x.dtype, what=what)
        for g, s, what in zip(grad, shapes, results, strict=True)
    ]


def _of_all_steps(grad: Any, of_last: Any, layer: _Layer) -> Any:
    """The gradient of (N, T, H) from those of all steps and of the last one; None if there is none."""
    if of_last is None:
        return grad
    batch, steps, _ = layer.x.shape
    like = np.broadcast_to(np.zeros((), layer.x.dtype), (batch, steps, layer.weight_hh.shape[1]))
    last = 0 if layer.reverse else steps - 1
    (spread,) = indexing.slice_backward(of_last, like, (slice(None), last))
    return spread if grad is None else elementwise.add(grad, spread)


@op(draw=draw.rnn)
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
    layer = _checked(
        "rnn", 1, reverse, x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    choice("rnn", "activation", activation, ("tanh", "relu"))
    z = dense(layer.x, layer.weight_ih, _both(layer.bias_ih, layer.bias_hh))
    (y,) = rnn_sequence(z, layer.h0, layer.weight_hh, activation=activation, reverse=layer.reverse)
    return y, _last(y, layer.reverse)


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
    layer = _checked(
        name, 1, reverse, x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    choice(name, "activation", activation, ("tanh", "relu"))
    options = {"activation": activation, "reverse": layer.reverse}
    dy = _of_all_steps(*_gradients_of(name, grad, ("the outputs", "h"), layer), layer)
    z = dense(layer.x, layer.weight_ih, _both(layer.bias_ih, layer.bias_hh))
    inputs = (z, layer.h0, layer.weight_hh)
    outputs = rnn_sequence(*inputs, **options)
    dy = np.zeros(outputs[0].shape, outputs[0].dtype) if dy is None else dy
    dz, dh0, dweight_hh = _vjp(rnn_sequence)((dy,), inputs, outputs, **options)
    dx, dweight_ih, dbias_ih, dbias_hh = _of_inputs(dz, layer)
    return dx, None if h0 is None else dh0, dweight_ih, dweight_hh, dbias_ih, dbias_hh


def _vjp(primitive: Any) -> Any:
    return primitive.vjp


def _of_inputs(dz: Any, layer: _Layer) -> tuple[Any, ...]:
    """Gradients of x, weight_ih and both biases from that of z = x weight_ih' + bias_ih + bias_hh."""
    bias = _both(layer.bias_ih, layer.bias_hh)
    dx, dweight, dbias = dense_backward(dz, layer.x, layer.weight_ih, bias)
    return dx, dweight, None if layer.bias_ih is None else dbias, None if layer.bias_hh is None else dbias


@op(draw=draw.lstm)
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
    (array([0.37 , 0.546]), array([[0.964]]))
    """
    layer = _checked(
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
    z = dense(layer.x, layer.weight_ih, _both(layer.bias_ih, layer.bias_hh))
    y, cells, _ = lstm_sequence(z, layer.h0, layer.c0, layer.weight_hh, reverse=layer.reverse)
    return y, _last(y, layer.reverse), _last(cells, layer.reverse)


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
    layer = _checked(
        name, 4, reverse, x=x, h0=h0, c0=c0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    dy, dh, dc = _gradients_of(name, grad, ("the outputs", "h", "c"), layer)
    z = dense(layer.x, layer.weight_ih, _both(layer.bias_ih, layer.bias_hh))
    inputs = (z, layer.h0, layer.c0, layer.weight_hh)
    outputs = lstm_sequence(*inputs, reverse=layer.reverse)
    grads = (_of_all_steps(dy, dh, layer), _of_all_steps(None, dc, layer), None)
    dz, dh0, dc0, dweight_hh = _vjp(lstm_sequence)(grads, inputs, outputs, reverse=layer.reverse)
    dx, dweight_ih, dbias_ih, dbias_hh = _of_inputs(dz, layer)
    return (
        dx,
        None if h0 is None else dh0,
        None if c0 is None else dc0,
        dweight_ih,
        dweight_hh,
        dbias_ih,
        dbias_hh,
    )


@op(draw=draw.gru)
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
    layer = _checked(
        "gru", 3, reverse, x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    z = dense(layer.x, layer.weight_ih, layer.bias_ih)
    y, _, _ = gru_sequence(z, layer.h0, layer.weight_hh, layer.bias_hh, reverse=layer.reverse)
    return y, _last(y, layer.reverse)


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
    layer = _checked(
        name, 3, reverse, x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh
    )
    dy = _of_all_steps(*_gradients_of(name, grad, ("the outputs", "h"), layer), layer)
    inputs = (dense(layer.x, layer.weight_ih, layer.bias_ih), layer.h0, layer.weight_hh, layer.bias_hh)
    outputs = gru_sequence(*inputs, reverse=layer.reverse)
    dz, dh0, dweight_hh, dbias_hh = _vjp(gru_sequence)((dy, None, None), inputs, outputs, reverse=layer.reverse)
    dx, dweight_ih, dbias_ih = dense_backward(dz, layer.x, layer.weight_ih, layer.bias_ih)
    return dx, None if h0 is None else dh0, dweight_ih, dweight_hh, dbias_ih, dbias_hh
