"""How the gradient of a convolution with respect to its kernels lowers to launches of ``_kernels/conv_gradient.py``."""

import math

from .._kernels import Argument, Kernel
from ..ops import Lowering, Operand
from ._conv_geometry import Geometry, Planes, forward, round_up, work_of

_WEIGHT_GRAD, _ADD_PARTIAL = Kernel("conv_gradient", "weight_grad"), Kernel("conv", "add_partial")
_LANES = 16
_PLANE_BYTES = 256 * 1024
_ENOUGH_CELLS = 16
_SUM_BYTES = 4096  # of a row of pixels that ``weight_grad`` gathers for one product; 5-25 % faster than 2048 in float32


def lower_weight_grad(lowering: Lowering, dweight: Operand, g: Operand, x: Operand, geometry: Geometry) -> None:
    """Gradient with respect to the weight; g and x are NCHW."""
    if dweight.size == 0:
        return
    s = geometry
    rows, columns = forward(s.rows), forward(s.columns)
    taps, itemsize = s.rows.taps * s.columns.taps, x.dtype.itemsize
    all_rows, length = s.images * s.rows.outputs, s.columns.outputs
    batch_rows = max(1, min(all_rows, _SUM_BYTES // itemsize // max(1, length)))
    stride = round_up(batch_rows * length, _LANES) + _LANES
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
    tables = [
        sizes,
        Planes(
            plane_rows,
            plane_columns,
            plane,
            len(rows.source_phases),
            len(columns.source_phases),
            plane * source_phases,
            0,
        ).table(rows, columns),
        offsets,
    ]
    constants = [lowering.constant(table) for table in tables]
    sums = lowering.scratch((chunks, *dweight.shape), dweight.dtype) if chunks > 1 else dweight
    arguments: list[Argument | Operand] = [sums, g, x, *constants, scratch, scratch_stride, planes, pixels, stride]
    work = work_of(geometry, dweight)
    lowering.launch(_WEIGHT_GRAD, x.dtype, arguments, cells=chunks * s.groups * blocks, work=work)
    if chunks > 1:
        n = math.prod(dweight.shape)
        lowering.launch(_ADD_PARTIAL, x.dtype, [dweight, sums, chunks, n], cells=-(-n // 1024), work=0.1 * sums.size)
