"""What each network of ``fit_many`` is given: its setting, split between ``build`` and the options of training."""

import copy
import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import init, optim
from ..ops import Array
from ..options import is_integer
from ..training.inputs import check_seed, positive
from ..training.regularization import StepOptions, step_options

OPTIONS = (
    "loss",
    "optimizer",
    "lr",
    "epochs",
    "batch_size",
    "shuffle",
    "seed",
    "class_weight",
    "l1",
    "l2",
    "label_smoothing",
    "accumulate",
    "ema",
    "augment",
    "ignore_index",
    "rows",
    "validation_rows",
)
"""The keys of a setting that are training's; all others are arguments of ``build``."""


@dataclass
class Network:
    """One network: ``setting`` as it was given, and what follows from it."""

    number: int
    setting: dict[str, Any]
    arguments: dict[str, Any]
    loss: Any
    optimizer: Any
    epochs: int
    batch_size: int | None
    shuffle: bool
    seed: int
    class_weight: Any
    label_smoothing: Any
    augment: Any
    options: StepOptions
    ignore_index: int | None
    rows: Array | None
    validation_rows: Array | None
    model: Any = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """For messages."""
        return named(self.number, self.setting)


def named(number: int, setting: Mapping[str, Any]) -> str:
    """A setting for a message: its number and its values, long ones cut."""
    values = ", ".join(f"{key!r}: {_short(value)}" for key, value in setting.items())
    return f"setting {number} {{{values}}}"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        return f"array {value.shape}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def blame(name: str, error: Exception) -> Exception:
    """The same error, naming the setting that it came from."""
    kind = type(error) if type(error) in (TypeError, ValueError, IndexError) else ValueError
    detail = str(error) if kind is type(error) else f"{type(error).__name__}: {error}"
    return kind(f"fit_many: {name}: {detail.removeprefix('fit: ')}")


def split(build: Callable[..., Any], settings: Any, samples: int, defaults: dict[str, Any]) -> list[Network]:
    """The networks of ``settings``, checked and without their models; ``defaults``: the options of all."""
    if not callable(build) or (isinstance(build, type) and not hasattr(build, "apply")):
        raise TypeError(f"fit_many: build is {_short(build)}; expected a function that returns a new model")
    if hasattr(build, "apply") and not isinstance(build, type):
        raise TypeError(
            f"fit_many: build is a {type(build).__name__}, a single model; expected a function that returns a new one: "
            "lambda: nn.Sequential(...)"
        )
    if is_integer(settings):
        settings = [{} for _ in range(positive("settings", settings, "fit_many"))]
    if isinstance(settings, Mapping) or not isinstance(settings, Sequence) or isinstance(settings, str):
        raise TypeError(
            f"fit_many: settings is a {type(settings).__name__}; expected a list of dicts, one for each network, or "
            "how many networks"
        )
    if not settings:
        raise ValueError("fit_many: settings is empty; expected a dict for each network, {} for one without options")
    first = defaults["seed"]
    first = init.fresh_seed() if first is None else _seed(first, len(settings))
    signature = _signature(build)
    networks = []
    for number, setting in enumerate(settings):
        if not isinstance(setting, Mapping):
            raise TypeError(f"fit_many: setting {number} is {_short(setting)}; expected a dict")
        try:
            networks.append(_network(number, dict(setting), signature, samples, {**defaults, "seed": first + number}))
        except (TypeError, ValueError, IndexError) as error:
            raise blame(named(number, setting), error) from None
    return networks


def _seed(seed: Any, count: int) -> int:
    found = check_seed(seed)
    if found + count > 2**63:
        raise ValueError(f"fit_many: seed is {seed}; expected room for {count} seeds below 2**63")
    return found


def _signature(build: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(build)
    except (TypeError, ValueError):  # some callables written in C have none
        return None


def _network(
    number: int, setting: dict[str, Any], signature: inspect.Signature | None, samples: int, defaults: dict[str, Any]
) -> Network:
    options = {**defaults, **{key: value for key, value in setting.items() if key in OPTIONS}}
    arguments = {key: value for key, value in setting.items() if key not in OPTIONS}
    if signature is not None:
        known = signature.parameters
        free = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
        unknown = [key for key in arguments if key not in known and not free]
        if unknown:
            raise TypeError(
                f"{unknown[0]!r} is no argument of build, which has ({', '.join(known)}), nor an option of training: "
                f"{', '.join(OPTIONS)}"
            )
        arguments |= {key: setting[key] for key in setting if key in OPTIONS and key in known}
    rate = options.pop("lr")
    size = options["batch_size"]
    return Network(
        number=number,
        setting=setting,
        arguments=arguments,
        loss=options["loss"],
        optimizer=_optimizer(options["optimizer"], rate),
        epochs=positive("epochs", options["epochs"]),
        batch_size=None if size is None else positive("batch_size", size),
        shuffle=bool(options["shuffle"]),
        seed=check_seed(options["seed"]),
        class_weight=options["class_weight"],
        label_smoothing=options["label_smoothing"],
        augment=options["augment"],
        options=step_options(*(options[name] for name in ("l1", "l2", "accumulate", "ema", "batch_size"))),
        ignore_index=options["ignore_index"],
        rows=None if options["rows"] is None else rows_of("rows", options["rows"], samples),
        validation_rows=(
            None
            if options["validation_rows"] is None
            else rows_of("validation_rows", options["validation_rows"], samples)
        ),
    )


def _optimizer(optimizer: Any, rate: Any) -> Any:
    """An optimiser by name or as it is; a rate beside it counts instead of its own."""
    if rate is None or isinstance(optimizer, str) or optimizer is None:
        return optim.get("adam" if optimizer is None else optimizer, rate)
    found = optim.get(optimizer)
    if not isinstance(found, optim.Optimizer):
        raise TypeError(f"lr is given beside a {type(found).__name__}, which is no optimiser of fastdl.optim")
    changed = copy.copy(found)
    changed._common(rate, found.clip_norm, found.clip_value)
    return changed


def rows_of(name: str, rows: Any, samples: int) -> Array:
    """Numbers of rows as a contiguous int64 array."""
    found = np.arange(samples)[rows] if isinstance(rows, slice) else np.asarray(rows)
    if found.dtype == bool and found.shape == (samples,):
        found = np.flatnonzero(found)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not found.size:
        raise TypeError(
            f"{name} is {_short(rows)}; expected numbers of rows of X (at least one), a slice or a mask ({samples},)"
        )
    if found.min() < 0 or found.max() >= samples:
        raise IndexError(f"{name} holds {operator.index(found[(found < 0) | (found >= samples)][0])}; X has {samples}")
    return np.ascontiguousarray(found, np.int64)
