"""Checks of the options that layers are made with, and the wording of their errors."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def count(layer: str, name: str, value: Any, *, least: int = 1) -> int:
    """An integer of at least ``least``."""
    if not _is_integer(value):
        raise TypeError(f"{layer}: {name} is {value!r}; expected an integer of at least {least}")
    if value < least:
        raise ValueError(f"{layer}: {name} is {value}; expected an integer of at least {least}")
    return int(value)


def integer(layer: str, name: str, value: Any) -> int:
    """An integer, which may count from the end."""
    if not _is_integer(value):
        raise TypeError(f"{layer}: {name} is {value!r}; expected an integer")
    return int(value)


def number(layer: str, name: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{layer}: {name} is {value!r}; expected a number")
    if not math.isfinite(value):
        raise ValueError(f"{layer}: {name} is {value}; expected a finite number")
    return float(value)


def flag(layer: str, name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{layer}: {name} is {value!r}; expected True or False")
    return bool(value)


def choice(layer: str, name: str, value: Any, allowed: Sequence[str]) -> str:
    """One of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{layer}: {name} is {value!r}; expected one of {', '.join(map(repr, allowed))}")
    return value


def pair(layer: str, name: str, value: Any, *, least: int = 1) -> tuple[int, int]:
    """An integer, or (height, width)."""
    both = (value, value) if _is_integer(value) else value
    if not isinstance(both, (tuple, list)) or len(both) != 2 or not all(map(_is_integer, both)):
        raise TypeError(f"{layer}: {name} is {value!r}; expected an integer or (height, width)")
    if min(both) < least:
        raise ValueError(f"{layer}: {name} is {value!r}; expected at least {least}")
    return int(both[0]), int(both[1])


def padding(layer: str, value: Any) -> Any:
    """ "same", "valid", an integer, (height, width) or ((top, bottom), (left, right)), checked; lists become tuples."""
    if isinstance(value, str):
        return choice(layer, "padding", value, ("same", "valid"))
    if isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(v, (tuple, list)) for v in value):
        rows, columns = (pair(layer, "padding", v, least=0) for v in value)
        return rows, columns
    return pair(layer, "padding", value, least=0)


def brief(value: Any) -> Any:
    """``(3, 3)`` as ``3``, other tuples as lists: the form in which options are shown and saved."""
    if not isinstance(value, tuple):
        return value
    parts = [brief(v) for v in value]
    if any(isinstance(part, list) for part in parts):
        return [list(v) for v in value]
    return parts[0] if parts[0] == parts[1] else parts
