"""Writing a model file: complete, or not at all."""

from typing import Any

from .. import storage
from ..nn import Module
from ..storage import Path, check_path


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
    storage.write(path, model.state_dict(), model.file_metadata(extra))
