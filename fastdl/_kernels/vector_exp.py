"""The exponential of a whole vector, for arguments that are not positive: the powers of a softmax.

As ``vector_math.exp`` (1 ulp, NaN comes through), with what its range saves: 2**k is one factor, made by a shift of the
bits of the rounded quotient, which already holds the exponent's bias. Results of ``exp`` below the smallest normal
number are 0 as soon as k is below the least exponent: in float32 below 2**-126.5, in float64 below 2**-1022.5.
``raised_exp`` is 2**64 e**x in float32, 2**512 e**x in float64, which is a normal number for all x whose power is not
0: whoever divides by it or multiplies it by something else takes the factor away there, for at most one operation more,
and small results have their digits.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiler import in_order
from .vectors import multiply_add

_DEGREE = 13  # of the Taylor series in double precision, where |r| <= ln 2 / 2
_FACTORIALS = [1.0]
for _i in range(1, _DEGREE + 1):
    _FACTORIALS.append(_FACTORIALS[-1] * _i)

# bits of the mantissa, bias of the exponent, powers of 2 of ``raised_exp``, least arguments without and with them, ln 2
# in two parts, coefficients of r**n, highest first, down to r**2. Single precision: (e**r - 1 - r) / r**2 fitted at
# Chebyshev's points for |r| <= ln 2 / 2 to a relative error of 3e-9 of e**r.
_SINGLE = (
    *(23, 127, 64, -88.0, -104.0, 0.693359375, -2.12194440e-4),
    (1.381453790300e-3, 8.368745320383e-3, 4.166839083116e-2, 1.666652039677e-1, 4.999999343189e-1),
)
_DOUBLE = (
    *(52, 1023, 512, -709.0, -746.0, 6.93145751953125e-1, 1.42860682030941723212e-6),
    tuple(1 / _FACTORIALS[n] for n in range(_DEGREE, 1, -1)),
)


def power(builder: Any, x: Any) -> Any:
    """e**x in every lane of LLVM's vector ``x``."""
    p, factor = _parts(builder, _at_least(builder, x, _of(x)[3]), 0)
    return multiply_add(builder, p, factor, factor)


def power_less_one(builder: Any, x: Any) -> Any:
    """e**x - 1, exact to the last digits where x is small."""
    p, factor = _parts(builder, _at_least(builder, x, _of(x)[3]), 0)
    return multiply_add(builder, p, factor, builder.fsub(factor, constant(x, 1.0)))


def raised_power(builder: Any, x: Any) -> Any:
    """e**x times the power of 2 that :func:`lowering` takes away."""
    p, factor = _parts(builder, _at_least(builder, x, _of(x)[4]), _of(x)[2])
    return multiply_add(builder, p, factor, factor)


def parts_of_bell(builder: Any, square: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """p and f with (1 + p) f = e**(-(square + a b) / 2), raised as :func:`raised_power`, for a small a b whose digits
    the sum would lose; ``square`` is NaN or below 225 (float32) or 1600 (float64). The halves are in the constants."""
    return _parts(builder, square, _of(square)[2], -0.5, (a, b))


def raising(like: Any) -> Any:
    """The factor between e**x and :func:`raised_power`."""
    return constant(like, 2.0 ** _of(like)[2])


def lowering(like: Any) -> Any:
    """The factor between :func:`raised_power` and e**x."""
    return constant(like, 2.0 ** -_of(like)[2])


def _of(x: Any) -> Any:
    return _SINGLE if isinstance(x.type.element, ir.FloatType) else _DOUBLE


def _at_least(builder: Any, x: Any, least: float) -> Any:
    floor = constant(x, least)
    return builder.select(builder.fcmp_ordered(">", floor, x), floor, x)


def _parts(builder: Any, x: Any, raised: int, scale: float = 1.0, more: Any = None) -> tuple[Any, Any]:
    """p and f with e**(scale (x + a b)) = (1 + p) f / 2**raised, where f is a power of 2, p is small, ``scale`` a power
    of 2 and ``more`` a and b."""
    mantissa, bias, *_, ln2_high, ln2_low, coefficients = _of(x)
    integers = ir.VectorType(ir.IntType(32 if mantissa == 23 else 64), x.type.count)
    # The sum's last bits are k + bias: its units digit is its last bit.
    magic = constant(x, 1.5 * 2.0**mantissa + bias + raised)
    shifted = multiply_add(builder, x, constant(x, scale * 1.4426950408889634), magic)
    k = builder.fsub(shifted, magic)
    r = multiply_add(builder, k, constant(x, -ln2_high / scale), x)
    r = multiply_add(builder, k, constant(x, -ln2_low / scale), r)
    r = multiply_add(builder, more[0], more[1], r) if more is not None else r
    powers = range(len(coefficients) + 1, 1, -1)
    p = polynomial(builder, r, [c * scale**n for c, n in zip(coefficients, powers, strict=True)])
    if scale == 1.0:
        p = multiply_add(builder, p, builder.fmul(r, r), r)
    else:
        p = builder.fmul(multiply_add(builder, p, r, constant(x, scale)), r)
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


@intrinsic  # type: ignore[untyped-decorator]
def _raised_exp(typing_context: Any, x: Any) -> Any:
    return x(x), lambda context, builder, signature, values: raised_power(builder, values[0])


@intrinsic  # type: ignore[untyped-decorator]
def lowered(typing_context: Any, x: Any) -> Any:
    """A number or a vector with the factor of :func:`raised_exp` taken away."""
    single = getattr(x, "element", x) == types.float32

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind, factor = values[0].type, 2.0 ** -(_SINGLE if single else _DOUBLE)[2]
        factors = [factor] * kind.count if isinstance(kind, ir.VectorType) else factor
        return builder.fmul(values[0], ir.Constant(kind, factors))

    return x(x), codegen


@in_order  # Numba gives the options of the function that an intrinsic stands in to its instructions
def exp(x):  # type: ignore[no-untyped-def]
    """e**x in every lane, for x up to 88 (float32) or 709 (float64); NaN stays NaN."""
    return _exp(x)


@in_order
def raised_exp(x):  # type: ignore[no-untyped-def]
    """e**x times a power of 2 that :func:`lowered` takes away, for x up to 40 (float32) or 350 (float64)."""
    return _raised_exp(x)
