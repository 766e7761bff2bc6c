"""The gradients of recurrent layers once more, step by step as functional ops: slow, but they can be differentiated.

The kernels of ``recurrent_grad`` compute the same numbers; these compositions serve their own gradients, that is
gradients of gradients, with some twenty nodes a step. Letters as in ``_recurrent.py``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import PRIMITIVES
from . import indexing, shape
from .dense import matmul
from .elementwise import plus, subtract, times


def order_of(steps: int, reverse: bool) -> list[int]:
    """The steps as they are walked."""
    return list(range(steps - 1, -1, -1) if reverse else range(steps))


def one_step(x: Any, step: int) -> Any:
    """x[:, step]."""
    return indexing.slice(x, (slice(None), step))


def _stacked(rows: dict[int, Any]) -> Any:
    """Arrays (N, K), one for each step, as one (N, T, K)."""
    parts = [rows[step] for step in sorted(rows)]
    return shape.concatenate([shape.reshape(x, (x.shape[0], 1, x.shape[1])) for x in parts], axis=1)


def _gates(x: Any, count: int) -> list[Any]:
    """The gates of one step (N, G H), each (N, H)."""
    hidden = x.shape[1] // count
    return [indexing.slice(x, (slice(None), slice(k * hidden, (k + 1) * hidden))) for k in range(count)]


def slope(y: Any, tanh: bool) -> Any:
    """The derivative of tanh or of the logistic function from its value: 1 - y^2 or y (1 - y)."""
    return subtract(1.0, times(y, y)) if tanh else times(y, subtract(1.0, y))


def rnn_grad_steps(dy: Any, y: Any, w: Any, *, activation: str, reverse: bool) -> Sequence[Any]:
    """In the forward pass h = s(z + W h of the step before), so dz = dh s'(z), where dh = dy + dz W of the next."""
    found: dict[int, Any] = {}
    handed: Any = None
    for at in reversed(order_of(y.shape[1], reverse)):
        dh, h = plus(one_step(dy, at), handed), one_step(y, at)
        found[at] = PRIMITIVES["relu_grad"](dh, h)[0] if activation == "relu" else times(dh, slope(h, True))
        handed = matmul(found[at], w)
    return _stacked(found), handed


def lstm_grad_steps(
    dy: Any, dcells: Any, extra: Any, gates: Any, cells: Any, c0: Any, w: Any, *, reverse: bool
) -> Sequence[Any]:
    """In the forward pass c = f c' + i g with c' of the step before, and h = o tanh(c)."""
    batch, steps, hidden = cells.shape
    order = order_of(steps, reverse)
    zeros = np.zeros((batch, hidden), cells.dtype)
    found: dict[int, Any] = {}
    dh_handed, dc_handed = zeros, zeros
    for s in range(steps - 1, -1, -1):
        at = order[s]
        i, f, g, o = _gates(one_step(gates, at), 4)
        t = PRIMITIVES["tanh"](one_step(cells, at))[0]
        old = one_step(cells, order[s - 1]) if s else zeros if c0 is None else c0
        dh = dh_handed if dy is None else plus(one_step(dy, at), dh_handed)
        dc = plus(dc_handed, None if dcells is None else one_step(dcells, at), times(dh, o, slope(t, True)))
        parts = [
            times(dc, g, slope(i, False)),
            times(dc, old, slope(f, False)),
            times(dc, i, slope(g, True)),
            times(dh, t, slope(o, False)),
        ]
        together = shape.concatenate(parts, axis=1)
        found[at] = together if extra is None else plus(together, one_step(extra, at))
        dh_handed, dc_handed = matmul(found[at], w), times(dc, f)
    return _stacked(found), dh_handed, dc_handed


def gru_grad_steps(
    dy: Any, extra: Any, extra_q: Any, gates: Any, q: Any, y: Any, h0: Any, w: Any, *, reverse: bool
) -> Sequence[Any]:
    """In the forward pass n = tanh(z + r q) and h = (1 - v) n + v h', with h' of the step before."""
    batch, steps, hidden = y.shape
    order = order_of(steps, reverse)
    zeros = np.zeros((batch, hidden), y.dtype)
    inputs: dict[int, Any] = {}
    products: dict[int, Any] = {}
    handed: Any = zeros
    for s in range(steps - 1, -1, -1):
        at = order[s]
        r, v, n = _gates(one_step(gates, at), 3)
        extras = [None] * 3 if extra is None else _gates(one_step(extra, at), 3)
        old = one_step(y, order[s - 1]) if s else zeros if h0 is None else h0
        dh = handed if dy is None else plus(one_step(dy, at), handed)
        dn = plus(times(dh, subtract(1.0, v), slope(n, True)), extras[2])
        dr = plus(times(dn, one_step(q, at), slope(r, False)), extras[0])
        dv = plus(times(dh, subtract(old, n), slope(v, False)), extras[1])
        dq = plus(times(dn, r), None if extra_q is None else one_step(extra_q, at))
        inputs[at], products[at] = shape.concatenate([dr, dv, dn], axis=1), shape.concatenate([dr, dv, dq], axis=1)
        handed = plus(times(dh, v), matmul(products[at], w))
    return _stacked(inputs), _stacked(products), handed
