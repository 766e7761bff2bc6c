"""Attention by blocks: no more of the weights is kept than one block of queries by keys.

Letters: T queries, S keys, D their features, E features of a value; q k v the inputs, g the gradient of the result y;
s scores, p weights, m largest score so far, l sum of powers, c the log-sum-exp of a row, h its number g . y.

A cell of the forward pass is a few blocks of queries. It walks over the blocks of keys and keeps m and l; when a later
block has a larger score, what was summed before is scaled down (Milakov and Gimelshein, "Online normalizer calculation
for softmax", 2018; Dao, "FlashAttention-2", 2023, algorithm 1). Queries are counted through all heads that share keys:
a block is a part of the queries of one head, or the queries of several heads, where each has few.

A block of keys is transposed into panels as the product of blocks takes them, in the worker's own memory, for all
blocks of queries of the cell. Blocks of keys that causality or a boolean mask hides from all queries are skipped.

A weight that is 0 takes no part in a sum, whatever it stands beside. The products know nothing of that. Only where
values are not finite does it matter, and then the result is not finite either: such a cell is done once more, with
products that leave these terms out.

Slots 0 to 23 of all kernels: q, k, mask, T, S, D, E, heads of queries that share keys, scale, causal, kind of mask
(0 none, 1 boolean, 2 added), outer axes, their shape, strides of the mask along them, along the queries and along the
keys; 16 queries and 17 keys in a block, blocks of a head's queries, heads in a block; 20 scratch of a worker and its
stride (0: none, 4096 elements are enough), the kernels ``product.block`` and ``sparse``.
"""

import numpy as np

from . import vector_math as vm
from .attention_rows import allowed, dot, fill, finite, hide, mask_rows, scale, soften
from .block import address, call, integer, number, pointer, real, shift, stack, stack_integers
from .compiler import inline, merge
from .micro import vectors_of_tile
from .vectors import first, load, spread, store, transpose, width


@inline
def multiply(args, worker, sparse, y, stride_y, a, row_a, step_a, b, stride_b, panel_b, rows, columns, depth, add):  # type: ignore[no-untyped-def]
    """y (+)= a b. Slots as in ``product.block``."""
    block = stack_integers(args, 19)
    block[0], block[1], block[2], block[3], block[4] = address(y), stride_y, address(a), row_a, step_a
    block[5], block[6], block[7], block[8], block[9] = 0, 0, address(b), stride_b, panel_b
    block[10], block[11], block[12], block[13], block[14] = 1, 0, rows, columns, depth
    block[15], block[16], block[17], block[18] = add, 0, 0, 0
    call(integer(args, 23 if sparse else 22), address(block), 0, 1, worker)


def sparse(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """As ``product.block`` with b in place, but terms with a[i, k] = 0 are left out. One cell."""
    y, stride_y, a, row_a, step_a = (
        pointer(args, 0),
        integer(args, 1),
        pointer(args, 2),
        integer(args, 3),
        integer(args, 4),
    )
    b, stride_b, rows, columns, depth = (
        pointer(args, 7),
        integer(args, 8),
        integer(args, 12),
        integer(args, 13),
        integer(args, 14),
    )
    for i in range(rows):
        p = shift(y, i * stride_y)
        if integer(args, 15) == 0:
            fill(p, number(args, 0), columns)
        for k in range(depth):
            u, v = a[i * row_a + k * step_a], shift(b, k * stride_b)
            if u != 0:
                for j in range(columns):
                    p[j] += u * v[j]


@inline
def panel_of(x):  # type: ignore[no-untyped-def]
    """Columns of a panel of the product of blocks."""
    return vectors_of_tile(x) * width(x)


@inline
def pack(args, target, source, rows, columns):  # type: ignore[no-untyped-def]
    """``rows`` rows of ``source`` transposed, in panels of as many of them as a tile of the product has columns."""
    lanes, panel = width(source), panel_of(source)
    tile, zeros = stack(args, 256), spread(number(args, 0))
    for j in range(0, rows, lanes):
        count = min(lanes, rows - j)
        place = shift(target, j // panel * panel * columns + j % panel)
        for k in range(0, columns, lanes):
            q, n = shift(source, j * columns + k), min(lanes, columns - k)
            if count == lanes and n == lanes:
                transpose(shift(place, k * panel), panel, q, columns)
            else:
                for i in range(lanes):
                    store(shift(tile, i * lanes), first(shift(q, i * columns), n) if i < count else zeros)
                transpose(tile, lanes, tile, lanes)
                for i in range(n):
                    store(shift(place, (k + i) * panel), load(shift(tile, i * lanes)))


@inline
def pack_terms(target, source, rows, columns):  # type: ignore[no-untyped-def]
    """``rows`` rows of ``source``, the terms of a product, in panels of as many columns as a tile has."""
    lanes, panel = width(source), panel_of(source)
    for j in range(0, columns, panel):
        place, count = shift(target, j * rows), min(panel, columns - j)
        for k in range(rows):
            p, q = shift(place, k * panel), shift(source, k * columns + j)
            if count == panel:
                for i in range(0, panel, lanes):
                    store(shift(p, i), load(shift(q, i)))
            else:
                for i in range(0, count, lanes):
                    store(shift(p, i), first(shift(q, i), count - i))


@inline
def multiply_rows(args, worker, sparse, packed, y, a, row_a, step_a, b, panels, depth_b, rows, columns, depth, add):  # type: ignore[no-untyped-def]
    """y (+)= a b; rows of y and b without gaps, b from its ``panels``, of ``depth_b`` terms, if it is ``packed``."""
    panel = panel_of(y)
    stride, step = (panel, depth_b * panel) if packed else (columns, panel)
    source = panels if packed else b
    multiply(args, worker, sparse, y, columns, a, row_a, step_a, source, stride, step, rows, columns, depth, add)


@inline
def scratch(args, worker, small):  # type: ignore[no-untyped-def]
    """The worker's memory: ``small``, on the kernel's stack, where it was found to be enough."""
    return shift(pointer(args, 20), worker * integer(args, 21)) if integer(args, 21) else small


@inline
def blocks_of(args):  # type: ignore[no-untyped-def]
    """Blocks of queries for each head of keys."""
    return -(-integer(args, 7) // integer(args, 19)) * integer(args, 18)


@inline
def block_of(args, head, block):  # type: ignore[no-untyped-def]
    """A block of queries: its first row, counted through all heads, its rows, the place of the first in its head, and
    how many of its rows come one after the other there."""
    length, group, parts, span = integer(args, 3), integer(args, 7), integer(args, 18), integer(args, 19)
    member, i0 = block // parts * span, block % parts * integer(args, 16)
    rows = min(integer(args, 16), min(span, group - member) * length - i0)
    return (head * group + member) * length + i0, rows, i0, min(rows, length)


@inline
def seen_of(args, i0, height):  # type: ignore[no-untyped-def]
    """How many keys a block of queries may see."""
    return min(integer(args, 4), i0 + height) if integer(args, 9) else integer(args, 4)


@inline
def is_hidden(args, row, rows, j0, columns):  # type: ignore[no-untyped-def]
    """0 if a boolean mask allows no pair of the block, 2 if it allows all (or there is no mask), else 1."""
    if integer(args, 10) == 0:
        return 2
    if integer(args, 10) == 2:
        return 1
    found = allowed(args, row, rows, j0, columns)
    return 0 if found == 0 else 2 if found == rows * columns else 1


@merge
def finish_scores(args, s, stride, row, rows, j0, columns, state):  # type: ignore[no-untyped-def]
    """Mask a block of products; the factor that is left to be multiplied to it, positive so that -inf stays -inf."""
    factor = real(args, 8)
    if state == 1:
        mask_rows(args, s, stride, row, rows, j0, columns)
    elif factor <= 0:
        for r in range(rows):
            scale(shift(s, r * stride), factor, columns)
    hide(args, s, stride, row, rows, j0, columns)
    return number(args, 1) if state == 1 or factor <= 0 else factor


@merge
def _scores(args, worker, s, stride, packed, k, row, rows, columns):  # type: ignore[no-untyped-def]
    """A block of products q . k; few queries read the keys as they are."""
    features = integer(args, 5)
    q = shift(pointer(args, 0), row * features)
    if integer(args, 27):
        for j in range(columns):
            u = shift(k, j * features)
            for r in range(rows):
                s[r * stride + j] = dot(shift(q, r * features), u, features, number(args, 0))
    else:
        panel = panel_of(q)
        multiply(
            *(args, worker, 0, s, stride, q, features, 1),
            *(packed, panel, panel * features, rows, columns, features, 0),
        )


@merge
def _attend(args, worker, s, head, lo, hi, m, l, exact):  # type: ignore[no-untyped-def]  # noqa: E741
    """The blocks lo..hi of a head's queries; whether what came out is finite."""
    keys, features, size, in_rows, in_keys = (
        integer(args, 4),
        integer(args, 5),
        integer(args, 6),
        integer(args, 16),
        integer(args, 17),
    )
    stride, one, zero = in_keys + 16, number(args, 1), number(args, 0)
    packed, change, begun = shift(s, in_rows * stride), stack(args, 128), stack_integers(args, 64)
    panel, packs = panel_of(s), integer(args, 30) and exact == 0
    values = shift(packed, -(-in_keys // panel) * panel * features)
    fill(m, number(args, -np.inf), (hi - lo) * in_rows)
    fill(l, zero, (hi - lo) * in_rows)
    fill(begun, 0, hi - lo)
    for part in range(-(-keys // in_keys)):  # a range with a step that is not a constant could raise
        j0 = part * in_keys
        k, v = (
            shift(pointer(args, 1), (head * keys + j0) * features),
            shift(pointer(args, 26), (head * keys + j0) * size),
        )
        count, ready = min(in_keys, keys - j0), 0
        for block in range(lo, hi):
            row, rows, i0, height = block_of(args, head, block)
            columns = min(in_keys, seen_of(args, i0, height) - j0)
            state = is_hidden(args, row, rows, j0, columns) if rows > 0 and columns > 0 else 0
            if state:
                if ready == 0:
                    if integer(args, 27) == 0:
                        pack(args, packed, k, count, features)
                    if packs:
                        pack_terms(values, v, count, size)
                    ready = 1
                _scores(args, worker, s, stride, packed, k, row, rows, columns)
                factor = finish_scores(args, s, stride, row, rows, j0, columns, state)
                at = (block - lo) * in_rows
                soften(args, s, stride, rows, columns, factor, shift(m, at), shift(l, at), change)
                y = shift(pointer(args, 24), row * size)
                if begun[block - lo]:
                    for r in range(rows):
                        if change[r] == 0:  # all weights so far vanish, also those beside values that are not finite
                            fill(shift(y, r * size), zero, size)
                        elif change[r] != 1:
                            scale(shift(y, r * size), change[r], size)
                multiply_rows(
                    *(args, worker, exact, packs, y, s, stride, 1, v, values, count, rows, size, columns),
                    begun[block - lo],
                )
                begun[block - lo] = 1
    good = True
    for block in range(lo, hi):
        row, rows, i0, height = block_of(args, head, block)
        y, c, at = shift(pointer(args, 24), row * size), shift(pointer(args, 25), row), (block - lo) * in_rows
        if begun[block - lo] == 0:
            fill(y, zero, rows * size)
        for r in range(rows):
            # Without any key that may be attended to all powers are 0, and so is y.
            scale(shift(y, r * size), one if l[at + r] == 0 else one / l[at + r], size)
        for r in range(rows):
            c[r] = m[at + r] + vm.log(l[at + r])
        good = good and finite(y, rows * size, zero)
    return good


def forward(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y and c. Slots 24 to 30: y, c, v, whether the keys are read as they are, blocks of queries in a cell, 2,
    whether values are packed.

    The number of tries is a slot because the compiler would make two copies of all this if it knew it.
    """
    m, l, in_cell = stack(args, 1024), stack(args, 1024), integer(args, 28)  # noqa: E741 - the letter of the papers
    s = scratch(args, worker, stack(args, 4096))
    blocks = blocks_of(args)
    cells = -(-blocks // in_cell)
    for cell in range(lo, hi):
        head, part = cell // cells, cell % cells
        if integer(args, 9):  # later queries see more keys: dealt from both ends in turn, so that neighbours are even
            part = part // 2 if part % 2 == 0 else cells - 1 - part // 2
        start, end = part * in_cell, min(blocks, (part + 1) * in_cell)
        for exact in range(integer(args, 29)):
            if _attend(args, worker, s, head, start, end, m, l, exact):
                break
