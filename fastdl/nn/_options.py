"""Checks of the options that layers are made with: those of ``fastdl.options``, and extents of images."""

from typing import Any

from ..options import choice, count, flag, integer, is_integer, number

__all__ = ["brief", "choice", "count", "flag", "integer", "number", "padding", "pair", "share"]


def share(layer: str, name: str, value: Any, of: str = "elements") -> float:
    """How large a part dropout takes: from 0 up to, but not including, 1."""
    found = number(layer, name, value)
    if not 0 <= found < 1:
        raise ValueError(f"{layer}: {name} is {value}; expected 0 <= {name} < 1, the share of {of} to drop")
    return found


def pair(layer: str, name: str, value: Any, *, least: int = 1) -> tuple[int, int]:
    """An integer, or (height, width)."""
    both = (value, value) if is_integer(value) else value
    if not isinstance(both, (tuple, list)) or len(both) != 2 or not all(map(is_integer, both)):
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
