"""The transposed convolution, which enlarges images and lines: a convolution's gradient with respect to its images.

Letters: N images, C input and O output channels, H W rows and columns, U V taps of the kernel, P Q rows and columns of
the result, G groups, g the gradient of the result. A line of pixels is an image of height 1. With the same weight
(C, O/groups, U, V) the convolution from O to C channels has these images as its result.
"""

from collections.abc import Sequence
from typing import Any

from ..ops import Shape, Spec, execute, op
from . import _conv_primitives as primitives
from ._conv_options import ONE, TWO, Form, transposed_attributes
from ._door import check_grad, floats, output
from ._draw import conv as draw
from ._images import in_layout


def _prepared(
    op_name: str, form: Form, x: Any, weight: Any, bias: Any, options: dict[str, Any]
) -> tuple[tuple[Any, Any, Any], dict[str, Any], Shape]:
    """The primitive's arguments, its options, and the shape of its result."""
    attrs, image = transposed_attributes(op_name, form, x, weight, bias, **options)
    shape = in_layout(attrs["layout"], x.shape[0], weight.shape[1] * attrs["groups"], image[0], image[1])
    return (form.image(x, options["layout"]), form.kernel(weight), bias), attrs, shape


def _spread(op_name: str, form: Form, x: Any, weight: Any, bias: Any, out: Any, **options: Any) -> Any:
    x, weight, bias = floats(op_name, x=x, weight=weight, bias=bias, optional=("bias",))
    arrays, attrs, shape = _prepared(op_name, form, x, weight, bias, options)
    if out is None:
        return form.image_back(primitives.input_grad(*arrays, shape=shape, **attrs)[0], options["layout"])
    spec = Spec(form.shape_back(shape, options["layout"]), x.dtype)
    output(op_name, out, spec, x=x, weight=weight, bias=bias)
    execute(primitives.input_grad, arrays, {"shape": shape, **attrs}, out=out.reshape(shape))
    return out


def _spread_backward(
    op_name: str, form: Form, grad: Any, x: Any, weight: Any, bias: Any, **options: Any
) -> tuple[Any, Any, Any]:
    grad, x, weight, bias = floats(op_name, grad=grad, x=x, weight=weight, bias=bias, optional=("bias",))
    arrays, attrs, shape = _prepared(op_name, form, x, weight, bias, options)
    layout = options["layout"]
    check_grad(op_name, grad, form.shape_back(shape, layout), x.dtype)
    grads = (form.image(grad, layout),)
    dx, dweight, dbias = primitives.vjp_input_grad(grads, arrays, (None,), shape=shape, **attrs)
    return form.image_back(dx, layout), form.kernel_back(dweight), dbias


@op(draw=draw.conv_transpose1d)
def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
    layout: str = "NCW",
    out: Any = None,
) -> Any:
    """Lay a small kernel, times the pixel, around every pixel of a line, and add up.

    y[n, o, j] = bias[o] + sum of weight[c, o, v] x[n, c, q] over all c, q, v with q*stride + v*dilation - left = j;
    length (W - 1)*stride - left - right + dilation*(V - 1) + output_padding + 1.
    Equivalent to ``conv1d_backward(x, y, weight)[0] + bias[:, None]``: see :func:`conv_transpose2d`.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC"; weight (C, O/groups, V) under both; bias (O,) or None: all float32
    or all float64. ``padding``: an integer, (w,) or (left, right). ``out`` takes the result; it may not overlap an
    argument.

    Raises ValueError if shapes and options do not fit together.

    >>> import numpy as np
    >>> conv_transpose1d(np.float32([[[1, 10]]]), np.float32([[[1, 2, 3]]]), stride=2)
    array([[[ 1.,  2., 13., 20., 30.]]], dtype=float32)
    """
    return _spread(
        "conv_transpose1d",
        ONE,
        x,
        weight,
        bias,
        out,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
        layout=layout,
    )


def conv_transpose1d_backward(
    grad: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
    layout: str = "NCW",
) -> tuple[Any, Any, Any]:
    """Gradients of :func:`conv_transpose1d` with respect to x, weight and bias (None where there is none).

    In the forward pass y[j] += W[v] x[q] for all q, v, j with j = q*stride + v*dilation - left, and y began with the
    bias; so, over the same positions, dx[q] += W[v] g[j], dW[v] += x[q] g[j], and the gradient of the bias is the sum
    of g over lines and pixels.
    """
    return _spread_backward(
        "conv_transpose1d_backward",
        ONE,
        grad,
        x,
        weight,
        bias,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
        layout=layout,
    )


@op(draw=draw.conv_transpose2d)
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
    layout: str = "NCHW",
    out: Any = None,
) -> Any:
    """Lay a small kernel, times the pixel, around every pixel of an image, and add up: images grow by the stride.

    y[n, o, i, j] = bias[o] + sum of weight[c, o, u, v] x[n, c, p, q] over all c, p, q, u, v with
    p*stride + u*dilation - top = i, the columns alike; rows (H - 1)*stride - top - bottom + dilation*(U - 1) +
    output_padding + 1.
    Equivalent to ``conv2d_backward(x, y, weight)[0] + bias[:, None, None]``, whatever is in y: the gradient of the
    convolution that has x as its result and y as its images.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC"; weight (C, O/groups, U, V) under both; bias (O,) or None:
    all float32 or all float64. ``padding``, which cuts pixels off the result: an integer, (h, w) or
    ((top, bottom), (left, right)). ``output_padding`` adds pixels below and right of it; less than ``stride`` or
    ``dilation``. ``out`` takes the result; it may not overlap an argument.

    Raises ValueError if shapes and options do not fit together.

    Numerics: sums are in the arguments' precision, in an order that depends on the shapes only. Beyond its edges x
    takes part as zeros, so that a weight that is not finite makes NaN at the border of the result.

    V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning" (2016), section 4.

    >>> import numpy as np
    >>> conv_transpose2d(np.float32([[[[1, 10]]]]), np.float32([[[[1, 2], [3, 4]]]]))
    array([[[[ 1., 12., 20.],
             [ 3., 34., 40.]]]], dtype=float32)
    """
    return _spread(
        "conv_transpose2d",
        TWO,
        x,
        weight,
        bias,
        out,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
        layout=layout,
    )


def conv_transpose2d_backward(
    grad: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
    layout: str = "NCHW",
) -> tuple[Any, Any, Any]:
    """Gradients of :func:`conv_transpose2d` with respect to x, weight and bias (None where there is none).

    In the forward pass y[i] += W[u] x[p] for all p, u, i with i = p*stride + u*dilation - top (channels and columns
    alike), and y began with the bias; so, over the same positions, dx[p] += W[u] g[i], dW[u] += x[p] g[i], and the
    gradient of the bias is the sum of g over images and pixels.
    """
    return _spread_backward(
        "conv_transpose2d_backward",
        TWO,
        grad,
        x,
        weight,
        bias,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
        layout=layout,
    )
