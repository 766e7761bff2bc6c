"""What is kept with a model: how a row becomes the network's input, and what its outputs mean.

It goes into the model file as plain JSON. A file may come from anywhere, so each part is checked when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import DataError, TableEncoder, infer_task, split_indices
from ..datasets.errors import counted, listed, quoted, suggested
from ..datasets.tasks import Label, Task
from .data import Data, digest
from .errors import CommandError
from .standardizer import Standardizer

PARTS = ("train", "validation", "test")
FRACTIONS = (0.8, 0.1, 0.1)
LEAST_ROWS = 10  # for each class: a tenth of them is tested on
FORMAT = 1
_FEW_CATEGORIES, _MOST_CATEGORIES = 20, 1000


@dataclass(frozen=True)
class Preparation:
    """``shape`` is that of one input; ``outputs`` standardises the targets of a regression; ``classes`` are the labels.

    ``encoder`` is there if the columns have names. ``notes`` is what is only shown: options, history, scores.
    """

    task: Task
    target: str
    classes: tuple[Label, ...]
    shape: tuple[int, ...]
    encoder: TableEncoder | None
    inputs: Standardizer
    outputs: Standardizer | None
    seed: int
    digest: str
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def output_count(self) -> int:
        """How many numbers the network computes for a row: one is enough for two classes."""
        return len(self.classes) if len(self.classes) > 2 else 1

    def inputs_of(self, data: Data) -> NDArray[np.float32]:
        """What the network takes."""
        raw = self.raw(data)
        try:
            return self.inputs.transform(raw)
        except DataError as error:
            raise DataError(f"{data.source}: {error}") from None

    def raw(self, data: Data) -> NDArray[np.float32]:
        """The numbers before they are standardised."""
        if data.table is not None:
            if self.encoder is None:
                raise self._unfit(data, "a table with named columns")
            return self.encoder.transform(data.table)
        assert data.inputs is not None
        if self.encoder is not None:
            raise self._unfit(data, f"{described(data.inputs.shape[1:])} without names")
        if data.inputs.shape[1:] != self.shape:
            raise self._unfit(data, described(data.inputs.shape[1:]))
        return data.inputs

    def _unfit(self, data: Data, what: str) -> CommandError:
        names = "" if self.encoder is None else f" with the names {listed(self.encoder.kinds, 5)}"
        return CommandError(
            f"{data.source}: the model was trained on {described(self.shape)}{names}, but this is {what}; "
            "give data of the kind that it was trained on"
        )

    def split(self, targets: NDArray[Any]) -> tuple[NDArray[np.int64], ...]:
        """Row numbers of the training, validation and test part."""
        return split_indices(targets, FRACTIONS, seed=self.seed, stratify=self.task == "classification")

    def labels_of(self, data: Data) -> NDArray[Any]:
        """The targets, checked: labels of the model's classes, or float64 numbers."""
        assert data.targets is not None
        targets = data.targets
        if self.task == "regression":
            if targets.dtype.kind == "U":
                found = quoted(str(targets[0]))
                raise CommandError(f"{data.row(0)}: the target is {found}; the model predicts numbers")
            return targets.astype(np.float64)
        if isinstance(self.classes[0], str) and targets.dtype.kind != "U":
            targets = targets.astype(str)
        known = set(self.classes)
        for i, label in enumerate(targets.tolist()):
            if label not in known:
                raise CommandError(
                    f"{data.row(i)}: the target is {quoted(label)}; the model's classes are {listed(self.classes)}"
                )
        return targets

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, numbers and strings, for JSON."""
        return {
            "format": FORMAT,
            "task": self.task,
            "target": self.target,
            "classes": list(self.classes),
            "shape": list(self.shape),
            "encoder": None if self.encoder is None else self.encoder.to_dict(),
            "inputs": self.inputs.to_dict(),
            "outputs": None if self.outputs is None else self.outputs.to_dict(),
            "split": {"seed": self.seed, "fractions": dict(zip(PARTS, FRACTIONS, strict=True)), "data": self.digest},
            "notes": self.notes,
        }

    @classmethod
    def from_dict(cls, source: str, data: Any) -> Preparation:
        """The preparation that ``to_dict`` described; a CommandError that names ``source`` if it did not."""
        try:
            return _read(data)
        except (DataError, TypeError, ValueError, KeyError) as error:
            reason = error.args[0] if isinstance(error, DataError) else "it is not what the command writes"
            raise CommandError(f"{source}: the preprocessing in it cannot be used: {reason}; train again") from None


def _read(data: Any) -> Preparation:
    if not isinstance(data, Mapping) or data["format"] != FORMAT:
        raise ValueError
    task, classes, shape, split = data["task"], data["classes"], data["shape"], data["split"]
    encoder = None if data["encoder"] is None else TableEncoder.from_dict(data["encoder"])
    outputs = None if data["outputs"] is None else Standardizer.from_dict(data["outputs"])
    result = Preparation(
        task, data["target"], tuple(classes), tuple(shape), encoder, Standardizer.from_dict(data["inputs"]), outputs,
        split["seed"], split["data"], data["notes"],
    )  # fmt: skip
    classification = task == "classification"
    good = (
        task in ("classification", "regression"),
        all(isinstance(text, str) for text in (result.target, result.digest)) and isinstance(result.notes, dict),
        type(result.seed) is int and result.seed >= 0,
        len(set(classes)) == len(classes) and len({type(c) for c in classes}) == (1 if classification else 0),
        all(type(c) in (int, str) for c in classes) and (len(classes) >= 2) == classification,
        all(type(n) is int and n >= 1 for n in shape) and len(shape) in (1, 3),
        len(result.inputs.mean) == shape[0],
        encoder is None or shape == [len(encoder.feature_names)],
        (outputs is None) == classification and (outputs is None or len(outputs.mean) == 1),
    )
    if not all(good):
        raise ValueError
    return result


def learn(data: Data, seed: int, positive: str | None = None) -> Preparation:
    """Decide what the data ask for, and learn the preprocessing from the training part. ``positive`` names the second
    of two classes."""
    targets = data.targets
    assert targets is not None
    task, classes = infer_task(targets)
    _check_rows(data, task, classes)
    classes = classes if positive is None else _in_order(data, classes, positive)
    # All rows tell which categories there are; numbers are learned from the training part only. A category that is not
    # in the training part makes a constant column, which counts for nothing.
    most = min(_MOST_CATEGORIES, max(_FEW_CATEGORIES, len(data) // 2))  # more are identifiers or free text
    encoder = None if data.table is None else TableEncoder.fit(data.table, max_categories=most)
    raw = data.inputs if encoder is None or data.table is None else encoder.transform(data.table)
    assert raw is not None
    one_hot = np.array(_one_hot(encoder)) if encoder is not None else None
    train = split_indices(targets, FRACTIONS, seed=seed, stratify=task == "classification")[0]
    outputs = None
    if task == "regression":
        outputs = Standardizer.fit(targets[train].astype(np.float64).reshape(-1, 1))
        if not outputs.scale[0]:
            raise CommandError(
                f"{data.source}: the target {quoted(data.target_name)} is the same number in all rows of the training "
                "part; there is nothing to learn"
            )
    try:
        inputs = Standardizer.fit(raw[train], untouched=one_hot)
    except DataError as error:
        raise DataError(f"{data.source}: {error}") from None
    return Preparation(
        task, data.target_name, classes, raw.shape[1:], encoder, inputs, outputs, seed, digest(raw, targets)
    )


def _one_hot(encoder: TableEncoder) -> list[bool]:
    """Whether each feature says if a row is of some category."""
    flags: list[bool] = []
    for name, kind in encoder.kinds.items():
        flags += [False] if kind == "numeric" else [True] * len(encoder.categories[name])
    return flags


def _check_rows(data: Data, task: Task, classes: tuple[Label, ...]) -> None:
    n, target = len(data), quoted(data.target_name)
    if len(classes) == 1:
        raise CommandError(
            f"{data.source}: the target {target} has one class only ({quoted(classes[0])}); "
            "add rows of another class, or choose another target"
        )
    need = LEAST_ROWS * max(1, len(classes))
    if n < need:
        what = f"{len(classes)} classes" if classes else "a regression"
        raise CommandError(
            f"{data.source}: {counted(n, 'row')} are too few for {what} of the target {target}; at least {need} are "
            f"needed, {LEAST_ROWS}{' for each class' if classes else ''}: add rows, or choose another target"
        )
    if task == "classification":
        labels, counts = np.unique(np.asarray(data.targets), return_counts=True)
        if counts.min() < len(PARTS):
            raise CommandError(
                f"{data.source}: class {quoted(labels[counts.argmin()].item())} of the target {target} has "
                f"{counted(int(counts.min()), 'row')}; each class needs {len(PARTS)} or more (to train, validate and "
                "test): add rows, or remove the class"
            )


def _in_order(data: Data, classes: tuple[Label, ...], positive: str) -> tuple[Label, ...]:
    """The two classes with the positive one behind."""
    names = [str(label) for label in classes]
    if len(classes) != 2:
        found = f"{len(classes)} classes" if classes else "numbers"
        raise CommandError(
            f"{data.source}: --positive is for a target of two classes, but {quoted(data.target_name)} has {found}; "
            "leave it out"
        )
    if positive not in names:
        raise CommandError(
            f"{data.source}: --positive is {quoted(positive)}, which is no class of {quoted(data.target_name)}; "
            f"expected one of {listed(classes)}{suggested(positive, names)}"
        )
    return classes if positive == names[1] else classes[::-1]


def described(shape: tuple[int, ...]) -> str:
    """A shape in words: `images of 1 x 28 x 28`, `a table of 30 columns`."""
    if len(shape) == 1:
        return f"a table of {counted(shape[0], 'column')}"
    return f"images of {' x '.join(map(str, shape))}"
