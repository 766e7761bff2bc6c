"""From a kernel's Python source to machine code: the only file that runs Numba's compiler.

The result is a self-contained object file with one C function ``void (int64* args, lo, hi, worker)``. It is made by
``numba.cfunc`` and emitted from the optimised module; from then on Numba is not needed, so a process that finds all
its kernels in the cache never imports it unless it uses several threads.
"""

import contextlib
import gc
import importlib
from collections.abc import Iterator
from typing import Any

SYMBOL_SEPARATOR = b"\0"
FOR_INTERPRETER = ("object",)  # the types of what is no kernel but a function that the interpreter calls: ``repeat.py``

# fastmath: no signed zeros, fused multiply-add, sums in vector order. NaN and infinity keep their meaning. "arcp" and
# "afn" are left out because vector and scalar loops then round differently, and where a loop's vector part ends
# depends on who runs it. A user's fastmath=True elsewhere must not leak in, so the options are always stated.
OPTIONS = {"fastmath": {"nsz", "contract", "reassoc"}, "error_model": "numpy"}

# Helpers are called by kernels alone, so an entry for C would be compiled in vain.
INLINE_OPTIONS = {
    "fastmath": {"nsz", "contract", "reassoc"},
    "error_model": "numpy",
    "forceinline": True,
    "nogil": True,
    "no_cfunc_wrapper": True,
}

# Without "reassoc": where the order of operations carries the accuracy (ln 2 in two parts, x + b (v - x) against
# b v + (1 - b) x, compensated sums).
IN_ORDER_OPTIONS = {
    "fastmath": {"nsz", "contract"},
    "error_model": "numpy",
    "forceinline": True,
    "nogil": True,
    "no_cfunc_wrapper": True,
}


def inline(function: Any) -> Any:
    """The house decorator for helpers of kernels: a function of its own, compiled into each kernel that calls it."""
    import numba

    return numba.njit(**INLINE_OPTIONS)(function)


def in_order(function: Any) -> Any:
    """As :func:`inline`, for arithmetic that must be done in the order written."""
    import numba

    return numba.njit(**IN_ORDER_OPTIONS)(function)


def merge(function: Any) -> Any:
    """For helpers with loops over the caller's stack arrays: merged into the kernel before anything is optimised.

    A function of its own, which :func:`inline` makes first, checks at every loop whether its arguments overlap, and the
    kernel's own loops do so too afterwards (measured: a third of the convolution's time, and longer to compile).
    """
    import numba

    return numba.njit(inline="always", nogil=True, no_cfunc_wrapper=True, **OPTIONS)(function)


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Numba's defaults, whatever a user chose (``NUMBA_OPT=0``, ``NUMBA_DISABLE_JIT=1``) to debug functions of theirs:
    kernels that are not optimised refer to the interpreter."""
    from numba.core import config
    from numba.core.compiler_lock import global_compiler_lock

    own = {"DISABLE_JIT": 0, "OPT": type(config.OPT)(3), "DEBUGINFO_DEFAULT": 0, "BOUNDSCHECK": None}
    with global_compiler_lock:
        users = {name: getattr(config, name) for name in own}
        vars(config).update(own)
        try:
            yield
        finally:
            vars(config).update(users)


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Numba makes millions of objects that live as long as the compilation; to look through them again and again for
    garbage took a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def compile_kernel(module: str, name: str, dtypes: tuple[str, ...]) -> bytes:
    """Machine code of kernel ``name`` of ``fastdl._kernels.<module>``: its symbol, a zero byte, an object file."""
    with own_settings(), _no_collections():
        return _compile(f"{module}.{name}", getattr(importlib.import_module(f"fastdl._kernels.{module}"), name), dtypes)


def _compile(name: str, function: Any, dtypes: tuple[str, ...]) -> bytes:
    import numba
    from numba import types

    from .block import Block

    if dtypes == FOR_INTERPRETER:
        signature = types.intp(types.intp, types.intp, types.intp, types.intp)
    else:
        # Booleans are bytes to a kernel: Numba's one-bit booleans cannot be pointed at.
        elements = [types.uint8 if d == "bool" else getattr(types, d) for d in dtypes]
        signature = types.void(Block(*elements), types.intp, types.intp, types.intp)
    compiled = numba.cfunc(signature, forceinline=True, **OPTIONS)(function)
    library = compiled._library
    llvm_module = library._final_module
    foreign = [f.name for f in llvm_module.functions if f.is_declaration and _needs_interpreter(f.name)]
    if foreign:
        # An exception inside a C callback is printed and lost: kernels report through the status word instead.
        raise AssertionError(f"kernel {name} can raise or allocate: it refers to {foreign}")
    code: bytes = library._get_compiled_object()  # what Numba loaded; to emit the module again takes as long as before
    return str(compiled.native_name).encode() + SYMBOL_SEPARATOR + code


def _needs_interpreter(symbol: str) -> bool:
    return symbol.startswith(("Py", "_Py", "numba_", "NRT_"))
