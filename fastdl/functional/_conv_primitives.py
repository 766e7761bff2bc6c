"""The three primitives of convolution, which are each other's gradients: any order of derivative is made of them.

Letters: N images, C input and O output channels, H W rows and columns, U V taps of the kernel, P Q rows and columns of
the result, g the gradient of the result. With <a, b> the sum of the products of elements, <g, conv2d(x, W)> is linear
in each of g, W and x: ``conv2d``, ``conv2d_input_grad`` and ``conv2d_weight_grad`` are its derivatives. The second,
with a bias, is the transposed convolution.
"""

from collections.abc import Sequence
from typing import Any

from ..ops import Lowering, Operand, Primitive, Shape, Spec
from . import reductions
from ._conv_geometry import Axis, Geometry
from ._conv_weight_grad import lower_weight_grad
from ._convolution import lower_forward, lower_input_grad
from ._images import channels_back, channels_first, in_layout, place_for, sizes


def geometry(x: Shape, weight: Shape, attrs: dict[str, Any]) -> Geometry:
    """The geometry of a convolution of checked shapes; ``attrs`` are those of the primitive ``conv2d``."""
    images, channels, *image = sizes(attrs["layout"], x)
    axes = []
    for size, taps, stride, dilation, (before, after) in zip(
        image, weight[2:], attrs["stride"], attrs["dilation"], attrs["padding"], strict=True
    ):
        outputs = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
        axes.append(Axis(size, taps, stride, dilation, before, outputs))
    groups = attrs["groups"]
    return Geometry(images, groups, channels // groups, weight[0] // groups, axes[0], axes[1], attrs["precision"])


def result_shape(x: Shape, weight: Shape, attrs: dict[str, Any]) -> Shape:
    """The shape of ``conv2d(x, weight)``."""
    s = geometry(x, weight, attrs)
    return in_layout(attrs["layout"], s.images, weight[0], s.rows.outputs, s.columns.outputs)


def _bias_grad(g: Any, bias: Any, layout: str) -> Any:
    """Every pixel of a result began with the bias of its channel."""
    return None if bias is None else reductions.sum(g, axis=(0, 2, 3) if layout == "NCHW" else (0, 1, 2))


def _infer_conv2d(x: Spec, weight: Spec, bias: Spec | None, **attrs: Any) -> tuple[Spec]:
    return (Spec(result_shape(x.shape, weight.shape, attrs), x.dtype),)


def _lower_conv2d(
    lowering: Lowering,
    inputs: tuple[Operand, Operand, Operand | None],
    outputs: tuple[Operand],
    *,
    activation: str = "identity",
    **attrs: Any,
) -> None:
    (x, weight, bias), (y,) = inputs, outputs
    layout = attrs["layout"]
    result = place_for(lowering, y, layout)
    s = geometry(x.shape, weight.shape, attrs)
    images = channels_first(lowering, x, layout)
    lower_forward(lowering, result, images, weight, bias, s, relu=activation == "relu")
    channels_back(lowering, result, y, layout)


def vjp_conv2d(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    """In the forward pass y[p] = bias + sum_u W[u] x[p s + u d - padding], for all channels and both axes."""
    (g,), (x, weight, bias) = grads, inputs
    (dx,) = input_grad(g, weight, None, shape=tuple(x.shape), **attrs)
    (dweight,) = weight_grad(g, x, shape=tuple(weight.shape), **attrs)
    return dx, dweight, _bias_grad(g, bias, attrs["layout"])


# Plans give it an attribute ``activation``, which nobody differentiates any more.
conv2d = Primitive("conv2d", _infer_conv2d, _lower_conv2d, vjp_conv2d, absorbs=("relu",))


def _infer_input_grad(g: Spec, weight: Spec, bias: Spec | None, *, shape: Shape, **attrs: Any) -> tuple[Spec]:
    return (Spec(shape, g.dtype),)


def _lower_input_grad(
    lowering: Lowering,
    inputs: tuple[Operand, Operand, Operand | None],
    outputs: tuple[Operand],
    *,
    shape: Shape,
    **attrs: Any,
) -> None:
    (g, weight, bias), (dx,) = inputs, outputs
    layout = attrs["layout"]
    result = place_for(lowering, dx, layout)
    s = geometry(shape, weight.shape, attrs)
    lower_input_grad(lowering, result, channels_first(lowering, g, layout), weight, bias, s)
    channels_back(lowering, result, dx, layout)


def vjp_input_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, **attrs: Any
) -> Sequence[Any]:
    """dx is linear in g and in W, and <dx, h> = <g, conv2d(h, W)> for every h; so with h = the gradient of dx:"""
    (h,), (g, weight, bias) = grads, inputs
    (dg,) = conv2d(h, weight, None, **attrs)
    (dweight,) = weight_grad(g, h, shape=tuple(weight.shape), **attrs)
    return dg, dweight, _bias_grad(h, bias, attrs["layout"])


input_grad = Primitive("conv2d_input_grad", _infer_input_grad, _lower_input_grad, vjp_input_grad)


def _infer_weight_grad(g: Spec, x: Spec, *, shape: Shape, **attrs: Any) -> tuple[Spec]:
    return (Spec(shape, g.dtype),)


def _lower_weight_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, shape: Shape, **attrs: Any
) -> None:
    (g, x), (dweight,) = inputs, outputs
    layout = attrs["layout"]
    g, images = channels_first(lowering, g, layout), channels_first(lowering, x, layout)
    lower_weight_grad(lowering, dweight, g, images, geometry(x.shape, shape, attrs))


def _vjp_weight_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, **attrs: Any
) -> Sequence[Any]:
    """dW is linear in g and in x, and <dW, V> = <g, conv2d(x, V)> for every V; so with V = the gradient of dW:"""
    (v,), (g, x) = grads, inputs
    (dg,) = conv2d(x, v, None, **attrs)
    (dx,) = input_grad(g, v, None, shape=tuple(x.shape), **attrs)
    return dg, dx


weight_grad = Primitive("conv2d_weight_grad", _infer_weight_grad, _lower_weight_grad, _vjp_weight_grad)
