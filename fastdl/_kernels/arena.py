"""Arenas: memory for the temporaries of a run and for large results, kept for the next run of about the same size.

Each run takes an arena for itself, so that Python threads do not meet in one. Fresh memory costs a page fault per
4 KiB, often more than the work on it, so arenas are kept, up to ``KEPT_BYTES`` in all. Small results come from the C
library, which keeps what was freed, but it gives memory of more than 16-32 MB back to the system each time: a result
of that size lies in an arena, which comes back when the last array that looks at it is gone.
"""

import math
import os
import threading
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

ALIGNMENT = 64
KEPT_BYTES = 256 * 2**20
LARGE_BYTES = 16 * 2**20
PARKED_BYTES = 2**20


class Arena(NamedTuple):
    """Memory that starts at the aligned address ``place``."""

    memory: np.ndarray[tuple[int], np.dtype[np.uint8]]
    place: int


_free: dict[int, list[Arena]] = {}
_parked: dict[int, tuple[Arena, "array[int]"]] = {}
_kept = 0
_lock = threading.RLock()  # re-entrant: the garbage collector may finish a run inside ``take``


def _in_child() -> None:
    """What other threads had taken nobody will put back."""
    for arena, word in _parked.values():
        word[0] = arena.place
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_in_child)


def align(nbytes: int) -> int:
    """``nbytes`` rounded up to whole cache lines."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def _size_class(nbytes: int) -> int:
    """Sizes are rounded up to one of eight steps per power of two, so that similar runs share arenas."""
    step = max(4096, 1 << max(0, nbytes.bit_length() - 4))
    return -(-nbytes // step) * step


def take(nbytes: int) -> Arena:
    """An arena of at least ``nbytes``; its contents are arbitrary."""
    global _kept
    size = _size_class(nbytes)
    with _lock:
        waiting = _free.get(size)
        if waiting:
            _kept -= size
            return waiting.pop()
    memory = np.empty(size + ALIGNMENT, np.uint8)
    return Arena(memory, align(int(memory.__array_interface__["data"][0])))


def give(arena: Arena) -> None:
    """Give an arena back."""
    global _kept
    size = arena.memory.size - ALIGNMENT
    if size > KEPT_BYTES:
        return
    with _lock:
        if _kept + size > KEPT_BYTES:  # sizes that are no longer used must not take the room of those that are
            _free.clear()
            _kept = 0
        _free.setdefault(size, []).append(arena)
        _kept += size


def parked(nbytes: int) -> int:
    """The address of a word with the place of an arena of at least so many bytes, for compiled code.

    That takes the arena by setting the word to 0, holding the interpreter's lock, and puts its place back afterwards;
    who finds 0 has to :func:`take` one. There is one of each size, for all programs that need one so large, and it is
    kept: so they are small.
    """
    size = _size_class(nbytes)
    with _lock:
        if size not in _parked:
            arena = take(nbytes)  # may run the garbage collector, and that may park one of this size
            entry = arena, array("q", [arena.place])
            if _parked.setdefault(size, entry) is not entry:
                give(arena)
        return _parked[size][1].buffer_info()[0]


class _Lease(np.ndarray[tuple[int], np.dtype[np.uint8]]):
    """The owner of a large result's memory: gives the arena back when it goes.

    The base of the result and of its views: NumPy takes the last owner of a chain whose next link is a plain array, so
    two leases stand in it, of which the first knows the arena. A view of a lease itself (``y.base[1:]``) would get the
    other one for its owner, so it holds the lease that it was made from.
    """

    arena: Arena | None = None
    source: Any = None

    def __array_finalize__(self, source: Any) -> None:
        if isinstance(source, _Lease):
            self.source = source

    def __del__(self) -> None:
        if self.arena is not None:
            give(self.arena)


def large_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array in an arena for a result; its contents are arbitrary."""
    nbytes = dtype.itemsize * math.prod(shape)
    arena = take(nbytes)
    offset = arena.place - int(arena.memory.__array_interface__["data"][0])
    lease = _Lease((nbytes,), np.uint8, arena.memory.view(_Lease), offset)
    lease.arena = arena
    return np.ndarray(shape, dtype, lease)


def allocator(nbytes: int) -> Callable[..., np.ndarray[Any, Any]]:
    """What makes an array of so many bytes, given its shape and dtype: ``np.empty`` or :func:`large_array`."""
    return np.empty if nbytes < LARGE_BYTES else large_array
