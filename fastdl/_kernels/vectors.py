"""Vectors of the machine's width as values: what LLVM would not make of a plain loop is written with these words.

A ``Vector`` is one register of numbers of a kernel's type: 16 float32 with AVX-512, 8 with AVX2, 4 with SSE and NEON.
The words: ``load``, ``store``; ``first`` and ``put_first`` (the first n lanes: the end of a row); ``stream`` (a store
past the cache, for results that are larger than it); ``spread`` (one number in all lanes); ``fma`` (a b + c);
``larger``, ``smaller``, ``where_equal``, ``where_at_most``; ``total``, ``largest`` (over the lanes, in a fixed order);
``transpose``; + - * / between vectors. Pointers need the alignment of their elements only, but for ``stream``.

What a vector does is the same in every lane and in every position, so the bits of a result do not depend on where a
loop's vector part ends.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from .compiler import INLINE_OPTIONS
from .machine import lanes

_INT32, _INT64, _BIT = ir.IntType(32), ir.IntType(64), ir.IntType(1)


class Vector(types.Type):  # type: ignore[misc]
    """The type of so many registers full of ``element``: one, or the several of ``vector_groups.py``."""

    def __init__(self, element: Any, registers: int = 1) -> None:
        self.element = element
        self.registers = registers
        super().__init__(name=f"fastdl.Vector({element}, {registers})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, ir_vector(vector.element, vector.registers))


def ir_vector(element: Any, registers: int = 1) -> Any:
    """LLVM's type of a vector of ``element``."""
    scalar = ir.FloatType() if element == types.float32 else ir.DoubleType()
    return ir.VectorType(scalar, registers * lanes(element.bitwidth // 8))


def suffix(vector: Any) -> str:
    """How LLVM's intrinsics name the type of a vector: v16f32."""
    return f"v{vector.count}f{32 if isinstance(vector.element, ir.FloatType) else 64}"


def splat(builder: Any, vector: Any, scalar: Any) -> Any:
    """``scalar`` in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(_INT32, vector.count), [0] * vector.count))


def load_vector(builder: Any, vector: Any, place: Any) -> Any:
    """The vector at ``place``, aligned as its elements are."""
    value = builder.load(builder.bitcast(place, vector.as_pointer()))
    value.align = 4 if isinstance(vector.element, ir.FloatType) else 8
    return value


def store_vector(builder: Any, value: Any, place: Any) -> Any:
    """The opposite of :func:`load_vector`; the instruction."""
    stored = builder.store(value, builder.bitcast(place, value.type.as_pointer()))
    stored.align = 4 if isinstance(value.type.element, ir.FloatType) else 8
    return stored


def stream_vector(builder: Any, value: Any, place: Any) -> None:
    """As :func:`store_vector`, past the cache; ``place`` is a multiple of a register's size."""
    stored = store_vector(builder, value, place)
    stored.align *= min(value.type.count, lanes(stored.align))
    stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(_INT32, 1)]))


def lane_mask(builder: Any, vector: Any, count: Any) -> Any:
    """Which lanes are among the first ``count``."""
    kind = ir.VectorType(_INT32, vector.count)
    numbers = ir.Constant(kind, list(range(vector.count)))
    return builder.icmp_signed("<", numbers, splat(builder, kind, builder.trunc(count, _INT32)))


def load_first(builder: Any, vector: Any, place: Any, mask: Any) -> Any:
    """The lanes of ``mask``, zeros in the others; memory of the others is not touched."""
    pointer, mask_type = vector.as_pointer(), ir.VectorType(_BIT, vector.count)
    signature = ir.FunctionType(vector, [pointer, _INT32, mask_type, vector])
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.masked.load.{suffix(vector)}.p0")
    align = ir.Constant(_INT32, 4 if isinstance(vector.element, ir.FloatType) else 8)
    zeros = ir.Constant(vector, [0.0] * vector.count)
    return builder.call(function, [builder.bitcast(place, pointer), align, mask, zeros])


def store_first(builder: Any, value: Any, place: Any, mask: Any) -> None:
    """The opposite of :func:`load_first`."""
    vector = value.type
    pointer, mask_type = vector.as_pointer(), ir.VectorType(_BIT, vector.count)
    signature = ir.FunctionType(ir.VoidType(), [vector, pointer, _INT32, mask_type])
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.masked.store.{suffix(vector)}.p0")
    align = ir.Constant(_INT32, 4 if isinstance(vector.element, ir.FloatType) else 8)
    builder.call(function, [value, builder.bitcast(place, pointer), align, mask])


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c: one instruction where there is one (``llvm.fma`` would be a slow call where there is none)."""
    name = f"llvm.fmuladd.{suffix(a.type)}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(a.type, [a.type] * 3), name)
    return builder.call(function, [a, b, c])


@intrinsic  # type: ignore[untyped-decorator]
def width(typing_context: Any, like: Any) -> Any:
    """Lanes of a vector of what ``like`` points at: a constant to the compiler."""
    count = lanes(like.dtype.bitwidth // 8)
    return types.intp(like), lambda context, builder, signature, values: ir.Constant(_INT64, count)


@intrinsic  # type: ignore[untyped-decorator]
def load(typing_context: Any, place: Any) -> Any:
    """The vector that starts at ``place``."""
    vector = ir_vector(place.dtype)
    return (
        Vector(place.dtype)(place),
        lambda context, builder, signature, values: load_vector(builder, vector, values[0]),
    )


@intrinsic  # type: ignore[untyped-decorator]
def first(typing_context: Any, place: Any, count: Any) -> Any:
    """The first ``count`` lanes of the vector at ``place``, zeros behind them; no memory behind them is read."""
    vector = ir_vector(place.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return load_first(builder, vector, values[0], lane_mask(builder, vector, values[1]))

    return Vector(place.dtype)(place, types.intp), codegen


@intrinsic  # type: ignore[untyped-decorator]
def store(typing_context: Any, place: Any, value: Any) -> Any:
    """Put a vector at ``place``."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        store_vector(builder, values[1], values[0])
        return context.get_dummy_value()

    return types.void(place, value), codegen


@intrinsic  # type: ignore[untyped-decorator]
def put_first(typing_context: Any, place: Any, value: Any, count: Any) -> Any:
    """Put the first ``count`` lanes at ``place``; memory behind them is left alone."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        store_first(builder, values[1], values[0], lane_mask(builder, values[1].type, values[2]))
        return context.get_dummy_value()

    return types.void(place, value, types.intp), codegen


@intrinsic  # type: ignore[untyped-decorator]
def stream(typing_context: Any, place: Any, value: Any) -> Any:
    """Put a vector at ``place``, a multiple of its size, past the cache (a non-temporal store)."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        stream_vector(builder, values[1], values[0])
        return context.get_dummy_value()

    return types.void(place, value), codegen


@intrinsic  # type: ignore[untyped-decorator]
def fence(typing_context: Any) -> Any:
    """Wait until what was streamed is visible to all cores: once after the last :func:`stream` of a cell."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic  # type: ignore[untyped-decorator]
def spread(typing_context: Any, number: Any) -> Any:
    """The vector with ``number`` in every lane."""
    vector = ir_vector(number)
    return Vector(number)(number), lambda context, builder, signature, values: splat(builder, vector, values[0])


@intrinsic  # type: ignore[untyped-decorator]
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once where the machine can."""
    return a(a, b, c), lambda context, builder, signature, values: multiply_add(builder, *values)


def _chosen(comparison: str) -> Any:
    def typed(typing_context: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            a_wins = builder.fcmp_ordered(comparison, values[0], values[1])
            return builder.select(a_wins, values[0], values[1])

        return a(a, b), codegen

    return typed


larger = intrinsic(_chosen(">"))  # a where a > b, else b: b also where either is NaN
smaller = intrinsic(_chosen("<"))  # a where a < b, else b


@intrinsic  # type: ignore[untyped-decorator]
def rounded(typing_context: Any, x: Any) -> Any:
    """x, which is not fused with what is done to it: a b - c is not what is left of c = a b rounded, with ``fma``."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = values[0].type
        name = f"llvm.arithmetic.fence.{suffix(kind)}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name)
        return builder.call(function, [values[0]])

    return x(x), codegen


def _where(comparison: str) -> Any:
    def typed(typing_context: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.select(builder.fcmp_ordered(comparison, values[0], values[1]), values[2], values[3])

        return a(a, a, a, a), codegen

    return intrinsic(typed)


where_equal = _where("==")  # (a, b, then, otherwise): ``otherwise`` also in the lanes where a or b is NaN
where_at_most = _where("<=")


def _halving(step: Any) -> Any:
    """Over the lanes: the upper half to the lower, until one is left."""

    def typed(typing_context: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            vector, count = values[0], values[0].type.count
            while count > 1:
                count //= 2
                undefined = ir.Constant(vector.type, ir.Undefined)
                places = ir.VectorType(_INT32, count)
                low = builder.shuffle_vector(vector, undefined, ir.Constant(places, list(range(count))))
                high = builder.shuffle_vector(vector, undefined, ir.Constant(places, list(range(count, 2 * count))))
                vector = step(builder, low, high)
            return builder.extract_element(vector, ir.Constant(_INT32, 0))

        return value.element(value), codegen

    return typed


total = intrinsic(_halving(lambda builder, low, high: builder.fadd(low, high)))  # sum of the lanes
largest = intrinsic(
    _halving(lambda builder, low, high: builder.select(builder.fcmp_ordered(">", low, high), low, high))
)  # of the lanes; a NaN may be passed over


def _arithmetic(name: str) -> Any:
    def typed(typing_context: Any, a: Any, b: Any) -> Any:
        return a(a, b), lambda context, builder, signature, values: getattr(builder, name)(*values)

    return intrinsic(typed)


def _overload(symbol: Any, function: Any) -> None:
    @overload(symbol, jit_options=INLINE_OPTIONS, strict=False)
    def implementation(a, b):  # type: ignore[no-untyped-def]
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: function(a, b)
        return None


_overload(operator.add, _arithmetic("fadd"))
_overload(operator.sub, _arithmetic("fsub"))
_overload(operator.mul, _arithmetic("fmul"))
_overload(operator.truediv, _arithmetic("fdiv"))


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """The columns of a square of vectors: log2(lanes) rounds, each of which merges pairs of them."""
    count = len(rows)
    step = 1
    while step < count:
        merged = list(rows)
        places = ir.VectorType(_INT32, count)
        # Within blocks of 2 step lanes: the first half of the upper row with the first half of the lower, and so on.
        low = [lane if lane & step == 0 else lane - step + count for lane in range(count)]
        high = [lane + step if lane & step == 0 else lane + count for lane in range(count)]
        for i in range(count):
            if i & step == 0:
                upper, lower = rows[i], rows[i + step]
                merged[i] = builder.shuffle_vector(upper, lower, ir.Constant(places, low))
                merged[i + step] = builder.shuffle_vector(upper, lower, ir.Constant(places, high))
        rows = merged
        step *= 2
    return rows


@intrinsic  # type: ignore[untyped-decorator]
def transpose(typing_context: Any, target: Any, stride_target: Any, source: Any, stride_source: Any) -> Any:
    """A square block, as many rows as a vector has lanes: target[j, i] = source[i, j]; strides between rows."""
    vector = ir_vector(source.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target, stride_target, source, stride_source = values
        rows = []
        for _ in range(vector.count):
            rows.append(load_vector(builder, vector, source))
            source = builder.gep(source, [stride_source])
        for row in _transposed(builder, rows):
            store_vector(builder, row, target)
            target = builder.gep(target, [stride_target])
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp), codegen
