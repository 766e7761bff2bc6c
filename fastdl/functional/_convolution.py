"""The geometry of a convolution, one object for the forward and both backwards, and how they lower to launches.

Letters: N images, C channels, H W space, G groups; along one axis: tap u of the kernel, stride s, dilation d, pixel i
of the image and p of the result, with i = p s + u d - padding. The kernels, and what a plane is, are described in
``_kernels/conv.py``. All choices depend on shapes and dtype only.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from .._kernels import Argument, Kernel
from ..ops import Lowering, Operand
from . import _depthwise

_CORRELATE, _WEIGHT_GRAD = Kernel("conv", "correlate"), Kernel("conv", "weight_grad")
_ADD_PARTIAL, _TRANSPOSE_WEIGHT = Kernel("conv", "add_partial"), Kernel("conv", "transpose_weight")

_LANES = 16  # kernels go in steps of so many columns, so they may read that far beyond the end
_TILE = 256  # columns of a tile of ``correlate``
_PLANE_BYTES = 256 * 1024  # the planes of a strip shall stay in the second cache
_ENOUGH_CELLS = 16
_SUM_BYTES = 4096  # of a row of pixels that ``weight_grad`` gathers for one product; 5-25 % faster than 2048 in float32


class Axis(NamedTuple):
    """One axis of a convolution: pixels of the image, taps of the kernel, ..., pixels of the result."""

    size: int
    taps: int
    stride: int
    dilation: int
    before: int  # zeros before the first pixel
    outputs: int


class Geometry(NamedTuple):
    """Sizes of a convolution; the channels are those of one group."""

    images: int
    groups: int
    in_channels: int
    out_channels: int
    rows: Axis
    columns: Axis

    @property
    def multiplications(self) -> int:
        """How many the convolution and either of its gradients take."""
        taps = self.rows.taps * self.columns.taps
        pixels = self.images * self.rows.outputs * self.columns.outputs
        return pixels * taps * self.groups * self.in_channels * self.out_channels

    def flat(self) -> "Geometry":
        """The same with all pixels in one row, if no tap looks at a neighbour: long rows cost less."""
        if any(a.taps > 1 or a.stride > 1 or a.before or a.outputs != a.size for a in (self.rows, self.columns)):
            return self
        pixels = self.rows.size * self.columns.size
        return self._replace(rows=Axis(1, 1, 1, 1, 0, 1), columns=Axis(pixels, 1, 1, 1, 0, pixels))


class _Tap(NamedTuple):
    tap: int
    phase: int  # index of the phase of the source in which it reads
    shift: int  # plane position that it reads for result position 0


class _Phase(NamedTuple):
    """Every step-th pixel of the result from ``first`` on, and the taps that contribute to them."""

    first: int
    pixels: int
    taps: tuple[_Tap, ...]


class _Plan(NamedTuple):
    """One axis of a correlation: how the source is cut into planes, and the phases of the result."""

    size: int
    stride: int
    before: int
    source_phases: tuple[int, ...]
    result_size: int
    step: int
    phases: tuple[_Phase, ...]

    @property
    def extra(self) -> int:
        """Plane positions needed beyond those of the result."""
        return max((t.shift for phase in self.phases for t in phase.taps), default=0)

    @property
    def longest(self) -> int:
        return max(phase.pixels for phase in self.phases)


def _forward(a: Axis) -> _Plan:
    """Result p reads i + padding = p s + u d: position p + u d // s of the phase u d % s of the padded image."""
    used = tuple(sorted({u * a.dilation % a.stride for u in range(a.taps)}))
    taps = [_Tap(u, used.index(u * a.dilation % a.stride), u * a.dilation // a.stride) for u in range(a.taps)]
    return _Plan(a.size, a.stride, a.before, used, a.outputs, 1, (_Phase(0, a.outputs, tuple(taps)),))


def _backward(a: Axis) -> _Plan:
    """Image pixel i got something from p = (i + padding - u d) / s where that is whole.

    The pixels i = first + t s of one phase are reached by the taps with u d % s = (first + padding) % s, from
    p = t + start - u d // s.
    """
    found = []
    for first in range(min(a.stride, a.size)):
        start, residue = divmod(first + a.before, a.stride)
        shifts = [
            (u, start - u * a.dilation // a.stride) for u in range(a.taps) if u * a.dilation % a.stride == residue
        ]
        found.append((first, -(-(a.size - first) // a.stride), shifts))
    before = max([0, *(-shift for _, _, shifts in found for _, shift in shifts)])
    phases = [_Phase(f, n, tuple(_Tap(u, 0, before + shift) for u, shift in shifts)) for f, n, shifts in found]
    return _Plan(a.outputs, 1, before, (0,), a.size, a.stride, tuple(phases))


def lower_forward(
    lowering: Lowering, y: Operand, x: Operand, weight: Operand, bias: Operand | None, geometry: Geometry
) -> None:
    """y = x * weight + bias; x and y are NCHW."""
    _correlate(lowering, y, x, weight, bias, geometry, backward=False)


def lower_input_grad(
    lowering: Lowering, dx: Operand, g: Operand, weight: Operand, bias: Operand | None, geometry: Geometry
) -> None:
    """Gradient with respect to the images, plus a bias of the images' channels; g and dx are NCHW."""
    _correlate(lowering, dx, g, weight, bias, geometry, backward=True)


def _correlate(
    lowering: Lowering,
    y: Operand,
    x: Operand,
    weight: Operand,
    bias: Operand | None,
    geometry: Geometry,
    *,
    backward: bool,
) -> None:
    if y.size == 0:
        return
    if _depthwise.fits(geometry):
        _depthwise.lower_correlation(lowering, y, x, weight, bias, geometry, backward=backward)
        return
    s = geometry.flat()
    plan = _backward if backward else _forward
    rows, columns = plan(s.rows), plan(s.columns)
    in_channels, out_channels = (s.out_channels, s.in_channels) if backward else (s.in_channels, s.out_channels)
    plane_columns = columns.longest + columns.extra
    source_phases = len(rows.source_phases) * len(columns.source_phases)
    tile_rows, tile_columns = _tile(rows.longest, columns.longest, plane_columns)
    row_bytes = in_channels * source_phases * plane_columns * y.dtype.itemsize
    strip_rows, blocks = _cut(s.images * s.groups, rows, tile_rows, row_bytes, out_channels)
    strips, block_channels = -(-rows.longest // strip_rows), -(-out_channels // blocks)
    plane_rows = strip_rows + rows.extra
    plane = plane_rows * plane_columns

    offsets: list[int] = []
    phases: list[int] = []
    taps: list[list[int]] = []  # of each phase of the result
    weights = 0
    for r in rows.phases:
        for c in columns.phases:
            pairs = [(t, w) for t in r.taps for w in c.taps]
            depth = in_channels * len(pairs)
            phases += [depth, len(offsets), weights, r.first, c.first, r.pixels, c.pixels]
            weights += out_channels * depth
            taps.append([t.tap * s.columns.taps + w.tap for t, w in pairs])
            offsets += [
                (channel * source_phases + t.phase * len(columns.source_phases) + w.phase) * plane
                + t.shift * plane_columns
                + w.shift
                for channel in range(in_channels)
                for t, w in pairs
            ]
    if backward:
        weight = _transposed(lowering, weight, s, taps)
    sizes = [s.groups, in_channels, out_channels, block_channels, strips, strip_rows, tile_rows, tile_columns]
    sizes += [rows.result_size, columns.result_size, rows.step, columns.step, len(taps), weights]
    scratch, stride = lowering.worker_scratch(in_channels * source_phases * plane + _LANES, y.dtype)
    tables = [sizes, _plane_shape(rows, columns, plane_rows, plane_columns), offsets, phases]
    constants = [lowering.constant(table) for table in tables]
    arguments: list[Argument | Operand] = [y, x, weight, bias, bias is not None, *constants, scratch, stride]
    cells = s.images * s.groups * strips * -(-out_channels // block_channels)
    lowering.launch(_CORRELATE, y.dtype, arguments, cells=cells, work=_work(geometry, y))


def _work(geometry: Geometry, y: Operand) -> float:
    return geometry.multiplications * y.dtype.itemsize / 200 + y.size


def _plane_shape(rows: _Plan, columns: _Plan, plane_rows: int, plane_columns: int) -> list[int]:
    """The table that the kernels' ``_planes`` reads."""
    shape = [
        rows.size,
        columns.size,
        plane_rows,
        plane_columns,
        rows.stride,
        columns.stride,
        rows.before,
        columns.before,
    ]
    counts = [len(rows.source_phases), len(columns.source_phases)]
    return [*shape, *counts, *rows.source_phases, *columns.source_phases]


def _tile(rows: int, columns: int, plane_columns: int) -> tuple[int, int]:
    """Rows and columns of a tile: whole rows, or equal pieces of one row."""
    if plane_columns > _TILE:
        pieces = -(-columns // _TILE)
        return 1, _up(-(-columns // pieces), _LANES)
    most = _TILE // plane_columns
    return -(-rows // -(-rows // most)), columns


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def _cut(images: int, rows: _Plan, tile_rows: int, row_bytes: int, channels: int) -> tuple[int, int]:
    """Rows of a strip (whole tiles) and blocks of channels: planes that fit the cache, and cells for all threads."""
    fitting = (_PLANE_BYTES // max(1, row_bytes) - rows.extra) // tile_rows * tile_rows
    strip = max(tile_rows, min(fitting, _up(rows.longest, tile_rows)))
    blocks = 1

    def cells() -> int:
        return images * -(-rows.longest // strip) * blocks

    while cells() < _ENOUGH_CELLS and strip >= max(8, 2 * tile_rows):
        strip = _up(strip // 2, tile_rows)
    while cells() < _ENOUGH_CELLS and channels >= 32 * blocks:
        blocks *= 2
    return strip, blocks


def _transposed(lowering: Lowering, weight: Operand, s: Geometry, phases: Sequence[Sequence[int]]) -> Operand:
    """The weight with its channels swapped, and its taps sorted by the phase to which they contribute."""
    order = [tap for taps in phases for tap in taps]
    before = [sum(map(len, phases[:i])) for i, taps in enumerate(phases) for _ in taps]
    own = [len(taps) for taps in phases for _ in taps]
    result = lowering.scratch(weight.shape, weight.dtype)
    tables = [lowering.constant(table) for table in (order, before, own)]
    taps = s.rows.taps * s.columns.taps
    arguments: list[Argument | Operand] = [result, weight, s.out_channels, s.in_channels, taps, len(order), *tables]
    cells = s.groups * s.in_channels
    lowering.launch(_TRANSPOSE_WEIGHT, weight.dtype, arguments, cells=cells, work=weight.size)
    return result


def lower_weight_grad(lowering: Lowering, dweight: Operand, g: Operand, x: Operand, geometry: Geometry) -> None:
    """Gradient with respect to the weight; g and x are NCHW."""
    if dweight.size == 0:
        return
    if _depthwise.fits(geometry):
        _depthwise.lower_weight_grad(lowering, dweight, g, x, geometry)
        return
    s = geometry.flat()
    rows, columns = _forward(s.rows), _forward(s.columns)
    taps, itemsize = s.rows.taps * s.columns.taps, x.dtype.itemsize
    all_rows, length = s.images * s.rows.outputs, s.columns.outputs
    batch_rows = max(1, min(all_rows, _SUM_BYTES // itemsize // max(1, length)))
    stride = _up(batch_rows * length, _LANES) + _LANES
    blocks = max(1, min(s.in_channels, round(s.in_channels * taps * stride * itemsize / _PLANE_BYTES)))
    block_channels = -(-s.in_channels // blocks)
    blocks = -(-s.in_channels // block_channels)
    batches = -(-all_rows // batch_rows)
    chunks = max(1, min(batches, -(-_ENOUGH_CELLS // (s.groups * blocks))))
    chunk_rows = max(1, -(-batches // chunks)) * batch_rows
    chunks = max(1, -(-all_rows // chunk_rows))

    plane_rows, plane_columns = min(batch_rows, s.rows.outputs) + rows.extra, columns.longest + columns.extra
    source_phases = len(rows.source_phases) * len(columns.source_phases)
    plane = plane_rows * plane_columns
    offsets = [
        (channel * source_phases + t.phase * len(columns.source_phases) + w.phase) * plane
        + t.shift * plane_columns
        + w.shift
        for channel in range(block_channels)
        for t in rows.phases[0].taps
        for w in columns.phases[0].taps
    ]
    planes = block_channels * source_phases * plane + _LANES
    pixels = block_channels * taps * stride
    scratch, scratch_stride = lowering.worker_scratch(planes + pixels + s.out_channels * stride, x.dtype)
    sizes = [s.groups, s.out_channels, s.in_channels, block_channels, chunk_rows, batch_rows]
    sizes += [all_rows, s.rows.outputs, length, taps, rows.extra]
    tables = [sizes, _plane_shape(rows, columns, plane_rows, plane_columns), offsets]
    constants = [lowering.constant(table) for table in tables]
    sums = lowering.scratch((chunks, *dweight.shape), dweight.dtype) if chunks > 1 else dweight
    arguments: list[Argument | Operand] = [sums, g, x, *constants, scratch, scratch_stride, planes, pixels, stride]
    work = _work(geometry, dweight)
    lowering.launch(_WEIGHT_GRAD, x.dtype, arguments, cells=chunks * s.groups * blocks, work=work)
    if chunks > 1:
        n = math.prod(dweight.shape)
        lowering.launch(_ADD_PARTIAL, x.dtype, [dweight, sums, chunks, n], cells=-(-n // 1024), work=0.1 * sums.size)
