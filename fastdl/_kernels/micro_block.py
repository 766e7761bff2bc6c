"""The functions of the micro-kernel, written in LLVM's own language: one for each size of a block of sums.

What they compute, and where the numbers lie, says ``micro.py``, which calls the one that fits.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from .bands import whole
from .block import INT64
from .generated import branch, internal_function, loop
from .machine import machine
from .prefetch import ask_for, numbers_in_line
from .vectors import (
    lane_mask,
    load_first,
    load_vector,
    multiply_add,
    splat,
    store_first,
    store_vector,
    suffix,
)

_UNROLLED = 4  # terms of a step of the loop over packed ones


def most_rows(vectors: int) -> int:
    """The most rows of a block of so many vectors: 24 or 12 sums, three quarters of the registers."""
    return {1: 12, 2: 12, 3: 8, 4: 6}[vectors] if machine().registers >= 32 else {1: 10, 2: 6}[vectors]


class _Places:
    """The arguments of a generated function, by name."""

    def __init__(self, names: Sequence[str], values: Any) -> None:
        self.values = dict(zip(names, values, strict=True))

    def __getattr__(self, name: str) -> Any:
        return self.values[name]


_RESULT = ("y", "stride_y", "added", "stride_added", "start", "step_start", "a")


class Block:
    """Writes the function for ``height`` rows and ``vectors`` vectors, the last of them cut short if ``masked``."""

    names: tuple[str, ...] = (*_RESULT, "rows", "step_a", "group_a", "b", "stride_b", "table", "ahead", "groups")
    names += ("depth", "count", "relu")
    title = "tile"

    def __init__(self, module: Any, vector: Any, height: int, vectors: int, *, masked: bool = False) -> None:
        self.vector, self.height, self.vectors = vector, height, vectors
        name = f"fastdl_{self.title}_{height}x{vectors}{'_end' if masked else ''}_{suffix(vector)}"
        self.function = internal_function(module, name, self.kinds(vector.element))
        self.at = _Places(self.names, self.function.args)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.mask = lane_mask(self.builder, vector, self.at.count) if masked else None
        self._write()
        self.builder.ret_void()

    @classmethod
    def kinds(cls, scalar: Any) -> list[Any]:
        """Types of the arguments."""
        pointers, tables = ("y", "added", "start", "a", "b", "next"), ("rows", "table")
        return [
            scalar.as_pointer() if name in pointers else INT64.as_pointer() if name in tables else INT64
            for name in cls.names
        ]

    def _columns(self, place: Any, *, cut: bool = True) -> list[Any]:
        """The vectors of a row of memory, the last one perhaps ``cut`` short."""
        found = []
        for j in range(self.vectors):
            here = self.builder.gep(place, [whole(j * self.vector.count)])
            if cut and self.mask is not None and j == self.vectors - 1:
                found.append(load_first(self.builder, self.vector, here, self.mask))
            else:
                found.append(load_vector(self.builder, self.vector, here))
        return found

    def _put(self, y: Any, sums: list[Any], *, cut: bool = True) -> None:
        for i in range(self.height):
            row = self.builder.gep(y, [self.builder.mul(self.at.stride_y, whole(i))])
            for j, value in enumerate(sums[i * self.vectors : (i + 1) * self.vectors]):
                here = self.builder.gep(row, [whole(j * self.vector.count)])
                if cut and self.mask is not None and j == self.vectors - 1:
                    store_first(self.builder, value, here, self.mask)
                else:
                    store_vector(self.builder, value, here)

    def _write(self) -> None:
        builder, at = self.builder, self.at
        rows = [builder.gep(at.a, [builder.load(builder.gep(at.rows, [whole(i)]))]) for i in range(self.height)]
        self._finish(self._terms(rows, self._begin(at.start)), at.added, at.y)

    def _begin(self, start: Any) -> list[Any]:
        """What the sums start with, a number for each row."""
        builder, sums = self.builder, []
        for i in range(self.height):
            value = builder.load(builder.gep(start, [builder.mul(self.at.step_start, whole(i))]))
            sums += [splat(builder, self.vector, value)] * self.vectors
        return sums

    def _finish(self, sums: list[Any], added: Any, y: Any) -> None:
        """Add what is to be added, and put the sums to y."""
        builder, at = self.builder, self.at
        sums = self._added(sums, added)
        floor = ir.Constant(self.vector, [0.0] * self.vector.count)
        sums = self._where(at.relu, sums, lambda x: builder.select(builder.fcmp_ordered(">", floor, x), floor, x))
        self._put(y, sums)

    def _terms(self, rows: list[Any], sums: list[Any]) -> list[Any]:
        """The sums over all groups, wherever their terms lie."""
        builder, at = self.builder, self.at

        def group(g: Any, sums: list[Any]) -> list[Any]:
            b = builder.gep(at.b, [builder.load(builder.gep(at.table, [g]))])
            shift = builder.mul(g, at.group_a)
            starts = [builder.gep(row, [shift]) for row in rows]

            def term(k: Any, sums: list[Any]) -> list[Any]:
                row = builder.gep(b, [builder.mul(k, at.stride_b)])
                ask_for(builder, builder.gep(row, [at.ahead]))
                return self._term(starts, builder.mul(k, at.step_a), self._columns(row), sums)

            return loop(self.builder, at.depth, sums, term)

        return loop(self.builder, at.groups, sums, group)

    def _term(self, rows: list[Any], k: Any, columns: list[Any], sums: list[Any]) -> list[Any]:
        """The sums with one term more: number k of each row times a row of b."""
        results = []
        for i, row in enumerate(rows):
            factor = splat(self.builder, self.vector, self.builder.load(self.builder.gep(row, [k])))
            for j, column in enumerate(columns):
                results.append(multiply_add(self.builder, factor, column, sums[i * self.vectors + j]))
        return results

    def _added(self, sums: list[Any], added: Any) -> list[Any]:
        """Plus what lies at ``added``, if that is not a null pointer."""
        builder, at = self.builder, self.at

        def change(values: list[Any]) -> list[Any]:
            results = []
            for i in range(self.height):
                places = self._columns(builder.gep(added, [builder.mul(at.stride_added, whole(i))]))
                own = values[i * self.vectors : (i + 1) * self.vectors]
                results += [builder.fadd(x, y) for x, y in zip(own, places, strict=True)]
            return results

        return branch(self.builder, builder.icmp_unsigned("!=", builder.ptrtoint(added, INT64), whole(0)), sums, change)

    def _where(self, flag: Any, sums: list[Any], change: Any) -> list[Any]:
        condition = self.builder.icmp_signed("!=", flag, whole(0))
        return branch(self.builder, condition, sums, lambda values: [change(x) for x in values])


class Column(Block):
    """Writes the function for several tiles one below the other, of one panel of a packed b and terms that lie side by
    side in a.

    All addresses are known but for one number, so several terms make a step of the loop, in which nothing but loads and
    multiply-adds is left. A thread that shares its core with another gets half of the instructions that the core
    decodes in a cycle, too few for the loop of ``Block``. Of short sums, what a tile takes besides counts as well: one
    call for all tiles of a panel, and loops of the same length for each of them, which the processor foresees.

    If the last vector is cut short, b has zeros behind its end. And if ``spills`` is set, results are stored whole:
    what is written behind the end of a row is the start of the next one, which comes later.
    """

    names = (*_RESULT, "row_a", "b", "next", "lines", "depth", "tiles", "count", "spills", "relu")
    title = "column"

    def _write(self) -> None:
        builder, at = self.builder, self.at
        rest = builder.srem(at.depth, whole(_UNROLLED))
        several = builder.sub(at.depth, rest)
        height = whole(self.height)
        down = builder.mul(at.stride_y, height)
        further = (
            builder.mul(at.stride_added, height),
            builder.mul(at.step_start, height),
            builder.mul(at.row_a, height),
        )
        in_line = numbers_in_line(self.vector.element)

        def tile(_: Any, places: list[Any]) -> list[Any]:
            y, added, start, a, following = places
            with builder.if_then(builder.icmp_signed("!=", at.lines, whole(0))):
                self._ask(y, following, in_line)
            rows = [builder.gep(a, [builder.mul(at.row_a, whole(i))]) for i in range(self.height)]
            self._finish(self._packed_terms(rows, self._begin(start), several, rest), added, y)
            moved = [builder.gep(place, [step]) for place, step in zip((added, start, a), further, strict=True)]
            return [builder.gep(y, [down]), *moved, builder.gep(following, [builder.mul(at.lines, whole(in_line))])]

        loop(self.builder, at.tiles, [at.y, at.added, at.start, at.a, at.next], tile)

    def _ask(self, y: Any, following: Any, in_line: int) -> None:
        """For the lines of y, and for a tile's share of those of the next panel: once each, while sums are made."""
        builder = self.builder
        for i in range(self.height):
            row = builder.gep(y, [builder.mul(self.at.stride_y, whole(i))])
            for j in range(0, self.vectors * self.vector.count, in_line):
                ask_for(builder, builder.gep(row, [whole(j)]), locality=3, write=1)

        def line(_: Any, places: list[Any]) -> list[Any]:
            ask_for(builder, places[0])
            return [builder.gep(places[0], [whole(in_line)])]

        loop(self.builder, self.at.lines, [following], line)

    def _packed_terms(self, rows: list[Any], sums: list[Any], several: Any, rest: Any) -> list[Any]:
        builder, panel = self.builder, self.vectors * self.vector.count

        def terms(first: Any, count: int, sums: list[Any]) -> list[Any]:
            for u in range(count):
                k = builder.add(first, whole(u))
                columns = self._columns(builder.gep(self.at.b, [builder.mul(k, whole(panel))]), cut=False)
                sums = self._term(rows, k, columns, sums)
            return sums

        steps = builder.sdiv(several, whole(_UNROLLED))
        sums = loop(self.builder, steps, sums, lambda i, sums: terms(builder.mul(i, whole(_UNROLLED)), _UNROLLED, sums))
        return branch(
            self.builder,
            builder.icmp_signed("!=", rest, whole(0)),
            sums,
            lambda sums: loop(self.builder, rest, sums, lambda i, sums: terms(builder.add(several, i), 1, sums)),
        )

    def _put(self, y: Any, sums: list[Any], *, cut: bool = True) -> None:
        if self.mask is None:
            super()._put(y, sums)
            return
        with self.builder.if_else(self.builder.icmp_signed("!=", self.at.spills, whole(0))) as (spilling, cutting):
            with spilling:
                super()._put(y, sums, cut=False)
            with cutting:
                super()._put(y, sums)
