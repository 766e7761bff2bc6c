"""The kernel cache: one file of machine code per kernel and element types, named by what it was made from.

There is no index: the name of a file is a hash of the sources that the kernel is made from, of the versions of numba,
llvmlite and Python, and of the CPU with its features. So a file is either right or not found, and a change of one
kernel leaves the files of the others in use. Files are written to a temporary name and moved into place, so any number
of processes may start on an empty cache at once. The first bytes are a checksum: a file that was cut short, or given
another's name, counts as not found. ``FASTDL_CACHE_DIR`` moves the folder (the superuser may fill it for all); if it
cannot be written, kernels are compiled anew in each process and one warning says so.
"""

import contextlib
import functools
import hashlib
import os
import platform
import sys
import tempfile
import warnings
from importlib import metadata
from pathlib import Path

from . import sources

_DIGEST_SIZE = hashlib.sha256().digest_size
_warned = False


class CacheWarning(RuntimeWarning):
    """The kernel cache cannot be written; kernels are compiled anew in each process."""


def folder() -> Path:
    """The folder of the cache: ``FASTDL_CACHE_DIR``, or ``fastdl`` in the user's cache folder."""
    chosen = os.environ.get("FASTDL_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    else:
        base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "fastdl"
    try:
        home = Path.home()
    except RuntimeError:  # no home folder at all: per-user folder beside the temporary files
        return Path(tempfile.gettempdir()) / f"fastdl-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "fastdl"


def host_cpu() -> tuple[str, str]:
    """LLVM's name for this machine's CPU, and its features: ``+avx2,-avx512f,...``."""
    from llvmlite import binding

    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


@functools.cache
def fingerprint() -> str:
    """Hash of all that machine code depends on apart from the kernel's sources, name and types."""
    # Settings of Numba (NUMBA_CPU_NAME, optimisation level) change the code, too.
    settings = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_") and "THREAD" not in k)
    parts = [metadata.version("numba"), metadata.version("llvmlite"), platform.python_version(), *host_cpu()]
    return hashlib.sha256("\0".join([*parts, *settings, platform.machine(), sys.platform]).encode()).hexdigest()


def path(name: str) -> Path:
    """Where the machine code of the kernel ``name`` (types included) is kept."""
    made_from = sources.digest(name.partition(".")[0]).hex()
    key = hashlib.sha256(f"{fingerprint()}\0{made_from}\0{name}".encode()).hexdigest()[:24]
    readable = "".join(c if c.isalnum() else "-" for c in name)
    return folder() / f"{readable}-{key}.bin"


def _trusted(owner: int) -> bool:
    """Machine code is run, so what another user put there is not read; the superuser's is."""
    return not hasattr(os, "getuid") or owner in (os.getuid(), 0)


def _digest(place: Path, code: bytes) -> bytes:
    return hashlib.sha256(place.name.encode() + b"\0" + code).digest()


def load(name: str) -> bytes | None:
    """The cached machine code, or None if there is none that is whole."""
    place = path(name)
    try:
        with open(place, "rb") as file:
            if not _trusted(os.fstat(file.fileno()).st_uid):
                return None
            data = file.read()
    except OSError:  # absent or unreadable: compile instead
        return None
    digest, code = data[:_DIGEST_SIZE], data[_DIGEST_SIZE:]
    return code if digest == _digest(place, code) else None


def _warn_once(place: Path, error: OSError) -> None:
    global _warned
    if _warned:
        return
    _warned = True
    warnings.warn(
        f"the kernel cache {place} cannot be written ({error.strerror}); kernels are compiled anew in each process. "
        "Set FASTDL_CACHE_DIR to a folder that can be written",
        CacheWarning,
        stacklevel=3,
    )


def store(name: str, code: bytes) -> None:
    """Keep machine code for the next process. Never fails: without a cache all works, more slowly."""
    place = path(name)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".tmp")
        try:
            with open(handle, "wb") as file:
                file.write(_digest(place, code) + code)
                if hasattr(os, "fchmod"):  # all may read: a cache filled by the superuser serves every user
                    os.fchmod(file.fileno(), 0o644)
            os.replace(temporary, place)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        _warn_once(place.parent, error)
