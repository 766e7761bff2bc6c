"""Parameters and buffers of a model by name: as nested dicts, as flat dicts, and matched with what somebody gives.

The name of an array is the way to it, ``"0.weight"``; as a nested dict that is ``{"0": {"weight": ...}}``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..ops import Array, Shape, Symbol

if TYPE_CHECKING:
    from .module import Module


class Slot(NamedTuple):
    """One parameter or buffer: its full name, the module that holds it, its name there, and the array."""

    name: str
    module: "Module"
    attribute: str
    array: Array

    @property
    def key(self) -> tuple[int, str]:
        return id(self.module), self.attribute


def slots(model: "Module", *kinds: str) -> list[Slot]:
    """The arrays of all modules in order; ``kinds`` are "parameters" and "buffers". A shared module counts once."""
    found = []
    for path, module in model.named_modules():
        for kind in kinds:
            for attribute, array in module.__dict__[f"_{kind}"].items():
                found.append(Slot(f"{path}.{attribute}" if path else attribute, module, attribute, array))
    return found


def nested(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """``{"0.weight": w}`` as ``{"0": {"weight": w}}``."""
    tree: dict[str, Any] = {}
    for name, value in named:
        *path, last = name.split(".")
        place = tree
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return tree


def flat(tree: Any, caller: str) -> dict[str, Any]:
    """The inverse of :func:`nested`; a dict that is flat already stays as it is."""
    if not isinstance(tree, Mapping):
        raise TypeError(f"{caller} is a {type(tree).__name__}; expected a dict of arrays as from model.parameters()")
    found: dict[str, Any] = {}

    def walk(part: Mapping[Any, Any], path: str) -> None:
        for key, value in part.items():
            if not isinstance(key, str):
                raise TypeError(f"{caller} has the key {key!r}; expected text as from model.parameters()")
            if isinstance(value, Mapping):
                walk(value, f"{path}{key}.")
            else:
                found[path + key] = value

    walk(tree, "")
    return found


@dataclass(frozen=True, repr=False)
class LoadReport:
    """What ``load_state_dict`` loaded, by name, and what it left alone.

    ``loaded``: names; ``missing``: shapes that nothing was given for; ``unexpected``: names that the model does not
    have; ``misshapen``: (shape given, shape expected); ``mistyped``: what is wrong with the dtype; ``hint``: what may
    be done about names. All that is not loaded is empty after a strict load.
    """

    loaded: list[str] = field(default_factory=list)
    missing: dict[str, Shape] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    misshapen: dict[str, tuple[Shape, Shape]] = field(default_factory=dict)
    mistyped: dict[str, str] = field(default_factory=dict)
    hint: str = ""

    def problems(self) -> list[str]:
        """A line for all that did not fit; empty if everything did."""
        return [
            *(f"{name} {shape} is missing" for name, shape in self.missing.items()),
            *(f"{name} is unexpected" for name in self.unexpected),
            *(f"{name} has shape {given}, expected {shape}" for name, (given, shape) in self.misshapen.items()),
            *(f"{name} {reason}" for name, reason in self.mistyped.items()),
        ]

    def __repr__(self) -> str:
        arrays = len(self.loaded) + len(self.missing) + len(self.misshapen) + len(self.mistyped)
        lines = [f"LoadReport: {len(self.loaded)} of {arrays} arrays loaded", *self.problems()]
        return "\n  ".join([*lines, self.hint] if self.hint else lines)


def compare(expected: list[Slot], given: Mapping[str, Any]) -> tuple[list[tuple[Slot, Any]], LoadReport]:
    """Each slot that got a value that fits, with it, and the report on all of them."""
    known = {s.name for s in expected}
    report = LoadReport(unexpected=[name for name in given if name not in known], hint=_prefix(expected, given))
    pairs = []
    for slot in expected:
        if slot.name not in given:
            report.missing[slot.name] = slot.array.shape
            continue
        value = given[slot.name]
        if not isinstance(value, (np.ndarray, Symbol)):
            try:
                value = np.asarray(value)
            except Exception as error:
                report.mistyped[slot.name] = f"is a {type(value).__name__}, which makes no array ({error})"
                continue
        if tuple(value.shape) != slot.array.shape:
            report.misshapen[slot.name] = tuple(value.shape), slot.array.shape
        elif not _fits(value.dtype, slot.array.dtype):
            report.mistyped[slot.name] = f"has dtype {value.dtype}, expected {slot.array.dtype}"
        else:
            report.loaded.append(slot.name)
            pairs.append((slot, value))
    return pairs, report


def match(caller: str, expected: list[Slot], given: Mapping[str, Any], optional: str = "") -> list[tuple[Slot, Any]]:
    """Each slot with its value. All that is missing, unexpected or misshapen is listed in one error; what has a name
    that ends in ``optional`` may be missing."""
    pairs, report = compare(expected, given)
    for name in [name for name in report.missing if optional and name.endswith(optional)]:
        del report.missing[name]
    if problems := report.problems():
        hint = f". {report.hint}" if report.hint else ""
        raise ValueError(f"{caller}: the values do not fit the model: {'; '.join(problems)}{hint}")
    return pairs


def _prefix(expected: list[Slot], given: Mapping[str, Any]) -> str:
    """A remedy where all names begin with a wrapper's name, as PyTorch's DataParallel and compile make them, and most
    are known without it."""
    names = {slot.name for slot in expected}
    for wrapper in ("module.", "_orig_mod.", "model."):
        known = sum(name.removeprefix(wrapper) in names for name in given)
        if given and all(name.startswith(wrapper) for name in given) and 2 * known > len(given):
            return (
                f'All names begin with "{wrapper}": pass {{k.removeprefix("{wrapper}"): v for k, v in state.items()}}'
            )
    return ""


def _fits(given: np.dtype[Any], expected: np.dtype[Any]) -> bool:
    """Floats of any size stand for floats (they are converted); whatever else must agree."""
    return given == expected or given.kind == expected.kind == "f"


def copy_in(pairs: Iterable[tuple[Slot, Any]]) -> None:
    """Write the values into the slots' arrays, which stay the same objects."""
    for slot, value in pairs:
        slot.array[...] = value
