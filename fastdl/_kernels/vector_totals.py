"""Sums over the lanes of as many vectors as a vector has lanes, at once: a third of the instructions of one by one."""

from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

from .vectors import Vector, ir_vector, load_vector

_INT32 = ir.IntType(32)


def _merged(builder: Any, upper: Any, lower: Any, step: int) -> Any:
    """Sums of neighbours: of ``upper`` in the lanes whose bit ``step`` is 0, in the others of ``lower``."""
    count = upper.type.count
    places = ir.VectorType(_INT32, count)
    low = [lane if lane & step == 0 else lane - step + count for lane in range(count)]
    high = [lane + step if lane & step == 0 else lane + count for lane in range(count)]
    return builder.fadd(
        builder.shuffle_vector(upper, lower, ir.Constant(places, low)),
        builder.shuffle_vector(upper, lower, ir.Constant(places, high)),
    )


@intrinsic  # type: ignore[untyped-decorator]
def totals(typing_context: Any, place: Any) -> Any:
    """A vector of the totals of the vectors that lie one after another from ``place`` on, a lane for each."""
    vector = ir_vector(place.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count = vector.count
        rows = [
            load_vector(builder, vector, builder.gep(values[0], [ir.Constant(_INT32, i * count)])) for i in range(count)
        ]
        step = 1
        while len(rows) > 1:
            rows = [_merged(builder, rows[i], rows[i + 1], step) for i in range(0, len(rows), 2)]
            step *= 2
        return rows[0]

    return Vector(place.dtype)(place), codegen
