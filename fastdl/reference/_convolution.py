"""What plain and transposed convolution share: the arguments checked, and the three sums they are made of.

Letters: N images, C input channels, O output channels, H W input rows and columns, P Q output rows and
columns, U V kernel rows and columns; small letters are positions: n image, c o channels, i j input pixel,
p q output pixel, u v kernel pixel. A line of pixels (N, C, W) is an image of height 1.
"""

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, as_bias, as_float64
from ._images import Pair, as_images, as_pair

Padding = str | int | Sequence[int] | Sequence[Sequence[int]]


class Convolution(NamedTuple):
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

    def window_sum(self, n: int, o: int, p: int, q: int) -> float:
        """The weighted sum of the window below output pixel (p, q): all pixels under all kernel pixels."""
        window = self.padded[n, self.inputs_of(o)][:, self.rows_below(p), self.columns_below(q)]  # (C/groups, U, V)
        return float(np.sum(self.weight[o] * window))

    def spread_sum(self, g: FloatArray, n: int, channel: int, i: int, j: int) -> float:
        """What input pixel (i, j) gets back of the output pixels that it had a part in."""
        outputs, place = self.outputs_of(channel)
        total = 0.0
        for u in range(self.weight.shape[2]):
            p, between_rows = divmod(i + self.top - u * self.dilation[0], self.stride[0])
            for v in range(self.weight.shape[3]):
                q, between_columns = divmod(j + self.left - v * self.dilation[1], self.stride[1])
                if between_rows or between_columns or not (0 <= p < g.shape[2] and 0 <= q < g.shape[3]):
                    continue  # no window has its kernel pixel (u, v) on this pixel
                total += float(np.dot(self.weight[outputs, place, u, v], g[n, outputs, p, q]))
        return total

    def tap_sum(self, g: FloatArray, o: int, place: int, u: int, v: int) -> float:
        """The sum of all output pixels, each times the pixel that stood under kernel pixel (u, v)."""
        seen = self.padded[:, self.inputs_of(o)]  # (N, C/groups, padded H, padded W)
        pixels = seen[:, place, self.rows_under(u), self.columns_under(v)]  # (N, P, Q)
        return float(np.sum(pixels * g[:, o]))

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


def prepare(
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
    images = as_images(op, x, layout)
    weights = as_float64(op, "weight", weight)
    _check_channels(op, images, weights, groups, f"(x {np.shape(x)}, weight {weights.shape})")
    strides, dilations = as_pair(op, "stride", stride, 1), as_pair(op, "dilation", dilation, 1)

    borders, sizes = [], []
    for axis in (0, 1):
        name, size, kernel = ("height", "width")[axis], images.shape[2 + axis], weights.shape[2 + axis]
        reach = dilations[axis] * (kernel - 1) + 1  # from the kernel's first pixel to its last
        before, after = border_of(op, padding, axis, size, reach, strides[axis])
        room = before + size + after - reach
        if room < 0 or size == 0:
            raise ValueError(
                f"{op}: x has {name} {size}, padded to {before + size + after}; the kernel reaches over "
                f"{reach} pixels: expected a kernel that fits in"
            )
        borders.append((before, after))
        sizes.append(room // strides[axis] + 1)

    return Convolution(
        padded=np.pad(images, ((0, 0), (0, 0), *borders)),
        weight=weights,
        bias=as_bias(op, bias, weights, len(weights)),
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


def border_of(op: str, padding: Padding, axis: int, size: int, reach: int, stride: int) -> tuple[int, int]:
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


def lifted(op: str, name: str, value: ArrayLike, axis: int, wanted: str) -> FloatArray:
    """Lines, or their kernels, as images: a new axis of size 1."""
    array = as_float64(op, name, value)
    if array.ndim != 3:
        raise ValueError(f"{op}: {name} is {array.shape}; expected three dimensions {wanted}")
    return np.expand_dims(array, axis)


def height_of(layout: str) -> int:
    """The axis that makes lines images."""
    return 1 if layout == "NWC" else 2


def line_order(index: Index, layout: str) -> Index:
    """An index (n, c, j) of lines, or their shape, in the caller's layout, and back again."""
    n, c, j = index
    return (n, c, j) if layout == "NCW" else (n, j, c)


def line_shape(shape: Index, layout: str) -> Index:
    """The shape (N, C, 1, W) of images of height 1 as that of lines in the caller's layout."""
    n, c, _, w = shape
    return line_order((n, c, w), layout)


def image_layout(op: str, layout: str) -> str:
    """The layout of the images that lines become."""
    if layout not in ("NCW", "NWC"):
        raise ValueError(f'{op}: layout is {layout!r}; expected "NCW" or "NWC"')
    return "NCHW" if layout == "NCW" else "NHWC"


def of_a_line(op: str, name: str, value: Pair, least: int) -> int:
    """An option of lines: a number or (w,)."""
    try:
        (w,) = (value,) if isinstance(value, int | np.integer) else value
        number = operator.index(w)
    except (TypeError, ValueError):
        raise ValueError(f"{op}: {name} is {value!r}; expected an integer or (w,)") from None
    if number < least:
        raise ValueError(f"{op}: {name} is {value!r}; expected at least {least}")
    return number


def line_padding(op: str, padding: Padding) -> Padding:
    """The padding of lines, a number, (w,), (left, right) or a word, as that of images of height 1."""
    if isinstance(padding, str):
        return padding
    if isinstance(padding, int | np.integer):
        sides: Any = (padding, padding)
    else:
        sides = (padding[0], padding[0]) if len(padding) == 1 else padding
    return (0, 0), sides
