"""exp, expm1, log, log1p, tanh and the logistic function as branch-free arithmetic that LLVM vectorises.

Numba has no vector math library, and a call of libm per element costs several nanoseconds. Each function here reduces
its argument and evaluates a polynomial or rational approximation (coefficients: Moshier's Cephes library; Sun's fdlibm
for the double logarithm; the Taylor series to degree 13 for the double exponential). NaN and infinities come through as
in libm, subnormal arguments and results too. Bounds of the error in units in the last place, float32 / float64, which
``tests/kernels/test_vector_math.py`` holds them to over the whole range:

    exp 1 / 1    expm1 1.5 / 1.5    log 0.8 / 0.9    log1p 2.5 / 2.5    tanh 1.5 / 1.5    sigmoid 2.5 / 2.5

The error function is in ``vector_erf.py``, sine and cosine in ``vector_sin.py``, the largest of many in
``vector_max.py``.

Integers are made from floats and back by adding a number so large that the units digit of the sum is its last bit:
processors before AVX-512 have no vector instructions for 64-bit conversions. These helpers are compiled without
"reassoc": that trick, and splitting ln 2 into a high and a low part, would be undone.
"""

import numpy as np
from numba import types
from numba.extending import overload

from .block import from_bits, to_bits
from .compiler import IN_ORDER_OPTIONS


def exp(x):  # type: ignore[no-untyped-def]
    """e**x."""
    raise NotImplementedError("only inside a kernel")


def _parts_of_exp(x, y):  # type: ignore[no-untyped-def]
    """p, a, b, 1 / b with e**(x + y) = (1 + p) a b, where a and b are powers of 2 and p is small.

    x is NaN or in the range in which a and b are numbers: -173 < x < 176 in float32, -1400 < x < 1400 in float64.
    """
    raise NotImplementedError("only inside a kernel")


def _in_range(x):  # type: ignore[no-untyped-def]
    """x, or where e**x is 0 or infinity an x near by where it is that too."""
    raise NotImplementedError("only inside a kernel")


def exp_of_sum(x, y):  # type: ignore[no-untyped-def]
    """e**(x + y) for a small y, |y| < 0.1, whose digits the sum would lose; x is NaN or in the range of
    :func:`_parts_of_exp`."""
    raise NotImplementedError("only inside a kernel")


def expm1(x):  # type: ignore[no-untyped-def]
    """e**x - 1, exact to the last digits where x is small."""
    raise NotImplementedError("only inside a kernel")


def log(x):  # type: ignore[no-untyped-def]
    """Natural logarithm."""
    raise NotImplementedError("only inside a kernel")


def log1p(x):  # type: ignore[no-untyped-def]
    """log(1 + x) for x >= -1."""
    raise NotImplementedError("only inside a kernel")


def tanh(x):  # type: ignore[no-untyped-def]
    """Hyperbolic tangent."""
    raise NotImplementedError("only inside a kernel")


def sigmoid(x):  # type: ignore[no-untyped-def]
    """1 / (1 + e**-x)."""
    raise NotImplementedError("only inside a kernel")


def minus_both(x, a, b):  # type: ignore[no-untyped-def]
    """(x - a) - b in this order: with "reassoc" it becomes x - (a + b), which loses the digits of b when a is large."""
    raise NotImplementedError("only inside a kernel")


@overload(_parts_of_exp, jit_options=IN_ORDER_OPTIONS, strict=False)
def _parts(x, y):  # type: ignore[no-untyped-def]
    # x = k ln 2 + r, e**x = 2**k e**r. The last bits of `shifted` hold k. Two factors, because 2**k alone overflows or
    # vanishes at the ends of the range.
    if x == types.float32:
        real, unsigned = np.float32, np.uint32
        mantissa, half, magic = unsigned(23), unsigned(1), real(12582912.0)  # 1.5 * 2**23
        offset, twice = unsigned(0x4B400000 - 2 * 127), unsigned(2 * 127)
        log2_e = real(1.4426950408889634)
        ln2_high, ln2_low = real(0.693359375), real(-2.12194440e-4)
        c0, c1, c2 = real(1.9875691500e-4), real(1.3981999507e-3), real(8.3334519073e-3)
        c3, c4, c5 = real(4.1665795894e-2), real(1.6666665459e-1), real(5.0000001201e-1)

        def implementation(x, y):  # type: ignore[no-untyped-def]
            shifted = x * log2_e + magic
            k = shifted - magic
            r = (x - k * ln2_high) - k * ln2_low + y
            p = ((((c0 * r + c1) * r + c2) * r + c3) * r + c4) * r + c5
            both = unsigned(unsigned(to_bits(shifted)) - offset)  # Numba widens the difference to 64 bits
            first = both >> half
            second = unsigned(both - first)
            inverse = from_bits(x, unsigned(twice - second) << mantissa)
            return p * (r * r) + r, from_bits(x, first << mantissa), from_bits(x, second << mantissa), inverse

        return implementation
    unsigned = np.uint64
    mantissa, half, magic = unsigned(52), unsigned(1), 6755399441055744.0  # 1.5 * 2**52
    offset, twice = unsigned(0x4338000000000000 - 2 * 1023), unsigned(2 * 1023)
    log2_e = 1.4426950408889634
    ln2_high, ln2_low = 6.93145751953125e-1, 1.42860682030941723212e-6
    d = [1.0]
    for i in range(2, 14):
        d.append(d[-1] / i)
    d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13 = d

    def implementation64(x, y):  # type: ignore[no-untyped-def]
        shifted = x * log2_e + magic
        k = shifted - magic
        r = (x - k * ln2_high) - k * ln2_low + y
        p = (((((d13 * r + d12) * r + d11) * r + d10) * r + d9) * r + d8) * r + d7
        p = (((((p * r + d6) * r + d5) * r + d4) * r + d3) * r + d2) * (r * r) + r
        both = unsigned(to_bits(shifted)) - offset
        first = both >> half
        second = both - first
        inverse = from_bits(x, (twice - second) << mantissa)
        return p, from_bits(x, first << mantissa), from_bits(x, second << mantissa), inverse

    return implementation64


@overload(_in_range, jit_options=IN_ORDER_OPTIONS, strict=False)
def _clamp(x):  # type: ignore[no-untyped-def]
    real, low, high = (np.float32, -104.0, 89.0) if x == types.float32 else (np.float64, -746.0, 710.0)
    least, most = real(low), real(high)
    return lambda x: min(max(x, least), most)


@overload(exp_of_sum, jit_options=IN_ORDER_OPTIONS, strict=False)
def _exp_of_sum(x, y):  # type: ignore[no-untyped-def]
    one = np.float32(1) if x == types.float32 else 1.0

    def implementation(x, y):  # type: ignore[no-untyped-def]
        p, a, b, _ = _parts_of_exp(x, y)  # p is NaN where x is
        return (p + one) * a * b

    return implementation


@overload(exp, jit_options=IN_ORDER_OPTIONS, strict=False)
def _exp(x):  # type: ignore[no-untyped-def]
    zero = np.float32(0) if x == types.float32 else 0.0

    def implementation(x):  # type: ignore[no-untyped-def]
        y = exp_of_sum(_in_range(x), zero)
        return x if x != x else y

    return implementation


@overload(expm1, jit_options=IN_ORDER_OPTIONS, strict=False)
def _expm1(x):  # type: ignore[no-untyped-def]
    zero = np.float32(0) if x == types.float32 else 0.0

    def implementation(x):  # type: ignore[no-untyped-def]
        # a b (1 + p) - 1 = (a p + (a - 1 / b)) b; near 0 both powers of 2 are 1, and p is all that is left.
        p, a, b, inverse = _parts_of_exp(_in_range(x), zero)
        return x if x != x else (a * p + (a - inverse)) * b

    return implementation


@overload(log, jit_options=IN_ORDER_OPTIONS, strict=False)
def _log(x):  # type: ignore[no-untyped-def]
    if x == types.float32:
        real, integer = np.float32, np.int32
        zero, one, half, two = real(0), real(1), real(0.5), real(2)
        tiny, lift, lifted = real(1.17549435e-38), real(8388608.0), real(23.0)
        infinity, nan = real(np.inf), real(np.nan)
        root, ln2_high, ln2_low = real(0.70710678118654752), real(0.693359375), real(-2.12194440e-4)
        mantissa, bias, mask, half_bits = integer(23), integer(126), integer(0x007FFFFF), integer(0x3F000000)
        c0, c1, c2 = real(7.0376836292e-2), real(-1.1514610310e-1), real(1.1676998740e-1)
        c3, c4, c5 = real(-1.2420140846e-1), real(1.4249322787e-1), real(-1.6668057665e-1)
        c6, c7, c8 = real(2.0000714765e-1), real(-2.4999993993e-1), real(3.3333331174e-1)

        def implementation(x):  # type: ignore[no-untyped-def]
            small = x < tiny  # subnormal numbers are lifted by 2**23 first
            t = x * lift if small else x
            bits = to_bits(t)
            e = real(integer((bits >> mantissa) - bias)) - (lifted if small else zero)
            m = from_bits(x, (bits & mask) | half_bits)
            below = m < root
            e = e - one if below else e
            f = m * two - one if below else m - one
            z = f * f
            p = ((((((((c0 * f + c1) * f + c2) * f + c3) * f + c4) * f + c5) * f + c6) * f + c7) * f + c8) * f * z
            y = f + ((p + e * ln2_low) - half * z) + e * ln2_high
            y = x if x == infinity else y
            y = -infinity if x == zero else y
            return y if x >= zero else nan

        return implementation
    integer = np.int64
    zero, one, half, two = 0.0, 1.0, 0.5, 2.0
    tiny, lift, lifted = 2.2250738585072014e-308, 4503599627370496.0, 52.0
    infinity, nan = np.inf, np.nan
    root, ln2_high, ln2_low = 0.70710678118654752, 6.93147180369123816490e-01, 1.90821492927058770002e-10
    mantissa, magic, magic_bits = np.uint64(52), 4503599627370496.0 + 1022.0, integer(0x4330000000000000)  # 2**52
    mask, half_bits = integer(0x000FFFFFFFFFFFFF), integer(0x3FE0000000000000)
    g1, g2, g3 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01
    g4, g5, g6 = 2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01
    g7 = 1.479819860511658591e-01

    def implementation64(x):  # type: ignore[no-untyped-def]
        small = x < tiny
        t = x * lift if small else x
        bits = to_bits(t)
        e = (from_bits(x, integer(np.uint64(bits) >> mantissa) | magic_bits) - magic) - (lifted if small else zero)
        m = from_bits(x, (bits & mask) | half_bits)
        below = m < root
        e = e - one if below else e
        f = m * two - one if below else m - one
        s = f / (two + f)
        z = s * s
        rest = z * (g1 + z * (g2 + z * (g3 + z * (g4 + z * (g5 + z * (g6 + z * g7))))))
        h = half * f * f
        y = e * ln2_high - ((h - (s * (h + rest) + e * ln2_low)) - f)
        y = x if x == infinity else y
        y = -infinity if x == zero else y
        return y if x >= zero else nan

    return implementation64


@overload(log1p, jit_options=IN_ORDER_OPTIONS, strict=False)
def _log1p(x):  # type: ignore[no-untyped-def]
    real = np.float32 if x == types.float32 else np.float64
    one, infinity = real(1), real(np.inf)

    def implementation(x):  # type: ignore[no-untyped-def]
        # What rounding took from u = 1 + x is given back by x / (u - 1): Higham 2002, section 1.14.1.
        u = one + x
        y = log(u) * (x / (u - one))
        y = x if u == one else y
        return x if x == infinity else y

    return implementation


@overload(tanh, jit_options=IN_ORDER_OPTIONS, strict=False)
def _tanh(x):  # type: ignore[no-untyped-def]
    if x == types.float32:
        real = np.float32
        one, two, limit = real(1), real(2), real(0.625)
        c0, c1, c2 = real(-5.70498872745e-3), real(2.06390887954e-2), real(-5.37397155531e-2)
        c3, c4 = real(1.33314422036e-1), real(-3.33332819422e-1)

        def implementation(x):  # type: ignore[no-untyped-def]
            a = abs(x)
            z = x * x
            near = x + x * z * ((((c0 * z + c1) * z + c2) * z + c3) * z + c4)
            far = one - two / (exp(two * a) + one)
            return near if a < limit else (far if x > 0 else -far)

        return implementation
    p0, p1, p2 = -9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3
    q0, q1, q2 = 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3

    def implementation64(x):  # type: ignore[no-untyped-def]
        a = abs(x)
        z = x * x
        near = x + x * z * (((p0 * z + p1) * z + p2) / (((z + q0) * z + q1) * z + q2))
        far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0)
        return near if a < 0.625 else (far if x > 0 else -far)

    return implementation64


@overload(sigmoid, jit_options=IN_ORDER_OPTIONS, strict=False)
def _sigmoid(x):  # type: ignore[no-untyped-def]
    real = np.float32 if x == types.float32 else np.float64
    one = real(1)

    def implementation(x):  # type: ignore[no-untyped-def]
        # e**-|x| never overflows, so that the smallest results keep their digits.
        small = exp(-abs(x))
        return (small if x < 0 else one) / (one + small)

    return implementation


@overload(minus_both, jit_options=IN_ORDER_OPTIONS, strict=False)
def _minus_both(x, a, b):  # type: ignore[no-untyped-def]
    return lambda x, a, b: (x - a) - b
