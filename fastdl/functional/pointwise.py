"""More functions that go element by element: clip, square, and logic on booleans.

Each function stands beside its backward; x a b the operands, y the result, g the gradient of the result. The names of
Python's min and max are hidden by arguments.
"""

import math
from typing import Any

from .._kernels import Argument, Kernel
from ..ops import Lowering, Operand, Primitive, op
from ..options import is_number
from . import elementwise
from ._door import BOOL, booleans, floats, results
from ._draw import pointwise as draw
from ._lowering import CELL, binary, broadcasting, cells, unary
from ._operands import graded1


def _lower_clip(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], least: float, most: float) -> None:
    (x,), (y,) = inputs, outputs
    kernel = Kernel("pointwise", "clip")
    arguments: list[Argument | Operand] = [y, x, x.size, least, most]
    lowering.launch(kernel, x.dtype, arguments, cells=cells(x.size), work=0.3 * x.size, elementwise=CELL)


def _lower_clip_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], least: float, most: float
) -> None:
    (g, x), (dx,) = inputs, outputs
    kernel = Kernel("pointwise", "clip_grad")
    arguments: list[Argument | Operand] = [dx, g, x, x.size, least, most]
    lowering.launch(kernel, x.dtype, arguments, cells=cells(x.size), work=0.3 * x.size, elementwise=CELL)


def _vjp_clip(grads: Any, inputs: Any, outputs: Any, least: float, most: float) -> tuple[Any]:
    return (_clip_grad(grads[0], inputs[0], least=least, most=most)[0],)


def _vjp_clip_grad(grads: Any, inputs: Any, outputs: Any, least: float, most: float) -> tuple[Any, None]:
    return _clip_grad(grads[0], inputs[1], least=least, most=most)[0], None


_clip = Primitive("clip", lambda x, least, most: (x,), _lower_clip, _vjp_clip, pointwise=True)
_clip_grad = Primitive("clip_grad", lambda g, x, least, most: (x,), _lower_clip_grad, _vjp_clip_grad, pointwise=True)


def _bounds(name: str, min: Any, max: Any) -> dict[str, float]:
    """The bounds as numbers; an absent one is infinite."""
    if min is None and max is None:
        raise ValueError(f"{name}: min and max are None; expected at least one bound")
    for which, value in (("min", min), ("max", max)):
        if value is not None and not is_number(value):
            raise TypeError(
                f"{name}: {which} is a {type(value).__name__}; expected a number: use maximum and minimum for arrays"
            )
        if value is not None and math.isnan(value):
            raise ValueError(f"{name}: {which} is nan; expected a number")
    return {"least": -math.inf if min is None else float(min), "most": math.inf if max is None else float(max)}


def clip_backward(grad: Any, x: Any, min: float | None = None, max: float | None = None) -> tuple[Any]:
    """In the forward pass y = x between the bounds, so dx = g there and on a bound, 0 outside."""
    grad, x, _ = graded1("clip", grad, x, None)
    return _clip_grad(grad, x, **_bounds("clip_backward", min, max))


@op(draw=draw.clip)
def clip(x: Any, min: float | None = None, max: float | None = None, *, out: Any = None) -> Any:
    """The number, but at least ``min`` and at most ``max``: y = min(max(x, min), max).

    Equivalent to ``np.clip(x, min, max)``; x float32 or float64 of any shape, the bounds numbers, of which one may be
    missing. NaN stays NaN. Where x is outside the bounds the gradient is 0; on a bound it comes through.

    >>> import numpy as np
    >>> clip(np.float32([-2, 0.5, 3]), -1, 1)
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    (x,) = floats("clip", x=x)
    return results("clip", _clip, {"x": x}, out, **_bounds("clip", min, max))[0]


def square_backward(grad: Any, x: Any) -> tuple[Any]:
    """In the forward pass y = x**2, so dx = 2 g x."""
    grad, x, _ = graded1("square", grad, x, None)
    return (elementwise.multiply(elementwise.multiply(grad, 2.0), x),)


def _lower_square(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand]) -> None:
    broadcasting(lowering, Kernel("elementwise", "multiply"), [*inputs, *inputs], outputs[0], 0.3)


_square = Primitive(
    "square", lambda x: (x,), _lower_square, lambda grads, inputs, outputs: square_backward(grads[0], inputs[0])
)


@op(draw=draw.one)
def square(x: Any, *, out: Any = None) -> Any:
    """The number times itself: y = x**2.

    Equivalent to ``np.square(x)``; x float32 or float64 of any shape.

    >>> import numpy as np
    >>> square(np.float32([-2, 3]))
    array([4., 9.], dtype=float32)
    """
    (x,) = floats("square", x=x)
    return results("square", _square, {"x": x}, out)[0]


_logical_and = binary("logical_and", None, cost=0.1, result=BOOL, kernels="pointwise")
_logical_or = binary("logical_or", None, cost=0.1, result=BOOL, kernels="pointwise")
_logical_not = unary("logical_not", None, 0.1, kernels="pointwise")


@op(draw=draw.two_booleans)
def logical_and(a: Any, b: Any) -> Any:
    """Whether both are true: ``np.logical_and(a, b)``, and ``a & b`` of recorded tensors.

    Both are arrays of bool, as comparisons give them; shapes broadcast. It has no gradient.

    >>> import numpy as np
    >>> logical_and(np.array([True, True, False]), np.array([True, False, False]))
    array([ True, False, False])
    """
    return _logical_and(*booleans("logical_and", a=a, b=b))[0]


@op(draw=draw.two_booleans)
def logical_or(a: Any, b: Any) -> Any:
    """Whether one is true, or both: ``np.logical_or(a, b)``, and ``a | b`` of recorded tensors.

    Both are arrays of bool, as comparisons give them; shapes broadcast. It has no gradient.

    >>> import numpy as np
    >>> logical_or(np.array([True, True, False]), np.array([True, False, False]))
    array([ True,  True, False])
    """
    return _logical_or(*booleans("logical_or", a=a, b=b))[0]


@op(draw=draw.one_boolean)
def logical_not(x: Any) -> Any:
    """Whether it is false: ``np.logical_not(x)``, and ``~x`` of recorded tensors.

    x is an array of bool, as comparisons give it. It has no gradient.

    >>> import numpy as np
    >>> logical_not(np.array([True, False]))
    array([False,  True])
    """
    return _logical_not(*booleans("logical_not", x=x))[0]
