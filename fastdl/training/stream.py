"""Batches that Python code makes: lists of batches, loaders, generators. Each batch is a piece, made one ahead of use.

The order is the iterator's own, so nothing is shuffled, and each batch is one step, of whatever size.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from ..ops import Array
from .ahead import Ahead
from .inputs import samples, targets
from .sources import Piece, Source

_EXPECTED = "expected pairs (x, y) of arrays, or triples (x, y, weight)"


class Batches:
    """The batches of an iterable, of a function that returns an iterator, or of an iterator, which has one epoch."""

    def __init__(self, given: Any, epochs: int) -> None:
        self._given = given
        kind = type(given).__name__
        if isinstance(given, (dict, set)) or not (callable(given) or hasattr(given, "__iter__")):
            raise TypeError(f"fit: X is a {kind} and y is missing; {_EXPECTED}, or X and y")
        self._once = not callable(given) and iter(given) is given
        if self._once and epochs > 1:
            raise ValueError(
                f"fit: X is a {kind}, which gives its batches once, but epochs is {epochs}: give a list, a loader or a "
                "function that returns a fresh iterator, or epochs=1"
            )
        self._opened: tuple[Iterator[Any], Any] | None = None
        iterator = self._fresh()
        try:
            self._opened = iterator, next(iterator)
        except StopIteration:
            raise ValueError(f"fit: X is a {kind} that gave no batch; {_EXPECTED}") from None
        self.first = checked(self._opened[1], 0, None)

    def _fresh(self) -> Iterator[Any]:
        made = self._given() if callable(self._given) else self._given
        if not hasattr(made, "__iter__"):
            raise TypeError(f"fit: X returned a {type(made).__name__}; expected an iterator of batches (x, y)")
        return iter(made)

    def epoch(self) -> Generator[Any, None, None]:
        """The batches of an epoch; what was opened to look at the first batch comes first."""
        if self._opened is None:
            iterator = self._fresh()
        else:
            iterator, first = self._opened
            self._opened = None
            yield first
        try:
            yield from iterator
        finally:
            if not self._once and hasattr(iterator, "close"):
                iterator.close()


def checked(item: Any, number: int, like: "tuple[Array, Array, Array | None] | None") -> tuple[Array, Array, Any]:
    """A batch as arrays (x, y, weight or None) of its own memory: a loader may fill the same array again and again."""
    what = f"batch {number}"
    if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
        got = f"{len(item)} parts" if isinstance(item, (tuple, list)) else f"a {type(item).__name__}"
        raise TypeError(f"fit: {what} of X is {got}; {_EXPECTED}")
    x = np.array(samples("fit", f"X of {what}", item[0]))
    if len(x) == 0:
        raise ValueError(f"fit: {what} of X has no samples")
    try:
        y = np.array(targets("fit", item[1], len(x)))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error} ({what})") from None
    weight = np.array(item[2]) if len(item) == 3 and item[2] is not None else None
    if like is not None and (x.shape[1:] != like[0].shape[1:] or (weight is None) != (like[2] is None)):
        kinds = [
            f"{a.shape[1:]} {'without' if w is None else 'with'} weights" for a, w in ((x, weight), (like[0], like[2]))
        ]
        raise ValueError(f"fit: {what} of X has samples of shape {kinds[0]}; those of the first have shape {kinds[1]}")
    return x, y, weight


class StreamSource(Source):
    """``finish(y, weight)`` makes of a batch's targets the arrays that plans take."""

    repeats = False

    def __init__(self, batches: Batches, finish: Callable[[Array, Array | None], dict[str, Array]]) -> None:
        self._batches, self._finish, self.repeats = batches, finish, False
        self.count, self.batch = None, None
        self.sample_shape = batches.first[0].shape[1:]
        self._orders: dict[int, Array] = {}
        self.arrays = self._piece(*batches.first)

    def pieces(self, epoch: int, done: int = 0) -> Generator[Piece, None, None]:
        seen = 0
        with closing(Ahead(self._read)) as ahead:
            for arrays in ahead:
                count = len(arrays["x"])
                seen += count
                if seen > done:
                    yield Piece(arrays, count)
        if not seen:
            raise ValueError(
                f"fit: X gave no batch in epoch {epoch + 1}: if it gives its batches only once, pass a function that "
                "returns a fresh iterator"
            )
        if seen <= done:
            yield Piece(arrays, count, count)  # for those who look at the last batch

    def _read(self, stopped: threading.Event) -> Iterator[dict[str, Array]]:
        with closing(self._batches.epoch()) as batches:
            for number, item in enumerate(batches):
                x, y, weight = checked(item, number, self._batches.first)
                try:
                    arrays = self._piece(x, y, weight)
                except (TypeError, ValueError) as error:
                    raise type(error)(f"{error} (batch {number})") from None
                yield arrays

    def _piece(self, x: Array, y: Array, weight: Array | None) -> dict[str, Array]:
        order = self._orders.setdefault(len(x), np.arange(len(x)))
        return {"x": x, **self._finish(y, weight), "order": order}
