"""How attention lowers to launches of ``_kernels/attention.py`` and ``_kernels/attention_gradient.py``.

Letters: T queries, S keys, D their features, E features of a value; q k v the inputs, g the gradient of the result,
c the log-sum-exp of the rows of scores, y the result. Only the transposed copies and a block of weights for each
worker are kept beside inputs and outputs, so memory grows with T + S, not with T S.
"""

import math
from typing import Any

from .._kernels import Kernel
from ..ops import Lowering, Operand, Spec
from ._door import BOOL
from ._lowering import collapse, strides_in

_QUERIES, _KEYS = 64, 256  # most queries and keys in a block; the kernels' stack arrays have these sizes
_ENOUGH_CELLS = 16  # blocks of queries are made smaller until there are so many of them
_FEW_QUERIES = 4  # so many read the keys as they are: transposing them would cost more than it gains
_PACK, _INNER, _PRODUCT = (
    Kernel("attention", "pack"),
    Kernel("attention_gradient", "inner"),
    Kernel("attention", "product"),
)


def weights_spec(query: Spec, key: Spec) -> Spec:
    """Shape and dtype of the weights (..., T, S)."""
    return Spec((*query.shape[:-1], key.shape[-2]), query.dtype)


def group_size(query: Any, key: Any) -> int:
    """How many heads of queries share one of keys."""
    return query.shape[-3] // key.shape[-3] if len(query.shape) > 2 and key.shape[-3] else 1


def _matrices(x: Operand) -> int:
    return math.prod(x.shape[:-2])


def _blocks(query: Operand, key: Operand) -> tuple[int, int]:
    """Queries and keys in a block."""
    queries, matrices, length = _QUERIES, _matrices(query), query.shape[-2]
    while matrices * -(-length // queries) < _ENOUGH_CELLS and queries > 16:
        queries //= 2
    return queries, min(_KEYS, -(-max(1, key.shape[-2]) // 16) * 16)


def _packed(lowering: Lowering, x: Operand, in_block: int) -> Operand:
    """Each block of rows of each matrix transposed."""
    rows, columns = x.shape[-2:]
    blocks = _matrices(x) * -(-rows // in_block)
    y = lowering.scratch((blocks, columns, in_block), x.dtype)
    lowering.launch(_PACK, x.dtype, [y, x, rows, columns, in_block], cells=blocks, work=0.3 * x.size)
    return y


def _scores(
    lowering: Lowering,
    query: Operand,
    key: Operand,
    packed: Operand | None,
    size: int,
    mask: Operand | None,
    scale: float,
    causal: bool,
    buffers: int,
) -> list[Any]:
    """The slots that all kernels share; ``buffers`` blocks of scratch for each worker."""
    length, features = query.shape[-2:]
    keys = key.shape[-2]
    queries, in_block = _blocks(query, key)
    kind, outer, tables, steps = 0, 0, [None, None], [0, 0]
    if mask is not None:
        kind = 1 if mask.dtype == BOOL else 2
        *steps_outer, row, column = strides_in(mask.shape, (*query.shape[:-1], keys))
        sizes, (strides,) = collapse(query.shape[:-2], [steps_outer])
        outer, steps = len(sizes), [row, column]
        tables = [lowering.constant(sizes), lowering.constant(strides)]  # type: ignore[list-item]
    place, stride = lowering.worker_scratch(buffers * queries * in_block, query.dtype)
    sharing = group_size(query, key)
    return [
        *(query, packed, mask, length, keys, features, size, sharing, float(scale), int(causal), kind),
        *(outer, *tables, *steps, queries, in_block, place, stride),
        _PRODUCT.address(query.dtype.name),
    ]


def _work(query: Operand, key: Operand, size: int, products: float, causal: bool) -> float:
    """Nanoseconds for so many products of queries by keys by features."""
    pairs = math.prod(query.shape[:-1]) * key.shape[-2] * (0.5 if causal else 1.0)
    return pairs * (0.5 + products * (query.shape[-1] + size) * 0.01 * query.dtype.itemsize / 4)


def _cells(query: Operand, queries: int) -> int:
    return _matrices(query) * -(-query.shape[-2] // queries)


def lower_forward(
    lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand, Operand], *, causal: bool, scale: float
) -> None:
    (query, key, value, mask), (y, c) = inputs, outputs
    queries, in_block = _blocks(query, key)
    direct = query.shape[-2] <= _FEW_QUERIES
    size = value.shape[-1]
    packed = None if direct else _packed(lowering, key, in_block)
    arguments = _scores(lowering, query, key, packed, size, mask, scale, causal, 1)
    lowering.launch(
        Kernel("attention", "forward"),
        query.dtype,
        [*arguments, y, c, value, key, int(direct)],
        cells=_cells(query, queries),
        work=_work(query, key, size, 1, causal),
    )


def _slopes(
    lowering: Lowering, inputs: tuple[Any, ...], *, causal: bool, scale: float
) -> tuple[list[Any], int, int, float]:
    """The slots that the backward kernels share, the cells by queries and by keys, and the work of one product."""
    grad, query, key, value, mask, y, c = inputs
    queries, in_block = _blocks(query, key)
    size, rows = value.shape[-1], math.prod(query.shape[:-1])
    h = None
    if key.shape[-2] > in_block:  # else the kernels find it in the block
        h = lowering.scratch(c.shape, query.dtype)
        lowering.launch(_INNER, query.dtype, [h, grad, y, rows, size], cells=-(-rows // 64), work=0.2 * y.size)
    packed = [_packed(lowering, x, in_block) for x in (key, value)]
    arguments = _scores(lowering, query, key, packed[0], size, mask, scale, causal, 2)
    by_keys = _matrices(key) * -(-key.shape[-2] // in_block)
    work = _work(query, key, size, 1, causal)
    return [*arguments, c, h, grad, packed[1]], _cells(query, queries), by_keys, work


def lower_backward(
    lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand, ...], *, causal: bool, scale: float
) -> None:
    dq, dk, dv = outputs
    query, key = inputs[1:3]
    arguments, by_queries, by_keys, work = _slopes(lowering, inputs, causal=causal, scale=scale)
    first, second = Kernel("attention_gradient", "gradient_queries"), Kernel("attention_gradient", "gradient_keys")
    lowering.launch(first, query.dtype, [*arguments, dq, key], cells=by_queries, work=1.5 * work)
    lowering.launch(second, query.dtype, [*arguments, dk, dv], cells=by_keys, work=2 * work)


def lower_scores_backward(
    lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand], *, causal: bool, scale: float
) -> None:
    arguments, by_queries, _, work = _slopes(lowering, inputs, causal=causal, scale=scale)
    kernel = Kernel("attention_gradient", "gradient_scores")
    lowering.launch(kernel, inputs[1].dtype, [*arguments, outputs[0]], cells=by_queries, work=work)
