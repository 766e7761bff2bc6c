"""Training many networks: which of them run next and for how long, and what is done with those that are finished.

A call into compiled code lasts about 50 ms on all threads. Networks whose training takes longest begin, and those that
have begun go on, so that finished ones accumulate, and threads are idle only when fewer networks than threads are left.
The bits do not depend on any of that.
"""

import heapq
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .._kernels import address_of
from .._kernels import records as fields
from .._kernels.fleet import Fleet
from ..ops import Array
from ..training.interrupt import InterruptGuard
from ..training.memory import Memory
from .kinds import Kind
from .settings import Network

CALL_SECONDS = 0.05  # Ctrl-C and progress wait at most about this long
PROBE_SECONDS = 0.0005  # how long a first look at the speed of a kind of network takes


class Crew:
    """Trains networks. ``by_epoch``: a network waits after each epoch for something that is done in Python."""

    def __init__(self, networks: list[Network], kinds: list[Kind], steps: list[Any], by_epoch: bool) -> None:
        self._networks, self._kinds, self._by_epoch = networks, kinds, by_epoch
        data = kinds[0].data
        counts = [len(data.x) if n.rows is None else len(n.rows) for n in networks]
        self.fleet = Fleet(len(networks), steps, max(counts) if any(n.shuffle for n in networks) else 0)
        self.sums = np.zeros((sum(n.epochs for n in networks), fields.TOTALS))
        """Sum of the losses, number of right answers and of targets that count (0 if not counted), of all epochs of the
        first network, of the next, ..."""
        self.starts = np.cumsum([0, *[n.epochs for n in networks]]).tolist()
        self.memories: dict[int, Memory] = {}
        self._looked: dict[int, int] = {}  # how many epochs were looked at
        self._bad: dict[int, int] = {}  # the epoch in which a network was no longer finite
        self._seconds: dict[int, float] = {}  # per step, by plan
        self._scale = 1.0  # how much slower steps are than that, as things are
        self._per_epoch = np.empty(len(networks), np.int64)
        for i, (network, kind, count) in enumerate(zip(networks, kinds, counts, strict=True)):
            self._record(i, network, kind, count, steps)
        self._work = self._per_epoch * np.array([n.epochs for n in networks])
        self.steps = int(self._work.sum())
        guess = np.array([steps[record[fields.FULL]].program.work for record in self.fleet.records])
        self._waiting: list[int] = np.argsort(-guess * self._work, kind="stable").tolist()

    def _record(self, i: int, network: Network, kind: Kind, count: int, steps: list[Any]) -> None:
        """Fill in a network's record but for the addresses of its memory."""
        record, (full, rest) = self.fleet.records[i], divmod(count, kind.batch)
        self._per_epoch[i] = full + (rest > 0)
        record[fields.FULL] = kind.plan(kind.batch, steps)
        record[fields.REST] = kind.plan(rest, steps) if rest else -1
        record[fields.FULL_STEPS], record[fields.STEPS] = full, self._per_epoch[i]
        record[fields.COUNT], record[fields.SEED] = count, network.seed
        record[fields.STOP] = 1 if self._by_epoch else network.epochs
        record[fields.SHUFFLED] = network.shuffle
        record[fields.ROWS] = 0 if network.rows is None else address_of(network.rows)
        record[fields.SUMS] = address_of(self.sums) + self.sums.strides[0] * self.starts[i]

    def _begin(self, i: int) -> None:
        """Give a network its memory."""
        kind, record = self._kinds[i], self.fleet.records[i]
        memory = self.memories[i] = kind.memory(self._networks[i])
        addresses = {name: address_of(array) for name, array in memory.arrays.items()}
        record[fields.POSITION], record[fields.TOTAL] = addresses["position"], addresses["total"]
        record[fields.CORRECT], record[fields.COUNTED] = addresses.get("correct", 0), addresses.get("counted", 0)
        record[fields.ORDER] = list(addresses).index("order")
        record[fields.BASES : fields.BASES + len(addresses)] = list(addresses.values())

    def epochs_of(self, i: int) -> int:
        """How many epochs a network has finished, and was finite in."""
        done = int(self.fleet.records[i, fields.EPOCH])
        return min(done, self._bad.get(i, done))

    def run(
        self,
        guard: InterruptGuard,
        advance: Callable[[int], None],
        at_epoch: Callable[[int], bool],
        at_end: Callable[[int, Exception | None], None],
    ) -> None:
        """Until all networks are finished, or Ctrl-C. Functions to be called: ``advance(steps)`` after each call;
        ``at_epoch(network)`` after an epoch, if networks wait then, says whether it goes on; ``at_end(network, error)``
        when it is finished."""
        while self._waiting and not guard.hit:
            jobs, alone = self._next()
            before = self._done(jobs)
            self._timed(jobs, alone)
            advance(int((self._done(jobs) - before).sum()))
            over = [i for i, _ in jobs if self._over(i, at_epoch)]
            for i in over:
                at_end(i, self.fleet.failure(i) or self._not_finite(i))
                del self.memories[i]
            if over:
                self._waiting = [i for i in self._waiting if i not in over]

    def _over(self, i: int, at_epoch: Callable[[int], bool]) -> bool:
        record = self.fleet.records[i]
        if record[fields.STATUS] or self._not_finite(i) is not None:
            return True
        if self._by_epoch and record[fields.EPOCH] == record[fields.STOP]:
            record[fields.STOP] += 1
            if not at_epoch(i):
                return True
        return bool(record[fields.EPOCH] == self._networks[i].epochs)

    def _not_finite(self, i: int) -> FloatingPointError | None:
        """What to say of a network whose losses, or in the end parameters, are not finite."""
        done, arrays = self.epochs_of(i), self.memories[i].arrays
        looked = self._looked.get(i, 0)
        # The total of an epoch stays NaN or infinite once it is.
        bad = np.flatnonzero(~np.isfinite(self.sums[self.starts[i] + looked : self.starts[i] + done, 0]))
        if bad.size:
            self._bad[i] = looked + int(bad[0])
        elif not np.isfinite(arrays["total"]):
            self._bad[i] = done
        elif done == self._networks[i].epochs and not np.isfinite(arrays["flat"]).all():
            self._bad[i] = done - 1
        self._looked[i] = done
        if i not in self._bad:
            return None
        return FloatingPointError(
            f"not finite any more in epoch {self._bad[i]} (counted from 0). Lower the learning rate, or bound the "
            "gradient by the optimiser's clip_norm; model.fit alone, which gets the same bits, says in which step and "
            "op it began"
        )

    def _done(self, jobs: list[tuple[int, int]]) -> Array:
        """The steps that the networks of these jobs have done."""
        records = self.fleet.records[[i for i, _ in jobs]]
        done: Array = records[:, fields.EPOCH] * records[:, fields.STEPS] + records[:, fields.STEP]
        return done

    def _left(self, i: int) -> int:
        """Steps until a network stops, or has to wait."""
        record = self.fleet.records[i]
        return int((record[fields.STOP] - record[fields.EPOCH]) * record[fields.STEPS] - record[fields.STEP])

    def _next(self) -> tuple[list[tuple[int, int]], bool]:
        """(jobs, whether on the calling thread alone): as many as keep all threads busy for a while."""
        loads = [0.0] * self.fleet.workers  # a heap; each worker gets CALL_SECONDS
        jobs: list[tuple[int, int]] = []
        for i in self._waiting:
            if loads[0] > 0.98 * CALL_SECONDS:
                break
            if i not in self.memories:
                self._begin(i)
            left, seconds = self._left(i), self._seconds.get(int(self.fleet.records[i, fields.FULL]))
            if seconds is None:
                return [(i, 1)], True
            seconds *= self._scale
            steps = min(left, max(1, int((CALL_SECONDS - loads[0]) / seconds)))
            heapq.heapreplace(loads, loads[0] + steps * seconds)
            jobs.append((i, steps))
        return jobs, len(jobs) == 1

    def _timed(self, jobs: list[tuple[int, int]], alone: bool) -> None:
        """Run jobs, and learn how long steps take."""
        first, steps = jobs[0]
        plan = int(self.fleet.records[first, fields.FULL])
        start = time.perf_counter()
        self.fleet.run(jobs, alone=alone)
        seconds = time.perf_counter() - start
        if plan not in self._seconds:
            self._seconds[plan] = seconds
            steps = min(self._left(first), int(PROBE_SECONDS / seconds))
            if steps > 0 and not self.fleet.records[first, fields.STATUS]:
                start = time.perf_counter()
                self.fleet.run([(first, steps)], alone=True)
                self._seconds[plan] = max(1e-9, (time.perf_counter() - start) / steps)
            return
        loads = [0.0] * self.fleet.workers
        for i, steps in jobs:
            expected = steps * self._seconds[int(self.fleet.records[i, fields.FULL])]
            heapq.heapreplace(loads, loads[0] + expected)
        self._scale = min(10.0, max(0.1, 0.5 * (self._scale + seconds / max(1e-9, max(loads)))))
