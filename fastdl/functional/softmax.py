"""softmax and log_softmax, which work along the lines of an array, each beside its backward.

Letters: x the input, y the output, g the gradient of the output, h the gradient of a gradient. All arrays of one
function have the same shape.
"""

import math
from collections.abc import Callable
from typing import Any

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Spec, op
from . import elementwise, reductions
from ._door import array, axis_of, floats, results
from ._draw import activations as draw
from ._operands import graded1


def _line_primitive(name: str, vjp: Callable[..., Any], cost: float) -> Primitive:
    """A primitive of one or two arrays of one shape that works along lines; ``cost`` in nanoseconds an element."""

    def infer(*specs: Spec, axis: int) -> tuple[Spec]:
        return (specs[0],)

    def lower(lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], axis: int) -> None:
        (y,) = outputs
        outer, n, inner = (math.prod(part) for part in (y.shape[:axis], y.shape[axis : axis + 1], y.shape[axis + 1 :]))
        if y.size == 0:
            return
        if inner == 1:
            in_cell = max(1, 2048 // n)
            arguments, cells = [outer, n, in_cell], -(-outer // in_cell)
            lowering.note(algorithm=f"{in_cell} lines a cell", why="the numbers of a line lie side by side")
        else:
            blocks = -(-inner // 128)
            arguments, cells = [n, inner, blocks], outer * blocks
            lowering.note(algorithm="128 lines side by side", why="the numbers of a line lie apart in memory")
        kernel = Kernel("softmax", f"{name}_{'rows' if inner == 1 else 'columns'}")
        lowering.launch(kernel, y.dtype, [y, *inputs, *arguments], cells=cells, work=cost * y.size)

    return Primitive(name, infer, lower, vjp, in_place=((0, 0),))


def _line(name: str, x: Any, axis: int) -> int:
    """The axis of a line function, counted from the front."""
    ndim = len(array(name, "x", x).shape)
    if ndim == 0:
        raise ValueError(f"{name}: x has no dimensions; expected at least one: pass x.reshape(1)")
    return axis_of(name, axis, ndim)


def _graded_line(name: str, grad: Any, x: Any, axis: int, output: Any) -> tuple[Any, Any, int, Any]:
    axis = _line(f"{name}_backward", x, axis)
    grad, x, output = graded1(name, grad, x, output)
    return grad, x, axis, output


def _sum(x: Any, axis: int) -> Any:
    return reductions.sum(x, axis=axis, keepdims=True)


def softmax_backward(grad: Any, x: Any, axis: int = -1, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = softmax(x), so dx = y (g - sum(g y)) with the sum along the axis."""
    grad, x, axis, output = _graded_line("softmax", grad, x, axis, output)
    return _softmax_grad(grad, softmax(x, axis) if output is None else output, axis=axis)


def _vjp_softmax_grad(grads: Any, inputs: Any, outputs: Any, axis: int) -> tuple[Any, Any]:
    # dx = y (g - s), s = sum(g y): symmetric in h and g for d/dg; d/dy = h (g - s) - g sum(h y).
    (h,), (g, y) = grads, inputs
    multiply, subtract = elementwise.multiply, elementwise.subtract
    s, t = _sum(multiply(g, y), axis), _sum(multiply(h, y), axis)
    return _softmax_grad(h, y, axis=axis)[0], subtract(multiply(h, subtract(g, s)), multiply(g, t))


_softmax = _line_primitive(
    "softmax",
    lambda grads, inputs, outputs, axis: softmax_backward(grads[0], inputs[0], axis, output=outputs[0]),
    1.0,
)
_softmax_grad = _line_primitive("softmax_grad", _vjp_softmax_grad, 0.5)


@op(draw=draw.lines)
def softmax(x: Any, axis: int = -1, *, out: Any = None) -> Any:
    """Turn each line along an axis into positive weights that add up to 1: y_i = e**x_i / sum_j e**x_j.

    Equivalent to ``e / e.sum(axis, keepdims=True)`` with ``e = np.exp(x - x.max(axis, keepdims=True))``: the maximum
    keeps the powers from overflowing. x float32 or float64 of at least one dimension. A line with a NaN or +inf, or
    with nothing but -inf, gives NaN.
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> softmax(np.float32([0, 0]))
    array([0.5, 0.5], dtype=float32)
    """
    axis = _line("softmax", x, axis)
    (x,) = floats("softmax", x=x)
    return results("softmax", _softmax, {"x": x}, out, axis=axis)[0]


def log_softmax_backward(grad: Any, x: Any, axis: int = -1, *, output: Any = None) -> tuple[Any]:
    """In the forward pass y = log(softmax(x)), so dx = g - e**y sum(g) with the sum along the axis."""
    grad, x, axis, output = _graded_line("log_softmax", grad, x, axis, output)
    return _log_softmax_grad(grad, log_softmax(x, axis) if output is None else output, axis=axis)


def _vjp_log_softmax_grad(grads: Any, inputs: Any, outputs: Any, axis: int) -> tuple[Any, Any]:
    # dx = g - e**y sum(g): the gradient with respect to g is h - sum(h e**y), to y it is -h e**y sum(g).
    (h,), (g, y) = grads, inputs
    hp = elementwise.multiply(h, elementwise.exp(y))
    return elementwise.subtract(h, _sum(hp, axis)), elementwise.negative(elementwise.multiply(hp, _sum(g, axis)))


_log_softmax = _line_primitive(
    "log_softmax",
    lambda grads, inputs, outputs, axis: log_softmax_backward(grads[0], inputs[0], axis, output=outputs[0]),
    1.0,
)
_log_softmax_grad = _line_primitive("log_softmax_grad", _vjp_log_softmax_grad, 0.7)


@op(draw=draw.lines)
def log_softmax(x: Any, axis: int = -1, *, out: Any = None) -> Any:
    """The logarithm of softmax without the detour through tiny numbers: y_i = x_i - log(sum_j e**x_j).

    Equivalent to ``d - np.log(np.exp(d).sum(axis, keepdims=True))`` with ``d = x - x.max(axis, keepdims=True)``. x
    float32 or float64 of at least one dimension. A line with a NaN or +inf, or with nothing but -inf, gives NaN.
    ``out`` takes the result; it may not overlap x.

    >>> import numpy as np
    >>> log_softmax(np.float32([1000, 1000]))
    array([-0.6931472, -0.6931472], dtype=float32)
    """
    axis = _line("log_softmax", x, axis)
    (x,) = floats("log_softmax", x=x)
    return results("log_softmax", _log_softmax, {"x": x}, out, axis=axis)[0]
