"""The machine's peak: operations in a second when nothing but multiply-adds run, on all threads at once."""

import time
from collections.abc import Callable

import numpy as np

from .._kernels import Buffer, Kernel, Program, ProgramBuilder, address_of, threads

_CHAINS = 12
_SECONDS = 0.02


class Peak:
    """Measures the peak again and again, so that a clock that slows down is seen in the same round.

    ``timer`` reads the seconds; ``time.thread_time`` of one thread is right on a busy machine, too.
    """

    def __init__(self, dtype: str, timer: Callable[[], float] = time.perf_counter) -> None:
        self._timer = timer
        self._dtype = np.dtype(dtype)
        self._cells = threads.get_num_threads()
        self._sums = np.empty(self._cells, self._dtype)
        self._programs = []
        for name, width in (("wide", 64), ("narrow", 32)):
            each = 2.0 * _CHAINS * (width // self._dtype.itemsize)
            rounds = 10_000
            while (seconds := self._least(self._program(name, rounds))) < _SECONDS:
                rounds = int(rounds * min(10, 1.2 * _SECONDS / seconds)) + 1
            self._programs.append((self._program(name, rounds), each * rounds * self._cells))

    def _program(self, name: str, rounds: int) -> Program:
        builder = ProgramBuilder()
        builder.launch(
            Kernel("peak", name), [self._dtype.name], [Buffer.external(0), rounds], cells=self._cells, work=1e9
        )
        return builder.build(1, [])

    def _least(self, program: Program) -> float:
        """The best of a few runs: beside other processes one may wait for a core longer than it computes."""
        return min(self._seconds(program) for _ in range(5))

    def _seconds(self, program: Program) -> float:
        start = self._timer()
        program.run([address_of(self._sums)])
        return self._timer() - start

    def measure(self) -> float:
        """Operations in a second: the better of the two vector widths, now."""
        return max(operations / self._seconds(program) for program, operations in self._programs)
