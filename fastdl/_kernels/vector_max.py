"""The largest of many numbers: floats as integers of the same order, of which LLVM compares many at a time."""

import numpy as np
from numba import types
from numba.extending import overload

from .block import from_bits, to_bits
from .compiler import IN_ORDER_OPTIONS, inline


def ordered(x):  # type: ignore[no-untyped-def]
    """An integer that orders as the float x does; NaN comes after everything, or before if its sign is negative."""
    raise NotImplementedError("only inside a kernel")


def from_ordered(like, k):  # type: ignore[no-untyped-def]
    """The float of the type of ``like`` that :func:`ordered` made k of."""
    raise NotImplementedError("only inside a kernel")


@overload(ordered, jit_options=IN_ORDER_OPTIONS, strict=False)
def _ordered(x):  # type: ignore[no-untyped-def]
    integer = np.int32 if x == types.float32 else np.int64
    sign, others = integer(x.bitwidth - 1), integer(2 ** (x.bitwidth - 1) - 1)

    def implementation(x):  # type: ignore[no-untyped-def]
        # The bits of negative floats order the wrong way round: all but the sign are flipped.
        bits = to_bits(x)
        return integer(bits ^ integer(integer(bits >> sign) & others))

    return implementation


@overload(from_ordered, jit_options=IN_ORDER_OPTIONS, strict=False)
def _from_ordered(like, k):  # type: ignore[no-untyped-def]
    integer = np.int32 if like == types.float32 else np.int64
    sign, others = integer(like.bitwidth - 1), integer(2 ** (like.bitwidth - 1) - 1)

    def implementation(like, k):  # type: ignore[no-untyped-def]
        return from_bits(like, integer(k ^ integer(integer(k >> sign) & others)))

    return implementation


@inline
def maximum(x, n):  # type: ignore[no-untyped-def]
    """The largest of n numbers. A NaN comes back if its sign is positive, else it may be passed over."""
    m = ordered(x[0])
    for j in range(1, n):
        v = ordered(x[j])
        m = v if v > m else m
    return from_ordered(x[0], m)
