"""Reading a model file that is not to be trusted.

safetensors compares the sizes in the header with the file's; the model is built without memory, and only when all its
arrays are found in the header with the right shape and dtype, they are read.
"""

import json
import os
import warnings
from collections.abc import Callable
from typing import Any

from .. import init
from ..nn import Module
from ..nn._architecture import FORMAT, ArchitectureError, build
from ..nn._named import Slot, copy_in, match
from ..ops import Array
from ..storage import Malformed, ModelFileError, Path, check_path, clipped, opened

COMMANDS_KEY = "fastdl_train"  # under which the command keeps the preparation of the data, in ``extra``


class PreparationWarning(UserWarning):
    """A file of the command ``fastdl train`` was loaded without the preparation of the data that it also holds."""


def load(path: Path, model: Module | None = None) -> Module:
    """The model of a file that ``fd.save`` wrote.

    ``model``: an instance to fill and return instead of building one, for classes of your own, and for files from
    elsewhere that hold arrays only (PyTorch's names and shapes are ours; how PyTorch writes one: see
    ``fd.load_state_dict``). It stays as it was if anything does not fit.

    Raises ModelFileError, which names the file and the reason, for files that are missing, truncated or of another
    kind, and for content that makes no model. Nothing that a file says is executed. Warns (PreparationWarning) of a
    file that the command ``fastdl train`` wrote, because the preparation of the data in it is not applied.
    """
    check_path("load", path)
    if model is not None and not isinstance(model, Module):
        raise TypeError(f"load: model is a {type(model).__name__}; expected an nn.Module or None")
    try:
        with opened(path) as file:
            header = {name: file.promise(name) for name in file.of_the_model}
            about = _about(file.metadata, needed=model is None)
            if model is None:
                model = _build(about, header)
                for slot in model._slots():
                    slot.module._replace(slot.attribute, file.read(slot.name))
            else:
                pairs = _match(model._slots(), header)
                copy_in([(slot, file.read(slot.name)) for slot, _ in pairs])
    except (Malformed, ArchitectureError) as error:
        raise ModelFileError(path, str(error)) from None
    for name, value in about.items():
        if name in ("loss", "classes", "input_shape", "extra"):
            setattr(model, name, value)
    if isinstance(model.extra, dict) and COMMANDS_KEY in model.extra:
        warnings.warn(
            f"{os.fsdecode(path)} was written by `fastdl train`: the network expects data prepared as it was there "
            "(standardised, encoded), which fd.load does not do; use `fastdl predict` and `fastdl evaluate`",
            PreparationWarning,
            stacklevel=2,
        )
    return model


def _match(expected: list[Slot], header: dict[str, Array]) -> list[tuple[Slot, Any]]:
    try:
        return match("load", expected, header)
    except ValueError as error:
        raise Malformed(str(error).removeprefix("load: ")) from None


def _build(about: dict[str, Any], header: dict[str, Array]) -> Module:
    """The model that the file describes, with the shapes that the header has and no memory yet."""
    with init.shapes_only():
        model = build(about["architecture"])
    if model.dtype.name != about["dtype"]:
        raise Malformed(f"its layers are {model.dtype}, but its dtype is said to be {clipped(about['dtype'])}")
    for slot, promised in _match(model._slots(), header):
        if promised.dtype != slot.array.dtype:
            raise Malformed(f"array {slot.name} is {promised.dtype}, but its layer is {slot.array.dtype}")
    return model


def _about(metadata: dict[str, str], needed: bool) -> dict[str, Any]:
    """What the metadata say, checked. Empty for a file from elsewhere."""
    if "fastdl" not in metadata:
        if needed:
            raise Malformed("holds arrays only and no model: make the model and pass it, fd.load(path, model)")
        return {}
    try:
        about = json.loads(metadata["fastdl"])
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Malformed(f"its metadata are no JSON ({reason})") from None
    if not isinstance(about, dict):
        raise Malformed(f"its metadata are {clipped(about)}; expected a dict")
    number = about.get("format")
    if type(number) is not int or number < 1:
        raise Malformed(f"its format is {clipped(number)}; expected {FORMAT}")
    if number > FORMAT:
        raise Malformed(f"its format is {clipped(number)}, this version of fastdl reads {FORMAT}: update fastdl")
    for name, check in _CHECKS.items():
        if name not in about:
            raise Malformed(f"its metadata have no {name!r}")
        if not check(about[name]):
            raise Malformed(f"its {name} is {clipped(about[name])}, which makes no sense")
    if about["input_shape"] is not None:
        about["input_shape"] = tuple(about["input_shape"])
    return about


def _are_classes(value: Any) -> bool:
    """None, or labels of one type."""
    if value is None:
        return True
    if not isinstance(value, list) or not value:
        return False
    kind = type(value[0])
    if kind not in (str, int, float, bool) or any(type(label) is not kind for label in value):
        return False
    return kind is not int or all(-(2**63) <= label < 2**63 for label in value)


def _is_shape(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and len(value) <= 32 and all(type(n) is int and 0 <= n < 2**31 for n in value)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "architecture": lambda value: isinstance(value, dict),
    "loss": lambda value: value is None or (isinstance(value, str) and len(value) <= 100),
    "classes": _are_classes,
    "input_shape": _is_shape,
    "dtype": lambda value: value in ("float32", "float64"),
    "extra": lambda value: value is None or isinstance(value, dict),
}
