"""How arrays whose elements only move are lowered: the copies all such functions are made of, and what an index means.

Kernels move integers of the elements' size, so that float64 and int64 share one.
"""

import math
import operator
from collections.abc import Sequence
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from .._kernels import Buffer, Kernel
from ..ops import Lowering, Operand, Shape
from ._door import array, describe
from ._lowering import cells, collapse

Entry: TypeAlias = int | slice | EllipsisType | None
MOVABLE = tuple(map(np.dtype, (np.float32, np.float64, np.int64, np.bool_)))
_WORDS: dict[int, np.dtype[Any]] = {1: np.dtype(np.uint8), 4: np.dtype(np.int32), 8: np.dtype(np.int64)}
CELL, _TILE = 4096, 32  # as in the kernels
_NARROW = 8  # a matrix with fewer rows or columns than this is not transposed in tiles


def movable(name: str, **arrays: Any) -> list[Any]:
    """The arrays, checked to be of one dtype that the functions here move."""
    result: list[Any] = []
    for argument, value in arrays.items():
        x = array(name, argument, value)
        if x.dtype not in MOVABLE:
            raise TypeError(
                f"{name}: {argument} has dtype {x.dtype}; expected float32, float64, int64 or bool: convert it with "
                f"{argument}.astype(np.float32)"
            )
        result.append(x)
    return result


def movable_list(name: str, arrays: Sequence[Any]) -> list[Any]:
    """At least one array in a list or tuple, checked to be all of one dtype that the functions here move."""
    if not isinstance(arrays, Sequence) or not arrays:
        what = "empty" if isinstance(arrays, Sequence) else f"a {type(arrays).__name__}"
        raise TypeError(f"{name}: arrays is {what}; expected a list or tuple of at least one array")
    parts = movable(name, **{f"arrays[{k}]": x for k, x in enumerate(arrays)})
    for k, x in enumerate(parts):
        if x.dtype != parts[0].dtype:
            raise TypeError(
                f"{name}: arrays[{k}] has dtype {x.dtype} but arrays[0] has {parts[0].dtype}; expected one dtype: "
                "convert with astype"
            )
    return parts


def inverse(order: Shape) -> Shape:
    """The order of axes that undoes an order of axes."""
    return tuple(order.index(axis) for axis in range(len(order)))


def word(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The integers that kernels move elements as: one kernel an element size."""
    return _WORDS[dtype.itemsize]


def row_major(shape: Shape) -> list[int]:
    """Steps from element to element along each axis of a C-contiguous array."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def launch_zeros(lowering: Lowering, y: Operand) -> None:
    """y = 0; a float's zero has the bits of an integer's."""
    lowering.launch(Kernel("shape", "zeros"), word(y.dtype), [y, y.size], cells=cells(y.size), work=0.1 * y.size)


def launch_copy(
    lowering: Lowering,
    shape: Shape,
    y: Operand,
    x: Operand,
    steps_y: list[int],
    steps_x: list[int],
    start_y: int = 0,
    start_x: int = 0,
) -> None:
    """y[start_y + i . steps_y] = x[start_x + i . steps_x] for every index i into ``shape``, in elements."""
    if 0 in shape:
        return
    sizes, (steps_y, steps_x) = collapse(shape, [steps_y, steps_x])
    inner = len(sizes) - 1
    swap = steps_y[inner] == 1 and steps_x[inner] not in (0, 1) and 1 in steps_x
    if swap:
        # x is contiguous along an axis that is not y's last one: bring the two together.
        other = steps_x.index(1)
        swap = min(sizes[inner], sizes[other]) >= _NARROW
        pair = [other, inner] if swap or sizes[inner] > sizes[other] else [inner, other]
        order = [axis for axis in range(inner) if axis != other] + pair
        sizes, steps_y, steps_x = ([table[axis] for axis in order] for table in (sizes, steps_y, steps_x))
    if inner == 0:
        sizes, steps_y, steps_x = [1, *sizes], [0, *steps_y], [0, *steps_x]
    *outer, rows, columns = sizes
    if swap:
        count = -(-rows // _TILE) * -(-columns // _TILE)
        kernel, layout = Kernel("shape", "transpose"), [rows, columns, steps_y[-2], steps_x[-1]]
    else:
        cell_columns = min(columns, CELL)
        cell_rows = min(rows, CELL // cell_columns)
        count = -(-rows // cell_rows) * -(-columns // cell_columns)
        kernel = Kernel("shape", "copy")
        layout = [rows, columns, cell_rows, cell_columns, steps_y[-2], steps_x[-2], steps_y[-1], steps_x[-1]]
    width = y.dtype.itemsize
    places: list[Buffer] = [y.buffer.at(start_y * width), x.buffer.at(start_x * width)]
    tables = [lowering.constant(table[:-2]) if outer else None for table in (sizes, steps_y, steps_x)]
    arguments = [*places, *layout, len(outer), *tables]
    count *= math.prod(outer)
    lowering.launch(kernel, word(y.dtype), arguments, cells=count, work=0.3 * math.prod(shape))


def entries_of(name: str, x: Any, index: Entry | tuple[Entry, ...]) -> list[int | range | None]:
    """The index with one entry an axis, slices as ranges of places, and None where a new axis stands."""
    given = index if isinstance(index, tuple) else (index,)
    for entry in given:
        if isinstance(entry, (bool, np.bool_)) or not isinstance(
            entry, (int, np.integer, slice, EllipsisType, type(None))
        ):
            raise TypeError(
                f"{name}: index holds a {type(entry).__name__}; expected integers, slices, None and ...; use take for "
                "lists of positions and where for masks"
            )
    ndim = len(x.shape)
    mentioned = sum(entry is not None and entry is not Ellipsis for entry in given)
    if mentioned > ndim or sum(entry is Ellipsis for entry in given) > 1:
        raise IndexError(f"{name}: index is {index}, {describe(x=x)}; expected at most {ndim} axes and at most one ...")
    at = next((k for k, entry in enumerate(given) if entry is Ellipsis), len(given))
    full = [*given[:at], *[slice(None)] * (ndim - mentioned), *given[at + 1 :]]
    entries: list[int | range | None] = []
    axis = 0
    for entry in full:
        if entry is None:
            entries.append(None)
            continue
        n = x.shape[axis]
        if isinstance(entry, slice):
            entries.append(range(*entry.indices(n)))
        else:
            place = operator.index(entry)  # type: ignore[arg-type]  # the only ... was cut out
            if not -n <= place < n:
                raise IndexError(
                    f"{name}: index {place} is outside axis {axis} of {describe(x=x)}; expected -{n}..{n - 1}"
                )
            entries.append(place % n)
        axis += 1
    return entries


def slice_attributes(entries: list[int | range | None]) -> tuple[dict[str, Shape], Shape]:
    """Starts, lengths and steps along the axes of x, and the shape of the result."""
    ranges = [range(e, e + 1) if isinstance(e, int) else e for e in entries if e is not None]
    attributes = {
        "starts": tuple(r.start if len(r) else 0 for r in ranges),
        "lengths": tuple(len(r) for r in ranges),
        "steps": tuple(r.step if len(r) > 1 else 1 for r in ranges),
    }
    return attributes, tuple(1 if e is None else len(e) for e in entries if not isinstance(e, int))


def slice_steps(full: Shape, starts: Shape, steps: Shape) -> tuple[int, list[int]]:
    """Where a slice starts in an array of shape ``full``, and its steps there, in elements."""
    strides = row_major(full)
    first = sum(start * stride for start, stride in zip(starts, strides, strict=True))
    return first, [step * stride for step, stride in zip(steps, strides, strict=True)]
