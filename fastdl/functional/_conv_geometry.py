"""The geometry of a convolution, one object for the forward and both backwards, and how images are cut into planes.

Letters: N images, C channels, H W space, G groups; along one axis: tap u of the kernel, stride s, dilation d, pixel i
of the image and p of the result, with i = p s + u d - padding. What a plane is: ``_kernels/conv.py``.
"""

from typing import NamedTuple

from .._kernels.machine import panel
from ..ops import Operand
from ._lowering import round_up

_LINE = 64  # bytes of a line of the cache


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
    precision: str = "strict"

    @property
    def multiplications(self) -> int:
        """How many the convolution and either of its gradients take."""
        taps = self.rows.taps * self.columns.taps
        pixels = self.images * self.rows.outputs * self.columns.outputs
        return pixels * taps * self.groups * self.in_channels * self.out_channels


class Tap(NamedTuple):
    tap: int
    phase: int  # index of the phase of the source in which it reads
    shift: int  # plane position that it reads for result position 0


class Phase(NamedTuple):
    """Every step-th pixel of the result from ``first`` on, and the taps that contribute to them."""

    first: int
    pixels: int
    taps: tuple[Tap, ...]


class Plan(NamedTuple):
    """One axis of a correlation: how the source is cut into planes, and the phases of the result."""

    size: int
    stride: int
    before: int
    source_phases: tuple[int, ...]
    result_size: int
    step: int
    phases: tuple[Phase, ...]

    @property
    def extra(self) -> int:
        """Plane positions needed beyond those of the result."""
        return max((t.shift for phase in self.phases for t in phase.taps), default=0)

    @property
    def shared(self) -> int:
        """Zeros at the end of each row of planes that may as well be those at the start of the next."""
        length, found = self.longest + self.extra, []
        for phase in self.source_phases:
            before = phase - self.before
            start = max(0, -(before // self.stride))
            found += [start, length - max(start, min(length, (self.size - 1 - before) // self.stride + 1))]
        return min(self.extra, *found)

    @property
    def longest(self) -> int:
        return max(phase.pixels for phase in self.phases)


def apart(plan: Plan) -> Plan:
    """The plan with a phase for each tap, whose planes are as long as the result: rows follow each other without a gap.

    Such phases overlap, a pixel is copied once for each tap.
    """
    (phase,) = plan.phases
    places = [plan.source_phases[t.phase] + t.shift * plan.stride for t in phase.taps]
    used = tuple(sorted(set(places)))
    taps = tuple(Tap(t.tap, used.index(place), 0) for t, place in zip(phase.taps, places, strict=True))
    return plan._replace(source_phases=used, phases=(phase._replace(taps=taps),))


def forward(a: Axis) -> Plan:
    """Result p reads i + padding = p s + u d: position p + u d // s of the phase u d % s of the padded image."""
    used = tuple(sorted({u * a.dilation % a.stride for u in range(a.taps)}))
    taps = [Tap(u, used.index(u * a.dilation % a.stride), u * a.dilation // a.stride) for u in range(a.taps)]
    return Plan(a.size, a.stride, a.before, used, a.outputs, 1, (Phase(0, a.outputs, tuple(taps)),))


def backward(a: Axis) -> Plan:
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
    phases = [Phase(f, n, tuple(Tap(u, 0, before + shift) for u, shift in shifts)) for f, n, shifts in found]
    return Plan(a.outputs, 1, before, (0,), a.size, a.stride, tuple(phases))


class Planes(NamedTuple):
    """Where the pixels of a strip lie: the planes of a channel follow each other, a plane for each pair of phases."""

    rows: int
    columns: int
    size: int  # elements of a plane
    phases_h: int
    phases_w: int
    channel: int  # from channel to channel
    slack: int  # behind the last plane: vectors may reach that far

    def offset(self, row: Tap, column: Tap) -> int:
        """Where the pixels below a tap start."""
        plane = row.phase * self.phases_w + column.phase
        return plane * self.size + row.shift * self.columns + column.shift

    def table(self, rows: Plan, columns: Plan, itemsize: int) -> list[int]:
        """What ``fill_planes`` reads."""
        shape = [rows.size, columns.size, self.size, self.columns, rows.stride, columns.stride]
        shape += [rows.before, columns.before, self.phases_h, self.phases_w, self.channel, itemsize]
        return [*shape, *rows.source_phases, *columns.source_phases]


def planes_of(rows: Plan, columns: Plan, plane_rows: int, plane_columns: int, itemsize: int) -> Planes:
    """Planes of so many rows and columns whose channels do not fall on the same places of a cache."""
    phases_h, phases_w, line = len(rows.source_phases), len(columns.source_phases), _LINE // itemsize
    # Where rows share zeros, those of the last one follow it.
    size = round_up(plane_rows * plane_columns + columns.shared, line)
    channel = phases_h * phases_w * size
    if channel // line % 2 == 0:
        channel += line
    return Planes(plane_rows, plane_columns, size, phases_h, phases_w, channel, panel(itemsize) + columns.extra)


def is_plane(axis: Plan) -> bool:
    """Whether the pixels of an image lie as they must in a plane: no stride, and no zeros around them."""
    return axis.stride == 1 and axis.step == 1 and axis.before == 0 and axis.longest + axis.extra == axis.size


def in_place(rows: Plan, columns: Plan) -> Planes:
    """The planes that an image is itself."""
    pixels = rows.size * columns.size
    return Planes(rows.size, columns.size, pixels, 1, 1, pixels, 0)


def work_of(geometry: Geometry, y: Operand) -> float:
    """About the nanoseconds that a convolution or one of its gradients takes."""
    return geometry.multiplications * y.dtype.itemsize / 400 + y.size
