"""Scaled dot-product attention and its gradients.

Letters: q (..., H, T, D) queries, k (..., h, S, D) keys, v (..., h, S, E) values; each of the h heads of keys serves
H / h neighbouring heads of queries. s (..., H, T, S) scores, p weights, y (..., H, T, E) the result, g its gradient.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import (
    FloatArray,
    Index,
    Indices,
    as_float64,
    as_grad,
    check_one_list_each,
    evaluate,
    evaluate_gradient,
    quiet,
    sum_to_shape,
)


def attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    return_weights: bool = False,
    at: Indices | None = None,
) -> Any:
    """Each query takes an average of the values, weighted by how well it goes with their keys.

    y[i, e] = sum_j p[i, j] v[j, e], where p[i, j] = exp(s[i, j]) / sum_n exp(s[i, n]) and
    s[i, j] = scale sum_d q[i, d] k[j, d] + mask[i, j], for each of the matrices along the leading axes. A boolean mask
    makes s = -inf where it is False, causal where j > i; scale None is 1 / sqrt(D). Where s is -inf the weight is 0 and
    the value takes no part, whatever it is; a row of nothing but -inf gives zeros. With return_weights: (y, p).

    >>> attention([[10, 0], [0, 10]], [[10, 0], [0, 10]], [[1], [2]]).round(6).tolist()
    [[1.0], [2.0]]
    >>> attention([[1], [1]], [[0], [0]], [[2], [4]], causal=True).tolist()
    [[2.0], [3.0]]
    """
    parts = _arguments("attention", query, key, value, mask, causal, scale)
    if return_weights and at is not None:
        raise ValueError("attention: at picks from the result alone; ask for the weights without it")

    def element(index: Index) -> float:
        *matrix, i, e = index
        weights = _row(parts, (*matrix, i))
        values = parts.v[_shared(matrix, parts)][:, e]
        return float(np.sum(weights[weights != 0] * values[weights != 0]))

    y = evaluate(element, (*parts.q.shape[:-1], parts.v.shape[-1]), at)
    return (y, _weights(parts)) if return_weights else y


def attention_backward(
    grad: Any,
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    return_weights: bool = False,
    at: Sequence[Indices | None] | None = None,
) -> tuple[FloatArray | None, FloatArray | None, FloatArray | None, FloatArray | None]:
    """Gradients of attention with respect to query, key, value and mask (None for a boolean mask, or none).

    In the forward pass this was: y[i, e] = sum_j p[i, j] v[j, e], so now: gv[j, e] = sum_i p[i, j] g[i, e] and
    gp[i, j] = sum_e g[i, e] v[j, e], to which the gradient of the weights is added if there is one.
    In the forward pass this was: p = softmax(s), so now: gs[i, j] = p[i, j] (gp[i, j] - sum_n p[i, n] gp[i, n]).
    In the forward pass this was: s = scale q k' + mask, so now: gq[i, d] = scale sum_j gs[i, j] k[j, d],
    gk[j, d] = scale sum_i gs[i, j] q[i, d], and gmask = gs, summed over what was broadcast; gk and gv are summed over
    the heads that share them. A weight of 0 takes no part. With return_weights grad is the pair of gradients.
    `at` is (indices into query, key, value, mask): only those elements, as 1-D arrays; None skips that gradient.

    >>> gq, gk, gv, _ = attention_backward([[1]], [[1]], [[1], [1]], [[2], [4]])
    >>> gq.tolist(), gk.tolist(), gv.tolist()
    ([[0.0]], [[-0.5], [0.5]], [[0.5], [0.5]])
    """
    parts = _arguments("attention_backward", query, key, value, mask, causal, scale)
    check_one_list_each("attention", at, ("query", "key", "value", "mask"))
    q, k, v = parts.q, parts.k, parts.v
    gy, gp = grad if return_weights else (grad, None)
    g = as_grad("attention", np.zeros((*q.shape[:-1], v.shape[-1])) if gy is None else gy, (*q.shape[:-1], v.shape[-1]))
    p = _weights(parts)
    more = np.zeros(p.shape) if gp is None else as_grad("attention", gp, p.shape)
    slopes = np.zeros(p.shape)
    with quiet():
        for row in np.ndindex(*p.shape[:-1]):
            some = p[row] != 0
            towards = v[_shared(row[:-1], parts)][some] @ g[row] + more[row][some]
            slopes[row][some] = p[row][some] * (towards - np.sum(p[row][some] * towards))

    def element_of_query(index: Index) -> float:
        *row, d = index
        some = p[tuple(row)] != 0
        return float(parts.scale * np.sum(slopes[tuple(row)][some] * k[_shared(row[:-1], parts)][some, d]))

    def over_queries(factors: FloatArray, x: FloatArray, index: Index) -> float:
        """sum_i factors[i, j] x[i, d] over the queries i, also those of all heads that share the key j."""
        *matrix, j, d = index
        total = 0.0
        for served in _served(tuple(matrix), parts):
            some = p[served][:, j] != 0
            total += np.sum(factors[served][some, j] * x[served][some, d])
        return float(total)

    added = None if mask is None or np.asarray(mask).dtype == np.bool_ else sum_to_shape(slopes, np.shape(mask))
    return (
        evaluate_gradient(element_of_query, q.shape, at, 0),
        evaluate_gradient(lambda index: parts.scale * over_queries(slopes, q, index), k.shape, at, 1),
        evaluate_gradient(lambda index: over_queries(p, g, index), v.shape, at, 2),
        None if added is None else evaluate_gradient(lambda index: float(added[index]), added.shape, at, 3),
    )


class _Parts(NamedTuple):
    """The arguments: the mask as what is added to the scores, and where scores are -inf whatever they are."""

    q: FloatArray
    k: FloatArray
    v: FloatArray
    added: FloatArray
    hidden: Any
    scale: float


def _arguments(
    op: str, query: ArrayLike, key: ArrayLike, value: ArrayLike, mask: ArrayLike | None, causal: bool, scale: Any
) -> _Parts:
    q, k, v = as_float64(op, "query", query), as_float64(op, "key", key), as_float64(op, "value", value)
    came = f"(query {q.shape}, key {k.shape}, value {v.shape})"
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[:-1] != v.shape[:-1]:
        raise ValueError(f"{op}: the shapes do not fit {came}; expected (..., T, D), (..., S, D), (..., S, E)")
    ours, theirs = q.shape[:-2], k.shape[:-2]
    multiple = len(ours) == len(theirs) > 0 and ours[:-1] == theirs[:-1] and theirs[-1] and ours[-1] % theirs[-1] == 0
    if ours != theirs and not multiple:
        raise ValueError(f"{op}: the leading axes of query and key do not fit {came}")
    full = (*q.shape[:-1], k.shape[-2])
    hidden, added = np.zeros(full, bool), np.zeros(full)
    if mask is not None and np.asarray(mask).dtype == np.bool_:
        hidden = hidden | ~np.broadcast_to(np.asarray(mask), full)
    elif mask is not None:
        added = added + np.broadcast_to(as_float64(op, "mask", mask), full)
    if causal:
        hidden = hidden | (np.arange(full[-1]) > np.arange(full[-2])[:, np.newaxis])
    return _Parts(q, k, v, added, hidden, 1 / float(np.sqrt(q.shape[-1])) if scale is None else float(scale))


def _shared(matrix: Sequence[int], parts: _Parts) -> Index:
    """Which matrix of the keys and values a matrix of the queries looks at."""
    if not matrix:
        return ()
    *others, head = matrix
    return (*others, head // (parts.q.shape[-3] // parts.k.shape[-3]))


def _served(matrix: Index, parts: _Parts) -> list[Index]:
    """The matrices of queries that look at a matrix of keys."""
    if not matrix:
        return [()]
    *others, head = matrix
    sharing = parts.q.shape[-3] // parts.k.shape[-3]
    return [(*others, head * sharing + n) for n in range(sharing)]


def _row(parts: _Parts, row: Index) -> FloatArray:
    """The weights of one query."""
    k = parts.k[_shared(row[:-1], parts)]
    scores = np.zeros(len(k))
    with quiet():
        scores[:] = parts.scale * (k @ parts.q[row]) + parts.added[row]
        scores[parts.hidden[row]] = -np.inf
        if np.all(scores == -np.inf):
            return np.zeros(len(k))
        powers = np.exp(scores - np.max(scores))
        return np.asarray(np.where(scores == -np.inf, 0.0, powers / np.sum(powers)))


def _weights(parts: _Parts) -> FloatArray:
    weights = np.zeros((*parts.q.shape[:-1], parts.k.shape[-2]))
    for row in np.ndindex(*weights.shape[:-1]):
        weights[row] = _row(parts, row)
    return weights
