"""tanh, the logistic function and the cross-entropy of yes-or-no targets on whole vectors.

The formulas of ``vector_math.py`` with what vectors make cheaper: e**x for x <= 0 needs one factor instead of two
(``vector_exp.py``); tanh is a quotient of e**(-2 |x|) - 1, which that keeps exact; log(1 + e) is that of 0 <= e <= 1,
reduced to |s| < 0.172 with s = f / (2 + f): with f = e, or, above sqrt(2) - 1, with f = (e - 1) / 2 and log 2 added
(coefficients: Sun's fdlibm). NaN comes through. Errors in units in the last place, which
``tests/kernels/test_vector_squashing.py`` holds them to: tanh 3, sigmoid 2.5, the loss 3, its slope 2.5.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from .compiler import in_order
from .vector_exp import constant, lowering, polynomial, power, power_less_one, raised_power, raising
from .vectors import multiply_add, suffix

# log(1 + f) = s (2 + z R(z)), z = s s.
_LOG = (0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693)
_LOG_DOUBLE = (
    *(1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01),
    *(2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01),
)


def _single(x: Any) -> bool:
    return isinstance(x.type.element, ir.FloatType)


def _call(builder: Any, name: str, *values: Any) -> Any:
    """LLVM's function ``name`` of vectors of one type."""
    kind = values[0].type
    signature = ir.FunctionType(kind, [kind] * len(values))
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, f"{name}.{suffix(kind)}"), values)


def _small_power(builder: Any, x: Any) -> Any:
    """e**-|x|."""
    return power(builder, builder.fneg(_call(builder, "llvm.fabs", x)))


def _emit_tanh(builder: Any, x: Any) -> Any:
    """-m / (2 + m) with m = e**(-2 |x|) - 1, and the sign of x."""
    size = _call(builder, "llvm.fabs", x)
    m = power_less_one(builder, builder.fmul(size, constant(x, -2.0)))
    return _call(builder, "llvm.copysign", builder.fdiv(m, builder.fadd(m, constant(x, 2.0))), x)


def _emit_sigmoid(builder: Any, x: Any) -> Any:
    # With e = 2**n e**-|x|, so that the smallest results keep their digits: the factor goes last.
    low = lowering(x)
    e = raised_power(builder, builder.fneg(_call(builder, "llvm.fabs", x)))
    above = builder.select(builder.fcmp_ordered("<", x, constant(x, 0.0)), e, raising(x))
    return builder.fmul(builder.fdiv(above, multiply_add(builder, e, low, constant(x, 1.0))), low)


def _emit_loss(builder: Any, z: Any, t: Any) -> Any:
    """z ((1 - t) where z > 0, else -t) + log(1 + e**-|z|)."""
    one, e = constant(z, 1.0), _small_power(builder, z)
    above = builder.fcmp_ordered(">", e, constant(z, 0.41421356237309503))
    f = builder.select(above, builder.fsub(e, one), e)
    s = builder.fdiv(f, builder.fadd(e, builder.select(above, constant(z, 3.0), constant(z, 2.0))))
    square = builder.fmul(s, s)
    r = builder.fmul(square, polynomial(builder, square, _LOG if _single(z) else _LOG_DOUBLE))
    log = multiply_add(builder, s, r, builder.fadd(s, s))
    log = builder.fadd(log, builder.select(above, constant(z, 0.6931471805599453), constant(z, 0.0)))
    positive = builder.fcmp_ordered(">", z, constant(z, 0.0))
    share = builder.select(positive, builder.fsub(one, t), builder.fneg(t))
    return multiply_add(builder, z, share, log)


def _emit_slope(builder: Any, z: Any, t: Any) -> Any:
    """s(z) - t; where s is near 1 it is (1 - t) - s(-z)."""
    one, e = constant(z, 1.0), _small_power(builder, z)
    s = builder.fdiv(e, builder.fadd(one, e))
    above, below = builder.fsub(builder.fsub(one, t), s), builder.fsub(s, t)
    return builder.select(builder.fcmp_ordered(">", z, constant(z, 0.0)), above, below)


@intrinsic  # type: ignore[untyped-decorator]
def _tanh(typing_context: Any, x: Any) -> Any:
    return x(x), lambda context, builder, signature, values: _emit_tanh(builder, *values)


@intrinsic  # type: ignore[untyped-decorator]
def _sigmoid(typing_context: Any, x: Any) -> Any:
    return x(x), lambda context, builder, signature, values: _emit_sigmoid(builder, *values)


@intrinsic  # type: ignore[untyped-decorator]
def _loss(typing_context: Any, z: Any, t: Any) -> Any:
    return z(z, t), lambda context, builder, signature, values: _emit_loss(builder, *values)


@intrinsic  # type: ignore[untyped-decorator]
def _slope(typing_context: Any, z: Any, t: Any) -> Any:
    return z(z, t), lambda context, builder, signature, values: _emit_slope(builder, *values)


@in_order
def tanh(x):  # type: ignore[no-untyped-def]
    """Hyperbolic tangent in every lane."""
    return _tanh(x)


@in_order
def sigmoid(x):  # type: ignore[no-untyped-def]
    """1 / (1 + e**-x) in every lane."""
    return _sigmoid(x)


@in_order
def logits_loss(z, t):  # type: ignore[no-untyped-def]
    """-t log s(z) - (1 - t) log s(-z) in every lane, s the logistic function."""
    return _loss(z, t)


@in_order
def logits_slope(z, t):  # type: ignore[no-untyped-def]
    """The derivative of :func:`logits_loss` with respect to z."""
    return _slope(z, t)
