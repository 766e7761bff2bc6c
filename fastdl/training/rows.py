"""Samples that need not be in memory: rows of a file, read when they are asked for.

A file is read, not mapped: the pages of a map count as memory of the process for as long as the system has room, and
one that touches 6 GB of a map looks 6 GB large.
"""

import math
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

from .._kernels.program import address_of
from ..ops import Array
from .inputs import not_finite, readable


class Rows:
    """Something with samples along its first axis. A slice of it is an array of checked numbers."""

    def __init__(self, caller: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """``caller`` and ``name``: as in error messages, "fit" and "X"."""
        self.shape, self.dtype = shape, readable(dtype)
        self._stored, self._caller, self._name = dtype, caller, name
        if not shape or dtype.kind not in "biufUS":
            raise TypeError(f"{caller}: {name} has dtype {dtype} and shape {shape}; expected an array of numbers")

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def row_bytes(self) -> int:
        """The size of a row in memory."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def __getitem__(self, rows: slice) -> Array:
        start, stop, _ = rows.indices(len(self))
        out = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
        self.read(start, out)
        return out

    def read(self, start: int, out: Array) -> None:
        """Rows from ``start`` on, as many as ``out`` (contiguous, of ``dtype``) has."""
        if self._stored == self.dtype:
            self._fetch(start, out)
        else:
            raw = np.empty(out.shape, self._stored)
            self._fetch(start, raw)
            out[...] = raw
        place = not_finite(out)
        if place is not None:
            row = [start + place[0], *place[1:]]
            raise ValueError(
                f"{self._caller}: {self._name}{row} is {out[place]}; expected finite numbers: impute or drop the rows"
            )

    def _fetch(self, start: int, out: Array) -> None:
        """As ``read``, in the dtype in which the rows are stored."""
        raise NotImplementedError


class ArrayRows(Rows):
    """Rows of an array in memory, or of a map that is not one stretch of its file."""

    def __init__(self, caller: str, name: str, array: Array) -> None:
        super().__init__(caller, name, array.shape, array.dtype)
        self._array = array

    def _fetch(self, start: int, out: Array) -> None:
        out[...] = self._array[start : start + len(out)]


class FileRows(Rows):
    """Rows of a file that lie one after the other from the byte ``offset`` on."""

    def __init__(
        self, caller: str, name: str, path: str, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        super().__init__(caller, name, shape, dtype)
        self.path, self._offset = path, offset
        self._stored_bytes = math.prod(shape[1:]) * dtype.itemsize

    def _fetch(self, start: int, out: Array) -> None:
        view = out.reshape(-1).view(np.uint8).data
        offset, done = self._offset + start * self._stored_bytes, 0
        with open(self.path, "rb", buffering=0) as file:
            if hasattr(os, "posix_fadvise"):  # ask the disk for all of it at once
                os.posix_fadvise(file.fileno(), offset, len(view), os.POSIX_FADV_WILLNEED)
            file.seek(offset)
            while done < len(view):
                count = file.readinto(view[done:])
                if not count:
                    raise ValueError(
                        f"{self._caller}: {self._name} was to come from {self.path}, which ends before row "
                        f"{start + done // max(1, self._stored_bytes)} of {len(self)}: was it cut short?"
                    )
                done += count


def rows_of(caller: str, name: str, data: Any) -> Rows:
    """Rows of a .npy file given by its path, of a memory map, or of any array."""
    if isinstance(data, (str, Path)):
        return _of_map(caller, name, _opened(caller, name, str(data)))
    if isinstance(data, np.memmap):
        return _of_map(caller, name, data)
    return ArrayRows(caller, name, np.asarray(data))


def is_file(data: Any) -> bool:
    """Whether ``data`` is read from a file: a path, or a memory map."""
    return isinstance(data, (str, Path, np.memmap))


def _opened(caller: str, name: str, path: str) -> Array:
    if not Path(path).is_file():
        raise FileNotFoundError(f"{caller}: {name} is {path!r}, and there is no such file; expected a .npy file")
    with open(path, "rb") as file:
        magic = file.read(len(np.lib.format.MAGIC_PREFIX))
    if magic != np.lib.format.MAGIC_PREFIX:
        raise ValueError(f"{caller}: {name} is {path!r}, which is no .npy file; write one with np.save")
    try:
        array = np.load(path, mmap_mode="r")
    except ValueError as error:
        raise ValueError(f"{caller}: {name} is {path!r}, which cannot be read: {error}") from None
    if not array.flags.c_contiguous:
        raise ValueError(
            f"{caller}: {name} is {path!r}, which is in Fortran's order, so no row lies in one place: write it anew "
            "with np.save(path, np.ascontiguousarray(array))"
        )
    found: Array = array
    return found


def _of_map(caller: str, name: str, array: Any) -> Rows:
    root = array
    while isinstance(root.base, np.memmap):
        root = root.base
    in_file = isinstance(root.base, mmap.mmap) and root.filename is not None and root.mode != "c"
    if not (in_file and array.flags.c_contiguous and array.size):
        return ArrayRows(caller, name, np.asarray(array))
    offset = root.offset + address_of(array) - address_of(root)
    return FileRows(caller, name, str(root.filename), offset, array.shape, array.dtype)
