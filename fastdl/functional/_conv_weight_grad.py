"""How the gradient of a convolution with respect to its kernels lowers to launches of ``_kernels/conv_gradient.py``.

Where Winograd's algorithm pays (``_winograd_weight_grad.py``), the sum is made only if a number is not finite.
Which of two ways the sum takes follows from an estimate of cycles for a row of Q pixels of a result, with T taps of all
input channels, O output channels and L lanes; the factors are measured:

| on the lanes | multiply-adds | and |
|---|---|---|
| channels | 0.55 Q T ceil(O / L); 0.9 for a single vector, which is bound by loads | g is transposed: 0.4 Q O |
| pixels | 0.8 T O ceil(Q / L) (unaligned loads); at least 4 for a block of sums | the ends of rows need masks |

Pixels win with few channels (6 of 16 lanes: 3 times as fast), and with few taps (T = 9 of a first layer), where
transposing g costs more than the product. They lose on short rows.
"""

import math

from .._kernels import Argument, Kernel
from .._kernels.machine import lanes, machine, panel, sums_block
from ..ops import Lowering, Operand
from . import _depthwise, _winograd_weight_grad
from ._conv_geometry import Geometry, forward, in_place, is_plane, planes_of, work_of
from ._lowering import add_parts, round_up
from ._moving import launch_zeros

_WEIGHT_GRAD = Kernel("conv_gradient", "weight_grad")
_WEIGHT_GRAD_PIXELS = Kernel("conv_gradient", "weight_grad_pixels")

_STRIP_BYTES = 128 * 1024  # of a panel of g, in one product: it streams through the first cache from the second
_BLOCK_BYTES = 24 * 1024  # of the images of g in one block of sums: they shall stay in the first cache
_SUM_BYTES = 512 * 1024  # of the sums of a cell: they shall stay in the second cache
_ENOUGH_CELLS = 16
_LEAST_PIXELS = 512  # of a chunk: with fewer of them, adding up the chunks costs more than it gains
_LEAST_ROWS = 144  # of a product: with fewer of them, transposing g costs more


def lower_weight_grad(lowering: Lowering, dweight: Operand, g: Operand, x: Operand, geometry: Geometry) -> None:
    """Gradient with respect to the weight; g and x are NCHW."""
    if dweight.size == 0:
        return
    s = geometry
    if s.images * s.rows.outputs * s.columns.outputs == 0:
        launch_zeros(lowering, dweight)
        return
    if _depthwise.fits(s):
        _depthwise.lower_weight_grad(lowering, dweight, g, x, s)
        return
    filtering = _winograd_weight_grad.filtering(s, x.dtype)
    if filtering is not None:
        lowering = _winograd_weight_grad.lower(lowering, dweight, g, x, filtering)
    _lower_sums(lowering, dweight, g, x, s)


def _lower_sums(lowering: Lowering, dweight: Operand, g: Operand, x: Operand, s: Geometry) -> None:
    """The sum over all pixels, as it stands in the formula."""
    rows, columns = forward(s.rows), forward(s.columns)
    taps, itemsize, length = s.rows.taps * s.columns.taps, x.dtype.itemsize, s.columns.outputs
    on_pixels = _pixels_on_lanes(s, itemsize)
    height, width = sums_block()
    across = height if on_pixels else min(panel(itemsize), round_up(s.out_channels, lanes(itemsize)))
    most = (_BLOCK_BYTES if on_pixels else _STRIP_BYTES) // itemsize // across  # pixels of a strip
    pieces = -(-length // most) if length > 2 * most else 1
    piece_columns = -(-length // pieces)
    pieces = -(-length // piece_columns)
    strip_rows = max(1, min(s.rows.outputs, most // length))
    strip_rows = -(-s.rows.outputs // -(-s.rows.outputs // strip_rows))
    all_rows = s.images * s.rows.outputs * pieces
    row_bytes = s.out_channels * itemsize * (lanes(itemsize) if on_pixels else 1)
    blocks, chunks = _cells(s.groups, s.in_channels, s.in_channels * taps, row_bytes, all_rows, piece_columns)
    block_channels = -(-s.in_channels // blocks)
    blocks = -(-s.in_channels // block_channels)
    chunk_rows = -(-all_rows // chunks)
    chunks = -(-all_rows // chunk_rows)

    own = is_plane(rows) and is_plane(columns)
    plane_columns = length + columns.extra - columns.shared if pieces == 1 else piece_columns + columns.extra
    planes = planes_of(rows, columns, strip_rows + rows.extra, plane_columns, itemsize)
    planes = in_place(rows, columns) if own else planes
    offsets = [
        channel * planes.channel + planes.offset(t, w)
        for channel in range(block_channels)
        for t in rows.phases[0].taps
        for w in columns.phases[0].taps
    ]
    sizes = [s.groups, s.out_channels, s.in_channels, block_channels, chunk_rows, strip_rows, all_rows, s.rows.outputs]
    sizes += [length, taps, rows.extra, own, pieces == 1 and planes.columns == length, across, pieces, piece_columns]
    sizes.append(width)
    tables = [lowering.constant(table) for table in (sizes, planes.table(rows, columns, itemsize), offsets)]
    sums = lowering.scratch((chunks, *dweight.shape), dweight.dtype) if chunks > 1 else dweight
    places: list[Argument | Operand] = [sums, g, x, *tables]
    elements = 0 if own else block_channels * planes.channel + planes.slack
    cells, work = chunks * s.groups * blocks, work_of(s, dweight)
    if on_pixels:
        totals = s.out_channels * block_channels * taps * lanes(itemsize)
        scratch, stride = lowering.worker_scratch(elements + totals, x.dtype)
        lowering.note(algorithm="sums of products of pixels", why="there are few channels: pixels lie on the lanes")
        lowering.launch(_WEIGHT_GRAD_PIXELS, x.dtype, [*places, scratch, stride, elements], cells=cells, work=work)
    else:
        starts = lowering.constant([row * piece_columns * across for row in range(strip_rows)])
        columns_out = round_up(s.out_channels, across)
        turned = strip_rows * piece_columns * columns_out
        scratch, stride = lowering.worker_scratch(elements + turned + block_channels * taps * columns_out, x.dtype)
        product = Kernel("product", "block").address(x.dtype.name)
        rest: list[Argument | Operand] = [starts, scratch, stride, elements, turned, product]
        lowering.launch(_WEIGHT_GRAD, x.dtype, [*places, *rest], cells=cells, work=work)
    if chunks > 1:
        add_parts(lowering, dweight, sums, chunks)


def _pixels_on_lanes(s: Geometry, itemsize: int) -> bool:
    """Whether pixels lie on the lanes, not output channels: the table at the head of this file."""
    taps, length, lane = s.in_channels * s.rows.taps * s.columns.taps, s.columns.outputs, lanes(itemsize)
    if machine().vector_bytes < 32:  # no masks: the ends of rows would be loaded number by number
        return False
    height, width = sums_block()
    heights, widths = -(-s.out_channels // height), -(-taps // width)
    tall, wide = s.out_channels / heights, taps / widths  # of the average block
    block = max(0.8 * tall * wide, 4)  # four cycles: the latency of a sum
    vectors = -(-s.out_channels // lane)
    channels = length * (taps * vectors * (0.9 if vectors == 1 else 0.55) + 0.4 * s.out_channels)
    return math.ceil(length / lane) * heights * widths * block < channels


def _cells(groups: int, channels: int, depth: int, row_bytes: int, rows: int, length: int) -> tuple[int, int]:
    """Blocks of input channels and chunks of rows: sums that fit the cache, and cells for all threads."""
    blocks = min(channels, -(-depth * row_bytes // _SUM_BYTES))
    chunks = 1
    while (
        groups * blocks * chunks < _ENOUGH_CELLS and 2 * chunks <= rows and rows * length >= 2 * chunks * _LEAST_PIXELS
    ):
        chunks *= 2
    while groups * blocks * chunks < _ENOUGH_CELLS and 2 * blocks <= channels and depth >= 2 * blocks * _LEAST_ROWS:
        blocks *= 2
    return blocks, chunks
