"""Convolution of stride 1 with 3 x 3 to 9 x 9 taps by Winograd's F(4 x 4, 3 x 3): when it pays, its launches.

Letters: C input and O output channels of the convolution that is computed (for the gradient to the images those of the
result and of the images), T tiles of 4 x 4 pixels of its result, L lanes of a vector; U the transformed weights. The
kernels are described in ``_kernels/winograd_tiles.py``. A kernel of more than 3 x 3 taps is cut into pieces of 3 x 3,
with zeros at its ends, which see the image 3 rows or columns further on: C channels for each piece.

Two ways to cut the work into cells:
- a strip of some tens of tiles, for all output channels: its transformed pixels stay in the second cache, and U is read
  from the third once for each strip;
- where there are too few tiles for that, or U is larger than the third cache: a block of output channels, for all tiles
  (or many of them). The pixels are transformed beforehand, the weights in the cell that needs them, so that U, four
  times as large as the weights, is never written to memory: half the time for 512 channels and images of 7 x 7.
All choices depend on shapes, dtype and the type of the processor only.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._kernels import Argument, Kernel
from .._kernels.machine import lanes, panel
from ..ops import Lowering, Operand, Shape

if TYPE_CHECKING:
    from ._conv_geometry import Geometry

_WEIGHTS, IMAGES, _MULTIPLY = (
    Kernel("winograd", "weights"),
    Kernel("winograd", "images"),
    Kernel("winograd", "multiply"),
)

_TILES, _LEAST_TILES = 48, 16  # of a strip; 24 to 96 cost the same within 5 %, 16 cost up to 10 % more
_MOST_TILES = 128  # of the tiles for which a block of output channels is computed
_ENOUGH_CELLS, _FEW_CELLS = 16, 8
_MOST_COLUMNS = 64  # of tiles, in one row of a strip
_MOST_TAPS = 9  # of a row or column of a kernel: three pieces
_PANEL_BYTES = 16 * 2**20  # of U; more is not read again and again
_CHUNK = 128  # input channels whose weights are transformed at a time: 1.2 MB; 64 and 256 cost up to 10 % more

# Cycles, measured on one core: of the transforms of a tile for L channels (pixels or result), of a transformed weight.
_TILE_CYCLES, _WEIGHT_CYCLES = 400.0, 11.0
_WORTH = 0.8  # of the time of the direct sum: it is more accurate
_SHARE, _DIRECT_SHARE = 0.85, 0.7  # of the multiply-adds that two units could do: products of blocks, direct sums


class Filtering(NamedTuple):
    """What the kernels compute: a convolution with ``top`` and ``left`` zeros before images of height x length."""

    images: int
    in_channels: int
    out_channels: int
    height: int
    length: int
    out_height: int
    out_length: int
    top: int
    left: int
    backwards: bool  # the weight is (C, O, U, V) and its taps are read backwards, else (O, C, U, V)
    taps: tuple[int, int] = (3, 3)

    @property
    def pieces_of_kernel(self) -> tuple[int, int]:
        """Of 3 x 3 taps, down and across."""
        return -(-self.taps[0] // 3), -(-self.taps[1] // 3)

    @property
    def depth(self) -> int:
        """Channels of V: those of the images for each piece of the kernel."""
        down, across = self.pieces_of_kernel
        return down * across * self.in_channels

    def groups(self, lanes: int) -> int:
        """Of so many channels of V."""
        down, across = self.pieces_of_kernel
        return down * across * -(-self.in_channels // lanes)

    @property
    def kernel(self) -> list[int]:
        """What the tables say of it."""
        down, across = self.pieces_of_kernel
        return [*self.taps, across, down * across, self.depth]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles of a result."""
        return -(-self.out_height // 4), -(-self.out_length // 4)

    @property
    def tiles(self) -> int:
        down, across = self.grid
        return self.images * down * across

    @property
    def pieces(self) -> tuple[int, int]:
        """How a row of tiles is cut: columns of a piece, and how many pieces."""
        across = self.grid[1]
        columns = -(-across // -(-across // _MOST_COLUMNS))
        return columns, -(-across // columns)

    def table(self, rows: int, columns: int, pieces: int) -> list[int]:
        """What kernels read first: sizes, and those of strips of so many rows and columns of tiles."""
        down, across = self.grid
        sizes = [self.in_channels, self.out_channels, self.height, self.length, self.out_height, self.out_length]
        return [*sizes, self.top, self.left, down, across, rows, columns, pieces, self.images * down]


def pays(s: Filtering, dtype: np.dtype[np.generic], *, prepared: bool = False) -> bool:
    """Whether the transforms cost less than the multiplications they save.

    The direct sum of 3 x 3 taps takes 9 C O multiply-adds for each pixel of the result, and for two more in each row,
    which it leaves out afterwards. Here they are 36 C O for each tile, which has 16 pixels, fewer of them inside the
    result where its size is no multiple of 4 (7 x 7: 49 of 64); to these come the transforms: of the tiles,
    proportional to C + O, and of the weights, proportional to C O, unless they are ``prepared``. So it pays from about
    16 channels on, and for very few tiles not at all: one image of 4 x 4 has one, for which transforming the weights
    costs more than all multiplications of the direct sum. In 24 layers tried, the estimated share of the direct sum's
    time, 0.3 to 0.9, was within 0.25 of what was measured. float64 is summed directly: who asks for it wants its
    accuracy.
    """
    if dtype != np.float32 or not possible(s, dtype):
        return False
    step = 2 * lanes(dtype.itemsize)  # multiply-adds in a cycle
    pairs, taps = s.depth * s.out_channels, s.taps[0] * s.taps[1]
    pixels = s.images * s.out_height * (s.out_length + s.taps[1] - 1)
    direct = taps * pixels * s.in_channels * s.out_channels / (step * _DIRECT_SHARE)
    groups = s.groups(lanes(dtype.itemsize)) + -(-s.out_channels // lanes(dtype.itemsize))
    weights = 0.0 if prepared else _WEIGHT_CYCLES * 16 / lanes(dtype.itemsize) * pairs
    return 36 * s.tiles * pairs / (step * _SHARE) + _TILE_CYCLES * s.tiles * groups + weights < _WORTH * direct


def possible(s: Filtering, dtype: np.dtype[np.generic]) -> bool:
    """Whether the kernels can do it at all: they read whole vectors of input channels."""
    return s.in_channels >= lanes(dtype.itemsize)


def suits_kernel(rows: int, columns: int) -> bool:
    """Whether a kernel of so many taps is cut into pieces."""
    return all(3 <= taps <= _MOST_TAPS for taps in (rows, columns))


def suits(s: "Geometry") -> bool:
    """Whether a convolution is of the kind, and its caller content with the accuracy."""
    plain = all((a.stride, a.dilation) == (1, 1) for a in (s.rows, s.columns))
    return s.groups == 1 and s.precision != "strict" and plain and suits_kernel(s.rows.taps, s.columns.taps)


def reason(s: Filtering) -> str:
    """Why it is done, with the share of the multiplications that are left."""
    down, across = s.pieces_of_kernel
    share = 36 * down * across / (16 * s.taps[0] * s.taps[1])
    return f"{share:.0%} of the multiplications: what that saves is more than the transforms cost"


def filtering(
    s: "Geometry", dtype: np.dtype[np.generic], *, backwards: bool = False, prepared: bool = False
) -> Filtering | None:
    """The convolution, or its gradient to the images, as Winograd's filtering; None where it is summed directly."""
    if not suits(s):
        return None
    h, w, inner, outer = s.rows, s.columns, s.in_channels, s.out_channels
    taps = h.taps, w.taps
    found = Filtering(s.images, inner, outer, h.size, w.size, h.outputs, w.outputs, h.before, w.before, False, taps)
    if backwards:  # in opposite order the taps reach from pixel i to i - U + 1 ... i of the result, padded
        before = h.taps - 1 - h.before, w.taps - 1 - w.before
        found = Filtering(s.images, outer, inner, h.outputs, w.outputs, h.size, w.size, *before, True, taps)
    if s.precision == "winograd":
        return found if possible(found, dtype) else None
    return found if pays(found, dtype, prepared=prepared) else None


class _Cut(NamedTuple):
    """How the work is cut into cells."""

    rows: int  # of tiles, of a strip
    columns: int
    pieces: int  # of a row of tiles
    strips: int
    block: int  # output channels
    whole: bool  # a cell is a strip for all output channels; else for one block, whose weights it transforms

    @property
    def tiles(self) -> int:
        """Most tiles of a strip."""
        return self.rows * self.columns


def _cut(s: Filtering, itemsize: int) -> _Cut:
    (columns, pieces), rows = s.pieces, s.images * s.grid[0]
    block = panel(itemsize)
    most = max(1, _TILES // columns)
    while most > 1 and -(-rows // most) * pieces < _ENOUGH_CELLS and (most - 1) * columns >= _LEAST_TILES:
        most -= 1
    strips = -(-rows // most) * pieces
    if strips >= _FEW_CELLS and 36 * s.depth * s.out_channels * itemsize <= _PANEL_BYTES:
        return _Cut(most, columns, pieces, strips, block, True)
    strips_down = -(-rows // max(1, _MOST_TILES // columns))
    most = -(-rows // strips_down)
    strips = -(-rows // most) * pieces
    if strips * -(-s.out_channels // block) < _FEW_CELLS:
        block //= 2
    return _Cut(most, columns, pieces, strips, block, False)


def shares_panels(s: Filtering, dtype: np.dtype[np.generic]) -> bool:
    """Whether all cells read one U. Where each transforms its own block of weights it is no gain to have U beforehand,
    if other layers' weights drive it out of the cache: 256 channels and 16 images of 7 x 7 took 9 % longer with it."""
    return _cut(s, dtype.itemsize).whole


def odd(count: int, step: int) -> int:
    """At least ``count``, in an odd number of steps.

    From frequency to frequency an odd number of vectors: a power of two would put all 36 into one set of the cache.
    """
    return (-(-count // step) | 1) * step


def _panel_pitch(in_channels: int, out_channels: int, itemsize: int) -> int:
    """Elements of U from frequency to frequency."""
    return odd(-(-out_channels // panel(itemsize)) * panel(itemsize) * in_channels, lanes(itemsize))


def panels_shape(s: Filtering, dtype: np.dtype[np.generic]) -> Shape:
    """Of an array with U for a convolution."""
    return (36 * _panel_pitch(s.depth, s.out_channels, dtype.itemsize),)


def _steps(s: Filtering) -> tuple[int, int]:
    """Elements of the weight from output channel to output channel, and from input channel to input channel."""
    taps = s.taps[0] * s.taps[1]
    return (taps, taps * s.out_channels) if s.backwards else (taps * s.in_channels, taps)


def _sizes(s: Filtering, cut: _Cut, pitch_u: int, itemsize: int) -> tuple[list[int], int]:
    """The table that the kernels read, and elements of a worker's scratch."""
    n = lanes(itemsize)
    pitch_v, pitch_m = odd(cut.tiles * s.depth, n), odd(cut.tiles * cut.block, n)
    strip = (4 * cut.rows + 2) * min(s.length, 4 * cut.columns + 2) * n
    between = 6 * (4 * cut.columns + 2) * n
    pixels = 16 * cut.tiles * n
    parts = [strip, between, 36 * pitch_v if cut.whole else 0, 36 * pitch_m, pixels, 0 if cut.whole else 36 * pitch_u]
    starts = [sum(parts[: i + 1]) for i in range(len(parts))]
    table = [*s.table(cut.rows, cut.columns, cut.pieces), pitch_v, pitch_u, pitch_m]
    table += [*_steps(s), int(s.backwards), cut.block, *starts[:5], s.depth, *s.kernel]
    return table, starts[5]


def lower_panels(lowering: Lowering, u: Operand, weight: Operand, s: Filtering) -> None:
    """U, of the shape ``panels_shape``, from the weight."""
    n, dtype = lanes(weight.dtype.itemsize), weight.dtype
    pitch, channels = _panel_pitch(s.depth, s.out_channels, dtype.itemsize), [s.in_channels, s.out_channels]
    sizes = lowering.constant([*channels, *[0] * 15, *_steps(s), int(s.backwards), *[0] * 7, *s.kernel])
    arguments: list[Argument | Operand] = [u, weight, sizes, panel(dtype.itemsize), pitch, 0, 0, s.depth]
    cells = -(-s.out_channels // n) * -(-s.depth // 16)
    lowering.launch(_WEIGHTS, dtype, arguments, cells=cells, work=3.0 * s.depth * s.out_channels)


def lower(
    lowering: Lowering,
    y: Operand,
    x: Operand,
    weight: Operand,
    bias: Operand | None,
    s: Filtering,
    panels: Operand | None = None,
    *,
    relu: bool = False,
) -> None:
    """y = s(x * weight + bias), s relu or nothing; x and y are NCHW. ``panels``: U if it is there already."""
    if y.size == 0:
        return
    lowering.note(
        algorithm="Winograd's F(4 x 4, 3 x 3)",
        why=reason(s),
        operations=2.0 * 36 * s.tiles * s.depth * s.out_channels,
        alternatives=('the sum over the taps, with fd.precision("strict")',),
    )
    dtype, name = y.dtype, y.dtype.name
    cut = _cut(s, dtype.itemsize)
    inside = panels is None and not cut.whole  # the weights are transformed in the cells
    chunk = s.depth if cut.whole else min(s.depth, _CHUNK)
    pitch_u = _panel_pitch(s.depth, s.out_channels, dtype.itemsize)
    if inside:
        pitch_u = odd(chunk * panel(dtype.itemsize), lanes(dtype.itemsize))
    elif panels is None:
        panels = lowering.scratch(panels_shape(s, dtype), dtype)
        lower_panels(lowering, panels, weight, s)
    sizes, count = _sizes(s, cut, pitch_u, dtype.itemsize)
    table = lowering.constant(sizes)
    scratch, stride = lowering.worker_scratch(count, dtype)
    step = 36 * sizes[14]
    v, blocks = None, 1
    if not cut.whole:
        v = lowering.scratch((cut.strips * step,), dtype)
        blocks = -(-s.out_channels // cut.block)
        parts = min(s.groups(lanes(dtype.itemsize)), -(-_ENOUGH_CELLS // cut.strips))
        slots: list[Argument | Operand] = [v, x, table, scratch, stride, parts, step, 0]
        lowering.launch(IMAGES, dtype, slots, cells=cut.strips * parts, work=0.7 * x.size)
    arguments: list[Argument | Operand] = [y, x, panels, bias, bias is not None, weight, table, scratch, stride]
    arguments += [panel(dtype.itemsize), blocks]
    arguments += [IMAGES.address(name) if cut.whole else 0, v, step, _WEIGHTS.address(name) if inside else 0, chunk]
    arguments.append(int(relu))
    work = 36 * s.tiles * s.depth * s.out_channels * dtype.itemsize / 400 + y.size
    lowering.launch(_MULTIPLY, dtype, arguments, cells=cut.strips * blocks, work=work)
