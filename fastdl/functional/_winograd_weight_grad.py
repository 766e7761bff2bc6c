"""The gradient to kernels of 3 x 3 to 9 x 9 taps by Winograd's F(3 x 3, 4 x 4): when it pays, its launches.

Letters: C channels of the images, O of the result; V the transformed tiles of the images, Z those of the gradient, M
the sums of their products. ``_kernels/winograd_gradient.py`` has the formula.
Larger kernels than 3 x 3 are cut into pieces as in ``_winograd.py``.

Two ways to cut the work into cells:
- a chunk of the tiles, for all channels: V and Z of a strip of some tens of tiles are made in the cell and stay in its
  caches, M does anyway, and the chunks are added up;
- where there are too few tiles for that, or M is too large: a block of O and of C, for all tiles. V and Z are made
  beforehand, 2.25 times as large as what they are made of, and pass through the third cache; where they would be
  larger than that, some strips at a time.
All choices depend on shapes, dtype and the type of the processor only.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._kernels import Argument, Kernel
from .._kernels.machine import lanes, most_vectors
from ..ops import Lowering, Operand
from ._conv_geometry import Geometry
from ._lowering import add_parts, round_up
from ._winograd import IMAGES, Filtering, odd, reason, suits

_GRADIENTS, _WEIGHT_GRAD = Kernel("winograd_gradient", "gradients"), Kernel("winograd_gradient", "weight_grad")
_WHERE_WRONG = Kernel("winograd_gradient", "where_wrong")

# Tiles of a strip, at most: the terms of a product. V and Z of 32 channels each, with M, are 650 KB for 56 tiles; where
# the second cache is one of 512 KB, as processors with 16 registers have, 112 took up to a quarter longer, of the
# others half as many 5 % and twice as many 5 to 10 %.
_TILES, _NARROW_TILES = 112, 56
_CHUNKS, _FEW_CHUNKS = 16, 4
_LEAST_TILES = 48  # of a chunk: with fewer of them, G' M G and adding up the chunks cost more than a tenth
_SUM_BYTES = 2400 * 1024  # of M, where a cell has all channels: 128 x 128 were a fifth faster so, 256 x 256 were not
_BLOCK = 64  # channels of a block; 64 x 64 were up to a tenth faster than 64 x 32
_FEW_CELLS = 8
_AT_ONCE_BYTES = 16 * 2**20  # of V and Z

# Cycles, measured on one core: of the transform of a tile for L channels, of G' M G for L channels.
_TILE_CYCLES, _TAPS_CYCLES = 260.0, 150.0
_WORTH = 0.7  # of the time of the direct sum: it is more accurate
_ENDS = 3  # terms that take as long as the start and the end of a sum
_SHARE, _DIRECT_SHARE = 0.85, 0.7  # of the multiply-adds that two units could do


def pays(s: Filtering, dtype: np.dtype[np.generic]) -> bool:
    """Whether the transforms cost less than the multiplications they save.

    These are 36 C O for a tile, which has up to 16 pixels of the result, instead of 9 C O for each pixel. float64 is
    summed directly: who asks for it wants its accuracy.
    """
    if dtype != np.float32 or not possible(s, dtype):
        return False
    step, pairs, n = 2 * lanes(dtype.itemsize), s.depth * s.out_channels, lanes(dtype.itemsize)
    each = s.taps[0] * s.taps[1] * s.in_channels * s.out_channels  # multiply-adds of a pixel
    direct = s.images * s.out_height * s.out_length * each / (step * _DIRECT_SHARE)
    groups = s.groups(n) + -(-s.out_channels // n)
    cut = _cut(s, dtype.itemsize)
    taps = _TAPS_CYCLES * cut.chunks * pairs / n
    products = 36 * (s.tiles + _ENDS * cut.strips) * pairs / (step * _SHARE)
    return products + _TILE_CYCLES * s.tiles * groups + taps < _WORTH * direct


def possible(s: Filtering, dtype: np.dtype[np.generic]) -> bool:
    """Whether the kernels can do it at all: they read whole vectors of channels."""
    return min(s.in_channels, s.out_channels) >= lanes(dtype.itemsize)


def filtering(s: Geometry, dtype: np.dtype[np.generic]) -> Filtering | None:
    """The convolution whose gradient to the kernels is taken; None where that is summed directly."""
    if not suits(s):
        return None
    h, w = s.rows, s.columns
    sizes = (s.images, s.in_channels, s.out_channels, h.size, w.size, h.outputs, w.outputs, h.before, w.before)
    found = Filtering(*sizes, backwards=False, taps=(h.taps, w.taps))
    if s.precision == "winograd":
        return found if possible(found, dtype) else None
    return found if pays(found, dtype) else None


class _Cut(NamedTuple):
    """How the work is cut into cells."""

    rows: int  # of tiles, of a strip
    columns: int
    pieces: int  # of a row of tiles
    strips: int
    chunk: int  # strips of a chunk
    out_block: int
    in_block: int
    whole: bool  # a cell is a chunk of the tiles, for all channels

    @property
    def tiles(self) -> int:
        """Most tiles of a strip."""
        return self.rows * self.columns

    @property
    def chunks(self) -> int:
        return -(-self.strips // self.chunk)


def _cut(s: Filtering, itemsize: int) -> _Cut:
    n = lanes(itemsize)
    (columns, pieces), rows = s.pieces, s.images * s.grid[0]
    chunks = _CHUNKS
    least = _LEAST_TILES if s.taps == (3, 3) else 2 * _LEAST_TILES  # taps of pieces find their places one by one
    while chunks >= _FEW_CHUNKS and (rows < chunks or s.tiles < chunks * least):
        chunks //= 2
    whole = chunks >= _FEW_CHUNKS and 36 * s.depth * s.out_channels * itemsize <= _SUM_BYTES
    chunk_rows = -(-rows // chunks) if whole else rows
    tiles = _TILES if most_vectors() > 2 else _NARROW_TILES
    strips_down = -(-chunk_rows // max(1, tiles // columns))
    strip_rows = -(-chunk_rows // strips_down)
    strips = -(-rows // strip_rows) * pieces
    if whole:
        blocks = round_up(s.out_channels, n), round_up(s.depth, n)
        return _Cut(strip_rows, columns, pieces, strips, strips_down * pieces, *blocks, True)
    out_block, in_block = _block(s.out_channels, _BLOCK, n), _block(s.depth, _BLOCK, n)
    while -(-s.out_channels // out_block) * -(-s.depth // in_block) < _FEW_CELLS:
        if max(out_block, in_block) < 4 * n:
            break
        if out_block >= in_block:
            out_block = _block(s.out_channels, out_block // 2, n)
        else:
            in_block = _block(s.depth, in_block // 2, n)
    return _Cut(strip_rows, columns, pieces, strips, strips, out_block, in_block, False)


def _block(channels: int, most: int, step: int) -> int:
    """Channels of a block: blocks are of nearly equal size."""
    return round_up(-(-channels // -(-channels // most)), step)


def _between_tiles(channels: int, itemsize: int) -> int:
    """Elements from tile to tile. A multiple of 512 bytes would put the terms of a product into few sets of a cache."""
    return channels + 64 // itemsize if channels * itemsize % 512 == 0 else channels


def _sizes(s: Filtering, cut: _Cut, itemsize: int) -> tuple[list[int], int]:
    """The table that the kernels read, and elements of a worker's scratch."""
    n = lanes(itemsize)
    step_v, step_z = _between_tiles(s.depth, itemsize), _between_tiles(s.out_channels, itemsize)
    behind = -s.depth % n  # what products read behind the last tile's channels
    pitches = odd(cut.tiles * step_v + behind, n), odd(cut.tiles * step_z, n), odd(cut.out_block * cut.in_block, n)
    strip = (4 * cut.rows + 2) * (4 * cut.columns + 2) * n
    between = 6 * (4 * cut.columns + 2) * n
    squares = (18 + max(9, n)) * n
    own_v, own_z = (36 * pitch if cut.whole else 0 for pitch in pitches[:2])
    parts = [strip, between, own_v, 36 * pitches[2], own_z, squares]
    starts = [sum(parts[: i + 1]) for i in range(len(parts))]
    table = [*s.table(cut.rows, cut.columns, cut.pieces), *pitches, 0, step_z]
    table += [cut.out_block, cut.in_block, *starts[:5], step_v, *s.kernel]
    return table, starts[5]


def lower(lowering: Lowering, dweight: Operand, g: Operand, x: Operand, s: Filtering) -> Lowering:
    """dW from g and x, both NCHW. Returns what the direct sum shall be lowered to: it runs only where dW is not finite,
    because a transform makes many numbers of one infinity, and may overflow where the sum does not."""
    lowering.note(
        algorithm="Winograd's F(3 x 3, 4 x 4)",
        why=reason(s),
        operations=2.0 * 36 * s.tiles * s.depth * s.out_channels,
        alternatives=('the sum over the pixels, with fd.precision("strict")',),
    )
    dtype, name = x.dtype, x.dtype.name
    n, cut = lanes(dtype.itemsize), _cut(s, dtype.itemsize)
    sizes, count = _sizes(s, cut, dtype.itemsize)
    table = lowering.constant(sizes)
    scratch, stride = lowering.worker_scratch(count, dtype)
    cells = cut.chunks * -(-s.out_channels // cut.out_block) * -(-s.depth // cut.in_block)
    wrong = lowering.scratch((cells,), dtype)
    work = 36 * s.tiles * s.depth * s.out_channels * dtype.itemsize / 400 + x.size + g.size
    sums = lowering.scratch((cut.chunks, *dweight.shape), dtype) if cut.chunks > 1 else dweight
    arguments: list[Argument | Operand] = [sums, x, g, table, scratch, stride]
    if cut.whole:
        places = [cut.strips, cut.chunk, None, None, 0, 0, IMAGES.address(name), _GRADIENTS.address(name), wrong]
        lowering.launch(_WEIGHT_GRAD, dtype, [*arguments, *places, 0, None, 1], cells=cells, work=work)
        add_parts(lowering, dweight, sums, cut.chunks)
        return _WhereWrong(lowering, wrong)
    step_v, step_z, step_m = (36 * pitch for pitch in sizes[14:17])
    strips = _strips_at_once(cut.strips, (step_v + step_z) * dtype.itemsize, cells * step_m * dtype.itemsize)
    v, z = (lowering.scratch((strips * step,), dtype) for step in (step_v, step_z))
    m = lowering.scratch((cells * step_m,), dtype) if strips < cut.strips else None
    for first in range(0, cut.strips, strips):
        count = min(strips, cut.strips - first)
        share = count / cut.strips
        out_groups = -(-s.out_channels // n)
        kinds = (IMAGES, v, x, step_v, s.groups(n)), (_GRADIENTS, z, g, step_z, out_groups)
        for kernel, target, source, step, groups in kinds:
            parts = min(groups, -(-_CHUNKS // count))
            slots: list[Argument | Operand] = [target, source, table, scratch, stride, parts, step, first]
            lowering.launch(kernel, dtype, slots, cells=count * parts, work=0.7 * source.size * share)
        places = [first + count, count, v, z, step_v, step_z, 0, 0, wrong, first, m, int(first + count == cut.strips)]
        lowering.launch(_WEIGHT_GRAD, dtype, [*arguments, *places], cells=cells, work=work * share)
    return _WhereWrong(lowering, wrong)


def _strips_at_once(strips: int, strip_bytes: int, sum_bytes: int) -> int:
    """For how many strips V and Z are made before they are multiplied: fewer than all where they would be larger than
    the third cache and than M, which is then kept in memory, too."""
    most = max(_AT_ONCE_BYTES, sum_bytes)
    if strips * strip_bytes <= most + sum_bytes:
        return strips
    rounds = -(-strips * strip_bytes // most)
    return -(-strips // rounds)


class _WhereWrong(Lowering):
    """Launches that run only if one of the numbers ``wrong`` is not finite; on one thread, as nobody waits for them."""

    def __init__(self, lowering: Lowering, wrong: Operand) -> None:
        super().__init__(lowering._builder, lowering._failures)
        self._lowering, self._wrong = lowering, wrong

    def launch(
        self,
        kernel: Kernel,
        dtypes: np.dtype[Any] | Sequence[np.dtype[Any]],
        arguments: Iterable[Argument | Operand],
        *,
        cells: int,
        work: float,
        elementwise: int = 0,
        written: int = 1,
    ) -> None:
        assert isinstance(dtypes, np.dtype)
        slots = [self._wrong, self._wrong.size, kernel.address(dtypes.name), *arguments]
        self._lowering.launch(_WHERE_WRONG, dtypes, slots, cells=cells, work=0.0)
