"""How elementwise primitives lower to launches: shared by all families that have elementwise parts.

Letters: x a b the operands, y the result; its shape as (rows, columns) with as many columns as all operands step
through evenly.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._kernels import Argument, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec

_ADD_PARTS = Kernel("parts", "add")

CELL = 4096  # elements of one cell, as in the kernels


def cells(n: int) -> int:
    """Number of cells of n elements."""
    return -(-n // CELL)


def round_up(n: int, step: int) -> int:
    """The least multiple of ``step`` that is at least n."""
    return -(-n // step) * step


def no_gradient(grads: Any, inputs: Sequence[Any], outputs: Any, **attrs: Any) -> list[None]:
    """The vjp of a primitive whose derivative is zero wherever it has one (the sign of a number)."""
    return [None] * len(inputs)


def vjp1(backward: Callable[..., Sequence[Any]]) -> Callable[..., Sequence[Any]]:
    """The vjp of a one-operand primitive from its public backward, which may use the output."""
    return lambda grads, inputs, outputs: backward(grads[0], inputs[0], output=outputs[0])


def vjp2(backward: Callable[..., Sequence[Any]]) -> Callable[..., Sequence[Any]]:
    """The vjp of a primitive from its public backward, which may use all operands."""
    return lambda grads, inputs, outputs: backward(grads[0], *inputs)


def add_parts(
    lowering: Lowering,
    y: Operand,
    x: Operand,
    parts: int,
    *,
    matrices: int = 1,
    columns: int = 1,
    bias: Operand | None = None,
    relu: bool = False,
) -> None:
    """y = s(sum over the parts of x + bias), where x is ``matrices`` times ``parts`` times what y has of each."""
    n = y.size // matrices
    arguments: list[Argument | Operand] = [y, x, parts, n, bias, columns, int(relu)]
    lowering.launch(_ADD_PARTS, y.dtype, arguments, cells=matrices * -(-n // 1024), work=0.1 * x.size)


def unary(
    name: str, vjp: Callable[..., Sequence[Any]] | None, cost: float, *, kernels: str = "elementwise"
) -> Primitive:
    """A primitive y = f(x) with kernel ``<kernels>.<name>``; ``cost`` in nanoseconds an element."""
    kernel = Kernel(kernels, name)

    def lower(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand]) -> None:
        (x,), (y,) = inputs, outputs
        lowering.launch(kernel, x.dtype, [y, x, x.size], cells=cells(x.size), work=cost * x.size, elementwise=CELL)

    return Primitive(name, lambda x: (x,), lower, vjp, in_place=((0, 0),), pointwise=True)


def broadcast_shape(name: str, *shapes: Shape) -> Shape:
    """NumPy's broadcasting rule."""
    result: list[int] = []
    for position in range(1, max(map(len, shapes), default=0) + 1):
        sizes = {s[-position] for s in shapes if len(s) >= position} - {1}
        if len(sizes) > 1:
            raise ValueError(
                f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast together; counted from the last "
                "axis, sizes must be equal or 1"
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(reversed(result))


def strides_in(shape: Shape, full: Shape) -> list[int]:
    """Element strides with which an operand of ``shape`` is read at every place of ``full``; 0 where it is repeated."""
    strides = [0] * len(full)
    stride = 1
    for axis in range(1, len(shape) + 1):
        if shape[-axis] != 1:
            strides[-axis] = stride
            stride *= shape[-axis]
    return strides


def collapse(shape: Shape, strides: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Merge neighbouring axes that all operands step through evenly, so that few axes are left to count through."""
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, n in enumerate(shape):
        if n == 1:
            continue
        if sizes and all(step[-1] == s[axis] * n for step, s in zip(steps, strides, strict=True)):
            sizes[-1] *= n
            for step, s in zip(steps, strides, strict=True):
                step[-1] = s[axis]
        else:
            sizes.append(n)
            for step, s in zip(steps, strides, strict=True):
                step.append(s[axis])
    return sizes or [1], [s or [0] for s in steps]


def broadcasting(lowering: Lowering, kernel: Kernel, inputs: Sequence[Operand], y: Operand, cost: float) -> None:
    """Launch an elementwise kernel of several operands that broadcast to y; its type is that of the last operand."""
    sizes, steps = collapse(y.shape, [strides_in(x.shape, y.shape) for x in inputs])
    *outer, columns = sizes
    rows = math.prod(outer)
    cell_rows = max(1, CELL // max(1, columns))
    tables = [lowering.constant(table[:-1]) if outer else None for table in (sizes, *steps)]
    last_steps = [step[-1] for step in steps]
    arguments = [y, *inputs, rows, columns, *last_steps, cell_rows, len(outer), *tables]
    count = cells(columns) if rows == 1 else -(-rows // cell_rows)
    own = CELL if rows == 1 else cell_rows * columns
    count = count if y.size else 0
    lowering.launch(kernel, inputs[-1].dtype, arguments, cells=count, work=cost * y.size, elementwise=own)


def binary(
    name: str,
    vjp: Callable[..., Sequence[Any]] | None,
    *,
    cost: float = 0.3,
    result: np.dtype[Any] | None = None,
    kernels: str = "elementwise",
) -> Primitive:
    """A primitive y = f(a, b) with broadcasting; ``result`` is the result's dtype if not the operands'."""
    kernel = Kernel(kernels, name)

    def infer(a: Spec, b: Spec) -> tuple[Spec]:
        return (Spec(broadcast_shape(name, a.shape, b.shape), result or a.dtype),)

    def lower(lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand]) -> None:
        broadcasting(lowering, kernel, inputs, outputs[0], cost)

    return Primitive(name, infer, lower, vjp, in_place=() if result else ((0, 0),), pointwise=True)
