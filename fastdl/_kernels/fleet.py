"""Many networks made ready to be trained side by side: the tables that ``networks.train`` reads, and who runs it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import arena, records, threads
from .addresses import address_of
from .launches import ARENA_BASE, BLOCKS_BASE, STATUS_BASE, Buffer
from .loader import Kernel
from .program import Program, ProgramBuilder, Run
from .words import BLOCK_BASES, BLOCK_STATUS

_TRAIN, _WALK, _SHUFFLE = Kernel("networks", "train"), Kernel("walk", "walk"), Kernel("shuffle", "shuffle")
_LINE = 8  # numbers of a cache line: what one worker writes shares none with what another writes
_NOBODY = -1


class Step(NamedTuple):
    """A step of networks of one structure: its program, how many arrays of a network come first among the bases, and
    the addresses of those that follow."""

    program: Program
    arrays: int
    captured: Sequence[int]


class Fleet:
    """``count`` networks, whose records callers fill in, and the ``steps`` that they run.

    ``samples``: the most that an epoch of any of them has. Used by one Python thread at a time. Whoever gives addresses
    keeps their arrays alive.
    """

    def __init__(self, count: int, steps: Sequence[Step], samples: int) -> None:
        arrays = max(step.arrays for step in steps)
        self.records = np.zeros((count, records.BASES + arrays), np.int64)
        self.workers = threads.get_num_threads() if threads.parallel_for() else 1
        self._programs = [step.program for step in steps]
        self._captured = [np.array([*step.captured, 0], np.int64) for step in steps]
        self._plans = np.array(
            [
                [*step.program.entry, step.arrays, len(step.captured), address_of(captured)]
                for step, captured in zip(steps, self._captured, strict=True)
            ],
            np.int64,
        )
        self._orders = np.empty((self.workers, -(-samples // _LINE) * _LINE + _LINE), np.int64)
        self._blocks: list[np.ndarray[Any, Any]] = []
        self._arenas: list[arena.Arena] = []
        self._state = np.zeros(2, np.int64)
        self._run = self._bind(self._crew())

    def _crew(self) -> np.ndarray[Any, Any]:
        """Of each worker: its block, its order, and which network's and epoch's that is."""
        bases = max(program.bases for program in self._programs)
        size = BLOCK_BASES + bases + max(program.slots for program in self._programs)
        room = max(program.arena_bytes for program in self._programs)
        for _ in range(self.workers):
            block, memory = np.zeros(size + 2 * _LINE, np.int64), arena.take(max(1, room))
            place = address_of(block)
            block[8:11] = place + 8 * np.array([BLOCK_BASES, BLOCK_BASES + bases, BLOCK_STATUS])
            block[11] = 1  # a network runs on one thread
            block[BLOCK_BASES + STATUS_BASE], block[BLOCK_BASES + ARENA_BASE] = block[10], memory.place
            block[BLOCK_BASES + BLOCKS_BASE] = block[9]
            self._blocks.append(block)
            self._arenas.append(memory)
        rows = [[address_of(b), address_of(o)] for b, o in zip(self._blocks, self._orders, strict=True)]
        return np.array([[*row, _NOBODY, _NOBODY] for row in rows], np.int64)

    def _bind(self, crew: np.ndarray[Any, Any]) -> Run:
        self._tables = crew
        self._jobs = np.zeros((len(self.records), 2), np.int64)
        tables = [self._state, self._jobs, self.records, self._plans, crew]
        state, jobs, networks, plans, workers = [Buffer.external(i) for i in range(len(tables))]
        addresses = [_WALK.address("int64"), _SHUFFLE.address("int64")]
        builder = ProgramBuilder()
        builder.launch(
            _TRAIN,
            ["int64"],
            [state, jobs, networks, self.records.shape[1], plans, workers, *addresses],
            cells=self.workers,
            work=1e9 * self.workers,
        )
        return builder.build(len(tables)).bind([address_of(table) for table in tables])

    def run(self, jobs: Sequence[tuple[int, int]], *, alone: bool = False) -> None:
        """Jobs (network, steps), each network at most once, on the calling thread ``alone`` or on all."""
        self._jobs[: len(jobs)] = jobs
        self._state[:] = 0, len(jobs)
        self._run.run(alone=alone)

    def failure(self, network: int) -> Exception | None:
        """What stopped a network."""
        record = self.records[network]
        if not record[records.STATUS]:
            return None
        program: Program = self._programs[record[records.PLAN]]
        return program.failure(int(record[records.STATUS]))

    def __del__(self) -> None:
        for memory in getattr(self, "_arenas", ()):
            arena.give(memory)
