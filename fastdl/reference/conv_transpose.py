"""The transposed convolution of lines and images: every input pixel lays down the kernel, times itself.

Letters: N images, C input channels, O output channels, P Q input rows and columns, H W output rows and
columns, U V kernel rows and columns; small letters are positions: n image, c o channels, p q input pixel,
i j output pixel, u v kernel pixel. g is the gradient of the loss with respect to y (the argument `grad`).
The letters of the pixels are those of the convolution that goes the other way, from y to x.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_bias, as_float64, as_grad, evaluate
from ._convolution import (
    Convolution,
    border_of,
    height_of,
    image_layout,
    lifted,
    line_order,
    line_padding,
    line_shape,
    of_a_line,
)
from ._images import (
    SEQUENCES,
    Pair,
    as_images,
    as_pair,
    channels_back,
    channels_first,
    index_channels_first,
    shape_back,
)

Padding = int | Sequence[int] | Sequence[Sequence[int]]
Gradients = tuple[FloatArray, FloatArray, FloatArray | None]


def conv_transpose1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    layout: str = "NCW",
    at: Indices | None = None,
) -> FloatArray:
    """Lay a small kernel, times the pixel, around every pixel of a line, and add up.

    y[n, o, j] = bias[o] + sum of weight[c, o, v] x[n, c, q] over c and all q, v with q*stride + v*dilation - left = j.
    Output pixels: (Q - 1)*stride - left - right + dilation*(V - 1) + output_padding + 1. Groups as in conv2d.
    padding: one number, (w,) or (left, right).
    Shapes in layout "NCW": x (N, C, Q), y (N, O, W); in layout "NWC": x (N, Q, C), y (N, W, O); in both:
    weight (C, O/groups, V), bias (O,).

    >>> conv_transpose1d([[[1, 10]]], [[[1, 2, 3]]], stride=2).tolist()
    [[[1.0, 2.0, 13.0, 20.0, 30.0]]]
    """
    op = "conv_transpose1d"
    spread = _prepare_line(op, x, weight, bias, stride, padding, output_padding, groups, dilation, layout)

    def element(index: Index) -> float:
        n, o, j = line_order(index, layout)
        return float(spread.bias[o]) + spread.conv.spread_sum(spread.images, n, o, 0, j)

    return evaluate(element, line_shape(spread.result_shape, layout), at)


def conv_transpose1d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    layout: str = "NCW",
) -> Gradients:
    """Gradients of conv_transpose1d with respect to x, weight and bias (None where there is no bias).

    In the forward pass this was: y[n, o, j] += weight[c, o, v] x[n, c, q] for all positions with
    j = q*stride + v*dilation - left; so now, summing over the same positions:
    gx[n, c, q] += weight[c, o, v] g[n, o, j];  gweight[c, o, v] += x[n, c, q] g[n, o, j];
    and as every y[n, o, j] began with bias[o]:  gbias[o] = sum_{n, j} g[n, o, j].

    >>> gx, gw, gb = conv_transpose1d_backward([[[1, 10, 100]]], x=[[[2, 3]]], weight=[[[5, 7]]], bias=[0])
    >>> gx.tolist(), gw.tolist(), gb.tolist()
    ([[[75.0, 750.0]]], [[[32.0, 320.0]]], [111.0])
    """
    op = "conv_transpose1d"
    spread = _prepare_line(f"{op}_backward", x, weight, bias, stride, padding, output_padding, groups, dilation, layout)
    g = as_images(op, as_grad(op, grad, line_shape(spread.result_shape, layout)), layout, SEQUENCES)
    gx, gweight, gbias = spread.gradients(g, bias is not None)
    gx = np.squeeze(channels_back(gx, image_layout(op, layout)), height_of(layout))
    return gx, np.squeeze(gweight, 2), gbias


def conv_transpose2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    layout: str = "NCHW",
    at: Indices | None = None,
) -> FloatArray:
    """Lay a small kernel, times the pixel, around every pixel of an image, and add up.

    y[n, o, i, j] = bias[o] + sum of weight[c, o, u, v] x[n, c, p, q] over c and all p, q, u, v with
    p*stride + u*dilation - top = i, the columns alike. With groups, the channels are cut into that many equal
    parts, and output part number i is made of input part number i only.

    padding: one number, (h, w) or ((top, bottom), (left, right)): pixels that are cut off the result.
    Output rows: (P - 1)*stride - top - bottom + dilation*(U - 1) + output_padding + 1; columns alike.
    Shapes in layout "NCHW": x (N, C, P, Q), y (N, O, H, W); in layout "NHWC": x (N, P, Q, C), y (N, H, W, O);
    in both: weight (C, O/groups, U, V), bias (O,).

    >>> conv_transpose2d([[[[1, 10]]]], [[[[1, 2], [3, 4]]]]).tolist()
    [[[[1.0, 12.0, 20.0], [3.0, 34.0, 40.0]]]]
    """
    op = "conv_transpose2d"
    spread = _prepare(op, x, weight, bias, stride, padding, output_padding, groups, dilation, layout)

    def element(index: Index) -> float:
        n, o, i, j = index_channels_first(index, layout)
        return float(spread.bias[o]) + spread.conv.spread_sum(spread.images, n, o, i, j)

    return evaluate(element, shape_back(spread.result_shape, layout), at)


def conv_transpose2d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    layout: str = "NCHW",
) -> Gradients:
    """Gradients of conv_transpose2d with respect to x, weight and bias (None where there is no bias).

    In the forward pass this was: y[n, o, i, j] += weight[c, o, u, v] x[n, c, p, q] for all positions with
    i = p*stride + u*dilation - top (and j alike); so now, summing over the same positions:
    gx[n, c, p, q] += weight[c, o, u, v] g[n, o, i, j];  gweight[c, o, u, v] += x[n, c, p, q] g[n, o, i, j];
    and as every y[n, o, i, j] began with bias[o]:  gbias[o] = sum_{n, i, j} g[n, o, i, j].

    >>> gx, gw, gb = conv_transpose2d_backward([[[[1, 10, 100]]]], x=[[[[2, 3]]]], weight=[[[[5, 7]]]], bias=[0])
    >>> gx.tolist(), gw.tolist(), gb.tolist()
    ([[[[75.0, 750.0]]]], [[[[32.0, 320.0]]]], [111.0])
    """
    op = "conv_transpose2d"
    spread = _prepare(f"{op}_backward", x, weight, bias, stride, padding, output_padding, groups, dilation, layout)
    g = channels_first(as_grad(op, grad, shape_back(spread.result_shape, layout)), layout)
    gx, gweight, gbias = spread.gradients(g, bias is not None)
    return channels_back(gx, layout), gweight, gbias


class _Spread(NamedTuple):
    """The arguments of a transposed convolution, checked, and the convolution that goes the other way."""

    images: FloatArray  # (N, C, P, Q)
    bias: FloatArray  # (O,)
    result_shape: Index  # (N, O, H, W)
    bottom: int
    right: int
    conv: Convolution  # of images of zeros in the shape of the result

    def gradients(self, g: FloatArray, with_bias: bool) -> Gradients:
        """Those with respect to the images, the weight and the bias."""
        borders = ((0, 0), (0, 0), (self.conv.top, self.bottom), (self.conv.left, self.right))
        conv = self.conv._replace(padded=np.pad(g, borders))
        return (
            evaluate(lambda index: conv.window_sum(*_four(index)), self.images.shape, None),
            evaluate(lambda index: conv.tap_sum(self.images, *_four(index)), conv.weight.shape, None),
            evaluate(lambda index: float(np.sum(g[:, index[0]])), self.bias.shape, None) if with_bias else None,
        )


def _four(index: Index) -> tuple[int, int, int, int]:
    a, b, c, d = index
    return a, b, c, d


def _prepare_line(
    op: str,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: Pair,
    padding: Padding,
    output_padding: Pair,
    groups: int,
    dilation: Pair,
    layout: str,
) -> _Spread:
    """That of images of height 1 with kernels of one row."""
    images = image_layout(op, layout)
    border = line_padding(op, padding)
    if isinstance(border, str | int):
        raise ValueError(f"{op}: padding is {padding!r}; expected an integer, (w,) or (left, right)")
    return _prepare(
        op,
        lifted(op, "x", x, height_of(layout), layout),
        lifted(op, "weight", weight, 2, "(in, out/groups, kw)"),
        bias,
        (1, of_a_line(op, "stride", stride, 1)),
        border,
        (0, of_a_line(op, "output_padding", output_padding, 0)),
        groups,
        (1, of_a_line(op, "dilation", dilation, 1)),
        images,
    )


def _prepare(
    op: str,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: Pair,
    padding: Padding,
    output_padding: Pair,
    groups: int,
    dilation: Pair,
    layout: str,
) -> _Spread:
    images, weights = as_images(op, x, layout), as_float64(op, "weight", weight)
    if weights.ndim != 4 or 0 in weights.shape[2:]:
        raise ValueError(f"{op}: weight is {weights.shape}; expected four dimensions (in, out/groups, kh, kw)")
    if groups < 1 or len(weights) % groups:
        raise ValueError(f"{op}: groups is {groups}, weight has {len(weights)} input channels; expected a divisor")
    if images.shape[1] != len(weights):
        raise ValueError(f"{op}: weight has {len(weights)} input channels, x has {images.shape[1]}; they must agree")
    channels = weights.shape[1] * groups
    biases = as_bias(op, bias, weights, channels)
    strides, dilations = as_pair(op, "stride", stride, 1), as_pair(op, "dilation", dilation, 1)
    more = as_pair(op, "output_padding", output_padding, 0)
    if isinstance(padding, str):
        raise ValueError(f"{op}: padding is {padding!r}; expected numbers")
    (top, bottom), (left, right) = (border_of(op, padding, axis, 0, 0, 1) for axis in (0, 1))
    sizes = []
    for axis, cut in enumerate((top + bottom, left + right)):
        if more[axis] >= max(strides[axis], dilations[axis]):
            raise ValueError(f"{op}: output_padding is {output_padding!r}; expected less than stride or dilation")
        reach = dilations[axis] * (weights.shape[2 + axis] - 1) + 1
        sizes.append((images.shape[2 + axis] - 1) * strides[axis] - cut + reach + more[axis])
        if images.shape[2 + axis] == 0 or sizes[axis] < 1:
            raise ValueError(
                f"{op}: x has {images.shape[2 + axis]} {('rows', 'columns')[axis]}, the result would have "
                f"{sizes[axis]}; expected at least one of both"
            )
    shape = (len(images), channels, sizes[0], sizes[1])
    conv = Convolution(
        padded=np.zeros(0),
        weight=weights,
        bias=np.zeros(len(weights)),
        stride=strides,
        dilation=dilations,
        groups=groups,
        top=top,
        left=left,
        output_shape=(images.shape[0], images.shape[1], images.shape[2], images.shape[3]),
    )
    return _Spread(images, biases, shape, bottom, right, conv)
