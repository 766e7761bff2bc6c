"""What the loss functions share: each loss has one value per target, and `reduction` says what becomes of them.

"mean" divides their sum by the number of targets, "sum" adds them up, "none" leaves them as they are. So the gradient
`grad` of the final result is a number for "mean" and "sum", and has the shape of the targets for "none".
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_float64, as_grad, evaluate, pick, quiet


def reduce_losses(
    op: str,
    element: Callable[[Index], float],
    shape: Index,
    reduction: str,
    at: Indices | None,
    count: float | None = None,
) -> FloatArray:
    """The losses of all targets, or their mean or sum; a mean divides by `count`, the targets' number if None."""
    _check_reduction(op, reduction)
    if reduction == "none":
        return evaluate(element, shape, at)
    total = np.sum(evaluate(element, shape, None))
    with quiet():
        result = total / np.float64(np.prod(shape) if count is None else count) if reduction == "mean" else total
    return pick(np.asarray(result), at)


def grad_of_each(op: str, grad: ArrayLike, shape: Index, reduction: str, count: float | None = None) -> FloatArray:
    """The gradient with respect to the loss of each target; `count` as in `reduce_losses`."""
    _check_reduction(f"{op}_backward", reduction)
    if reduction == "none":
        return as_grad(op, grad, shape)
    of_all = as_grad(op, grad, ())
    with quiet():
        divisor = np.float64(np.prod(shape) if count is None else count)
        return np.full(shape, of_all / divisor if reduction == "mean" else of_all)


def _check_reduction(op: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{op}: reduction is {reduction!r}; expected "mean", "sum" or "none"')


def same_shapes(op: str, name: str, value: ArrayLike, target: ArrayLike) -> tuple[FloatArray, FloatArray]:
    values, targets = as_float64(op, name, value), as_float64(op, "target", target)
    if values.shape != targets.shape:
        raise ValueError(f"{op}: target is {targets.shape}, {name} is {values.shape}; they must agree")
    return values, targets
