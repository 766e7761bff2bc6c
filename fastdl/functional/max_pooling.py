"""Max pooling: the largest pixel of each window, each function beside its backward.

Letters: N images, C channels, H W rows and columns of the images, P Q of the result, g its gradient. Besides its
result, the primitive ``max_pool2d`` gives which pixel each window took, as row * W + column in its plane: the gradient
goes there, and the gradient of that gradient is gathered from there.
"""

from collections.abc import Sequence
from typing import Any

from .._kernels import STATUS, Argument, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, op
from . import shape as shapes
from ._door import INT64, check_grad, floats, indices, results
from ._draw import pooling as draw
from ._images import as_images, as_sequences, channels_back, channels_first, place_for, sizes
from ._windows import attributes, attributes_of_sequences, axes, result_shape

_SPAN, _VECTOR = 512, 16  # columns that a block of windows may span with those of unfinished vectors, as in the kernel
_LEAST_BLOCK = 16  # windows; fewer at a time are not worth vectors
_COUNTED = 2**24  # below this a float32 counts exactly


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
    if all((a.reach, a.taps, a.stride, a.padding) == (2, 2, 2, 0) and a.outputs * 2 <= a.size for a in (rows, columns)):
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


@op(draw=draw.max_pool2d)
def max_pool2d(
    x: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    layout: str = "NCHW",
    out: Any = None,
) -> Any:
    """The largest pixel of each window.

    y[n, c, p, q] = max of x[n, c, p*stride - padding + u*dilation, ...] over the pixels u < kernel_size of the window,
    the columns alike, that lie in the image;
    P = floor((H + 2*padding - dilation*(kernel_size - 1) - 1) / stride) + 1, or rounded up with ``ceil_mode``, as long
    as the last window starts in the image or in the padding before it. Equivalent to
    ``np.lib.stride_tricks.sliding_window_view(x, kernel_size, (2, 3))[:, :, ::stride, ::stride].max((4, 5))`` without
    the other options.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC": float32 or float64; the result is (N, C, P, Q) or
    (N, P, Q, C). ``kernel_size``, ``stride`` (None: the kernel_size), ``padding`` (at most half of what the kernel
    reaches over; PyTorch, which does not count the dilation, allows half of the kernel_size) and ``dilation`` are
    integers or pairs (height, width). ``out`` takes the result; it may not overlap x.

    Raises ValueError if a window does not fit into the padded image, or lies in the padding only.

    Numerics: a NaN in a window makes its result NaN. The padding never wins. Among equal pixels the first one, row by
    row, gets the gradient.

    >>> import numpy as np
    >>> max_pool2d(np.float32([[[[1, 2, 5, 0], [4, 3, 0, 6]]]]), 2)
    array([[[[4., 6.]]]], dtype=float32)
    """
    (x,) = floats("max_pool2d", x=x)
    attrs = attributes("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    return results("max_pool2d", max_pool2d_primitive, {"x": x}, out, **attrs)[0]


def max_pool2d_backward(
    grad: Any,
    x: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    layout: str = "NCHW",
    index: Any = None,
) -> tuple[Any]:
    """Gradient of :func:`max_pool2d`: that of a window goes to the pixel that it took.

    In the forward pass y[p, q] = x[i, j] with (i, j) the first largest pixel of the window; so dx[i, j] += g[p, q].
    ``index`` is i * W + j for each window (int64, of the result's shape), if it is at hand.
    """
    name = "max_pool2d_backward"
    grad, x = floats(name, grad=grad, x=x)
    attrs = attributes(name, x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    shape = result_shape(tuple(x.shape), attrs)
    check_grad(name, grad, shape, x.dtype)
    return send_back(name, grad, x, index, shape, max_pool2d_primitive, attrs)


def send_back(
    name: str, grad: Any, x: Any, index: Any, result: Shape, primitive: Primitive, attrs: dict[str, Any]
) -> tuple[Any]:
    """The gradient of x where ``primitive`` took the pixels ``index``, which are found here if they are not given."""
    if index is None:
        _, index = primitive(x, **attrs)
    else:
        index = check_grad(name, indices(name, "index", index), result, INT64, "index")
    try:
        (dx,) = max_pool2d_grad(grad, index, shape=tuple(x.shape), layout=attrs["layout"])
    except IndexError as error:
        raise IndexError(f"{name}: {error}") from None
    return (dx,)


@op(draw=draw.max_pool1d)
def max_pool1d(
    x: Any,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
    layout: str = "NCW",
) -> Any:
    """The largest number of each window of a sequence.

    y[n, c, q] = max of x[n, c, q*stride - padding + v*dilation] over the numbers v < kernel_size of the window that lie
    in the sequence; Q follows from W as P from H in :func:`max_pool2d`, of which this is the case of one row.
    Equivalent to ``np.lib.stride_tricks.sliding_window_view(x, kernel_size, 2)[:, :, ::stride].max(3)`` without the
    other options.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC": float32 or float64; the result is (N, C, Q) or (N, Q, C). The
    options are integers; those of :func:`max_pool2d`.

    Raises ValueError if a window does not fit into the padded sequence, or lies in the padding only.

    >>> import numpy as np
    >>> max_pool1d(np.float32([[[1, 2, 5, 0, 4]]]), 2, ceil_mode=True)
    array([[[2., 5., 4.]]], dtype=float32)
    """
    (x,) = floats("max_pool1d", x=x)
    attrs = attributes_of_sequences("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    images = shapes.reshape(x, as_images(layout, tuple(x.shape)))
    y = max_pool2d_primitive(images, **attrs)[0]
    return shapes.reshape(y, as_sequences(layout, tuple(y.shape)))


def max_pool1d_backward(
    grad: Any,
    x: Any,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
    layout: str = "NCW",
    index: Any = None,
) -> tuple[Any]:
    """Gradient of :func:`max_pool1d`: that of a window goes to the number that it took.

    In the forward pass y[q] = x[j] with j the first largest number of the window; so dx[j] += g[q]. ``index`` is j for
    each window (int64, of the result's shape), if it is at hand.
    """
    name = "max_pool1d_backward"
    grad, x = floats(name, grad=grad, x=x)
    attrs = attributes_of_sequences(name, x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    images = shapes.reshape(x, as_images(layout, tuple(x.shape)))
    result = result_shape(tuple(images.shape), attrs)
    check_grad(name, grad, as_sequences(layout, result), x.dtype)
    grad = shapes.reshape(grad, result)
    if index is not None:
        index = check_grad(name, indices(name, "index", index), as_sequences(layout, result), INT64, "index")
        index = shapes.reshape(index, result)
    (dx,) = send_back(name, grad, images, index, result, max_pool2d_primitive, attrs)
    return (shapes.reshape(dx, tuple(x.shape)),)
