"""Filtering an image with one kernel (a correlation: the kernel is not flipped), beside its backward.

Letters: H x W pixels and C channels of the image x, U V rows and columns of the kernel k, g the gradient of the result
y. <g, y>, the sum of the products of elements, is linear in each of g, k and x; the three primitives ``filter2d``,
``filter2d_image_grad`` and ``filter2d_kernel_grad`` are its derivatives: any order of derivative is made of them.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .._kernels import Argument, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, execute, op
from ._door import check_grad, choice, describe, floats, output
from ._draw import filters as draw
from ._moving import launch_zeros

BORDERS = ("reflect101", "reflect", "nearest", "constant", "valid")
_COLUMNS, _ROWS = 512, 32  # of a tile, at most: it stays in the second cache
_TILE_BYTES = 256 * 1024
_MOST_CHUNKS = 64  # of partial sums
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


def _tile_of(rows: _Axis, columns: _Axis, channels: int, itemsize: int) -> tuple[int, int]:
    pieces = -(-columns.outputs // max(1, _COLUMNS // channels))
    width = -(-columns.outputs // pieces)
    row_bytes = (width + columns.taps - 1) * channels * itemsize
    height = max(8, min(_ROWS, _TILE_BYTES // row_bytes - rows.taps + 1))
    return min(height, rows.outputs), width


def _launch(
    lowering: Lowering,
    kernel: Kernel,
    first: Sequence[Argument | Operand],
    rows: _Axis,
    columns: _Axis,
    channels: int,
    dtype: Any,
    *,
    backwards: bool = False,
    chunks: int = 0,
) -> None:
    """Launch ``correlate``, with the taps in reversed order if ``backwards``, or, over so many chunks of tiles,
    ``kernel_grad``."""
    height, width = _tile_of(rows, columns, channels, dtype.itemsize)
    across, taps = -(-columns.outputs // width), rows.taps * columns.taps
    tiles = -(-rows.outputs // height) * across
    stride = (width + columns.taps - 1) * channels
    sizes = [rows.outputs, columns.outputs, channels, columns.size, columns.before, rows.taps, columns.taps]
    offsets = [u * stride + v * channels for u in range(rows.taps) for v in range(columns.taps)]
    scratch, step = lowering.worker_scratch((height + rows.taps - 1) * stride + _LANES, dtype)
    last = [tiles] if chunks else offsets[::-1] if backwards else offsets
    tables = [lowering.constant(t) for t in ([*sizes, height, width, across], rows.table(), columns.table(), last)]
    own = -(-tiles // chunks) if chunks else taps
    work = rows.outputs * columns.outputs * channels * (0.02 * taps + 0.1) * dtype.itemsize
    cells = -(-tiles // own) if chunks else tiles
    lowering.note(
        algorithm=f"tiles of {height} x {width} pixels", why="with their border they stay in the second cache"
    )
    lowering.launch(kernel, dtype, [*first, own, *tables, scratch, step], cells=cells, work=work)


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
        _launch(lowering, Kernel("filters", "correlate"), [y, x, kernel], *axes, _channels(x.shape), x.dtype)


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
    first: list[Argument | Operand] = [spread, g, kernel]
    _launch(lowering, Kernel("filters", "correlate"), first, rows, columns, channels, g.dtype, backwards=True)
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
    height, width = _tile_of(rows, columns, channels, x.dtype.itemsize)
    tiles = -(-rows.outputs // height) * -(-columns.outputs // width)
    chunks = -(-tiles // -(-tiles // _MOST_CHUNKS))
    sums = lowering.scratch((chunks, n), g.dtype) if chunks > 1 else dkernel
    first: list[Argument | Operand] = [sums, g, x]
    kernel = Kernel("filters", "kernel_grad")
    _launch(lowering, kernel, first, rows, columns, channels, x.dtype, chunks=chunks)
    if chunks > 1:
        arguments: list[Argument | Operand] = [dkernel, sums, chunks, n]
        lowering.launch(Kernel("conv", "add_partial"), g.dtype, arguments, cells=-(-n // 1024), work=0.1 * sums.size)


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
