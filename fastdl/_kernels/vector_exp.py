"""The exponential of a whole vector, for arguments that are not positive: the powers of a softmax.

As ``vector_math.exp`` (1 ulp, NaN comes through), with what its range saves: 2**k is one factor, made by a shift of the
bits of the rounded quotient, which already holds the exponent's bias. Results below the smallest normal number are 0 as
soon as k is below the least exponent: in float32 below 2**-126.5, in float64 below 2**-1022.5.
"""

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


@intrinsic  # type: ignore[untyped-decorator]
def _exp(typing_context: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (x,) = values
        single = isinstance(x.type.element, ir.FloatType)
        mantissa, bias, least, ln2_high, ln2_low, coefficients = _SINGLE if single else _DOUBLE
        integers = ir.VectorType(ir.IntType(32 if single else 64), x.type.count)

        def constant(value: float, kind: Any = x.type) -> Any:
            return ir.Constant(kind, [value] * kind.count)

        floor = constant(least)
        x = builder.select(builder.fcmp_ordered(">", floor, x), floor, x)
        # The sum's last bits are k + bias: its units digit is its last bit.
        magic = constant(1.5 * 2.0**mantissa + bias)
        shifted = multiply_add(builder, x, constant(1.4426950408889634), magic)
        k = builder.fsub(shifted, magic)
        r = multiply_add(builder, k, constant(-ln2_high), x)
        r = multiply_add(builder, k, constant(-ln2_low), r)
        p = constant(coefficients[0])
        for c in coefficients[1:]:
            p = multiply_add(builder, p, r, constant(c))
        p = multiply_add(builder, p, builder.fmul(r, r), r)
        bits = builder.shl(builder.bitcast(shifted, integers), constant(mantissa, integers))
        power = builder.bitcast(bits, x.type)
        return multiply_add(builder, p, power, power)

    return x(x), codegen


@in_order  # Numba gives the options of the function that an intrinsic stands in to its instructions
def exp(x):  # type: ignore[no-untyped-def]
    """e**x in every lane, for x up to 88 (float32) or 709 (float64); NaN stays NaN."""
    return _exp(x)
