"""Pooling over all of an image or a sequence: its mean or its maximum, each function beside its backward.

The pooled axes stay, with size 1, as in ONNX's GlobalAveragePool and GlobalMaxPool. Letters: N images, C channels, H W
rows and columns, g the gradient of the result.
"""

from typing import Any

from ..ops import op
from . import reductions
from ._adaptive import largest, largest_backward
from ._door import check_grad, choice, floats
from ._draw import pooling as draw
from ._images import LAYOUTS, SEQUENCE_LAYOUTS


def _pooled_axes(op_name: str, x: Any, layout: str, layouts: tuple[str, ...]) -> tuple[int, ...]:
    """The axes of an image or a sequence; checks layout and shape."""
    choice(op_name, "layout", layout, layouts)
    shape, words = tuple(x.shape), {3: "three", 4: "four"}[len(layout)]
    if len(shape) != len(layout):
        raise ValueError(f"{op_name}: x has shape {shape}; expected {words} dimensions, {layout}")
    found = tuple(axis for axis, letter in enumerate(layout) if letter in "HW")
    if any(shape[axis] == 0 for axis in found):
        raise ValueError(f"{op_name}: x has shape {shape}; expected something to pool over")
    return found


def _mean(op_name: str, x: Any, layout: str, layouts: tuple[str, ...]) -> Any:
    (x,) = floats(op_name, x=x)
    return reductions.mean(x, axis=_pooled_axes(op_name, x, layout, layouts), keepdims=True)


def _mean_backward(op_name: str, grad: Any, x: Any, layout: str, layouts: tuple[str, ...]) -> tuple[Any]:
    grad, x = floats(op_name, grad=grad, x=x)
    pooled = _pooled_axes(op_name, x, layout, layouts)
    check_grad(op_name, grad, [1 if axis in pooled else n for axis, n in enumerate(x.shape)], x.dtype)
    (dx,) = reductions.mean_backward(grad, x, axis=pooled, keepdims=True)
    return (dx,)


@op(draw=draw.global_pool2d)
def global_avg_pool2d(x: Any, *, layout: str = "NCHW") -> Any:
    """The mean of each image, channel by channel.

    y[n, c, 0, 0] = mean of x[n, c, i, j] over all i, j. Equivalent to ``np.mean(x, (2, 3), keepdims=True)``.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC": float32 or float64; the result keeps four axes,
    (N, C, 1, 1) or (N, 1, 1, C), as in ONNX.

    Raises ValueError if there is nothing to pool over.

    Numerics: sums are those of :func:`mean`.

    >>> import numpy as np
    >>> global_avg_pool2d(np.float32([[[[1, 2], [3, 6]]]]))
    array([[[[3.]]]], dtype=float32)
    """
    return _mean("global_avg_pool2d", x, layout, LAYOUTS)


def global_avg_pool2d_backward(grad: Any, x: Any, *, layout: str = "NCHW") -> tuple[Any]:
    """Gradient of :func:`global_avg_pool2d`: each pixel gets its share of g.

    In the forward pass y += x[i, j] / count for all i, j; so dx[i, j] = g / count.
    """
    return _mean_backward("global_avg_pool2d_backward", grad, x, layout, LAYOUTS)


@op(draw=draw.global_pool1d)
def global_avg_pool1d(x: Any, *, layout: str = "NCW") -> Any:
    """The mean of each sequence, channel by channel.

    y[n, c, 0] = mean of x[n, c, j] over all j. Equivalent to ``np.mean(x, 2, keepdims=True)``.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC": float32 or float64; the result keeps three axes, (N, C, 1) or
    (N, 1, C), as in ONNX.

    Raises ValueError if there is nothing to pool over.

    Numerics: sums are those of :func:`mean`.

    >>> import numpy as np
    >>> global_avg_pool1d(np.float32([[[1, 2, 6]]]))
    array([[[3.]]], dtype=float32)
    """
    return _mean("global_avg_pool1d", x, layout, SEQUENCE_LAYOUTS)


def global_avg_pool1d_backward(grad: Any, x: Any, *, layout: str = "NCW") -> tuple[Any]:
    """Gradient of :func:`global_avg_pool1d`: each number gets its share of g.

    In the forward pass y += x[j] / count for all j; so dx[j] = g / count.
    """
    return _mean_backward("global_avg_pool1d_backward", grad, x, layout, SEQUENCE_LAYOUTS)


@op(draw=draw.global_pool2d)
def global_max_pool2d(x: Any, *, layout: str = "NCHW") -> Any:
    """The largest pixel of each image, channel by channel.

    y[n, c, 0, 0] = max of x[n, c, i, j] over all i, j. Equivalent to ``np.max(x, (2, 3), keepdims=True)``.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC": float32 or float64; the result keeps four axes,
    (N, C, 1, 1) or (N, 1, 1, C), as in ONNX.

    Raises ValueError if there is nothing to pool over.

    Numerics: a NaN makes the result NaN. Among equal ones the first gets the gradient.

    >>> import numpy as np
    >>> global_max_pool2d(np.float32([[[[1, 2], [3, 6]]]]))
    array([[[[6.]]]], dtype=float32)
    """
    (x,) = floats("global_max_pool2d", x=x)
    _pooled_axes("global_max_pool2d", x, layout, LAYOUTS)
    return largest("global_max_pool2d", x, 1, layout, one_row=False)


def global_max_pool2d_backward(grad: Any, x: Any, *, layout: str = "NCHW", index: Any = None) -> tuple[Any]:
    """Gradient of :func:`global_max_pool2d`: g goes to the first largest pixel.

    In the forward pass y = x[i, j] with (i, j) the first largest one; so dx[i, j] = g, and 0 elsewhere. ``index`` is
    i * W + j (int64, of the result's shape), if it is at hand.
    """
    grad, x = floats("global_max_pool2d_backward", grad=grad, x=x)
    _pooled_axes("global_max_pool2d_backward", x, layout, LAYOUTS)
    return largest_backward("global_max_pool2d_backward", grad, x, 1, layout, index, one_row=False)


@op(draw=draw.global_pool1d)
def global_max_pool1d(x: Any, *, layout: str = "NCW") -> Any:
    """The largest number of each sequence, channel by channel.

    y[n, c, 0] = max of x[n, c, j] over all j. Equivalent to ``np.max(x, 2, keepdims=True)``.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC": float32 or float64; the result keeps three axes, (N, C, 1) or
    (N, 1, C), as in ONNX.

    Raises ValueError if there is nothing to pool over.

    Numerics: a NaN makes the result NaN. Among equal ones the first gets the gradient.

    >>> import numpy as np
    >>> global_max_pool1d(np.float32([[[1, 2, 6]]]))
    array([[[6.]]], dtype=float32)
    """
    (x,) = floats("global_max_pool1d", x=x)
    _pooled_axes("global_max_pool1d", x, layout, SEQUENCE_LAYOUTS)
    return largest("global_max_pool1d", x, 1, layout, one_row=True)


def global_max_pool1d_backward(grad: Any, x: Any, *, layout: str = "NCW", index: Any = None) -> tuple[Any]:
    """Gradient of :func:`global_max_pool1d`: g goes to the first largest number.

    In the forward pass y = x[j] with j the first largest one; so dx[j] = g, and 0 elsewhere. ``index`` is
    j (int64, of the result's shape), if it is at hand.
    """
    grad, x = floats("global_max_pool1d_backward", grad=grad, x=x)
    _pooled_axes("global_max_pool1d_backward", x, layout, SEQUENCE_LAYOUTS)
    return largest_backward("global_max_pool1d_backward", grad, x, 1, layout, index, one_row=True)
