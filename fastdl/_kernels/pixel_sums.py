"""Sums of products of a few images with the pixels below a few taps, held in registers, pixels on the lanes.

    sums[i, t] += sum_r sum_j g[i, r, j] x[r, j + offsets[t]]

for up to six images g and four taps (three images where there are 16 registers). Each vector that is loaded takes part
in a product with all of the others: (images + taps) loads for images x taps multiply-adds. The lanes of the sums are
added up at the end, by the caller. ``g_image``, ``g_row``, ``x_row``: from image to image and from row to row.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .bands import whole
from .block import INT64
from .generated import call_one_of, internal_function
from .machine import sums_block
from .vectors import ir_vector, lane_mask, load_first, load_vector, multiply_add, store_vector, suffix

_NAMES = ("sums", "sums_image", "g", "g_image", "g_row", "x", "x_row", "offsets", "rows", "columns")
_POINTERS = ("sums", "g", "x")


class _Sums:
    """Writes the function for so many images and taps."""

    def __init__(self, module: Any, kind: Any, images: int, taps: int) -> None:
        self.kind, self.images, self.taps = kind, images, taps
        scalar = kind.element.as_pointer()
        tables = {"offsets": INT64.as_pointer()}
        kinds = [scalar if name in _POINTERS else tables.get(name, INT64) for name in _NAMES]
        name = f"fastdl_pixel_sums_{images}x{taps}_{suffix(kind)}"
        self.function = internal_function(module, name, kinds)
        self.at = dict(zip(_NAMES, self.function.args, strict=True))
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        # LLVM turns these places, which only loads and stores refer to, into registers.
        self.sums = [[cgutils.alloca_once(self.builder, kind) for _ in range(taps)] for _ in range(images)]
        self._write()

    def _write(self) -> None:
        builder, at, kind = self.builder, self.at, self.kind
        self._each_sum(lambda place, total: builder.store(load_vector(builder, kind, place), total))
        images = [builder.gep(at["g"], [builder.mul(at["g_image"], whole(i))]) for i in range(self.images)]
        pixels = [
            builder.gep(at["x"], [builder.load(builder.gep(at["offsets"], [whole(t)]))]) for t in range(self.taps)
        ]
        nothing = ir.InlineAsm(ir.FunctionType(ir.VoidType(), []), "", "", side_effect=True)
        with cgutils.for_range(builder, at["rows"], intp=INT64) as row:
            g_row, x_row = builder.mul(row.index, at["g_row"]), builder.mul(row.index, at["x_row"])
            g = [builder.gep(image, [g_row]) for image in images]
            x = [builder.gep(pixel, [x_row]) for pixel in pixels]
            with cgutils.for_range_slice(builder, whole(0), at["columns"], whole(kind.count), INT64) as (j, _):
                # Both factors are cut off at the end of a row: a zero times what lies behind it may be NaN. Masks for
                # all vectors cost less than code of its own for the last one, of one or two.
                mask = lane_mask(builder, kind, builder.sub(at["columns"], j))
                self._columns(g, x, j, mask)
                # Not unrolled: see micro_block.py.
                builder.call(nothing, [], attrs=("convergent",))
        self._each_sum(lambda place, total: store_vector(builder, builder.load(total), place))
        builder.ret_void()

    def _each_sum(self, action: Any) -> None:
        for i in range(self.images):
            row = self.builder.gep(self.at["sums"], [self.builder.mul(self.at["sums_image"], whole(i))])
            for t, total in enumerate(self.sums[i]):
                action(self.builder.gep(row, [whole(t * self.kind.count)]), total)

    def _columns(self, g: list[Any], x: list[Any], j: Any, mask: Any) -> None:
        builder, kind = self.builder, self.kind
        factors = [load_first(builder, kind, builder.gep(row, [j]), mask) for row in g]
        for t, row in enumerate(x):
            pixels = load_first(builder, kind, builder.gep(row, [j]), mask)
            for i, factor in enumerate(factors):
                total = self.sums[i][t]
                builder.store(multiply_add(builder, factor, pixels, builder.load(total)), total)


@intrinsic  # type: ignore[untyped-decorator]
def pixel_sums(
    typing_context: Any,
    images: Any,
    taps: Any,
    sums: Any,
    sums_image: Any,
    g: Any,
    g_image: Any,
    g_row: Any,
    x: Any,
    x_row: Any,
    offsets: Any,
    rows: Any,
    columns: Any,
) -> Any:
    """Add to the sums of a block of so many ``images`` and ``taps`` (see the file's docstring)."""
    kinds = [sums if name in _POINTERS else types.intp for name in _NAMES]
    kinds[_NAMES.index("offsets")] = types.CPointer(types.int64)
    kind = ir_vector(sums.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        images, taps, *arguments = values
        choice = builder.add(builder.mul(images, whole(8)), taps)
        most_images, most_taps = sums_block()
        sizes = [(i, t) for i in range(1, most_images + 1) for t in range(1, most_taps + 1)]
        blocks = ((8 * i + t, _Sums(builder.module, kind, i, t).function) for i, t in sizes)
        call_one_of(builder, choice, blocks, arguments)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, *kinds), codegen
