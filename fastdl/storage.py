"""Files of arrays in the safetensors format: written complete or not at all, read as what is not to be trusted.

safetensors compares the sizes in the header with the file's, before any array is read. What the metadata mean is known
to ``saving`` (models) and ``training`` (checkpoints).
"""

import functools
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from .ops import Array

Path = str | os.PathLike[str]
TRAINING = "training/"  # begins the names of arrays that a checkpoint holds beside those of its model
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


class ModelFileError(ValueError):
    """A model file cannot be read or written; the message is one line that names the file and the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        name = os.fsdecode(self.path)
        return f"{name if name.isprintable() and name else repr(name)}: {' '.join(self.reason.split())}"


def clipped(value: Any) -> str:
    """Something that came from a file, quoted and short enough for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}...{text[-15:]}"


def check_path(caller: str, path: Any) -> None:
    """A path is text or a path: an integer would be taken for an open file."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{caller}: path is a {type(path).__name__}; expected text or a path")
    if "\0" in os.fsdecode(path):
        raise ModelFileError(path, "is no path, it contains a null character")


def check_place(path: Path) -> str:
    """Where a file of this path would lie; refuses what could not be written there."""
    target = os.path.realpath(path)  # a link keeps pointing to its file
    if os.path.exists(target) and not os.path.isfile(target):
        raise ModelFileError(path, "is not a file; give the path of a file")
    folder = os.path.dirname(target)
    for wrong, reason in (
        (not os.path.isdir(folder), "no such folder"),
        (not os.access(folder, os.W_OK | os.X_OK), "Permission denied"),
    ):
        if wrong:
            raise ModelFileError(path, f"cannot be written ({reason}); check the folder and the disk")
    return target


def write(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write a file: beside the target, then put in its place in one step, so that it is there whole or as it was."""
    import safetensors.numpy

    content = safetensors.numpy.save(dict(arrays), metadata=dict(metadata))
    target = check_place(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".fastdl-{secrets.token_hex(8)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise
        _sync_folder(folder)
    except OSError as error:
        reason = "no such folder" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise ModelFileError(path, f"cannot be written ({reason}); check the folder and the disk") from None


def _sync_folder(folder: str) -> None:
    """Make the new name last through a power cut, where the system can."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


class Malformed(ValueError):
    """Something in the file is not as it must be."""


@contextmanager
def opened(path: Path) -> Iterator["Content"]:
    """What the file holds, its header checked by safetensors."""
    import safetensors

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

    @property
    def of_the_model(self) -> list[str]:
        """The names without those of a checkpoint's training."""
        return [name for name in self.names if not name.startswith(TRAINING)]

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
