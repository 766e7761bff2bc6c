"""sin and cos of moderate arguments as branch-free arithmetic that LLVM vectorises.

x = k pi/2 + r with |r| <= pi/4, and sin x is sin r or cos r with a sign that follow from the last two bits of k. pi/2
is split so that the products with k are exact: for float32 the reduction and the polynomials (FreeBSD's msun, k_sinf.c
and k_cosf.c) are in float64, for float64 the remainder is a sum of two numbers (polynomials of Sun's fdlibm). Within
one unit in the last place for |x| <= ``LIMIT_32`` or ``LIMIT_64``; beyond, where pi/2 would need more digits, kernels
must ask libm. ``tests/kernels/test_vector_math.py`` holds them to that.
"""

import numpy as np
from numba import types
from numba.extending import overload

from .block import to_bits
from .compiler import IN_ORDER_OPTIONS

LIMIT_32, LIMIT_64 = 2.0**27, 2.0**20
_MAGIC, _TWO_OVER_PI = 6755399441055744.0, 0.6366197723675814  # 1.5 * 2**52: the last bits of the sum hold k


def _quarter_turns(x):  # type: ignore[no-untyped-def]
    """k as bits, and sin and cos of x - k pi/2."""
    raise NotImplementedError("only inside a kernel")


def sin(x):  # type: ignore[no-untyped-def]
    """Sine, up to the limit of the type."""
    raise NotImplementedError("only inside a kernel")


def cos(x):  # type: ignore[no-untyped-def]
    """Cosine, up to the limit of the type."""
    raise NotImplementedError("only inside a kernel")


def limit(x):  # type: ignore[no-untyped-def]
    """The largest argument for the type of x."""
    raise NotImplementedError("only inside a kernel")


@overload(limit, jit_options=IN_ORDER_OPTIONS, strict=False)
def _limit(x):  # type: ignore[no-untyped-def]
    value = np.float32(LIMIT_32) if x == types.float32 else LIMIT_64
    return lambda x: value


@overload(_quarter_turns, jit_options=IN_ORDER_OPTIONS, strict=False)
def _quarter_turns_(x):  # type: ignore[no-untyped-def]
    if x == types.float32:
        double = np.float64
        p1, p2 = 1.57079631090164184570e00, 1.58932547735281966916e-8  # 25 digits of pi/2, and the next 53
        s1, s2 = -0.166666666416265235595, 0.0083333293858894631756
        s3, s4 = -0.000198393348360966317347, 0.0000027183114939898219064
        c1, c2 = -0.499999997251031003120, 0.0416666233237390631894
        c3, c4 = -0.00138867637746099294692, 0.0000243904487962774090654

        def implementation(x):  # type: ignore[no-untyped-def]
            t = double(x)
            shifted = t * _TWO_OVER_PI + _MAGIC
            k = shifted - _MAGIC
            r = (t - k * p1) - k * p2
            z = r * r
            s = r + r * z * (s1 + z * (s2 + z * (s3 + z * s4)))
            c = 1.0 + z * (c1 + z * (c2 + z * (c3 + z * c4)))
            return to_bits(shifted), s, c

        return implementation
    p1, p2, p3 = 1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21  # 33, 33, 53 digits
    s1, s2, s3 = -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04
    s4, s5, s6 = 2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10
    c1, c2, c3 = 4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05
    c4, c5, c6 = -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11

    def implementation64(x):  # type: ignore[no-untyped-def]
        shifted = x * _TWO_OVER_PI + _MAGIC
        k = shifted - _MAGIC
        a, b = x - k * p1, k * p2
        d = a - b
        back = d - a
        lost = (a - (d - back)) - (b + back)  # what rounding took from d (Knuth's sum of two)
        rest = lost - k * p3
        r = d + rest
        y = (d - r) + rest  # and from r: x = k pi/2 + r + y
        z = r * r
        v = z * r
        p = s2 + z * (s3 + z * (s4 + z * (s5 + z * s6)))
        s = r - ((z * (0.5 * y - v * p) - y) - v * s1)
        q = z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * (c5 + z * c6)))))
        h = 0.5 * z
        w = 1.0 - h
        c = w + (((1.0 - w) - h) + (z * q - r * y))
        return to_bits(shifted), s, c

    return implementation64


def _turned(quarters):  # type: ignore[no-untyped-def]
    """The implementation of the sine of x + ``quarters`` pi/2."""
    one, two, more = np.int64(1), np.int64(2), np.int64(quarters)

    def of_type(x):  # type: ignore[no-untyped-def]
        real = np.float32 if x == types.float32 else np.float64

        def implementation(x):  # type: ignore[no-untyped-def]
            k, s, c = _quarter_turns(x)
            k += more
            y = c if k & one else s
            return real(-y if k & two else y)

        return implementation

    return of_type


overload(sin, jit_options=IN_ORDER_OPTIONS, strict=False)(_turned(0))
overload(cos, jit_options=IN_ORDER_OPTIONS, strict=False)(_turned(1))
