"""Losses, which measure how far predictions are from targets, each beside its gradients.

Letters: N examples, C classes, p predictions, z logits, t targets, s = sigmoid, g gradient of the loss. ``reduction``
says what becomes of the losses of the single targets: their "mean", their "sum", or "none": they are the result. k is
1 / (number of targets) for "mean" and 1 otherwise. A loss is one primitive and its gradient another.
"""

import math
from typing import Any

import numpy as np

from .._kernels import STATUS, Kernel
from ..ops import Lowering, Operand, Primitive, Spec, op
from . import activations, elementwise, reductions, shape
from ._door import array, check_grad, choice, floats, indices
from ._draw import losses as draw
from ._lowering import cells
from .softmax import softmax

_REDUCTIONS = ("mean", "sum", "none")
_FLOAT64 = np.dtype(np.float64)


def _divisor(reduction: str, count: int) -> int:
    """What the sum is divided by; -1 where there is no sum."""
    return {"mean": count, "sum": 1, "none": -1}[reduction]


def _scaled(x: Any, reduction: str, count: int, factor: float = 1.0) -> Any:
    """factor k x."""
    factor = factor / count if reduction == "mean" and count else factor
    return x if factor == 1 else elementwise.multiply(x, factor)


def _infer_loss(x: Spec, target: Spec, reduction: str) -> tuple[Spec]:
    return (Spec(target.shape if reduction == "none" else (), x.dtype),)


def _launch_sum(
    lowering: Lowering, kernel: Kernel, y: Operand, arguments: list[Any], divisor: int, count: int, work: float
) -> None:
    """A kernel that sums over ``count`` cells, and where there are several a second one for their partial sums."""
    partial = lowering.scratch((count,), _FLOAT64) if count > 1 and divisor >= 0 else None
    lowering.launch(kernel, y.dtype, [y, partial, count, divisor, *arguments], cells=count, work=work)
    if partial is not None:
        lowering.launch(Kernel("losses", "total"), y.dtype, [y, partial, count, divisor], cells=1, work=count)


def _elementwise_loss(name: str, kernels: str, backward: Any, cost: float) -> Primitive:
    """A loss with one target for each prediction; ``cost`` in nanoseconds an element."""

    def lower(lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], reduction: str) -> None:
        (x, target), (y,) = inputs, outputs
        n, work = x.size, cost * x.size
        if reduction == "none":
            kernel = Kernel("losses", f"{kernels}_each")
            lowering.launch(kernel, x.dtype, [y, x, target, n], cells=cells(n), work=work)
        else:
            divisor = _divisor(reduction, n)
            _launch_sum(
                lowering, Kernel("losses", f"{kernels}_sum"), y, [x, target, n], divisor, max(1, cells(n)), work
            )

    def vjp(grads: Any, inputs: Any, outputs: Any, reduction: str) -> Any:
        return backward(grads[0], *inputs, reduction=reduction)

    return Primitive(name, _infer_loss, lower, vjp)


def _elementwise_gradient(name: str, vjp: Any, factor: int, cost: float) -> Primitive:
    """The primitive dx = g k factor f(x, t) of a loss's gradient g."""

    def lower(lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], reduction: str) -> None:
        (grad, x, target), (dx,), n = inputs, outputs, inputs[1].size
        divisor, step = abs(_divisor(reduction, n)), int(reduction == "none")
        arguments: list[Any] = [dx, x, target, n, grad, step, factor, divisor]
        lowering.launch(Kernel("losses", name), x.dtype, arguments, cells=cells(n), work=cost * n)

    return Primitive(name, lambda grad, x, target, reduction: (x,), lower, vjp, in_place=((0, 1), (0, 2)))


def _checked(name: str, what: str, x: Any, target: Any, reduction: str) -> list[Any]:
    """Prediction and target of an elementwise loss: floats of one shape."""
    choice(name, "reduction", reduction, _REDUCTIONS)
    x, target = floats(name, **{what: x, "target": target})
    if x.shape != target.shape:
        remedy = f"reshape one to the other's shape, for example target.reshape({what}.shape)"
        if math.prod(x.shape) != math.prod(target.shape):
            remedy = "each prediction needs a target of its own"
        raise ValueError(
            f"{name}: target is {tuple(target.shape)}, {what} is {tuple(x.shape)}; expected the same shape: {remedy}"
        )
    return [x, target]


def _checked_grad(name: str, grad: Any, x: Any, target: Any, reduction: str) -> Any:
    """The gradient of the loss: one number, or one per target."""
    if isinstance(grad, (int, float)):
        grad = np.asarray(grad, x.dtype)
    what = f'the loss with reduction "{reduction}"'
    return check_grad(name, grad, target.shape if reduction == "none" else (), x.dtype, what=what)


def _of_grad(product: Any, reduction: str) -> Any:
    """Gradient with respect to g from that with respect to each target's share of it."""
    return product if reduction == "none" else reductions.sum(product)


def _mse_grad_vjp(grads: Any, inputs: Any, outputs: Any, reduction: str) -> tuple[Any, Any, Any]:
    # In the forward pass y = 2 k g (p - t), so with the gradient h of y: dg = sum of 2 k h (p - t), dp = 2 k h g = -dt.
    grad, p, t = inputs
    h = _scaled(grads[0], reduction, math.prod(p.shape), 2.0)
    dp = elementwise.multiply(h, grad)
    return _of_grad(elementwise.multiply(h, elementwise.subtract(p, t)), reduction), dp, elementwise.negative(dp)


_mse_grad = _elementwise_gradient("mse_grad", _mse_grad_vjp, 2, 0.15)


def mse_loss_backward(grad: Any, prediction: Any, target: Any, *, reduction: str = "mean") -> tuple[Any, Any]:
    """In the forward pass each loss was (p - t)^2, so dp = 2 (p - t) k g and dt = -dp."""
    p, t = _checked("mse_loss_backward", "prediction", prediction, target, reduction)
    (dp,) = _mse_grad(_checked_grad("mse_loss_backward", grad, p, t, reduction), p, t, reduction=reduction)
    return dp, elementwise.negative(dp)


_mse_loss = _elementwise_loss("mse_loss", "mse", mse_loss_backward, 0.15)


@op(draw=draw.mse_loss)
def mse_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Squared error: loss = (p - t)^2, then the mean or the sum of all.

    Equivalent to ``np.mean((prediction - target) ** 2)``. prediction and target have the same shape and are both
    float32 or both float64; the result has shape () or, with reduction="none", theirs.

    Raises ValueError if the shapes differ: (N, 1) against (N,) would otherwise compare each with each.

    Sums are finished in float64. The mean of nothing is NaN.

    >>> mse_loss(np.float64([1, 2, 3]), np.float64([1, 0, 2]), reduction="sum")
    array(5.)
    """
    p, t = _checked("mse_loss", "prediction", prediction, target, reduction)
    (loss,) = _mse_loss(p, t, reduction=reduction)
    return loss


def _bce_grad_vjp(grads: Any, inputs: Any, outputs: Any, reduction: str) -> tuple[Any, Any, Any]:
    # In the forward pass y = k g (s(z) - t), so with the gradient h of y: dg = sum of k h (s(z) - t),
    # dz = k h g s(z) (1 - s(z)), where 1 - s(z) = s(-z), and dt = -k h g.
    grad, z, t = inputs
    h = _scaled(grads[0], reduction, math.prod(z.shape))
    s, dt = activations.sigmoid(z), elementwise.negative(elementwise.multiply(h, grad))
    slope = elementwise.multiply(s, activations.sigmoid(elementwise.negative(z)))
    dg = _of_grad(elementwise.multiply(h, elementwise.subtract(s, t)), reduction)
    return dg, elementwise.negative(elementwise.multiply(dt, slope)), dt


_bce_grad = _elementwise_gradient("bce_grad", _bce_grad_vjp, 1, 0.5)


def binary_cross_entropy_with_logits_backward(
    grad: Any, logits: Any, target: Any, *, reduction: str = "mean"
) -> tuple[Any, Any]:
    """In the forward pass each loss was -t log s(z) - (1 - t) log(1 - s(z)), so dz = (s(z) - t) k g, dt = -z k g."""
    name = "binary_cross_entropy_with_logits_backward"
    z, t = _checked(name, "logits", logits, target, reduction)
    grad = _checked_grad(name, grad, z, t, reduction)
    (dz,) = _bce_grad(grad, z, t, reduction=reduction)
    return dz, elementwise.multiply(z, _scaled(elementwise.negative(grad), reduction, math.prod(z.shape)))


_bce = _elementwise_loss("binary_cross_entropy_with_logits", "bce", binary_cross_entropy_with_logits_backward, 1.0)


@op(draw=draw.binary_cross_entropy_with_logits)
def binary_cross_entropy_with_logits(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Cross-entropy of yes-or-no targets: loss = -t log s(z) - (1 - t) log(1 - s(z)), then the mean or the sum of all.

    Equivalent to ``np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))``, which neither overflows nor
    cancels. logits and target have the same shape and are both float32 or both float64; a target is the probability
    of yes, from 0 to 1, which is not checked. The result has shape () or, with reduction="none", theirs.

    Raises ValueError if the shapes differ: (N, 1) against (N,) would otherwise compare each with each.

    >>> binary_cross_entropy_with_logits(np.float64([0, 1000]), np.float64([1, 1]), reduction="none").round(4)
    array([0.6931, 0.    ])
    """
    z, t = _checked("binary_cross_entropy_with_logits", "logits", logits, target, reduction)
    (loss,) = _bce(z, t, reduction=reduction)
    return loss


def _launch_cross_entropy(
    lowering: Lowering, name: str, z: Operand, t: Operand, cost: float
) -> tuple[Kernel, list[Any], int, float]:
    """The kernel for the logits' layout, the arguments that both kinds of kernel end with, cells and work."""
    classes, pixels = z.shape[1], math.prod(z.shape[2:])
    error = IndexError(
        f"cross_entropy: target holds a class outside 0..{classes - 1}, the classes that logits {z.shape} have"
    )
    status: list[Any] = [STATUS, lowering.failure(error)]
    if pixels > 1 and t.size:
        chunks = -(-pixels // 512)
        kernel, last, count = f"{name}_planes", [pixels, classes, chunks], z.shape[0] * chunks
    else:
        cell_rows = max(1, min(256, 2048 // classes))
        kernel, last, count = name, [t.size, classes, cell_rows], -(-t.size // cell_rows)
    return Kernel("losses", kernel), [*last, *status], count, cost * z.size


def _lower_cross_entropy(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], reduction: str
) -> None:
    (z, t), (y,) = inputs, outputs
    kernel, last, count, work = _launch_cross_entropy(lowering, "cross_entropy", z, t, 0.7)
    if reduction != "none":
        count = max(1, count)
    _launch_sum(lowering, kernel, y, [z, t, *last], _divisor(reduction, t.size), count, work)


def _lower_cross_entropy_grad(
    lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], reduction: str
) -> None:
    (grad, z, t), (dz,) = inputs, outputs
    kernel, last, count, work = _launch_cross_entropy(lowering, "cross_entropy_grad", z, t, 0.8)
    scaling: list[Any] = [grad, int(reduction == "none"), abs(_divisor(reduction, t.size))]
    lowering.launch(kernel, z.dtype, [dz, z, t, *scaling, *last], cells=count, work=work)


def _cross_entropy_grad_vjp(grads: Any, inputs: Any, outputs: Any, reduction: str) -> tuple[Any, Any, None]:
    # In the forward pass y = k g (s - onehot) with s = softmax(z), so with the gradient h of y:
    # dg = sum of k h (s - onehot), dz = k g s (h - sum over classes of h s).
    grad, z, t = inputs
    of_targets = math.prod(t.shape)
    h, s = _scaled(grads[0], reduction, of_targets), softmax(z, axis=1)
    (difference,) = _cross_entropy_grad(np.ones((), z.dtype), z, t, reduction="sum")
    dg = reductions.sum(elementwise.multiply(h, difference), axis=1 if reduction == "none" else None)
    g = shape.reshape(grad, (t.shape[0], 1, *t.shape[1:])) if reduction == "none" else grad
    inner = reductions.sum(elementwise.multiply(h, s), axis=1, keepdims=True)
    dz = elementwise.multiply(elementwise.multiply(g, s), elementwise.subtract(h, inner))
    return dg, dz, None


_cross_entropy_grad = Primitive(
    "cross_entropy_grad",
    lambda grad, logits, target, reduction: (logits,),
    _lower_cross_entropy_grad,
    _cross_entropy_grad_vjp,
    in_place=((0, 1),),
)


def _checked_classes(name: str, logits: Any, target: Any, reduction: str) -> list[Any]:
    """Logits (N, C, ...) and classes (N, ...)."""
    choice(name, "reduction", reduction, _REDUCTIONS)
    (z,) = floats(name, logits=logits)
    t = np.asarray(target) if isinstance(target, (int, list, tuple)) else array(name, "target", target)
    if t.dtype.kind == "f":
        raise TypeError(
            f"{name}: target has dtype {t.dtype}; expected integer classes. Use mse_loss for targets that are numbers, "
            "binary_cross_entropy_with_logits for probabilities of yes, target.astype(np.int64) for classes"
        )
    t = indices(name, "target", t)
    expected = (*z.shape[:1], *z.shape[2:])
    if len(z.shape) < 2 or z.shape[1] == 0 or tuple(t.shape) != expected:
        remedy = "logits (N, C, ...) with at least one class and target (N, ...)"
        if tuple(t.shape) == tuple(z.shape) or tuple(t.shape) == (*expected, 1):
            remedy += ": one class number per target, target.argmax(1) if it is one-hot, target[..., 0] if it is (N, 1)"
        raise ValueError(f"{name}: target is {tuple(t.shape)}, logits is {tuple(z.shape)}; expected {remedy}")
    return [z, t]


def cross_entropy_backward(grad: Any, logits: Any, target: Any, *, reduction: str = "mean") -> tuple[Any, None]:
    """In the forward pass each loss was -z_t + log(sum of exp(z)), so dz = (softmax(z) - onehot(t)) k g."""
    z, t = _checked_classes("cross_entropy_backward", logits, target, reduction)
    grad = _checked_grad("cross_entropy_backward", grad, z, t, reduction)
    return _cross_entropy_grad(grad, z, t, reduction=reduction)[0], None


def _cross_entropy_vjp(grads: Any, inputs: Any, outputs: Any, reduction: str) -> tuple[Any, None]:
    return cross_entropy_backward(grads[0], *inputs, reduction=reduction)


_cross_entropy = Primitive("cross_entropy", _infer_loss, _lower_cross_entropy, _cross_entropy_vjp)


@op(draw=draw.cross_entropy)
def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Cross-entropy of classes: loss = -log(softmax(z)[t]) = log(sum of exp(z)) - z[t], then the mean or sum of all.

    Equivalent to ``np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(N), t])``, without its overflow. logits are float32
    or float64 (N, C) or (N, C, d1, ...) with the classes on axis 1, target integers from 0 to C - 1, (N,) or
    (N, d1, ...). The result has shape () or, with reduction="none", the target's.

    Raises TypeError for targets that are not integers, ValueError if the shapes do not fit, IndexError for a class
    outside 0..C-1. A NaN among the logits makes the loss NaN.

    >>> cross_entropy(np.float64([[0, 0], [0, 1000]]), np.array([0, 1]), reduction="none").round(4)
    array([0.6931, 0.    ])
    """
    z, t = _checked_classes("cross_entropy", logits, target, reduction)
    (loss,) = _cross_entropy(z, t, reduction=reduction)
    return loss
