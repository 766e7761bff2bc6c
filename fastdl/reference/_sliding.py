"""Windows that slide over images or sequences: the options of max_pool2d, avg_pool2d and their kin, checked."""

from numpy.typing import ArrayLike

from ._images import SEQUENCES, Pair, as_images, as_pair
from ._windows import Windows, sliding


def windows_of(
    op: str,
    x: ArrayLike,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
    layout: str,
    counts_padding: bool = False,
) -> Windows:
    """The windows of two-dimensional pooling; whether a mean counts the padding that lies in them."""
    images = as_images(op, x, layout)
    kernel = as_pair(op, "kernel_size", kernel_size, 1)
    strides = kernel if stride is None else as_pair(op, "stride", stride, 1)
    borders, steps = as_pair(op, "padding", padding, 0), as_pair(op, "dilation", dilation, 1)
    found = []
    for k, name in enumerate(("height", "width")):
        size, border, reach = images.shape[2 + k], borders[k], steps[k] * (kernel[k] - 1) + 1
        if border > reach // 2:
            raise ValueError(f"{op}: padding is {padding}, kernel_size is {kernel_size}; expected at most half of it")
        windows, counts = sliding(size, kernel[k], strides[k], border, steps[k], ceil_mode)
        if size == 0 or not windows:
            raise ValueError(
                f"{op}: x has {name} {size}, padded to {size + 2 * border}; kernel_size is {kernel_size}: "
                "expected a kernel that fits in"
            )
        if not all(windows):
            raise ValueError(f"{op}: x has {name} {size}, dilation is {dilation}: a window lies in the padding only")
        found.append((windows, counts if counts_padding else [len(window) for window in windows]))
    (rows, row_counts), (columns, column_counts) = found
    return Windows(images, rows, columns, row_counts, column_counts, layout)


def sequence_windows(
    op: str,
    x: ArrayLike,
    kernel_size: int,
    stride: int | None,
    padding: int,
    dilation: int,
    ceil_mode: bool,
    layout: str,
    counts_padding: bool = False,
) -> Windows:
    """The windows of one-dimensional pooling: those of images of one row."""
    images = as_images(op, x, layout, SEQUENCES)
    steps = None if stride is None else (1, stride)
    two = windows_of(
        op, images, (1, kernel_size), steps, (0, padding), (1, dilation), ceil_mode, "NCHW", counts_padding
    )
    return two._replace(layout=layout)
