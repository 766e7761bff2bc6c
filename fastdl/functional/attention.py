"""Scaled dot-product attention y = softmax(scale q k' + mask) v, beside its backward.

Letters: q (..., T, D) queries, k (..., S, D) keys, v (..., S, E) values, s (..., T, S) scores, p weights, y (..., T, E)
the result, c (..., T) the log-sum-exp of each row of scores, g the gradient of y. The primitive and its gradient never
hold s or p; what is asked of the weights themselves (``return_weights``), and gradients of gradients, are compositions
that do.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Primitive, Spec, op
from ..options import is_number
from . import elementwise
from ._attention import has_short_rows, lower_backward, lower_forward, lower_scores_backward, weights_spec
from ._attention_weights import vjp_grad, vjp_scores_grad, weights
from ._door import BOOL, FLOATS, array, check_grad, describe, floats, results
from ._draw import attention as draw
from ._lowering import broadcast_shape


def _infer(query: Spec, key: Spec, value: Spec, mask: Spec | None, **attrs: Any) -> tuple[Spec, Spec]:
    rows = query.shape[:-1]
    return Spec((*rows, value.shape[-1]), query.dtype), Spec(rows, query.dtype)


def _vjp(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any
) -> tuple[Any, Any, Any, Any]:
    """In the forward pass p = softmax(s), y = p v; so with ds = p (g v' - g . y): dq = scale ds k, dk = scale ds' q,
    dv = p' g, and ds for what was added to s. c is only there to make p anew: nothing is derived from it."""
    query, key, value, mask = inputs
    arguments = (grads[0], *inputs, *outputs)
    dq, dk, dv = _attention_grad(*arguments, **attrs)
    if mask is None or mask.dtype == BOOL:
        return dq, dk, dv, None
    (ds,) = _scores_grad(*arguments, **attrs)
    return dq, dk, dv, elementwise.unbroadcast(ds, mask)


_attention = Primitive("attention", _infer, lower_forward, _vjp)


_attention_grad = Primitive(
    "attention_grad", lambda grad, query, key, value, *rest, **attrs: (query, key, value), lower_backward, vjp_grad
)
_scores_grad = Primitive(
    "attention_scores_grad",
    lambda grad, query, key, *rest, **attrs: (weights_spec(query, key),),
    lower_scores_backward,
    vjp_scores_grad,
)


def _checked(name: str, query: Any, key: Any, value: Any, mask: Any) -> list[Any]:
    """The arrays, of shapes that go together."""
    usual = type(query) is type(key) is type(value) is np.ndarray and query.dtype == key.dtype == value.dtype
    if not usual or query.dtype not in FLOATS:  # asked in one go: a call with ten queries takes 6 us in all
        query, key, value = floats(name, query=query, key=key, value=value)
    if mask is not None:
        mask = _checked_mask(name, mask, query)
    ours, theirs, values = query.shape, key.shape, value.shape
    fits = len(ours) > 1 and len(theirs) > 1 and ours[-1] == theirs[-1] != 0 and theirs[:-1] == values[:-1]
    if not (fits and (ours[:-2] == theirs[:-2] or _heads_fit(ours[:-2], theirs[:-2]))):
        raise _misfit(name, query, key, value)
    if mask is not None:
        full = (*ours[:-1], theirs[-2])
        try:
            fits = broadcast_shape(name, tuple(mask.shape), full) == full
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"{name}: mask has shape {tuple(mask.shape)}; expected one that broadcasts to {full}, "
                f"(..., queries, keys) ({describe(query=query, key=key, value=value)})"
            )
    return [query, key, value, mask]


def _checked_mask(name: str, mask: Any, query: Any) -> Any:
    """The mask, of a dtype that goes with the queries."""
    if isinstance(mask, bool):
        raise TypeError(
            f"{name}: mask is {mask}; expected an array that broadcasts to (..., queries, keys), or None; to hide the "
            "keys that come later, give causal=True"
        )
    if array(name, "mask", mask).dtype.kind in "iu":
        raise TypeError(
            f"{name}: mask has dtype {mask.dtype}; expected bool, True where a query may attend, or floats that are "
            "added to the scores: convert zeros and ones with mask.astype(bool)"
        )
    return array(name, "mask", mask) if mask.dtype == BOOL else floats(name, query=query, mask=mask)[1]


def _misfit(name: str, query: Any, key: Any, value: Any) -> ValueError:
    """What is wrong with the shapes of the three."""
    came = describe(query=query, key=key, value=value)
    for argument, x in (("query", query), ("key", key), ("value", value)):
        if len(x.shape) < 2:
            return ValueError(f"{name}: {argument} has shape {tuple(x.shape)}; expected (..., length, features)")
    if query.shape[-1] != key.shape[-1] or query.shape[-1] == 0:
        return ValueError(
            f"{name}: query and key have {query.shape[-1]} and {key.shape[-1]} features ({came}); "
            "expected the same number, at least 1"
        )
    if key.shape[:-1] != value.shape[:-1]:
        return ValueError(f"{name}: key and value differ in more than their last axis ({came}); each key has one value")
    return ValueError(
        f"{name}: the leading axes of query and key do not fit ({came}); they must be equal, but for the last of "
        "them (heads), where that of query may be a multiple of that of key"
    )


def _heads_fit(ours: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    """Whether neighbouring heads of queries share one of keys."""
    if len(ours) != len(theirs) or not ours or ours[:-1] != theirs[:-1]:
        return False
    return theirs[-1] > 0 and ours[-1] % theirs[-1] == 0


def _scale(query: Any, scale: float | None) -> float | None:
    """The scale of the scores, where that can be said without checks."""
    usual = scale is None and type(query) is np.ndarray and query.ndim and query.shape[-1]
    return 1 / math.sqrt(query.shape[-1]) if usual else scale


def _options(name: str, query: Any, causal: Any, scale: Any, return_weights: Any) -> dict[str, Any]:
    """The options as the primitive takes them."""
    if type(causal) is not bool or type(return_weights) is not bool:
        for option, flag in (("causal", causal), ("return_weights", return_weights)):
            if not isinstance(flag, (bool, np.bool_)):
                came = f"an array {np.shape(flag)}" if isinstance(flag, np.ndarray) else repr(flag)
                remedy = (
                    ": an array that says who may attend is the mask" if option == "causal" and np.ndim(flag) else ""
                )
                raise TypeError(f"{name}: {option} is {came}; expected True or False{remedy}")
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1])
    elif not is_number(scale):
        raise TypeError(f"{name}: scale is {scale!r}; expected a number, or None for 1 / sqrt(features)")
    elif not math.isfinite(scale):
        raise ValueError(f"{name}: scale is {scale}; expected a finite number, or None for 1 / sqrt(features)")
    return {"causal": bool(causal), "scale": float(scale)}


@op(draw=draw.attention, every_result=True)
def attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    return_weights: bool = False,
    out: Any = None,
) -> Any:
    """Each query takes an average of the values, weighted by how well it goes with their keys.

    y = p v,  p = softmax(scale q k' + mask) along the keys. Equivalent to ``p @ value`` with
    ``s = scale * query @ key.swapaxes(-1, -2) + mask``, ``e = np.exp(s - s.max(-1, keepdims=True))`` and
    ``p = e / e.sum(-1, keepdims=True)``.

    query (..., T, D), key (..., S, D), value (..., S, E): all float32 or all float64, with the same leading axes; the
    last of these (heads) may be a multiple in query, then neighbouring heads of it share one of key and value
    (grouped queries). The result is (..., T, E). ``mask`` broadcasts to (..., T, S): boolean, True where a query may
    attend to a key, or of the arrays' dtype and added to the scores (-inf: may not). With ``causal`` query i attends to
    keys 0 to i only, also where T and S differ (the upper left triangle, as PyTorch's ``is_causal``); a single new
    query with a cache of keys needs no mask. ``scale`` None is 1 / sqrt(D). With ``return_weights`` the result is
    (y, p), p (..., T, S). ``out`` takes y; it may not overlap an argument.

    Raises ValueError if the shapes do not fit, TypeError for other dtypes.

    Memory grows with T + S: scores and weights exist block by block, in the backward pass as well. All weights at once
    are held only by return_weights, by gradients of gradients, and by the gradient of a mask that is added.

    Numerics: sums are in the arrays' precision, block by block, in an order that depends on the shapes only. A query
    that may attend to nothing (all its scores are -inf) gets zeros and has no gradient. NaN and infinity come through
    to the queries that attend to them: a weight that is 0 takes no part, whatever its value holds. Powers below
    the smallest normal number count as 0.

    Vaswani et al., "Attention is all you need" (2017), section 3.2.1; by blocks as Dao, "FlashAttention-2" (2023).

    >>> q = k = np.float32([[10, 0], [0, 10]])
    >>> attention(q, k, np.float32([[1, 2], [3, 4]]))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    >>> attention(q, k, np.float32([[1, 2], [3, 4]]), np.array([False, True]))
    array([[3., 4.],
           [3., 4.]], dtype=float32)
    """
    if out is None and return_weights is False:
        known = _attention.again(query, key, value, mask, causal=causal, scale=_scale(query, scale))
        if known is not None:
            return known[0]
    arrays = _checked("attention", query, key, value, mask)
    attrs = _options("attention", arrays[0], causal, scale, return_weights)
    if out is None:
        y, _ = _attention(*arrays, **attrs)
    else:
        inputs = dict(zip(("query", "key", "value", "mask"), arrays, strict=True))
        y, _ = results("attention", _attention, inputs, out, **attrs)
    if not return_weights:
        return y
    query, key, _, mask = arrays
    return y, weights(query, key, mask, **attrs)


def _pair_of_grads(name: str, grad: Any) -> tuple[Any, Any]:
    if not isinstance(grad, (tuple, list)) or len(grad) != 2:
        raise TypeError(
            f"{name}: grad is a {type(grad).__name__}; with return_weights expected (gradient of the result, gradient "
            "of the weights), None for one that there is not"
        )
    return grad[0], grad[1]


def attention_backward(
    grad: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    return_weights: bool = False,
    output: Any = None,
    log_sum_exp: Any = None,
) -> tuple[Any, Any, Any, Any]:
    """In the forward pass p = softmax(s), s = scale q k' + mask, y = p v; so with ds = p (g v' - g . y) row by row:
    dq = scale ds k, dk = scale ds' q, dv = p' g, and dmask = ds summed over what was broadcast (None if boolean).

    With ``return_weights`` grad is (gradient of y, gradient of p), either of which may be None; the second adds
    p (g - sum g p) to ds. ``output`` and ``log_sum_exp`` (..., T) of the scores save the forward pass, ``output`` alone
    half of it.
    """
    if mask is None and return_weights is False:
        saved, options = (output, log_sum_exp), {"causal": causal, "scale": _scale(query, scale)}
        known = _attention_grad.again(grad, query, key, value, None, *saved, **options)
        if known is not None:
            return *known, None
    name = "attention_backward"
    arrays = _checked(name, query, key, value, mask)
    query, key, value, mask = arrays
    attrs = _options(name, query, causal, scale, return_weights)
    rows, dtype = query.shape[:-1], query.dtype
    shape = (*rows, value.shape[-1])
    grads = _pair_of_grads(name, grad) if return_weights else (grad, None)
    parts: list[tuple[Any, Any, Any, Any]] = []
    if grads[0] is not None:
        g = check_grad(name, grads[0], shape, dtype)
        if output is not None:
            output = check_grad(name, output, shape, dtype, "output")
        if log_sum_exp is not None:
            log_sum_exp = check_grad(name, log_sum_exp, rows, dtype, "log_sum_exp", "one number for each query")
        if (output is None or log_sum_exp is None) and not has_short_rows(key.shape[-2]):
            if output is None:
                output, log_sum_exp = _attention(*arrays, **attrs)
            else:  # the scores alone: values without features
                _, log_sum_exp = _attention(query, key, value[..., :0], mask, **attrs)
        parts.append(_vjp((g, None), arrays, (output, log_sum_exp), **attrs))
    if grads[1] is not None:
        spec = weights_spec(query, key)
        g = check_grad(name, grads[1], *spec, "grad of the weights", "the weights")
        # p = p I: the weights are the result for the values I, and the kernels leave out what has no weight, as above.
        unit = np.broadcast_to(np.eye(key.shape[-2], dtype=key.dtype), (*key.shape[:-1], key.shape[-2]))
        inputs = (query, key, unit, mask)
        saved = (None, None) if has_short_rows(key.shape[-2]) else _attention(*inputs, **attrs)
        dq, dk, _, dmask = _vjp((g, None), inputs, saved, **attrs)
        parts.append((dq, dk, np.zeros(value.shape, value.dtype), dmask))
    if not parts:
        raise ValueError(f"{name}: grad holds no gradient; expected that of the result, of the weights, or both")
    if len(parts) == 1:
        return parts[0]
    dq, dk, dv, dmask = (None if a is None else elementwise.add(a, b) for a, b in zip(*parts, strict=True))
    return dq, dk, dv, dmask
