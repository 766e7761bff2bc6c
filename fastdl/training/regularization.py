"""What a step does beside the loss's gradient and the optimiser's update: penalties on the weights, several batches for
one update, a running average of the parameters. All of it is recorded into the step's plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import functional as F
from ..functional.averages import moving_average
from ..options import is_number
from .inputs import positive


@dataclass(frozen=True)
class StepOptions:
    """``batch``: samples of one forward pass; a step has up to ``accumulate`` of them. ``ema`` None: no average."""

    l1: float = 0.0
    l2: float = 0.0
    accumulate: int = 1
    ema: float | None = None
    batch: int | None = None

    def batches(self, samples: int) -> list[int]:
        """The batches of a step on so many samples."""
        if self.accumulate == 1 or self.batch is None:
            return [samples]
        full, rest = divmod(samples, self.batch)
        return [self.batch] * full + [rest] * (rest > 0)

    def described(self) -> dict[str, Any]:
        """What has to be the same for the same bits."""
        return {"l1": self.l1, "l2": self.l2, "accumulate": self.accumulate, "ema": self.ema}

    def penalty(self, parameters: Sequence[Any]) -> Any:
        """l1 sum |w| + l2 sum w^2 over the weights, the parameters of two dimensions and more; None for none."""
        total = None
        for w in parameters:
            if len(w.shape) < 2:
                continue
            for factor, of in ((self.l1, F.abs), (self.l2, F.square)):
                if factor:
                    term = F.multiply(F.sum(of(w)), factor)
                    total = term if total is None else F.add(total, term)
        return total

    def average(self, inputs: dict[str, Any], new: Any) -> list[tuple[Any, Any]]:
        """The update of the average, as pairs (input, new value)."""
        if self.ema is None:
            return []
        return [(inputs["ema"], moving_average(inputs["ema"], new, inputs["step"], decay=self.ema))]


def step_options(l1: Any, l2: Any, accumulate: Any, ema: Any, batch_size: int | None) -> StepOptions:
    """The options of ``fit``, checked."""
    for name, value in (("l1", l1), ("l2", l2)):
        if not is_number(value) or not 0 <= value < np.inf:
            raise ValueError(f"fit: {name} is {value!r}; expected a finite number of at least 0, usually 1e-6 to 1e-2")
    positive("accumulate", accumulate)
    if ema is not None and (not is_number(ema) or not 0 <= ema < 1):
        raise ValueError(f"fit: ema is {ema!r}; expected None or a decay from 0 to below 1, usually 0.99 to 0.9999")
    if accumulate > 1 and batch_size is None:
        raise ValueError(f"fit: accumulate is {accumulate}, but batch_size is None, all samples at once; give a number")
    size = None if batch_size is None else positive("batch_size", batch_size)
    return StepOptions(float(l1), float(l2), int(accumulate), None if ema is None else float(ema), size)
