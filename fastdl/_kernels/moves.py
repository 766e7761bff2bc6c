"""Copies of rows and transposes of blocks in vectors, for kernels that bring their operands into another order."""

from .block import shift
from .compiler import inline, merge
from .vectors import first, load, put_first, store, transpose, width


@merge
def copy_row(target, source, n):  # type: ignore[no-untyped-def]
    """n numbers; the last vector overlaps the one before."""
    lanes = width(source)
    if n < lanes:
        put_first(target, first(source, n), n)
        return
    for j in range(0, n - lanes, lanes):
        store(shift(target, j), load(shift(source, j)))
    store(shift(target, n - lanes), load(shift(source, n - lanes)))


@inline
def turn(target, stride_target, source, stride_source, rows, columns):  # type: ignore[no-untyped-def]
    """target[j, i] = source[i, j] for rows i and columns j, square by square; the last ones overlap those before."""
    lanes = width(target)
    if rows < lanes or columns < lanes:
        for i in range(rows):
            p, q = shift(target, i), shift(source, i * stride_source)
            for j in range(columns):
                p[j * stride_target] = q[j]
        return
    for block in range(-(-rows // lanes)):
        i = min(block * lanes, rows - lanes)
        for across in range(-(-columns // lanes)):
            j = min(across * lanes, columns - lanes)
            place = shift(source, i * stride_source + j)
            transpose(shift(target, j * stride_target + i), stride_target, place, stride_source)
