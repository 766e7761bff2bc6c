"""What outlives a training step: data, parameters, buffers, the optimiser's state, counters and totals, as named arrays
that the plans read and update in place."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functional as F
from ..ops import Array
from ..tree import flatten
from .encoding import batch_targets
from .losses import Loss
from .regularization import StepOptions
from .sources import Source

_PLAIN = StepOptions()


class Memory:
    """The arrays of one training run. The parameters lie in one flat vector, so that the optimiser is one launch."""

    def __init__(
        self,
        model: Any,
        source: Source,
        loss: Loss,
        optimizer: Any,
        *,
        seed: int,
        count: bool,
        augment: Sequence[Any] = (),
        options: StepOptions = _PLAIN,
    ) -> None:
        """The first piece of the source is part of it, and gives way to the later ones."""
        self._data, self.options = tuple(source.arrays), options
        self._live, self.structure = flatten(model.parameters())
        self._live_buffers, self.buffer_structure = flatten(model.buffers())
        self.sample_shape, self.augment = source.sample_shape, augment
        if not self._live:
            raise ValueError(
                f"fit: {type(model).__name__} has no parameters to train; expected arrays wrapped in nn.Parameter, or "
                "layers, as attributes of the model"
            )
        self.dtype = np.dtype(model.dtype)
        if any(a.dtype != self.dtype for a in self._live):
            raise ValueError(
                "fit: the model has float32 and float64 parameters; convert it with model.astype(np.float32)"
            )
        flat = np.concatenate([a.ravel() for a in self._live])
        state, self.state_structure = flatten(optimizer.init(flat))
        self.state_count = len(state)
        self.targets = batch_targets(loss, source.arrays["y"], self.dtype)
        self.arrays: dict[str, Array] = {
            **source.arrays,
            "position": np.zeros((), np.int64),
            "step": np.zeros((), np.int64),
            "seed": np.asarray(seed, np.int64),
            "flat": np.ascontiguousarray(flat, self.dtype),
            "total": np.zeros((), np.float64),
            **{f"state {i}": np.array(a) for i, a in enumerate(state)},
            **{f"buffer {i}": np.array(a) for i, a in enumerate(self._live_buffers)},
        }
        if count:
            self.arrays["correct"] = np.zeros((), np.float64)
        if loss.ignore is not None:
            self.arrays["counted"] = np.zeros((), np.float64)
        if options.ema is not None:
            self.arrays["ema"] = self.arrays["flat"].copy()
        self._shown = "flat" if options.ema is None else "ema"  # what the model has
        self._view()

    def _view(self) -> None:
        """Parameters, as views of the flat vector, and buffers."""
        ends = np.cumsum([a.size for a in self._live]).tolist()
        flats = [self.arrays[name] for name in dict.fromkeys((self._shown, "flat"))]
        views = [
            [flat[end - a.size : end].reshape(a.shape) for end, a in zip(ends, self._live, strict=True)]
            for flat in flats
        ]
        buffers = [self.arrays[f"buffer {i}"] for i in range(len(self._live_buffers))]
        self._kept, self._behind = [*views[0], *buffers], views[1:]

    def move(self, arrays: dict[str, Array]) -> None:
        """Let other arrays stand for those of their names."""
        self.arrays.update(arrays)
        self._view()

    def split(self, flat: Any) -> list[Any]:
        """The parameters as pieces of the flat vector."""
        pieces = []
        start = 0
        for array in self._live:
            pieces.append(F.reshape(flat[start : start + array.size], array.shape))
            start += array.size
        return pieces

    def to_model(self) -> None:
        """Copy the values into the model's own arrays."""
        for array, kept in zip((*self._live, *self._live_buffers), self._kept, strict=True):
            array[...] = kept

    def beside_the_model(self) -> dict[str, Array]:
        """What changes from step to step and is no part of the model."""
        return {k: a for k, a in self.changing().items() if k != self._shown and not k.startswith("buffer ")}

    def changing(self) -> dict[str, Array]:
        """What changes from step to step."""
        return {k: a for k, a in self.arrays.items() if k not in (*self._data, "seed")}

    def from_model(self) -> bool:
        """Take over the values of the model's own arrays, which a callback may have changed; says whether it has."""
        changed = False
        for i, (array, kept) in enumerate(zip((*self._live, *self._live_buffers), self._kept, strict=True)):
            if not np.array_equal(array, kept, equal_nan=True):
                kept[...], changed = array, True
                for views in self._behind:  # the parameters behind the average
                    if i < len(views):
                        views[i][...] = array
        return changed


def batch_dtype(x: Any, model: Any) -> np.dtype[Any]:
    """The dtype in which a batch reaches the model: integers other than bytes stay integers (they may be indices),
    bytes do if the model begins with a table."""
    if x.dtype.kind in "iu" and (x.dtype != np.uint8 or model.input_dtype.kind == "i"):
        return np.dtype(np.int64)
    dtype: np.dtype[Any] = np.dtype(model.dtype)
    return dtype
