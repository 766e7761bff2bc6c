"""The primitives of losses whose targets are classes and of their gradients.

Letters: N examples, C classes, z logits or log-probabilities, t targets, w weights of the classes (constants), W total
weight of the targets that count, g gradient of the loss. k is 1 / W for the reduction "mean" and 1 otherwise.
"""

import math
from typing import Any

import numpy as np

from .._kernels import STATUS, Kernel
from ..ops import Lowering, Operand, Primitive, Spec
from . import elementwise, reductions, shape
from ._losses import FLOAT64, of_grad
from .softmax import softmax_backward

_MODES = {"none": -1, "sum": 0, "mean": 1}


def _infer_loss(z: Spec, t: Spec, w: Spec | None, reduction: str, kept: bool = False, **attrs: Any) -> tuple[Spec, ...]:
    """The loss, and if it is kept for the gradient, the total weight by which a mean is divided."""
    loss = Spec(t.shape if reduction == "none" else (), z.dtype)
    return (loss, Spec((), z.dtype)) if kept and reduction == "mean" else (loss,)


def _layout(z: Operand, t: Operand, name: str) -> tuple[str, list[Any], int]:
    """The kernel for the logits' layout, its slots 11 to 13 and cells: rows of logits, or planes of pixels."""
    classes, pixels = z.shape[1], math.prod(z.shape[2:])
    if pixels > 1 and t.size:
        chunks = -(-pixels // 512)
        return f"{name}_planes", [pixels, classes, chunks], z.shape[0] * chunks
    cell_rows = max(1, min(256, 2048 // classes))
    return name, [t.size, classes, cell_rows], -(-t.size // cell_rows)


def _nll_layout(z: Operand, t: Operand) -> tuple[list[Any], int]:
    """Slots 11 to 15 of the kernels of log-probabilities, and cells."""
    classes, pixels = z.shape[1], math.prod(z.shape[2:])
    if pixels > 1 and t.size:
        chunks = -(-pixels // 512)
        return [pixels, classes, chunks, 1, pixels], z.shape[0] * chunks
    chunks = -(-t.size // 512)
    return [t.size, classes, chunks, classes, 1], chunks


def _targets(
    lowering: Lowering, op: str, z: Operand | None, t: Operand, w: Operand | None, classes: int, ignored: int
) -> list[Any]:
    """Slots 5 to 10: logits, targets, weights, the ignored class, and what to do about a class that is not there."""
    error = IndexError(f"{op}: target holds a class outside 0..{classes - 1} that is not ignore_index ({ignored})")
    return [z, t, w, ignored, STATUS, lowering.failure(error)]


def _launch_sum(
    lowering: Lowering, kernel: Kernel, outputs: Any, reduction: str, rest: list[Any], count: int, work: float
) -> None:
    """A forward kernel, and where it sums over several cells a second one for their partial sums."""
    y, *weight = outputs
    dtype = y.dtype
    count = max(1, count) if reduction != "none" else count
    partial = lowering.scratch((2 * count,), FLOAT64) if count > 1 and reduction != "none" else None
    head: list[Any] = [y, weight[0] if weight else None, partial, count, _MODES[reduction]]
    lowering.launch(kernel, dtype, [*head, *rest], cells=count, work=work)
    if partial is not None:
        lowering.launch(Kernel("class_losses", "total"), dtype, head, cells=1, work=2 * count)


def _divisor(lowering: Lowering, total: Operand | None, dtype: Any, rest: list[Any], t: Operand, classes: int) -> Any:
    """The total weight, computed here for a gradient that comes without what its forward pass kept."""
    if total is None:
        total = lowering.scratch((), dtype)
        kernel, count = Kernel("class_losses", "weight"), -(-t.size // 4096)
        _launch_sum(lowering, kernel, [total], "sum", [*rest, t.size, classes], count, 0.5 * t.size)
    return total


def _lower_cross_entropy(
    lowering: Lowering,
    inputs: Any,
    outputs: Any,
    reduction: str,
    ignored: int = -100,
    smoothing: float = 0.0,
    kept: bool = False,
) -> None:
    z, t, w = inputs
    kernel, sizes, count = _layout(z, t, "cross_entropy" if w is None else "cross_entropy_weighted")
    rest = [*_targets(lowering, "cross_entropy", z, t, w, z.shape[1], ignored), *sizes, smoothing]
    _launch_sum(lowering, Kernel("class_losses", kernel), outputs, reduction, rest, count, 0.7 * z.size)


def _cross_entropy_vjp(
    grads: Any, inputs: Any, outputs: Any, kept: bool = False, **attrs: Any
) -> tuple[Any, None, None]:
    if grads[0] is None:  # only the total weight was used, which does not move with the logits
        return None, None, None
    # In the forward pass each loss was -(1 - a) w_t log s_t - a / C sum of w_c log s_c with s = softmax(z), smoothing
    # a.
    total = outputs[1] if len(outputs) > 1 else None
    return cross_entropy_grad(grads[0], *inputs, total, **attrs)[0], None, None


cross_entropy = Primitive("cross_entropy", _infer_loss, _lower_cross_entropy, _cross_entropy_vjp)


def _lower_cross_entropy_grad(
    lowering: Lowering, inputs: Any, outputs: Any, reduction: str, ignored: int = -100, smoothing: float = 0.0
) -> None:
    (grad, z, t, w, total), (dz,) = inputs, outputs
    kernel, sizes, count = _layout(z, t, "cross_entropy" if w is None else "cross_entropy_weighted")
    rest = _targets(lowering, "cross_entropy", z, t, w, z.shape[1], ignored)
    if reduction == "mean":
        total = _divisor(lowering, total, z.dtype, rest, t, z.shape[1])
    head: list[Any] = [dz, total, grad, int(reduction == "none"), _MODES[reduction]]
    rest = [*rest, *sizes, smoothing]
    lowering.launch(Kernel("class_gradients", kernel), z.dtype, [*head, *rest], cells=count, work=0.8 * z.size)


def _of_each_target(values: Any, t: Any, like: Any, ignored: int) -> Any:
    """The value of each target's class (N, 1, ...), 0 for ignored targets; ``values`` has one for each class."""
    negative = shape.reshape(elementwise.negative(values), (1, -1, *[1] * (len(like.shape) - 2)))
    (each,) = nll(shape.broadcast_to(negative, like.shape), t, None, reduction="none", ignored=ignored)
    return shape.reshape(each, (t.shape[0], 1, *t.shape[1:]))


def _cross_entropy_grad_vjp(
    grads: Any, inputs: Any, outputs: Any, reduction: str, ignored: int = -100, smoothing: float = 0.0
) -> tuple[Any, ...]:
    # In the forward pass y = k g (b_t s - c) with s = softmax(z), b_t = (1 - a) w_t + a / C sum of w, and c without z,
    # so with the gradient h of y: dg = sum of k h (b_t s - c), dz = k g b_t (gradient of softmax for h).
    (h,), (grad, z, t, w, total) = grads, inputs
    attrs = {"ignored": ignored, "smoothing": smoothing}
    if reduction == "none":
        (slope,) = cross_entropy_grad(np.ones((), z.dtype), z, t, w, None, reduction="sum", **attrs)
        dg, g = reductions.sum(elementwise.multiply(h, slope), axis=1), shape.reshape(grad, _as_column(t))
    else:
        (slope,) = cross_entropy_grad(np.ones((), z.dtype), z, t, w, total, reduction=reduction, **attrs)
        dg, g = of_grad(elementwise.multiply(h, slope), reduction), grad
    w = np.ones(z.shape[1], z.dtype) if w is None else w
    all_classes = elementwise.multiply(reductions.sum(w), smoothing / z.shape[1])
    b = elementwise.add(elementwise.multiply(w, 1 - smoothing), all_classes)
    factor = elementwise.multiply(g, _of_each_target(b, t, z, ignored))
    if reduction == "mean":
        total = reductions.sum(_of_each_target(w, t, z, ignored)) if total is None else total
        factor = elementwise.divide(factor, total)
    (dz,) = softmax_backward(elementwise.multiply(h, factor), z, 1)
    return dg, dz, None, None, None


def _as_column(t: Any) -> tuple[int, ...]:
    return (t.shape[0], 1, *t.shape[1:])


cross_entropy_grad = Primitive(
    "cross_entropy_grad",
    lambda grad, z, t, w, total, **attrs: (z,),
    _lower_cross_entropy_grad,
    _cross_entropy_grad_vjp,
    in_place=((0, 1),),
)


def _lower_nll(
    lowering: Lowering, inputs: Any, outputs: Any, reduction: str, ignored: int = -100, kept: bool = False
) -> None:
    z, t, w = inputs
    sizes, count = _nll_layout(z, t)
    rest = [*_targets(lowering, "nll_loss", z, t, w, z.shape[1], ignored), *sizes]
    _launch_sum(lowering, Kernel("nll", "nll"), outputs, reduction, rest, count, 1.5 * t.size)


def _nll_vjp(
    grads: Any, inputs: Any, outputs: Any, reduction: str, ignored: int = -100, kept: bool = False
) -> tuple[Any, None, None]:
    if grads[0] is None:  # only the total weight was used, which does not move with the log-probabilities
        return None, None, None
    # In the forward pass each loss was -w_t z_t.
    z, t, w = inputs
    total = outputs[1] if len(outputs) > 1 else None
    return nll_grad(grads[0], t, w, total, reduction=reduction, ignored=ignored, classes=z.shape[1])[0], None, None


nll = Primitive("nll_loss", _infer_loss, _lower_nll, _nll_vjp)


def _lower_nll_grad(
    lowering: Lowering, inputs: Any, outputs: Any, reduction: str, classes: int, ignored: int = -100
) -> None:
    (grad, t, w, total), (dz,) = inputs, outputs
    sizes, count = _nll_layout(dz, t)
    rest = _targets(lowering, "nll_loss", None, t, w, classes, ignored)
    if reduction == "mean":
        total = _divisor(lowering, total, dz.dtype, rest, t, classes)
    head: list[Any] = [dz, total, grad, int(reduction == "none"), _MODES[reduction]]
    rest = [*rest, *sizes]
    work = 1.5 * t.size + 0.1 * dz.size
    lowering.launch(Kernel("nll", "nll_grad"), dz.dtype, [*head, *rest], cells=count, work=work)


def _nll_grad_vjp(
    grads: Any, inputs: Any, outputs: Any, reduction: str, classes: int, ignored: int = -100
) -> tuple[Any, None, None, None]:
    # In the forward pass y = -k g w_t [c = t], which is linear in g, so with the gradient h of y: dg is the loss of h.
    (h,), (_, t, w, _) = grads, inputs
    return nll(h, t, w, reduction=reduction, ignored=ignored)[0], None, None, None


nll_grad = Primitive(
    "nll_loss_grad",
    lambda grad, t, w, total, classes, **attrs: (Spec((t.shape[0], classes, *t.shape[1:]), grad.dtype),),
    _lower_nll_grad,
    _nll_grad_vjp,
)
