"""Convolution of images and lines with learned kernels (a correlation: the kernel is not flipped), beside its backward.

Letters: N images, C input and O output channels, H W rows and columns, U V taps of the kernel, P Q rows and columns of
the result, G groups, g the gradient of the result. A line of pixels is an image of height 1.
"""

from collections.abc import Sequence
from typing import Any

from ..ops import Spec, execute, op
from . import _conv_primitives as primitives
from ._conv_options import ONE, TWO, Form, attributes
from ._door import check_grad, floats, output
from ._draw import conv as draw
from .prepared import PreparedWeight


def _convolve(op_name: str, form: Form, x: Any, weight: Any, bias: Any, out: Any, **options: Any) -> Any:
    handle = weight if form is TWO and isinstance(weight, PreparedWeight) else None
    if handle is not None:
        weight = handle.weight
    x, weight, bias = floats(op_name, x=x, weight=weight, bias=bias, optional=("bias",))
    attrs = attributes(op_name, form, x, weight, bias, **options)
    layout = options["layout"]
    arrays = form.image(x, layout), form.kernel(weight), bias
    primitive, inputs = (primitives.conv2d, arrays) if handle is None else handle.convolution(x, bias, attrs)
    if out is None:
        return form.image_back(primitive(*inputs, **attrs)[0], layout)
    shape = primitives.result_shape(tuple(arrays[0].shape), tuple(arrays[1].shape), attrs)
    output(op_name, out, Spec(form.shape_back(shape, layout), x.dtype), x=x, weight=weight, bias=bias)
    execute(primitive, inputs, attrs, out=out.reshape(shape))
    return out


def _convolve_backward(
    op_name: str, form: Form, grad: Any, x: Any, weight: Any, bias: Any, **options: Any
) -> tuple[Any, Any, Any]:
    grad, x, weight, bias = floats(op_name, grad=grad, x=x, weight=weight, bias=bias, optional=("bias",))
    attrs = attributes(op_name, form, x, weight, bias, **options)
    layout = options["layout"]
    arrays = form.image(x, layout), form.kernel(weight), bias
    shape = primitives.result_shape(tuple(arrays[0].shape), tuple(arrays[1].shape), attrs)
    check_grad(op_name, grad, form.shape_back(shape, layout), x.dtype)
    dx, dweight, dbias = primitives.vjp_conv2d((form.image(grad, layout),), arrays, (None,), **attrs)
    return form.image_back(dx, layout), form.kernel_back(dweight), dbias


@op(draw=draw.conv1d)
def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    layout: str = "NCW",
    out: Any = None,
) -> Any:
    """Slide small kernels along lines of pixels, sounds or tokens: every output is the weighted sum of its window.

    y[n, o, q] = bias[o] + sum_{c, v} weight[o, c, v] x[n, c, q*stride + v*dilation - left], where x is zero beyond its
    ends; Q = floor((W + left + right - dilation*(V - 1) - 1) / stride) + 1.
    Equivalent to ``scipy.signal.correlate(x[n], weight[o], "valid")[0] + bias[o]`` for each n and o, without options.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC"; weight (O, C/groups, V) under both; bias (O,) or None: all float32
    or all float64. The result is (N, O, Q) or (N, Q, O). ``padding``: an integer, (w,), (left, right), "valid" (none),
    or "same" (ceil(W / stride) outputs; an odd zero comes to the right). ``groups`` cuts the channels into equal parts,
    each seen by its part of the output. ``out`` takes the result; it may not overlap an argument.

    Raises ValueError if shapes and options do not fit together.

    Numerics: :func:`conv2d` of images of height 1.

    >>> import numpy as np
    >>> conv1d(np.float32([[[1, 2, 4, 8]]]), np.float32([[[-1, 1]]]))
    array([[[1., 2., 4.]]], dtype=float32)
    """
    return _convolve(
        "conv1d",
        ONE,
        x,
        weight,
        bias,
        out,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        layout=layout,
    )


def conv1d_backward(
    grad: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    layout: str = "NCW",
) -> tuple[Any, Any, Any]:
    """Gradients of :func:`conv1d` with respect to x, weight and bias (None where there is none).

    In the forward pass y[q] += W[v] x[j] for all q, v, j with j = q*stride + v*dilation - left, and y began with the
    bias; so, over the same positions, dx[j] += W[v] g[q], dW[v] += x[j] g[q], and the gradient of the bias is the sum
    of g over lines and pixels.
    """
    return _convolve_backward(
        "conv1d_backward",
        ONE,
        grad,
        x,
        weight,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        layout=layout,
    )


@op(draw=draw.conv2d)
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    layout: str = "NCHW",
    out: Any = None,
) -> Any:
    """Slide small kernels over images: every output pixel is the weighted sum of the window below it.

    y[n, o, p, q] = bias[o] + sum_{c, u, v} weight[o, c, u, v] x[n, c, p*stride + u*dilation - top, ...], the columns
    alike, where x is zero outside the image; rows P = floor((H + top + bottom - dilation*(U - 1) - 1) / stride) + 1.
    Equivalent to ``scipy.signal.correlate(x[n], weight[o], "valid")[0] + bias[o]`` for each n and o, without options.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC"; weight (O, C/groups, U, V) under both; bias (O,) or None:
    all float32 or all float64. The result is (N, O, P, Q) or (N, P, Q, O). ``padding``: an integer, (h, w),
    ((top, bottom), (left, right)), "valid" (none), or "same" (ceil(H / stride) rows; an odd zero comes below or
    right). ``groups`` cuts the channels into equal parts, each seen by its part of the output. ``out`` takes the
    result; it may not overlap an argument.

    Raises ValueError if shapes and options do not fit together.

    Numerics: sums are in the arguments' precision, in an order that depends on the shapes only. A padding pixel takes
    part as a zero, so that an infinite weight makes NaN there. Kernels of 3 x 3 with stride and dilation 1 in float32,
    and larger ones of up to 9 x 9 in pieces of 3 x 3, are, with about 16 channels or more and unless
    ``fd.precision("strict")`` holds, computed by Winograd's F(4 x 4, 3 x 3): of the multiplications of 3 x 3 a quarter,
    of 5 x 5 a third, for two to four times the error of the direct sum, most for many channels (root mean square; 128
    channels: 3.7e-5 instead of 1.0e-5 for normal numbers). An error was never more than 32 u times the largest sum of
    |weight x| of the result, u = 2^-24 (of a direct sum of K terms one can prove K u times its own); what can be proven
    is 84 (C + 24) u sum_c 9 max |weight[o, c]| max |x[n, c]|, where C and the sum count the channels of each piece.
    NaN, infinities and overflow come through as in the sum.

    ``weight`` may be a handle made by :func:`prepare`.

    A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2016).

    >>> import numpy as np
    >>> image = np.float32([[[[3, 1, 0, 2], [4, 2, 1, 1], [5, 4, 0, 0]]]])
    >>> edges = np.float32([[[[-1, 0, 1]] * 3]])
    >>> conv2d(image, edges)
    array([[[[-11.,  -4.]]]], dtype=float32)
    """
    return _convolve(
        "conv2d",
        TWO,
        x,
        weight,
        bias,
        out,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        layout=layout,
    )


def conv2d_backward(
    grad: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    layout: str = "NCHW",
) -> tuple[Any, Any, Any]:
    """Gradients of :func:`conv2d` with respect to x, weight and bias (None where there is none).

    In the forward pass y[p] += W[u] x[i] for all p, u, i with i = p*stride + u*dilation - padding (channels and columns
    alike), and y began with the bias; so, over the same positions, dx[i] += W[u] g[p], dW[u] += x[i] g[p], and the
    gradient of the bias is the sum of g over images and pixels. Beyond its edges g takes part as zeros, so that a
    weight that is not finite makes NaN at the border of dx.

    Numerics: dx as :func:`conv2d`. The gradient of the weight is, under the same conditions and with about 16 output
    channels or more, computed by Winograd's F(3 x 3, 4 x 4), for one and a half to six times the error of the direct
    sum (root mean square), most for few pixels. An error was never more than 32 u times the largest sum of |g x| of the
    result, u = 2^-24; what can be proven for sums over T tiles of 4 x 4 pixels of g is 69 (T + 24) u times the sum over
    the tiles of 16 max |g| max |x|. Where a number of it is not finite, all are summed directly. The bias's is.
    """
    return _convolve_backward(
        "conv2d_backward",
        TWO,
        grad,
        x,
        weight,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        layout=layout,
    )
