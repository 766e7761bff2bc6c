"""Checkpoints: training kept in a file, from which it goes on to the same bits as if it had not been interrupted.

A checkpoint is a model file (the arrays of ``state_dict`` and the metadata of ``fd.save``; ``fd.load`` reads it) with
more in it: arrays named ``training/...`` (optimiser state, counters, what callbacks keep) and a second entry of the
metadata, JSON with the place in training, the history, and a *fingerprint* of all that has to be the same to go on.
"""

import hashlib
import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import storage
from ..naming import Named
from ..ops import Array
from ..optim import Optimizer
from ..options import is_integer, is_number
from ..storage import TRAINING, Malformed, ModelFileError, clipped
from .callbacks import Callback
from .history import History
from .memory import Memory
from .sources import Place

KEY = "fastdl_training"  # of the metadata
FORMAT = 1
_ROWS, _ROW_BYTES = 64, 4096  # of the data are looked at, to tell other data


class Checkpoint(Named):
    """Where and how often ``fit`` keeps its training: ``fit(..., checkpoint=Checkpoint("run.ckpt", every_minutes=5))``.

    ``every_epochs``: after each so many epochs, None for never; ``every_minutes``: when so much time has passed, also
    within an epoch. Both may be given. After the last epoch, and on Ctrl-C, a checkpoint is written in any case.

    ``path`` names one file, replaced each time, or with ``{epoch}`` in it one file for each number of finished epochs
    (``"run-{epoch}.ckpt"``), of which the newest ``keep`` are left (None: all); files of earlier runs are not touched.

    A file appears complete or not at all (written beside its place, flushed to the disk, renamed), so that whatever
    ends the process leaves the last one readable. ``fd.load`` makes the model from it, as it was then.

    Raises ValueError or TypeError for options that do not fit.

    >>> from fastdl.training import Checkpoint
    >>> Checkpoint("run-{epoch}.ckpt", every_epochs=10, keep=3)
    Checkpoint('run-{epoch}.ckpt', every_epochs=10, every_minutes=None, keep=3)
    """

    def __init__(
        self,
        path: storage.Path,
        *,
        every_epochs: int | None = 1,
        every_minutes: float | None = None,
        keep: int | None = None,
    ) -> None:
        storage.check_path("Checkpoint", path)
        if every_epochs is not None and (not is_integer(every_epochs) or every_epochs < 1):
            raise ValueError(
                f"Checkpoint: every_epochs is {every_epochs!r}; expected an integer of at least 1, or None"
            )
        if every_minutes is not None and (not is_number(every_minutes) or not every_minutes > 0):
            raise ValueError(f"Checkpoint: every_minutes is {every_minutes!r}; expected a number above 0, or None")
        if keep is not None and (not is_integer(keep) or keep < 1):
            raise ValueError(f"Checkpoint: keep is {keep!r}; expected an integer of at least 1, or None for all")
        self.path, self.every_epochs, self.every_minutes, self.keep = path, every_epochs, every_minutes, keep
        self.of_epochs = "{epoch}" in os.fsdecode(path)
        if keep is not None and not self.of_epochs:
            raise ValueError(
                f"Checkpoint: keep is {keep}, but path {os.fsdecode(path)!r} names one file; put {{epoch}} into it"
            )

    def file(self, epochs: int) -> str:
        """The file of a checkpoint after so many epochs."""
        return os.fsdecode(self.path).replace("{epoch}", str(epochs))

    def __repr__(self) -> str:
        options = ("every_epochs", "every_minutes", "keep")
        shown = "".join(f", {name}={getattr(self, name)!r}" for name in options)
        return f"Checkpoint({os.fsdecode(self.path)!r}{shown})"


def as_checkpoint(value: Any) -> Checkpoint | None:
    """What ``fit`` was given as ``checkpoint``."""
    if value is None:
        return None
    if not isinstance(value, (str, os.PathLike, Checkpoint)):
        raise TypeError(f"fit: checkpoint is a {type(value).__name__}; expected a path or a training.Checkpoint")
    found = value if isinstance(value, Checkpoint) else Checkpoint(value)
    storage.check_place(found.file(0))  # before an epoch of hours is trained
    return found


def digest(*arrays: Array | None) -> str:
    """A short text that changes with the data: taken of the shapes, dtypes and at most 64 rows spread over them."""
    found = hashlib.blake2b(digest_size=12)
    for array in arrays:
        if array is None:
            found.update(b"none")
            continue
        found.update(f"{array.shape} {array.dtype}".encode())
        places = np.linspace(0, len(array) - 1, _ROWS) if len(array) else ()
        for i in np.unique(np.asarray(places, np.int64)):
            found.update(np.ascontiguousarray(array[i]).tobytes()[:_ROW_BYTES])
    return found.hexdigest()


def structure(model: Any) -> dict[str, list[Any]]:
    """Names, shapes and dtypes of a model's arrays."""
    return {name: [list(a.shape), a.dtype.name] for name, a in model.state_dict().items()}


def described(thing: Any) -> str:
    """A name, an optimiser or a function in words that are the same in another process."""
    if isinstance(thing, str):
        return thing
    if isinstance(thing, Optimizer):
        return repr(thing)
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"


class Keeper:
    """Writes the checkpoints of one training run when they are due."""

    def __init__(
        self,
        checkpoint: Checkpoint | None,
        fingerprint: dict[str, Any],
        model: Any,
        memory: Memory,
        callbacks: Sequence[Callback],
        history: History,
    ) -> None:
        self._checkpoint, self._fingerprint = checkpoint, fingerprint
        self._model, self._memory, self._callbacks, self._history = model, memory, callbacks, history
        self.every_epochs = checkpoint and checkpoint.every_epochs
        self._written: list[str] = []
        self._last = time.monotonic()
        if checkpoint is not None:  # what cannot be kept is found before the first step
            self._states()
            model.file_metadata()

    @property
    def newest(self) -> str | None:
        """The file that was written last."""
        return self._written[-1] if self._written else None

    def epoch_done(self, place: Place, last: bool) -> None:
        """Between two epochs; ``last``: no more will follow."""
        if last or self._overdue() or (self.every_epochs and place.epoch % self.every_epochs == 0):
            self.write(place)

    def steps_done(self, place: Place) -> None:
        """Between two steps."""
        if self._overdue():
            self.write(place)

    def _overdue(self) -> bool:
        minutes = self._checkpoint and self._checkpoint.every_minutes
        return bool(minutes) and time.monotonic() - self._last >= 60 * (minutes or 0)

    def write(self, place: Place) -> None:
        """Write a checkpoint now, if there is a place for one."""
        if self._checkpoint is None:
            return
        self._memory.to_model()
        arrays = {**self._model.state_dict()}
        arrays |= {f"{TRAINING}{name}": np.array(a) for name, a in self._memory.beside_the_model().items()}
        states, kept = self._states()
        arrays |= kept
        about = {
            "format": FORMAT,
            **place._asdict(),
            "seed": int(self._memory.arrays["seed"]),
            "history": self._history.to_dict(),
            "callbacks": states,
            "fingerprint": self._fingerprint,
        }
        file = self._checkpoint.file(place.epoch)
        storage.write(file, arrays, {**self._model.file_metadata(), KEY: json.dumps(about)})
        self._forget(file)
        self._last = time.monotonic()

    def _states(self) -> tuple[list[dict[str, Any]], dict[str, Array]]:
        """What callbacks keep: of each a dict for JSON, and the arrays of all of them."""
        states: list[dict[str, Any]] = []
        arrays: dict[str, Array] = {}
        for i, callback in enumerate(self._callbacks):
            state = {k: v.item() if isinstance(v, np.generic) else v for k, v in callback.state_dict().items()}
            arrays |= {f"{TRAINING}callback {i}/{k}": v for k, v in state.items() if isinstance(v, np.ndarray)}
            states.append({k: v for k, v in state.items() if not isinstance(v, np.ndarray)})
            for name, value in states[-1].items():
                try:
                    json.dumps(value)
                except (TypeError, ValueError) as error:
                    raise TypeError(
                        f"fit: checkpoint: state_dict of the callback {type(callback).__name__} has {clipped(name)}, "
                        f"which cannot be kept ({error}); expected numbers, text, lists and dicts of them, or arrays"
                    ) from None
        return states, arrays

    def _forget(self, newest: str) -> None:
        """Delete those of our files that are no longer to be kept."""
        assert self._checkpoint is not None
        self._written = [*(file for file in self._written if file != newest), newest]
        if self._checkpoint.keep is not None:
            while len(self._written) > self._checkpoint.keep:
                old = self._written.pop(0)
                if os.path.exists(old):
                    os.unlink(old)


class Saved:
    """A checkpoint that was read. Raises ModelFileError, which names the file and the reason."""

    def __init__(self, path: storage.Path) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"fit: resume is a {type(path).__name__}; expected the path of a checkpoint")
        storage.check_path("fit", path)
        self._path = path
        try:
            with storage.opened(path) as file:
                self._about = _about(file.metadata)
                self._arrays = {name: file.read(name) for name in file.names}
        except Malformed as error:
            raise ModelFileError(path, str(error)) from None
        self.place = Place(*(self._about[name] for name in Place._fields))
        self.seed: int = self._about["seed"]
        self.stopped = self._about["history"]["stopped"] == "callback"

    def chosen_seed(self, given: int | None) -> int:
        """The seed of the checkpoint, unless another was given."""
        if given is not None and given != self.seed:
            raise ValueError(f"fit: resume: the seed was {self.seed} and is {given}; give the same, or None")
        return self.seed

    def check(self, fingerprint: Mapping[str, Any], epochs: int) -> None:
        """Refuse to go on with something else; ``fingerprint`` is that of the call."""
        kept = self._about["fingerprint"]
        for name in [*fingerprint, *(name for name in kept if name not in fingerprint)]:
            there, here = kept.get(name), json.loads(json.dumps(fingerprint.get(name)))
            if there != here:
                raise ValueError(
                    f"fit: resume: {_difference(name, there, here)} ({os.fsdecode(self._path)}); call fit as it was "
                    "called then, or leave resume out to start anew"
                )
        if self.place[:2] > (epochs, 0):
            raise ValueError(
                f"fit: resume: {os.fsdecode(self._path)} has {self.place.epoch} epochs"
                f"{' and a part of the next' if self.place.samples else ''} behind it, and epochs is {epochs}; "
                "epochs is the total, with those already done: give more"
            )

    def restore(self, model: Any, memory: Memory, history: History) -> None:
        """Put everything back but what callbacks keep."""
        arrays = dict(self._arrays)
        kept = {k: arrays.pop(k) for k in list(arrays) if k.startswith(TRAINING)}
        expected = {TRAINING + name: a for name, a in memory.beside_the_model().items()}
        for name, array in expected.items():
            if name not in kept or kept[name].shape != array.shape or kept[name].dtype != array.dtype:
                raise ModelFileError(self._path, f"has no array {name!r} {array.shape} {array.dtype}")
        self._arrays = {k: kept[k] for k in kept if k not in expected}  # the callbacks' have still to be given back
        model.load_state_dict(arrays)
        memory.from_model()
        for name, array in expected.items():
            array[...] = kept[name]
        history.restore(self._about["history"])

    def restore_callbacks(self, callbacks: Sequence[Callback]) -> None:
        """Give callbacks back what they kept."""
        for i, (callback, state) in enumerate(zip(callbacks, self._about["callbacks"], strict=True)):
            prefix = f"{TRAINING}callback {i}/"
            arrays = {k.removeprefix(prefix): a for k, a in self._arrays.items() if k.startswith(prefix)}
            if state or arrays:
                callback.load_state_dict({**state, **arrays})


def _difference(name: str, there: Any, here: Any) -> str:
    """What is not the same, in words."""
    if isinstance(there, dict) and isinstance(here, dict):  # the arrays of the model
        for key in [*there, *here]:
            if there.get(key) != here.get(key):
                return f"{name} differ: {clipped(key)} was {_shown(there.get(key))} and is {_shown(here.get(key))}"
    if isinstance(there, str) and isinstance(here, str) and ("\n" in there or "\n" in here):  # the layers
        lines = itertools.zip_longest(there.splitlines(), here.splitlines())
        was, now = next((a, b) for a, b in lines if a != b)
        return f"{name} is another: {_shown(was and was.strip())} was in the place of {_shown(now and now.strip())}"
    if name == "data":
        return "the data are others: X, y or the weights hold other values than those that training began with"
    return f"{name} was {_shown(there)} and is {_shown(here)}"


def _shown(value: Any) -> str:
    return "absent" if value is None else value if isinstance(value, str) else clipped(value)


def _about(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The entry of the metadata, checked as far as is needed to read it."""
    if KEY not in metadata:
        raise Malformed("is no checkpoint: it holds a model and no training; fd.load reads it")
    try:
        about: dict[str, Any] = json.loads(metadata[KEY])
    except (ValueError, RecursionError) as error:
        raise Malformed(f"its metadata are no JSON ({error})") from None
    kinds = {"format": int, "epoch": int, "samples": int, "steps": int, "seed": int, "history": dict, "callbacks": list}
    kinds["fingerprint"] = dict
    for name, kind in kinds.items():
        if not isinstance(about, dict) or type(about.get(name)) is not kind:
            raise Malformed(f"its training has the {name} {clipped(about and about.get(name))}, which makes no sense")
    if about["format"] > FORMAT:
        raise Malformed(f"its training has format {about['format']}, this version of fastdl reads {FORMAT}: update it")
    history = about["history"]
    if not isinstance(history.get("epochs"), dict) or not isinstance(history.get("stopped"), str):
        raise Malformed(f"its history is {clipped(history)}, which makes no sense")
    return about
