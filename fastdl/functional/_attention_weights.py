"""What is asked of the weights of attention themselves, as compositions that hold all of them.

That is: the weights as a result, their gradient, and the gradients of the gradient. Letters as in ``attention.py``:
q k v the inputs, s scores, p weights (..., T, S), g the gradient of the result, h the gradient of a gradient.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import PRIMITIVES
from . import comparisons, elementwise, reductions, shape
from ._attention import group_size
from ._door import BOOL


def _product(a: Any, b: Any, *, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    (y,) = PRIMITIVES["matmul"](a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    return y


def _joined(x: Any, key: Any) -> Any:
    """(..., H, T, n) as (..., heads of the keys, T times those that share one, n): one product for them all."""
    if x.shape[:-2] == key.shape[:-2]:
        return x
    rows = x.shape[-2] * group_size(x, key)
    return shape.reshape(x, (*key.shape[:-2], rows, x.shape[-1]))


def _by_keys(a: Any, x: Any) -> Any:
    """sum_j a[..., i, j] x[..., j, :] with weights a (..., H, T, S) and keys or values x."""
    y = _product(_joined(a, x), x)
    return shape.reshape(y, (*a.shape[:-1], x.shape[-1]))


def _by_queries(a: Any, x: Any, key: Any) -> Any:
    """sum_i a[..., i, j] x[..., i, :] with weights a and queries x, over all heads that share a key."""
    return _product(_joined(a, key), _joined(x, key), transpose_a=True)


def _pairs(x: Any, key: Any) -> Any:
    """x[..., i, :] . key[..., j, :]: (..., H, T, S)."""
    y = _product(_joined(x, key), key, transpose_b=True)
    return shape.reshape(y, (*x.shape[:-1], key.shape[-2]))


def weights(query: Any, key: Any, mask: Any, *, causal: bool, scale: float) -> Any:
    """The weights themselves, (..., T, S): as the kernels make them, 0 where a score is -inf."""
    s = elementwise.multiply(_pairs(query, key), scale)
    hidden = np.asarray(-np.inf, s.dtype)
    if mask is not None:
        s = comparisons.where(mask, s, hidden) if mask.dtype == BOOL else elementwise.add(s, mask)
    if causal:
        s = comparisons.where(np.tri(*s.shape[-2:], dtype=bool), s, hidden)
    if math.prod(s.shape) == 0:
        return s
    none = comparisons.equal(reductions.max(s, axis=-1, keepdims=True), hidden)
    p = PRIMITIVES["softmax"](comparisons.where(none, 0.0, s), axis=len(s.shape) - 1)[0]
    return comparisons.where(comparisons.equal(s, hidden), 0.0, p)


def softmax_grad(grad: Any, p: Any) -> Any:
    """ds = p (g - sum g p), which is g's own adjoint, too."""
    return PRIMITIVES["softmax_grad"](grad, p, axis=len(p.shape) - 1)[0]


def of_scores(ds: Any, query: Any, key: Any, mask: Any, scale: float) -> tuple[Any, Any, Any]:
    """Gradients with respect to q, k and the mask from that of the scores: s = scale q k' + mask."""
    scaled = elementwise.multiply(ds, scale)
    dmask = None if mask is None or mask.dtype == BOOL else elementwise.unbroadcast(ds, mask)
    return _by_keys(scaled, key), _by_queries(scaled, query, key), dmask


def vjp_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, causal: bool, scale: float
) -> Sequence[Any]:
    """In the forward pass ds = p (a - sum a p) with a = g v', then dq = scale ds k, dk = scale ds' q, dv = p' g.

    y and c follow from the other inputs, whose gradients here are the whole of it. Holds the weights.
    """
    hq, hk, hv = grads
    _, query, key, *_ = inputs
    onto_ds = elementwise.plus(
        None if hq is None else elementwise.multiply(_pairs(hq, key), scale),
        None if hk is None else elementwise.multiply(_pairs(query, hk), scale),
    )
    dg, dq, dk, dv, dmask, ds = _through_slopes(onto_ds, hv, inputs, causal, scale)
    if ds is not None:
        scaled = elementwise.multiply(ds, scale)
        if hk is not None:
            dq = elementwise.add(dq, _by_keys(scaled, hk))
        if hq is not None:
            dk = elementwise.add(dk, _by_queries(scaled, hq, key))
    return dg, dq, dk, dv, dmask, None, None


def vjp_scores_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, causal: bool, scale: float
) -> Sequence[Any]:
    """As :func:`vjp_grad`, where ds itself was the result."""
    return (*_through_slopes(grads[0], None, inputs, causal, scale)[:5], None, None)


def _through_slopes(h: Any, hv: Any, inputs: Sequence[Any], causal: bool, scale: float) -> tuple[Any, ...]:
    """Gradients of g, q, k, v and the mask through ds, whose gradient is h, and dv, whose gradient is hv; and ds."""
    grad, query, key, value, mask, _, _ = inputs
    multiply, plus, subtract = elementwise.multiply, elementwise.plus, elementwise.subtract
    p = weights(query, key, mask, causal=causal, scale=scale)
    onto_p, dg, dv, ds = None, None, None, None
    if hv is not None:
        onto_p, dg = _pairs(grad, hv), _by_keys(p, hv)
    if h is not None:
        a = _pairs(grad, value)
        ds, da = softmax_grad(a, p), softmax_grad(h, p)
        along = reductions.sum(multiply(h, p), axis=-1, keepdims=True)
        centred = subtract(a, reductions.sum(multiply(a, p), axis=-1, keepdims=True))
        onto_p = plus(onto_p, subtract(multiply(h, centred), multiply(a, along)))
        dg = plus(dg, _by_keys(da, value))
        dv = _by_queries(da, grad, value)
    dq, dk, dmask = of_scores(softmax_grad(onto_p, p), query, key, mask, scale)
    return dg, dq, dk, dv, dmask, ds
