"""How the gradient of a convolution with respect to its kernels lowers to launches of ``_kernels/conv_gradient.py``."""

from .._kernels import Argument, Kernel
from .._kernels.machine import lanes, panel
from ..ops import Lowering, Operand
from . import _depthwise
from ._conv_geometry import Geometry, forward, in_place, is_plane, planes_of, work_of
from ._lowering import add_parts, round_up
from ._moving import launch_zeros

_WEIGHT_GRAD = Kernel("conv_gradient", "weight_grad")

_STRIP_BYTES = 128 * 1024  # of a panel of g, in one product: it streams through the first cache from the second
_SUM_BYTES = 512 * 1024  # of the sums of a cell: they shall stay in the second cache
_ENOUGH_CELLS = 16
_LEAST_PIXELS = 512  # of a chunk: with fewer of them, adding up the chunks costs more than it gains
_LEAST_ROWS = 144  # of a product: with fewer of them, transposing g costs more


def lower_weight_grad(lowering: Lowering, dweight: Operand, g: Operand, x: Operand, geometry: Geometry) -> None:
    """Gradient with respect to the weight; g and x are NCHW."""
    if dweight.size == 0:
        return
    s = geometry
    rows, columns = forward(s.rows), forward(s.columns)
    taps, itemsize, length = s.rows.taps * s.columns.taps, x.dtype.itemsize, s.columns.outputs
    if s.images * s.rows.outputs * length == 0:
        launch_zeros(lowering, dweight)
        return
    if _depthwise.fits(s):
        _depthwise.lower_weight_grad(lowering, dweight, g, x, s)
        return
    across = min(panel(itemsize), round_up(s.out_channels, lanes(itemsize)))
    most = _STRIP_BYTES // itemsize // across  # pixels of a strip
    pieces = -(-length // most) if length > 2 * most else 1
    piece_columns = -(-length // pieces)
    pieces = -(-length // piece_columns)
    strip_rows = max(1, min(s.rows.outputs, most // length))
    strip_rows = -(-s.rows.outputs // -(-s.rows.outputs // strip_rows))
    all_rows = s.images * s.rows.outputs * pieces
    blocks, chunks = _cells(
        s.groups, s.in_channels, s.in_channels * taps, s.out_channels * itemsize, all_rows, piece_columns
    )
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
    starts = [row * piece_columns * across for row in range(strip_rows)]
    width = round_up(s.out_channels, across)
    elements = 0 if own else block_channels * planes.channel + planes.slack
    turned = strip_rows * piece_columns * width
    scratch, stride = lowering.worker_scratch(elements + turned + block_channels * taps * width, x.dtype)
    sizes = [s.groups, s.out_channels, s.in_channels, block_channels, chunk_rows, strip_rows, all_rows, s.rows.outputs]
    sizes += [length, taps, rows.extra, own, pieces == 1 and planes.columns == length, across, pieces, piece_columns]
    tables = [
        lowering.constant(table) for table in (sizes, planes.table(rows, columns, x.dtype.itemsize), offsets, starts)
    ]
    sums = lowering.scratch((chunks, *dweight.shape), dweight.dtype) if chunks > 1 else dweight
    product = Kernel("product", "block").address(x.dtype.name)
    arguments: list[Argument | Operand] = [sums, g, x, *tables, scratch, stride, elements, turned, product]
    work = work_of(geometry, dweight)
    lowering.launch(_WEIGHT_GRAD, x.dtype, arguments, cells=chunks * s.groups * blocks, work=work)
    if chunks > 1:
        add_parts(lowering, dweight, sums, chunks)


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
