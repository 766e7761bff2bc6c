"""The arrays of a safetensors file that is not to be trusted, whoever wrote it.

safetensors compares the sizes in the header with the file's, before any array is read.
"""

import functools
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import safetensors

from ..ops import Array
from .errors import ModelFileError, Path, check_path, clipped

_DTYPES = {
    "BF16": np.float32,  # which NumPy does not have: half a float32
    "BOOL": np.bool_,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "I8": np.int8,
    "U16": np.uint16,
    "U32": np.uint32,
    "U64": np.uint64,
    "U8": np.uint8,
}
_OF_TORCH = (b"PK", b"\x80\x02")  # how files of torch.save begin: an archive, formerly a pickle


def load_state_dict(path: Path) -> dict[str, Array]:
    """The arrays of a safetensors file by name, for ``model.load_state_dict``; PyTorch's are ours.

    Written by PyTorch as ``safetensors.torch.save_file(torch_model.state_dict(), path)``, or by
    ``safetensors.torch.save_model(torch_model, path)`` if the model has one weight in two places, which is then written
    once and comes back as one array under both names. float16 and bfloat16 become float32, which holds all their
    values; other dtypes stay as they are. A file of ``fd.save`` will do as well. Names may be changed before loading,
    and arrays left out::

        state = fd.load_state_dict("bert.safetensors")
        state = {name.removeprefix("bert."): array for name, array in state.items()}
        print(model.load_state_dict(state, strict=False))  # what was loaded, missing, unexpected

    Raises ModelFileError, which names the file and the reason, for files that are missing, truncated or of another
    kind, and for arrays of dtypes that NumPy does not have. Nothing in the file is executed.

    >>> import os, tempfile, fastdl as fd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     fd.save(fd.nn.Dense(2, 3), path)
    ...     state = fd.load_state_dict(path)
    >>> {name: array.shape for name, array in state.items()}
    {'bias': (3,), 'weight': (3, 2)}
    """
    check_path("load_state_dict", path)
    try:
        with opened(path) as file:
            for name in file.names:
                file.promise(name)  # what it refuses is found before anything is read
            found = {name: file.read(name) for name in file.names}
            same = file.metadata  # save_model notes there the names that it left out: {left out: written}
    except Malformed as error:
        raise ModelFileError(path, str(error)) from None
    found = {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in found.items()}
    return found | {name: found[other] for name, other in same.items() if other in found and name not in found}


class Malformed(ValueError):
    """Something in the file is not as it must be."""


@contextmanager
def opened(path: Path) -> Iterator["Content"]:
    """What the file holds, its header checked by safetensors."""
    try:
        if not os.path.isfile(path):  # a device or pipe could keep us waiting
            known = os.path.exists(path)
            raise Malformed("is not a file; give the path of a file" if known else "no such file; check the path")
        with safetensors.safe_open(path, framework="numpy") as file:
            yield Content(path, file)
    except safetensors.SafetensorError as error:
        remedy = "; if torch.save wrote it, write it with safetensors.torch.save_file" if _of_torch(path) else ""
        raise Malformed(f"is no safetensors file, or a damaged one ({error}){remedy}") from None
    except OSError as error:
        raise Malformed(f"cannot be read ({error.strerror or error}); check the path and the disk") from None


def _of_torch(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) in _OF_TORCH


class Content:
    """The arrays of an open file by name. ``metadata``: what else its header says, text by name."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
        self.names: list[str] = list(file.keys())
        self.metadata: dict[str, str] = file.metadata() or {}

    def promise(self, name: str) -> Array:
        """An array of the entry's shape and dtype that takes no memory."""
        entry = self._file.get_slice(name)
        dtype = _DTYPES.get(entry.get_dtype())
        if dtype is None:
            raise Malformed(
                f"array {clipped(name)} has dtype {entry.get_dtype()}; expected one of {', '.join(_DTYPES)}"
            )
        try:
            return np.broadcast_to(np.zeros((), dtype), entry.get_shape())
        except (ValueError, OverflowError):
            raise Malformed(f"array {clipped(name)} has a shape beyond what NumPy can hold") from None

    def read(self, name: str) -> Array:
        """An array of the file, after its promise."""
        entry = self._file.get_slice(name)
        if entry.get_dtype() != "BF16":
            return np.array(self._file.get_tensor(name))
        shape = entry.get_shape()
        halves = self._bytes_of(name, 2 * math.prod(shape)).view("<u2")
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(shape)

    def _bytes_of(self, name: str, count: int) -> Array:
        begin, entries = self._header
        data = np.fromfile(self._path, np.uint8, count, offset=begin + entries[name]["data_offsets"][0])
        if data.size != count:
            raise Malformed(f"array {clipped(name)} is cut short")
        return data

    @functools.cached_property
    def _header(self) -> tuple[int, dict[str, Any]]:
        """Where the arrays begin, and what the header says of each: its length, as 8 bytes, then JSON, which
        safetensors has checked."""
        with open(self._path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            return 8 + length, json.loads(file.read(length))
