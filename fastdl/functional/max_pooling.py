"""Max pooling: the largest pixel of each window, each function beside its backward.

Letters: N images, C channels, H W rows and columns of the images, P Q of the result, g its gradient. The primitives are
in ``_max_pooling.py``.
"""

from collections.abc import Sequence
from typing import Any

from ..ops import Primitive, Shape, Spec, Symbol, op
from . import shape as shapes
from ._door import INT64, check_grad, floats, indices, result_into, results
from ._draw import pooling as draw
from ._images import as_images, as_sequences
from ._max_pooling import found_again, max_pool2d_grad, max_pool2d_primitive, max_pool2d_pull, max_pool2d_values
from ._windows import attributes, attributes_of_sequences, result_shape


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
    # A recorded one keeps which pixels were taken for its gradient, unless they are found again as quickly.
    keeps = isinstance(x, Symbol) and not found_again(tuple(x.shape), attrs)
    primitive = max_pool2d_primitive if keeps else max_pool2d_values
    return results("max_pool2d", primitive, {"x": x}, out, **attrs)[0]


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
    if index is None:
        return max_pool2d_pull(grad, x, **attrs)
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
    out: Any = None,
) -> Any:
    """The largest number of each window of a sequence.

    y[n, c, q] = max of x[n, c, q*stride - padding + v*dilation] over the numbers v < kernel_size of the window that lie
    in the sequence; Q follows from W as P from H in :func:`max_pool2d`, of which this is the case of one row.
    Equivalent to ``np.lib.stride_tricks.sliding_window_view(x, kernel_size, 2)[:, :, ::stride].max(3)`` without the
    other options.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC": float32 or float64; the result is (N, C, Q) or (N, Q, C). The
    options are integers; those of :func:`max_pool2d`. ``out`` takes the result; it may not overlap x.

    Raises ValueError if a window does not fit into the padded sequence, or lies in the padding only.

    >>> import numpy as np
    >>> max_pool1d(np.float32([[[1, 2, 5, 0, 4]]]), 2, ceil_mode=True)
    array([[[2., 5., 4.]]], dtype=float32)
    """
    (x,) = floats("max_pool1d", x=x)
    attrs = attributes_of_sequences("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    images = shapes.reshape(x, as_images(layout, tuple(x.shape)))
    if out is not None:
        spec = max_pool2d_values.infer(Spec(tuple(images.shape), x.dtype), **attrs)[0]
        result = as_sequences(layout, spec.shape)
        return result_into("max_pool1d", max_pool2d_values, (images,), out, result, {"x": x}, **attrs)
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
