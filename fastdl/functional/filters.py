"""Filtering an image with one kernel (a correlation: the kernel is not flipped), beside its backward.

Letters: H x W pixels and C channels of the image x, U V rows and columns of the kernel k, g the gradient of the result
y. <g, y>, the sum of the products of elements, is linear in each of g, k and x; the three primitives ``filter2d``,
``filter2d_image_grad`` and ``filter2d_kernel_grad`` are its derivatives: any order of derivative is made of them.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .._kernels import Argument, Kernel
from .._kernels.machine import machine
from ..ops import Lowering, Operand, Primitive, Shape, Spec, execute, op
from ._door import check_grad, choice, describe, floats, output
from ._draw import filters as draw
from ._lowering import add_parts
from ._moving import launch_zeros

BORDERS = ("reflect101", "reflect", "nearest", "constant", "valid")
_COLUMNS, _ROWS = 4096, 32  # of a tile, at most
_COPIED_COLUMNS, _TILE_BYTES = 512, 256 * 1024  # at most, where all of a tile is copied: it stays in the second cache
_MOST_CHUNKS = 64  # of partial sums
_STREAMED = 16 * 1024 * 1024  # bytes; a larger result is written past the cache, where nothing of it would be left
_LINE = 64  # bytes, if a vector is a line: of halves of lines, of four rows by turns, each half goes to memory alone
_LANES = 16  # kernels go in steps of so many columns, so they may read that far beyond the end


class _Axis(NamedTuple):
    """One axis: pixels that are read, taps, pixels of the result, and bordered pixels before those that are read."""

    size: int
    taps: int
    outputs: int
    before: int
    border: str

    def table(self) -> list[int]:
        """Which pixel each one of the bordered image is, -1: a zero."""
        places = range(-self.before, self.outputs + self.taps - 1 - self.before)
        return [_inside(place, self.size, self.border) for place in places]


def _inside(place: int, size: int, border: str) -> int:
    """The pixel that stands for one outside the image."""
    if 0 <= place < size:
        return place
    if border == "nearest":
        return 0 if place < 0 else size - 1
    if border == "reflect":
        place %= 2 * size
        return min(place, 2 * size - 1 - place)
    if border == "reflect101":
        period = max(1, 2 * size - 2)
        place %= period
        return min(place, period - place)
    return -1


def _forward(size: int, taps: int, border: str) -> _Axis:
    """Result i is a sum over u of pixels i + u - taps // 2, without border i + u."""
    valid = border == "valid"
    return _Axis(size, taps, size - taps + 1 if valid else size, 0 if valid else taps // 2, border)


def _forward_axes(image: Shape, kernel: Shape, border: str) -> tuple[_Axis, _Axis]:
    rows, columns = (_forward(size, taps, border) for size, taps in zip(image, kernel, strict=False))
    return rows, columns


def _pieces(size: int, most: int) -> int:
    """The size of equal pieces."""
    return -(-size // -(-size // max(1, most)))


def _correlate(
    lowering: Lowering,
    y: Operand,
    x: Operand,
    kernel: Operand,
    rows: _Axis,
    columns: _Axis,
    *,
    channels: int,
    backwards: bool = False,
) -> None:
    """y = correlation of x with the kernel, or, ``backwards``, with its taps in reversed order."""
    height, width = min(_ROWS, rows.outputs), _pieces(columns.outputs, _COLUMNS // channels)
    across, taps = -(-columns.outputs // width), rows.taps * columns.taps
    stride = -(-(width + columns.taps - 1) * channels // _LANES) * _LANES
    copy = (height + rows.taps - 1) * stride + _LANES
    scratch, step = lowering.worker_scratch(copy + taps, y.dtype)
    sizes = [rows.outputs, columns.outputs, channels, columns.size, columns.before, rows.taps, columns.taps]
    sizes += [height, width, across, rows.size, rows.before]
    tables = [lowering.constant(table) for table in (sizes, rows.table(), columns.table())]
    streams = y.size * y.dtype.itemsize > _STREAMED and machine().vector_bytes >= _LINE
    arguments: list[Argument | Operand] = [y, x, kernel, *tables, scratch, step, stride, copy, streams, backwards]
    arguments.append(Kernel("stencil", "correlate").address(y.dtype.name))
    arguments.append(lowering.constant([v * channels for v in range(columns.taps)]))
    work = y.size * (0.004 * taps + 0.1) * y.dtype.itemsize
    cells = -(-rows.outputs // height) * across
    past = ", written past the cache" if streams else ""
    lowering.note(
        algorithm=f"blocks in registers, cells of {height} x {width} pixels{past}",
        why="the image is read in place but near its edges",
    )
    lowering.launch(Kernel("filters", "correlate"), y.dtype, arguments, cells=cells, work=work)


def _channels(shape: Shape) -> int:
    return math.prod(shape[2:])


def _infer_filter2d(x: Spec, kernel: Spec, *, border: str) -> tuple[Spec]:
    rows, columns = _forward_axes(x.shape, kernel.shape, border)
    return (Spec((rows.outputs, columns.outputs, *x.shape[2:]), x.dtype),)


def _lower_filter2d(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, border: str
) -> None:
    (x, kernel), (y,) = inputs, outputs
    if y.size:
        axes = _forward_axes(x.shape, kernel.shape, border)
        _correlate(lowering, y, x, kernel, *axes, channels=_channels(x.shape))


def _vjp_filter2d(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, border: str) -> Sequence[Any]:
    """In the forward pass y[i] = sum_u k[u] x[b(i + u)], with b the pixel that the border puts there."""
    (g,), (x, kernel) = grads, inputs
    (dx,) = _image_grad(g, kernel, shape=tuple(x.shape), border=border)
    (dkernel,) = _kernel_grad(g, x, shape=tuple(kernel.shape), border=border)
    return dx, dkernel


_filter2d = Primitive("filter2d", _infer_filter2d, _lower_filter2d, _vjp_filter2d)


def _infer_grad(g: Spec, other: Spec, *, shape: Shape, border: str) -> tuple[Spec]:
    return (Spec(shape, g.dtype),)


def _lower_image_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, shape: Shape, border: str
) -> None:
    """Pixel r of the bordered image got k[u] g[r - u]: a correlation of g, surrounded by zeros, with the taps in
    reversed order. Where the border repeats pixels these gradients are then added up."""
    (g, kernel), (dx,) = inputs, outputs
    if dx.size == 0:
        return
    forward = _forward_axes(shape, kernel.shape, border)
    folds = border not in ("constant", "valid")
    axes = []
    for axis in forward:
        read, before = axis.outputs, axis.taps - 1
        if folds:
            axes.append(_Axis(read, axis.taps, axis.size + axis.taps - 1, before, "constant"))
        else:
            axes.append(_Axis(read, axis.taps, axis.size, before - axis.before, "constant"))
    rows, columns = axes
    channels = _channels(shape)
    spread = lowering.scratch((rows.outputs, columns.outputs, channels), g.dtype) if folds else dx
    _correlate(lowering, spread, g, kernel, rows, columns, channels=channels, backwards=True)
    if folds:
        block = max(1, 4096 // (shape[1] * channels))
        arguments: list[Argument | Operand] = [dx, spread, shape[0], shape[1], channels, block]
        arguments += [rows.outputs, columns.outputs, *(axis.before for axis in forward)]
        arguments += [lowering.constant(axis.table()) for axis in forward]
        cells = -(-shape[0] // block)
        lowering.launch(Kernel("filters", "fold"), g.dtype, arguments, cells=cells, work=0.3 * spread.size)


def _vjp_image_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, border: str
) -> Sequence[Any]:
    """dx is linear in g and in k, and <dx, h> = <g, filter2d(h, k)> for every h; so with h = the gradient of dx:"""
    (h,), (g, kernel) = grads, inputs
    (dg,) = _filter2d(h, kernel, border=border)
    (dkernel,) = _kernel_grad(g, h, shape=tuple(kernel.shape), border=border)
    return dg, dkernel


_image_grad = Primitive("filter2d_image_grad", _infer_grad, _lower_image_grad, _vjp_image_grad)


def _lower_kernel_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], *, shape: Shape, border: str
) -> None:
    (g, x), (dkernel,) = inputs, outputs
    channels, n = _channels(x.shape), dkernel.size
    if channels == 0:
        launch_zeros(lowering, dkernel)
        return
    rows, columns = _forward_axes(x.shape, shape, border)
    itemsize, taps = x.dtype.itemsize, rows.taps * columns.taps
    width = _pieces(columns.outputs, _COPIED_COLUMNS // channels)
    stride = (width + columns.taps - 1) * channels
    height = min(rows.outputs, max(8, min(_ROWS, _TILE_BYTES // (stride * itemsize) - rows.taps + 1)))
    across = -(-columns.outputs // width)
    tiles = -(-rows.outputs // height) * across
    chunk = -(-tiles // _MOST_CHUNKS)
    chunks = -(-tiles // chunk)
    sums = lowering.scratch((chunks, n), g.dtype) if chunks > 1 else dkernel
    scratch, step = lowering.worker_scratch((height + rows.taps - 1) * stride + _LANES, x.dtype)
    sizes = [rows.outputs, columns.outputs, channels, columns.size, columns.before, rows.taps, columns.taps]
    tables = [[*sizes, height, width, across], rows.table(), columns.table()]
    constants = [lowering.constant(table) for table in tables]
    first: list[Argument | Operand] = [sums, g, x, chunk, *constants, tiles, scratch, step]
    work = g.size * (0.02 * taps + 0.1) * itemsize
    lowering.launch(Kernel("filters", "kernel_grad"), x.dtype, first, cells=chunks, work=work)
    if chunks > 1:
        add_parts(lowering, dkernel, sums, chunks)


def _vjp_kernel_grad(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, shape: Shape, border: str
) -> Sequence[Any]:
    """dk is linear in g and in x, and <dk, v> = <g, filter2d(x, v)> for every v; so with v = the gradient of dk:"""
    (v,), (g, x) = grads, inputs
    (dg,) = _filter2d(x, v, border=border)
    (dx,) = _image_grad(g, v, shape=tuple(x.shape), border=border)
    return dg, dx


_kernel_grad = Primitive("filter2d_kernel_grad", _infer_grad, _lower_kernel_grad, _vjp_kernel_grad)


def _checked(op_name: str, image: Any, kernel: Any, border: Any) -> str:
    """The option ``border``, if it and the shapes fit together."""
    choice(op_name, "border", border, BORDERS)
    if len(image.shape) not in (2, 3) or 0 in image.shape[:2]:
        raise ValueError(
            f"{op_name}: image has shape {tuple(image.shape)}; expected (H, W) or (H, W, C), one pixel at least"
        )
    if len(kernel.shape) != 2 or 0 in kernel.shape:
        raise ValueError(f"{op_name}: kernel has shape {tuple(kernel.shape)}; expected (kh, kw), one tap at least")
    if border == "valid" and any(k > n for k, n in zip(kernel.shape, image.shape, strict=False)):
        raise ValueError(
            f"{op_name}: the kernel is larger than the image ({describe(image=image, kernel=kernel)}); expected one "
            'that fits in, as border is "valid"'
        )
    return str(border)


@op(draw=draw.filter2d)
def filter2d(image: Any, kernel: Any, *, border: str = "reflect101", out: Any = None) -> Any:
    """Blur, sharpen, find edges: every pixel becomes the weighted sum of those around it.

    y[i, j, c] = sum_{u, v} kernel[u, v] image[i + u - kh//2, j + v - kw//2, c]; for each channel alike.
    Equivalent to ``scipy.ndimage.correlate(image, kernel, mode="mirror")`` of each channel.

    image (H, W) or (H, W, C), kernel (kh, kw): both float32 or both float64. The result has the shape of the image, or,
    if ``border`` is "valid", (H - kh + 1, W - kw + 1): only where the window fits in. What stands outside the image,
    here for the row abcdefgh:

        "reflect101"  gfedcb|abcdefgh|gfedcba
        "reflect"     fedcba|abcdefgh|hgfedcb
        "nearest"     aaaaaa|abcdefgh|hhhhhhh
        "constant"    000000|abcdefgh|0000000

    as OpenCV's BORDER_REFLECT_101, BORDER_REFLECT, BORDER_REPLICATE and BORDER_CONSTANT; the kernel may be larger than
    the image. ``out`` takes the result; it may not overlap an argument.

    Raises ValueError if the shapes do not fit, TypeError for other dtypes: convert an image of bytes with
    ``image.astype(np.float32)``.

    Numerics: sums are in the arguments' precision, in an order that depends on the shapes only. A zero of the border
    takes part, so that an infinite kernel makes NaN there.

    >>> import numpy as np
    >>> image = np.float32([[0, 0, 0], [0, 9, 0], [0, 0, 1]])
    >>> filter2d(image, np.full((3, 3), 1 / 9, np.float32), border="constant").round(2)
    array([[1.  , 1.  , 1.  ],
           [1.  , 1.11, 1.11],
           [1.  , 1.11, 1.11]], dtype=float32)
    """
    image, kernel = floats("filter2d", image=image, kernel=kernel)
    attrs = {"border": _checked("filter2d", image, kernel, border)}
    if out is not None:
        (spec,) = _infer_filter2d(Spec(image.shape, image.dtype), Spec(kernel.shape, kernel.dtype), **attrs)
        output("filter2d", out, spec, image=image, kernel=kernel)
        execute(_filter2d, (image, kernel), attrs, out=out)
        return out
    return _filter2d(image, kernel, **attrs)[0]


def filter2d_backward(grad: Any, image: Any, kernel: Any, *, border: str = "reflect101") -> tuple[Any, Any]:
    """Gradients of :func:`filter2d` with respect to image and kernel.

    In the forward pass y[p] += kernel[u] image[b(p + u)] for all pixels p and taps u, with b the pixel that the border
    puts there; so, over the same positions, dimage[b(p + u)] += kernel[u] g[p] and dkernel[u] += image[b(p + u)] g[p].
    Beyond its edges g takes part as zeros, so that a kernel that is not finite makes NaN at the border of dimage.
    """
    name = "filter2d_backward"
    grad, image, kernel = floats(name, grad=grad, image=image, kernel=kernel)
    border = _checked(name, image, kernel, border)
    (spec,) = _infer_filter2d(Spec(image.shape, image.dtype), Spec(kernel.shape, kernel.dtype), border=border)
    check_grad(name, grad, spec.shape, spec.dtype)
    dimage, dkernel = _vjp_filter2d((grad,), (image, kernel), (None,), border=border)
    return dimage, dkernel
