"""Items made ahead of use by a thread of their own: the next piece of data is read while the last is trained on."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_END = object()


class Ahead(Iterator[T], Generic[T]):
    """Iterates over ``make(stopped)``, which runs in a thread, one item ahead of the one in use.

    What the maker raises is raised where the item is asked for. An item may be made in the memory of the last but one:
    its maker does not go on before the item after that was asked for. ``close`` ends the thread; a maker that takes
    long for an item should look at ``stopped`` now and then.
    """

    def __init__(self, make: Callable[[threading.Event], Iterator[T]]) -> None:
        self._ready: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._room = threading.Semaphore(2)
        self._stopped = threading.Event()
        self._started = False
        self._thread = threading.Thread(target=self._run, args=(make,), name="fastdl reader", daemon=True)
        self._thread.start()

    def _run(self, make: Callable[[threading.Event], Iterator[T]]) -> None:
        try:
            items = make(self._stopped)
            try:
                while self._room.acquire() and not self._stopped.is_set():
                    self._ready.put((next(items), None))
            except StopIteration:
                self._ready.put((_END, None))
            finally:
                close = getattr(items, "close", None)  # a generator's
                if close is not None:
                    close()
        except BaseException as error:  # whatever it is, whoever waits for the item has to hear of it
            self._ready.put((_END, error))

    def __next__(self) -> T:
        if self._started:
            self._room.release()
        self._started = True
        item, error = self._ready.get()
        if error is not None:
            raise error
        if item is _END:
            self._ready.put((_END, None))
            raise StopIteration
        found: T = item
        return found

    def close(self) -> None:
        """End the thread and wait for it."""
        self._stopped.set()
        self._room.release()
        self._thread.join()
