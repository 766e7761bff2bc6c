"""Comparing and choosing: maximum, minimum, where and the six comparisons; and the conversion between dtypes.

Comparisons give boolean arrays and have no gradient. Letters: a b the operands, y the result, g the gradient of the
result; all of them broadcast as in NumPy.
"""

from typing import Any

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Spec, Symbol, op
from . import elementwise
from ._door import BOOL, FLOATS, INT64, array, booleans, check_grad
from ._draw import elementwise as draw
from ._lowering import CELL, binary, broadcast_shape, broadcasting, cells, no_gradient, vjp2
from ._operands import graded, graded2, number_as_array, operands

UINT8 = np.dtype(np.uint8)
CONVERTIBLE = (*FLOATS, INT64, np.dtype(np.int32), UINT8, BOOL)

_beats_above = binary("beats_above", no_gradient, result=BOOL)
_beats_below = binary("beats_below", no_gradient, result=BOOL)


def _shares(beats: Primitive, grad: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """g to the operand that beats the other, half of it to each at a tie."""
    (a_wins,), (b_wins,) = beats(a, b), beats(b, a)
    half = elementwise.multiply(grad, 0.5)
    da = where(a_wins, grad, where(b_wins, 0.0, half))
    db = where(b_wins, grad, where(a_wins, 0.0, half))
    return elementwise.unbroadcast(da, a), elementwise.unbroadcast(db, b)


def maximum_backward(grad: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """In the forward pass y = max(a, b), so g goes to the larger one, half to each at a tie."""
    return _shares(_beats_above, *graded2("maximum", grad, a, b))


_maximum = binary("maximum", vjp2(maximum_backward))


@op(draw=draw.two_with_ties)
def maximum(a: Any, b: Any) -> Any:
    """The larger of two numbers, NaN where either is NaN.

    Equivalent to ``np.maximum(a, b)``. Shapes broadcast; both float32 or both float64, or one a Python number. The
    gradient goes to the larger operand (a NaN counts as larger), and half of it to each at a tie.

    >>> maximum(np.float32([1, 5]), 3)
    array([3., 5.], dtype=float32)
    """
    (y,) = _maximum(*operands("maximum", a, b))
    return y


def minimum_backward(grad: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """In the forward pass y = min(a, b), so g goes to the smaller one, half to each at a tie."""
    return _shares(_beats_below, *graded2("minimum", grad, a, b))


_minimum = binary("minimum", vjp2(minimum_backward))


@op(draw=draw.two_with_ties)
def minimum(a: Any, b: Any) -> Any:
    """The smaller of two numbers, NaN where either is NaN.

    Equivalent to ``np.minimum(a, b)``. Shapes broadcast; both float32 or both float64, or one a Python number. The
    gradient goes to the smaller operand (a NaN counts as smaller), and half of it to each at a tie.

    >>> minimum(np.float32([1, 5]), 3)
    array([1., 3.], dtype=float32)
    """
    (y,) = _minimum(*operands("minimum", a, b))
    return y


def where_backward(grad: Any, condition: Any, a: Any, b: Any) -> tuple[None, Any, Any]:
    """In the forward pass y = a where condition, else b; so da = g where condition, else 0, and db the other way."""
    (condition,) = booleans("where_backward", condition=condition)
    a, b = operands("where_backward", a, b)
    result = broadcast_shape("where_backward", condition.shape, a.shape, b.shape)
    grad, a, b = graded("where", grad, result, a=a, b=b)
    da, db = where(condition, grad, 0.0), where(condition, 0.0, grad)
    return None, elementwise.unbroadcast(da, a), elementwise.unbroadcast(db, b)


def _infer_where(condition: Spec, a: Spec, b: Spec) -> tuple[Spec]:
    return (Spec(broadcast_shape("where", condition.shape, a.shape, b.shape), a.dtype),)


def _lower_where(lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand]) -> None:
    broadcasting(lowering, Kernel("elementwise", "where"), inputs, outputs[0], 0.4)


_where = Primitive(
    "where",
    _infer_where,
    _lower_where,
    lambda grads, inputs, outputs: where_backward(grads[0], *inputs),
    in_place=((0, 1),),
    pointwise=True,
)


@op(draw=draw.choice)
def where(condition: Any, a: Any, b: Any) -> Any:
    """Choose between two numbers: y = a where condition is true, else b.

    Equivalent to ``np.where(condition, a, b)``. Shapes broadcast; condition bool, a and b both float32 or both float64,
    or one a Python number. What is not chosen has no influence, even if it is NaN; its gradient is 0.

    >>> where(np.array([True, False]), np.float32([1, 2]), 0)
    array([1., 0.], dtype=float32)
    """
    (y,) = _where(*booleans("where", condition=condition), *operands("where", a, b))
    return y


_greater = binary("greater", None, result=BOOL)
_greater_equal = binary("greater_equal", None, result=BOOL)
_equal = binary("equal", None, result=BOOL)
_not_equal = binary("not_equal", None, result=BOOL)


def _compared(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Both operands as arrays of one dtype: float32, float64 or int64."""
    for x, other in ((a, b), (b, a)):
        if isinstance(x, float) and getattr(other, "dtype", None) == INT64:
            raise TypeError(f"{name}: {x} stands beside an array of int64; expected an integer: convert with astype")
    pair = number_as_array(name, a=a, b=b)
    a, b = (array(name, which, x) for which, x in pair.items())
    if a.dtype != b.dtype or a.dtype not in (*FLOATS, INT64):
        (one, x), (other, y) = (("b", b), ("a", a)) if a.dtype in FLOATS else (("a", a), ("b", b))
        raise TypeError(
            f"{name}: {one} has dtype {x.dtype} but {other} has {y.dtype}; expected both float32, float64 or int64: "
            f"convert with {one}.astype({other}.dtype)"
        )
    if a.shape != b.shape:
        broadcast_shape(name, a.shape, b.shape)  # checked here, because two names share a primitive
    return a, b


@op(draw=draw.two_to_compare)
def greater(a: Any, b: Any) -> Any:
    """Whether a > b, as an array of bool: ``np.greater(a, b)``; False beside a NaN.

    Shapes broadcast; both float32, float64 or int64, or one a Python number.

    >>> greater(np.float32([1, 2, 3]), 2)
    array([False, False,  True])
    """
    (y,) = _greater(*_compared("greater", a, b))
    return y


@op(draw=draw.two_to_compare)
def greater_equal(a: Any, b: Any) -> Any:
    """Whether a >= b, as an array of bool: ``np.greater_equal(a, b)``; False beside a NaN.

    Shapes broadcast; both float32, float64 or int64, or one a Python number.

    >>> greater_equal(np.float32([1, 2, 3]), 2)
    array([False,  True,  True])
    """
    (y,) = _greater_equal(*_compared("greater_equal", a, b))
    return y


@op(draw=draw.two_to_compare)
def less(a: Any, b: Any) -> Any:
    """Whether a < b, as an array of bool: ``np.less(a, b)``; False beside a NaN.

    Shapes broadcast; both float32, float64 or int64, or one a Python number.

    >>> less(np.float32([1, 2, 3]), 2)
    array([ True, False, False])
    """
    a, b = _compared("less", a, b)
    (y,) = _greater(b, a)
    return y


@op(draw=draw.two_to_compare)
def less_equal(a: Any, b: Any) -> Any:
    """Whether a <= b, as an array of bool: ``np.less_equal(a, b)``; False beside a NaN.

    Shapes broadcast; both float32, float64 or int64, or one a Python number.

    >>> less_equal(np.float32([1, 2, 3]), 2)
    array([ True,  True, False])
    """
    a, b = _compared("less_equal", a, b)
    (y,) = _greater_equal(b, a)
    return y


@op(draw=draw.two_to_compare)
def equal(a: Any, b: Any) -> Any:
    """Whether a = b, as an array of bool: ``np.equal(a, b)``; a NaN equals nothing.

    Shapes broadcast; both float32, float64 or int64, or one a Python number.

    >>> equal(np.float32([1, 2, np.nan]), np.float32([3, 2, np.nan]))
    array([False,  True, False])
    """
    (y,) = _equal(*_compared("equal", a, b))
    return y


@op(draw=draw.two_to_compare)
def not_equal(a: Any, b: Any) -> Any:
    """Whether a and b differ, as an array of bool: ``np.not_equal(a, b)``; a NaN differs from everything.

    Shapes broadcast; both float32, float64 or int64, or one a Python number.

    >>> not_equal(np.float32([1, 2, np.nan]), np.float32([3, 2, np.nan]))
    array([ True, False,  True])
    """
    (y,) = _not_equal(*_compared("not_equal", a, b))
    return y


def astype_backward(grad: Any, x: Any, dtype: Any) -> tuple[Any]:
    """In the forward pass y = x in another dtype, so dx = g in that of x. None unless both are floats."""
    target = _target("astype_backward", x, dtype)
    if x.dtype not in FLOATS or target not in FLOATS:
        return (None,)
    return (astype(check_grad("astype_backward", grad, x.shape, target), x.dtype),)


def _target(name: str, x: Any, dtype: Any) -> np.dtype[Any]:
    """``dtype`` as a NumPy dtype, if x can be converted to it."""
    target: np.dtype[Any] | None
    try:
        target = np.dtype(dtype)
    except TypeError:
        target = None
    names = ", ".join(d.name for d in CONVERTIBLE)
    if target is None or target not in CONVERTIBLE:
        raise TypeError(f"{name}: dtype is {dtype!r}; expected one of {names}")
    if array(name, "x", x).dtype not in CONVERTIBLE:
        raise TypeError(f"{name}: x has dtype {x.dtype}; expected one of {names}: convert it with NumPy first")
    return target


def _lower_astype(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], dtype: np.dtype[Any]) -> None:
    (x,), (y,) = inputs, outputs
    source = UINT8 if x.dtype == BOOL else x.dtype
    kernel, dtypes = ("convert_to_bool", [source]) if dtype == BOOL else ("convert", [dtype, source])
    lowering.launch(
        Kernel("elementwise", kernel), dtypes, [y, x, x.size], cells=cells(x.size), work=0.4 * x.size, elementwise=CELL
    )


_astype = Primitive(
    "astype",
    lambda x, dtype: (Spec(x.shape, dtype),),
    _lower_astype,
    lambda grads, inputs, outputs, dtype: astype_backward(grads[0], inputs[0], dtype),
)


@op(draw=draw.conversion)
def astype(x: Any, dtype: Any) -> Any:
    """The array in another dtype: float32, float64, int64, int32, uint8 or bool.

    Equivalent to ``x.astype(dtype)``: floats are cut off towards zero to become integers, and what is not 0 (a NaN
    too) is True. A number outside the range of the new dtype gives some number of that dtype. Between floats it has a
    gradient.

    >>> astype(np.float32([0.5, -1.5]), np.int64)
    array([ 0, -1])
    """
    target = _target("astype", x, dtype)
    if x.dtype == target:
        return x if isinstance(x, Symbol) else np.array(x, order="C")
    (y,) = _astype(array("astype", "x", x), dtype=target)
    return y
