"""The functions of the micro-kernel, written in LLVM's own language: one for each size of a block of sums.

What they compute, and where the numbers lie, says ``micro.py``, which calls the one that fits.
"""

from typing import Any

from llvmlite import ir

from .bands import whole
from .block import INT64
from .generated import internal_function
from .machine import machine
from .prefetch import ask_for
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

    names: tuple[str, ...] = (
        "y",
        "stride_y",
        "added",
        "stride_added",
        "start",
        "step_start",
        "a",
        "rows",
        "step_a",
        "group_a",
    )
    names += ("b", "stride_b", "table", "ahead", "groups", "depth", "count", "relu")

    def __init__(self, values: Any) -> None:
        self.values = dict(zip(self.names, values, strict=True))

    def __getattr__(self, name: str) -> Any:
        return self.values[name]

    @classmethod
    def kinds(cls, scalar: Any) -> list[Any]:
        pointers, tables = ("y", "added", "start", "a", "b"), ("rows", "table")
        return [
            scalar.as_pointer() if name in pointers else INT64.as_pointer() if name in tables else INT64
            for name in cls.names
        ]


class Block:
    """Writes the function for ``height`` rows and ``vectors`` vectors, the last of them cut short if ``masked``.

    ``packed``: for terms that lie side by side in a, and one group in a panel of b.
    """

    def __init__(
        self, module: Any, vector: Any, height: int, vectors: int, *, masked: bool = False, packed: bool = False
    ) -> None:
        self.vector, self.height, self.vectors = vector, height, vectors
        scalar = vector.element
        name = f"fastdl_{'packed_' if packed else ''}tile_{height}x{vectors}{'_end' if masked else ''}_{suffix(vector)}"
        self.function = internal_function(module, name, _Places.kinds(scalar))
        self.at = _Places(self.function.args)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.mask = lane_mask(self.builder, vector, self.at.count) if masked else None
        self._write(packed)

    def _columns(self, place: Any) -> list[Any]:
        """The vectors of a row of memory."""
        found = []
        for j in range(self.vectors):
            here = self.builder.gep(place, [whole(j * self.vector.count)])
            if self.mask is not None and j == self.vectors - 1:
                found.append(load_first(self.builder, self.vector, here, self.mask))
            else:
                found.append(load_vector(self.builder, self.vector, here))
        return found

    def _put(self, place: Any, values: list[Any]) -> None:
        for j, value in enumerate(values):
            here = self.builder.gep(place, [whole(j * self.vector.count)])
            if self.mask is not None and j == self.vectors - 1:
                store_first(self.builder, value, here, self.mask)
            else:
                store_vector(self.builder, value, here)

    def _loop(self, count: Any, sums: list[Any], body: Any) -> list[Any]:
        """``sums`` after ``count`` (at least one) rounds of ``body(index, sums)``."""
        builder, before = self.builder, self.builder.block
        loop = builder.append_basic_block("loop")
        builder.branch(loop)
        builder.position_at_end(loop)
        index = builder.phi(INT64)
        index.add_incoming(whole(0), before)
        inside = []
        for value in sums:
            phi = builder.phi(self.vector)
            phi.add_incoming(value, before)
            inside.append(phi)
        results = body(index, inside)
        # LLVM would unroll the loop and run out of registers for addresses; a "convergent" piece of code, here an empty
        # one, may not be copied.
        nothing = ir.InlineAsm(ir.FunctionType(ir.VoidType(), []), "", "", side_effect=True)
        builder.call(nothing, [], attrs=("convergent",))
        following = builder.add(index, whole(1))
        index.add_incoming(following, builder.block)
        for phi, value in zip(inside, results, strict=True):
            phi.add_incoming(value, builder.block)
        end = builder.append_basic_block("end")
        builder.cbranch(builder.icmp_signed("<", following, count), loop, end)
        builder.position_at_end(end)
        return list(results)

    def _write(self, packed: bool) -> None:
        builder, at = self.builder, self.at
        rows = [builder.gep(at.a, [builder.load(builder.gep(at.rows, [whole(i)]))]) for i in range(self.height)]
        sums = []
        for i in range(self.height):
            value = builder.load(builder.gep(at.start, [builder.mul(at.step_start, whole(i))]))
            sums += [splat(builder, self.vector, value)] * self.vectors

        sums = self._packed_terms(rows, sums) if packed else self._terms(rows, sums)
        sums = self._added(sums)
        floor = ir.Constant(self.vector, [0.0] * self.vector.count)
        sums = self._where(at.relu, sums, lambda x: builder.select(builder.fcmp_ordered(">", floor, x), floor, x))
        for i in range(self.height):
            place = builder.gep(at.y, [builder.mul(at.stride_y, whole(i))])
            self._put(place, sums[i * self.vectors : (i + 1) * self.vectors])
        builder.ret_void()

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
                return self._term(starts, builder.mul(k, at.step_a), row, sums)

            return self._loop(at.depth, sums, term)

        return self._loop(at.groups, sums, group)

    def _packed_terms(self, rows: list[Any], sums: list[Any]) -> list[Any]:
        """The same where all addresses are known but for one number: several terms for each step of the loop.

        Nothing but loads and multiply-adds is left. A thread that shares its core with another gets half of the
        instructions that the core decodes in a cycle, too few for the loop above.
        """
        builder, depth, panel = self.builder, self.at.depth, self.vectors * self.vector.count

        def terms(first: Any, count: int, sums: list[Any]) -> list[Any]:
            for u in range(count):
                k = builder.add(first, whole(u))
                sums = self._term(rows, k, builder.gep(self.at.b, [builder.mul(k, whole(panel))]), sums)
            return sums

        rest = builder.srem(depth, whole(_UNROLLED))
        several = builder.sub(depth, rest)
        steps = builder.sdiv(depth, whole(_UNROLLED))
        sums = self._loop(steps, sums, lambda i, sums: terms(builder.mul(i, whole(_UNROLLED)), _UNROLLED, sums))
        return self._branch(
            builder.icmp_signed("!=", rest, whole(0)),
            sums,
            lambda sums: self._loop(rest, sums, lambda i, sums: terms(builder.add(several, i), 1, sums)),
        )

    def _term(self, rows: list[Any], k: Any, b: Any, sums: list[Any]) -> list[Any]:
        """The sums with one term more: number k of each row times the vectors at b."""
        columns, results = self._columns(b), []
        for i, row in enumerate(rows):
            factor = splat(self.builder, self.vector, self.builder.load(self.builder.gep(row, [k])))
            for j, column in enumerate(columns):
                results.append(multiply_add(self.builder, factor, column, sums[i * self.vectors + j]))
        return results

    def _added(self, sums: list[Any]) -> list[Any]:
        """Plus what lies at ``added``, if that is not a null pointer."""
        builder, at = self.builder, self.at

        def change(values: list[Any]) -> list[Any]:
            results = []
            for i in range(self.height):
                places = self._columns(builder.gep(at.added, [builder.mul(at.stride_added, whole(i))]))
                own = values[i * self.vectors : (i + 1) * self.vectors]
                results += [builder.fadd(x, y) for x, y in zip(own, places, strict=True)]
            return results

        return self._branch(builder.icmp_unsigned("!=", builder.ptrtoint(at.added, INT64), whole(0)), sums, change)

    def _where(self, flag: Any, sums: list[Any], change: Any) -> list[Any]:
        condition = self.builder.icmp_signed("!=", flag, whole(0))
        return self._branch(condition, sums, lambda values: [change(x) for x in values])

    def _branch(self, condition: Any, sums: list[Any], change: Any) -> list[Any]:
        builder, before = self.builder, self.builder.block
        then, end = builder.append_basic_block("then"), builder.append_basic_block("end")
        builder.cbranch(condition, then, end)
        builder.position_at_end(then)
        changed = change(sums)
        after = builder.block
        builder.branch(end)
        builder.position_at_end(end)
        results = []
        for value, other in zip(sums, changed, strict=True):
            phi = builder.phi(self.vector)
            phi.add_incoming(value, before)
            phi.add_incoming(other, after)
            results.append(phi)
        return results
