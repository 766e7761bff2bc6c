"""What a program is made of: launches, and the arguments of their kernels.

An argument that is memory is a *buffer*: so many bytes behind the address of a base, which is known when the program
runs.
"""

import operator
import struct
from typing import NamedTuple, TypeAlias

from .loader import Kernel

NO_BASE, STATUS_BASE, ARENA_BASE, CONSTANT_BASE, BLOCKS_BASE, FIRST_FREE_BASE = 0, 1, 2, 3, 4, 5
_NULL_SLOT = (NO_BASE, 0)


class Buffer(NamedTuple):
    """A place in memory known when the program runs: ``offset`` bytes after the address of base ``base``."""

    base: int
    offset: int = 0

    @staticmethod
    def external(i: int) -> "Buffer":
        """The caller's i-th base: memory whose address is given at each run."""
        return Buffer(FIRST_FREE_BASE + i)

    def at(self, offset: int) -> "Buffer":
        """The place ``offset`` bytes further on."""
        return Buffer(self.base, self.offset + offset)


STATUS = Buffer(STATUS_BASE)
Argument: TypeAlias = Buffer | int | float | None


class Touched(NamedTuple):
    """Memory that an elementwise launch reads or writes: element i of ``step`` bytes for element i of the grid, or any
    of it where ``step`` is 0."""

    place: Buffer
    nbytes: int
    step: int
    written: bool


class Launch(NamedTuple):
    """A kernel with its arguments, over so many cells, for at most so many threads.

    ``grid``: elements and elements of a cell if it is elementwise, and then all that it touches. ``members``: of a
    group, see ``groups.py``.
    """

    kernel: Kernel
    dtypes: tuple[str, ...]
    arguments: tuple[Argument, ...]
    cells: int
    parts: int
    work: float = 0.0
    grid: tuple[int, int] = (0, 0)
    touched: tuple[Touched, ...] = ()
    members: tuple["Launch", ...] = ()


def bits_of(real: float) -> int:
    """The bits of a float64, as kernels find it in a slot, whatever their own dtype."""
    bits: int = struct.unpack("<q", struct.pack("<d", real))[0]
    return bits


def slot_of(argument: Argument) -> tuple[int, int]:
    """An argument as (base, number to be added to the base's address)."""
    if isinstance(argument, Buffer):
        return argument.base, argument.offset
    if argument is None:
        return _NULL_SLOT
    if isinstance(argument, float):
        return NO_BASE, bits_of(argument)
    return NO_BASE, operator.index(argument)
