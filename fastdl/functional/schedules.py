"""The learning rate at a step, from a table of pieces: what lets it change inside a running plan.

A part of the house, not an op: ``optim`` makes the tables. A piece is (start, length, a, b, kind), with
u = (step - start) / length: LINEAR and COSINE go from a at u = 0 to b at u = 1 and stay there, STAIRCASE is
a b^floor(u). The piece that counts is the last one that has begun.
"""

from typing import Any, NamedTuple

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Spec

LINEAR, COSINE, STAIRCASE = 0.0, 1.0, 2.0
_FLOAT64 = np.dtype(np.float64)


class Piece(NamedTuple):
    """A part of a schedule: see the head of the file."""

    start: float
    length: float
    a: float
    b: float
    kind: float


def _lower(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], pieces: tuple[tuple[float, ...], ...]
) -> None:
    table = lowering.constant(np.asarray(pieces, _FLOAT64).ravel().view(np.int64).tolist())
    lowering.launch(Kernel("updates", "schedule"), _FLOAT64, [*outputs, *inputs, table, len(pieces)], cells=1, work=20)


_rate = Primitive("scheduled_rate", lambda step, pieces: (Spec((), _FLOAT64),), _lower)


def scheduled_rate(step: Any, pieces: tuple[Piece, ...]) -> Any:
    """The rate, float64 of shape (), at ``step``, int64 of shape (). The caller answers for the table."""
    return _rate(step, pieces=tuple(map(tuple, pieces)))[0]
