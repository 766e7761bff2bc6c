"""Numbers that lie two apart: every second one of a row as a vector, and back; for convolutions with a stride."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import Vector, ir_vector, load_vector, store_first, store_vector

_INT32, _INT64, _BIT = ir.IntType(32), ir.IntType(64), ir.IntType(1)


def _lanes(numbers: list[int]) -> Any:
    return ir.Constant(ir.VectorType(_INT32, len(numbers)), numbers)


@intrinsic  # type: ignore[untyped-decorator]
def every_second(typing_context: Any, place: Any) -> Any:
    """The vector of place[0], place[2], ...; no memory behind the last of them is read."""
    vector = ir_vector(place.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count = vector.count
        low = load_vector(builder, vector, values[0])
        # One place earlier than where the first vector ends, so that it ends with the last number.
        high = load_vector(builder, vector, builder.gep(values[0], [ir.Constant(_INT32, count - 1)]))
        return builder.shuffle_vector(low, high, _lanes([*range(0, count, 2), *range(count + 1, 2 * count, 2)]))

    return Vector(place.dtype)(place), codegen


@intrinsic  # type: ignore[untyped-decorator]
def put_every_second(typing_context: Any, place: Any, value: Any) -> Any:
    """Put a vector at place[0], place[2], ...; the numbers between them are left alone."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector = values[1].type
        count = vector.count
        mask_type = ir.VectorType(_BIT, count)
        mask = ir.Constant(mask_type, [lane % 2 == 0 for lane in range(count)])
        undefined = ir.Constant(vector, ir.Undefined)
        for half in range(2):
            spaced = _lanes([half * count // 2 + lane // 2 for lane in range(count)])
            part = builder.shuffle_vector(values[1], undefined, spaced)
            here = builder.gep(values[0], [ir.Constant(_INT32, half * count)])
            store_first(builder, part, here, mask)
        return context.get_dummy_value()

    return types.void(place, value), codegen


@intrinsic  # type: ignore[untyped-decorator]
def put_pairs(typing_context: Any, place: Any, even: Any, odd: Any) -> Any:
    """The elements of both in turns; two vectors are written."""
    kind = ir_vector(place.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        turns = [k // 2 + k % 2 * kind.count for k in range(2 * kind.count)]
        for half in range(2):
            lanes = turns[half * kind.count : (half + 1) * kind.count]
            start = builder.gep(values[0], [ir.Constant(_INT64, half * kind.count)])
            store_vector(builder, builder.shuffle_vector(values[1], values[2], _lanes(lanes)), start)
        return context.get_dummy_value()

    return types.void(place, even, odd), codegen


def _of_pair(lanes: Any) -> Any:
    """A word for a shuffle of two vectors; ``lanes``: which are taken, from the number of lanes of one."""

    def typed(typing_context: Any, low: Any, high: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.shuffle_vector(*values, _lanes(lanes(values[0].type.count)))

        return low(low, high), codegen

    return intrinsic(typed)


evens = _of_pair(lambda n: list(range(0, 2 * n, 2)))  # of the 2 L numbers low, high: those at 0, 2, ...
odds = _of_pair(lambda n: list(range(1, 2 * n, 2)))
in_turns_low = _of_pair(
    lambda n: [k // 2 + k % 2 * n for k in range(n)]
)  # the opposite, from even and odd: the first L
in_turns_high = _of_pair(lambda n: [k // 2 + k % 2 * n for k in range(n, 2 * n)])  # and the others
