"""Checks of options, and the wording of their errors: who was called, which option, what came, what was expected."""

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np


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
        raise ValueError(f"{caller}: {name} is {value!r}; expected one of {', '.join(map(repr, allowed))}")
    return value
