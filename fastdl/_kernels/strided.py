"""Words for rows that convolutions move: every second number as a vector, and fetching ahead what will be used."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .vectors import Vector, ir_vector, load_vector, suffix

_INT32, _BIT = ir.IntType(32), ir.IntType(1)


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
        arguments = [vector, vector.as_pointer(), _INT32, mask_type]
        name = f"llvm.masked.store.{suffix(vector)}.p0"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), arguments), name)
        align = ir.Constant(_INT32, 4 if isinstance(vector.element, ir.FloatType) else 8)
        mask = ir.Constant(mask_type, [lane % 2 == 0 for lane in range(count)])
        undefined = ir.Constant(vector, ir.Undefined)
        for half in range(2):
            spaced = _lanes([half * count // 2 + lane // 2 for lane in range(count)])
            part = builder.shuffle_vector(values[1], undefined, spaced)
            here = builder.gep(values[0], [ir.Constant(_INT32, half * count)])
            builder.call(function, [part, builder.bitcast(here, vector.as_pointer()), align, mask])
        return context.get_dummy_value()

    return types.void(place, value), codegen


def _prefetch(write: int, locality: int) -> Any:
    def typed(typing_context: Any, place: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            byte = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [byte, _INT32, _INT32, _INT32])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            data = 1
            options = [ir.Constant(_INT32, value) for value in (write, locality, data)]
            builder.call(function, [builder.bitcast(values[0], byte), *options])
            return context.get_dummy_value()

        return types.void(place), codegen

    return intrinsic(typed)


# Begin to fetch the line of the cache at a place: one that will be written, or one that will be read, into the second
# cache. The place may lie anywhere, also outside of all memory.
fetch_to_write, fetch_to_read = _prefetch(1, 3), _prefetch(0, 2)
