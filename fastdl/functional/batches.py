"""What a training plan does around the network: fetch the next batch, count steps, keep running totals of metrics.

These are parts of the house, not ops: callers answer for their arguments, and nothing has a gradient. Counters and
totals are arrays of shape (), int64 and float64, which a plan updates where they stand.
"""

import math
from typing import Any

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Spec
from ._door import BOOL, FLOATS, INT64
from ._lowering import cells

_FLOAT64 = np.dtype(np.float64)
_CELL_BYTES = 16384


def _infer_gather(data: Spec, order: Spec, position: Spec, batch: int, dtype: np.dtype[Any]) -> tuple[Spec]:
    simple = data.dtype == BOOL or data.dtype in FLOATS or data.dtype.kind in "iu"
    kept = data.dtype == dtype or dtype in FLOATS or (dtype == INT64 and data.dtype.kind in "iu")
    if not (simple and kept):
        raise TypeError(f"gather_batch: data has dtype {data.dtype}, which is not fetched as {dtype}")
    return (Spec((batch, *data.shape[1:]), dtype),)


def _lower_gather(
    lowering: Lowering,
    inputs: tuple[Operand, Operand, Operand],
    outputs: tuple[Operand],
    batch: int,
    dtype: np.dtype[Any],
) -> None:
    (data, order, position), (y,) = inputs, outputs
    row = math.prod(y.shape[1:])
    cell_rows = max(1, _CELL_BYTES // max(1, row * y.dtype.itemsize))
    arguments: list[Any] = [y, data, order, position, batch, row, cell_rows]
    work = 0.4 * y.size + 2 * batch  # rows come from anywhere: to copy those of a table in the cache takes half of it
    lowering.launch(
        Kernel("batches", "gather_rows"), [y.dtype, data.dtype], arguments, cells=-(-batch // cell_rows), work=work
    )


_gather = Primitive("gather_batch", _infer_gather, _lower_gather)


def gather_batch(data: Any, order: Any, position: Any, *, batch: int, dtype: np.dtype[Any]) -> Any:
    """y[i] = data[order[position + i]] for ``batch`` rows, converted to ``dtype``: to floats, or integers to int64.

    The caller answers for position + batch <= len(order) and for the rows named in ``order``.
    """
    return _gather(data, order, position, batch=batch, dtype=np.dtype(dtype))[0]


def _infer_sparse(
    data: Spec, columns: Spec, starts: Spec, order: Spec, position: Spec, batch: int, features: int, dtype: Any
) -> tuple[Spec]:
    return (Spec((batch, features), dtype),)


def _lower_sparse(
    lowering: Lowering,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand],
    batch: int,
    features: int,
    dtype: np.dtype[Any],
) -> None:
    (data, *_), (y,) = inputs, outputs
    arguments: list[Any] = [y, *inputs, features]
    kernel = Kernel("batches", "gather_sparse_rows")
    lowering.launch(kernel, [y.dtype, data.dtype], arguments, cells=batch, work=0.05 * y.size + 20 * batch)


_gather_sparse = Primitive("gather_sparse", _infer_sparse, _lower_sparse)


def gather_sparse(
    data: Any, columns: Any, starts: Any, order: Any, position: Any, *, batch: int, features: int, dtype: np.dtype[Any]
) -> Any:
    """Rows order[position + i], with their zeros, of a matrix in compressed sparse rows: row r holds data[k] in column
    columns[k] (int32) for starts[r] <= k < starts[r + 1]. ``dtype`` is float32 or float64.

    The caller answers for all of these being in range.
    """
    inputs = data, columns, starts, order, position
    return _gather_sparse(*inputs, batch=batch, features=features, dtype=np.dtype(dtype))[0]


def _lower_advance(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], by: int) -> None:
    lowering.launch(Kernel("batches", "advance"), INT64, [*outputs, *inputs, by], cells=1, work=1)


_advance = Primitive("advance", lambda counter, by: (counter,), _lower_advance, in_place=((0, 0),))


def advance(counter: Any, *, by: int) -> Any:
    """counter + by."""
    return _advance(counter, by=by)[0]


_COUNTERS = 4  # at most, in one tally


def _infer_tally(total: Spec, value: Spec, *counters: Spec | None, weight: float, by: tuple[int, ...]) -> Any:
    if value.size != 1:
        raise ValueError(f"tally: value is {value.shape}; expected a single number")
    return (total, *(c for c in counters if c is not None))


def _lower_tally(
    lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand, ...], weight: float, by: tuple[int, ...]
) -> None:
    (total, value, *counters), (y, *ends) = inputs, outputs
    arguments: list[Any] = [y, total, value, weight, len(by)]
    for end, counter, step in zip(ends, counters, by, strict=False):
        arguments += [end, counter, step]
    lowering.launch(Kernel("batches", "tally"), [_FLOAT64, value.dtype], arguments, cells=1, work=1)


_tally = Primitive("tally", _infer_tally, _lower_tally, in_place=((0, 0), *((1 + i, 2 + i) for i in range(_COUNTERS))))


def tally(total: Any, value: Any, *counters: Any, weight: float, by: tuple[int, ...]) -> tuple[Any, ...]:
    """What ends a step, in one launch: (total + weight value, and each of up to four counters + what ``by`` says).

    The total is float64; value is one float32 or float64 number.
    """
    rest = [None] * (_COUNTERS - len(counters))
    return _tally(total, value, *counters, *rest, weight=float(weight), by=by)


def _infer_count(total: Spec, scores: Spec, target: Spec) -> tuple[Spec]:
    if target.dtype == INT64:
        fits = len(scores.shape) >= 2 and scores.shape[1] > 0 and target.shape == scores.shape[:1] + scores.shape[2:]
    else:
        fits = scores.size == target.size
    if not fits:
        raise ValueError(f"count_correct: scores are {scores.shape}, target is {target.shape}; they must agree")
    return (total,)


def _lower_count(lowering: Lowering, inputs: tuple[Operand, Operand, Operand], outputs: tuple[Operand]) -> None:
    (total, scores, target), (y,) = inputs, outputs
    if target.dtype == INT64:
        classes = scores.shape[1]
        in_cell = max(1, 4096 // classes)
        kernel, dtypes = Kernel("batches", "count_classes"), [scores.dtype]
        last = [target.size, classes, math.prod(scores.shape[2:]), in_cell]
        count = -(-target.size // in_cell)
    else:
        kernel, dtypes = Kernel("batches", "count_signs"), [scores.dtype, target.dtype]
        last, count = [target.size], cells(target.size)
    count = max(1, count)
    partial = lowering.scratch((count,), _FLOAT64) if count > 1 else None
    totals = [y, total, partial, count]
    lowering.launch(kernel, dtypes, [*totals, scores, target, *last], cells=count, work=scores.size)
    if partial is not None:
        lowering.launch(Kernel("batches", "add_counts"), _FLOAT64, totals, cells=1, work=count)


_count_correct = Primitive("count_correct", _infer_count, _lower_count, in_place=((0, 0),))


def count_correct(total: Any, scores: Any, target: Any) -> Any:
    """total + how many predictions are right.

    With int64 targets (N, ...) and scores (N, C, ...) the prediction is the argmax over C. With float targets, as many
    as there are scores, it is score > 0 where the target is > 0.5.
    """
    return _count_correct(total, scores, target)[0]
