"""Mean pooling: the mean of each window, each function beside its backward.

Letters: N images, C channels, H W rows and columns of the images, P Q of the result, g its gradient.
"""

from collections.abc import Sequence
from typing import Any

from .._kernels import Argument, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, op
from . import shape as shapes
from ._door import check_grad, choice, floats, result_into, results
from ._draw import pooling as draw
from ._images import as_images, as_sequences, channels_back, channels_first, place_for, sizes
from ._windows import attributes, attributes_of_sequences, axes, result_shape


def _infer_avg_pool2d(x: Spec, **attrs: Any) -> tuple[Spec]:
    return (Spec(result_shape(x.shape, attrs), x.dtype),)


def _lower_avg_pool2d(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], **attrs: Any) -> None:
    (x,), (y,) = inputs, outputs
    lower_means("avg_windows", lowering, y, x, x.shape, _intervals(x.shape, attrs), attrs["layout"])


def _intervals(x: Shape, attrs: dict[str, Any]) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    rows, columns = axes(x, attrs)
    counts = attrs["count_include_pad"]
    return rows.intervals(counts), columns.intervals(counts)


def lower_means(
    name: str,
    lowering: Lowering,
    result: Operand,
    source: Operand,
    image: Shape,
    windows: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]],
    layout: str,
) -> None:
    """Launch the mean of windows, or its gradient, between images of shape ``image`` and their windows, given as
    (start, stop, count) along rows and columns."""
    place = place_for(lowering, result, layout)
    n, c, h, w = sizes(layout, image)
    tables = [lowering.constant([number for window in axis for number in window]) for axis in windows]
    scratch, stride = lowering.worker_scratch(w, source.dtype)
    arguments: list[Argument | Operand] = [
        place,
        channels_first(lowering, source, layout),
        h,
        w,
        *map(len, windows),
        *tables,
        scratch,
        stride,
    ]
    down, across = (sum(stop - start for start, stop, _ in axis) for axis in windows)
    work = n * c * (0.15 * down * w + len(windows[0]) * across)
    lowering.launch(Kernel("avg_pooling", name), source.dtype, arguments, cells=n * c, work=work)
    channels_back(lowering, place, result, layout)


def _vjp_avg_pool2d(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    """In the forward pass y = sum of the window / count; so each of its pixels gets g / count."""
    return avg_pool2d_grad(grads[0], shape=tuple(inputs[0].shape), **attrs)


avg_pool2d_primitive = Primitive("avg_pool2d", _infer_avg_pool2d, _lower_avg_pool2d, _vjp_avg_pool2d)


def _infer_avg_grad(g: Spec, *, shape: Shape, **attrs: Any) -> tuple[Spec]:
    return (Spec(shape, g.dtype),)


def _lower_avg_grad(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], *, shape: Shape, **attrs: Any
) -> None:
    (g,), (dx,) = inputs, outputs
    lower_means("avg_windows_grad", lowering, dx, g, shape, _intervals(shape, attrs), attrs["layout"])


def _vjp_avg_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, **attrs: Any
) -> Sequence[Any]:
    """dx is linear in g, the transpose of avg_pool2d; so the gradient of g is avg_pool2d again."""
    return avg_pool2d_primitive(grads[0], **attrs)


avg_pool2d_grad = Primitive("avg_pool2d_grad", _infer_avg_grad, _lower_avg_grad, _vjp_avg_grad)


def _counts(op_name: str, count_include_pad: Any) -> bool:
    return bool(choice(op_name, "count_include_pad", count_include_pad, (True, False)))


@op(draw=draw.avg_pool2d)
def avg_pool2d(
    x: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCHW",
    out: Any = None,
) -> Any:
    """The mean of each window.

    y[n, c, p, q] = (sum of x[n, c, i, j] over the pixels of the image in the window) / count, where count is the number
    of those pixels, and, if ``count_include_pad``, of the padding's that lie in the window too; what lies beyond the
    padding, which ``ceil_mode`` may reach, never counts. Windows and sizes are those of :func:`max_pool2d` with
    dilation 1. Equivalent to
    ``np.lib.stride_tricks.sliding_window_view(x, kernel_size, (2, 3))[:, :, ::stride, ::stride].mean((4, 5))`` without
    the other options.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC": float32 or float64; the result is (N, C, P, Q) or
    (N, P, Q, C). ``kernel_size``, ``stride`` (None: the kernel_size) and ``padding`` (at most half the kernel) are
    integers or pairs (height, width). ``out`` takes the result; it may not overlap x.

    Raises ValueError if a window does not fit into the padded image.

    Numerics: sums are in the precision of x, first down the columns of a window.

    >>> import numpy as np
    >>> avg_pool2d(np.float32([[[[1, 2, 5, 0], [4, 3, 0, 6]]]]), 2)
    array([[[[2.5 , 2.75]]]], dtype=float32)
    """
    (x,) = floats("avg_pool2d", x=x)
    attrs = attributes("avg_pool2d", x, kernel_size, stride, padding, None, ceil_mode, layout)
    counts = _counts("avg_pool2d", count_include_pad)
    return results("avg_pool2d", avg_pool2d_primitive, {"x": x}, out, count_include_pad=counts, **attrs)[0]


def avg_pool2d_backward(
    grad: Any,
    x: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCHW",
) -> tuple[Any]:
    """Gradient of :func:`avg_pool2d`: each pixel gets g / count from every window it lies in.

    In the forward pass y[p, q] += x[i, j] / count for every pixel (i, j) of the window.
    """
    name = "avg_pool2d_backward"
    grad, x = floats(name, grad=grad, x=x)
    attrs = attributes(name, x, kernel_size, stride, padding, None, ceil_mode, layout)
    counts = _counts(name, count_include_pad)
    check_grad(name, grad, result_shape(tuple(x.shape), attrs), x.dtype)
    (dx,) = avg_pool2d_grad(grad, shape=tuple(x.shape), count_include_pad=counts, **attrs)
    return (dx,)


@op(draw=draw.avg_pool1d)
def avg_pool1d(
    x: Any,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCW",
    out: Any = None,
) -> Any:
    """The mean of each window of a sequence.

    y[n, c, q] = (sum of x[n, c, j] over the window) / count: the case of one row of :func:`avg_pool2d`, with its rules
    for what counts. Equivalent to
    ``np.lib.stride_tricks.sliding_window_view(x, kernel_size, 2)[:, :, ::stride].mean(3)`` without the other options.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC": float32 or float64; the result is (N, C, Q) or (N, Q, C). The
    options are integers; those of :func:`avg_pool2d`. ``out`` takes the result; it may not overlap x.

    Raises ValueError if a window does not fit into the padded sequence.

    >>> import numpy as np
    >>> avg_pool1d(np.float32([[[1, 2, 5, 0, 4]]]), 2)
    array([[[1.5, 2.5]]], dtype=float32)
    """
    (x,) = floats("avg_pool1d", x=x)
    attrs = attributes_of_sequences("avg_pool1d", x, kernel_size, stride, padding, None, ceil_mode, layout)
    counts = _counts("avg_pool1d", count_include_pad)
    images = shapes.reshape(x, as_images(layout, tuple(x.shape)))
    attrs["count_include_pad"] = counts
    if out is not None:
        (spec,) = avg_pool2d_primitive.infer(Spec(tuple(images.shape), x.dtype), **attrs)
        result = as_sequences(layout, spec.shape)
        return result_into("avg_pool1d", avg_pool2d_primitive, (images,), out, result, {"x": x}, **attrs)
    (y,) = avg_pool2d_primitive(images, **attrs)
    return shapes.reshape(y, as_sequences(layout, tuple(y.shape)))


def avg_pool1d_backward(
    grad: Any,
    x: Any,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCW",
) -> tuple[Any]:
    """Gradient of :func:`avg_pool1d`: each number gets g / count from every window it lies in.

    In the forward pass y[q] += x[j] / count for every j of the window.
    """
    name = "avg_pool1d_backward"
    grad, x = floats(name, grad=grad, x=x)
    attrs = attributes_of_sequences(name, x, kernel_size, stride, padding, None, ceil_mode, layout)
    counts = _counts(name, count_include_pad)
    images = as_images(layout, tuple(x.shape))
    result = result_shape(images, attrs)
    check_grad(name, grad, as_sequences(layout, result), x.dtype)
    (dx,) = avg_pool2d_grad(shapes.reshape(grad, result), shape=images, count_include_pad=counts, **attrs)
    return (shapes.reshape(dx, tuple(x.shape)),)
