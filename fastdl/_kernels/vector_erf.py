"""The error function and the normal distribution as branch-free arithmetic that LLVM vectorises.

Both rest on the tail of the normal distribution without its exponential, M(a) = e**(a**2 / 2) P(Z > a) for a >= 0,
which falls smoothly from 1/2: with t = (a - 4) / (a + 4), (1 + a) M(a) is a polynomial in t (the variable is that of
Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x**2) erfc x", 1981; the coefficients interpolate at
Chebyshev's points up to the a where the tail is 0 in the type: relative error 3e-9 and 7e-18). Then

    erf(x) = x + x p(x**2) near 0, else +-(1 - 2 e**(-x**2) M(sqrt(2) |x|)): within 1.5 units in the last place
    P(Z < -a) = e**(-a**2 / 2) M(a), of which the smallest have their digits, too: within 4 units in the last place

The latter needs a**2 to more digits than the type has: a is cut into z, half of its digits, and the rest, so that z**2
is exact and a**2 = z**2 + (a - z)(a + z). Bounds are held by ``tests/kernels/test_vector_math.py``.
"""

import numpy as np
from numba import types
from numba.extending import overload

from . import vector_math as vm
from .block import from_bits, to_bits
from .compiler import IN_ORDER_OPTIONS


def _scaled_tail(a):  # type: ignore[no-untyped-def]
    """M(a) for 0 <= a up to where the tail is 0."""
    raise NotImplementedError("only inside a kernel")


def erf(x):  # type: ignore[no-untyped-def]
    """The error function."""
    raise NotImplementedError("only inside a kernel")


def normal(x):  # type: ignore[no-untyped-def]
    """P(Z < x) of a standard normal Z, and e**(-x**2 / 2)."""
    raise NotImplementedError("only inside a kernel")


@overload(_scaled_tail, jit_options=IN_ORDER_OPTIONS, strict=False)
def _scaled_tail_(a):  # type: ignore[no-untyped-def]
    if a == types.float32:
        real = np.float32
        four, one = real(4), real(1)
        c0, c1, c2, c3 = real(4.7205320639e-1), real(-9.6703468011e-2), real(1.3999637739e-2), real(2.8600034239e-2)
        c4, c5, c6, c7 = real(-3.2197831028e-2), real(1.7939428337e-2), real(-5.0020755125e-3), real(-2.9980879824e-4)
        c8, c9, c10 = real(6.9078443839e-4), real(-6.6917064068e-5), real(-7.4454586774e-5)

        def implementation(a):  # type: ignore[no-untyped-def]
            t = (a - four) / (a + four)
            p = ((((c10 * t + c9) * t + c8) * t + c7) * t + c6) * t + c5
            p = ((((p * t + c4) * t + c3) * t + c2) * t + c1) * t + c0
            return p / (a + one)

        return implementation
    c0, c1, c2 = 0.47205320650984467, -0.096703477326525816, 0.013999634724425404
    c3, c4, c5 = 0.028600364053550941, -0.032197837428085331, 0.017936097479670985
    c6, c7, c8 = -0.0050023785910537615, -0.00028562309794408702, 0.00069489710465380666
    c9, c10, c11 = -9.4430254119977125e-05, -8.785318412867654e-05, 2.1250050560628988e-05
    c12, c13, c14 = 1.3626871364618885e-05, -3.4322028526743425e-06, -2.6129156757276151e-06
    c15, c16, c17 = 4.0449060947986431e-07, 5.52025789443995e-07, 1.462931096557126e-09
    c18, c19, c20 = -1.1104603603232354e-07, -1.9912458151544111e-08, 1.7683962607077168e-08
    c21, c22, c23 = 6.2510161104364172e-09, -1.5533842564289164e-09, -7.9276176742105691e-10

    def implementation64(a):  # type: ignore[no-untyped-def]
        t = (a - 4.0) / (a + 4.0)
        p = ((((c23 * t + c22) * t + c21) * t + c20) * t + c19) * t + c18
        p = (((((p * t + c17) * t + c16) * t + c15) * t + c14) * t + c13) * t + c12
        p = (((((p * t + c11) * t + c10) * t + c9) * t + c8) * t + c7) * t + c6
        p = (((((p * t + c5) * t + c4) * t + c3) * t + c2) * t + c1) * t + c0
        return p / (a + 1.0)

    return implementation64


@overload(erf, jit_options=IN_ORDER_OPTIONS, strict=False)
def _erf(x):  # type: ignore[no-untyped-def]
    if x == types.float32:
        real = np.float32
        one, two, root, limit, end = real(1), real(2), real(np.sqrt(2)), real(0.85), real(15)
        e0, e1, e2 = real(1.2837916067e-1), real(-3.7612574761e-1), real(1.1282749084e-1)
        e3, e4, e5 = real(-2.6803756740e-2), real(5.0529851929e-3), real(-6.3255016092e-4)

        def implementation(x):  # type: ignore[no-untyped-def]
            z = x * x
            near = x + x * (((((e5 * z + e4) * z + e3) * z + e2) * z + e1) * z + e0)
            a = abs(x) * root
            tail = vm.exp(-z) * _scaled_tail(end if a > end else a)
            far = one - two * tail
            return near if abs(x) < limit else (far if x > 0 else -far)

        return implementation
    e0, e1, e2, e3 = 0.12837916709551259, -0.37612638903183748, 0.11283791670954685, -0.02686617064501726
    e4, e5, e6, e7 = 0.0052239776239167892, -0.00085483269028864713, 0.00012055326932054655, -1.4925450090912942e-05
    e8, e9, e10, e11 = 1.6457676496214065e-06, -1.6300495998065118e-07, 1.4189584294135369e-08, -8.837207342835496e-10
    root = np.sqrt(2.0)

    def implementation64(x):  # type: ignore[no-untyped-def]
        z = x * x
        p = (((((e11 * z + e10) * z + e9) * z + e8) * z + e7) * z + e6) * z + e5
        near = x + x * (((((p * z + e4) * z + e3) * z + e2) * z + e1) * z + e0)
        a = abs(x) * root
        far = 1.0 - 2.0 * (vm.exp(-z) * _scaled_tail(39.0 if a > 39.0 else a))
        return near if abs(x) < 0.85 else (far if x > 0 else -far)

    return implementation64


@overload(normal, jit_options=IN_ORDER_OPTIONS, strict=False)
def _normal(x):  # type: ignore[no-untyped-def]
    narrow = x == types.float32
    real = np.float32 if narrow else np.float64
    one, half, end = real(1), real(0.5), real(15 if narrow else 39)
    mask = np.int32(-(1 << 12)) if narrow else np.int64(-(1 << 27))

    def implementation(x):  # type: ignore[no-untyped-def]
        a = abs(x)
        a = end if a > end else a
        z = from_bits(x, to_bits(a) & mask)
        e = vm.exp_of_sum(z * z * -half, (a - z) * (a + z) * -half)
        tail = e * _scaled_tail(a)
        return one - tail if x > 0 else tail, e

    return implementation
