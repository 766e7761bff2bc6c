"""What convolution and pooling share: options given as one number or as a pair (h, w), and the two layouts.

Letters: N images, C channels, H rows, W columns. The formulas are written for (N, C, H, W), layout "NCHW";
arguments in layout "NHWC", (N, H, W, C), are rearranged on their way in and results on their way out.
"""

import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, as_float64

Pair = int | Sequence[int]
IMAGES, SEQUENCES = ("NCHW", "NHWC"), ("NCW", "NWC")  # layouts with the channels first and last
_DIMENSIONS = {3: "three", 4: "four"}


def as_pair(op: str, name: str, value: Pair, least: int) -> tuple[int, int]:
    """An option as (h, w); one number stands for both."""
    try:
        h, w = (value, value) if isinstance(value, int | np.integer) else value
        pair = operator.index(h), operator.index(w)
    except (TypeError, ValueError):
        raise ValueError(f"{op}: {name} is {value!r}; expected an integer or a pair (h, w)") from None
    if min(pair) < least:
        raise ValueError(f"{op}: {name} is {value!r}; expected at least {least}")
    return pair


def as_images(op: str, x: ArrayLike, layout: str, layouts: tuple[str, str] = IMAGES) -> FloatArray:
    """The argument x, in one of the layouts, as (N, C, H, W); sequences are images of one row."""
    if layout not in layouts:
        raise ValueError(f'{op}: layout is {layout!r}; expected "{layouts[0]}" or "{layouts[1]}"')
    values = as_float64(op, "x", x)
    if values.ndim != len(layout):
        raise ValueError(f"{op}: x is {values.shape}; expected {_DIMENSIONS[len(layout)]} dimensions {layout}")
    moved = np.moveaxis(values, layout.index("C"), 1)
    n, c, *image = moved.shape
    return moved.reshape(n, c, 1, *image) if len(image) == 1 else moved


def channels_first(images: FloatArray, layout: str) -> FloatArray:
    """From the caller's layout to (N, C, H, W)."""
    return images if layout == "NCHW" else images.transpose(0, 3, 1, 2)


def channels_back(images: FloatArray, layout: str) -> FloatArray:
    """From (N, C, H, W) to the caller's layout."""
    return images if layout == "NCHW" else np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def index_channels_first(index: Index, layout: str) -> Index:
    """The index (n, c, i, j) of an element that the caller's layout has at `index`."""
    if layout == "NCHW":
        return index
    n, i, j, c = index
    return n, c, i, j


def shape_back(shape: Index, layout: str) -> Index:
    """The shape (N, C, H, W) in the caller's layout."""
    if layout == "NCHW":
        return shape
    n, c, h, w = shape
    return n, h, w, c
