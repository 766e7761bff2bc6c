"""Functions that a user wrote for Numba as kernels: ``function(a, b, ..., y)`` over arrays, called as one cell.

The argument block holds for each array its pointer and its shape; an intrinsic makes Numba's arrays of them and calls
the function. What the function raises does not leave the kernel: it is reported through the status word.
"""

import threading
from typing import Any

from .compiler import OPTIONS, own_settings

_lock = threading.RLock()


class CustomError(TypeError):
    """A function that cannot be a kernel; the message says why."""


class CustomKernel:
    """The kernel of a function and the number of dimensions of each of its arrays.

    Slots: status, code, then for each array its pointer and the sizes of its dimensions, one of size 1 if it has none.
    It stays compiled for the life of the process.
    """

    module = "custom"

    def __init__(self, name: str, function: Any, dimensions: tuple[int, ...]) -> None:
        self.name, self._function, self._dimensions = name, function, dimensions
        self._compiled: dict[tuple[str, ...], Any] = {}

    def address(self, *dtypes: str) -> int:
        """Where the machine code for arrays of these dtypes starts."""
        with _lock:
            if dtypes not in self._compiled:
                self._compiled[dtypes] = _compile(self.name, self._function, self._dimensions, dtypes)
            address: int = self._compiled[dtypes].address
            return address


def dispatcher(function: Any) -> Any:
    """A function of Python's as one of Numba's; one of Numba's as it is."""
    import numba
    from numba.core.dispatcher import Dispatcher

    if isinstance(function, Dispatcher):
        return function
    with own_settings():
        return numba.njit(nogil=True, **OPTIONS)(function)


def _compile(name: str, function: Any, dimensions: tuple[int, ...], dtypes: tuple[str, ...]) -> Any:
    import numba
    import numpy as np
    from numba import types

    from .block import Block

    arrays = [
        types.Array(numba.from_dtype(np.dtype(dtype)), max(1, n), "C")
        for dtype, n in zip(dtypes, dimensions, strict=True)
    ]
    called = dispatcher(function)
    call = _caller(called, arrays)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        call(args)

    with own_settings():
        try:
            called.compile(tuple(arrays))
            signature = types.void(Block(types.float64), types.intp, types.intp, types.intp)
            compiled = numba.cfunc(signature, **OPTIONS)(kernel)
        except numba.core.errors.NumbaError as error:
            reason = " ".join(str(error).split())
            raise CustomError(f"{name} cannot be compiled for {', '.join(map(str, arrays))}: {reason}") from None
    module = compiled._library._final_module
    foreign = {f.name for f in module.functions if f.is_declaration and f.name.startswith(("Py", "_Py", "numba_"))}
    if foreign:
        raise CustomError(
            f"{name} needs the interpreter ({', '.join(sorted(foreign))}): keep to loops and arithmetic over the "
            "arrays, without objects, printing, or messages that are put together when an exception is raised"
        )
    return compiled


def _caller(called: Any, arrays: list[Any]) -> Any:
    """The intrinsic that calls the function with the arrays of a block."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np import arrayobj

    word = ir.IntType(64)

    def slot(builder: Any, block: Any, k: int) -> Any:
        return builder.gep(block, [ir.Constant(word, k)])

    def array_of(context: Any, builder: Any, block: Any, k: int, kind: Any) -> Any:
        pointer = context.get_data_type(kind.dtype).as_pointer()
        data = builder.load(builder.bitcast(slot(builder, block, k), pointer.as_pointer()))
        sizes = [builder.load(slot(builder, block, k + 1 + i)) for i in range(kind.ndim)]
        itemsize = ir.Constant(word, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        strides: list[Any] = []
        step = itemsize
        for size in reversed(sizes):
            strides.insert(0, step)
            step = builder.mul(step, size)
        array = arrayobj.make_array(kind)(context, builder)
        arrayobj.populate_array(
            array,
            data=data,
            shape=cgutils.pack_array(builder, sizes),
            strides=cgutils.pack_array(builder, strides),
            itemsize=itemsize,
            meminfo=None,
        )
        return array._getvalue()

    @intrinsic  # type: ignore[untyped-decorator]
    def call(typing_context: Any, args: Any) -> Any:
        resolved = typing_context.resolve_function_type(types.Dispatcher(called), tuple(arrays), {})

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            (block,) = values
            given, k = [], 2
            for kind in arrays:
                given.append(array_of(context, builder, block, k, kind))
                k += 1 + kind.ndim
            overload = called.overloads[tuple(arrays)]
            context.add_linking_libs([overload.library])
            status, _ = context.call_internal_no_propagate(builder, overload.fndesc, resolved, given)
            with builder.if_then(status.is_error, likely=False):
                word_place = builder.load(builder.bitcast(slot(builder, block, 0), word.as_pointer().as_pointer()))
                builder.store(builder.load(slot(builder, block, 1)), word_place)
            return context.get_dummy_value()

        return types.void(args), codegen

    return call
