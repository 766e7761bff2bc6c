"""The running average of a training run's parameters: a part of the house, not an op, without a gradient."""

from typing import Any

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive
from ._lowering import cells


def _lower(lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], decay: float) -> None:
    (average, p, step), (new,) = inputs, outputs
    arguments: list[Any] = [new, average, p, p.size, step, 1 - decay]
    lowering.launch(Kernel("averages", "moving"), p.dtype, arguments, cells=cells(p.size), work=0.2 * p.size)


_moving = Primitive("moving_average", lambda average, p, step, decay: (average,), _lower, in_place=((0, 0),))


def moving_average(average: Any, p: Any, step: Any, *, decay: float) -> Any:
    """decay average + (1 - decay) p; in the first step (step 0) p. ``step``: int64 of shape ()."""
    return _moving(average, p, step, decay=decay)[0]
