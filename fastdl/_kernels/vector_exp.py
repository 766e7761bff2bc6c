"""The exponential of a whole vector, for arguments that are not positive: the powers of a softmax.

As ``vector_math.exp`` (1 ulp, NaN comes through), with what its range saves: 2**k is one factor, made by a shift of the
bits of the rounded quotient, which already holds the exponent's bias. Results below the smallest normal number are 0 as
soon as k is below the least exponent: in float32 below 2**-126.5, in float64 below 2**-1022.5.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

from .compiler import in_order
from .vectors import multiply_add

_DEGREE = 13  # of the Taylor series in double precision, where |r| <= ln 2 / 2
_FACTORIALS = [1.0]
for _i in range(1, _DEGREE + 1):
    _FACTORIALS.append(_FACTORIALS[-1] * _i)

# bits of the mantissa, bias of the exponent, least argument, ln 2 in two parts, coefficients of r**n, highest first,
# down to r**2. Single precision: Moshier's Cephes library.
_SINGLE = (
    *(23, 127, -88.0, 0.693359375, -2.12194440e-4),
    (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1),
)
_DOUBLE = (
    *(52, 1023, -709.0, 6.93145751953125e-1, 1.42860682030941723212e-6),
    tuple(1 / _FACTORIALS[n] for n in range(_DEGREE, 1, -1)),
)


def power(builder: Any, x: Any) -> Any:
    """e**x in every lane of LLVM's vector ``x``."""
    p, factor = _parts(builder, x)
    return multiply_add(builder, p, factor, factor)


def power_less_one(builder: Any, x: Any) -> Any:
    """e**x - 1, exact to the last digits where x is small."""
    p, factor = _parts(builder, x)
    return multiply_add(builder, p, factor, builder.fsub(factor, constant(x, 1.0)))


def _parts(builder: Any, x: Any) -> tuple[Any, Any]:
    """p and f with e**x = (1 + p) f, where f is a power of 2 and p is small."""
    single = isinstance(x.type.element, ir.FloatType)
    mantissa, bias, least, ln2_high, ln2_low, coefficients = _SINGLE if single else _DOUBLE
    integers = ir.VectorType(ir.IntType(32 if single else 64), x.type.count)
    floor = constant(x, least)
    x = builder.select(builder.fcmp_ordered(">", floor, x), floor, x)
    # The sum's last bits are k + bias: its units digit is its last bit.
    magic = constant(x, 1.5 * 2.0**mantissa + bias)
    shifted = multiply_add(builder, x, constant(x, 1.4426950408889634), magic)
    k = builder.fsub(shifted, magic)
    r = multiply_add(builder, k, constant(x, -ln2_high), x)
    r = multiply_add(builder, k, constant(x, -ln2_low), r)
    p = polynomial(builder, r, coefficients)
    p = multiply_add(builder, p, builder.fmul(r, r), r)
    places = ir.Constant(integers, [mantissa] * integers.count)
    return p, builder.bitcast(builder.shl(builder.bitcast(shifted, integers), places), x.type)


def constant(like: Any, value: float) -> Any:
    """``value`` in every lane of a vector like LLVM's ``like``."""
    return ir.Constant(like.type, [value] * like.type.count)


def polynomial(builder: Any, x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's rule, the coefficient of the highest power first."""
    p = constant(x, coefficients[0])
    for c in coefficients[1:]:
        p = multiply_add(builder, p, x, constant(x, c))
    return p


@intrinsic  # type: ignore[untyped-decorator]
def _exp(typing_context: Any, x: Any) -> Any:
    return x(x), lambda context, builder, signature, values: power(builder, values[0])


@in_order  # Numba gives the options of the function that an intrinsic stands in to its instructions
def exp(x):  # type: ignore[no-untyped-def]
    """e**x in every lane, for x up to 88 (float32) or 709 (float64); NaN stays NaN."""
    return _exp(x)
