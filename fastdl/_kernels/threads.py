"""How many threads, and whether there can be any: the thread pool under Numba, found and started when first needed.

The pool is used serially (one thread, in the caller) in a forked child, because a child of a process that used GNU
OpenMP is killed at its first parallel region, and under the layer ``workqueue``, which aborts the process when two
threads are in it. It is left alone for a while after a run that it held up, because others want the cores (``ran``).
"""

import contextlib
import contextvars
import functools
import importlib
import numbers
import os
import time
from collections.abc import Iterator

from .machine import machine

# A launch goes to several threads only if each gets at least this much work, in units of about a nanosecond: a
# parallel region costs about 2 us. The choice depends on shapes and the processor only and never changes the result.
WORK_PER_PART: float = 10_000

_override: contextvars.ContextVar[int | None] = contextvars.ContextVar("fastdl_threads", default=None)
_default: int | None = None
_forked = False

# A run that took SLOW times as long as the same run once did, and _STALL seconds more, was held up.
SLOW, _STALL = 4, 1e-3
_PAUSE, _LONGEST_PAUSE = 8, 0.5  # how long the pool is left alone: so many times the stall, so many seconds at most
_pause = 0.0
_alone_until = 0.0


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def most() -> int:
    """The largest number of threads: ``NUMBA_NUM_THREADS``, or the cores this process may use."""
    setting = os.environ.get("NUMBA_NUM_THREADS", "")
    return max(1, min(256, int(setting) if setting.isdecimal() else _available()))


def parts(cells: int, work: float) -> int:
    """How many parts to cut a launch of so much work into, estimated for vectors of 64 bytes: others take longer."""
    if 4 * work < WORK_PER_PART:  # the narrowest have 16 bytes; to ask for it takes milliseconds
        return 1
    slowness = 64 / machine().vector_bytes
    return max(1, int(min(cells, work * slowness // WORK_PER_PART, most())))


def get_num_threads() -> int:
    """Number of threads that compute: the one set by :func:`set_num_threads` or :func:`threads`, else all cores."""
    chosen = _override.get()
    if chosen is None:
        chosen = _default
    return most() if chosen is None else chosen


def _check(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < 1:
        raise ValueError(f"the number of threads is {n!r}; it must be an integer of at least 1")
    return min(int(n), most())


def set_num_threads(n: int) -> None:
    """Let ``n`` threads compute, from now on, in all Python threads.

    More than there are cores (or than ``NUMBA_NUM_THREADS``) counts as that many. Results do not depend on it: they
    have the same bits for any number of threads.

    While other processes keep the cores busy, threads hold each other up; then one computes, whatever was set. It is
    noticed by a call that takes much longer than it did before, and tried again after a while.

    >>> import fastdl as fd
    >>> fd.set_num_threads(1)
    >>> fd.get_num_threads()
    1
    """
    global _default
    _default = _check(n)


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Let ``n`` threads compute inside a ``with`` block, for the calling Python thread only.

    >>> import fastdl as fd
    >>> with fd.threads(1):
    ...     fd.get_num_threads()
    1
    """
    token = _override.set(_check(n))
    try:
        yield
    finally:
        _override.reset(token)


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@functools.cache
def layer() -> str:
    """Name of Numba's threading layer in this process (``omp``, ``tbb``, ``workqueue``); starts it."""
    import numba

    numba.get_num_threads()  # starts the layer
    return str(numba.threading_layer())


@functools.cache
def _parallel_for() -> int:
    name = layer()
    if name == "workqueue":
        return 0
    pool = importlib.import_module(f"numba.np.ufunc.{name}pool")
    address: int = pool.parallel_for
    return address


def ran(seconds: float, least: float) -> None:
    """Told how long a run on several threads took, and how long the same one takes when nothing holds it up: the least
    so far, but no less than one thread last took over SLOW.

    The threads wait for each other at the end of every region. Where another process has the core of one of them, the
    others wait for that process's time slice to end: milliseconds, for a region of ten microseconds. Then cells run in
    the caller for some time, longer if that was too short before. The bits are the same, so the clock may choose.
    """
    global _pause, _alone_until
    if seconds <= SLOW * least + _STALL:
        return
    now = time.perf_counter()
    again = 2 * _pause if now < _alone_until + _pause else 0.0
    _pause = min(_LONGEST_PAUSE, max(_PAUSE * (seconds - least), again))
    _alone_until = now + _pause


def crowded() -> bool:
    """Whether a run was held up not long ago, so that the next ones are better off on one thread."""
    return _alone_until > 0.0 and time.perf_counter() < _alone_until


def forked() -> bool:
    """Whether this process is a forked child, where cells have to run in the caller."""
    return _forked


def parallel_for() -> int:
    """Address of the pool's ``parallel_for``, or 0 where cells have to run in the caller."""
    return 0 if _forked else _parallel_for()
