"""The convolution of images with learned kernels (a cross-correlation: no flipped kernel), and its gradients.

Letters: N images, C input channels, O output channels, H W input rows and columns, P Q output rows and
columns, U V kernel rows and columns; small letters are positions: n image, c o channels, i j input pixel,
p q output pixel, u v kernel pixel. g is the gradient of the loss with respect to y (the argument `grad`).
"""

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import (
    FloatArray,
    Index,
    Indices,
    as_bias,
    as_float64,
    as_grad,
    check_one_list_each,
    evaluate,
    evaluate_gradient,
)
from ._images import Pair, as_images, as_pair, channels_first, index_channels_first, shape_back

Padding = str | int | Sequence[int] | Sequence[Sequence[int]]


def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    layout: str = "NCHW",
    at: Indices | None = None,
) -> FloatArray:
    """Slide a small kernel over each image; every output pixel is the weighted sum of the window below it.

    y[n, o, p, q] = bias[o] + sum_{c, u, v} weight[o, c, u, v] x[n, c, p*stride + u*dilation - top, ...],
    the columns alike, where x is zero outside the image (a padding pixel takes part as a zero). With groups,
    the channels are cut into that many equal parts, and output part number i sees input part number i only.

    padding: one number, (h, w), ((top, bottom), (left, right)), "valid" (none) or "same" (as much as gives
    ceil(H / stride) output rows; where that is an odd number of rows, the extra one is at the bottom).
    Output rows: P = floor((H + top + bottom - dilation*(U - 1) - 1) / stride) + 1; columns alike.
    Shapes in layout "NCHW": x (N, C, H, W), y (N, O, P, Q); in layout "NHWC": x (N, H, W, C), y (N, P, Q, O);
    in both: weight (O, C/groups, U, V), bias (O,).

    >>> image = [[[[3, 1, 0, 2], [4, 2, 1, 1], [5, 4, 0, 0]]]]
    >>> edges = [[[[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]]]
    >>> conv2d(image, edges).tolist()
    [[[[-11.0, -4.0]]]]
    """
    conv = _prepare("conv2d", x, weight, bias, stride, padding, dilation, groups, layout)

    def element(index: Index) -> float:
        n, o, p, q = index_channels_first(index, layout)
        seen = conv.padded[n, conv.inputs_of(o)]  # (C/groups, padded H, padded W)
        window = seen[:, conv.rows_below(p), conv.columns_below(q)]  # (C/groups, U, V)
        return float(conv.bias[o] + np.sum(conv.weight[o] * window))

    return evaluate(element, shape_back(conv.output_shape, layout), at)


def conv2d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    layout: str = "NCHW",
    at: Sequence[Indices | None] | None = None,
) -> tuple[FloatArray | None, FloatArray | None, FloatArray | None]:
    """Gradients of conv2d with respect to x, weight and bias (None where there is no bias).

    In the forward pass this was: y[n, o, p, q] += weight[o, c, u, v] x[n, c, i, j] for all positions with
    i = p*stride + u*dilation - top (and j alike); so now, summing over the same positions:
    gx[n, c, i, j] += weight[o, c, u, v] g[n, o, p, q];  gweight[o, c, u, v] += x[n, c, i, j] g[n, o, p, q];
    and as every y[n, o, p, q] began with bias[o]:  gbias[o] = sum_{n, p, q} g[n, o, p, q].
    Shapes: grad as y, each gradient as its argument. `at` is (indices into x, into weight, into bias): only
    those elements are computed, as 1-D arrays; None in the place of the indices skips that gradient.

    >>> gx, gw, gb = conv2d_backward([[[[1, 10]]]], x=[[[[1, 2, 3]]]], weight=[[[[5, 7]]]], bias=[0])
    >>> gx.tolist(), gw.tolist(), gb.tolist()
    ([[[[5.0, 57.0, 70.0]]]], [[[[21.0, 32.0]]]], [11.0])
    """
    conv = _prepare("conv2d_backward", x, weight, bias, stride, padding, dilation, groups, layout)
    check_one_list_each("conv2d", at, ("x", "weight", "bias"))
    g = channels_first(as_grad("conv2d", grad, shape_back(conv.output_shape, layout)), layout)

    def element_of_x(index: Index) -> float:
        n, channel, i, j = index_channels_first(index, layout)
        outputs, place = conv.outputs_of(channel)
        total = 0.0
        for u in range(conv.weight.shape[2]):
            p, between_rows = divmod(i + conv.top - u * conv.dilation[0], conv.stride[0])
            for v in range(conv.weight.shape[3]):
                q, between_columns = divmod(j + conv.left - v * conv.dilation[1], conv.stride[1])
                if between_rows or between_columns or not (0 <= p < g.shape[2] and 0 <= q < g.shape[3]):
                    continue  # no window has its kernel pixel (u, v) on this pixel
                total += float(np.dot(conv.weight[outputs, place, u, v], g[n, outputs, p, q]))
        return total

    def element_of_weight(index: Index) -> float:
        o, place, u, v = index
        seen = conv.padded[:, conv.inputs_of(o)]  # (N, C/groups, padded H, padded W)
        pixels = seen[:, place, conv.rows_under(u), conv.columns_under(v)]  # (N, P, Q)
        return float(np.sum(pixels * g[:, o]))

    def element_of_bias(index: Index) -> float:
        return float(np.sum(g[:, index[0]]))

    return (
        evaluate_gradient(element_of_x, np.shape(x), at, 0),
        evaluate_gradient(element_of_weight, conv.weight.shape, at, 1),
        None if bias is None else evaluate_gradient(element_of_bias, conv.bias.shape, at, 2),
    )


class _Convolution(NamedTuple):
    """The arguments of a convolution, checked and ready for the formula."""

    padded: FloatArray  # x with its border of zeros, (N, C, top + H + bottom, left + W + right)
    weight: FloatArray  # (O, C/groups, U, V)
    bias: FloatArray  # (O,)
    stride: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    top: int
    left: int
    output_shape: Index  # (N, O, P, Q)

    def inputs_of(self, o: int) -> slice:
        """The input channels that output channel o sees."""
        part = o // (len(self.weight) // self.groups)
        return slice(part * self.weight.shape[1], (part + 1) * self.weight.shape[1])

    def outputs_of(self, channel: int) -> tuple[slice, int]:
        """The output channels that see this input channel, and its place among those that they see."""
        part, place = divmod(channel, self.weight.shape[1])
        count = len(self.weight) // self.groups
        return slice(part * count, (part + 1) * count), place

    def rows_below(self, p: int) -> slice:
        """The U padded rows below the kernel when it stands at output row p."""
        return _every(self.dilation[0], p * self.stride[0], self.weight.shape[2])

    def columns_below(self, q: int) -> slice:
        """The V padded columns below the kernel when it stands at output column q."""
        return _every(self.dilation[1], q * self.stride[1], self.weight.shape[3])

    def rows_under(self, u: int) -> slice:
        """The P padded rows on which kernel row u stands, one for each output row."""
        return _every(self.stride[0], u * self.dilation[0], self.output_shape[2])

    def columns_under(self, v: int) -> slice:
        """The Q padded columns on which kernel column v stands, one for each output column."""
        return _every(self.stride[1], v * self.dilation[1], self.output_shape[3])


def _every(step: int, first: int, count: int) -> slice:
    """The positions first, first + step, first + 2*step, ..., `count` of them."""
    return slice(first, first + (count - 1) * step + 1, step)


def _prepare(
    op: str,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    layout: str,
) -> _Convolution:
    images = as_images(op, x, layout)
    weights = as_float64(op, "weight", weight)
    _check_channels(op, images, weights, groups, f"(x {np.shape(x)}, weight {weights.shape})")
    strides, dilations = as_pair(op, "stride", stride, 1), as_pair(op, "dilation", dilation, 1)

    borders, sizes = [], []
    for axis in (0, 1):
        name, size, kernel = ("height", "width")[axis], images.shape[2 + axis], weights.shape[2 + axis]
        reach = dilations[axis] * (kernel - 1) + 1  # from the kernel's first pixel to its last
        before, after = _border(op, padding, axis, size, reach, strides[axis])
        room = before + size + after - reach
        if room < 0 or size == 0:
            raise ValueError(
                f"{op}: x has {name} {size}, padded to {before + size + after}; the kernel reaches over "
                f"{reach} pixels: expected a kernel that fits in"
            )
        borders.append((before, after))
        sizes.append(room // strides[axis] + 1)

    return _Convolution(
        padded=np.pad(images, ((0, 0), (0, 0), *borders)),
        weight=weights,
        bias=as_bias(op, bias, weights),
        stride=strides,
        dilation=dilations,
        groups=groups,
        top=borders[0][0],
        left=borders[1][0],
        output_shape=(len(images), len(weights), sizes[0], sizes[1]),
    )


def _check_channels(op: str, images: FloatArray, weights: FloatArray, groups: int, came: str) -> None:
    if weights.ndim != 4 or 0 in weights.shape[2:]:
        raise ValueError(f"{op}: weight is {weights.shape}; expected four dimensions (out, in/groups, kh, kw)")
    if groups < 1 or len(weights) % groups:
        raise ValueError(f"{op}: groups is {groups}, weight has {len(weights)} output channels; expected a divisor")
    if images.shape[1] != weights.shape[1] * groups:
        raise ValueError(
            f"{op}: weight has {weights.shape[1]} input channels, x has {images.shape[1]} {came}; "
            f"with groups={groups} x must have {weights.shape[1] * groups}"
        )


def _border(op: str, padding: Padding, axis: int, size: int, reach: int, stride: int) -> tuple[int, int]:
    """How many zeros stand before and after the image along its height (axis 0) or width (axis 1)."""
    if isinstance(padding, str) and padding == "same":
        outputs = -(-size // stride)  # rounded up
        zeros = max((outputs - 1) * stride + reach - size, 0)
        return zeros // 2, zeros - zeros // 2
    if isinstance(padding, str) and padding == "valid":
        return 0, 0
    try:
        one = padding if isinstance(padding, int | np.integer) else _two(padding)[axis]
        before, after = (one, one) if isinstance(one, int | np.integer) else _two(one)
        border = operator.index(before), operator.index(after)
    except (TypeError, ValueError):
        border = (-1, -1)
    if min(border) < 0:
        raise ValueError(
            f"{op}: padding is {padding!r}; expected an integer of at least 0, (h, w), "
            '((top, bottom), (left, right)), "valid" or "same"'
        )
    return border


def _two(value: Any) -> tuple[Any, Any]:
    first, second = value
    return first, second
