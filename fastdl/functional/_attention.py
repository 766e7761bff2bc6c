"""How attention lowers to launches of ``_kernels/attention.py`` and ``_kernels/attention_gradient.py``.

Letters: T queries, S keys, D their features, E features of a value; q k v the inputs, g the gradient of the result,
c the log-sum-exp of the rows of scores, y the result. Beside inputs and outputs only blocks for each worker are kept,
and, where a head's gradients are made by several cells, a dq for each, so memory grows with T + S, not with T S.
"""

import math
from typing import Any, NamedTuple

from .._kernels import Kernel
from .._kernels.machine import panel
from ..ops import Lowering, Operand, Spec
from ._door import BOOL
from ._lowering import collapse, round_up, strides_in

_QUERIES, _KEYS = 64, 256  # most queries and keys in a block; the kernels' stack arrays hold 128 queries
_CELL_QUERIES = 512  # a cell of the forward pass has so many, for which keys and values are packed once
_MANY_QUERIES = 32  # from so many on, terms of the sums are packed as well
_ENOUGH_CELLS = 16  # cells and blocks are made smaller until there are so many of them
_FEW_QUERIES = 4  # so many read the keys as they are: transposing them would cost more than it gains
_ON_STACK = 4096  # so many elements of blocks lie on the kernels' stacks: to get memory takes as long as a tiny call
_INNER, _GATHER = Kernel("attention_gradient", "inner"), Kernel("attention_gradient", "gather")
_PRODUCT, _SPARSE = Kernel("product", "block"), Kernel("attention", "sparse")


def weights_spec(query: Spec, key: Spec) -> Spec:
    """Shape and dtype of the weights (..., T, S)."""
    return Spec((*query.shape[:-1], key.shape[-2]), query.dtype)


def group_size(query: Any, key: Any) -> int:
    """How many heads of queries share one of keys."""
    return query.shape[-3] // key.shape[-3] if len(query.shape) > 2 and key.shape[-3] else 1


def has_short_rows(keys: int) -> bool:
    """Whether a row of scores fits into a block: then its gradient needs neither the result nor c."""
    return keys <= _KEYS


def _matrices(x: Operand) -> int:
    return math.prod(x.shape[:-2])


class _Cut(NamedTuple):
    """How the queries of a head of keys are cut: most queries in a block, blocks of a head of queries, heads of queries
    in a block (of which one or the other is 1), blocks in all; most keys in a block."""

    queries: int
    parts: int
    span: int
    blocks: int
    keys: int


def _cut(query: Operand, key: Operand) -> _Cut:
    length, group, heads = max(1, query.shape[-2]), group_size(query, key), max(1, _matrices(key))
    most, keys = _QUERIES, min(_KEYS, -(-max(1, key.shape[-2]) // 16) * 16)
    while heads * group * -(-length // most) < _ENOUGH_CELLS and most > 32:
        most //= 2
    span = max(1, min(group, most // length))
    parts = -(-length // most)
    queries = span * length if span > 1 else -(-length // parts)
    return _Cut(queries, parts, span, -(-group // span) * parts, keys)


def _scores(
    lowering: Lowering,
    query: Operand,
    key: Operand,
    size: int,
    mask: Operand | None,
    scale: float,
    causal: bool,
    gradient: bool,
) -> list[Any]:
    """The slots that all kernels share, and scratch for each worker."""
    length, features = query.shape[-2:]
    cut, keys = _cut(query, key), key.shape[-2]
    kind, outer, tables, steps = 0, 0, [None, None], [0, 0]
    if mask is not None:
        kind = 1 if mask.dtype == BOOL else 2
        *steps_outer, row, column = strides_in(mask.shape, (*query.shape[:-1], keys))
        sizes, (strides,) = collapse(query.shape[:-2], [steps_outer])
        outer, steps = len(sizes), [row, column]
        tables = [lowering.constant(sizes), lowering.constant(strides)]  # type: ignore[list-item]
    columns = panel(query.dtype.itemsize)
    across, values = round_up(features, columns), round_up(size, columns)  # of terms in panels
    packed = round_up(cut.keys, columns) * (features + size if gradient else features)
    packed += cut.keys * across + cut.queries * max(across, values) if gradient else cut.keys * values
    scores = cut.queries * (cut.keys + 16) * (2 if gradient else 1)
    small = scores + packed <= _ON_STACK
    place, stride = (None, 0) if small else lowering.worker_scratch(scores + packed, query.dtype)
    name = query.dtype.name
    return [
        *(query, key, mask, length, keys, features, size, group_size(query, key), float(scale), int(causal), kind),
        *(outer, *tables, *steps, cut.queries, cut.keys, cut.parts, cut.span, place, stride),
        *(_PRODUCT.address(name), _SPARSE.address(name)),
    ]


def _work(query: Operand, key: Operand, size: int, products: float, causal: bool) -> float:
    """Nanoseconds for so many products of queries by keys by features."""
    pairs = math.prod(query.shape[:-1]) * key.shape[-2] * (0.5 if causal else 1.0)
    return pairs * (0.2 + products * (query.shape[-1] + size) * 0.005 * query.dtype.itemsize / 4)


def lower_forward(
    lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand, Operand], *, causal: bool, scale: float
) -> None:
    (query, key, value, mask), (y, c) = inputs, outputs
    cut, size, heads = _cut(query, key), value.shape[-1], _matrices(key)
    in_cell = max(1, min(cut.blocks, _CELL_QUERIES // cut.queries))
    while in_cell > 1 and heads * -(-cut.blocks // in_cell) < _ENOUGH_CELLS:
        in_cell -= 1
    arguments = _scores(lowering, query, key, size, mask, scale, causal, False)
    packs = in_cell * cut.queries >= _MANY_QUERIES
    lowering.launch(
        Kernel("attention", "forward"),
        query.dtype,
        [*arguments, y, c, value, int(cut.queries <= _FEW_QUERIES), in_cell, 2, int(packs)],
        cells=heads * -(-cut.blocks // in_cell) if query.size else 0,
        work=_work(query, key, size, 1, causal),
    )


def _slopes(lowering: Lowering, inputs: tuple[Any, ...], *, causal: bool, scale: float) -> list[Any]:
    """The slots that the backward kernels share."""
    grad, query, key, value, mask, y, c = inputs
    size, rows = value.shape[-1], math.prod(query.shape[:-1])
    h = None
    if not has_short_rows(key.shape[-2]):  # else the kernels find it in the block
        h = lowering.scratch(c.shape, query.dtype)
        lowering.launch(_INNER, query.dtype, [h, grad, y, rows, size], cells=-(-rows // 64), work=0.1 * y.size)
    return [*_scores(lowering, query, key, size, mask, scale, causal, True), c, h, grad, value]


def lower_backward(
    lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand, ...], *, causal: bool, scale: float
) -> None:
    dq, dk, dv = outputs
    query, key = inputs[1:3]
    heads, rows = _matrices(key), math.prod(query.shape[:-1])
    cells = max(1, min(-(-_ENOUGH_CELLS // max(1, heads)), -(-key.shape[-2] // _KEYS)))
    arguments = _slopes(lowering, inputs, causal=causal, scale=scale)
    more = lowering.scratch((cells - 1, *dq.shape), dq.dtype) if cells > 1 else None
    work = _work(query, key, inputs[3].shape[-1], 2.5, causal)
    cut = _cut(query, key)
    lowering.launch(
        Kernel("attention_gradient", "gradient"),
        query.dtype,
        [*arguments, dq, dk, dv, cells, more, rows, 2, int(cut.queries * cut.blocks >= _MANY_QUERIES)],
        cells=heads * cells,
        work=max(1, work),
    )
    if more is not None:
        slots = [dq, more, dq.size, cells - 1]
        lowering.launch(_GATHER, query.dtype, slots, cells=-(-dq.size // 4096), work=0.2 * more.size)


def lower_scores_backward(
    lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand], *, causal: bool, scale: float
) -> None:
    query, key, value = inputs[1:4]
    arguments = _slopes(lowering, inputs, causal=causal, scale=scale)
    lowering.launch(
        Kernel("attention_gradient", "gradient_scores"),
        query.dtype,
        [*arguments, outputs[0]],
        cells=_matrices(key) * _cut(query, key).blocks if query.size else 0,
        work=_work(query, key, value.shape[-1], 1, causal),
    )
