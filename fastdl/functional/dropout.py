"""Dropout with counter-based random numbers: which elements are kept follows from (seed, step, node, element).

Nothing has to be stored for the backward pass, and any number of threads draws the same mask. In a training plan the
step is a number in memory that changes, so seed and step are inputs of the primitive; node, which tells the dropout
layers of a network apart, is an attribute. Letters: x the input, y the output, g the gradient of the output, p the
probability to drop.
"""

import math
from typing import Any

import numpy as np

from .._kernels import Kernel
from ..ops import Lowering, Operand, Primitive, Spec, Symbol, op
from ..options import is_integer, is_number
from ._door import INT64, floats
from ._draw import dropout as draw
from ._lowering import CELL, cells
from ._operands import graded


def _wrapped(value: int) -> int:
    """The signed 64-bit integer with the last 64 bits of ``value``."""
    return (value + 2**63) % 2**64 - 2**63


def _counter(name: str, which: str, value: Any) -> Any:
    """seed or step as an int64 array of no dimensions."""
    if is_integer(value):
        return np.asarray(_wrapped(int(value)), INT64)
    if isinstance(value, (np.ndarray, Symbol)) and value.shape == () and value.dtype == INT64:
        return value
    came = f"an array of shape {value.shape} and dtype {value.dtype}" if hasattr(value, "dtype") else repr(value)
    raise TypeError(f"{name}: {which} is {came}; expected an integer, or an int64 array of no dimensions")


def _options(name: str, p: Any, seed: Any, step: Any, node: Any) -> tuple[float, Any, Any, int]:
    if not is_number(p):
        raise TypeError(f"{name}: p is {p!r}; expected a number, 0 <= p < 1")
    if not 0 <= p < 1:
        raise ValueError(f"{name}: p is {p}; expected a probability, 0 <= p < 1")
    if not is_integer(node):
        raise TypeError(f"{name}: node is {node!r}; expected an integer")
    return float(p), _counter(name, "seed", seed), _counter(name, "step", step), _wrapped(int(node))


def _lower(lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], p: float, node: int) -> None:
    x, seed, step = inputs
    (y,) = outputs
    # u = k / 2**24 with an integer k, so u >= p means k >= p 2**24, rounded up.
    threshold, scale = math.ceil(p * 2**24), 1.0 / (1.0 - p)
    lowering.launch(
        Kernel("dropout", "dropout"),
        x.dtype,
        [y, x, seed, step, node, threshold, scale, x.size],
        cells=cells(x.size),
        work=0.5 * x.size,
        elementwise=CELL,
    )


def _vjp(grads: Any, inputs: Any, outputs: Any, p: float, node: int) -> tuple[Any, None, None]:
    x, seed, step = inputs
    return (*dropout_backward(grads[0], x, p, seed=seed, step=step, node=node), None, None)


def _infer(x: Spec, seed: Spec, step: Spec, p: float, node: int) -> tuple[Spec]:
    return (x,)


_dropout = Primitive("dropout", _infer, _lower, _vjp, in_place=((0, 0),))


def dropout_backward(grad: Any, x: Any, p: float, *, seed: Any, step: Any, node: int = 0) -> tuple[Any]:
    """In the forward pass y = x / (1 - p) for the elements that were kept, else 0; so dx is the same done to g."""
    p, seed, step, node = _options("dropout_backward", p, seed, step, node)
    x = floats("dropout_backward", x=x)[0]
    grad, _ = graded("dropout", grad, x.shape, x=x)
    return _dropout(grad, seed, step, p=p, node=node)


@op(draw=draw.dropped)
def dropout(x: Any, p: float, *, seed: Any, step: Any, node: int = 0) -> Any:
    """Set each element to 0 with probability p, and make up for it by scaling the others.

    y_i = x_i / (1 - p) if u_i >= p, else 0, where u_i in [0, 1) is the random number of element i in C order:
    u_i = floor(mix(key + (i + 1) 0x9E3779B97F4A7C15) / 2**40) / 2**24, key = mix(mix(mix(seed) + step) + node), in
    64-bit arithmetic that wraps around. Equivalent to ``x * (u >= p) / (1 - p)``, but what is dropped is 0 even if it
    was NaN.

    x float32 or float64 of any shape, 0 <= p < 1; seed and step integers or int64 arrays of no dimensions, node an
    integer. The same numbers give the same mask, on any machine and with any number of threads; inference is to leave
    dropout out. mix is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", 2014).

    >>> dropout(np.float32([1, 2, 3, 4, 5, 6]), 0.5, seed=0, step=0)
    array([2., 0., 0., 8., 0., 0.], dtype=float32)
    """
    p, seed, step, node = _options("dropout", p, seed, step, node)
    (y,) = _dropout(*floats("dropout", x=x), seed, step, p=p, node=node)
    return y
