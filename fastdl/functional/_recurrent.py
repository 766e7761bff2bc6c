"""The primitives of recurrent layers: a sequence in one launch, its gradient in another.

Letters: N sequences of T steps, H hidden units, G gates; z (N, T, G H) what the inputs give to the gates, w (G H, H)
the recurrent weight, b its bias (GRU only, for the others it is part of z), y (N, T, H) the outputs. ``reverse``: the
steps are walked from the last to the first. The *extra* inputs of a gradient are added to dz: gradients of the saved
gates, which only gradients of gradients have.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._kernels import Kernel
from ..ops import PRIMITIVES, Lowering, Operand, Primitive, Spec
from . import elementwise, indexing, reductions, shape
from ._tape import pull
from ._unrolled import gru_grad_steps, lstm_grad_steps, rnn_grad_steps, slope

_ROWS = 4  # sequences of a cell, as in the kernels
_COLUMNS = 256  # columns of a tile


def _units(gates: int) -> int:
    """Units of a block: all their gates fill a tile."""
    return _COLUMNS if gates == 1 else _COLUMNS // 4


def _launch(lowering: Lowering, name: str, arguments: list[Any], z: Spec | Operand, hidden: int, cost: float) -> None:
    """Launch a walk over all steps; ``cost`` in nanoseconds a gate, besides the product."""
    batch, steps, columns = z.shape
    where = Kernel("recurrent_grad" if name.endswith("_grad") else "recurrent", name)
    work = batch * steps * columns * (cost + 0.01 * hidden)
    lowering.launch(where, z.dtype, arguments, cells=-(-batch // _ROWS), work=work)


def _given(*operands: Operand | None) -> list[Any]:
    """Each operand that may be absent, and whether it is there."""
    return [part for x in operands for part in (x, x is not None)]


def _packed(lowering: Lowering, w: Operand) -> Operand:
    columns, hidden = w.shape
    gates = columns // hidden
    packed, width = lowering.scratch(w.shape, w.dtype), _units(gates)
    blocks = -(-hidden // width)
    kernel, work = Kernel("recurrent", "pack"), 0.5 * w.size
    lowering.launch(kernel, w.dtype, [packed, w, gates, hidden, width], cells=blocks, work=work)
    return packed


def _lower_rnn(
    lowering: Lowering, inputs: tuple[Operand | None, ...], outputs: tuple[Operand], activation: str, reverse: bool
) -> None:
    z, h0, w = inputs
    assert z is not None and w is not None
    hidden = w.shape[1]
    arguments = [*outputs, z, *_given(h0), _packed(lowering, w), *z.shape[:2], hidden]
    last = [int(reverse), _units(1), int(activation == "relu")]
    _launch(lowering, "rnn", [*arguments, *last], z, hidden, 1.0)


def _lower_lstm(
    lowering: Lowering, inputs: tuple[Operand | None, ...], outputs: tuple[Operand, ...], reverse: bool
) -> None:
    z, h0, c0, w = inputs
    assert z is not None and w is not None
    hidden = w.shape[1]
    arguments = [*outputs, z, *_given(h0, c0), _packed(lowering, w), *z.shape[:2], hidden, int(reverse), _units(4)]
    _launch(lowering, "lstm", arguments, z, hidden, 1.0)


def _lower_gru(
    lowering: Lowering, inputs: tuple[Operand | None, ...], outputs: tuple[Operand, ...], reverse: bool
) -> None:
    z, h0, w, b = inputs
    assert z is not None and w is not None
    hidden = w.shape[1]
    arguments = [*outputs, z, *_given(h0), _packed(lowering, w), *_given(b), *z.shape[:2], hidden]
    _launch(lowering, "gru", [*arguments, int(reverse), _units(3)], z, hidden, 1.0)


def _lower_rnn_grad(
    lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand, ...], activation: str, reverse: bool
) -> None:
    _, y, w = inputs
    last = [int(reverse), _units(1), int(activation == "relu")]
    _launch(lowering, "rnn_grad", [*outputs, *inputs, *y.shape, *last], y, w.shape[1], 0.5)


def _lower_lstm_grad(
    lowering: Lowering, inputs: tuple[Operand | None, ...], outputs: tuple[Operand, ...], reverse: bool
) -> None:
    dy, dcells, extra, gates, cells, c0, w = inputs
    assert cells is not None
    last = [*cells.shape, int(reverse), _units(4)]
    arguments = [*outputs, *_given(dy, dcells, extra), gates, cells, *_given(c0), w, *last]
    _launch(lowering, "lstm_grad", arguments, outputs[0], cells.shape[2], 1.0)


def _lower_gru_grad(
    lowering: Lowering, inputs: tuple[Operand | None, ...], outputs: tuple[Operand, ...], reverse: bool
) -> None:
    dy, extra, extra_q, gates, q, y, h0, w = inputs
    assert y is not None
    last = [*y.shape, int(reverse), _units(3)]
    arguments = [*outputs, *_given(dy, extra, extra_q), gates, q, y, *_given(h0), w, *last]
    _launch(lowering, "gru_grad", arguments, outputs[0], y.shape[2], 1.0)


def _infer_rnn(z: Spec, h0: Spec | None, w: Spec, **attrs: Any) -> tuple[Spec]:
    return (z,)


def _per_unit(z: Spec, w: Spec) -> Spec:
    return Spec((*z.shape[:2], w.shape[1]), z.dtype)


def _infer_lstm(z: Spec, h0: Spec | None, c0: Spec | None, w: Spec, **attrs: Any) -> tuple[Spec, ...]:
    return _per_unit(z, w), _per_unit(z, w), z


def _infer_gru(z: Spec, h0: Spec | None, w: Spec, b: Spec | None, **attrs: Any) -> tuple[Spec, ...]:
    return _per_unit(z, w), z, _per_unit(z, w)


def _state(y: Spec) -> Spec:
    return Spec((y.shape[0], y.shape[2]), y.dtype)


def _infer_rnn_grad(dy: Spec, y: Spec, w: Spec, **attrs: Any) -> tuple[Spec, ...]:
    return y, _state(y)


def _infer_lstm_grad(
    dy: Spec | None, dcells: Spec | None, extra: Spec | None, gates: Spec, cells: Spec, *others: Any, **attrs: Any
) -> tuple[Spec, ...]:
    return gates, _state(cells), _state(cells)


def _infer_gru_grad(
    dy: Spec | None, extra: Spec | None, extra_q: Spec | None, gates: Spec, q: Spec, *others: Any, **attrs: Any
) -> tuple[Spec, ...]:
    return gates, gates, _state(q)


def _weight_gradient(d: Any, y: Any, h0: Any, reverse: bool) -> Any:
    """In the forward pass W h was added to every step, with h of the step before, so dW is the sum of d h'."""
    batch, steps, hidden = y.shape
    state = np.zeros((batch, hidden), y.dtype) if h0 is None else h0
    first = shape.reshape(state, (batch, 1, hidden))
    if steps > 1:
        kept = slice(1, None) if reverse else slice(None, -1)
        earlier = [first, indexing.slice(y, (slice(None), kept))]
        first = shape.concatenate(earlier[::-1] if reverse else earlier, axis=1)
    rows = batch * steps
    flat, h = shape.reshape(d, (rows, d.shape[2])), shape.reshape(first, (rows, hidden))
    return PRIMITIVES["matmul"](flat, h, transpose_a=True, transpose_b=False)[0]


def _before_activation(grad: Any, gates: Any, tanh: Sequence[bool]) -> Any:
    """The gradient of saved gates, which are activations, as one of what they were made of; ``tanh``: which are so."""
    if grad is None:
        return None
    hidden = gates.shape[2] // len(tanh)
    parts = [indexing.slice(gates, (..., slice(k * hidden, (k + 1) * hidden))) for k in range(len(tanh))]
    slopes = shape.concatenate([slope(x, which) for x, which in zip(parts, tanh, strict=True)], axis=2)
    return elementwise.multiply(grad, slopes)


def vjp_rnn(grads: Any, inputs: Any, outputs: Any, activation: str, reverse: bool) -> Sequence[Any]:
    (_, h0, w), (y,) = inputs, outputs
    dz, dh0 = _rnn_grad(grads[0], y, w, activation=activation, reverse=reverse)
    return dz, dh0, _weight_gradient(dz, y, h0, reverse)


def vjp_lstm(grads: Any, inputs: Any, outputs: Any, reverse: bool) -> Sequence[Any]:
    (dy, dcells, dgates), (_, h0, c0, w), (y, cells, gates) = grads, inputs, outputs
    extra = _before_activation(dgates, gates, (False, False, True, False))
    dz, dh0, dc0 = _lstm_grad(dy, dcells, extra, gates, cells, c0, w, reverse=reverse)
    return dz, dh0, dc0, _weight_gradient(dz, y, h0, reverse)


def vjp_gru(grads: Any, inputs: Any, outputs: Any, reverse: bool) -> Sequence[Any]:
    (dy, dgates, dq), (_, h0, w, b), (y, gates, q) = grads, inputs, outputs
    extra = _before_activation(dgates, gates, (False, False, True))
    dz, dp, dh0 = _gru_grad(dy, extra, dq, gates, q, y, h0, w, reverse=reverse)
    db = None if b is None else reductions.sum(dp, axis=(0, 1))
    return dz, dh0, _weight_gradient(dp, y, h0, reverse), db


def _vjp_of(steps: Any) -> Any:
    """The vjp of a gradient: that of the same gradient step by step."""

    def vjp(grads: Any, inputs: Any, outputs: Any, **attrs: Any) -> Sequence[Any]:
        return pull(functools.partial(steps, **attrs), inputs, grads)

    return vjp


rnn_sequence = Primitive("rnn_sequence", _infer_rnn, _lower_rnn, vjp_rnn, in_place=((0, 0),))
lstm_sequence = Primitive("lstm_sequence", _infer_lstm, _lower_lstm, vjp_lstm, in_place=((2, 0),))
gru_sequence = Primitive("gru_sequence", _infer_gru, _lower_gru, vjp_gru, in_place=((1, 0),))
_rnn_grad = Primitive("rnn_sequence_grad", _infer_rnn_grad, _lower_rnn_grad, _vjp_of(rnn_grad_steps))
_lstm_grad = Primitive("lstm_sequence_grad", _infer_lstm_grad, _lower_lstm_grad, _vjp_of(lstm_grad_steps))
_gru_grad = Primitive("gru_sequence_grad", _infer_gru_grad, _lower_gru_grad, _vjp_of(gru_grad_steps))
