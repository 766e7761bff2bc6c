"""The options of convolutions in one and in two dimensions, at the door and as the primitives take them.

Letters: N images, C input and O output channels, H W rows and columns, U V taps of the kernel, along one axis s stride
and d dilation. A line of pixels (N, C, W) is an image of height 1: the primitives know images only, and the functions
here say what is wrong in the caller's own terms.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..ops import Shape
from ..options import current_precision, is_integer
from . import shape as shapes
from ._door import choice, describe, several
from ._images import LAYOUTS, SEQUENCE_LAYOUTS, as_images, as_sequences, image_layout

Sides = tuple[int, int]


class Form(NamedTuple):
    """How a convolution in so many dimensions speaks."""

    layouts: tuple[str, str]  # channels first, channels last
    axes: tuple[str, ...]
    dimensions: str
    taps: str
    several: str  # an option with a number for each axis
    padding: str

    def sizes(self, layout: str, shape: Sequence[int]) -> tuple[int, ...]:
        """N, C and the pixels along each axis of an array in this layout."""
        n, *rest = shape
        return (n, *rest) if layout == self.layouts[0] else (n, rest[-1], *rest[:-1])

    def image(self, x: Any, layout: str) -> Any:
        """x as images, which costs nothing."""
        return x if self is TWO else shapes.reshape(x, as_images(layout, tuple(x.shape)))

    def kernel(self, weight: Any) -> Any:
        """The weight as one of images; that of a bare gradient likewise."""
        return weight if self is TWO else shapes.reshape(weight, (*weight.shape[:2], 1, weight.shape[2]))

    def shape_back(self, shape: Shape, layout: str) -> Shape:
        """The shape of images as the caller's."""
        return shape if self is TWO else as_sequences(layout, shape)

    def image_back(self, y: Any, layout: str) -> Any:
        """Images as the caller's lines."""
        return y if self is TWO else shapes.reshape(y, self.shape_back(tuple(y.shape), layout))

    def kernel_back(self, weight: Any) -> Any:
        """A weight of images as the caller's."""
        return weight if self is TWO else shapes.reshape(weight, (*weight.shape[:2], weight.shape[3]))

    def layout(self, layout: str) -> str:
        """The layout of the images."""
        return layout if self is TWO else image_layout(layout)


ONE = Form(SEQUENCE_LAYOUTS, ("width",), "three", "kw", "an integer or (width,)", "an integer, (w,), (left, right)")
TWO = Form(
    LAYOUTS,
    ("height", "width"),
    "four",
    "kh, kw",
    "an integer or two, (height, width)",
    "an integer, (h, w), ((top, bottom), (left, right))",
)


def _each(op_name: str, form: Form, name: str, value: Any, least: int) -> tuple[int, ...]:
    """An option as one integer for each axis."""
    return several(op_name, name, value, len(form.axes), form.several, least=least)


def count_of_groups(op_name: str, groups: Any) -> int:
    """The option ``groups``."""
    if not is_integer(groups):
        raise TypeError(f"{op_name}: groups is {groups!r}; expected an integer")
    if groups < 1:
        raise ValueError(f"{op_name}: groups is {groups}; expected at least 1")
    return int(groups)


def explicit_padding(op_name: str, form: Form, padding: Any, words: str = "") -> tuple[Sides, ...]:
    """Zeros (before, after) along each axis from any way to say it in numbers; ``words``: what else it may be."""
    wrong = f"{op_name}: padding is {padding!r}; expected {form.padding}{words}"
    if is_integer(padding):
        each: Any = [padding] * len(form.axes)
    elif isinstance(padding, Sequence) and not isinstance(padding, str):
        each = [padding] if form is ONE and len(padding) == 2 else padding
    else:
        raise TypeError(wrong)
    if len(each) != len(form.axes):
        raise TypeError(wrong)
    sides = [(p, p) if is_integer(p) else p for p in each]
    for side in sides:
        if not isinstance(side, Sequence) or len(side) != 2 or not all(map(is_integer, side)):
            raise TypeError(wrong)
        if min(side) < 0:
            raise ValueError(f"{op_name}: padding is {padding!r}; expected at least 0")
    return tuple((int(before), int(after)) for before, after in sides)


def _padding(
    op_name: str, form: Form, padding: Any, image: Shape, taps: Shape, stride: Shape, dilation: Shape
) -> tuple[Sides, ...]:
    """Zeros (before, after) along each axis; "same" is ONNX's SAME_UPPER: ceil(size / stride) results, the odd zero
    comes after."""
    if not isinstance(padding, str):
        return explicit_padding(op_name, form, padding, ', "valid" or "same"')
    if choice(op_name, "padding", padding, ("valid", "same")) == "valid":
        return ((0, 0),) * len(form.axes)
    found = []
    for size, u, s, d in zip(image, taps, stride, dilation, strict=True):
        zeros = max(0, (-(-size // s) - 1) * s + d * (u - 1) + 1 - size)
        found.append((zeros // 2, zeros - zeros // 2))
    return tuple(found)


def _as_attributes(
    form: Form, layout: str, stride: Shape, padding: tuple[Sides, ...], dilation: Shape, groups: int
) -> dict[str, Any]:
    """The options as the primitives take them: of images."""
    if form is ONE:
        stride, padding, dilation = (1, *stride), ((0, 0), *padding), (1, *dilation)
    return {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "layout": form.layout(layout),
        "precision": current_precision(),
    }


def _check_dimensions(op_name: str, form: Form, x: Any, weight: Any, layout: str, channels: str) -> None:
    ndim = 2 + len(form.axes)
    if len(x.shape) != ndim:
        raise ValueError(f"{op_name}: x has shape {tuple(x.shape)}; expected {form.dimensions} dimensions, {layout}")
    if len(weight.shape) != ndim or 0 in weight.shape[2:]:
        raise ValueError(
            f"{op_name}: weight has shape {tuple(weight.shape)}; expected {form.dimensions} dimensions "
            f"({channels}, {form.taps})"
        )


def _check_bias(op_name: str, bias: Any, weight: Any, channels: int) -> None:
    if bias is not None and tuple(bias.shape) != (channels,):
        raise ValueError(
            f"{op_name}: bias has shape {tuple(bias.shape)}; expected ({channels},), one number for each output "
            f"channel ({describe(weight=weight)})"
        )


def attributes(
    op_name: str,
    form: Form,
    x: Any,
    weight: Any,
    bias: Any,
    *,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    layout: Any,
) -> dict[str, Any]:
    """The options of a convolution as the primitives take them; checks options and shapes."""
    groups = count_of_groups(op_name, groups)
    strides = _each(op_name, form, "stride", stride, 1)
    dilations = _each(op_name, form, "dilation", dilation, 1)
    layout = str(choice(op_name, "layout", layout, form.layouts))
    _check_dimensions(op_name, form, x, weight, layout, "out, in/groups")
    _, channels, *image = form.sizes(layout, tuple(x.shape))
    taps = tuple(weight.shape[2:])
    zeros = _padding(op_name, form, padding, tuple(image), taps, strides, dilations)
    if weight.shape[0] % groups:
        raise ValueError(
            f"{op_name}: weight has {weight.shape[0]} output channels, groups is {groups}; expected a multiple of it"
        )
    if channels != weight.shape[1] * groups:
        agree = "they must agree" if groups == 1 else f"x must have {weight.shape[1] * groups}"
        raise ValueError(
            f"{op_name}: weight has {weight.shape[1]} input channels, x has {channels} "
            f"({describe(x=x, weight=weight)}); with groups={groups} {agree}"
        )
    _check_bias(op_name, bias, weight, weight.shape[0])
    for name, size, u, d, sides in zip(form.axes, image, taps, dilations, zeros, strict=True):
        reach = d * (u - 1) + 1
        if size == 0 or size + sum(sides) < reach:
            raise ValueError(
                f"{op_name}: x has {name} {size}, padded to {size + sum(sides)}; the kernel reaches over {reach} "
                f"({describe(x=x, weight=weight)}): expected a kernel that fits in"
            )
    return _as_attributes(form, layout, strides, zeros, dilations, groups)


def transposed_attributes(
    op_name: str,
    form: Form,
    x: Any,
    weight: Any,
    bias: Any,
    *,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
    layout: Any,
) -> tuple[dict[str, Any], Shape]:
    """The options of the convolution whose gradient a transposed one is, as the primitives take them, and the rows and
    columns of its images, which are the results; checks options and shapes.

    Pixels that ``output_padding`` adds behind the result are pixels that the convolution need not reach: less padding
    there, perhaps less than none.
    """
    groups = count_of_groups(op_name, groups)
    strides = _each(op_name, form, "stride", stride, 1)
    dilations = _each(op_name, form, "dilation", dilation, 1)
    more = _each(op_name, form, "output_padding", output_padding, 0)
    cut = explicit_padding(op_name, form, padding)
    layout = str(choice(op_name, "layout", layout, form.layouts))
    _check_dimensions(op_name, form, x, weight, layout, "in, out/groups")
    if any(n >= max(s, d) for n, s, d in zip(more, strides, dilations, strict=True)):
        raise ValueError(
            f"{op_name}: output_padding is {output_padding!r}; expected less than stride {stride!r} or dilation "
            f"{dilation!r}"
        )
    _, channels, *image = form.sizes(layout, tuple(x.shape))
    if weight.shape[0] % groups:
        raise ValueError(
            f"{op_name}: weight has {weight.shape[0]} input channels, groups is {groups}; expected a multiple of it"
        )
    if channels != weight.shape[0]:
        raise ValueError(
            f"{op_name}: weight has {weight.shape[0]} input channels, x has {channels} "
            f"({describe(x=x, weight=weight)}); they must agree"
        )
    _check_bias(op_name, bias, weight, weight.shape[1] * groups)
    results = []
    for i, (name, size) in enumerate(zip(form.axes, image, strict=True)):
        before, after = cut[i]
        length = (size - 1) * strides[i] + dilations[i] * (weight.shape[2 + i] - 1) + 1 + more[i] - before - after
        if size == 0 or length < 1:
            raise ValueError(
                f"{op_name}: x has {name} {size}, the result would have {length} ({describe(x=x, weight=weight)}, "
                f"padding {padding!r}): expected at least one pixel of both"
            )
        results.append(length)
    zeros = tuple((before, after - n) for (before, after), n in zip(cut, more, strict=True))
    attrs = _as_attributes(form, layout, strides, zeros, dilations, groups)
    return attrs, (1, *results) if form is ONE else tuple(results)
