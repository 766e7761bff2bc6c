"""Numbers that lie two apart: every second one of two vectors, and back."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import Vector, ir_vector, load_vector, store_vector

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)


def _chosen(builder: Any, a: Any, b: Any, lanes: list[int]) -> Any:
    """Lanes of a, and, counted on, of b."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT32, len(lanes)), lanes))


@intrinsic  # type: ignore[untyped-decorator]
def evens(typing_context: Any, place: Any) -> Any:
    """Every second element from ``place`` on; two vectors are read."""
    kind = ir_vector(place.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        behind = builder.gep(values[0], [ir.Constant(_INT64, kind.count)])
        low, high = (load_vector(builder, kind, start) for start in (values[0], behind))
        return _chosen(builder, low, high, list(range(0, 2 * kind.count, 2)))

    return Vector(place.dtype)(place), codegen


@intrinsic  # type: ignore[untyped-decorator]
def put_pairs(typing_context: Any, place: Any, even: Any, odd: Any) -> Any:
    """The elements of both in turns; two vectors are written."""
    kind = ir_vector(place.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        turns = [k // 2 + k % 2 * kind.count for k in range(2 * kind.count)]
        for half in range(2):
            lanes = turns[half * kind.count : (half + 1) * kind.count]
            start = builder.gep(values[0], [ir.Constant(_INT64, half * kind.count)])
            store_vector(builder, _chosen(builder, values[1], values[2], lanes), start)
        return context.get_dummy_value()

    return types.void(place, even, odd), codegen
