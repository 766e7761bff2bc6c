"""From a kernel's name to the address of its machine code: loaded from the cache, or compiled, once a process."""

import functools
import os
import sys
import threading
import time
from typing import Any, NamedTuple

from . import cache

_lock = threading.RLock()
_engines: list[Any] = []  # owners of the loaded machine code, kept for the life of the process
_seconds_compiling = 0.0
_announced = False
NOTICEABLE_SECONDS = 0.5


class Kernel(NamedTuple):
    """A kernel by name: function ``name`` of the file ``_kernels/<module>.py``. Naming one imports nothing."""

    module: str
    name: str

    def address(self, *dtypes: str) -> int:
        """Where the machine code for these element types starts."""
        return _address(self, dtypes)


def seconds_compiling() -> float:
    """How long this process has spent compiling kernels so far."""
    return _seconds_compiling


@functools.cache
def _target() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


def _address(kernel: Kernel, dtypes: tuple[str, ...]) -> int:
    found = _addresses.get((kernel, dtypes))
    if found is None:
        with _lock:
            found = _addresses.get((kernel, dtypes))
            if found is None:
                found = _addresses[kernel, dtypes] = _load_or_compile(kernel, dtypes)
    return found


_addresses: dict[tuple[Kernel, tuple[str, ...]], int] = {}


def _load_or_compile(kernel: Kernel, dtypes: tuple[str, ...]) -> int:
    full_name = f"{kernel.module}.{kernel.name}({','.join(dtypes)})"
    code = cache.load(full_name)
    if code is None:
        code = _compile(kernel, dtypes)
        cache.store(full_name, code)
    return _link(code)


def _compile(kernel: Kernel, dtypes: tuple[str, ...]) -> bytes:
    global _seconds_compiling, _announced
    if not _announced and _seconds_compiling > NOTICEABLE_SECONDS:
        _announced = True
        print(f"fastdl: compiling {kernel.name} and others for this machine, once", file=sys.stderr, flush=True)
    start = time.perf_counter()
    from .compiler import compile_kernel

    code = compile_kernel(kernel.module, kernel.name, dtypes)
    _seconds_compiling += time.perf_counter() - start
    return code


if hasattr(os, "register_at_fork"):  # a fork waits for a compilation under way, so that the child can compile, too
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def _link(code: bytes) -> int:
    symbol, _, machine_code = code.partition(b"\0")
    binding = _target()
    machine = binding.Target.from_default_triple().create_target_machine(codemodel="jitdefault", jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(machine_code))
    engine.finalize_object()
    _engines.append(engine)
    address: int = engine.get_function_address(symbol.decode())
    return address
