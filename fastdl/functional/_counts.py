"""How many operations the ops made of products take, multiplications and additions counted apiece.

The one place for it: ``fastdl.explain`` and the benchmark read it. What counts is the formula, term by term, whatever
an algorithm saves of it; terms that a border or a mask leaves out are counted, those above the diagonal are not.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..ops import Shape, Spec


def product(rows: int, columns: int, depth: int) -> float:
    """Of a matrix product, or of as many sums of ``depth`` products as ``rows`` times ``columns``."""
    return 2.0 * rows * columns * depth


def correlation(outputs: int, kernel: Shape) -> float:
    """Of a convolution with so many numbers as a result, each a sum over a kernel (C, U, V)."""
    return product(outputs, 1, math.prod(kernel))


def attention(rows: int, keys: int, widths: int, causal: bool) -> float:
    """Of products between ``rows`` queries and the keys; ``widths``: the length of their sums, added up."""
    return product(rows, keys, widths) / (2 if causal else 1)


def _attention(scores: int, values: int) -> Callable[..., float]:
    """So many products with the width of a key, and so many with that of a value."""

    def count(query: Spec, key: Spec, value: Spec, causal: bool) -> float:
        rows, widths = math.prod(query.shape[:-1]), scores * query.shape[-1] + values * value.shape[-1]
        return attention(rows, key.shape[-2], widths, causal)

    return count


def _recurrent(gates: Spec, weight: Spec) -> float:
    """Of a walk over all steps, with a product of the recurrent weight at each, forward or backward."""
    return product(1, gates.size, weight.shape[1])


_Specs = Sequence[Any]
_COUNTS: Mapping[str, Callable[[_Specs, _Specs, Mapping[str, Any]], float]] = {
    "matmul": lambda x, y, o: product(1, y[0].size, x[0].shape[-2 if o.get("transpose_a") else -1]),
    "dense": lambda x, y, o: product(1, y[0].size, x[1].shape[1]),
    "conv2d": lambda x, y, o: correlation(y[0].size, x[1].shape[1:]),
    "conv2d_input_grad": lambda x, y, o: correlation(x[0].size, x[1].shape[1:]),
    "conv2d_weight_grad": lambda x, y, o: correlation(x[0].size, y[0].shape[1:]),
    "attention": lambda x, y, o: _attention(1, 1)(*x[:3], o["causal"]),
    "attention_grad": lambda x, y, o: _attention(3, 2)(*x[1:4], o["causal"]),
    "attention_scores_grad": lambda x, y, o: _attention(1, 1)(*x[1:4], o["causal"]),
    "filter2d": lambda x, y, o: correlation(y[0].size, x[1].shape),
    "filter2d_image_grad": lambda x, y, o: correlation(x[0].size, x[1].shape),
    **{f"{kind}_sequence": lambda x, y, o: _recurrent(x[0], x[2]) for kind in ("rnn", "gru")},
    "lstm_sequence": lambda x, y, o: _recurrent(x[0], x[3]),
    **{f"{kind}_sequence_grad": lambda x, y, o: _recurrent(y[0], x[-1]) for kind in ("rnn", "gru", "lstm")},
    "filter2d_kernel_grad": lambda x, y, o: correlation(x[0].size, y[0].shape),
}


def operations(primitive: str, inputs: _Specs, outputs: _Specs, attrs: Mapping[str, Any]) -> float:
    """Of a primitive on operands of these shapes; 0 for what is not made of products and waits for memory."""
    count = _COUNTS.get(primitive)
    return count(inputs, outputs, attrs) if count is not None else 0.0
