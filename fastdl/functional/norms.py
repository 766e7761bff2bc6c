"""The sum of squares that a gradient is clipped by: a part of the house, not an op."""

from typing import Any

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Spec
from . import comparisons, elementwise
from ._lowering import cells

_FLOAT64 = np.dtype(np.float64)


def _lower(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand]) -> None:
    (x,), (y,) = inputs, outputs
    count = cells(x.size)
    part = y if count == 1 else lowering.scratch((max(1, count),), _FLOAT64)
    lowering.launch(Kernel("norms", "squares"), x.dtype, [part, x, x.size], cells=count, work=0.3 * x.size)
    if count != 1:
        lowering.launch(Kernel("losses", "total"), _FLOAT64, [y, part, count, 1], cells=1, work=count)


def _vjp(grads: Any, inputs: Any, outputs: Any) -> tuple[Any]:
    # In the forward pass y = sum of x^2, so dx = 2 g x.
    (x,) = inputs
    return (elementwise.multiply(comparisons.astype(elementwise.multiply(grads[0], 2.0), x.dtype), x),)


_sum_of_squares = Primitive("sum_of_squares", lambda x: (Spec((), _FLOAT64),), _lower, _vjp)


def sum_of_squares(x: Any) -> Any:
    """sum of x^2 over all elements, float64 of shape (); x float32 or float64."""
    return _sum_of_squares(x)[0]
