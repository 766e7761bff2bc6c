"""Checks of options, and the wording of their errors: who was called, which option, what came, what was expected.

And the one option of all ops together: how precisely to sum.
"""

import contextlib
import contextvars
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard

import numpy as np

from .naming import did_you_mean


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether it counts something; True does not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it measures something; True does not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def count(caller: str, name: str, value: Any, *, least: int = 1) -> int:
    """An integer of at least ``least``."""
    if not is_integer(value):
        raise TypeError(f"{caller}: {name} is {value!r}; expected an integer of at least {least}")
    if value < least:
        raise ValueError(f"{caller}: {name} is {value}; expected an integer of at least {least}")
    return int(value)


def integer(caller: str, name: str, value: Any) -> int:
    """An integer, which may count from the end."""
    if not is_integer(value):
        raise TypeError(f"{caller}: {name} is {value!r}; expected an integer")
    return int(value)


def number(
    caller: str,
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    below: float = math.inf,
    more: str = "",
) -> float:
    """A finite number with least <= value < below; ``more``: what else may be given."""
    if not is_number(value):
        raise TypeError(f"{caller}: {name} is {value!r}; expected a number{more}")
    if not (math.isfinite(value) and least <= value < below):
        bound = "a finite number" if least == -math.inf else f"a finite number of at least {least:g}"
        if below < math.inf:
            bound = f"{least:g} <= {name} < {below:g}"
        raise ValueError(f"{caller}: {name} is {value}; expected {bound}")
    return float(value)


def flag(caller: str, name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{caller}: {name} is {value!r}; expected True or False")
    return bool(value)


def choice(caller: str, name: str, value: Any, allowed: Sequence[str]) -> str:
    """One of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        hint = did_you_mean(value, allowed)
        raise ValueError(f"{caller}: {name} is {value!r}{hint}; expected one of {', '.join(map(repr, allowed))}")
    return value


def level_outside() -> int:
    """Where in the calls the caller of fastdl stands, for a warning of the function that asks."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("fastdl."):
        level, frame = level + 1, frame.f_back
    return level


_precision: contextvars.ContextVar[str] = contextvars.ContextVar("fastdl_precision", default="default")


def current_precision() -> str:
    """What :func:`precision` chose: "default", "strict" or "winograd"."""
    return _precision.get()


@contextlib.contextmanager
def precision(how: str) -> Iterator[None]:
    """Choose how precisely to sum inside a ``with`` block, for the calling Python thread only.

    "default" lets an op take a way that needs fewer operations and rounds more than the direct sum, where its docstring
    says so: :func:`fastdl.functional.conv2d` with kernels of 3 x 3 to 9 x 9, whose error is two to four times that of
    the sum, and its gradient to the weight (up to six times). "strict" does not. "winograd" takes that way in float32
    and float64 wherever it is possible (stride and dilation 1, one group, as many channels as a vector has lanes), also
    where fastdl's estimate says that the direct sum is quicker: to overrule it, or to compare the two. What is recorded
    keeps the choice of the time of recording: ``fd.compile(f)`` called under one of them makes and uses a plan of its
    own.

    >>> import numpy as np
    >>> import fastdl as fd
    >>> image, kernel = np.ones((1, 16, 8, 8), np.float32), np.ones((16, 16, 3, 3), np.float32)
    >>> with fd.precision("strict"):
    ...     float(fd.functional.conv2d(image, kernel)[0, 0, 0, 0])
    144.0
    """
    token = _precision.set(choice("precision", "how", how, ("default", "strict", "winograd")))
    try:
        yield
    finally:
        _precision.reset(token)
