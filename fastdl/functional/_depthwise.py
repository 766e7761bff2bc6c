"""How a depthwise convolution and its gradients lower to the kernels of ``_kernels/depthwise.py``.

Letters: along one axis tap u of the kernel, stride s, dilation d, pixel i of the image and p of the result, with
i = p s + u d - padding. All choices depend on shapes and dtype only.
"""

import math
from typing import NamedTuple

from .._kernels import Argument, Kernel
from .._kernels.machine import lanes
from ..ops import Lowering, Operand
from ._conv_geometry import Axis, Geometry
from ._lowering import add_parts

_MOST_RESULTS = 4  # of a channel: with more of them, products over channels take less time
_LANES = 16  # kernels go in steps of so many columns, so they may read that far beyond the end
_PLANE_BYTES = 128 * 1024
_BLOCK_ROWS = 4
_ENOUGH_CELLS = 16


class _Run(NamedTuple):
    """Taps that read one phase of the source: the first at ``shift``, each other ``dense`` positions further on."""

    residue: int
    shift: int
    taps: tuple[int, ...]


class _Phase(NamedTuple):
    """Every step-th pixel of the result from ``first`` on."""

    first: int
    pixels: int
    runs: tuple[_Run, ...]


class _Plan(NamedTuple):
    """One axis: pixel t of a phase of the result reads pixel (t + shift) stride + residue of the padded source."""

    size: int
    stride: int
    before: int
    result_size: int
    step: int
    dense: int
    phases: tuple[_Phase, ...]

    @property
    def residues(self) -> list[int]:
        return sorted({run.residue for phase in self.phases for run in phase.runs})

    def reads(self, phase: _Phase) -> list[tuple[int, int, int]]:
        """Of each tap of a phase: tap, residue and place of the pixel that it reads for pixel 0."""
        return sorted(
            ((u, run.residue, run.shift + k * self.dense) for run in phase.runs for k, u in enumerate(run.taps)),
            key=lambda read: (read[2], read[1]),
        )

    @property
    def longest(self) -> int:
        return max(phase.pixels for phase in self.phases)

    def extra(self, stride: int) -> int:
        """Pixels below the last one, if positions are ``stride`` pixels apart."""
        ends = [
            (run.shift + (len(run.taps) - 1) * self.dense) * stride + (run.residue if stride > 1 else 0)
            for phase in self.phases
            for run in phase.runs
        ]
        return max(ends, default=0)


def fits(s: Geometry) -> bool:
    """Whether the kernels for depthwise convolution are the better ones."""
    return s.in_channels == 1 and s.out_channels <= _MOST_RESULTS


def _dense(a: Axis) -> int:
    return a.dilation // math.gcd(a.stride, a.dilation)


def _forward(a: Axis) -> _Plan:
    runs = []
    for residue in sorted({u * a.dilation % a.stride for u in range(a.taps)}):
        taps = tuple(u for u in range(a.taps) if u * a.dilation % a.stride == residue)
        runs.append(_Run(residue, taps[0] * a.dilation // a.stride, taps))
    return _Plan(a.size, a.stride, a.before, a.outputs, 1, _dense(a), (_Phase(0, a.outputs, tuple(runs)),))


def _backward(a: Axis) -> _Plan:
    """Image pixel i got something from p = (i + padding - u d) / s where that is whole: see ``_conv_geometry``."""
    found = []
    for first in range(min(a.stride, a.size)):
        start, residue = divmod(first + a.before, a.stride)
        taps = tuple(u for u in reversed(range(a.taps)) if u * a.dilation % a.stride == residue)
        shift = start - taps[0] * a.dilation // a.stride if taps else 0
        found.append((first, -(-(a.size - first) // a.stride), shift, taps))
    before = max([0, *(-shift for _, _, shift, _ in found)])
    phases = [_Phase(f, n, (_Run(0, before + shift, taps),) if taps else ()) for f, n, shift, taps in found]
    return _Plan(a.outputs, 1, before, a.size, a.stride, _dense(a), tuple(phases))


class _Layout(NamedTuple):
    """The tables of the kernels, and how much room they need."""

    sizes: list[int]
    tables: list[list[int]]
    weights: int
    cells: int
    planes: int
    phase: int  # elements of the pixels of a phase, where they do not lie side by side in the result


def _layout(s: Geometry, rows: _Plan, columns: _Plan, sources: int, results: int, itemsize: int) -> _Layout:
    lead = -(-columns.before // _LANES) * _LANES if columns.stride == 1 else 0
    needed = columns.longest + columns.extra(1)
    if columns.stride == 1:
        needed = max(columns.size + columns.before, needed - columns.before)
    needed = max(needed, columns.longest)
    row = -(-needed // _LANES) * _LANES
    residues = columns.residues or [0]
    fitting = _PLANE_BYTES // (row * itemsize * len(residues) * sources * rows.stride)
    strip = max(_BLOCK_ROWS, min(fitting // _BLOCK_ROWS * _BLOCK_ROWS, rows.longest))
    images = s.images * s.groups
    while images * -(-rows.longest // strip) < _ENOUGH_CELLS and strip >= 4 * _BLOCK_ROWS:
        strip = -(-strip // (2 * _BLOCK_ROWS)) * _BLOCK_ROWS
    strips = -(-rows.longest // strip)
    extra = rows.extra(rows.stride)
    plane = lead + ((strip - 1) * rows.stride + extra + 1) * row

    dense = rows.dense if rows.stride == 1 else 1
    taps = s.rows.taps * s.columns.taps
    passes: list[int] = []
    order: list[int] = []
    offsets: list[int] = []
    for r in rows.phases:
        for c in columns.phases:
            below, beside = rows.reads(r), columns.reads(c)
            right = [residues.index(residue) * plane + at for _, residue, at in beside]
            passes += [r.first, c.first, r.pixels, c.pixels]
            at = lead - columns.before if columns.stride == 1 else 0
            if rows.stride == 1 and below:
                # The rows that taps read lie evenly: a row that is loaded serves several of them.
                pass_offsets, down = right, len(below)
                at += below[0][2] * row
            else:
                pass_offsets = [(t * rows.stride + residue) * row + o for _, residue, t in below for o in right]
                down = 1
            for m in range(sources):
                passes += [m * len(residues) * plane + at, down, len(pass_offsets), len(order), len(offsets)]
                order += [m * taps + u * s.columns.taps + v for u, _, _ in below for v, _, _ in beside]
            offsets += pass_offsets
    sizes = [s.groups, sources, results, taps, strips, strip, rows.size, columns.size]
    sizes += [rows.result_size, columns.result_size, rows.step, columns.step, rows.stride, rows.before]
    sizes += [columns.stride, columns.before, row, plane, lead, dense, extra, rows.longest, len(order)]
    sizes += [len(rows.phases) * len(columns.phases), len(columns.phases), len(residues), *residues]
    planes = sources * len(residues) * plane + _LANES
    phase = len(columns.phases) * strip * row if columns.step > 1 else 0
    return _Layout(sizes, [passes, order, offsets], len(order), images * strips, planes, phase)


def lower_correlation(
    lowering: Lowering,
    y: Operand,
    x: Operand,
    weight: Operand,
    bias: Operand | None,
    s: Geometry,
    *,
    transposed: bool,
    relu: bool = False,
) -> None:
    """The convolution or, ``transposed``, its gradient with respect to the images, plus a bias; then perhaps relu."""
    side = _backward_side if transposed else _forward_side
    down, across = side(s.rows), side(s.columns)
    if s.out_channels == 1 and _readable(down, across, y.dtype.itemsize):
        _lower_in_place(lowering, y, x, weight, bias, s, down, across, transposed=transposed, relu=relu)
        return
    plan = _backward if transposed else _forward
    sources, results = (s.out_channels, 1) if transposed else (1, s.out_channels)
    layout = _layout(s, plan(s.rows), plan(s.columns), sources, results, y.dtype.itemsize)
    taps = -(-layout.weights // _LANES) * _LANES
    scratch, stride = lowering.worker_scratch(layout.planes + taps + layout.phase, y.dtype)
    tables = [lowering.constant(table) for table in (layout.sizes, *layout.tables)]
    arguments: list[Argument | Operand] = [y, x, weight, bias, bias is not None, *tables, scratch, stride]
    arguments += [layout.planes, layout.planes + taps, Kernel("stencil", "correlate").address(y.dtype.name), int(relu)]
    work = _work(s, y)
    lowering.note(algorithm="depthwise", why="each channel has kernels of its own: nothing to multiply across channels")
    lowering.launch(Kernel("depthwise", "correlate"), y.dtype, arguments, cells=layout.cells, work=work)


class _Side(NamedTuple):
    """One axis of a correlation that reads its source in place: pixel p of the result reads p - before + u apart."""

    size: int
    taps: int
    stride: int
    before: int
    apart: int
    outputs: int


def _forward_side(a: Axis) -> _Side:
    return _Side(a.size, a.taps, a.stride, a.before, a.dilation, a.outputs)


def _backward_side(a: Axis) -> _Side:
    """Image pixel i got something from p = i + padding - u d; u counts from the last tap."""
    return _Side(a.outputs, a.taps, a.stride, (a.taps - 1) * a.dilation - a.before, a.dilation, a.size)


def _readable(rows: _Side, columns: _Side, itemsize: int) -> bool:
    """Whether the kernel that reads images in place is for these: only the vectors at an edge may reach beyond it."""
    if (rows.taps, columns.taps, rows.stride, columns.stride) != (3, 3, 1, 1):
        return False
    most, behind = lanes(itemsize), columns.outputs + 2 * columns.apart - columns.before - columns.size
    # The last vector may overlap the one before, which must not reach beyond the edge.
    return columns.outputs <= most or (columns.before <= most and behind <= (columns.outputs - 1) % most + 1)


def _lower_in_place(
    lowering: Lowering,
    y: Operand,
    x: Operand,
    weight: Operand,
    bias: Operand | None,
    s: Geometry,
    rows: _Side,
    columns: _Side,
    *,
    transposed: bool,
    relu: bool,
) -> None:
    images, strip = s.images * s.groups, rows.outputs
    while images * -(-rows.outputs // strip) < _ENOUGH_CELLS and strip >= 4 * _BLOCK_ROWS:
        strip = -(-strip // 2)
    strips = -(-rows.outputs // strip)
    sizes = [s.groups, rows.size, columns.size, rows.outputs, columns.outputs, rows.before, columns.before]
    sizes += [rows.apart, columns.apart, strips, strip]
    scratch, stride = lowering.worker_scratch(columns.size, y.dtype)
    arguments: list[Argument | Operand] = [y, x, weight, bias, bias is not None, lowering.constant(sizes)]
    arguments += [scratch, stride, int(relu), int(transposed)]
    lowering.note(algorithm="depthwise, images read in place", why="each channel has kernels of its own, of 3 x 3 taps")
    kernel = Kernel("depthwise_rows", "correlate")
    lowering.launch(kernel, y.dtype, arguments, cells=images * strips, work=_work(s, y))


def _work(s: Geometry, y: Operand) -> float:
    return (0.004 * s.multiplications + 0.05 * s.images * s.groups * s.rows.size * s.columns.size) * y.dtype.itemsize


def lower_weight_grad(lowering: Lowering, dweight: Operand, g: Operand, x: Operand, s: Geometry) -> None:
    """The gradient with respect to the weight."""
    rows, columns = _forward(s.rows), _forward(s.columns)
    layout = _layout(s, rows, columns, 1, s.out_channels, x.dtype.itemsize)
    pieces = s.images * layout.sizes[4]
    chunks = max(1, min(pieces, -(-_ENOUGH_CELLS // s.groups)))
    chunk = max(1, -(-pieces // chunks))
    chunks = max(1, -(-pieces // chunk))
    sums = lowering.scratch((chunks, *dweight.shape), dweight.dtype) if chunks > 1 else dweight
    scratch, stride = lowering.worker_scratch(layout.planes + s.out_channels * layout.weights * _LANES, x.dtype)
    tables = [lowering.constant(table) for table in (layout.sizes, *layout.tables)]
    arguments: list[Argument | Operand] = [sums, g, x, *tables, chunk, pieces, scratch, stride, layout.planes]
    kernel = Kernel("depthwise", "weight_grad")
    lowering.launch(kernel, x.dtype, arguments, cells=chunks * s.groups, work=_work(s, x))
    if chunks > 1:
        add_parts(lowering, dweight, sums, chunks)
