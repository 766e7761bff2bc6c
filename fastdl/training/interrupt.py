"""Ctrl-C during training: finish the steps under way, keep the model, then raise KeyboardInterrupt.

A signal is only seen by Python when a compiled call returns, so the loop keeps its calls short and asks here between
them. Code that may take long and can be left at any place (validation, callbacks) runs ``open``.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any


class Interrupted(Exception):  # noqa: N818 - it is not an error
    """Ctrl-C was pressed."""


@contextlib.contextmanager
def before_the_first_step() -> Iterator[None]:
    """Ctrl-C while training is made ready, which takes seconds where kernels have to be compiled, says so."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("training stopped before the first step; the model is as it was") from None


class _Opened(AbstractContextManager[None]):
    """Several times an epoch, which may take ten microseconds: a generator would cost one of them each time."""

    __slots__ = ("_guard",)

    def __init__(self, guard: "InterruptGuard") -> None:
        self._guard = guard

    def __enter__(self) -> None:
        self._guard._open = True

    def __exit__(self, *_: object) -> None:
        self._guard._open = False


class InterruptGuard:
    """Inside ``with``, Ctrl-C only sets ``hit``. Outside the main thread signals never arrive: no effect."""

    def __init__(self) -> None:
        self.hit = False
        self._open = False
        self._previous: Any = None
        self._installed = False

    def __enter__(self) -> "InterruptGuard":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            # Somebody's own handler stays in charge; it raises or sets what it likes.
            if self._previous is signal.default_int_handler:
                signal.signal(signal.SIGINT, self._note)
                self._installed = True
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.hit = True
        if self._open:
            raise KeyboardInterrupt

    def open(self) -> "_Opened":
        """Inside, Ctrl-C raises KeyboardInterrupt at once."""
        return _Opened(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)
