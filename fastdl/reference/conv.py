"""The convolution of lines and images with learned kernels (a cross-correlation: no flipped kernel), and its gradients.

Letters: N images, C input channels, O output channels, H W input rows and columns, P Q output rows and
columns, U V kernel rows and columns; small letters are positions: n image, c o channels, i j input pixel,
p q output pixel, u v kernel pixel. g is the gradient of the loss with respect to y (the argument `grad`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_grad, check_one_list_each, evaluate, evaluate_gradient
from ._convolution import (
    Convolution,
    Padding,
    height_of,
    image_layout,
    lifted,
    line_order,
    line_padding,
    line_shape,
    of_a_line,
    prepare,
)
from ._images import SEQUENCES, Pair, as_images, channels_first, index_channels_first, shape_back


def conv1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    layout: str = "NCW",
    at: Indices | None = None,
) -> FloatArray:
    """Slide a small kernel along each line; every output pixel is the weighted sum of the window below it.

    y[n, o, q] = bias[o] + sum_{c, v} weight[o, c, v] x[n, c, q*stride + v*dilation - left], where x is zero
    beyond its ends. Groups as in conv2d.

    padding: one number, (w,), (left, right), "valid" (none) or "same" (as much as gives ceil(W / stride) output
    pixels; where that is an odd number, the extra one is at the right).
    Output pixels: Q = floor((W + left + right - dilation*(V - 1) - 1) / stride) + 1.
    Shapes in layout "NCW": x (N, C, W), y (N, O, Q); in layout "NWC": x (N, W, C), y (N, Q, O); in both:
    weight (O, C/groups, V), bias (O,).

    >>> conv1d([[[1, 2, 4, 8]]], [[[-1, 1]]]).tolist()
    [[[1.0, 2.0, 4.0]]]
    """
    conv = _prepare_line("conv1d", x, weight, bias, stride, padding, dilation, groups, layout)

    def element(index: Index) -> float:
        n, o, q = line_order(index, layout)
        return float(conv.bias[o]) + conv.window_sum(n, o, 0, q)

    return evaluate(element, line_shape(conv.output_shape, layout), at)


def conv1d_backward(
    grad: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    layout: str = "NCW",
) -> tuple[FloatArray | None, FloatArray | None, FloatArray | None]:
    """Gradients of conv1d with respect to x, weight and bias (None where there is no bias).

    In the forward pass this was: y[n, o, q] += weight[o, c, v] x[n, c, j] for all positions with
    j = q*stride + v*dilation - left; so now, summing over the same positions:
    gx[n, c, j] += weight[o, c, v] g[n, o, q];  gweight[o, c, v] += x[n, c, j] g[n, o, q];
    and as every y[n, o, q] began with bias[o]:  gbias[o] = sum_{n, q} g[n, o, q].

    >>> gx, gw, gb = conv1d_backward([[[1, 10]]], x=[[[1, 2, 3]]], weight=[[[5, 7]]], bias=[0])
    >>> gx.tolist(), gw.tolist(), gb.tolist()
    ([[[5.0, 57.0, 70.0]]], [[[21.0, 32.0]]], [11.0])
    """
    conv = _prepare_line("conv1d_backward", x, weight, bias, stride, padding, dilation, groups, layout)
    slopes = as_grad("conv1d", grad, line_shape(conv.output_shape, layout))
    g = as_images("conv1d_backward", slopes, layout, SEQUENCES)

    def element_of_x(index: Index) -> float:
        n, channel, j = line_order(index, layout)
        return conv.spread_sum(g, n, channel, 0, j)

    return (
        evaluate(element_of_x, np.shape(x), None),
        evaluate(lambda index: conv.tap_sum(g, index[0], index[1], 0, index[2]), np.shape(weight), None),
        None if bias is None else evaluate(lambda index: float(np.sum(g[:, index[0]])), conv.bias.shape, None),
    )


def _prepare_line(
    op: str,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    layout: str,
) -> Convolution:
    """The convolution of images of height 1 with kernels of one row."""
    images = image_layout(op, layout)
    return prepare(
        op,
        lifted(op, "x", x, height_of(layout), layout),
        lifted(op, "weight", weight, 2, "(out, in/groups, kw)"),
        bias,
        (1, of_a_line(op, "stride", stride, 1)),
        line_padding(op, padding),
        (1, of_a_line(op, "dilation", dilation, 1)),
        groups,
        images,
    )


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
    conv = prepare("conv2d", x, weight, bias, stride, padding, dilation, groups, layout)

    def element(index: Index) -> float:
        n, o, p, q = index_channels_first(index, layout)
        return float(conv.bias[o]) + conv.window_sum(n, o, p, q)

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
    conv = prepare("conv2d_backward", x, weight, bias, stride, padding, dilation, groups, layout)
    check_one_list_each("conv2d", at, ("x", "weight", "bias"))
    g = channels_first(as_grad("conv2d", grad, shape_back(conv.output_shape, layout)), layout)

    def element_of_x(index: Index) -> float:
        n, channel, i, j = index_channels_first(index, layout)
        return conv.spread_sum(g, n, channel, i, j)

    def element_of_weight(index: Index) -> float:
        o, place, u, v = index
        return conv.tap_sum(g, o, place, u, v)

    def element_of_bias(index: Index) -> float:
        return float(np.sum(g[:, index[0]]))

    return (
        evaluate_gradient(element_of_x, np.shape(x), at, 0),
        evaluate_gradient(element_of_weight, conv.weight.shape, at, 1),
        None if bias is None else evaluate_gradient(element_of_bias, conv.bias.shape, at, 2),
    )
