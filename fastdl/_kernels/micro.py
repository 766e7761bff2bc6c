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

Where the terms of a lie side by side and b is a packed panel, ``column`` goes down all rows at once: four terms make a
step of its loop, and all but a few addresses are constants. Otherwise each step also asks for the memory ``ahead`` of
its row of b, where a later block will read: rows of a b that is read in place lie on pages of their own, which the
processor does not foresee.

The last vector may be cut short: ``count`` says how many of its lanes there are, memory behind them is left alone.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from numba import types
from numba.extending import intrinsic

from .bands import whole
from .block import INT64
from .generated import call_one_of
from .machine import most_vectors
from .micro_block import Block, Column, most_rows
from .vectors import ir_vector


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
    """Compute a block of ``height`` rows and ``vectors`` vectors (see the file's docstring); groups, depth >= 1."""
    vector = ir_vector(y.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        height, vectors, masked, *arguments = values
        # One number for all that selects the function: rows, then vectors, then whether the last is cut short.
        cut_short = builder.zext(builder.icmp_signed("!=", masked, whole(0)), INT64)
        kind = builder.add(builder.mul(vectors, whole(2)), cut_short)
        choice = builder.add(builder.mul(height, whole(16)), kind)

        def blocks() -> Iterator[tuple[int, Any]]:
            for number, cut in itertools.product(range(1, most_vectors() + 1), (0, 1)):
                for rows in range(1, most_rows(number) + 1):
                    block = Block(builder.module, vector, rows, number, masked=cut == 1)
                    yield 16 * rows + 2 * number + cut, block.function

        call_one_of(builder, choice, blocks(), arguments)
        return context.get_dummy_value()

    integer, pointer, table_type = types.intp, y, types.CPointer(types.int64)
    kinds = [integer, integer, integer, pointer, integer, pointer, integer, pointer, integer, pointer, table_type]
    kinds += [integer, integer, pointer, integer, table_type, integer, integer, integer, integer, integer]
    return types.void(*kinds), codegen


@intrinsic  # type: ignore[untyped-decorator]
def column(
    typing_context: Any,
    height: Any,
    masked: Any,
    y: Any,
    stride_y: Any,
    added: Any,
    stride_added: Any,
    start: Any,
    step_start: Any,
    a: Any,
    row_a: Any,
    b: Any,
    next: Any,
    lines: Any,
    depth: Any,
    tiles: Any,
    count: Any,
    spills: Any,
    relu: Any,
) -> Any:
    """``tiles`` blocks of ``height`` rows, one below the other, and the most vectors of a packed panel b, whose terms
    lie side by side in a; at least four terms. Each asks for so many ``lines`` of what comes ``next``; of none, for
    nothing. The last vector is cut short if ``masked``, and then perhaps ``spills``: see ``Column``."""
    vector = ir_vector(y.dtype)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        height, masked, *arguments = values
        most, cut_short = most_vectors(), builder.zext(builder.icmp_signed("!=", masked, whole(0)), INT64)

        def columns() -> Iterator[tuple[int, Any]]:
            for rows, cut in itertools.product(range(1, most_rows(most) + 1), (0, 1)):
                yield 2 * rows + cut, Column(builder.module, vector, rows, most, masked=cut == 1).function

        call_one_of(builder, builder.add(builder.mul(height, whole(2)), cut_short), columns(), arguments)
        return context.get_dummy_value()

    integer, pointer = types.intp, y
    kinds = [integer, integer, pointer, integer, pointer, integer, pointer, integer, pointer, integer, pointer, pointer]
    return types.void(*kinds, integer, integer, integer, integer, integer, integer), codegen


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
