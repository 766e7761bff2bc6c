"""The error of model files."""

import os
from typing import Any

Path = str | os.PathLike[str]


class ModelFileError(ValueError):
    """A model file cannot be read or written; the message is one line that names the file and the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        name = os.fsdecode(self.path)
        return f"{name if name.isprintable() and name else repr(name)}: {' '.join(self.reason.split())}"


class PreparationWarning(UserWarning):
    """A file of the command ``fastdl train`` was loaded without the preparation of the data that it also holds."""


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
