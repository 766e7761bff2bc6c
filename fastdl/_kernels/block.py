"""The argument block as a Numba type, and the few words every kernel is written with.

A kernel is a serial function ``kernel(args, lo, hi, worker)``: it works on the cells ``lo..hi`` of its grid
and may use scratch slot ``worker``. ``args`` points at a block of 64-bit slots: pointers, integers and reals.
What a slot means is known to the kernel alone; which element types the pointers have is the block's type, so
one source serves float32 and float64.

All memory is reached through plain C pointers: ``x = pointer(args, 1)``; ``x[i]`` is neither bounds-checked
nor wrapped. Pointers are loaded from the block as pointers and never made from integers by arithmetic, which
LLVM can miscompile.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from .compiler import inline

INT64 = ir.IntType(64)


class Block(types.Type):  # type: ignore[misc]
    """Type of ``args``: a block whose j-th kind of pointer has elements of type ``dtypes[j]``."""

    def __init__(self, *dtypes: Any) -> None:
        self.dtypes = dtypes
        super().__init__(name=f"fastdl.Block({', '.join(map(str, dtypes))})")


@register_model(Block)
class _BlockModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, block: Block) -> None:
        super().__init__(manager, block, INT64.as_pointer())


def _slot(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Address of slot ``k`` (the second argument)."""
    index = context.cast(builder, values[1], signature.args[1], types.intp)
    return builder.gep(values[0], [index])


def _load_pointer(element: Any) -> Any:
    result = types.CPointer(element)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        slot = _slot(context, builder, signature, values)
        return builder.load(builder.bitcast(slot, context.get_value_type(result).as_pointer()))

    return result, codegen


@intrinsic  # type: ignore[untyped-decorator]
def pointer(typing_context: Any, args: Any, k: Any) -> Any:
    """Slot ``k`` as a pointer to elements of the kernel's (first) type."""
    result, codegen = _load_pointer(args.dtypes[0])
    return result(args, k), codegen


@intrinsic  # type: ignore[untyped-decorator]
def second(typing_context: Any, args: Any, k: Any) -> Any:
    """Slot ``k`` as a pointer to elements of the kernel's second type (conversions, mixed arguments)."""
    result, codegen = _load_pointer(args.dtypes[1])
    return result(args, k), codegen


@intrinsic  # type: ignore[untyped-decorator]
def integers(typing_context: Any, args: Any, k: Any) -> Any:
    """Slot ``k`` as a pointer to 64-bit integers."""
    result, codegen = _load_pointer(types.int64)
    return result(args, k), codegen


@intrinsic  # type: ignore[untyped-decorator]
def short_integers(typing_context: Any, args: Any, k: Any) -> Any:
    """Slot ``k`` as a pointer to 32-bit integers: the columns of a sparse matrix."""
    result, codegen = _load_pointer(types.int32)
    return result(args, k), codegen


@intrinsic  # type: ignore[untyped-decorator]
def flags(typing_context: Any, args: Any, k: Any) -> Any:
    """Slot ``k`` as a pointer to bytes: a boolean array, 0 or 1."""
    result, codegen = _load_pointer(types.uint8)
    return result(args, k), codegen


@intrinsic  # type: ignore[untyped-decorator]
def doubles(typing_context: Any, args: Any, k: Any) -> Any:
    """Slot ``k`` as a pointer to float64, whatever the kernel's type (running totals)."""
    result, codegen = _load_pointer(types.float64)
    return result(args, k), codegen


@intrinsic  # type: ignore[untyped-decorator]
def integer(typing_context: Any, args: Any, k: Any) -> Any:
    """Slot ``k`` as an integer."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_slot(context, builder, signature, values))

    return types.intp(args, k), codegen


@intrinsic  # type: ignore[untyped-decorator]
def real(typing_context: Any, args: Any, k: Any) -> Any:
    """Slot ``k``, which holds the bits of a float64, as a number of the kernel's type."""
    result = args.dtypes[0]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        slot = _slot(context, builder, signature, values)
        value = builder.load(builder.bitcast(slot, ir.DoubleType().as_pointer()))
        return context.cast(builder, value, types.float64, result)

    return result(args, k), codegen


@intrinsic  # type: ignore[untyped-decorator]
def number(typing_context: Any, args: Any, value: Any) -> Any:
    """``value`` as a number of the kernel's type: a float32 times a plain Python literal would be float64."""
    result = args.dtypes[0]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return context.cast(builder, values[1], signature.args[1], result)

    return result(args, value), codegen


def _alloca(element: Any, count: int) -> Any:
    result = types.CPointer(element)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        storage = ir.ArrayType(context.get_data_type(element), count)
        with builder.goto_entry_block():
            place = builder.alloca(storage)
            place.align = 64
        return builder.gep(place, [ir.Constant(ir.IntType(32), 0)] * 2)

    return result, codegen


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def stack(typing_context: Any, args: Any, count: Any) -> Any:
    """``count`` (a literal) elements of the kernel's type on the stack, aligned to 64 bytes.

    LLVM knows that such memory overlaps nothing else, so loops that accumulate into it are vectorised without
    run-time overlap checks: this is how plain loops reach a good share of the machine's peak.
    """
    result, codegen = _alloca(args.dtypes[0], count.literal_value)
    return result(args, count), codegen


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def stack_integers(typing_context: Any, args: Any, count: Any) -> Any:
    """``count`` (a literal) 64-bit integers on the stack."""
    result, codegen = _alloca(types.int64, count.literal_value)
    return result(args, count), codegen


@intrinsic  # type: ignore[untyped-decorator]
def address(typing_context: Any, base: Any) -> Any:
    """A pointer as an integer, to be passed on to another kernel in its block."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.ptrtoint(values[0], INT64)

    return types.intp(base), codegen


@intrinsic  # type: ignore[untyped-decorator]
def shift(typing_context: Any, base: Any, offset: Any) -> Any:
    """The pointer ``base + offset``, counted in elements."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        index = context.cast(builder, values[1], signature.args[1], types.intp)
        return builder.gep(values[0], [index])

    return base(base, offset), codegen


@intrinsic  # type: ignore[untyped-decorator]
def integers_at(typing_context: Any, place: Any) -> Any:
    """The integer ``place``, which came from outside as an address, as a pointer to 64-bit integers."""
    result = types.CPointer(types.int64)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], INT64.as_pointer())

    return result(types.intp), codegen


@intrinsic  # type: ignore[untyped-decorator]
def call(typing_context: Any, function: Any, block: Any, lo: Any, hi: Any, worker: Any) -> Any:
    """Call the kernel at address ``function``."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kernel = ir.FunctionType(ir.VoidType(), [INT64] * 4)
        builder.call(builder.inttoptr(values[0], kernel.as_pointer()), list(values[1:]))
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), codegen


@intrinsic  # type: ignore[untyped-decorator]
def call_parallel_for(
    typing_context: Any, function: Any, task: Any, args: Any, sizes: Any, strides: Any, data: Any, threads: Any
) -> Any:
    """Call Numba's ``parallel_for`` (the thread pool under ``prange``) at address ``function``.

    ``task(args, sizes, strides, data)`` is called once for each index below ``sizes[0]`` with ``args[0]``
    moved on by ``index * strides[0]`` bytes, in the manner of a NumPy generalised ufunc with one argument.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place, *rest, count = values
        parallel_for = ir.FunctionType(ir.VoidType(), [INT64] * 7 + [ir.IntType(32)])
        inner_dimensions, arrays = ir.Constant(INT64, 0), ir.Constant(INT64, 1)
        arguments = [*rest, inner_dimensions, arrays, builder.trunc(count, ir.IntType(32))]
        builder.call(builder.inttoptr(place, parallel_for.as_pointer()), arguments)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 7), codegen


def _bits(floating: Any, integral: Any, to_integer: bool) -> Any:
    source, target = (floating, integral) if to_integer else (integral, floating)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        value = context.cast(builder, values[0], signature.args[0], source)
        return builder.bitcast(value, context.get_value_type(target))

    return target, codegen


@intrinsic  # type: ignore[untyped-decorator]
def to_bits(typing_context: Any, x: Any) -> Any:
    """The bits of a float as a signed integer of the same width."""
    result, codegen = _bits(x, types.int32 if x == types.float32 else types.int64, True)
    return result(x), codegen


@intrinsic  # type: ignore[untyped-decorator]
def from_bits(typing_context: Any, like: Any, bits: Any) -> Any:
    """The float of ``like``'s type with these bits."""
    integral = types.int32 if like == types.float32 else types.int64

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        value = context.cast(builder, values[1], signature.args[1], integral)
        return builder.bitcast(value, context.get_value_type(like))

    return like(like, bits), codegen


@inline
def offset(index: Any, axes: Any, shape: Any, strides: Any) -> Any:
    """Where the place number ``index`` of ``axes`` outer axes starts in an operand that steps along them so."""
    if axes == 0:
        return 0
    start = 0
    for axis in range(axes - 1, 0, -1):
        start += (index % shape[axis]) * strides[axis]
        index //= shape[axis]
    return start + index * strides[0]  # one division less for the usual one axis
