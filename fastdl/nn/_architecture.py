"""The architecture of a model as JSON, as files of models and checkpoints have it, and the way back.

A layer is ``{"layer": "Dense", "options": {...}}``, a container ``{"layer": "Sequential", "parts": [...]}``, a module
that stands in a second place ``{"same_as": "0"}``, and a class of somebody's own ``{"class": "package.Net"}``, which
is a name to show: such a model has to be given to ``load``.
"""

import inspect
import json
from typing import Any

import numpy as np

from ..storage import clipped
from . import LAYERS, Ensemble, Module, ModuleList, Residual, Sequential, TransformerDecoder, TransformerEncoder

FORMAT = 1
_HEADER_LIMIT = 100_000_000  # bytes; safetensors refuses to read more
_STACKS = {TransformerEncoder: TransformerEncoder._of, TransformerDecoder: TransformerDecoder._of}
_CONTAINERS = (Sequential, ModuleList, Ensemble, Residual, *_STACKS)
_DEEPEST = 100  # containers in containers
_MOST = 100_000  # layers, shared ones counted wherever they stand: sharing must not make a small file endless work


class ArchitectureError(ValueError):
    """A description that makes no model; the message says why."""


def metadata(model: Module, extra: dict[str, Any] | None) -> dict[str, str]:
    """The metadata of a file that holds the arrays of ``model.state_dict()``."""
    classes = None if model.classes is None else np.asarray(model.classes)
    if classes is not None and classes.dtype.kind == "S":
        raise TypeError("save: the classes are bytes, which a file cannot name: train with text, y.astype(str)")
    about = {
        "format": FORMAT,
        "architecture": describe(model),
        "loss": model.loss if isinstance(model.loss, str) else None,
        "classes": None if classes is None else classes.tolist(),
        "input_shape": None if model.input_shape is None else [int(n) for n in model.input_shape],
        "dtype": model.dtype.name,
        "extra": extra,
    }
    try:
        text = json.dumps(about, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"save: extra must hold dicts, lists, text and numbers only: {error}") from None
    if len(text) + 300 * len(model._slots()) > _HEADER_LIMIT:
        raise ValueError(f"save: extra and architecture make {len(text):,} bytes of text; expected at most 100 MB")
    return {"fastdl": text}


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"it holds a {type(value).__name__}")


def describe(module: Module) -> dict[str, Any]:
    """The description of a model. Raises ValueError for a model that could not be built again."""
    layers, depth = _measure(module, {})
    if layers > _MOST or depth > _DEEPEST:
        raise ValueError(
            f"save: the model has {layers} layers, {depth} containers deep; expected at most {_MOST} and {_DEEPEST}"
        )
    return _describe(module, "", {})


def _measure(module: Module, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """(layers, depth) of a model; a module that stands in two places counts twice."""
    if id(module) not in known:
        parts = [_measure(part, known) for part in module._modules.values()]
        known[id(module)] = 1 + sum(n for n, _ in parts), max((1 + d for _, d in parts), default=0)
    return known[id(module)]


def _describe(module: Module, path: str, seen: dict[int, str]) -> dict[str, Any]:
    if id(module) in seen:
        return {"same_as": seen[id(module)]}
    seen[id(module)] = path
    kind = type(module)
    if LAYERS.get(kind.__name__) is not kind:
        return {"class": f"{kind.__module__}.{kind.__qualname__}"}
    if kind in _CONTAINERS:
        prefix = f"{path}." if path else ""
        parts = [_describe(part, prefix + name, seen) for name, part in module._modules.items()]
        return {"layer": kind.__name__, "parts": parts}
    return {"layer": kind.__name__, "options": module.config()}


def build(description: Any) -> Module:
    """The model of a description that is not to be trusted. Raises ArchitectureError."""
    model = _build(description, "", {}, 0)
    layers, _ = _measure(model, {})
    if layers > _MOST:
        raise ArchitectureError(f"the model has {layers} layers; expected at most {_MOST}")
    return model


def _build(description: Any, path: str, built: dict[str, Module], depth: int) -> Module:
    where = f"layer {path}" if path else "the model"
    if depth > _DEEPEST:
        raise ArchitectureError(f"{where} lies over {_DEEPEST} containers deep")
    if not isinstance(description, dict):
        raise ArchitectureError(f"{where} is described by {clipped(description)}; expected a dict")
    if "class" in description:
        name = clipped(description["class"])
        raise ArchitectureError(
            f"{where} is of the class {name}, which a file can only name: pass a model to fill, fd.load(path, model)"
        )
    if "same_as" in description:
        same = built.get(description["same_as"]) if isinstance(description["same_as"], str) else None
        if same is None:
            raise ArchitectureError(f"{where} is said to be the same as {clipped(description['same_as'])}, not known")
        return same
    kind = description.get("layer")
    layer = LAYERS.get(kind) if isinstance(kind, str) else None
    if layer is None:
        raise ArchitectureError(f"{where} is a {clipped(kind)}, which fastdl does not know; a newer version may")
    if layer in _CONTAINERS:
        module = _container(layer, description, where, path, built, depth)
    else:
        module = _layer(layer, description, where)
    built[path] = module
    return module


def _container(
    kind: type[Module], description: dict[str, Any], where: str, path: str, built: dict[str, Module], depth: int
) -> Module:
    parts = description.get("parts")
    if not isinstance(parts, list):
        raise ArchitectureError(f"{where} has the parts {clipped(parts)}; expected a list")
    prefix = f"{path}." if path else ""
    if kind is Residual:
        if len(parts) != 1:
            raise ArchitectureError(f"{where} is a Residual of {len(parts)} parts; expected one")
        return Residual(_build(parts[0], f"{prefix}module", built, depth + 1))
    if kind in _STACKS:
        if len(parts) not in (1, 2):
            raise ArchitectureError(f"{where} is a {kind.__name__} of {len(parts)} parts; expected layers and a norm")
        names = ("layers", "norm")[: len(parts)]
        made = [_build(part, prefix + name, built, depth + 1) for part, name in zip(parts, names, strict=True)]
        if not isinstance(made[0], ModuleList):
            raise ArchitectureError(f"{where} has a {type(made[0]).__name__} for its layers; expected a ModuleList")
        return _STACKS[kind](made[0], made[1] if len(made) == 2 else None)
    layers = [_build(part, f"{prefix}{i}", built, depth + 1) for i, part in enumerate(parts)]
    if kind is Ensemble:
        try:
            return Ensemble(layers)
        except ValueError as error:
            raise ArchitectureError(f"{where} cannot be made: {error}") from None
    return Sequential(*layers) if kind is Sequential else ModuleList(layers)


def _layer(kind: type[Module], description: dict[str, Any], where: str) -> Module:
    options = description.get("options")
    known = inspect.signature(kind.__init__).parameters
    if not isinstance(options, dict):
        raise ArchitectureError(f"{where} has the options {clipped(options)}; expected a dict")
    for name in options:
        if name not in known or name == "self":
            raise ArchitectureError(f"{where}, a {kind.__name__}, has the unknown option {clipped(name)}")
    try:
        return kind(**options)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArchitectureError(f"{where} cannot be made: {error}") from None
