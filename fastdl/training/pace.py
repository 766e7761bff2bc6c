"""How many steps to run before Python is entered again, and whether on all threads or on one.

The result has the same bits either way, so this choice may follow the clock. On a machine that is busy with other work
the threads wait for each other at the end of every launch, spinning, and lose more than they win: beside one busy
process on two cores the network of ``fastdl train mnist5k`` took 13 s alone and 160 s together. So both ways are timed
at the start and again from time to time, and the quicker one is used.
"""

CHUNK_SECONDS = 0.05  # Ctrl-C, progress and callbacks wait at most about this long
PROBE_SECONDS = 0.01  # how long a look at the other way takes, or one step
FIRST_PROBE, LAST_PROBE = 0.02, 1.0  # seconds between looks, doubled each time
PROBE_SHARE = 0.02  # of the time may go into looks


class Pace:
    """Says what to run next; is told how long that took. ``threads``: how many there are to choose from."""

    def __init__(self, threads: int) -> None:
        self._choices = (False, True) if threads > 1 else (False,)
        self._seconds: dict[bool, float] = {}  # per step, by "alone"
        self._since_probe = 0.0
        self._pause = FIRST_PROBE

    @property
    def alone(self) -> bool:
        """Whether one thread is the quicker way, as far as is known."""
        return min(self._choices, key=lambda alone: self._seconds.get(alone, 0.0))

    def next(self, waiting: int) -> tuple[bool, int]:
        """(alone, steps) of the next run, at most ``waiting`` steps."""
        for alone in self._choices:
            if alone not in self._seconds:
                return alone, 1  # nothing is known yet
        best = self.alone
        if len(self._choices) > 1:
            other = not best
            pause = max(self._pause, self._seconds[other] / PROBE_SHARE)
            if self._since_probe > pause:
                self._since_probe, self._pause = 0.0, min(2 * self._pause, LAST_PROBE)
                return other, self._count(other, PROBE_SECONDS, waiting)
        return best, self._count(best, CHUNK_SECONDS, waiting)

    def _count(self, alone: bool, seconds: float, waiting: int) -> int:
        return min(waiting, max(1, int(seconds / self._seconds[alone])))

    def took(self, alone: bool, steps: int, seconds: float) -> None:
        """``steps`` steps took ``seconds``."""
        self._seconds[alone] = max(1e-9, seconds / steps)
        self._since_probe += seconds
