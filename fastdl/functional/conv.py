"""Convolution of images with learned kernels (a correlation: the kernel is not flipped), beside its backward.

Letters: N images, C input and O output channels, H W rows and columns, U V taps of the kernel, P Q rows and columns of
the result, G groups, g the gradient of the result. The three primitives ``conv2d``, ``conv2d_input_grad`` and
``conv2d_weight_grad`` are each other's gradients: any order of derivative is made of them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Lowering, Operand, Primitive, Shape, Spec, execute, op
from . import reductions
from ._convolution import Axis, Geometry, lower_forward, lower_input_grad, lower_weight_grad
from ._door import check_grad, choice, describe, floats, output, pair
from ._draw import conv as draw
from ._images import LAYOUTS, channels_back, channels_first, in_layout, place_for, sizes

Padding = tuple[tuple[int, int], tuple[int, int]]


def _geometry(x: Shape, weight: Shape, attrs: dict[str, Any]) -> Geometry:
    """The geometry of a convolution of checked shapes; ``attrs`` are those of the primitive ``conv2d``."""
    images, channels, *image = sizes(attrs["layout"], x)
    axes = []
    for size, taps, stride, dilation, (before, after) in zip(
        image, weight[2:], attrs["stride"], attrs["dilation"], attrs["padding"], strict=True
    ):
        outputs = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
        axes.append(Axis(size, taps, stride, dilation, before, outputs))
    groups = attrs["groups"]
    return Geometry(images, groups, channels // groups, weight[0] // groups, *axes)


def _result_shape(x: Shape, weight: Shape, attrs: dict[str, Any]) -> Shape:
    s = _geometry(x, weight, attrs)
    return in_layout(attrs["layout"], s.images, weight[0], s.rows.outputs, s.columns.outputs)


def _check(op_name: str, x: Any, weight: Any, bias: Any, attrs: dict[str, Any]) -> None:
    """Shapes that fit together; ``attrs`` are normalised."""
    layout, groups = attrs["layout"], attrs["groups"]
    if len(x.shape) != 4:
        raise ValueError(f"{op_name}: x has shape {tuple(x.shape)}; expected four dimensions, {layout}")
    if len(weight.shape) != 4 or 0 in weight.shape[2:]:
        raise ValueError(
            f"{op_name}: weight has shape {tuple(weight.shape)}; expected four dimensions (out, in/groups, kh, kw)"
        )
    if weight.shape[0] % groups:
        raise ValueError(
            f"{op_name}: weight has {weight.shape[0]} output channels, groups is {groups}; expected a multiple of it"
        )
    _, channels, *image = sizes(layout, tuple(x.shape))
    if channels != weight.shape[1] * groups:
        agree = "they must agree" if groups == 1 else f"x must have {weight.shape[1] * groups}"
        raise ValueError(
            f"{op_name}: weight has {weight.shape[1]} input channels, x has {channels} "
            f"({describe(x=x, weight=weight)}); with groups={groups} {agree}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(
            f"{op_name}: bias has shape {tuple(bias.shape)}; expected ({weight.shape[0]},), one number for each output "
            f"channel ({describe(weight=weight)})"
        )
    for name, size, taps, dilation, zeros in zip(
        ("height", "width"), image, weight.shape[2:], attrs["dilation"], attrs["padding"], strict=True
    ):
        reach = dilation * (taps - 1) + 1
        if size == 0 or size + sum(zeros) < reach:
            raise ValueError(
                f"{op_name}: x has {name} {size}, padded to {size + sum(zeros)}; the kernel reaches over {reach} "
                f"({describe(x=x, weight=weight)}): expected a kernel that fits in"
            )


def _attributes(
    op_name: str, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any, layout: Any
) -> dict[str, Any]:
    """The options as the primitives take them; checks options and shapes."""
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)):
        raise TypeError(f"{op_name}: groups is {groups!r}; expected an integer")
    if groups < 1:
        raise ValueError(f"{op_name}: groups is {groups}; expected at least 1")
    attrs: dict[str, Any] = {
        "stride": pair(op_name, "stride", stride, least=1),
        "padding": ((0, 0), (0, 0)),
        "dilation": pair(op_name, "dilation", dilation, least=1),
        "groups": int(groups),
        "layout": str(choice(op_name, "layout", layout, LAYOUTS)),
    }
    if len(x.shape) == len(weight.shape) == 4:
        image, kernel = sizes(layout, tuple(x.shape))[2:], tuple(weight.shape[2:])
        attrs["padding"] = _padding(op_name, padding, image, kernel, attrs["stride"], attrs["dilation"])
    _check(op_name, x, weight, bias, attrs)
    return attrs


def _padding(
    op_name: str,
    padding: Any,
    image: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Padding:
    """Zeros ((above, below), (left, right)) from any of the ways to say it."""
    if isinstance(padding, str):
        choice(op_name, "padding", padding, ("valid", "same"))
        if padding == "valid":
            return (0, 0), (0, 0)
        # ONNX's SAME_UPPER: ceil(size / stride) results, the odd zero comes after.
        found = []
        for size, taps, s, d in zip(image, kernel, stride, dilation, strict=True):
            zeros = max(0, (-(-size // s) - 1) * s + d * (taps - 1) + 1 - size)
            found.append((zeros // 2, zeros - zeros // 2))
        return found[0], found[1]
    both = (padding, padding) if isinstance(padding, (int, np.integer)) else padding
    if not isinstance(both, Sequence) or len(both) != 2 or isinstance(padding, bool):
        raise TypeError(_padding_error(op_name, padding))
    sides = [(p, p) if isinstance(p, (int, np.integer)) else p for p in both]
    for side in sides:
        if not isinstance(side, Sequence) or len(side) != 2:
            raise TypeError(_padding_error(op_name, padding))
        if any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) for n in side):
            raise TypeError(_padding_error(op_name, padding))
        if min(side) < 0:
            raise ValueError(f"{op_name}: padding is {padding!r}; expected at least 0")
    (top, bottom), (left, right) = sides
    return (int(top), int(bottom)), (int(left), int(right))


def _padding_error(op_name: str, padding: Any) -> str:
    return (
        f"{op_name}: padding is {padding!r}; expected an integer, (h, w), ((top, bottom), (left, right)), "
        '"valid" or "same"'
    )


def _infer_conv2d(x: Spec, weight: Spec, bias: Spec | None, **attrs: Any) -> tuple[Spec]:
    _check("conv2d", x, weight, bias, attrs)
    return (Spec(_result_shape(x.shape, weight.shape, attrs), x.dtype),)


def _lower_conv2d(
    lowering: Lowering, inputs: tuple[Operand, Operand, Operand | None], outputs: tuple[Operand], **attrs: Any
) -> None:
    (x, weight, bias), (y,) = inputs, outputs
    layout = attrs["layout"]
    result = place_for(lowering, y, layout)
    geometry = _geometry(x.shape, weight.shape, attrs)
    lower_forward(lowering, result, channels_first(lowering, x, layout), weight, bias, geometry)
    channels_back(lowering, result, y, layout)


def _vjp_conv2d(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    """In the forward pass y[p] = bias + sum_u W[u] x[p s + u d - padding], for all channels and both axes."""
    (g,), (x, weight, bias) = grads, inputs
    (dx,) = _input_grad(g, weight, shape=tuple(x.shape), **attrs)
    (dweight,) = _weight_grad(g, x, shape=tuple(weight.shape), **attrs)
    axes = (0, 2, 3) if attrs["layout"] == "NCHW" else (0, 1, 2)
    return dx, dweight, None if bias is None else reductions.sum(g, axis=axes)


_conv2d = Primitive("conv2d", _infer_conv2d, _lower_conv2d, _vjp_conv2d)


def _infer_input_grad(g: Spec, weight: Spec, *, shape: Shape, **attrs: Any) -> tuple[Spec]:
    return (Spec(shape, g.dtype),)


def _lower_input_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, shape: Shape, **attrs: Any
) -> None:
    (g, weight), (dx,) = inputs, outputs
    layout = attrs["layout"]
    result = place_for(lowering, dx, layout)
    lower_input_grad(
        lowering, result, channels_first(lowering, g, layout), weight, _geometry(shape, weight.shape, attrs)
    )
    channels_back(lowering, result, dx, layout)


def _vjp_input_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, **attrs: Any
) -> Sequence[Any]:
    """dx is linear in g and in W, and <dx, h> = <g, conv2d(h, W)> for every h; so with h = the gradient of dx:"""
    (h,), (g, weight) = grads, inputs
    (dg,) = _conv2d(h, weight, None, **attrs)
    (dweight,) = _weight_grad(g, h, shape=tuple(weight.shape), **attrs)
    return dg, dweight


_input_grad = Primitive("conv2d_input_grad", _infer_input_grad, _lower_input_grad, _vjp_input_grad)


def _lower_weight_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, shape: Shape, **attrs: Any
) -> None:
    (g, x), (dweight,) = inputs, outputs
    layout = attrs["layout"]
    g, images = channels_first(lowering, g, layout), channels_first(lowering, x, layout)
    lower_weight_grad(lowering, dweight, g, images, _geometry(x.shape, shape, attrs))


def _vjp_weight_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, **attrs: Any
) -> Sequence[Any]:
    """dW is linear in g and in x, and <dW, V> = <g, conv2d(x, V)> for every V; so with V = the gradient of dW:"""
    (v,), (g, x) = grads, inputs
    (dg,) = _conv2d(x, v, None, **attrs)
    (dx,) = _input_grad(g, v, shape=tuple(x.shape), **attrs)
    return dg, dx


_weight_grad = Primitive("conv2d_weight_grad", _infer_input_grad, _lower_weight_grad, _vjp_weight_grad)


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
    part as a zero, so that an infinite weight makes NaN there.

    >>> import numpy as np
    >>> image = np.float32([[[[3, 1, 0, 2], [4, 2, 1, 1], [5, 4, 0, 0]]]])
    >>> edges = np.float32([[[[-1, 0, 1]] * 3]])
    >>> conv2d(image, edges)
    array([[[[-11.,  -4.]]]], dtype=float32)
    """
    x, weight, bias = floats("conv2d", x=x, weight=weight, bias=bias, optional=("bias",))
    attrs = _attributes("conv2d", x, weight, bias, stride, padding, dilation, groups, layout)
    if out is not None:
        spec = Spec(_result_shape(tuple(x.shape), tuple(weight.shape), attrs), x.dtype)
        output("conv2d", out, spec, x=x, weight=weight, bias=bias)
        return execute(_conv2d, (x, weight, bias), attrs, out=out)[0]
    return _conv2d(x, weight, bias, **attrs)[0]


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
    """
    name = "conv2d_backward"
    grad, x, weight, bias = floats(name, grad=grad, x=x, weight=weight, bias=bias, optional=("bias",))
    attrs = _attributes(name, x, weight, bias, stride, padding, dilation, groups, layout)
    expected = _result_shape(tuple(x.shape), tuple(weight.shape), attrs)
    check_grad(name, grad, expected, x.dtype)
    dx, dweight, dbias = _vjp_conv2d((grad,), (x, weight, bias), (None,), **attrs)
    return dx, dweight, dbias
