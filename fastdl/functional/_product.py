"""How a matrix product y = s(a b + bias) lowers to launches: which kernels, how they cut it.

Letters: M rows and N columns of y, K the length of the sums. All choices depend on shapes, dtype and the processor's
vectors only, and stand here:

========================  ====================================  ================================================
when                      kernel                                why
========================  ====================================  ================================================
M N K <= 512, one matrix  ``matmul.small``, one cell            a call takes tens of nanoseconds
M <= 8, b transposed      ``tiles.few_rows``                    b is read once, in place, at memory speed
M <= 4, b as it is        ``tiles.along_rows``                  the same, along the rows of b
else                      ``tiles.tiles`` of ``product.block``  at the limit of the arithmetic
========================  ====================================  ================================================

``tiles``: b is packed once for all (``tiles.pack``) where several tiles share it, panel by panel in the tile that
needs it where M is one tile high, and read in place where few rows look at it (256, with narrow vectors 64 or fewer;
24 if the rows of b lie a large power of two apart). Rows of a are read in place, too, but for a transposed a that many
panels look at: it is turned. (Rows that lie a large power of two apart, and so in the same sets of the caches, do not
suffer: few are read at a time. To copy them cost 5 to 10 %.) Tiles are of nearly equal size, an even number if that
can be, and counted along the longer side of y: two threads get equal shares, and read as little as can be of what they
share. Sums of 2048 terms and more are cut into parts of at least 1024, whose sums are added up in order, where there
are few tiles, and before their columns are where they are many times as long as these: cells that are long rather than
narrow pack less for each multiplication.
"""

import math
from typing import NamedTuple

from .._kernels import Argument, Kernel
from .._kernels.machine import lanes, panel
from ..ops import Lowering, Operand, Shape
from ._activations import lower_activation
from ._lowering import add_parts, broadcast_shape, collapse, round_up, strides_in

FUSED = ("identity", "relu", "tanh", "sigmoid")  # activations of the kernel ``small``, in the order of its codes
_SMALL, _TRANSPOSE = Kernel("matmul", "small"), Kernel("matmul", "transpose")
_TILES, _PACK, _BLOCK = Kernel("tiles", "tiles"), Kernel("tiles", "pack"), Kernel("product", "block")
_FEW_ROWS, _ALONG_ROWS = Kernel("tiles", "few_rows"), Kernel("tiles", "along_rows")

_SMALL_TERMS = 512  # products of at most so many terms take the kernel without preparations
_WIDE_BYTES = 16 * 1024  # of a row of b that ``along_rows`` reads on end: narrower pieces halve the memory's speed
_ALONG_TERMS = 64  # the least terms of a part of its sums
_ENOUGH_CELLS = 16  # of what waits for memory
_ENOUGH_TILES = 8  # tiles are cut smaller until there are so many of them: first across, then,
_FEW_TILES = 4  # while there are fewer than that, down, which may need a b that is packed beforehand
_PIECE_BYTES = 2048  # of a column of a panel, or a row of a: a panel of 64 columns takes 128 kB, 6 rows of a 12 kB
_TILE_ROWS, _TILE_COLUMNS = 128, 512
_COPIED_FOR_PANELS = 2  # more panels than that gain what it costs to turn a transposed a
_FEW_ROWS_MOST, _ALONG_MOST = 8, 4
_PART_TERMS = 1024  # the least terms of a part of the sums
_LONG_SUMS = 4  # times as many terms as a tile has columns are cut before the columns are
_IN_PLACE_PANELS = 4  # b is read in place by as many rows at most as so many panels of float32 have columns: packing
# would cost more than it gains. That are 256 rows with AVX-512, 64 with AVX2, whose narrow panels make short pieces.
_IN_PLACE_ROWS_ALIASED, _ALIASED_BYTES = 24, 2048  # or so many, if its rows lie a multiple of that apart


class Factors(NamedTuple):
    """The two factors: matrices of the stacks ``stack_a`` and ``stack_b``, each perhaps stored transposed."""

    a: Operand
    b: Operand
    rows: int
    columns: int
    depth: int
    stack_a: Shape
    stack_b: Shape
    transpose_a: bool
    transpose_b: bool

    @property
    def strides(self) -> tuple[int, int, int, int]:
        """Of a (row, term) and of b (term, column), in elements."""
        a = (1, self.rows) if self.transpose_a else (self.depth, 1)
        return (*a, *((1, self.depth) if self.transpose_b else (self.columns, 1)))


def transpose(
    lowering: Lowering, x: Operand, matrices: int, rows: int, columns: int, y: Operand | None = None
) -> Operand:
    """Launch the transposition of each of the matrices (rows, columns) in x; into scratch if not into ``y``."""
    y = y or lowering.scratch((matrices, columns, rows), x.dtype)
    blocks = -(-rows // 32)
    lowering.launch(_TRANSPOSE, x.dtype, [y, x, rows, columns, blocks], cells=matrices * blocks, work=0.2 * x.size)
    return y


def lower_product(
    lowering: Lowering,
    y: Operand,
    f: Factors,
    bias: Operand | None,
    activation: str,
    packed: Operand | None = None,
) -> None:
    """Issue the launches of y = s(a b + bias); ``packed`` is b as :func:`lower_pack` made it, if that is at hand."""
    code = FUSED.index(activation)
    if y.size == 0:
        return
    stack = broadcast_shape("matmul", f.stack_a, f.stack_b)
    matrices = math.prod(stack)
    if matrices == 1 and _is_small(f.rows, f.columns, f.depth):
        arguments: list[Argument | Operand] = [y, f.a, f.b, bias, bias is not None, f.rows, f.columns, f.depth]
        work = 0.2 * f.rows * f.columns * f.depth
        lowering.note(algorithm="three loops", why=f"at most {_SMALL_TERMS} products need no preparation")
        lowering.launch(_SMALL, y.dtype, [*arguments, *f.strides, code], cells=1, work=work)
        return
    relu = activation == "relu"
    if matrices == 1 and f.rows <= _FEW_ROWS_MOST and f.transpose_b and not f.transpose_a:
        _few_rows(lowering, y, f, bias, relu)
    elif f.depth == 0 or (f.rows <= _ALONG_MOST and not f.transpose_b):
        _along_rows(lowering, y, f, stack, bias, relu)
    else:
        _tiles(lowering, y, f, stack, bias, relu, packed)
    if code and not relu:
        lower_activation(lowering, activation, y, (y,), {})


def _is_small(rows: int, columns: int, depth: int) -> bool:
    return round_up(rows, 4) * round_up(columns, 2) * depth <= _SMALL_TERMS


def takes_tiles(rows: int, columns: int, depth: int) -> bool:
    """Whether the product of one matrix with a transposed one runs in tiles, which read the latter packed."""
    return rows > _FEW_ROWS_MOST and columns * depth > 0 and not _is_small(rows, columns, depth)


def _work(f: Factors, matrices: int) -> float:
    """Nanoseconds of one core: of the arithmetic at about 200 GFLOP/s in float32, or of the memory at 50 GB/s."""
    itemsize = f.b.dtype.itemsize
    arithmetic = matrices * f.rows * f.columns * f.depth * itemsize / 400
    return max(arithmetic, 0.02 * itemsize * (f.a.size + f.b.size + matrices * f.rows * f.columns))


def _few_rows(lowering: Lowering, y: Operand, f: Factors, bias: Operand | None, relu: bool) -> None:
    arguments = [y, f.a, f.b, bias, int(relu), f.rows, f.columns, f.depth, f.depth, f.depth]
    lowering.note(algorithm="b read once, four columns at a time", why=f"{f.rows} rows: the memory of b is the limit")
    lowering.launch(_FEW_ROWS, y.dtype, arguments, cells=-(-f.columns // 4), work=_work(f, 1))


def _stack_tables(lowering: Lowering, f: Factors, stack: Shape, size_b: int) -> list[Argument]:
    """The outer axes as the kernels count through them: how many, their shape, strides of a and b along them."""
    shape, steps = collapse(stack, [strides_in(f.stack_a, stack), strides_in(f.stack_b, stack)])
    sizes = (f.rows * f.depth, size_b)
    strides = [[step * size for step in own] for own, size in zip(steps, sizes, strict=True)]
    return [len(shape), lowering.constant(shape), *(lowering.constant(own) for own in strides)]


def _along_rows(lowering: Lowering, y: Operand, f: Factors, stack: Shape, bias: Operand | None, relu: bool) -> None:
    matrices, itemsize = math.prod(stack), f.b.dtype.itemsize
    piece = _even(f.columns, _WIDE_BYTES // itemsize, lanes(itemsize))
    across = matrices * -(-f.columns // piece)
    parts = max(1, min(-(-_ENOUGH_CELLS // across), f.depth // _ALONG_TERMS))
    part_terms = max(1, -(-f.depth // parts))
    parts = max(1, -(-f.depth // part_terms))
    target = y if parts == 1 else lowering.scratch((matrices, parts, f.rows, f.columns), y.dtype)
    row_a, step_a, step_b, _ = f.strides
    tables = _stack_tables(lowering, f, stack, f.depth * f.columns)
    arguments: list[Argument | Operand] = [target, f.a, f.b, bias if parts == 1 else None]
    arguments += [f.rows, f.columns, f.depth, row_a, step_a, step_b, *tables, piece, parts, part_terms]
    lowering.note(algorithm="b read once, row by row", why=f"{f.rows} rows: the memory of b is the limit")
    lowering.launch(_ALONG_ROWS, y.dtype, arguments, cells=across * parts, work=_work(f, matrices))
    if parts > 1:
        add_parts(lowering, y, target, parts, matrices=matrices, columns=f.columns, bias=bias, relu=relu)
    elif relu:
        lower_activation(lowering, "relu", y, (y,), {})


class _Blocking(NamedTuple):
    """How ``tiles`` cuts a product."""

    down: int  # tiles
    across: int
    parts: int
    part_terms: int
    piece: int
    form: int  # what is done with b: 0 read in place, 1 packed beforehand, 2 packed in the tile
    copies: bool  # rows of a are copied
    panel: int


def _even(n: int, most: int, step: int) -> int:
    """The size of equal pieces of at most about ``most``, a multiple of ``step``."""
    pieces = max(1, -(-n // most))
    return round_up(-(-n // pieces), step)


def blocking(f: Factors, matrices: int) -> _Blocking:
    """The cut of a product; see the table above."""
    itemsize = f.b.dtype.itemsize
    width = _panel_width(f.columns, itemsize)
    piece = _even(f.depth, _PIECE_BYTES // itemsize, 1)
    panels = -(-f.columns // width)
    down, across = -(-f.rows // _TILE_ROWS), -(-f.columns * itemsize // (4 * _TILE_COLUMNS))

    parts = 1

    def cells() -> int:
        return matrices * down * across * parts

    while cells() < _ENOUGH_TILES:
        if f.depth >= 2 * _PART_TERMS * parts and f.depth * across >= _LONG_SUMS * f.columns * parts:
            parts *= 2
        elif across <= panels // 2:
            across *= 2
        else:
            break
    while cells() < _FEW_TILES and f.rows >= 48 * down:
        down *= 2
    if cells() % 2 and cells() < 4 * _ENOUGH_TILES and across < panels:
        across += 1  # two threads get equal shares
    parts = max(parts, min(_ENOUGH_TILES // (matrices * down * across), f.depth // _PART_TERMS))
    part_terms = round_up(-(-f.depth // parts), lanes(itemsize)) if parts > 1 else f.depth
    parts = -(-f.depth // part_terms)
    aliased = f.columns * itemsize % _ALIASED_BYTES == 0
    in_place = f.rows <= (_IN_PLACE_ROWS_ALIASED if aliased else _IN_PLACE_PANELS * panel(4)) or f.columns == width
    if in_place and not f.transpose_b:
        form = 0
    else:
        form = 1 if down > 1 else 2
    copies = f.transpose_a and -(-panels // across) > _COPIED_FOR_PANELS
    return _Blocking(down, across, parts, part_terms, piece, form, copies, width)


_FORMS = (
    "blocks of registers, b read in place",
    "blocks of registers, b packed beforehand",
    "blocks of registers, b packed panel by panel",
)


def _described(cut: _Blocking) -> str:
    words = f"{cut.down} x {cut.across} tiles, sums in pieces of {cut.piece}"
    words += f" and {cut.parts} parts, for want of tiles" if cut.parts > 1 else ""
    return words + (", rows of a turned" if cut.copies else "")


def packed_shape(depth: int, columns: int, itemsize: int) -> Shape:
    """The shape of a packed matrix: panels, terms, columns of a panel."""
    width = _panel_width(columns, itemsize)
    return (-(-columns // width), depth, width)


def _panel_width(columns: int, itemsize: int) -> int:
    return min(panel(itemsize), round_up(columns, lanes(itemsize)))


def lower_pack(lowering: Lowering, packed: Operand, f: Factors) -> None:
    """Pack b, each matrix of its stack."""
    _, _, step_b, column_b = f.strides
    stack, itemsize = math.prod(f.stack_b), f.b.dtype.itemsize
    panels, _, width = packed_shape(f.depth, f.columns, itemsize)
    sizes = [f.depth, f.columns, step_b, column_b, f.depth * f.columns, width]
    cells = stack * panels * -(-f.depth // 256)
    lowering.launch(_PACK, f.b.dtype, [packed, f.b, *sizes], cells=cells, work=0.05 * itemsize * f.b.size)


def _tiles(
    lowering: Lowering,
    y: Operand,
    f: Factors,
    stack: Shape,
    bias: Operand | None,
    relu: bool,
    packed: Operand | None,
) -> None:
    matrices = math.prod(stack)
    cut = blocking(f, matrices)
    b, size_b = f.b, f.depth * f.columns
    if packed is not None:
        cut = cut._replace(form=1)
    elif cut.form == 1:
        shape = (math.prod(f.stack_b), *packed_shape(f.depth, f.columns, b.dtype.itemsize))
        packed = lowering.scratch(shape, y.dtype)
        lower_pack(lowering, packed, f)
    if packed is not None:
        b, size_b = packed, math.prod(packed.shape[-3:])
    lowering.note(algorithm=_FORMS[cut.form], why=_described(cut))
    target = y if cut.parts == 1 else lowering.scratch((matrices, cut.parts, f.rows, f.columns), y.dtype)
    tables = _stack_tables(lowering, f, stack, size_b)
    panel_size = cut.panel * cut.piece if cut.form == 2 else 0
    own = -(-f.rows // cut.down) * (cut.piece + 16) if cut.copies else 0
    scratch, stride = lowering.worker_scratch(panel_size + own, y.dtype)
    whole = cut.parts == 1
    arguments: list[Argument | Operand] = [target, f.a, b, bias if whole else None, int(relu and whole)]
    arguments += [f.rows, f.columns, f.depth, *f.strides, *tables, cut.down, cut.across]
    arguments += [cut.parts, cut.part_terms, cut.piece, cut.form, int(cut.copies), cut.panel]
    arguments += [scratch, stride, panel_size, _BLOCK.address(y.dtype.name), int(f.columns > f.rows)]
    lowering.launch(
        _TILES, y.dtype, arguments, cells=matrices * cut.parts * cut.down * cut.across, work=_work(f, matrices)
    )
    if not whole:
        add_parts(lowering, y, target, cut.parts, matrices=matrices, columns=f.columns, bias=bias, relu=relu)
