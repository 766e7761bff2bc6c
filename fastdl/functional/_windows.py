"""Windows that slide over images, or share them out: what all poolings have in common.

Letters: N images, C channels, H W rows and columns of the images, P Q of the result. One-dimensional pooling is that of
images of one row.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops import Shape
from ..options import is_integer
from ._door import choice, pair
from ._images import LAYOUTS, SEQUENCE_LAYOUTS, as_images, image_layout, in_layout, sizes


class Axis(NamedTuple):
    """The windows along the rows or along the columns."""

    size: int
    taps: int
    stride: int
    dilation: int
    padding: int
    ceil_mode: bool

    @property
    def reach(self) -> int:
        """From a window's first pixel to behind its last one."""
        return self.dilation * (self.taps - 1) + 1

    @property
    def outputs(self) -> int:
        """How many windows there are; with ``ceil_mode`` one more, if it starts in the image or the padding before."""
        free = self.size + 2 * self.padding - self.reach
        if not self.ceil_mode:
            return free // self.stride + 1
        count = -(-free // self.stride) + 1
        return count - 1 if (count - 1) * self.stride >= self.size + self.padding else count

    def pixels(self) -> list[tuple[int, int]]:
        """For each window its first pixel in the image, and how many of its taps lie there."""
        found = []
        for start in self._starts():
            first = max(0, -(start // self.dilation))
            last = min(self.taps, (self.size - 1 - start) // self.dilation + 1)
            found.append((start + first * self.dilation, last - first))
        return found

    def intervals(self, counts_padding: bool) -> list[tuple[int, int, int]]:
        """For each window its pixels in the image as (start, stop), and how many count; dilation is 1."""
        found = []
        for start in self._starts():
            begin, end = max(0, start), min(self.size, start + self.taps)
            all_of_them = min(self.size + self.padding, start + self.taps) - start
            found.append((begin, end, all_of_them if counts_padding else end - begin))
        return found

    def _starts(self) -> range:
        return range(-self.padding, self.outputs * self.stride - self.padding, self.stride)


def adaptive_intervals(size: int, outputs: int) -> list[tuple[int, int]]:
    """The (start, stop) of the windows that share out an axis as evenly as can be: PyTorch's rule."""
    return [(p * size // outputs, -(-(p + 1) * size // outputs)) for p in range(outputs)]


def axes(x: Shape, attrs: dict[str, Any]) -> tuple[Axis, Axis]:
    """The windows along rows and columns of checked images; ``attrs`` are those of a pooling primitive."""
    dilation, ceil_mode = attrs.get("dilation", (1, 1)), attrs["ceil_mode"]
    options = zip(
        sizes(attrs["layout"], x)[2:], attrs["kernel_size"], attrs["stride"], dilation, attrs["padding"], strict=True
    )
    rows, columns = (Axis(*numbers, ceil_mode) for numbers in options)
    return rows, columns


def result_shape(x: Shape, attrs: dict[str, Any]) -> Shape:
    """The shape of a pooling's result."""
    rows, columns = axes(x, attrs)
    n, c, _, _ = sizes(attrs["layout"], x)
    return in_layout(attrs["layout"], n, c, rows.outputs, columns.outputs)


def attributes(
    op_name: str,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    layout: Any,
) -> dict[str, Any]:
    """The options of two-dimensional windows as the primitives take them; checks options and shape.

    ``dilation`` None: the op has no such option.
    """
    kernel = pair(op_name, "kernel_size", kernel_size, least=1)
    attrs: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": kernel if stride is None else pair(op_name, "stride", stride, least=1),
        "padding": pair(op_name, "padding", padding, least=0),
        "ceil_mode": bool(choice(op_name, "ceil_mode", ceil_mode, (True, False))),
        "layout": str(choice(op_name, "layout", layout, LAYOUTS)),
    }
    if dilation is not None:
        attrs["dilation"] = pair(op_name, "dilation", dilation, least=1)
    if len(x.shape) != 4:
        raise ValueError(f"{op_name}: x has shape {tuple(x.shape)}; expected four dimensions, {layout}")
    for name, axis in zip(("height", "width"), axes(tuple(x.shape), attrs), strict=True):
        _check_axis(op_name, name, axis, kernel_size, padding, dilation)
    return attrs


def attributes_of_sequences(
    op_name: str,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    layout: Any,
) -> dict[str, Any]:
    """As :func:`attributes` for one-dimensional windows, whose sequences are images of one row."""
    numbers = {"kernel_size": (kernel_size, 1), "padding": (padding, 0)}
    numbers |= {} if stride is None else {"stride": (stride, 1)}
    numbers |= {} if dilation is None else {"dilation": (dilation, 1)}
    for name, (value, least) in numbers.items():
        if not is_integer(value):
            raise TypeError(f"{op_name}: {name} is {value!r}; expected an integer")
        if value < least:
            raise ValueError(f"{op_name}: {name} is {value!r}; expected at least {least}")
    choice(op_name, "ceil_mode", ceil_mode, (True, False))
    choice(op_name, "layout", layout, SEQUENCE_LAYOUTS)
    if len(x.shape) != 3:
        raise ValueError(f"{op_name}: x has shape {tuple(x.shape)}; expected three dimensions, {layout}")
    attrs: dict[str, Any] = {
        "kernel_size": (1, int(kernel_size)),
        "stride": (1, int(kernel_size if stride is None else stride)),
        "padding": (0, int(padding)),
        "ceil_mode": bool(ceil_mode),
        "layout": image_layout(layout),
    }
    if dilation is not None:
        attrs["dilation"] = (1, int(dilation))
    _, columns = axes(as_images(layout, tuple(x.shape)), attrs)
    _check_axis(op_name, "width", columns, kernel_size, padding, dilation)
    return attrs


def _check_axis(op_name: str, name: str, axis: Axis, kernel_size: Any, padding: Any, dilation: Any) -> None:
    came = f"kernel_size is {kernel_size!r}" + ("" if dilation in (None, 1) else f", dilation is {dilation!r}")
    if axis.padding > axis.reach // 2:
        most = "half of it" if axis.dilation == 1 else f"{axis.reach // 2}, half of what the kernel reaches over"
        raise ValueError(f"{op_name}: padding is {padding!r}, {came}; expected at most {most}")
    if axis.size == 0 or axis.outputs < 1:
        raise ValueError(
            f"{op_name}: x has {name} {axis.size}, padded to {axis.size + 2 * axis.padding}; {came}: "
            "expected a kernel that fits in"
        )
    if axis.dilation > axis.size and any(count < 1 for _, count in axis.pixels()):
        raise ValueError(
            f"{op_name}: x has {name} {axis.size}, {came}, padding is {padding!r}: a window lies in the padding only; "
            "expected a smaller dilation"
        )


def output_sizes(op_name: str, output_size: Any, image: Sequence[int]) -> tuple[int, ...]:
    """The sizes of an adaptive pooling's result, from an integer or one entry an axis, where None keeps the size."""
    each = tuple(output_size) if np.iterable(output_size) else (output_size,) * len(image)
    wanted = "an integer or None" if len(image) == 1 else "an integer or two, (height, width), or None to keep a size"
    if len(each) != len(image) or not all(n is None or is_integer(n) for n in each):
        raise TypeError(f"{op_name}: output_size is {output_size!r}; expected {wanted}")
    if any(n is not None and n < 1 for n in each):
        raise ValueError(f"{op_name}: output_size is {output_size!r}; expected at least 1")
    return tuple(int(size if n is None else n) for n, size in zip(each, image, strict=True))
