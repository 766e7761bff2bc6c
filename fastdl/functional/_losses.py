"""What all losses share: the reduction, the checks of targets, and the two primitives of a loss and of its gradient.

Letters: x predictions, probabilities or logits, t targets, g gradient of the loss, k is 1 / (number of targets) for the
reduction "mean" and 1 otherwise. A loss with one target for each prediction takes x, t, and perhaps weights w and
numbers d of the shape of x (or None).
"""

import math
from typing import Any

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Spec
from . import elementwise, reductions, shape
from ._door import check_grad, choice, floats
from ._lowering import CELL, cells

REDUCTIONS = ("mean", "sum", "none")
FLOAT64 = np.dtype(np.float64)


def _divisor(reduction: str, count: int) -> int:
    """What the sum is divided by; -1 where there is no sum."""
    return {"mean": count, "sum": 1, "none": -1}[reduction]


def scaled(x: Any, reduction: str, count: int, factor: float = 1.0) -> Any:
    """factor k x."""
    factor = factor / count if reduction == "mean" and count else factor
    return x if factor == 1 else elementwise.multiply(x, factor)


def of_grad(product: Any, reduction: str) -> Any:
    """Gradient with respect to g from that with respect to each target's share of it."""
    return product if reduction == "none" else reductions.sum(product)


def slope(gradient: Primitive, x: Any, *rest: Any, reduction: str, **attrs: Any) -> Any:
    """k times the derivative of each loss: the gradient for g = 1."""
    (dx,) = gradient(np.ones((), x.dtype), x, *rest, reduction="sum" if reduction == "none" else reduction, **attrs)
    return dx


def of_gradient(gradient: Primitive, h: Any, inputs: Any, reduction: str, **attrs: Any) -> Any:
    """The gradient dg of a loss's gradient y = g k f(x, t), which is linear in g: the sum of h k f(x, t)."""
    return of_grad(elementwise.multiply(h, slope(gradient, *inputs[1:], reduction=reduction, **attrs)), reduction)


def filled(value: float, like: Any) -> Any:
    """An array of the shape and dtype of ``like`` with one value everywhere."""
    return shape.broadcast_to(np.asarray(value, like.dtype), like.shape)


def elementwise_loss(name: str, kernels: str, backward: Any, cost: float) -> Primitive:
    """A loss with one target for each prediction; ``cost`` in nanoseconds an element."""

    def infer(x: Spec, target: Spec, *weights: Spec | None, reduction: str, delta: float = 0.0) -> tuple[Spec]:
        return (Spec(target.shape if reduction == "none" else (), x.dtype),)

    def lower(
        lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], reduction: str, delta: float = 0.0
    ) -> None:
        (x, *_), (y,) = inputs, outputs
        n, dtype, work = x.size, x.dtype, cost * x.size
        kind = f"{kernels}_weighted" if len(inputs) > 2 else kernels
        arguments: list[Any] = [n, *inputs] if len(inputs) > 2 else [*inputs, n, delta]
        if reduction == "none":
            lowering.launch(
                Kernel("losses", f"{kind}_each"), dtype, [y, *arguments], cells=cells(n), work=work, elementwise=CELL
            )
            return
        divisor, count = _divisor(reduction, n), max(1, cells(n))
        partial = lowering.scratch((count,), FLOAT64) if count > 1 else None
        head: list[Any] = [y, partial, count, divisor]
        lowering.launch(Kernel("losses", f"{kind}_sum"), dtype, [*head, *arguments], cells=count, work=work)
        if partial is not None:
            lowering.launch(Kernel("losses", "total"), dtype, head, cells=1, work=count)

    def vjp(grads: Any, inputs: Any, outputs: Any, **attrs: Any) -> Any:
        return (*backward(grads[0], *inputs, **attrs), *[None] * (len(inputs) - 2))

    return Primitive(name, infer, lower, vjp)


def elementwise_gradient(name: str, kernels: str, vjp: Any, factor: int, cost: float) -> Primitive:
    """The primitive dx = g k factor f(x, t) of a loss's gradient g; ``vjp(grads, inputs, ...)`` gives dg, dx, dt."""

    def infer(grad: Spec, x: Spec, *rest: Spec | None, reduction: str, delta: float = 0.0) -> tuple[Spec]:
        return (x,)

    def lower(
        lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], reduction: str, delta: float = 0.0
    ) -> None:
        (grad, x, *rest), (dx,), n = inputs, outputs, inputs[1].size
        scale: list[Any] = [grad, int(reduction == "none")]
        divisor = abs(_divisor(reduction, n))
        if len(rest) > 1:
            kernel, arguments = f"{kernels}_weighted_grad", [dx, n, x, *rest, *scale, divisor]
        else:
            kernel, arguments = f"{kernels}_grad", [dx, x, *rest, n, *scale, factor, divisor, delta]
        lowering.launch(Kernel("losses", kernel), x.dtype, arguments, cells=cells(n), work=cost * n, elementwise=CELL)

    def full_vjp(grads: Any, inputs: Any, outputs: Any, **attrs: Any) -> Any:
        return (*vjp(grads, inputs, **attrs), *[None] * (len(inputs) - 3))

    return Primitive(name, infer, lower, full_vjp, in_place=((0, 1), (0, 2)))


def checked(name: str, what: str, x: Any, target: Any, reduction: str) -> list[Any]:
    """Prediction and target of an elementwise loss: floats of one shape."""
    choice(name, "reduction", reduction, REDUCTIONS)
    x, target = floats(name, **{what: x, "target": target})
    if x.shape != target.shape:
        remedy = f"reshape one to the other's shape, for example target.reshape({what}.shape)"
        if math.prod(x.shape) != math.prod(target.shape):
            remedy = "each prediction needs a target of its own"
        raise ValueError(
            f"{name}: target is {tuple(target.shape)}, {what} is {tuple(x.shape)}; expected the same shape: {remedy}"
        )
    return [x, target]


def checked_weights(name: str, x: Any, **weights: Any) -> list[Any]:
    """Weights of single targets, repeated to the shape of x: nothing if all are absent, else each or None."""
    if all(w is None for w in weights.values()):
        return []
    result = []
    for argument, w in weights.items():
        if w is not None:
            _, w = floats(name, x=x, **{argument: w})
            behind = tuple(x.shape)[max(0, len(x.shape) - len(w.shape)) :]
            if len(w.shape) > len(x.shape) or any(m not in (1, n) for m, n in zip(w.shape, behind, strict=True)):
                raise ValueError(
                    f"{name}: {argument} is {tuple(w.shape)}, the targets are {tuple(x.shape)}; expected a shape that "
                    "repeats to theirs"
                )
            w = w if w.shape == x.shape else shape.broadcast_to(w, x.shape)
        result.append(w)
    return result


def loss_grad(name: str, grad: Any, target: Any, dtype: Any, reduction: str) -> Any:
    """The gradient of the loss: one number, or one per target."""
    if isinstance(grad, (int, float)):
        grad = np.asarray(grad, dtype)
    what = f'the loss with reduction "{reduction}"'
    return check_grad(name, grad, target.shape if reduction == "none" else (), dtype, what=what)
