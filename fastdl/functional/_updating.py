"""What all update rules share: the launch of their kernels, and the checks of parameters, state and options."""

import math
from typing import Any

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Symbol
from ..options import is_number
from ._door import array, floats, indices
from ._lowering import CELL, cells

_FLOAT64 = np.dtype(np.float64)


def launch(lowering: Lowering, name: str, p: Operand, arguments: list[Any], cost: float) -> None:
    lowering.launch(
        Kernel("updates", name),
        p.dtype,
        arguments,
        cells=cells(p.size),
        work=cost * p.size,
        elementwise=CELL,
        written=len(arguments),
    )


def of_one_shape(name: str, **arrays: Any) -> list[Any]:
    """The parameters and their state."""
    values = floats(name, optional=("mean", "velocity"), **arrays)
    for what, x in zip(arrays, values, strict=True):
        if x is not None and x.shape != values[0].shape:
            raise ValueError(f"{name}: {what} is {tuple(x.shape)}, p is {tuple(values[0].shape)}; they must agree")
    return values


def step_count(name: str, step: Any) -> Any:
    step = indices(name, "step", step)
    if tuple(step.shape) != ():
        raise ValueError(f"{name}: step is {tuple(step.shape)}; expected an integer or an int64 array of shape ()")
    if not isinstance(step, Symbol) and step < 0:
        raise ValueError(f"{name}: step is {step}; expected at least 0, the number of steps taken before")
    return step


def learning_rate(name: str, lr: Any) -> Any:
    """lr in float64, so that a schedule keeps its precision whatever the parameters' dtype."""
    if is_number(lr):
        return np.asarray(lr, _FLOAT64)
    lr = array(name, "lr", lr)
    if lr.dtype != _FLOAT64 or tuple(lr.shape) != ():
        raise TypeError(
            f"{name}: lr has dtype {lr.dtype} and shape {tuple(lr.shape)}; expected a number or a float64 array of "
            "shape (): np.asarray(0.01)"
        )
    return lr


def option(name: str, what: str, value: Any, below: float = math.inf) -> float:
    """A number from 0 up."""
    if not is_number(value):
        raise TypeError(f"{name}: {what} is {value!r}; expected a number")
    if not 0 <= value < below:
        limit = "finite" if below == math.inf else f"below {below:g}"
        raise ValueError(f"{name}: {what} is {value!r}; expected at least 0 and {limit}")
    return float(value)
