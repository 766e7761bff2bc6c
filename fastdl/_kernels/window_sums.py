"""Sums of products of two images for a few shifts of one against the other, held in registers: what the gradient with
respect to a small window is made of.

    sums[u, v] += sum_r sum_j g[r, j] x[r + u, j + offsets[v]]

for up to three u and one or three v. Row t of x stands beside the rows r = t - u of g: each vector that is loaded takes
part in up to three products. The lanes of a vector are summed up at the end, by the caller.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .bands import for_meeting_rows, whole
from .block import INT64
from .vectors import ir_vector, lane_mask, load_first, load_vector, multiply_add, store_vector

_ROWS = 3
_NAMES = ("sums", "sums_stride", "taps_down", "x", "x_stride", "offsets", "g", "g_stride", "rows", "columns")


class _Sums:
    """Writes the code for so many taps across."""

    def __init__(self, builder: Any, kind: Any, across: int, at: dict[str, Any]) -> None:
        self.builder, self.kind, self.across, self.at = builder, kind, across, at
        # LLVM turns these places, which only loads and stores refer to, into registers.
        self.sums = [[cgutils.alloca_once(builder, kind) for _ in range(across)] for _ in range(_ROWS)]
        self.whole = builder.mul(builder.sdiv(at["columns"], whole(kind.count)), whole(kind.count))
        self.rest = builder.sub(at["columns"], self.whole)

    def _at_row(self, name: str, row: Any) -> Any:
        return self.builder.gep(self.at[name], [self.builder.mul(row, self.at[f"{name}_stride"])])

    def write(self) -> None:
        self._move(lambda place, total: self.builder.store(load_vector(self.builder, self.kind, place), total))
        # Row t of x serves the taps u with 0 <= t - u < rows.
        for_meeting_rows(self.builder, self.at["taps_down"], self.at["rows"], _ROWS, self._row)
        self._move(lambda place, total: store_vector(self.builder, self.builder.load(total), place))

    def _move(self, action: Any) -> None:
        for u in range(_ROWS):
            with self.builder.if_then(self.builder.icmp_signed("<", whole(u), self.at["taps_down"])):
                row = self._at_row("sums", whole(u))
                for v, total in enumerate(self.sums[u]):
                    action(self.builder.gep(row, [whole(v * self.kind.count)]), total)

    def _row(self, t: Any, taps: range) -> None:
        builder = self.builder
        x = self._at_row("x", t)
        grads = {u: self._at_row("g", builder.sub(t, whole(u))) for u in taps}
        step = whole(self.kind.count)
        with cgutils.for_range_slice(builder, whole(0), self.whole, step, INT64) as (j, _):
            self._columns(x, grads, j, lambda place: load_vector(builder, self.kind, place))
        with builder.if_then(builder.icmp_signed(">", self.rest, whole(0))):
            # Both factors are cut off: a zero times what lies behind the last column may be NaN.
            mask = lane_mask(builder, self.kind, self.rest)
            self._columns(x, grads, self.whole, lambda place: load_first(builder, self.kind, place, mask))

    def _columns(self, x: Any, grads: dict[int, Any], j: Any, read: Any) -> None:
        builder = self.builder
        factors = {u: read(builder.gep(row, [j])) for u, row in grads.items()}
        for v in range(self.across):
            shifted = builder.add(j, builder.load(builder.gep(self.at["offsets"], [whole(v)])))
            pixels = read(builder.gep(x, [shifted]))
            for u, factor in factors.items():
                total = self.sums[u][v]
                builder.store(multiply_add(builder, factor, pixels, builder.load(total)), total)


def _across(across: int) -> Any:
    def typed(
        typing_context: Any,
        sums: Any,
        sums_stride: Any,
        taps_down: Any,
        x: Any,
        x_stride: Any,
        offsets: Any,
        g: Any,
        g_stride: Any,
        rows: Any,
        columns: Any,
    ) -> Any:
        kinds = [sums if name in ("sums", "x", "g") else types.intp for name in _NAMES]
        kinds[_NAMES.index("offsets")] = offsets

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            _Sums(builder, ir_vector(sums.dtype), across, dict(zip(_NAMES, values, strict=True))).write()
            return context.get_dummy_value()

        return types.void(*kinds), codegen

    return intrinsic(typed)


one_across, three_across = _across(1), _across(3)
