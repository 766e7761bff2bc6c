"""How a convolution and its gradient with respect to the images lower to launches of ``_kernels/conv.py``.

All choices depend on shapes, dtype and the processor's vectors only.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._kernels import Argument, Kernel
from .._kernels.machine import lanes, most_vectors, panel
from ..ops import Lowering, Operand
from . import _depthwise, _winograd
from ._conv_geometry import Geometry, Plan, Planes, apart, backward, forward, in_place, is_plane, planes_of, work_of
from ._lowering import round_up

_CORRELATE, _TRANSPOSE_WEIGHT = Kernel("conv", "correlate"), Kernel("conv", "transpose_weight")

_PAGE = 4096  # bytes of a page, and of a way of the first cache
_PLANE_BYTES = 256 * 1024  # the planes of a strip shall stay in the second cache
_TERM_BYTES = 32 * 1024  # of pixels below a panel, in one product: they shall stay in the first cache
_TILE_BYTES = 32 * 1024  # of a tile that is copied to the result
_LONG_ROW = 8  # vectors of a row of the result from which on the end of its last one costs less than a tile
_ENOUGH_CELLS = 16
# From so many output channels on a panel of pixels is packed, where blocks are narrow: a copy of two vectors for each
# term, beside the multiply-adds of all rows. The wide blocks of 32 registers have time for addresses. Of images that
# are their own planes it lost: their channels lie a page or more apart, and copying waits for each.
_PACKED_ROWS = 32
# Of a single channel, whose products in place have a few terms for each group: more than one block of rows will do. 64
# images of 28 x 28 to 32 channels by 3 x 3 taps took 0.68 ms instead of 0.90, to 16 by 5 x 5 0.95 instead of 1.03, to 6
# a tenth longer (AMD Zen 3, one thread).
_PACKED_ROWS_OF_ONE = 8
_PACKED_BYTES = 2048  # of a column of such a panel


def lower_forward(
    lowering: Lowering,
    y: Operand,
    x: Operand,
    weight: Operand,
    bias: Operand | None,
    geometry: Geometry,
    *,
    relu: bool = False,
) -> None:
    """y = s(x * weight + bias), s relu or nothing; x and y are NCHW."""
    filtering = _winograd.filtering(geometry, x.dtype)
    if filtering is not None:
        _winograd.lower(lowering, y, x, weight, bias, filtering, relu=relu)
        return
    _correlate(lowering, y, x, weight, bias, geometry, transposed=False, relu=relu)


def lower_input_grad(
    lowering: Lowering, dx: Operand, g: Operand, weight: Operand, bias: Operand | None, geometry: Geometry
) -> None:
    """Gradient with respect to the images, plus a bias of the images' channels; g and dx are NCHW."""
    filtering = _winograd.filtering(geometry, g.dtype, backwards=True)
    if filtering is not None:
        _winograd.lower(lowering, dx, g, weight, bias, filtering)
        return
    _correlate(lowering, dx, g, weight, bias, geometry, transposed=True)


def _correlate(
    lowering: Lowering,
    y: Operand,
    x: Operand,
    weight: Operand,
    bias: Operand | None,
    geometry: Geometry,
    *,
    transposed: bool,
    relu: bool = False,
) -> None:
    if y.size == 0:
        return
    if _depthwise.fits(geometry):
        _depthwise.lower_correlation(lowering, y, x, weight, bias, geometry, transposed=transposed, relu=relu)
        return
    s = geometry
    plan = backward if transposed else forward
    rows, columns = plan(s.rows), plan(s.columns)
    in_channels, out_channels = (s.out_channels, s.in_channels) if transposed else (s.in_channels, s.out_channels)
    cut = _cut(s.images * s.groups, rows, columns, in_channels, out_channels, y.dtype)
    if _worth_copies(cut, rows, columns, in_channels, out_channels):
        columns = apart(columns)
        cut = _cut(s.images * s.groups, rows, columns, in_channels, out_channels, y.dtype)
    offsets: list[int] = []
    phases: list[int] = []
    taps: list[list[int]] = []  # of each phase of the result
    weights = 0
    for r in rows.phases:
        for c in columns.phases:
            pairs = [(t, w) for t in r.taps for w in c.taps]
            phases += [len(pairs), len(offsets), weights, r.first, c.first, r.pixels, c.pixels]
            weights += out_channels * in_channels * len(pairs)
            taps.append([t.tap * s.columns.taps + w.tap for t, w in pairs])
            offsets += [cut.planes.offset(t, w) for t, w in pairs]
    if transposed:
        weight = _transposed(lowering, weight, s, taps)
    sizes = [s.groups, in_channels, out_channels, cut.block_channels, cut.strips, cut.strip_rows, cut.tile_rows]
    sizes += [cut.pieces, cut.piece_columns, rows.result_size, columns.result_size, rows.step, columns.step, len(taps)]
    sizes += [weights, cut.tile_columns, cut.terms, cut.planes.channel, cut.planes.rows, cut.own, cut.direct]
    down = 0
    if in_channels == 1 and len(taps) == 1 and offsets and not cut.packs:  # a stride may miss all taps
        down = _rows_of_terms(rows)
    width = panel(y.dtype.itemsize)
    sizes += [down, offsets[len(offsets) // down] - offsets[0] if down else width if cut.packs else cut.planes.channel]
    sizes.append(cut.packs)
    planes = 0 if cut.own else in_channels * cut.planes.channel + cut.planes.slack
    tile = 0 if cut.direct else cut.block_channels * cut.tile_columns
    packed = cut.terms * max(map(len, taps)) * width if cut.packs else 0
    scratch, stride = lowering.worker_scratch(planes + tile + packed, y.dtype)
    tables = [
        lowering.constant(table)
        for table in (sizes, cut.planes.table(rows, columns, x.dtype.itemsize), offsets, phases)
    ]
    product = Kernel("product", "block").address(y.dtype.name)
    arguments: list[Argument | Operand] = [y, x, weight, bias, bias is not None, *tables, scratch, stride]
    cells = s.images * s.groups * cut.strips * cut.pieces * -(-out_channels // cut.block_channels)
    work = work_of(geometry, y)
    where = "the images themselves" if cut.own else "images copied into padded planes"
    lowering.note(algorithm=f"a sum over {sum(map(len, taps))} taps of products", why=f"pixels are read in {where}")
    arguments += [planes, product, int(relu), planes + tile]
    lowering.launch(_CORRELATE, y.dtype, arguments, cells=cells, work=work)


class _Cut(NamedTuple):
    """How a correlation is cut: into cells (strips of rows, pieces of a row, blocks of channels), these into tiles."""

    planes: Planes
    own: bool  # the image is its own planes
    direct: bool  # products write to the result
    strips: int
    strip_rows: int
    pieces: int
    piece_columns: int
    block_channels: int
    tile_rows: int
    tile_columns: int
    terms: int
    packs: bool  # pixels are copied once more, to panels that lie as the weights do


def _cut(images: int, rows: Plan, columns: Plan, channels: int, out_channels: int, dtype: np.dtype[Any]) -> _Cut:
    """Planes that fit the second cache, products whose pixels fit the first, and cells for all threads."""
    itemsize = dtype.itemsize
    own = is_plane(rows) and is_plane(columns) and _spread(rows.size * columns.size * itemsize)
    length = columns.longest + columns.extra
    length -= 0 if own else columns.shared
    phases = len(rows.source_phases) * len(columns.source_phases)
    budget = _PLANE_BYTES // (max(1, channels) * phases * itemsize)  # elements of a plane
    pieces, piece_columns = 1, columns.longest
    if not own and length * (rows.extra + 1) > budget:
        piece_columns = max(4 * panel(itemsize), budget // (rows.extra + 1) - columns.extra)
        pieces = -(-columns.longest // piece_columns)
        piece_columns = round_up(-(-columns.longest // pieces), lanes(itemsize))
        pieces = -(-columns.longest // piece_columns)
    if pieces > 1:
        length = piece_columns + columns.extra
    strip_rows = rows.longest if own else max(1, min(rows.longest, budget // length - rows.extra))
    strips = -(-rows.longest // strip_rows)
    blocks = 1

    def cells() -> int:
        return images * strips * pieces * blocks

    while cells() < _ENOUGH_CELLS and -(-rows.longest // strips) * length >= 4 * panel(itemsize):
        strips *= 2
    while cells() < _ENOUGH_CELLS and out_channels >= 32 * blocks:
        blocks *= 2
    strip_rows = -(-rows.longest // strips)
    strips = -(-rows.longest // strip_rows)

    n = min(piece_columns, columns.longest)
    plain = rows.step == columns.step == 1
    whole = pieces == 1 and length == n  # rows follow each other without a gap
    by_row = n % lanes(itemsize) == 0 or n >= _LONG_ROW * lanes(itemsize)
    direct = plain and (whole or by_row or strip_rows == 1)
    tile_rows = 1 if direct and not whole else strip_rows
    block_channels = -(-out_channels // blocks)
    tile_columns = round_up((tile_rows - 1) * length + n, lanes(itemsize))
    if not direct:
        fitting = _TILE_BYTES // (itemsize * block_channels) // panel(itemsize) * panel(itemsize)
        tile_columns = min(tile_columns, max(panel(itemsize), fitting))
    planes = planes_of(rows, columns, strip_rows + rows.extra, length, itemsize)
    if own:
        planes = in_place(rows, columns)
    below = max(len({(t.phase, t.shift) for t in p.taps}) for p in rows.phases) * len(columns.source_phases)
    most = max(8, _TERM_BYTES // itemsize // (max(1, below) * (panel(itemsize) + columns.extra)))
    taps = max(len(r.taps) * len(c.taps) for r in rows.phases for c in columns.phases)
    enough = block_channels >= (_PACKED_ROWS if channels > 1 else _PACKED_ROWS_OF_ONE)
    packs = not own and channels > 0 and enough and taps > 0 and most_vectors() <= 2
    if packs:
        most = max(1, _PACKED_BYTES // itemsize // taps)
    terms = -(-channels // -(-channels // most)) if channels else 1
    sizes = (strips, strip_rows, pieces, piece_columns, block_channels, tile_rows, tile_columns, terms, packs)
    return _Cut(planes, own, direct, *sizes)


def _worth_copies(cut: _Cut, rows: Plan, columns: Plan, channels: int, out_channels: int) -> bool:
    """Whether to copy the image once for each column of taps, instead of the tiles of the result, with their gaps.

    Where the copies are a quarter of the result they won (a third of the time), where they were as large nothing.
    """
    if cut.direct or cut.pieces > 1 or rows.step * columns.step > 1:
        return False
    taps = len(columns.phases[0].taps)
    return 4 * channels * taps * (rows.longest + rows.extra) < out_channels * rows.longest


def _rows_of_terms(rows: Plan) -> int:
    """How many rows of taps may be the terms of a product, because they lie evenly; 0 if not more than one.

    A single channel would make products of one term each.
    """
    (phase,) = rows.phases
    return len(phase.taps) if len(rows.source_phases) == 1 and len(phase.taps) > 1 else 0


def _spread(stride: int) -> bool:
    """Whether rows so many bytes apart fall on different places of a cache whose ways have a page each."""
    return math.gcd(stride, _PAGE) <= _PAGE // 16


def _transposed(lowering: Lowering, weight: Operand, s: Geometry, phases: Sequence[Sequence[int]]) -> Operand:
    """The weight with its channels swapped, and its taps sorted by the phase to which they contribute."""
    order = [tap for taps in phases for tap in taps]
    before = [sum(map(len, phases[:i])) for i, taps in enumerate(phases) for _ in taps]
    own = [len(taps) for taps in phases for _ in taps]
    result = lowering.scratch(weight.shape, weight.dtype)
    tables = [lowering.constant(table) for table in (order, before, own)]
    taps = s.rows.taps * s.columns.taps
    arguments: list[Argument | Operand] = [result, weight, s.out_channels, s.in_channels, taps, len(order), *tables]
    arguments.append(list(range(taps)) in phases)
    cells = s.groups * -(-s.in_channels // 8)
    lowering.launch(_TRANSPOSE_WEIGHT, weight.dtype, arguments, cells=cells, work=weight.size)
    return result
