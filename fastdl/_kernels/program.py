"""A list of kernel launches made ready to run: flat arrays for the compiled driver, and the buffers they refer to.

A ``ProgramBuilder`` collects launches whose arguments are buffers, integers and reals. ``build`` turns them into a
``Program``: argument blocks as one template in which a buffer stands as (base, offset). At each run the caller gives
the address of every base; the driver adds them up into blocks private to that run, so that one program may run in
several Python threads at once.
"""

import ctypes
import time
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from . import arena, threads
from .addresses import HEAD, address_of, from_object
from .groups import blocks_of, grouped
from .launches import (
    ARENA_BASE,
    BLOCKS_BASE,
    CONSTANT_BASE,
    FIRST_FREE_BASE,
    STATUS_BASE,
    Argument,
    Buffer,
    Launch,
    Touched,
    slot_of,
)
from .loader import Kernel
from .words import BASES_AT, BLOCK_BASES, BLOCK_STATUS, FIRST, OBJECTS, STOP, THREADS

_WALK, _TASK = Kernel("walk", "walk"), Kernel("walk", "task")
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


class ProgramBuilder:
    """Collects launches; gives out room in the program's arena."""

    def __init__(self, planned_bytes: int = 0) -> None:
        """``planned_bytes`` of the arena belong to the caller; scratch comes after them."""
        self.launches: list[Launch] = []
        self._planned = arena.align(planned_bytes)
        self._scratch = 0
        self._most_scratch = 0
        self._work = 0.0
        self._constants: list[int] = []
        self._prologue = 0

    def launch(
        self,
        kernel: Kernel,
        dtypes: Sequence[str],
        arguments: Sequence[Argument],
        *,
        cells: int,
        work: float,
        grid: tuple[int, int] = (0, 0),
        touched: Sequence[Touched] = (),
    ) -> None:
        """Append a launch of ``kernel`` over ``cells`` cells; ``work`` is its cost in about nanoseconds of one core.

        ``touched``: all memory that it reads and writes, if it is elementwise over a ``grid``: (elements, in a cell).
        """
        if cells <= 0:
            return
        self._work += work
        parts = threads.parts(cells, work)
        self.launches.append(Launch(kernel, tuple(dtypes), tuple(arguments), cells, parts, work, grid, tuple(touched)))

    def end_prologue(self) -> None:
        """The launches so far need not be run again as long as what they read stays the same."""
        self._prologue = len(self.launches)

    def scratch(self, nbytes: int) -> Buffer:
        """Room until the next :meth:`release_scratch`: temporaries of one op."""
        place = Buffer(ARENA_BASE, self._planned + self._scratch)
        self._scratch += arena.align(nbytes)
        self._most_scratch = max(self._most_scratch, self._scratch)
        return place

    def release_scratch(self) -> None:
        """The launches to come may use the scratch given out so far."""
        self._scratch = 0

    def worker_scratch(self, nbytes: int) -> tuple[Buffer, int]:
        """Room for each worker: slot ``worker`` starts at ``worker * stride`` bytes. Returns (place, stride)."""
        stride = arena.align(nbytes)
        return self.scratch(stride * threads.most()), stride

    @property
    def scratch_bytes(self) -> int:
        """The most scratch that was given out at once."""
        return self._most_scratch

    def constant(self, values: Sequence[int]) -> Buffer:
        """Integers that kernels read through a pointer."""
        place = Buffer(CONSTANT_BASE, 8 * len(self._constants))
        self._constants.extend(values)
        return place

    def build(self, bases: int, failures: Sequence[Exception] = ()) -> "Program":
        """The program; ``bases`` is the number of external bases, ``failures[k - 1]`` what status ``k`` means."""
        size = self._planned + self._most_scratch
        first, rest = self.launches[: self._prologue], self.launches[self._prologue :]
        first, rest = (grouped(part, threads.parts) for part in (first, rest))
        return Program([*first, *rest], bases, size, self._constants, failures, self._work, prologue=len(first))


class Program:
    """Launches ready to run, which never change; ``run`` may be called from several Python threads at once."""

    def __init__(
        self,
        launches: Sequence[Launch],
        bases: int,
        arena_bytes: int,
        constants: Sequence[int],
        failures: Sequence[Exception],
        work: float,
        *,
        prologue: int = 0,
    ) -> None:
        blocks = blocks_of(launches)
        slots = [slot_of(argument) for block in blocks for argument in block]
        functions = [launch.kernel.address(*launch.dtypes) for launch in launches]
        cells, parts = [launch.cells for launch in launches], [launch.parts for launch in launches]
        starts = [0, *accumulate(map(len, blocks[: len(launches) - 1]))]
        tables = [functions, starts, cells, parts, [s[1] for s in slots], [s[0] for s in slots], constants]
        # All tables lie in one array; the driver's block begins with where each of them starts.
        self._tables = np.array([n for table in tables for n in table], np.int64)
        places = [*accumulate((8 * len(table) for table in tables), initial=address_of(self._tables))]
        self._header = [len(launches), *places[:4], len(slots), *places[4:6]]
        self._constant_place = places[6]
        # For those who fill blocks of their own: what a block begins with, and where the constants are.
        self.entry = [*self._header, self._constant_place]
        self.slots, self.bases = len(slots), FIRST_FREE_BASE + bases
        self.most_parts = max(parts, default=1)
        self._failures = tuple(failures)
        self.work = work
        self.pace = threads.Pace(3e-9 * work)
        self.prologue = prologue  # so many launches at the start are the prologue
        self._idle: list[_Block] = []  # of finished runs: as many as there were runs at once
        self.arena_bytes = arena_bytes

    def run(self, bases: Sequence[int], steps: int = 1) -> None:
        """Run ``steps`` steps with these addresses as external bases. Raises what a kernel reported."""
        self._run(bases, steps, 0)

    def _run(self, bases: Sequence[int], steps: int, objects: int) -> None:
        memory = arena.take(self.arena_bytes) if self.arena_bytes else None
        try:
            block = self._idle.pop()
        except IndexError:
            block = self._new_block()
        try:
            self._set_bases(block, memory, bases)
            block.slots[OBJECTS] = objects
            if block.slots[THREADS] == 1:
                self._drive(block, steps)
            else:
                self._drive_in_time(block, steps)
        finally:
            self._idle.append(block)
            if memory is not None:
                arena.give(memory)

    def template(self) -> np.ndarray[Any, Any]:
        """The driver's block for one thread, up to the argument blocks, without places that are in the block itself."""
        slots = np.array(self._new_block().slots[: BLOCK_BASES + self.bases], np.int64)
        slots[THREADS] = 1
        return slots

    def run_on(self, *arrays: np.ndarray[Any, Any] | None) -> None:
        """As :meth:`run`, with arrays as bases, or None where there is none.

        The driver looks up where their memory is: done here it would be a quarter of a small call's time.
        """
        if address_of is from_object:
            self._run([0 if x is None else id(x) for x in arrays], 1, len(arrays))
        else:
            self._run([0 if x is None else address_of(x) for x in arrays], 1, 0)

    def bind(self, bases: Sequence[int]) -> "Run":
        """The program with its bases in place: for running step after step on one arena."""
        return Run(self, bases)

    def failure(self, status: int) -> Exception:
        """What a kernel reported."""
        error = self._failures[status - 1]
        return type(error)(*error.args)

    def _new_block(self) -> "_Block":
        """A driver's block with all in place but the arena, the external bases and the threads."""
        slots = np.zeros(BLOCK_BASES + self.bases + self.slots, np.int64)
        place = address_of(slots)
        status_place, base_place = place + 8 * BLOCK_STATUS, place + 8 * BLOCK_BASES
        slots[: len(self._header)] = self._header
        slots[BASES_AT:THREADS] = [base_place, base_place + 8 * self.bases, status_place]
        slots[OBJECTS + 1] = HEAD
        slots[BLOCK_BASES + STATUS_BASE], slots[BLOCK_BASES + CONSTANT_BASE] = status_place, self._constant_place
        slots[BLOCK_BASES + BLOCKS_BASE] = base_place + 8 * self.bases
        return _Block(slots.data, place)

    def _set_bases(self, block: "_Block", memory: arena.Arena | None, bases: Sequence[int]) -> None:
        if FIRST_FREE_BASE + len(bases) != self.bases:
            raise ValueError(f"{len(bases)} addresses were given; the program has {self.bases - FIRST_FREE_BASE} bases")
        slots = block.slots
        slots[BLOCK_BASES + ARENA_BASE] = memory.place if memory else 0
        at = BLOCK_BASES + FIRST_FREE_BASE
        for base in bases:
            slots[at] = base
            at += 1
        run_threads = 1 if self.most_parts == 1 else min(threads.get_num_threads(), self.most_parts)
        parallel_for = threads.parallel_for() if run_threads > 1 else 0
        slots[THREADS] = run_threads if parallel_for else 1
        if parallel_for:
            slots[THREADS + 1], slots[THREADS + 2] = _TASK.address("int64"), parallel_for

    def _drive_in_time(self, block: "_Block", steps: int) -> None:
        """On several threads, or on one while these would hold each other up; see ``threads.ran``."""
        together = not threads.crowded()
        if not together:
            block.slots[THREADS] = 1
        start = time.perf_counter()
        self._drive(block, steps)
        self.pace.timed((time.perf_counter() - start) / steps, together)

    def _drive(self, block: "_Block", steps: int) -> None:
        block.slots[BLOCK_STATUS] = 0  # Ctrl-C may have come before the last status was read
        (_driver_function or _driver())(block.place, 0, steps, 0)
        self._check(block)

    def _check(self, block: "_Block") -> None:
        status = block.slots[BLOCK_STATUS]
        if status:
            raise self.failure(status)


class _Block(NamedTuple):
    """Memory of one run that the driver reads and writes; ``place`` is its address."""

    slots: memoryview
    place: int


class Run:
    """A program bound to memory; used by one thread at a time. Its arena goes back to the pool with it."""

    __slots__ = ("_arena", "_block", "_prepared", "_program", "threads")

    def __init__(self, program: Program, bases: Sequence[int]) -> None:
        self._program = program
        self._arena = arena.take(program.arena_bytes) if program.arena_bytes else None
        self._block = program._new_block()
        program._set_bases(self._block, self._arena, bases)
        self.threads: int = self._block.slots[THREADS]  # how many are worth their while
        self._prepared = program.prologue == 0

    def run(self, steps: int = 1, *, alone: bool = False) -> None:
        """Run ``steps`` steps, on the calling thread ``alone`` or on all. Raises what a kernel reported; the steps
        after that one were not run."""
        self.ready(alone)
        self._program._drive(self._block, steps)

    def ready(self, alone: bool) -> int:
        """The address of the driver's block, for kernels that call the driver; ``check`` afterwards."""
        # A run that was bound before a fork must not use the threads of the parent.
        self._block.slots[THREADS] = 1 if alone or threads.forked() else self.threads
        self._prepare()
        return self._block.place

    def check(self) -> None:
        """Raise what a kernel reported."""
        self._program._check(self._block)

    def run_in_time(self) -> None:
        """Run one step, on several threads unless these hold each other up."""
        self._block.slots[THREADS] = 1 if threads.forked() else self.threads
        self._prepare()
        if self._block.slots[THREADS] == 1:
            self._program._drive(self._block, 1)
        else:
            self._program._drive_in_time(self._block, 1)

    def _prepare(self) -> None:
        """Run the prologue if that was not yet done."""
        if self._prepared:
            return
        slots, count = self._block.slots, self._program.prologue
        whole, slots[STOP] = slots[STOP], count
        try:
            self._program._drive(self._block, 1)
        finally:  # Ctrl-C may come: the next run begins again
            slots[STOP] = whole
        slots[FIRST] = count
        self._prepared = True

    def move(self, bases: Sequence[int]) -> None:
        """Other memory for what comes and goes with each step. What the prologue reads stays where it is."""
        self._program._set_bases(self._block, self._arena, bases)
        self.threads = self._block.slots[THREADS]

    def __del__(self) -> None:
        taken = getattr(self, "_arena", None)
        if taken is not None:
            arena.give(taken)


_driver_function: Any = None


def _driver() -> Any:
    global _driver_function
    if _driver_function is None:
        _driver_function = _CALLBACK(_WALK.address("int64"))
    return _driver_function
