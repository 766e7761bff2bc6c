"""``fd.debug_nans``: every op that makes NaN or infinity of finite numbers raises an error that names it."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any

import numpy as np

ACTIVE: list[bool] = []
"""Not empty while ops are checked: the quickest thing to ask."""


class debug_nans:
    """Check the results of all ops from now on, or inside ``with``: FloatingPointError names the first bad one.

    An op is to blame if its result holds NaN or infinity and its arguments do not. Ops on arrays are checked one by
    one, and so are those of compiled functions (``fd.compile``, ``fd.grad``, ...), which run op by op for it, gradients
    included. It holds for all threads and costs a look at every result, so it is for finding errors. ``fit`` needs no
    switch: when its loss is not finite, it goes back and looks for the first op by itself.

    >>> import numpy as np, fastdl as fd
    >>> with fd.debug_nans():
    ...     fd.grad(lambda x: np.sum(np.sqrt(x)))(np.float32([4, 0]))
    Traceback (most recent call last):
        ...
    FloatingPointError: divide: result[1] is inf, though all its arguments are finite (fd.debug_nans)
    """

    def __init__(self, on: bool = True) -> None:
        if not isinstance(on, (bool, np.bool_)):
            raise TypeError(f"debug_nans: on is {on!r}; expected True or False")
        self._before = bool(ACTIVE)
        _switch(bool(on))

    def __enter__(self) -> None:
        """Nothing to do: the check began with the call."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _switch(self._before)


def _switch(on: bool) -> None:
    ACTIVE[:] = [True] * on


def blame(name: str, inputs: Iterable[Any], outputs: Iterable[Any]) -> str | None:
    """What is wrong with the outputs of an op, in words; None if they are finite, or its inputs are not."""
    for i, y in enumerate(outputs):
        place = not_finite(y)
        if place is not None:
            if any(not_finite(x) is not None for x in inputs):
                return None
            which = f"result{list(place) if place else ''}" if i == 0 else f"result {i}{list(place) if place else ''}"
            return f"{name}: {which} is {y[place]}, though all its arguments are finite"
    return None


def not_finite(x: Any) -> tuple[int, ...] | None:
    """Where the first NaN or infinity of an array is; None if there is none."""
    if x is None or x.dtype.kind != "f":
        return None
    finite = np.isfinite(x)
    if finite.all():
        return None
    return tuple(int(i) for i in np.argwhere(~finite)[0])


def check(name: str, inputs: Iterable[Any], outputs: Iterable[Any]) -> None:
    """Raise FloatingPointError if an op made NaN or infinity."""
    wrong = blame(name, inputs, outputs)
    if wrong is not None:
        raise FloatingPointError(f"{wrong} (fd.debug_nans)")
