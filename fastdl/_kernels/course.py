"""One training run as ``epochs.train`` sees it: the record that it goes by, and the totals of epochs that it passed."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import records
from .addresses import address_of
from .launches import Buffer
from .loader import Kernel
from .program import Program, ProgramBuilder, Run

MOST_EPOCHS = 4096  # that one call may pass
_TRAIN, _WALK, _SHUFFLE = Kernel("epochs", "train"), Kernel("walk", "walk"), Kernel("shuffle", "shuffle")
_NONE = -1


@functools.cache
def _program() -> Program:
    builder = ProgramBuilder()
    tables, addresses = [Buffer.external(0), Buffer.external(1)], [k.address("int64") for k in (_WALK, _SHUFFLE)]
    builder.launch(_TRAIN, ["int64"], [*tables, *addresses], cells=1, work=1.0)
    return builder.build(2)


class Course:
    """Steps over one array of samples, epoch after epoch. Whoever gives arrays keeps them alive.

    ``position`` and ``totals``: where the steps count; None for what is not counted.
    """

    def __init__(self, position: np.ndarray[Any, Any], totals: Sequence[np.ndarray[Any, Any] | None]) -> None:
        record, self._state = np.zeros(records.BASES, np.int64), np.array([0, _NONE], np.int64)
        self._sums = np.zeros((MOST_EPOCHS, records.TOTALS))
        self._sums_place = address_of(self._sums)
        record[records.POSITION] = address_of(position)
        record[records.TOTAL :][: records.TOTALS] = [0 if total is None else address_of(total) for total in totals]
        self._record, self._left = record.data, self._state.data
        self._run = _program().bind([address_of(record), address_of(self._state)])
        self._runs: tuple[Run | None, Run | None] = None, None

    def begin(
        self,
        full: Run | None,
        rest: Run | None,
        full_steps: int,
        *,
        epoch: int,
        step: int,
        order: np.ndarray[Any, Any],
        seed: int | None,
    ) -> None:
        """From ``step`` of ``epoch`` on: ``full_steps`` steps of an epoch by one run, and one by the other if there is
        one; ``order`` follows from the seed and the epoch's number, or stays as it is."""
        record, self._runs = self._record, (full, rest)
        record[records.FULL_STEPS], record[records.STEPS] = full_steps, full_steps + (rest is not None)
        record[records.STEP], record[records.EPOCH] = step, epoch
        record[records.SHUFFLED] = seed is not None
        record[records.ORDER], record[records.COUNT] = address_of(order), len(order)
        record[records.SEED] = seed or 0
        self._left[1] = _NONE

    @property
    def epoch(self) -> int:
        """The epoch of the last step."""
        return self._record[records.EPOCH]

    @property
    def step(self) -> int:
        """How many steps of the epoch were done."""
        return self._record[records.STEP]

    def run(self, steps: int, alone: bool) -> np.ndarray[Any, Any]:
        """So many steps; of each epoch that was passed a row of totals, overwritten by the next call. ``check``
        afterwards."""
        record, (full, rest), first = self._record, self._runs, self._record[records.EPOCH]
        record[records.FULL] = 0 if full is None else full.ready(alone)
        record[records.REST] = 0 if rest is None else rest.ready(alone)
        record[records.SUMS] = self._sums_place - self._sums.strides[0] * first
        self._left[0] = steps
        self._run.run()
        return self._sums[: record[records.EPOCH] - first]

    def check(self) -> None:
        """Raise what a kernel reported; the steps after that one were not run."""
        for run in self._runs:
            if run is not None:
                run.check()
