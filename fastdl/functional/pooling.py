"""Pooling of images: the maximum or the mean of each window, each beside its backward.

Letters: N images, C channels, H W rows and columns of the images, P Q of the result, g its gradient. Besides its
result, the primitive ``max_pool2d`` gives which pixel each window took, as row * W + column in its plane: the gradient
goes there, and the gradient of that gradient is gathered from there.
"""

from collections.abc import Sequence
from typing import Any

from .._kernels import STATUS, Argument, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, op
from ._door import INT64, check_grad, choice, floats, indices, pair
from ._draw import pooling as draw
from ._images import LAYOUTS, channels_back, channels_first, in_layout, place_for, sizes


def _result_shape(x: Shape, attrs: dict[str, Any]) -> Shape:
    n, c, *image = sizes(attrs["layout"], x)
    windows = zip(image, attrs["kernel_size"], attrs["stride"], attrs["padding"], strict=True)
    p, q = ((size + 2 * zeros - taps) // stride + 1 for size, taps, stride, zeros in windows)
    return in_layout(attrs["layout"], n, c, p, q)


def _attributes(op_name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, layout: Any) -> dict[str, Any]:
    """The options as the primitives take them; checks options and shape."""
    kernel = pair(op_name, "kernel_size", kernel_size, least=1)
    strides = kernel if stride is None else pair(op_name, "stride", stride, least=1)
    zeros = pair(op_name, "padding", padding, least=0)
    choice(op_name, "layout", layout, LAYOUTS)
    if len(x.shape) != 4:
        raise ValueError(f"{op_name}: x has shape {tuple(x.shape)}; expected four dimensions, {layout}")
    _, _, *image = sizes(layout, tuple(x.shape))
    for name, size, taps, border in zip(("height", "width"), image, kernel, zeros, strict=True):
        if border > taps // 2:
            raise ValueError(
                f"{op_name}: padding is {padding!r}, kernel_size is {kernel_size!r}; expected at most half of it"
            )
        if size == 0 or size + 2 * border < taps:
            raise ValueError(
                f"{op_name}: x has {name} {size}, padded to {size + 2 * border}; kernel_size is {kernel_size!r}: "
                "expected a kernel that fits in"
            )
    return {"kernel_size": kernel, "stride": strides, "padding": zeros, "layout": str(layout)}


def _table(lowering: Lowering, x: Shape, attrs: dict[str, Any]) -> tuple[Any, int, int, int, int]:
    """The kernels' table of sizes, planes, pixels of a plane, windows of a plane, columns."""
    n, c, h, w = sizes(attrs["layout"], x)
    _, _, p, q = sizes(attrs["layout"], _result_shape(x, attrs))
    counts = int(attrs.get("count_include_pad", True))
    table = [h, w, p, q, *attrs["kernel_size"], *attrs["stride"], *attrs["padding"], counts]
    return lowering.constant(table), n * c, h * w, p * q, w


def _infer_max_pool2d(x: Spec, **attrs: Any) -> tuple[Spec, Spec]:
    shape = _result_shape(x.shape, attrs)
    return Spec(shape, x.dtype), Spec(shape, INT64)


def _lower_max_pool2d(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand, Operand], **attrs: Any
) -> None:
    (x,), layout = inputs, attrs["layout"]
    y, index = (place_for(lowering, o, layout) for o in outputs)
    table, planes, _, windows, _ = _table(lowering, x.shape, attrs)
    taps = attrs["kernel_size"][0] * attrs["kernel_size"][1]
    arguments = [y, index, channels_first(lowering, x, layout), table, planes]
    lowering.launch(Kernel("pooling", "max_pool2d"), x.dtype, arguments, cells=planes, work=planes * windows * taps)
    for result, o in zip((y, index), outputs, strict=True):
        channels_back(lowering, result, o, layout)


def _vjp_max_pool2d(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    """In the forward pass y = x[index], window by window; so dx[index] += g."""
    return _max_pool2d_grad(grads[0], outputs[1], shape=tuple(inputs[0].shape), layout=attrs["layout"])


_max_pool2d = Primitive("max_pool2d", _infer_max_pool2d, _lower_max_pool2d, _vjp_max_pool2d)


def _lower_indexed(name: str, lowering: Lowering, result: Operand, inputs: Sequence[Operand], layout: str) -> None:
    """Scatter to the image, or gather from it: the larger of the two arrays has H W pixels, the index has P Q."""
    values, index = inputs
    n, c, p, q = sizes(layout, index.shape)
    _, _, h, w = sizes(layout, result.shape if name == "max_pool2d_grad" else values.shape)
    code = lowering.failure(
        IndexError(f"max_pool2d_backward: index holds a number outside 0..{h * w - 1} (H x W pixels)")
    )
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
    lowering.launch(Kernel("pooling", name), values.dtype, arguments, cells=n * c, work=work)
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


_max_pool2d_grad = Primitive("max_pool2d_grad", _infer_grad, _lower_grad, _vjp_grad)


def _infer_gather(x: Spec, index: Spec, *, layout: str) -> tuple[Spec]:
    return (Spec(index.shape, x.dtype),)


def _lower_gather(lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, layout: str) -> None:
    _lower_indexed("max_pool2d_gather", lowering, outputs[0], inputs, layout)


def _vjp_gather(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, layout: str) -> Sequence[Any]:
    """In the forward pass y = x[index]; so dx[index] += g."""
    return *_max_pool2d_grad(grads[0], inputs[1], shape=tuple(inputs[0].shape), layout=layout), None


_max_pool2d_gather = Primitive("max_pool2d_gather", _infer_gather, _lower_gather, _vjp_gather)


@op(draw=draw.max_pool2d)
def max_pool2d(
    x: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    layout: str = "NCHW",
) -> Any:
    """The largest pixel of each window.

    y[n, c, p, q] = max of x[n, c, i, j] over the pixels of the image in the window, which spans the rows from
    p*stride - padding to p*stride - padding + kernel_size - 1, the columns alike;
    P = floor((H + 2*padding - kernel_size) / stride) + 1. Equivalent to
    ``np.lib.stride_tricks.sliding_window_view(x, kernel_size, (2, 3))[:, :, ::stride, ::stride].max((4, 5))`` without
    padding.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC": float32 or float64; the result is (N, C, P, Q) or
    (N, P, Q, C). ``kernel_size``, ``stride`` (None: the kernel_size) and ``padding`` (at most half the kernel) are
    integers or pairs (height, width).

    Raises ValueError if a window does not fit into the padded image.

    Numerics: a NaN in a window makes its result NaN. The padding never wins. Among equal pixels the first one, row by
    row, gets the gradient.

    >>> import numpy as np
    >>> max_pool2d(np.float32([[[[1, 2, 5, 0], [4, 3, 0, 6]]]]), 2)
    array([[[[4., 6.]]]], dtype=float32)
    """
    (x,) = floats("max_pool2d", x=x)
    return _max_pool2d(x, **_attributes("max_pool2d", x, kernel_size, stride, padding, layout))[0]


def max_pool2d_backward(
    grad: Any,
    x: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    layout: str = "NCHW",
    index: Any = None,
) -> tuple[Any]:
    """Gradient of :func:`max_pool2d`: that of a window goes to the pixel that it took.

    In the forward pass y[p, q] = x[i, j] with (i, j) the first largest pixel of the window; so dx[i, j] += g[p, q].
    ``index`` is i * W + j for each window (int64, of the result's shape), if it is at hand.
    """
    name = "max_pool2d_backward"
    grad, x = floats(name, grad=grad, x=x)
    attrs = _attributes(name, x, kernel_size, stride, padding, layout)
    shape = _result_shape(tuple(x.shape), attrs)
    check_grad(name, grad, shape, x.dtype)
    if index is None:
        _, index = _max_pool2d(x, **attrs)
    else:
        index = check_grad(name, indices(name, "index", index), shape, INT64, "index")
    (dx,) = _max_pool2d_grad(grad, index, shape=tuple(x.shape), layout=attrs["layout"])
    return (dx,)


def _infer_avg_pool2d(x: Spec, **attrs: Any) -> tuple[Spec]:
    return (Spec(_result_shape(x.shape, attrs), x.dtype),)


def _lower_avg_pool2d(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], **attrs: Any) -> None:
    (x,), (y,) = inputs, outputs
    _lower_mean("avg_pool2d", lowering, y, x, x.shape, attrs)


def _lower_mean(
    name: str, lowering: Lowering, result: Operand, source: Operand, image: Shape, attrs: dict[str, Any]
) -> None:
    """Launch the mean of the windows, or its gradient, between images of shape ``image`` and their windows."""
    layout = attrs["layout"]
    place = place_for(lowering, result, layout)
    table, planes, pixels, windows, columns = _table(lowering, image, attrs)
    scratch, stride = lowering.worker_scratch(columns, source.dtype)
    arguments = [place, channels_first(lowering, source, layout), table, scratch, stride]
    work = planes * (pixels + windows * attrs["kernel_size"][1])
    lowering.launch(Kernel("pooling", name), source.dtype, arguments, cells=planes, work=work)
    channels_back(lowering, place, result, layout)


def _vjp_avg_pool2d(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    """In the forward pass y = sum of the window / count; so each of its pixels gets g / count."""
    return _avg_pool2d_grad(grads[0], shape=tuple(inputs[0].shape), **attrs)


_avg_pool2d = Primitive("avg_pool2d", _infer_avg_pool2d, _lower_avg_pool2d, _vjp_avg_pool2d)


def _infer_avg_grad(g: Spec, *, shape: Shape, **attrs: Any) -> tuple[Spec]:
    return (Spec(shape, g.dtype),)


def _lower_avg_grad(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], *, shape: Shape, **attrs: Any
) -> None:
    (g,), (dx,) = inputs, outputs
    _lower_mean("avg_pool2d_grad", lowering, dx, g, shape, attrs)


def _vjp_avg_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, **attrs: Any
) -> Sequence[Any]:
    """dx is linear in g, the transpose of avg_pool2d; so the gradient of g is avg_pool2d again."""
    return _avg_pool2d(grads[0], **attrs)


_avg_pool2d_grad = Primitive("avg_pool2d_grad", _infer_avg_grad, _lower_avg_grad, _vjp_avg_grad)


@op(draw=draw.avg_pool2d)
def avg_pool2d(
    x: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    count_include_pad: bool = True,
    layout: str = "NCHW",
) -> Any:
    """The mean of each window.

    y[n, c, p, q] = (sum of x[n, c, i, j] over the pixels of the image in the window) / count, where count is
    U V, or, if ``count_include_pad`` is False, the number of those pixels; windows and sizes are those of
    :func:`max_pool2d`. Equivalent to
    ``np.lib.stride_tricks.sliding_window_view(x, kernel_size, (2, 3))[:, :, ::stride, ::stride].mean((4, 5))`` without
    padding.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC": float32 or float64; the result is (N, C, P, Q) or
    (N, P, Q, C). ``kernel_size``, ``stride`` (None: the kernel_size) and ``padding`` (at most half the kernel) are
    integers or pairs (height, width).

    Raises ValueError if a window does not fit into the padded image.

    Numerics: sums are in the precision of x, first down the columns of a window.

    >>> import numpy as np
    >>> avg_pool2d(np.float32([[[[1, 2, 5, 0], [4, 3, 0, 6]]]]), 2)
    array([[[[2.5 , 2.75]]]], dtype=float32)
    """
    (x,) = floats("avg_pool2d", x=x)
    attrs = _attributes("avg_pool2d", x, kernel_size, stride, padding, layout)
    choice("avg_pool2d", "count_include_pad", count_include_pad, (True, False))
    return _avg_pool2d(x, count_include_pad=bool(count_include_pad), **attrs)[0]


def avg_pool2d_backward(
    grad: Any,
    x: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    count_include_pad: bool = True,
    layout: str = "NCHW",
) -> tuple[Any]:
    """Gradient of :func:`avg_pool2d`: each pixel gets g / count from every window it lies in.

    In the forward pass y[p, q] += x[i, j] / count for every pixel (i, j) of the window.
    """
    name = "avg_pool2d_backward"
    grad, x = floats(name, grad=grad, x=x)
    attrs = _attributes(name, x, kernel_size, stride, padding, layout)
    choice(name, "count_include_pad", count_include_pad, (True, False))
    check_grad(name, grad, _result_shape(tuple(x.shape), attrs), x.dtype)
    (dx,) = _avg_pool2d_grad(grad, shape=tuple(x.shape), count_include_pad=bool(count_include_pad), **attrs)
    return (dx,)
