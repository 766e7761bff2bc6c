"""The operands of elementwise ops at the door: Python numbers beside arrays, and gradients beside their arguments."""

from typing import Any

import numpy as np

from ..ops import Shape
from ._door import array, floats
from ._lowering import broadcast_shape


def operands(name: str, a: Any, b: Any) -> list[Any]:
    """Both operands as arrays of one float dtype; a Python number becomes an array of no dimensions."""
    return floats(name, **number_as_array(name, a=a, b=b))


def number_as_array(name: str, **pair: Any) -> dict[str, Any]:
    """A Python number among two operands as an array of no dimensions and of the other's dtype."""
    (first, a), (second, b) = pair.items()
    if isinstance(b, (int, float)):
        return {first: array(name, first, a), second: np.asarray(b, a.dtype)}
    if isinstance(a, (int, float)):
        return {first: np.asarray(a, array(name, second, b).dtype), second: b}
    return pair


def graded(name: str, grad: Any, result: Shape, **arrays: Any) -> list[Any]:
    """A gradient and the arguments of the forward pass, checked: one dtype, and ``grad`` of the result's shape."""
    checked = floats(f"{name}_backward", grad=grad, **arrays)
    if checked[0].shape != result:
        raise ValueError(
            f"{name}_backward: grad has shape {grad.shape}; expected {result}, the shape of the result of {name}"
        )
    return checked


def graded1(name: str, grad: Any, x: Any) -> list[Any]:
    """grad and x of a function of one array."""
    return graded(name, grad, array(f"{name}_backward", "x", x).shape, x=x)


def graded2(name: str, grad: Any, a: Any, b: Any) -> list[Any]:
    """grad, a and b of a function of two arrays."""
    a, b = operands(f"{name}_backward", a, b)
    return graded(name, grad, broadcast_shape(f"{name}_backward", a.shape, b.shape), a=a, b=b)
