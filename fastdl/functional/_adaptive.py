"""What the adaptive poolings are made of: primitives for windows that share out an image, and the choice of one.

Letters: N images, C channels, H W rows and columns of the images, P Q of the result, g its gradient. Where H and W are
multiples of P and Q, this is ordinary pooling; windows of several sizes have primitives of their own. ``one_row``:
whether x holds sequences, which are images of one row.
"""

from collections.abc import Sequence
from typing import Any

from ..ops import Lowering, Operand, Primitive, Shape, Spec
from . import shape as shapes
from ._door import INT64, check_grad, choice, floats, indices
from ._images import (
    LAYOUTS,
    SEQUENCE_LAYOUTS,
    as_images,
    as_sequences,
    channels_back,
    channels_first,
    image_layout,
    in_layout,
    place_for,
    sizes,
)
from ._max_pooling import lower_windows, max_pool2d_grad, max_pool2d_primitive
from ._windows import adaptive_intervals, output_sizes
from .avg_pooling import avg_pool2d_grad, avg_pool2d_primitive, lower_means
from .max_pooling import send_back


def _result_shape(x: Shape, output_size: tuple[int, int], layout: str) -> Shape:
    n, c, _, _ = sizes(layout, x)
    return in_layout(layout, n, c, *output_size)


def _infer_avg(x: Spec, *, output_size: tuple[int, int], layout: str) -> tuple[Spec]:
    return (Spec(_result_shape(x.shape, output_size, layout), x.dtype),)


def _mean_windows(x: Shape, output_size: tuple[int, int], layout: str) -> Any:
    """(start, stop, count) of the windows along rows and columns."""
    return tuple(
        [(start, stop, stop - start) for start, stop in adaptive_intervals(size, outputs)]
        for size, outputs in zip(sizes(layout, x)[2:], output_size, strict=True)
    )


def _lower_avg(
    lowering: Lowering,
    inputs: tuple[Operand],
    outputs: tuple[Operand],
    *,
    output_size: tuple[int, int],
    layout: str,
) -> None:
    (x,), (y,) = inputs, outputs
    lower_means("avg_windows", lowering, y, x, x.shape, _mean_windows(x.shape, output_size, layout), layout)


def _vjp_avg(grads: Any, inputs: Any, outputs: Any, *, output_size: tuple[int, int], layout: str) -> Sequence[Any]:
    """In the forward pass y = sum of the window / its pixels; so each of these gets g / pixels."""
    return _avg_grad(grads[0], shape=tuple(inputs[0].shape), output_size=output_size, layout=layout)


_avg = Primitive("adaptive_avg_pool2d", _infer_avg, _lower_avg, _vjp_avg)


def _infer_avg_grad(g: Spec, *, shape: Shape, output_size: tuple[int, int], layout: str) -> tuple[Spec]:
    return (Spec(shape, g.dtype),)


def _lower_avg_grad(
    lowering: Lowering,
    inputs: tuple[Operand],
    outputs: tuple[Operand],
    *,
    shape: Shape,
    output_size: tuple[int, int],
    layout: str,
) -> None:
    (g,), (dx,) = inputs, outputs
    lower_means("avg_windows_grad", lowering, dx, g, shape, _mean_windows(shape, output_size, layout), layout)


def _vjp_avg_grad(
    grads: Any, inputs: Any, outputs: Any, *, shape: Shape, output_size: tuple[int, int], layout: str
) -> Sequence[Any]:
    """dx is linear in g, the transpose of the pooling; so the gradient of g is the pooling again."""
    return _avg(grads[0], output_size=output_size, layout=layout)


_avg_grad = Primitive("adaptive_avg_pool2d_grad", _infer_avg_grad, _lower_avg_grad, _vjp_avg_grad)


def _infer_max(x: Spec, *, output_size: tuple[int, int], layout: str) -> tuple[Spec, Spec]:
    shape = _result_shape(x.shape, output_size, layout)
    return Spec(shape, x.dtype), Spec(shape, INT64)


def _lower_max(
    lowering: Lowering,
    inputs: tuple[Operand],
    outputs: tuple[Operand, Operand],
    *,
    output_size: tuple[int, int],
    layout: str,
) -> None:
    (x,) = inputs
    y, index = (place_for(lowering, o, layout) for o in outputs)
    n, c, h, w = sizes(layout, x.shape)
    rows, columns = (
        [(start, stop - start) for start, stop in adaptive_intervals(size, outputs)]
        for size, outputs in zip((h, w), output_size, strict=True)
    )
    lower_windows(lowering, [y, index, channels_first(lowering, x, layout)], (n * c, h, w), (rows, columns))
    for result, o in zip((y, index), outputs, strict=True):
        channels_back(lowering, result, o, layout)


def _vjp_max(grads: Any, inputs: Any, outputs: Any, *, output_size: tuple[int, int], layout: str) -> Sequence[Any]:
    """In the forward pass y = x[index], window by window; so dx[index] += g."""
    return max_pool2d_grad(grads[0], outputs[1], shape=tuple(inputs[0].shape), layout=layout)


_max = Primitive("adaptive_max_pool2d", _infer_max, _lower_max, _vjp_max)


def _prepare(
    op_name: str, x: Any, output_size: Any, layout: str, *, one_row: bool
) -> tuple[Shape, tuple[int, int], str]:
    """The shape of the images that x is, the size of the result's, and their layout; checks all three."""
    choice(op_name, "layout", layout, SEQUENCE_LAYOUTS if one_row else LAYOUTS)
    count, words = (3, "three") if one_row else (4, "four")
    shape = tuple(x.shape)
    if len(shape) != count:
        raise ValueError(f"{op_name}: x has shape {shape}; expected {words} dimensions, {layout}")
    images, inside = (as_images(layout, shape), image_layout(layout)) if one_row else (shape, layout)
    image = sizes(inside, images)[2:]
    if 0 in image:
        raise ValueError(f"{op_name}: x has shape {shape}; expected at least one {'number' if one_row else 'pixel'}")
    found = output_sizes(op_name, output_size, image[1:] if one_row else image)
    return images, (1, *found) if one_row else found, inside  # type: ignore[return-value]  # two of them


def _regular(image: tuple[int, int], output_size: tuple[int, int], layout: str) -> dict[str, Any] | None:
    """The attributes of the ordinary pooling that this is, or None."""
    if any(size % outputs for size, outputs in zip(image, output_size, strict=True)):
        return None
    kernel = tuple(size // outputs for size, outputs in zip(image, output_size, strict=True))
    return {"kernel_size": kernel, "stride": kernel, "padding": (0, 0), "ceil_mode": False, "layout": layout}


def _chosen_max(images: Shape, output_size: tuple[int, int], layout: str) -> tuple[Primitive, dict[str, Any]]:
    """The primitive that does it, and its attributes."""
    attrs = _regular(sizes(layout, images)[2:], output_size, layout)
    if attrs is None:
        return _max, {"output_size": output_size, "layout": layout}
    return max_pool2d_primitive, {**attrs, "dilation": (1, 1)}


def mean(op_name: str, x: Any, output_size: Any, layout: str, *, one_row: bool) -> Any:
    """Adaptive mean pooling of images or sequences."""
    (x,) = floats(op_name, x=x)
    images, size, inside = _prepare(op_name, x, output_size, layout, one_row=one_row)
    x = shapes.reshape(x, images)
    attrs = _regular(sizes(inside, images)[2:], size, inside)
    if attrs is None:
        (y,) = _avg(x, output_size=size, layout=inside)
    else:
        (y,) = avg_pool2d_primitive(x, count_include_pad=True, **attrs)
    return shapes.reshape(y, as_sequences(layout, tuple(y.shape))) if one_row else y


def mean_backward(op_name: str, grad: Any, x: Any, output_size: Any, layout: str, *, one_row: bool) -> tuple[Any]:
    """Its gradient."""
    grad, x = floats(op_name, grad=grad, x=x)
    images, size, inside = _prepare(op_name, x, output_size, layout, one_row=one_row)
    result = _result_shape(images, size, inside)
    check_grad(op_name, grad, as_sequences(layout, result) if one_row else result, x.dtype)
    grad = shapes.reshape(grad, result)
    attrs = _regular(sizes(inside, images)[2:], size, inside)
    if attrs is None:
        (dx,) = _avg_grad(grad, shape=images, output_size=size, layout=inside)
    else:
        (dx,) = avg_pool2d_grad(grad, shape=images, count_include_pad=True, **attrs)
    return (shapes.reshape(dx, tuple(x.shape)),)


def largest(op_name: str, x: Any, output_size: Any, layout: str, *, one_row: bool) -> Any:
    """Adaptive max pooling of images or sequences."""
    (x,) = floats(op_name, x=x)
    images, size, inside = _prepare(op_name, x, output_size, layout, one_row=one_row)
    primitive, attrs = _chosen_max(images, size, inside)
    y = primitive(shapes.reshape(x, images), **attrs)[0]
    return shapes.reshape(y, as_sequences(layout, tuple(y.shape))) if one_row else y


def largest_backward(
    op_name: str, grad: Any, x: Any, output_size: Any, layout: str, index: Any, *, one_row: bool
) -> tuple[Any]:
    """Its gradient."""
    grad, x = floats(op_name, grad=grad, x=x)
    images, size, inside = _prepare(op_name, x, output_size, layout, one_row=one_row)
    result = _result_shape(images, size, inside)
    expected = as_sequences(layout, result) if one_row else result
    check_grad(op_name, grad, expected, x.dtype)
    if index is not None:
        index = check_grad(op_name, indices(op_name, "index", index), expected, INT64, "index")
        index = shapes.reshape(index, result)
    primitive, attrs = _chosen_max(images, size, inside)
    grad, x_images = shapes.reshape(grad, result), shapes.reshape(x, images)
    (dx,) = send_back(op_name, grad, x_images, index, result, primitive, attrs)
    return (shapes.reshape(dx, tuple(x.shape)),)
