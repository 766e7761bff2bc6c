"""Correlation with a small window, held in registers: what image filters and depthwise convolutions are made of.

    y[r, j] = start + sum_u sum_v k[u, v] x[r + u, j + offsets[v]]

Letters: U x V taps of the window. A block of the result is R = 4 rows of one, two or four vectors; its sums stay in
registers. Row t of the source lies below tap row u for row r = t - u of the block, so each vector that is loaded serves
up to R rows: that is what lets the loads, of which most straddle two cache lines and count twice, keep pace with the
multiplications. There is one piece of code for each range of rows that a row of the source can contribute to.

Every sum is taken in the order of the taps, wherever it stands in a block: the bits of a result do not depend on how it
was cut into blocks.
"""

from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .bands import for_meeting_rows, whole
from .block import INT64
from .machine import lanes, machine
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
    stream_vector,
)

ROWS = 4
WIDEST = 4 if machine().registers >= 32 else 2  # vectors of a block: R times as many sums, and the pixels
NAMES: tuple[str, ...] = (
    "target",
    "target_stride",
    "height",
    "count",
    "streams",
    "source",
    "source_stride",
    "taps_down",
)
NAMES += ("taps_across", "offsets", "kernel", "start", "relu", "resumes", "next", "next_stride")


class _Block:
    """Writes the code of one block."""

    def __init__(self, builder: Any, kind: Any, vectors: int, at: dict[str, Any]) -> None:
        self.builder, self.kind, self.vectors, self.at = builder, kind, vectors, at
        self.mask = lane_mask(builder, kind, builder.sub(at["count"], whole((vectors - 1) * kind.count)))
        # LLVM turns these places, which only loads and stores refer to, into registers.
        self.sums = [[cgutils.alloca_once(builder, kind) for _ in range(vectors)] for _ in range(ROWS)]

    def _at_row(self, name: str, row: Any) -> Any:
        return self.builder.gep(self.at[name], [self.builder.mul(row, self.at[f"{name}_stride"])])

    def _vectors_of(self, row: Any) -> list[Any]:
        """Where the vectors of a row of the block start."""
        return [self.builder.gep(row, [whole(n * self.kind.count)]) for n in range(self.vectors)]

    def write(self) -> None:
        builder, at = self.builder, self.at
        first = splat(builder, self.kind, at["start"])
        least = builder.select(
            at["relu"], ir.Constant(self.kind.element, 0.0), ir.Constant(self.kind.element, float("-inf"))
        )
        self.least = splat(builder, self.kind, least)
        for place in sum(self.sums, []):
            builder.store(first, place)  # always: else LLVM keeps the sums of the last block, in case they are needed
        with builder.if_then(at["resumes"]):
            self._each(self._resume)
        self._prefetch()
        if self.vectors > 2:
            with builder.if_else(builder.icmp_signed("==", at["taps_down"], whole(3))) as (three, more):
                with three:
                    self._three_by_three()
                with more:
                    self._many_tap_rows()
        elif self.vectors == WIDEST:
            with builder.if_else(self._is_whole_and_three_by_three()) as (three, others):
                with three:
                    self._three_by_three()
                with others:
                    self._meeting_rows()
        else:
            self._meeting_rows()
        with builder.if_else(at["streams"]) as (streams, keeps):
            with streams:
                self._each(self._stream)
            with keeps:
                self._each(self._store)

    def _each(self, action: Callable[[Any, Any, bool], None]) -> None:
        """Do it for each vector of the block: its sums, its place in the result, whether the last of a row."""
        for r in range(ROWS):
            with self.builder.if_then(self.builder.icmp_signed("<", whole(r), self.at["height"])):
                places = self._vectors_of(self._at_row("target", whole(r)))
                for n, (total, place) in enumerate(zip(self.sums[r], places, strict=True)):
                    action(total, place, n == self.vectors - 1)

    def _resume(self, total: Any, place: Any, last: bool) -> None:
        builder, kind = self.builder, self.kind
        value = load_first(builder, kind, place, self.mask) if last else load_vector(builder, kind, place)
        builder.store(value, total)

    def _store(self, total: Any, place: Any, last: bool) -> None:
        value = self.builder.load(total)
        value = self.builder.select(self.builder.fcmp_ordered(">", self.least, value), self.least, value)
        if not last:
            store_vector(self.builder, value, place)
            return
        # A store by mask takes some twenty cycles where processors have no registers for masks.
        whole_one = self.builder.icmp_signed("==", self.at["count"], whole(self.vectors * self.kind.count))
        with self.builder.if_else(whole_one) as (full, cut):
            with full:
                store_vector(self.builder, value, place)
            with cut:
                store_first(self.builder, value, place, self.mask)

    def _stream(self, total: Any, place: Any, last: bool) -> None:
        stream_vector(self.builder, self.builder.load(total), place)

    def _prefetch(self) -> None:
        """Ask for pixels that are needed soon: the processor guesses badly in so many rows (5 x 5: 4.7 to 2.7 ms)."""
        for r in range(ROWS):
            for place in self._vectors_of(self._at_row("next", whole(r))):
                ask_for(self.builder, place, 3)

    def _is_whole_and_three_by_three(self) -> Any:
        """Whether the block has all its rows, and the window three taps each way."""
        builder, found = self.builder, ir.Constant(ir.IntType(1), 1)
        for name, size in (("height", ROWS), ("taps_down", 3), ("taps_across", 3)):
            found = builder.and_(found, builder.icmp_signed("==", self.at[name], whole(size)))
        return found

    def _three_by_three(self) -> None:
        """The usual window, straight through: for R rows of the result."""
        for t in range(ROWS + 2):
            taps, source = self._taps_and_source(whole(t), range(max(0, t - 2), min(ROWS, t + 1)))
            for v in range(3):
                self._tap(taps, source, whole(v))

    def _meeting_rows(self) -> None:
        """Any window: row t of the source contributes to the rows r of the block with 0 <= t - r < U."""
        for_meeting_rows(self.builder, self.at["height"], self.at["taps_down"], ROWS, self._row)

    def _many_tap_rows(self) -> None:
        """For R rows of the result and R or more rows of taps: straight through them, in a tenth less time."""
        builder, down = self.builder, self.at["taps_down"]
        for t in range(ROWS - 1):
            self._row(whole(t), range(t + 1))
        with cgutils.for_range_slice(builder, whole(ROWS - 1), down, whole(1), INT64) as (t, _):
            self._row(t, range(ROWS))
        for r in range(1, ROWS):
            self._row(builder.add(down, whole(r - 1)), range(r, ROWS))

    def _taps_and_source(self, t: Any, rows: Iterable[int]) -> tuple[dict[int, Any], Any]:
        """The rows of taps that row t of the source meets in these rows, and that row."""
        builder, across = self.builder, self.at["taps_across"]
        taps = {r: builder.gep(self.at["kernel"], [builder.mul(builder.sub(t, whole(r)), across)]) for r in rows}
        return taps, self._at_row("source", t)

    def _row(self, t: Any, rows: Iterable[int]) -> None:
        """What row t of the source contributes to these rows: three taps at a time, the usual number, then the rest."""
        builder, across, three = self.builder, self.at["taps_across"], whole(3)
        taps, source = self._taps_and_source(t, rows)
        threes = builder.mul(builder.sdiv(across, three), three)
        with cgutils.for_range_slice(builder, whole(0), threes, three, INT64) as (v, _):
            for k in range(3):
                self._tap(taps, source, builder.add(v, whole(k)))
        rest = builder.sub(across, threes)
        for k in range(2):
            with builder.if_then(builder.icmp_signed(">", rest, whole(k))):
                self._tap(taps, source, builder.add(threes, whole(k)))

    def _tap(self, taps: dict[int, Any], source: Any, v: Any) -> None:
        builder, kind = self.builder, self.kind
        below = builder.gep(source, [builder.load(builder.gep(self.at["offsets"], [v]))])
        pixels = [load_vector(builder, kind, place) for place in self._vectors_of(below)]
        for r, row in taps.items():
            tap = splat(builder, kind, builder.load(builder.gep(row, [v])))
            for total, x in zip(self.sums[r], pixels, strict=True):
                builder.store(multiply_add(builder, tap, x, builder.load(total)), total)


@intrinsic  # type: ignore[untyped-decorator]
def window(
    typing_context: Any,
    target: Any,
    target_stride: Any,
    height: Any,
    count: Any,
    streams: Any,
    source: Any,
    source_stride: Any,
    taps_down: Any,
    taps_across: Any,
    offsets: Any,
    kernel: Any,
    start: Any,
    relu: Any,
    resumes: Any,
    next: Any,
    next_stride: Any,
) -> Any:
    """One block: ``height`` rows, up to R, of ``count`` columns: up to two vectors, or four if WIDEST says so, there
    are R rows, and three rows of taps or more.

    The sums begin with ``start`` or, if it ``resumes``, with the target; ``streams``: they go past the cache; ``relu``
    of them is stored, unless they do.
    """
    kinds = dict.fromkeys(NAMES, types.intp) | dict.fromkeys(("target", "source", "kernel", "next"), target)
    kinds |= {
        "streams": types.boolean,
        "resumes": types.boolean,
        "relu": types.boolean,
        "start": target.dtype,
        "offsets": offsets,
    }
    kind = ir_vector(target.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        at = dict(zip(NAMES, values, strict=True))
        with builder.if_else(builder.icmp_signed("<=", at["count"], whole(kind.count))) as (one, more):
            with one:
                _Block(builder, kind, 1, at).write()
            with more, builder.if_else(builder.icmp_signed("<=", at["count"], whole(2 * kind.count))) as (two, four):
                with two:
                    _Block(builder, kind, 2, at).write()
                with four:
                    if WIDEST > 2:
                        _Block(builder, kind, WIDEST, at).write()
        return context.get_dummy_value()

    return types.void(*[kinds[name] for name in NAMES]), codegen


@intrinsic  # type: ignore[untyped-decorator]
def to_boundary(typing_context: Any, place: Any) -> Any:
    """Elements from ``place`` to the next multiple of a vector's size."""
    itemsize = place.dtype.bitwidth // 8

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        back = builder.neg(builder.ptrtoint(values[0], INT64))
        return builder.sdiv(builder.and_(back, whole(itemsize * lanes(itemsize) - 1)), whole(itemsize))

    return types.intp(place), codegen
