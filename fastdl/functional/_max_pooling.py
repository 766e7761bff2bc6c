"""The primitives of max pooling: the largest pixel of each window, which pixel that was, and gradients.

Letters: N images, C channels, H W rows and columns of the images, P Q of the result, g its gradient. Besides its
result, the primitive ``max_pool2d`` gives which pixel each window took, as row * W + column in its plane: the gradient
goes there, and the gradient of that gradient is gathered from there. Two others do without, for calls that are not
recorded and for windows whose pixel is found again as quickly as it is looked up: ``max_pool2d_values`` and
``max_pool2d_pull``, result and gradient.
"""

from collections.abc import Sequence
from typing import Any

from .._kernels import STATUS, Argument, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec
from ._door import INT64
from ._images import channels_back, channels_first, place_for, sizes
from ._windows import Axis, axes, result_shape

_SPAN, _VECTOR = 512, 16  # columns that a block of windows may span with those of unfinished vectors, as in the kernel
_LEAST_BLOCK = 16  # windows; fewer at a time are not worth vectors
_LONGEST_ROW = 1024  # pixels, of the kernels of pair_pooling.py
_COUNTED = 2**24  # below this a float32 counts exactly


def _in_pairs(windows: Sequence[Axis], longest: int | None = None) -> bool:
    """Whether windows are 2 x 2, side by side."""
    fits = all((a.reach, a.taps, a.stride, a.padding) == (2, 2, 2, 0) and a.outputs * 2 <= a.size for a in windows)
    return fits and (longest is None or windows[1].size <= longest)


def found_again(x: Shape, attrs: dict[str, Any]) -> bool:
    """Whether to look for the pixels taken once more costs less than to write down and read which they were."""
    return _in_pairs(axes(x, attrs), _LONGEST_ROW)


def _infer_max_pool2d(x: Spec, **attrs: Any) -> tuple[Spec, Spec]:
    shape = result_shape(x.shape, attrs)
    return Spec(shape, x.dtype), Spec(shape, INT64)


def _lower_max_pool2d(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand, Operand], **attrs: Any
) -> None:
    (x,), layout = inputs, attrs["layout"]
    y, index = (place_for(lowering, o, layout) for o in outputs)
    n, c, h, w = sizes(layout, x.shape)
    rows, columns = axes(x.shape, attrs)
    p, q = rows.outputs, columns.outputs
    block = (_SPAN - (columns.stride + 1) * _VECTOR - columns.reach) // columns.stride + 1
    places = [y, index, channels_first(lowering, x, layout)]
    work = n * c * p * (rows.taps * columns.stride + columns.taps) * 0.3 * q
    if _in_pairs((rows, columns)):
        kernel = Kernel("max_pooling", "max_pool2d_pairs")
        lowering.launch(kernel, x.dtype, [*places, h, w, p, q, n * c], cells=n * c, work=n * c * p * q)
    elif block >= min(q, _LEAST_BLOCK) and rows.reach * w + columns.reach < _COUNTED:
        both = zip(*((a.taps, a.stride, a.dilation, a.padding) for a in (rows, columns)), strict=True)
        table = lowering.constant([h, w, p, q, *(number for pair in both for number in pair), block])
        lowering.launch(Kernel("max_pooling", "max_pool2d"), x.dtype, [*places, table, n * c], cells=n * c, work=work)
    else:
        dilations = (rows.dilation, columns.dilation)
        lower_windows(lowering, places, (n * c, h, w), (rows.pixels(), columns.pixels()), dilations)
    for result, o in zip((y, index), outputs, strict=True):
        channels_back(lowering, result, o, layout)


def lower_windows(
    lowering: Lowering,
    places: Sequence[Operand],
    image: tuple[int, int, int],
    windows: tuple[list[tuple[int, int]], list[tuple[int, int]]],
    dilations: tuple[int, int] = (1, 1),
) -> None:
    """Launch max pooling over windows of any kind: ``places`` of y, index and x, all NCHW, ``image`` planes, H, W, and
    the windows' (first pixel, pixels) along rows and columns."""
    planes, h, w = image
    y, _, x = places
    tables = [lowering.constant([number for window in axis for number in window]) for axis in windows]
    values, stride = lowering.worker_scratch(w, x.dtype)
    taken, taken_stride = lowering.worker_scratch(w, INT64)
    arguments: list[Argument | Operand] = [*places, h, w, *map(len, windows), *dilations, *tables]
    arguments += [values, stride, taken, taken_stride]
    pixels = w * sum(count for _, count in windows[0]) + 4 * len(windows[0]) * sum(count for _, count in windows[1])
    kernel = Kernel("max_pooling", "max_windows")
    lowering.launch(kernel, x.dtype, arguments, cells=planes, work=planes * (0.5 * pixels + y.size / max(1, planes)))


def _vjp_max_pool2d(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    """In the forward pass y = x[index], window by window; so dx[index] += g."""
    return max_pool2d_grad(grads[0], outputs[1], shape=tuple(inputs[0].shape), layout=attrs["layout"])


max_pool2d_primitive = Primitive("max_pool2d", _infer_max_pool2d, _lower_max_pool2d, _vjp_max_pool2d)


def _infer_values(x: Spec, **attrs: Any) -> tuple[Spec]:
    return (_infer_max_pool2d(x, **attrs)[0],)


def _lower_values(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], **attrs: Any) -> None:
    (x,), (y,), layout = inputs, outputs, attrs["layout"]
    windows = axes(x.shape, attrs)
    if not _in_pairs(windows, _LONGEST_ROW):
        _lower_max_pool2d(lowering, inputs, (y, lowering.scratch(y.shape, INT64)), **attrs)
        return
    n, c, h, w = sizes(layout, x.shape)
    place, shape = place_for(lowering, y, layout), [h, w, *(a.outputs for a in windows), n * c]
    arguments: list[Argument | Operand] = [place, channels_first(lowering, x, layout), *shape]
    kernel = Kernel("pair_pooling", "max_pool2d_pairs_values")
    lowering.launch(kernel, x.dtype, arguments, cells=n * c, work=0.6 * y.size)
    channels_back(lowering, place, y, layout)


def _vjp_values(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    return max_pool2d_pull(grads[0], inputs[0], **attrs)


max_pool2d_values = Primitive("max_pool2d_values", _infer_values, _lower_values, _vjp_values)
"""The result alone, for calls after which nobody asks which pixels were taken."""


def _infer_pull(g: Spec, x: Spec, **attrs: Any) -> tuple[Spec]:
    return (x,)


def _lower_pull(lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], **attrs: Any) -> None:
    (g, x), (dx,), layout = inputs, outputs, attrs["layout"]
    windows = axes(x.shape, attrs)
    if not _in_pairs(windows, _LONGEST_ROW):
        y, index = lowering.scratch(g.shape, g.dtype), lowering.scratch(g.shape, INT64)
        _lower_max_pool2d(lowering, (x,), (y, index), **attrs)
        _lower_grad(lowering, (g, index), (dx,), shape=x.shape, layout=layout)
        return
    n, c, h, w = sizes(layout, x.shape)
    place, shape = place_for(lowering, dx, layout), [h, w, *(a.outputs for a in windows), n * c]
    arguments: list[Argument | Operand] = [
        place,
        channels_first(lowering, g, layout),
        channels_first(lowering, x, layout),
        *shape,
    ]
    kernel = Kernel("pair_pooling", "max_pool2d_pairs_grad")
    lowering.launch(kernel, x.dtype, arguments, cells=n * c, work=0.5 * x.size)
    channels_back(lowering, place, dx, layout)


def _vjp_pull(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    """In the forward pass dx[index] += g; so the gradient of g is gathered."""
    _, index = max_pool2d_primitive(inputs[1], **attrs)
    return *_max_pool2d_gather(grads[0], index, layout=attrs["layout"]), None


max_pool2d_pull = Primitive("max_pool2d_pull", _infer_pull, _lower_pull, _vjp_pull)
"""The gradient of x from those of the windows, if it is not known which pixels they took."""


def _lower_indexed(name: str, lowering: Lowering, result: Operand, inputs: Sequence[Operand], layout: str) -> None:
    """Scatter to the image, or gather from it: the larger of the two arrays has H W pixels, the index has P Q."""
    values, index = inputs
    n, c, p, q = sizes(layout, index.shape)
    _, _, h, w = sizes(layout, result.shape if name == "max_pool2d_grad" else values.shape)
    code = lowering.failure(IndexError(f"index holds a number outside 0..{h * w - 1}, the pixels of a plane"))
    place = place_for(lowering, result, layout)
    arguments: list[Argument | Operand] = [
        place,
        channels_first(lowering, values, layout),
        channels_first(lowering, index, layout),
        h * w,
        p * q,
        STATUS,
        code,
    ]
    work = n * c * (0.1 * h * w + p * q)
    lowering.launch(Kernel("max_pooling", name), values.dtype, arguments, cells=n * c, work=work)
    channels_back(lowering, place, result, layout)


def _infer_grad(g: Spec, index: Spec, *, shape: Shape, layout: str) -> tuple[Spec]:
    return (Spec(shape, g.dtype),)


def _lower_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, shape: Shape, layout: str
) -> None:
    _lower_indexed("max_pool2d_grad", lowering, outputs[0], inputs, layout)


def _vjp_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, layout: str
) -> Sequence[Any]:
    """In the forward pass dx[index] += g; so the gradient of g is gathered."""
    return *_max_pool2d_gather(grads[0], inputs[1], layout=layout), None


max_pool2d_grad = Primitive("max_pool2d_grad", _infer_grad, _lower_grad, _vjp_grad)


def _infer_gather(x: Spec, index: Spec, *, layout: str) -> tuple[Spec]:
    return (Spec(index.shape, x.dtype),)


def _lower_gather(lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, layout: str) -> None:
    _lower_indexed("max_pool2d_gather", lowering, outputs[0], inputs, layout)


def _vjp_gather(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, layout: str) -> Sequence[Any]:
    """In the forward pass y = x[index]; so dx[index] += g."""
    return *max_pool2d_grad(grads[0], inputs[1], shape=tuple(inputs[0].shape), layout=layout), None


_max_pool2d_gather = Primitive("max_pool2d_gather", _infer_gather, _lower_gather, _vjp_gather)
