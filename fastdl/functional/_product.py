"""How a matrix product y = s(a b + bias) lowers to launches: which kernel of ``_kernels/matmul.py``, which tiles.

Letters: M rows and N columns of y, K the length of the sums. All choices depend on shapes and dtype only. The costs in
nanoseconds were measured on one core (AVX-512, about 3.6 GHz); only their ratios matter.
"""

import math
from typing import NamedTuple

from .._kernels import Argument, Kernel
from ..ops import Lowering, Operand, Shape
from ._activations import lower_activation
from ._lowering import broadcast_shape, collapse, strides_in

FUSED = ("identity", "relu", "tanh", "sigmoid")  # activations of the kernel ``small``, in the order of its codes
_SMALL, _DOTS, _OUTER = Kernel("matmul", "small"), Kernel("matmul", "dots"), Kernel("matmul", "outer")
_TRANSPOSE = Kernel("matmul", "transpose")

_SMALL_TERMS = 512  # products of at most so many terms take the kernel without preparations
_WIDTH = 256  # most columns of a tile of the kernel ``outer``
_ENOUGH_CELLS = 16  # tiles are cut smaller until there are so many of them


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


def transpose(
    lowering: Lowering, x: Operand, matrices: int, rows: int, columns: int, y: Operand | None = None
) -> Operand:
    """Launch the transposition of each of the matrices (rows, columns) in x; into scratch if not into ``y``."""
    y = y or lowering.scratch((matrices, columns, rows), x.dtype)
    blocks = -(-rows // 32)
    lowering.launch(_TRANSPOSE, x.dtype, [y, x, rows, columns, blocks], cells=matrices * blocks, work=0.2 * x.size)
    return y


def lower_product(lowering: Lowering, y: Operand, f: Factors, bias: Operand | None, activation: str) -> None:
    """Issue the launches of y = s(a b + bias)."""
    code = FUSED.index(activation)
    if y.size == 0:
        return
    stack = broadcast_shape("matmul", f.stack_a, f.stack_b)
    if math.prod(stack) == 1 and _padded(f.rows, 4) * _padded(f.columns, 2) * f.depth <= _SMALL_TERMS:
        arguments: list[Argument | Operand] = [y, f.a, f.b, bias, bias is not None, *_sizes(f), code]
        lowering.launch(_SMALL, y.dtype, arguments, cells=1, work=0.2 * f.rows * f.columns * f.depth)
        return
    f, by_dots, cost = _cheaper_form(lowering, f, math.prod(stack))
    tile_rows, tile_columns = _tile(f, math.prod(stack), by_dots)
    strides = [strides_in(f.stack_a, stack), strides_in(f.stack_b, stack)]
    shape, (steps_a, steps_b) = collapse(stack, strides)
    tables = [
        lowering.constant(shape),
        lowering.constant([step * f.rows * f.depth for step in steps_a]),
        lowering.constant([step * f.depth * f.columns for step in steps_b]),
    ]
    arguments = [y, f.a, f.b, bias, bias is not None, *_sizes(f), len(shape), *tables, tile_rows, tile_columns]
    tiles = math.prod(stack) * -(-f.rows // tile_rows) * -(-f.columns // tile_columns)
    lowering.launch(_DOTS if by_dots else _OUTER, y.dtype, arguments, cells=tiles, work=cost)
    if code:
        lower_activation(lowering, activation, y, (y,), {})


def _padded(n: int, block: int) -> int:
    return -(-n // block) * block


def _sizes(f: Factors) -> list[int]:
    """M, N, K and the strides of a (row, term) and of b (term, column) in elements."""
    strides_a = (1, f.rows) if f.transpose_a else (f.depth, 1)
    strides_b = (1, f.depth) if f.transpose_b else (f.columns, 1)
    return [f.rows, f.columns, f.depth, *strides_a, *strides_b]


def _cheaper_form(lowering: Lowering, f: Factors, matrices: int) -> tuple[Factors, bool, float]:
    """The factors as the cheaper kernel needs them, whether that is ``dots``, and its cost.

    ``dots`` pays per 4 x 4 sums and for terms that fill no vector; ``outer`` per 4 x 4 factors and for its columns.
    Each wants b in its own order, and ``dots`` wants a untransposed; such copies are cheap beside most products.
    """
    itemsize = f.b.dtype.itemsize
    lanes = 64 // itemsize
    across_rows = matrices * -(-f.rows // 4)
    ends = f.depth % lanes
    dots = across_rows * -(-f.columns // 4) * (20 + 0.035 * itemsize * (f.depth - ends) + 2.0 * ends)
    outer = across_rows * -(-f.depth // 4) * (7 * -(-f.columns // _WIDTH) + 0.035 * itemsize * f.columns)
    copy_a, copy_b = 30 + 0.17 * f.a.size, 30 + 0.17 * f.b.size
    dots_cost = dots + (copy_a if f.transpose_a else 0) + (0 if f.transpose_b else copy_b)
    outer_cost = outer + (copy_b if f.transpose_b else 0)
    by_dots = dots_cost < outer_cost
    if by_dots and f.transpose_a:
        a = transpose(lowering, f.a, math.prod(f.stack_a), f.depth, f.rows)
        f = f._replace(a=a, transpose_a=False)
    if by_dots and not f.transpose_b:
        b = transpose(lowering, f.b, math.prod(f.stack_b), f.depth, f.columns)
        f = f._replace(b=b, transpose_b=True)
    if not by_dots and f.transpose_b:
        b = transpose(lowering, f.b, math.prod(f.stack_b), f.columns, f.depth)
        f = f._replace(b=b, transpose_b=False)
    return f, by_dots, dots if by_dots else outer


def _tile(f: Factors, matrices: int, by_dots: bool) -> tuple[int, int]:
    """Rows and columns of a tile: large enough to use what is in the cache, small enough for all threads."""
    parts = -(-f.columns // _WIDTH)
    tile_columns = 64 if by_dots else _padded(-(-f.columns // parts), 16)
    tile_rows = 64

    def tiles() -> int:
        return matrices * -(-f.rows // tile_rows) * -(-f.columns // tile_columns)

    while tiles() < _ENOUGH_CELLS and tile_rows > 16:
        tile_rows //= 2
        if by_dots:
            tile_columns //= 2
    return tile_rows, tile_columns
