"""Writing a model file: complete, or not at all."""

import json
import os
import secrets
from typing import Any

import numpy as np
import safetensors.numpy

from ..nn import Module
from .architecture import describe
from .errors import ModelFileError, Path, check_path

FORMAT = 1
_HEADER_LIMIT = 100_000_000  # bytes; safetensors refuses to read more


def save(model: Module, path: Path, *, extra: dict[str, Any] | None = None) -> None:
    """Write a model to a file: arrays, architecture, loss, classes and input shape. An existing file is replaced.

    The file appears complete or not at all. ``extra``: a dict of JSON's types (NumPy numbers and arrays become numbers
    and lists), read back as ``model.extra``; None keeps the model's own. Of a class of your own only the name is
    written: load such a file by ``fd.load(path, model)``. A loss that is a function cannot be written: the loaded model
    has the loss None, so its ``predict`` returns the outputs as they are.

    Raises ModelFileError if the file cannot be written, TypeError for ``extra`` that JSON cannot hold.

    >>> import os, tempfile, fastdl as fd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     fd.save(fd.nn.Sequential(fd.nn.Dense(2, 1)), path, extra={"note": "untrained"})
    ...     model = fd.load(path)
    >>> model[0], model.extra
    (Dense(2, 1), {'note': 'untrained'})
    """
    if not isinstance(model, Module):
        raise TypeError(f"save: model is a {type(model).__name__}; expected an nn.Module")
    check_path("save", path)
    extra = model.extra if extra is None else extra
    if extra is not None and not isinstance(extra, dict):
        raise TypeError(f"save: extra is a {type(extra).__name__}; expected a dict or None")
    about = {
        "format": FORMAT,
        "architecture": describe(model),
        "loss": model.loss if isinstance(model.loss, str) else None,
        "classes": None if model.classes is None else np.asarray(model.classes).tolist(),
        "input_shape": None if model.input_shape is None else [int(n) for n in model.input_shape],
        "dtype": model.dtype.name,
        "extra": extra,
    }
    try:
        text = json.dumps(about, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"save: extra must hold dicts, lists, text and numbers only: {error}") from None
    arrays = model.state_dict()
    if len(text) + 300 * len(arrays) > _HEADER_LIMIT:
        raise ValueError(f"save: extra and architecture make {len(text):,} bytes of text; expected at most 100 MB")
    _write(path, safetensors.numpy.save(arrays, metadata={"fastdl": text}))


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"it holds a {type(value).__name__}")


def _write(path: Path, content: bytes) -> None:
    """Write beside the target, then put it in its place in one step."""
    target = os.path.realpath(path)  # a link keeps pointing to its file
    folder = os.path.dirname(target)
    if os.path.exists(target) and not os.path.isfile(target):
        raise ModelFileError(path, "is not a file; give the path of a file")
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
