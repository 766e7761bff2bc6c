"""Correlation with 3 x 3 taps, down a stripe of an image that is read in place: for depthwise convolutions.

    y[r, j] = s(start + sum_u sum_v k[u, v] x[top + (r + u) step, column + j + v apart])

where pixels outside the image are zeros. A stripe is one to four vectors wide. Its three rows of the result that a row
of the image takes part in are held in registers, with the nine taps: so each vector is loaded once for each column of
taps, for three multiply-adds, and each row of the image passes once. (Blocks of rows, as in ``window.py``, load half of
their rows a second time, for the next block.) Rows above and below the image are read from a row of zeros. At the left
and right edge of the image the first and the last vector of a stripe are loaded by the lanes that there are: a stripe
may reach a vector beyond an edge. The last vector may overlap the one before.

Sums are taken in the order of the taps, wherever they stand.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .bands import whole
from .block import INT64
from .generated import call_one_of, internal_function
from .machine import most_vectors
from .prefetch import ask_for
from .vectors import (
    ir_vector,
    lane_mask,
    load_first,
    load_vector,
    multiply_add,
    splat,
    store_first,
    store_vector,
    suffix,
)

_TAPS = range(3)
_LINE = 64  # bytes
_POINTERS = ("target", "source", "zeros", "kernel", "ahead")
_NAMES: tuple[str, ...] = (*_POINTERS, "start", "relu", "target_stride", "rows", "width", "height", "top", "step")
_NAMES += ("column", "apart", "last", "count")


class _Stripe:
    """Writes the function for a stripe of ``vectors`` vectors: at an edge of the image or between them, and perhaps
    narrower than a vector."""

    def __init__(self, module: Any, vector: Any, vectors: int, edge: bool, narrow: bool) -> None:
        self.vector, self.vectors, self.edge = vector, vectors, edge
        scalar = vector.element
        kinds = [scalar.as_pointer() if name in _POINTERS else scalar if name == "start" else INT64 for name in _NAMES]
        name = f"fastdl_sweep_{'narrow' if narrow else 'edge' if edge else 'inside'}{vectors}_{suffix(vector)}"
        self.function = internal_function(module, name, kinds)
        self.at = dict(zip(_NAMES, self.function.args, strict=True))
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.store_mask = lane_mask(self.builder, vector, self.at["count"]) if narrow else None
        self._write()

    def _place(self, n: int) -> Any:
        """Where vector n of a row starts."""
        return self.at["last"] if n == self.vectors - 1 else whole(n * self.vector.count)

    def _inside(self, first: Any) -> Any:
        """Which lanes of a vector that starts at column ``first`` of the image lie in it."""
        builder = self.builder
        before = builder.neg(first)
        behind = builder.sub(self.at["width"], first)
        some = whole(self.vector.count)
        behind = builder.select(builder.icmp_signed("<", behind, some), behind, some)
        ends = lane_mask(builder, self.vector, behind)
        return builder.and_(ends, builder.not_(lane_mask(builder, self.vector, before)))

    def _write(self) -> None:
        builder, at, none = self.builder, self.at, whole(0)
        self.taps = [
            [splat(builder, self.vector, builder.load(builder.gep(at["kernel"], [whole(3 * u + v)]))) for v in _TAPS]
            for u in _TAPS
        ]
        start = [splat(builder, self.vector, at["start"])] * self.vectors
        zero = ir.Constant(self.vector.element, 0.0)
        lowest = ir.Constant(self.vector.element, float("-inf"))
        self.least = splat(
            builder, self.vector, builder.select(builder.icmp_signed("!=", at["relu"], none), zero, lowest)
        )
        self.masks: dict[tuple[int, int], Any] = {}
        if self.edge:
            for v in _TAPS:
                for n in {0, self.vectors - 1}:
                    first = builder.add(at["column"], builder.add(self._place(n), builder.mul(at["apart"], whole(v))))
                    self.masks[v, n] = self._inside(first)
        (upper,) = self._row(none, [(start, 0)])
        lower, upper = self._row(whole(1), [(start, 0), (upper, 1)])
        before, loop, end = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        index = builder.phi(INT64)
        index.add_incoming(none, before)
        under_way = []
        for value in (*upper, *lower):
            phi = builder.phi(self.vector)
            phi.add_incoming(value, before)
            under_way.append(phi)
        upper, lower = under_way[: self.vectors], under_way[self.vectors :]
        fresh, lower, upper = self._row(builder.add(index, whole(2)), [(start, 0), (lower, 1), (upper, 2)])
        self._put(index, upper)
        following = builder.add(index, whole(1))
        index.add_incoming(following, builder.block)
        for phi, value in zip(under_way, (*lower, *fresh), strict=True):
            phi.add_incoming(value, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, at["rows"]), loop, end)
        builder.position_at_end(end)
        builder.ret_void()

    def _row(self, t: Any, sums: list[tuple[list[Any], int]]) -> list[list[Any]]:
        """The sums, each with its row of taps, and what row t of those that are read contributes to them."""
        builder, at = self.builder, self.at
        i = builder.add(at["top"], builder.mul(t, at["step"]))
        exists = builder.icmp_unsigned("<", i, at["height"])
        place = builder.mul(i, at["width"])
        row = builder.select(exists, builder.gep(at["source"], [place]), at["zeros"])
        row = builder.gep(row, [at["column"]])
        bytes_of_lane = 4 if isinstance(self.vector.element, ir.FloatType) else 8
        for k in range(0, self.vectors * self.vector.count * bytes_of_lane, _LINE):
            ask_for(builder, builder.gep(at["ahead"], [builder.add(place, whole(k // bytes_of_lane))]), 3)
        results = [list(values) for values, _ in sums]
        for v in _TAPS:
            below = builder.gep(row, [builder.mul(at["apart"], whole(v))])
            for n in range(self.vectors):
                here = builder.gep(below, [self._place(n)])
                mask = self.masks.get((v, n))
                pixels = (
                    load_vector(builder, self.vector, here)
                    if mask is None
                    else load_first(builder, self.vector, here, mask)
                )
                for values, (_, u) in zip(results, sums, strict=True):
                    values[n] = multiply_add(builder, self.taps[u][v], pixels, values[n])
        return results

    def _put(self, row: Any, sums: list[Any]) -> None:
        builder, at = self.builder, self.at
        target = builder.gep(at["target"], [builder.mul(row, at["target_stride"])])
        for n, value in enumerate(sums):
            value = builder.select(builder.fcmp_ordered(">", self.least, value), self.least, value)
            here = builder.gep(target, [self._place(n)])
            if self.store_mask is None:
                store_vector(builder, value, here)
            else:
                store_first(builder, value, here, self.store_mask)


@intrinsic  # type: ignore[untyped-decorator]
def sweep(
    typing_context: Any,
    vectors: Any,
    edge: Any,
    target: Any,
    source: Any,
    zeros: Any,
    kernel: Any,
    ahead: Any,
    start: Any,
    relu: Any,
    target_stride: Any,
    rows: Any,
    width: Any,
    height: Any,
    top: Any,
    step: Any,
    column: Any,
    apart: Any,
    last: Any,
    count: Any,
) -> Any:
    """Go down one stripe of ``vectors`` vectors, the last of which starts at ``last``; ``rows`` at least 1.

    ``edge``: it reaches beyond the left or right edge of the image. ``count``: lanes of its only vector. ``zeros``: as
    many as a row of the image has. ``ahead``: an image that will be read next.
    """
    vector = ir_vector(target.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vectors, edge, *arguments = values
        narrow = builder.icmp_signed("<", arguments[-1], whole(vector.count))
        # One number for all that selects the function; 0: a stripe narrower than a vector.
        kind = builder.add(builder.mul(vectors, whole(2)), edge)
        choice = builder.select(narrow, whole(0), kind)

        def stripe(number: int) -> Any:
            narrow = number == 0
            return _Stripe(builder.module, vector, max(1, number // 2), narrow or number % 2 == 1, narrow).function

        numbers = (0, *range(2, 2 * most_vectors() + 2))
        call_one_of(builder, choice, ((number, stripe(number)) for number in numbers), arguments)
        return context.get_dummy_value()

    kinds = [target if name in _POINTERS else start if name == "start" else types.intp for name in _NAMES]
    return types.void(types.intp, types.intp, *kinds), codegen
