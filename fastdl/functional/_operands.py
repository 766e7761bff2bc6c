"""The operands of elementwise ops at the door: Python numbers beside arrays, and gradients beside their arguments."""

from typing import Any

import numpy as np

from ..ops import Shape
from ._door import array, check_grad, floats
from ._lowering import broadcast_shape


def operands(name: str, a: Any, b: Any) -> list[Any]:
    """Both operands as arrays of one float dtype; a Python number becomes an array of no dimensions."""
    return floats(name, **number_as_array(name, a=a, b=b))


def number_as_array(name: str, **pair: Any) -> dict[str, Any]:
    """A Python number among two operands as an array of no dimensions and of the other's dtype."""
    (first, a), (second, b) = pair.items()
    if isinstance(b, (int, float)):
        return {first: array(name, first, a), second: _as_array(name, second, b, a.dtype)}
    if isinstance(a, (int, float)):
        return {first: _as_array(name, first, a, array(name, second, b).dtype), second: b}
    return pair


def _as_array(name: str, argument: str, value: float, dtype: np.dtype[Any]) -> Any:
    try:
        return np.asarray(value, dtype)
    except OverflowError:
        raise ValueError(f"{name}: {argument} is an integer too large for {dtype}, the dtype beside it") from None


def graded(name: str, grad: Any, result: Shape, **arrays: Any) -> list[Any]:
    """A gradient and the arguments of the forward pass, checked: one dtype, and ``grad`` of the result's shape."""
    checked = floats(f"{name}_backward", **arrays)
    return [check_grad(f"{name}_backward", grad, result, checked[0].dtype), *checked]


def saved(name: str, output: Any, grad: Any) -> Any:
    """The result of the forward pass, if it was given, checked to fit its gradient."""
    return None if output is None else check_grad(f"{name}_backward", output, grad.shape, grad.dtype, "output")


def graded1(name: str, grad: Any, x: Any, output: Any) -> list[Any]:
    """grad, x and perhaps the result of a function of one array."""
    grad, x = graded(name, grad, array(f"{name}_backward", "x", x).shape, x=x)
    return [grad, x, saved(name, output, grad)]


def graded2(name: str, grad: Any, a: Any, b: Any) -> list[Any]:
    """grad, a and b of a function of two arrays."""
    a, b = operands(f"{name}_backward", a, b)
    return graded(name, grad, broadcast_shape(f"{name}_backward", a.shape, b.shape), a=a, b=b)
