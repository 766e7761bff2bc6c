"""Asking for memory before it is needed."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INT32, _INT64, _BYTE = ir.IntType(32), ir.IntType(64), ir.IntType(8)
LINE = 64  # bytes


def numbers_in_line(element: Any) -> int:
    """How many numbers of LLVM's type float or double are in a line."""
    return LINE // (4 if isinstance(element, ir.FloatType) else 8)


def ask_for(builder: Any, place: Any, locality: int = 2, write: int = 0) -> None:
    """Ask for the line of memory at ``place``; nothing happens if it does not exist.

    Into the first (``locality`` 3) or second cache (2), to be read or written.
    """
    signature = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _INT32, _INT32, _INT32])
    function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
    data = 1
    options = [ir.Constant(_INT32, value) for value in (write, locality, data)]
    builder.call(function, [builder.bitcast(place, _BYTE.as_pointer()), *options])


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typing_context: Any, place: Any, count: Any) -> Any:
    """Ask for ``count`` elements from ``place`` on; nothing happens if they do not exist."""
    itemsize = place.dtype.bitwidth // 8

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        start = builder.bitcast(values[0], _BYTE.as_pointer())
        stop = builder.mul(values[1], ir.Constant(_INT64, itemsize))
        zero, step = ir.Constant(_INT64, 0), ir.Constant(_INT64, LINE)
        with cgutils.for_range_slice(builder, zero, stop, step, _INT64) as (at, _):
            ask_for(builder, builder.gep(start, [at]))
        return context.get_dummy_value()

    return types.void(place, types.intp), codegen


@intrinsic  # type: ignore[untyped-decorator]
def line(typing_context: Any, like: Any) -> Any:
    """Numbers in a line of the cache, of what ``like`` points at."""
    count = LINE // (like.dtype.bitwidth // 8)
    return types.intp(like), lambda context, builder, signature, values: ir.Constant(_INT64, count)


def _line(write: int, locality: int) -> Any:
    def typed(typing_context: Any, place: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            ask_for(builder, values[0], locality, write)
            return context.get_dummy_value()

        return types.void(place), codegen

    return intrinsic(typed)


# Ask for one line: one that will be written, one that will be read, into the second cache, or soon, into the first.
fetch_to_write, fetch_to_read, fetch_to_read_soon = _line(1, 3), _line(0, 2), _line(0, 3)
