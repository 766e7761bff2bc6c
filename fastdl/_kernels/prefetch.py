"""Asking for memory before it is needed."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INT32, _INT64, _BYTE = ir.IntType(32), ir.IntType(64), ir.IntType(8)
_LINE = 64  # bytes


def ask_for(builder: Any, place: Any) -> None:
    """Ask for the line of memory at ``place``; nothing happens if it does not exist."""
    signature = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _INT32, _INT32, _INT32])
    function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
    read, second_cache, data = (ir.Constant(_INT32, value) for value in (0, 2, 1))
    builder.call(function, [builder.bitcast(place, _BYTE.as_pointer()), read, second_cache, data])


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typing_context: Any, place: Any, count: Any) -> Any:
    """Ask for ``count`` elements from ``place`` on; nothing happens if they do not exist."""
    itemsize = place.dtype.bitwidth // 8

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        start = builder.bitcast(values[0], _BYTE.as_pointer())
        stop = builder.mul(values[1], ir.Constant(_INT64, itemsize))
        zero, step = ir.Constant(_INT64, 0), ir.Constant(_INT64, _LINE)
        with cgutils.for_range_slice(builder, zero, stop, step, _INT64) as (at, _):
            ask_for(builder, builder.gep(start, [at]))
        return context.get_dummy_value()

    return types.void(place, types.intp), codegen
