"""Checks at the door of the functional floor, and the wording of its errors.

Whatever passes is an ndarray (or a recorded tensor) of a dtype that the op takes; kernels check nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Symbol

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
BOOL = np.dtype(np.bool_)
INT64 = np.dtype(np.int64)


def describe(**arrays: Any) -> str:
    """``x (8, 4, 32, 32), weight (16, 3, 3, 3)``: the arguments of an error message."""
    return ", ".join(f"{name} {tuple(a.shape)}" for name, a in arrays.items() if a is not None)


def array(op: str, name: str, x: Any) -> Any:
    """``x`` if it is an array or a recorded tensor; lists and numbers are refused with the remedy."""
    if isinstance(x, (np.ndarray, Symbol)):
        return x
    if isinstance(x, np.generic):
        return np.asarray(x)
    raise TypeError(
        f"{op}: {name} is a {type(x).__name__}; expected a NumPy array: convert it with np.asarray({name}, np.float32)"
    )


def floats(op: str, **arrays: Any) -> list[Any]:
    """The arrays, checked to be all float32 or all float64; None stands for an absent one and is passed on."""
    result: list[Any] = []
    first: tuple[str, Any] | None = None
    for name, value in arrays.items():
        if value is None:
            result.append(None)
            continue
        x = array(op, name, value)
        if x.dtype not in FLOATS:
            raise TypeError(
                f"{op}: {name} has dtype {x.dtype}; expected float32 or float64: convert it with "
                f"{name}.astype(np.float32)"
            )
        if first is None:
            first = (name, x.dtype)
        elif x.dtype != first[1]:
            raise TypeError(
                f"{op}: {name} has dtype {x.dtype} but {first[0]} has {first[1]}; expected one dtype: convert with "
                f"{name}.astype({first[0]}.dtype)"
            )
        result.append(x)
    return result


def indices(op: str, name: str, x: Any) -> Any:
    """An array of integers as int64."""
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return np.asarray(x, INT64)
    x = np.asarray(x) if isinstance(x, (list, tuple)) else array(op, name, x)
    if x.dtype == INT64:
        return x
    if x.dtype.kind not in "iu" or isinstance(x, Symbol):
        raise TypeError(f"{op}: {name} has dtype {x.dtype}; expected integers: convert it with {name}.astype(np.int64)")
    return x.astype(INT64)


def axis_of(op: str, axis: int, ndim: int) -> int:
    """``axis`` counted from the front."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"{op}: axis is {axis!r}; expected an integer")
    if not -ndim <= axis < ndim:
        raise ValueError(f"{op}: axis is {axis}; expected -{ndim} <= axis < {ndim} for an array of {ndim} dimensions")
    return int(axis) % ndim


def axes_of(op: str, axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """The axes meant by ``axis``, counted from the front and sorted; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (int, np.integer)):
        return (axis_of(op, int(axis), ndim),)
    found = tuple(sorted(axis_of(op, a, ndim) for a in axis))
    if len(set(found)) != len(found):
        raise ValueError(f"{op}: axis {tuple(axis)} names an axis twice")
    return found


def pair(op: str, name: str, value: int | Sequence[int], *, least: int) -> tuple[int, int]:
    """An option given as one integer or as (height, width)."""
    both = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(both) != 2 or any(isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in both):
        raise TypeError(f"{op}: {name} is {value!r}; expected an integer or two, (height, width)")
    if min(both) < least:
        raise ValueError(f"{op}: {name} is {value!r}; expected at least {least}")
    return int(both[0]), int(both[1])


def choice(op: str, name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """``value`` if it is one of the allowed ones."""
    if value not in allowed:
        raise ValueError(f"{op}: {name} is {value!r}; expected one of {', '.join(map(repr, allowed))}")
    return value


def output(op: str, out: Any, spec: Any, **inputs: Any) -> Any:
    """``out=`` checked: an array of the result's shape and dtype, contiguous, writeable, and not an input."""
    if out is None:
        return None
    if any(isinstance(x, Symbol) for x in inputs.values()):
        raise TypeError(f"{op}: out= was given while recording; leave it out, the plan places results itself")
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{op}: out is a {type(out).__name__}; expected a NumPy array")
    if out.shape != spec.shape or out.dtype != spec.dtype:
        raise ValueError(
            f"{op}: out has shape {out.shape} and dtype {out.dtype}; expected {spec.shape} and {spec.dtype}"
        )
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        raise ValueError(
            f"{op}: out must be C-contiguous, aligned and writeable; pass np.empty(...) of the right shape"
        )
    for name, x in inputs.items():
        if x is not None and np.may_share_memory(out, x):
            raise ValueError(f"{op}: out overlaps {name}; pass an array of its own")
    return out
