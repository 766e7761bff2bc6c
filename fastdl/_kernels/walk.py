"""The one driver: walks a list of kernel launches, step after step, and spreads large grids over threads.

``walk`` is a kernel itself; its "cells" are the steps. A launch is a kernel's address, its argument block, the number
of cells, and the largest number of parts that is worth its while; with one part the caller walks the cells. Several
parts go to the thread pool under Numba's ``prange``, called directly: that takes neither a compilation nor, unlike a
``prange``, the interpreter's lock (measured: 1.8 us a region).
"""

from .block import (
    address,
    call,
    call_parallel_for,
    integer,
    integers,
    integers_at,
    stack_integers,
)
from .compiler import inline
from .launches import FIRST_FREE_BASE


@inline
def _spread(args, function, block, cells, parts, task, parallel_for):  # type: ignore[no-untyped-def]
    """Cells of one launch over ``parts`` threads: part ``p`` gets ``cells * p // parts`` and up."""
    indices = stack_integers(args, 256)
    for p in range(parts):
        indices[p] = p
    job = stack_integers(args, 4)
    job[0], job[1], job[2], job[3] = function, block, cells, parts
    arrays = stack_integers(args, 1)
    arrays[0] = address(indices)
    sizes = stack_integers(args, 1)
    sizes[0] = parts
    strides = stack_integers(args, 1)
    strides[0] = 8
    call_parallel_for(parallel_for, task, address(arrays), address(sizes), address(strides), address(job), parts)


def task(args, sizes, strides, data):  # type: ignore[no-untyped-def]
    """One part of a spread grid; called by the thread pool with a generalised ufunc's four arguments."""
    part = integers(args, 0)[0]
    job = integers_at(data)
    cells, parts = job[2], job[3]
    call(job[0], job[1], cells * part // parts, cells * (part + 1) // parts, part)


def chain(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Cells of several launches, cell by cell: see ``groups.py``. Slots: how many; for each kernel and block."""
    count = integer(args, 0)
    for cell in range(lo, hi):
        for k in range(count):
            call(integer(args, 1 + 2 * k), integer(args, 2 + 2 * k), cell, cell + 1, worker)


def walk(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Steps ``lo..hi`` of a program. See ``program.py`` for who fills the slots."""
    launches = integer(args, 0)
    functions, starts, cells, most_parts = integers(args, 1), integers(args, 2), integers(args, 3), integers(args, 4)
    slots, template, tags = integer(args, 5), integers(args, 6), integers(args, 7)
    bases, blocks, status = integers(args, 8), integers(args, 9), integers(args, 10)
    threads, task_address, parallel_for = integer(args, 11), integer(args, 12), integer(args, 13)
    objects, head, first_launch = integer(args, 14), integer(args, 15), integer(args, 16)
    for i in range(FIRST_FREE_BASE, FIRST_FREE_BASE + objects):
        if bases[i] != 0:  # an array, which holds its memory's address behind its head
            bases[i] = integers_at(bases[i] + head)[0]
    for i in range(slots):
        blocks[i] = template[i] + bases[tags[i]]
    first = address(blocks)
    for _ in range(lo, hi):
        for i in range(first_launch, launches):
            block = first + 8 * starts[i]
            parts = min(threads, most_parts[i])
            if parts <= 1:
                call(functions[i], block, 0, cells[i], 0)
            else:
                _spread(args, functions[i], block, cells[i], parts, task_address, parallel_for)
        if status[0] != 0:
            break
