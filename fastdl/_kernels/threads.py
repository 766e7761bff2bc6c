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
from array import array
from collections.abc import Iterator

from .machine import machine
from .words import ALONE_UNTIL, DEFAULT, POOL, SLOW, STALL

# A launch goes to several threads only if each gets at least this much work, in units of about a nanosecond: a
# parallel region costs about 2 us. The choice depends on shapes and the processor only and never changes the result.
WORK_PER_PART: float = 10_000

MOST = 256

override: contextvars.ContextVar[int | None] = contextvars.ContextVar("fastdl_threads", default=None)
shared = array("q", [0, MOST, 0])  # read by compiled code, too: see ``words.py``
_forked = False

_PAUSE, _LONGEST_PAUSE = 8, 0.5  # how long the pool is left alone: so many times the stall, so many seconds at most
_pause = 0.0


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def most() -> int:
    """The largest number of threads: ``NUMBA_NUM_THREADS``, or the cores this process may use."""
    setting = os.environ.get("NUMBA_NUM_THREADS", "")
    return max(1, min(MOST, int(setting) if setting.isdecimal() else _available()))


def parts(cells: int, work: float) -> int:
    """How many parts to cut a launch of so much work into, estimated for vectors of 64 bytes: others take longer."""
    if 4 * work < WORK_PER_PART:  # the narrowest have 16 bytes; to ask for it takes milliseconds
        return 1
    slowness = 64 / machine().vector_bytes
    return max(1, int(min(cells, work * slowness // WORK_PER_PART, most())))


def get_num_threads() -> int:
    """Number of threads that compute: the one set by :func:`set_num_threads` or :func:`threads`, else all cores."""
    chosen = override.get()
    return min(most(), shared[DEFAULT]) if chosen is None else chosen


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
    shared[DEFAULT] = _check(n)


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Let ``n`` threads compute inside a ``with`` block, for the calling Python thread only.

    >>> import fastdl as fd
    >>> with fd.threads(1):
    ...     fd.get_num_threads()
    1
    """
    token = override.set(_check(n))
    try:
        yield
    finally:
        override.reset(token)


def _after_fork() -> None:
    global _forked
    _forked = True
    shared[POOL] = -1


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
    address: int = 0
    if name != "workqueue":
        address = importlib.import_module(f"numba.np.ufunc.{name}pool").parallel_for
    shared[POOL] = address or -1
    return address


def ran(seconds: float, least: float) -> None:
    """Told how long a run on several threads took, and how long the same one takes when nothing holds it up: the least
    so far, but no less than one thread last took over SLOW.

    The threads wait for each other at the end of every region. Where another process has the core of one of them, the
    others wait for that process's time slice to end: milliseconds, for a region of ten microseconds. Then cells run in
    the caller for some time, longer if that was too short before. The bits are the same, so the clock may choose.
    """
    global _pause
    if seconds <= SLOW * least + 1e-9 * STALL:
        return
    now = time.perf_counter()
    again = 2 * _pause if now < 1e-9 * shared[ALONE_UNTIL] + _pause else 0.0
    _pause = min(_LONGEST_PAUSE, max(_PAUSE * (seconds - least), again))
    shared[ALONE_UNTIL] = round(1e9 * (now + _pause))


def crowded() -> bool:
    """Whether a run was held up not long ago, so that the next ones are better off on one thread."""
    return shared[ALONE_UNTIL] > 0 and time.perf_counter() < 1e-9 * shared[ALONE_UNTIL]


class Pace:
    """How long a step of a program takes on several threads when nothing holds them up: an estimate, generously, until
    one was timed, then the least."""

    def __init__(self, estimate: float) -> None:
        self._estimate = estimate
        self.word = array("q", [0])  # nanoseconds, 0 before one was timed; compiled code writes it, too

    def timed(self, seconds: float, together: bool) -> None:
        """Told how long a step took, on several threads ``together`` or on one."""
        known = self.word[0] > 0
        least = 1e-9 * self.word[0] if known else self._estimate
        if together:
            ran(seconds, least)
        elif known:  # what lies in the arrays counts, too (a mask may hide all keys): then this is the news
            least = max(least, seconds / SLOW)
        self.word[0] = max(1, round(1e9 * (min(least, seconds) if known else seconds)))

    def held_up(self, nanoseconds: int) -> None:
        """Told by compiled code of a step on several threads that took very long."""
        self.timed(1e-9 * nanoseconds, True)


def forked() -> bool:
    """Whether this process is a forked child, where cells have to run in the caller."""
    return _forked


def parallel_for() -> int:
    """Address of the pool's ``parallel_for``, or 0 where cells have to run in the caller."""
    return 0 if _forked else _parallel_for()
