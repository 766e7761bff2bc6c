"""The micro-kernel: a block of a product held in registers. The one place where machine code is spelt out.

    y[i, j] = s(start[i] + sum_g sum_k a[i, g, k] b[g, k, j] (+ added[i, j]))

for a few rows i and one to four vectors of columns j. Every step k loads the vectors of a row of b, spreads one number
of each row of a over a vector and multiplies and adds, rows x vectors times: 24 (of 32 registers) or 12 (of 16) sums
that never leave their registers. So each number loaded takes part in several multiplications, and the multiply-add
units, two a cycle on current processors, never wait for memory or for each other's results.

LLVM does not keep such a block in registers when it vectorises a plain loop, so the loop is generated: in LLVM's own
intermediate language, as one function for each number of rows and of vectors. ``tile`` calls the one that fits.

Where the numbers lie:
- a: row i starts at element rows[i]; term k of group g lies g * group_a + k * step_a further on;
- b: term k of group g is the row of columns at table[g] + k * stride_b;
- y and what is added: stride_y and stride_added between their rows.
A product has one group. A convolution has one for each tap of its kernel: the sum over the taps of products over the
channels, with b read in place, needs no copy of the image for each tap ("batch-reduce" product: Georganas et al., "High
Performance Deep Learning via a Single Building Block", 2019).

Each step also asks for the memory ``ahead`` of its row of b, where a later block will read: rows of a b that is read in
place lie on pages of their own, which the processor does not foresee.

The last vector may be cut short: ``count`` says how many of its lanes there are, memory behind them is left alone.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .bands import whole
from .block import INT64
from .machine import machine, most_vectors
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


class _Block:
    """Writes the function for ``height`` rows and ``vectors`` vectors, the last of them cut short if ``masked``."""

    def __init__(self, module: Any, vector: Any, height: int, vectors: int, masked: bool) -> None:
        self.vector, self.height, self.vectors = vector, height, vectors
        scalar = vector.element
        name = f"fastdl_tile_{height}x{'end' if masked else vectors}_{suffix(vector)}"
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), _Places.kinds(scalar)), name)
        self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        self.function.attributes.add("nounwind")
        self.at = _Places(self.function.args)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.mask = lane_mask(self.builder, vector, self.at.count) if masked else None
        self._write()

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

    def _write(self) -> None:
        builder, at = self.builder, self.at
        rows = [builder.gep(at.a, [builder.load(builder.gep(at.rows, [whole(i)]))]) for i in range(self.height)]
        sums = []
        for i in range(self.height):
            value = builder.load(builder.gep(at.start, [builder.mul(at.step_start, whole(i))]))
            sums += [splat(builder, self.vector, value)] * self.vectors

        def group(g: Any, sums: list[Any]) -> list[Any]:
            b = builder.gep(at.b, [builder.load(builder.gep(at.table, [g]))])
            shift = builder.mul(g, at.group_a)
            starts = [builder.gep(row, [shift]) for row in rows]

            def term(k: Any, sums: list[Any]) -> list[Any]:
                row = builder.gep(b, [builder.mul(k, at.stride_b)])
                columns = self._columns(row)
                ask_for(builder, builder.gep(row, [at.ahead]))
                place = builder.mul(k, at.step_a)
                results = []
                for i, start in enumerate(starts):
                    factor = splat(builder, self.vector, builder.load(builder.gep(start, [place])))
                    for j, column in enumerate(columns):
                        results.append(multiply_add(builder, factor, column, sums[i * self.vectors + j]))
                return results

            return self._loop(at.depth, sums, term)

        sums = self._loop(at.groups, sums, group)
        sums = self._added(sums)
        floor = ir.Constant(self.vector, [0.0] * self.vector.count)
        sums = self._where(at.relu, sums, lambda x: builder.select(builder.fcmp_ordered(">", floor, x), floor, x))
        for i in range(self.height):
            place = builder.gep(at.y, [builder.mul(at.stride_y, whole(i))])
            self._put(place, sums[i * self.vectors : (i + 1) * self.vectors])
        builder.ret_void()

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


@intrinsic  # type: ignore[untyped-decorator]
def tile(
    typing_context: Any,
    height: Any,
    vectors: Any,
    masked: Any,
    y: Any,
    stride_y: Any,
    added: Any,
    stride_added: Any,
    start: Any,
    step_start: Any,
    a: Any,
    rows: Any,
    step_a: Any,
    group_a: Any,
    b: Any,
    stride_b: Any,
    table: Any,
    ahead: Any,
    groups: Any,
    depth: Any,
    count: Any,
    relu: Any,
) -> Any:
    """Compute a block of ``height`` rows and ``vectors`` vectors (see the file's docstring); groups, depth >= 1.

    Blocks that are cut short have one vector.
    """
    vector = ir_vector(y.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        height, vectors, masked, *arguments = values
        end = builder.append_basic_block("tile_end")
        # One number for all that selects the function: rows, then vectors, where 0 stands for one that is cut short.
        kind = builder.select(builder.icmp_signed("!=", masked, whole(0)), whole(0), vectors)
        choice = builder.switch(builder.add(builder.mul(height, whole(8)), kind), end)
        for number in range(most_vectors() + 1):
            for rows in range(1, most_rows(max(1, number)) + 1):
                block = _Block(builder.module, vector, rows, max(1, number), masked=number == 0)
                here = builder.append_basic_block(f"tile_{rows}x{number}")
                choice.add_case(whole(8 * rows + number), here)
                builder.position_at_end(here)
                builder.call(block.function, arguments)
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    integer, pointer, table_type = types.intp, y, types.CPointer(types.int64)
    kinds = [
        integer,
        integer,
        integer,
        pointer,
        integer,
        pointer,
        integer,
        pointer,
        integer,
        pointer,
        table_type,
        integer,
        integer,
    ]
    return types.void(*kinds, pointer, integer, table_type, integer, integer, integer, integer, integer), codegen


@intrinsic  # type: ignore[untyped-decorator]
def rows_of_tile(typing_context: Any, like: Any, vectors: Any) -> Any:
    """The most rows of a block of so many vectors."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        result = whole(most_rows(1))
        for number in range(2, most_vectors() + 1):
            is_it = builder.icmp_signed("==", values[1], whole(number))
            result = builder.select(is_it, whole(most_rows(number)), result)
        return result

    return types.intp(like, types.intp), codegen


@intrinsic  # type: ignore[untyped-decorator]
def vectors_of_tile(typing_context: Any, like: Any) -> Any:
    """The most vectors of a block."""
    return types.intp(like), lambda context, builder, signature, values: whole(most_vectors())
