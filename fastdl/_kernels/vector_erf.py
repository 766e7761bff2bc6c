"""The error function and gelu on whole vectors.

All rest on the tail of the normal distribution without its exponential, M(a) = e**(a**2 / 2) P(Z > a) for a >= 0, which
falls smoothly from 1/2. In double precision (1 + a) M(a) is a polynomial in t = (a - 4) / (a + 4) (the variable is that
of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x**2) erfc x", 1981; the coefficients interpolate
at Chebyshev's points up to the a where the tail is 0: relative error 7e-18). In single precision M is a quotient of two
polynomials in a, fitted there to 7e-9, whose coefficients are all positive, so that nothing cancels: one division
instead of two, and two short chains of additions instead of a long one. Then

    erf(x) = x + x p(x**2) near 0, else +-(1 - 2 e**(-x**2) M(sqrt(2) |x|)): within 1.5 units in the last place
    gelu(x) = max(x, 0) - |x| e**(-x**2 / 2) M(|x|), of which the smallest have their digits, too: within 5 units

The latter needs a**2 to more digits than the type has: a is cut into z, half of its digits, and the rest, so that z**2
is exact and a**2 = z**2 + (a - z)(a + z). NaN comes through. Bounds are held by ``tests/kernels/test_vector_math.py``.
"""

import math
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from .compiler import in_order
from .vector_exp import constant, lowering, parts_of_bell, polynomial, power
from .vectors import multiply_add, suffix

# Numerator and denominator of M in single precision, the highest power first. The factor that both have in common was
# chosen so that rounding the coefficients costs least, a tenth of a unit in the last place.
_ABOVE = (0.005886260885745287, 0.057970356196165085, 0.26095300912857056, 0.6232541799545288, 0.7095787525177002)
_BELOW = (
    *(0.014754509553313255, 0.14531882107257843, 0.6686620116233826, 1.7103543281555176),
    *(2.3788328170776367, 1.4191575050354004),
)
# (1 + a) M(a) in double precision in powers of t, the highest first.
_TAIL = (
    *(-7.9276176742105691e-10, -1.5533842564289164e-09, 6.2510161104364172e-09, 1.7683962607077168e-08),
    *(-1.9912458151544111e-08, -1.1104603603232354e-07, 1.462931096557126e-09, 5.52025789443995e-07),
    *(4.0449060947986431e-07, -2.6129156757276151e-06, -3.4322028526743425e-06, 1.3626871364618885e-05),
    *(2.1250050560628988e-05, -8.785318412867654e-05, -9.4430254119977125e-05, 0.00069489710465380666),
    *(-0.00028562309794408702, -0.0050023785910537615, 0.017936097479670985, -0.032197837428085331),
    *(0.028600364053550941, 0.013999634724425404, -0.096703477326525816, 0.47205320650984467),
)
# erf(x) / x - 1 near 0, in powers of x**2, the highest first.
_NEAR_SINGLE = (
    *(-6.3255016092e-4, 5.0529851929e-3, -2.6803756740e-2),
    *(1.1282749084e-1, -3.7612574761e-1, 1.2837916067e-1),
)
_NEAR_DOUBLE = (
    *(-8.837207342835496e-10, 1.4189584294135369e-08, -1.6300495998065118e-07, 1.6457676494216065e-06),
    *(-1.4925450090912942e-05, 0.00012055326932054655, -0.00085483269028864713, 0.0052239776239167892),
    *(-0.02686617064501726, 0.11283791670954685, -0.37612638903183748, 0.12837916709551259),
)


def _single(x: Any) -> bool:
    return isinstance(x.type.element, ir.FloatType)


def _size(builder: Any, x: Any) -> Any:
    """|x|."""
    kind = x.type
    name = f"llvm.fabs.{suffix(kind)}"
    return builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name), [x])


def _bounded(builder: Any, a: Any) -> Any:
    """a, or where the tail is 0 an a near by where it is that too."""
    end = constant(a, 15.0 if _single(a) else 39.0)
    return builder.select(builder.fcmp_ordered("<", end, a), end, a)


def _by_halves(builder: Any, a: Any, square: Any, coefficients: Sequence[float]) -> Any:
    """A polynomial of even and odd powers apart: fewer roundings one after another, and a shorter wait."""
    even, odd = coefficients[::-1][::2][::-1], coefficients[::-1][1::2][::-1]
    return multiply_add(builder, polynomial(builder, square, odd), a, polynomial(builder, square, even))


def _scaled_tail(builder: Any, a: Any) -> Any:
    """M(a) for 0 <= a up to where the tail is 0."""
    if _single(a):
        square = builder.fmul(a, a)
        return builder.fdiv(_by_halves(builder, a, square, _ABOVE), _by_halves(builder, a, square, _BELOW))
    four = constant(a, 4.0)
    t = builder.fdiv(builder.fsub(a, four), builder.fadd(a, four))
    return builder.fdiv(polynomial(builder, t, _TAIL), builder.fadd(a, constant(a, 1.0)))


def _emit_erf(builder: Any, x: Any) -> Any:
    one, square, size = constant(x, 1.0), builder.fmul(x, x), _size(builder, x)
    p = polynomial(builder, square, _NEAR_SINGLE if _single(x) else _NEAR_DOUBLE)
    near = builder.fadd(x, builder.fmul(x, p))
    a = _bounded(builder, builder.fmul(size, constant(x, math.sqrt(2.0))))
    tail = builder.fmul(power(builder, builder.fneg(square)), _scaled_tail(builder, a))
    far = builder.fsub(one, builder.fmul(constant(x, 2.0), tail))
    far = builder.select(builder.fcmp_ordered(">", x, constant(x, 0.0)), far, builder.fneg(far))
    return builder.select(builder.fcmp_ordered("<", size, constant(x, 0.85)), near, far)


def _parts_of_bell(builder: Any, a: Any) -> tuple[Any, Any]:
    """p and f with (1 + p) f = e**(-a**2 / 2), raised."""
    width, digits = (32, 12) if _single(a) else (64, 27)
    integers = ir.VectorType(ir.IntType(width), a.type.count)
    mask = ir.Constant(integers, [-(1 << digits)] * integers.count)
    z = builder.bitcast(builder.and_(builder.bitcast(a, integers), mask), a.type)
    return parts_of_bell(builder, builder.fmul(z, z), builder.fsub(a, z), builder.fadd(a, z))


def _emit_gelu(builder: Any, x: Any) -> Any:
    """|x| M f (1 + p) is subtracted from x or from 0: nothing is rounded twice after the quotient."""
    a, zero = _bounded(builder, _size(builder, x)), constant(x, 0.0)
    p, f = _parts_of_bell(builder, a)
    share = builder.fmul(builder.fmul(a, _scaled_tail(builder, a)), f)
    share = multiply_add(builder, share, p, share)
    above = builder.fcmp_ordered(">", x, zero)
    base = builder.select(above, x, builder.fmul(x, zero))  # NaN for -inf, as in the formula
    return multiply_add(builder, builder.fneg(share), lowering(x), base)


def _emit_gelu_slope(builder: Any, x: Any) -> Any:
    a, low = _bounded(builder, _size(builder, x)), lowering(x)
    p, f = _parts_of_bell(builder, a)
    e = builder.fmul(multiply_add(builder, p, f, f), low)
    tail = builder.fmul(e, _scaled_tail(builder, a))
    above = builder.fcmp_ordered(">", x, constant(x, 0.0))
    share = builder.select(above, builder.fsub(constant(x, 1.0), tail), tail)
    return multiply_add(builder, x, builder.fmul(e, constant(x, 1 / math.sqrt(2 * math.pi))), share)


@intrinsic  # type: ignore[untyped-decorator]
def _erf(typing_context: Any, x: Any) -> Any:
    return x(x), lambda context, builder, signature, values: _emit_erf(builder, values[0])


@intrinsic  # type: ignore[untyped-decorator]
def _gelu(typing_context: Any, x: Any) -> Any:
    return x(x), lambda context, builder, signature, values: _emit_gelu(builder, values[0])


@intrinsic  # type: ignore[untyped-decorator]
def _gelu_slope(typing_context: Any, x: Any) -> Any:
    return x(x), lambda context, builder, signature, values: _emit_gelu_slope(builder, values[0])


@in_order
def erf(x):  # type: ignore[no-untyped-def]
    """The error function in every lane."""
    return _erf(x)


@in_order
def gelu(x):  # type: ignore[no-untyped-def]
    """x P(Z < x) of a standard normal Z in every lane."""
    return _gelu(x)


@in_order
def gelu_slope(x):  # type: ignore[no-untyped-def]
    """P(Z < x) + x e**(-x**2 / 2) / sqrt(2 pi) in every lane: the derivative of gelu."""
    return _gelu_slope(x)
