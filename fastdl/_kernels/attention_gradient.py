"""The gradients of attention; letters, blocks and the first slots as in ``attention.py``.

A cell has some of the blocks of keys of a head: it makes their dk and dv, and what they add to dq, over all blocks of
queries (Dao, "FlashAttention-2", 2023, algorithm 2). Where a head has several cells, each has a dq of its own, and
``gather`` adds them up in order. The weights are computed anew, where a row is longer than a block from its log-sum-exp
c. Slots 24 to 27 of all kernels but ``inner`` and ``gather``: c, h, g, v.
"""

from .attention import (
    block_of,
    blocks_of,
    finish_scores,
    is_hidden,
    multiply,
    multiply_rows,
    pack,
    pack_terms,
    panel_of,
    scratch,
    seen_of,
)
from .attention_rows import fill, finite, parts_of_rows, whole_rows
from .block import integer, number, pointer, real, shift, stack
from .compiler import in_order, inline, merge


@merge
def _slopes(args, worker, s, d, stride, keys, values, row, rows, j0, columns, state, outer):  # type: ignore[no-untyped-def]
    """A block of weights p into s, and of ds = p (g v' - h), times ``outer``, into d. Packed keys and values."""
    features, size = integer(args, 5), integer(args, 6)
    panel = panel_of(s)
    q, g = shift(pointer(args, 0), row * features), shift(pointer(args, 26), row * size)
    multiply(
        *(args, worker, 0, s, stride, q, features, 1),
        *(keys, panel, panel * features, rows, columns, features, 0),
    )
    if size:
        multiply(
            *(args, worker, 0, d, stride, g, size, 1),
            *(values, panel, panel * size, rows, columns, size, 0),
        )
    else:
        fill(d, number(args, 0), rows * stride)
    factor = finish_scores(args, s, stride, row, rows, j0, columns, state)
    if integer(args, 4) <= integer(args, 17):
        whole_rows(args, s, d, stride, rows, columns, factor, outer)
    else:
        c, h = shift(pointer(args, 24), row), shift(pointer(args, 25), row)
        parts_of_rows(args, s, d, stride, rows, columns, factor, outer, c, h)


@inline
def _places(args, s):  # type: ignore[no-untyped-def]
    """The blocks of a worker after s: d, packed keys, packed values, keys once more, as terms; and the stride of the
    first two."""
    in_keys, features = integer(args, 17), integer(args, 5)
    stride = in_keys + 16
    d = shift(s, integer(args, 16) * stride)
    keys = shift(d, integer(args, 16) * stride)
    panel = panel_of(s)
    padded = -(-in_keys // panel) * panel
    values = shift(keys, padded * features)
    return d, keys, values, shift(values, padded * integer(args, 6)), stride


@in_order
def _dot(a, b, n, zero):  # type: ignore[no-untyped-def]
    s = zero
    for j in range(n):
        s += a[j] * b[j]
    return s


def inner(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """h[i] = a[i] . b[i]. A cell is 64 rows. Slots: h, a, b, rows, columns.

    In the order of the products of blocks: a query that sees a lone key has exactly its g v', and so no gradient.
    """
    h, a, b, rows, columns = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3), integer(args, 4)
    for i in range(lo * 64, min(rows, hi * 64)):
        h[i] = _dot(shift(a, i * columns), shift(b, i * columns), columns, number(args, 0))


def gather(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[i] += sum_n x[n, i]. A cell is 4096 elements. Slots: y, x, elements, parts n."""
    y, x, elements = pointer(args, 0), pointer(args, 1), integer(args, 2)
    for n in range(integer(args, 3)):
        part = shift(x, n * elements)
        for i in range(lo * 4096, min(elements, hi * 4096)):
            y[i] += part[i]


@merge
def _keys_of(args, worker, s, head, j0, dq, exact):  # type: ignore[no-untyped-def]
    """dk and dv of a block of keys, and what it adds to dq; whether all of it is finite."""
    features, size, group = integer(args, 5), integer(args, 6), integer(args, 7)
    count = min(integer(args, 17), integer(args, 4) - j0)
    place, zero = head * integer(args, 4) + j0, number(args, 0)
    d, keys, values, key_terms, stride = _places(args, s)
    panel, start = panel_of(s), head * group * integer(args, 3)
    terms = shift(key_terms, integer(args, 17) * -(-features // panel) * panel)
    k, v = shift(pointer(args, 1), place * features), shift(pointer(args, 27), place * size)
    dk, dv = shift(pointer(args, 29), place * features), shift(pointer(args, 30), place * size)
    pack(args, keys, k, count, features)
    pack(args, values, v, count, size)
    packs = integer(args, 35) and exact == 0
    if packs:
        pack_terms(key_terms, k, count, features)
    fill(dk, zero, count * features)
    fill(dv, zero, count * size)
    for block in range(blocks_of(args)):
        row, rows, i0, height = block_of(args, head, block)
        columns = min(count, seen_of(args, i0, height) - j0)
        state = is_hidden(args, row, rows, j0, columns) if rows > 0 and columns > 0 else 0
        if state:
            q, g = shift(pointer(args, 0), row * features), shift(pointer(args, 26), row * size)
            _slopes(args, worker, s, d, stride, keys, values, row, rows, j0, columns, state, real(args, 8))
            if packs:
                pack_terms(terms, g, rows, size)
            multiply_rows(*(args, worker, exact, packs, dv, s, 1, stride, g, terms, rows, columns, size, rows, 1))
            if packs:
                pack_terms(terms, q, rows, features)
            multiply_rows(*(args, worker, exact, packs, dk, d, 1, stride, q, terms, rows, columns, features, rows, 1))
            dq_rows = shift(dq, (row - start) * features)
            multiply_rows(
                *(args, worker, exact, packs, dq_rows, d, stride, 1, k, key_terms, count, rows, features, columns, 1)
            )
    return finite(dk, count * features, zero) and finite(dv, count * size, zero)


def gradient(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dq, dk, dv.

    Slots 28 to 35: dq, dk, dv, cells of a head, the dq of all but their first, its rows, 2 (see ``forward``), whether
    the factors of dq, dk and dv are packed.
    """
    length, features, in_keys = integer(args, 3), integer(args, 5), integer(args, 17)
    blocks, cells = -(-integer(args, 4) // in_keys), integer(args, 31)
    rows, zero, s = integer(args, 7) * length, number(args, 0), scratch(args, worker, stack(args, 4096))
    for cell in range(lo, hi):
        head, part = cell // cells, cell % cells
        dq = shift(pointer(args, 28), head * rows * features)
        if part:
            dq = shift(pointer(args, 32), ((part - 1) * integer(args, 33) + head * rows) * features)
        for exact in range(integer(args, 34)):
            fill(dq, zero, rows * features)
            good = True
            for n in range(-(-blocks // cells)):
                # Dealt in turn from either end: under causality the first keys are seen by most queries.
                block = n * cells + (part if n % 2 == 0 else cells - 1 - part)
                if block < blocks:
                    good = _keys_of(args, worker, s, head, block * in_keys, dq, exact) and good
            if good and finite(dq, rows * features, zero):
                break


def gradient_scores(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """ds, all of it: the gradient of a mask that was added. A cell is a block of queries. Slot 28: ds."""
    keys, features, size, in_keys = integer(args, 4), integer(args, 5), integer(args, 6), integer(args, 17)
    s = scratch(args, worker, stack(args, 4096))
    d, packed_k, packed_v, _, stride = _places(args, s)
    blocks = blocks_of(args)
    for cell in range(lo, hi):
        head = cell // blocks
        row, rows, i0, height = block_of(args, head, cell % blocks)
        ds = shift(pointer(args, 28), row * keys)
        fill(ds, number(args, 0), rows * keys)
        end = seen_of(args, i0, height)
        for part in range(-(-end // in_keys)):
            j0 = part * in_keys
            columns = min(in_keys, end - j0)
            place = head * keys + j0
            pack(args, packed_k, shift(pointer(args, 1), place * features), columns, features)
            pack(args, packed_v, shift(pointer(args, 27), place * size), columns, size)
            state = is_hidden(args, row, rows, j0, columns)
            _slopes(args, worker, s, d, stride, packed_k, packed_v, row, rows, j0, columns, state, number(args, 1))
            for r in range(rows):
                p, e = shift(ds, r * keys + j0), shift(d, r * stride)
                for j in range(columns):
                    p[j] = e[j]
