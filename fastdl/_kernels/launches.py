"""What a program is made of: launches, and the arguments of their kernels.

An argument that is memory is a *buffer*: so many bytes behind the address of a base, which is known when the program
runs.
"""

import operator
import struct
from typing import NamedTuple, TypeAlias

from .loader import Kernel

NO_BASE, STATUS_BASE, ARENA_BASE, CONSTANT_BASE, FIRST_FREE_BASE = 0, 1, 2, 3, 4
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


class Launch(NamedTuple):
    """A kernel with its arguments, over so many cells, for at most so many threads."""

    kernel: Kernel
    dtypes: tuple[str, ...]
    arguments: tuple[Argument, ...]
    cells: int
    parts: int


def slot_of(argument: Argument) -> tuple[int, int]:
    """An argument as (base, number to be added to the base's address)."""
    if isinstance(argument, Buffer):
        return argument.base, argument.offset
    if argument is None:
        return _NULL_SLOT
    if isinstance(argument, float):
        return NO_BASE, struct.unpack("<q", struct.pack("<d", argument))[0]
    return NO_BASE, operator.index(argument)
