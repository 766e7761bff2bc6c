"""The primitives of normalisation: y = (x - mean) r weight + bias with r = 1 / sqrt(var + eps), and its gradient.

``kind`` and ``count`` say over what mean and var are taken, and along what weight and bias lie:

    "last"    over the last ``count`` axes, which weight and bias have too: layer_norm, rms_norm
    "groups"  over each of ``count`` groups of channels of each image; weight (C,): group_norm, instance_norm
    "batch"   over each channel of all images; weight (C,): batch_norm

Letters: N images, C channels, I pixels, G groups of K channels, n the last axes; z = (x - mean) r, u = g weight, g the
gradient of y, h the gradient of a gradient. Without a mean (rms_norm), var is the mean square.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec
from . import elementwise, reductions, shape

_CELL = 8192  # elements of one cell, where groups are small
# With fewer pixels than that, batch_norm goes over channels side by side; with given statistics it need not add up.
_FEW_PIXELS, _FEW_PIXELS_GIVEN = 128, 16


class Sight(NamedTuple):
    """How an array is looked at, so that statistics and parameters broadcast against it."""

    full: Shape
    statistics: Shape
    parameters: Shape
    axes: Shape  # those of the statistics
    others: Shape  # those along which parameters are repeated


def sight(full: Shape, kind: str, count: int) -> Sight:
    """The view in which groups are whole axes."""
    if kind == "last":
        outer, n = math.prod(full[:-count]), math.prod(full[-count:])
        return Sight((outer, n), (outer, 1), (1, n), (1,), (0,))
    images, channels, pixels = full[0], full[1], math.prod(full[2:])
    if kind == "batch":
        return Sight((images, channels, pixels), (1, channels, 1), (1, channels, 1), (0, 2), (0, 2))
    each = channels // count
    return Sight((images, count, each, pixels), (images, count, 1, 1), (1, count, each, 1), (2, 3), (0, 3))


def statistics_shape(full: Shape, kind: str, count: int) -> Shape:
    """The shape of mean and var."""
    if kind == "last":
        return full[:-count]
    return (full[1],) if kind == "batch" else (full[0], count)


def _parameters_shape(full: Shape, kind: str, count: int) -> Shape:
    return full[-count:] if kind == "last" else (full[1],)


def _geometry(full: Shape, kind: str, count: int) -> tuple[list[int], int]:
    """For the kernels: groups, parts, length, step, channels of a group, pixels, groups in an image; and the number of
    groups in a cell."""
    if kind == "last":
        outer, n = math.prod(full[:-count]), math.prod(full[-count:])
        numbers = [outer, 1, n, n, n, 1, 1]
    else:
        images, channels, pixels = full[0], full[1], math.prod(full[2:])
        if kind == "batch":
            numbers = [channels, images, pixels, channels * pixels, 1, pixels, max(1, channels)]
        else:
            each = channels // count
            numbers = [images * count, 1, each * pixels, each * pixels, each, pixels, count]
    return numbers, max(1, _CELL // max(1, numbers[1] * numbers[2]))


def _few_pixels(full: Shape, kind: str, few: int = _FEW_PIXELS) -> bool:
    return kind == "batch" and math.prod(full[2:]) < few


def _side_by_side(full: Shape) -> tuple[list[int], int]:
    """For the kernels ``columns``: images, channels, pixels, channels in a cell; and the number of cells."""
    images, channels, pixels = full[0], full[1], math.prod(full[2:])
    columns = min(512, max(128, channels * pixels // 16))
    in_cell = max(1, columns // max(1, pixels))
    return [images, channels, pixels, in_cell], -(-channels // in_cell)


def _launch(
    lowering: Lowering,
    y: Operand | None,
    statistics: Sequence[Any],
    arrays: Sequence[Any],
    given: bool,
    attrs: dict[str, Any],
) -> None:
    (x, weight, bias), (mean, var) = arrays, statistics
    kind, count, eps = attrs["kind"], attrs["count"], attrs["eps"]
    arguments = [y, mean, var, x, weight, bias]
    if _few_pixels(x.shape, kind, _FEW_PIXELS_GIVEN if given else _FEW_PIXELS):
        numbers, cells = _side_by_side(x.shape)
        kernel, more = Kernel("normalization", "columns"), [*numbers, eps, int(given)]
    else:
        # Given statistics are those of the channels: image after image, as if each channel were a group.
        numbers, in_cell = (
            _geometry(x.shape, "groups", max(1, x.shape[1])) if given else _geometry(x.shape, kind, count)
        )
        cells = -(-numbers[0] // in_cell)
        kernel, more = Kernel("normalization", "normalize"), [*numbers, in_cell, eps, int(given)]
    lowering.launch(kernel, x.dtype, [*arguments, *more], cells=cells, work=0.4 * x.size)


def _infer_normalize(x: Spec, weight: Any, bias: Any, *, centred: bool, **attrs: Any) -> tuple[Spec, ...]:
    statistics = Spec(statistics_shape(x.shape, attrs["kind"], attrs["count"]), x.dtype)
    return (x, statistics, statistics) if centred else (x, statistics)


def _lower_normalize(lowering: Lowering, inputs: Any, outputs: Any, *, centred: bool, **attrs: Any) -> None:
    y, *statistics = outputs
    _launch(lowering, y, statistics if centred else [None, *statistics], inputs, False, attrs)


def _vjp_normalize(grads: Any, inputs: Any, outputs: Any, *, centred: bool, **attrs: Any) -> Sequence[Any]:
    """In the forward pass mean = sum(x) / n, var = sum((x - mean)**2) / n, and y followed from them."""
    x, weight, bias = inputs
    mean, var = (outputs[1] if centred else None), outputs[-1]
    g, of_mean, of_var = grads[0], (grads[1] if centred else None), grads[-1]
    dx, dw, db = None, None, None
    if g is not None:
        dx, dw, db = gradients(g, x, weight, bias, mean, var, given=False, **attrs)
    s = sight(tuple(x.shape), attrs["kind"], attrs["count"])
    n = max(1, math.prod(s.full[axis] for axis in s.axes))
    if of_var is not None:
        near = shape.reshape(x, s.full)
        if centred:
            near = elementwise.subtract(near, shape.reshape(mean, s.statistics))
        slope = shape.reshape(elementwise.multiply(of_var, 2 / n), s.statistics)
        dx = elementwise.plus(dx, shape.reshape(elementwise.multiply(near, slope), x.shape))
    if of_mean is not None:
        slope = shape.reshape(elementwise.divide(of_mean, n), s.statistics)
        dx = elementwise.plus(dx, shape.reshape(shape.broadcast_to(slope, s.full), x.shape))
    return dx, dw, db


normalize = Primitive("normalize", _infer_normalize, _lower_normalize, _vjp_normalize)


def _infer_statistics(x: Spec, **attrs: Any) -> tuple[Spec, ...]:
    return _infer_normalize(x, None, None, **attrs, eps=0.0)[1:]


def _lower_statistics(lowering: Lowering, inputs: Any, outputs: Any, *, centred: bool, **attrs: Any) -> None:
    _launch(lowering, None, outputs if centred else [None, *outputs], (*inputs, None, None), False, {**attrs, "eps": 0})


def _vjp_statistics(grads: Any, inputs: Any, outputs: Any, **attrs: Any) -> Sequence[Any]:
    return _vjp_normalize((None, *grads), (*inputs, None, None), (None, *outputs), **attrs, eps=0.0)[:1]


statistics = Primitive("normalize_statistics", _infer_statistics, _lower_statistics, _vjp_statistics)
"""What ``normalize`` gives beside y, for a gradient that does not know it from the forward pass."""


def _lower_running(lowering: Lowering, inputs: Any, outputs: Any, momentum: float, values: int) -> None:
    unbiased = momentum * values / (values - 1)
    for y, old, new, share in zip(outputs, inputs[:2], inputs[2:], (momentum, unbiased), strict=True):
        arguments = [y, old, new, 1 - momentum, share, y.size]
        cells = -(-y.size // 4096)
        lowering.launch(Kernel("normalization", "blend"), y.dtype, arguments, cells=cells, work=0.5 * y.size)


def _vjp_running(grads: Any, inputs: Any, outputs: Any, momentum: float, values: int) -> Sequence[Any]:
    shares = (1 - momentum, 1 - momentum, momentum, momentum * values / (values - 1))
    return [None if g is None else elementwise.multiply(g, a) for g, a in zip((*grads, *grads), shares, strict=True)]


update_running = Primitive(
    "update_running",
    lambda old_mean, old_var, mean, var, momentum, values: (old_mean, old_var),
    _lower_running,
    _vjp_running,
    in_place=((0, 0), (1, 1)),
)
"""(1 - momentum) old + momentum new of mean and variance, which is made unbiased."""


def _infer_given(x: Spec, weight: Any, bias: Any, mean: Spec, var: Spec, **attrs: Any) -> tuple[Spec]:
    return (x,)


def _lower_given(lowering: Lowering, inputs: Any, outputs: Any, **attrs: Any) -> None:
    _launch(lowering, outputs[0], inputs[3:], inputs[:3], True, attrs)


def _vjp_given(grads: Any, inputs: Any, outputs: Any, **attrs: Any) -> Sequence[Any]:
    return gradients_given(grads[0], *inputs, **attrs)


normalize_given = Primitive("normalize_given", _infer_given, _lower_given, _vjp_given)


def gradients(g: Any, x: Any, weight: Any, bias: Any, mean: Any, var: Any, **attrs: Any) -> tuple[Any, Any, Any]:
    """Gradients with respect to x, weight and bias, None for those that are absent."""
    params = weight is not None or bias is not None
    dx, dw, db = (*normalize_grad(g, x, weight, mean, var, params=params, **attrs), None, None)[:3]
    return dx, None if weight is None else dw, None if bias is None else db


def gradients_given(g: Any, x: Any, weight: Any, bias: Any, mean: Any, var: Any, **attrs: Any) -> Sequence[Any]:
    """In the forward pass y = (x - mean) r weight + bias with r = (var + eps)**-0.5 and mean and var from elsewhere; so
    with the sums over a channel dmean = -r weight sum(g) and dvar = -r**2 weight sum(g z) / 2."""
    multiply = elementwise.multiply
    dx, dw, db = normalize_grad(g, x, weight, mean, var, given=True, params=True, **attrs)
    r = _inverse_root(var, attrs["eps"])
    scale = r if weight is None else multiply(r, weight)
    dmean, dvar = elementwise.negative(multiply(scale, db)), multiply(multiply(multiply(scale, r), -0.5), dw)
    return dx, None if weight is None else dw, None if bias is None else db, dmean, dvar


def _inverse_root(var: Any, eps: float) -> Any:
    return elementwise.divide(1, elementwise.sqrt(elementwise.add(var, eps)))


def _infer_grad(
    g: Spec, x: Spec, weight: Any, mean: Any, var: Spec, *, params: bool, given: bool, **attrs: Any
) -> tuple[Spec, ...]:
    along = Spec(_parameters_shape(x.shape, attrs["kind"], attrs["count"]), x.dtype)
    return (x, along, along) if params else (x,)


def _lower_grad(
    lowering: Lowering,
    inputs: Any,
    outputs: Any,
    *,
    kind: str,
    count: int,
    eps: float,
    given: bool,
    params: bool,
) -> None:
    g, x, weight, mean, var = inputs
    dx, dw, db = (*outputs, None, None)[:3]
    arrays, work = [g, x, weight, mean, var], 0.8 * x.size
    if _few_pixels(x.shape, kind):
        numbers, cells = _side_by_side(x.shape)
        arguments = [dx, dw, db, *arrays, *numbers, eps, int(given)]
        lowering.launch(Kernel("normalization_grad", "columns"), x.dtype, arguments, cells=cells, work=work)
        return
    numbers, in_cell = _geometry(x.shape, kind, count)
    groups, _, length, _, channels, pixels, period = numbers
    if pixels == 1:
        images = groups // period
        block = min(64, max(8, _CELL // max(1, length), images // 64 if length <= 2048 else 0))
        parts = -(-images // block)
        kernel, more, cells = "rows", [images, length, period, block, eps], parts * period
    else:
        parts = 1 if kind == "batch" else groups // period
        kernel, more, cells = "pieces", [*numbers, in_cell, eps, int(given)], -(-groups // in_cell)
    sums, width = [dw, db], period * channels
    if params and parts != 1:
        sums = [lowering.scratch((parts, width), x.dtype) for _ in sums]
    lowering.launch(Kernel("normalization_grad", kernel), x.dtype, [dx, *sums, *arrays, *more], cells=cells, work=work)
    if params and parts != 1:
        add = [dw, db, *sums, parts, width]
        launch = Kernel("normalization_grad", "add_parts")
        lowering.launch(launch, x.dtype, add, cells=-(-width // 512), work=0.5 * parts * width)


def _vjp_grad(
    grads: Any, inputs: Any, outputs: Any, *, given: bool, params: bool, eps: float, kind: str, count: int
) -> Sequence[Any]:
    """In the forward pass dx = r (u - mean(u) - z mean(u z)), dw = sum(g z), db = sum(g). For a fixed z, dx is a
    symmetric function of u, so du is dx with h in the place of u; and dz = -r (h mean(u z) + u mean(h z)). The means
    are over a group, and absent if the statistics were given."""
    multiply, negative, reshape = elementwise.multiply, elementwise.negative, shape.reshape
    s = sight(tuple(inputs[1].shape), kind, count)
    g, x = (reshape(a, s.full) for a in inputs[:2])
    weight, mean, var = inputs[2:]
    h, h_w, h_b = (*grads, None, None)[:3]
    r = reshape(_inverse_root(var, eps), s.statistics)
    z = multiply(x if mean is None else elementwise.subtract(x, reshape(mean, s.statistics)), r)
    w = None if weight is None else reshape(weight, s.parameters)
    dg, dw, dz, along = None, None, None, None  # along: by how much each group's dx grows with log r
    if h is not None:
        flat, h = h, reshape(h, s.full)
        if given:
            du = multiply(h, r)
        else:
            u = g if w is None else multiply(g, w)
            (du,) = normalize_grad(
                flat, inputs[1], None, mean, var, kind=kind, count=count, eps=eps, given=False, params=False
            )
            du = reshape(du, s.full)
            of_u, of_h = (reductions.mean(multiply(a, z), s.axes, keepdims=True) for a in (u, h))
            dz = negative(multiply(r, elementwise.add(multiply(h, of_u), multiply(u, of_h))))
        dg = du if w is None else multiply(du, w)
        if w is not None:
            dw = reshape(reductions.sum(multiply(du, g), s.others), weight.shape)
        along = reductions.sum(multiply(h, reshape(outputs[0], s.full)), s.axes, keepdims=True)
    if h_w is not None:
        h_w = reshape(h_w, s.parameters)
        dg, dz = elementwise.plus(dg, multiply(z, h_w)), elementwise.plus(dz, multiply(g, h_w))
    if h_b is not None:
        dg = elementwise.plus(dg, shape.broadcast_to(reshape(h_b, s.parameters), s.full))
    dx, dmean = None, None
    if dz is not None:
        dx = multiply(dz, r)
        dmean = negative(reductions.sum(dx, s.axes, keepdims=True))
        along = elementwise.plus(along, reductions.sum(multiply(dz, z), s.axes, keepdims=True))
    dvar = None if along is None else multiply(multiply(along, -0.5), multiply(r, r))
    return [
        None if a is None or to is None else reshape(a, to.shape)
        for a, to in zip((dg, dx, dw, dmean, dvar), inputs, strict=True)
    ]


normalize_grad = Primitive("normalize_grad", _infer_grad, _lower_grad, _vjp_grad)
