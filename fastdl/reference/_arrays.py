"""What all reference functions share: arguments become float64, outputs are computed element by element.

`evaluate` is the heart. A reference function says how *one* element of its output follows from the inputs;
`evaluate` asks for all of them, or only for those that the caller names with `at=`.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Index = tuple[int, ...]
Indices = Iterable[Sequence[int]]  # what at= takes: index tuples into the output


def quiet() -> np.errstate:
    """NaN and infinity are results here, not mishaps: compute them without a warning."""
    return np.errstate(all="ignore")


def as_float64(op: str, name: str, value: ArrayLike) -> FloatArray:
    """A float64 copy of the argument `name` of `op`: lists, integers and every real dtype are welcome."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "cSUMm":
            raise TypeError(f"its dtype is {array.dtype}")
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{op}: {name} must be an array of real numbers, but {error}") from None


def as_integers(op: str, name: str, value: ArrayLike) -> NDArray[np.int64]:
    """An int64 copy of the argument `name` of `op`, which must hold integers (or nothing at all)."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu" and array.size > 0:
        raise ValueError(f"{op}: {name} must be an array of integers, but its dtype is {array.dtype}")
    return array.astype(np.int64)


def as_bias(op: str, bias: ArrayLike | None, weight: FloatArray, count: int) -> FloatArray:
    """One bias for each of the `count` outputs that weight makes; an absent bias is a bias of zeros."""
    biases = np.zeros(count) if bias is None else as_float64(op, "bias", bias)
    if biases.shape != (count,):
        raise ValueError(f"{op}: bias is {biases.shape}, weight is {weight.shape}; expected ({count},)")
    return biases


def present(gradient: FloatArray, argument: ArrayLike | None) -> FloatArray | None:
    """The gradient of an argument, None if that was absent."""
    return None if argument is None else gradient


def as_grad(op: str, grad: ArrayLike, shape: Index) -> FloatArray:
    """The incoming gradient, which must have the shape of the forward pass's output."""
    array = as_float64(f"{op}_backward", "grad", grad)
    if array.shape != shape:
        raise ValueError(f"{op}_backward: grad is {array.shape}, the output of {op} is {shape}; they must agree")
    return array


def as_axis(op: str, axis: int, ndim: int) -> int:
    """The axis counted from the front; -1 is the last one."""
    number = operator.index(axis)
    if not -ndim <= number < ndim:
        raise ValueError(f"{op}: axis is {axis}, x has {ndim} dimensions; expected -{ndim} <= axis < {ndim}")
    return number % ndim


def indices_into(shape: Index, at: Indices) -> list[Index]:
    """The index tuples of `at`, checked against the output's shape, negative entries counted from the end."""
    checked = []
    for entry in at:
        try:
            index = tuple(operator.index(i) for i in entry)
        except TypeError:
            raise ValueError(f"at: {entry!r} is no index; expected tuples of {len(shape)} integers") from None
        if len(index) != len(shape) or any(not -n <= i < n for i, n in zip(index, shape, strict=True)):
            raise ValueError(f"at: {index} is no index into an array of shape {shape}")
        checked.append(tuple(i % n for i, n in zip(index, shape, strict=True)))
    return checked


def pick(values: NDArray[Any], at: Indices | None) -> NDArray[Any]:
    """The values at the indices `at` as a 1-D array, or all of them."""
    if at is None:
        return values
    return np.array([values[index] for index in indices_into(values.shape, at)], dtype=values.dtype)


def evaluate(element: Callable[[Index], float], shape: Index, at: Indices | None) -> FloatArray:
    """Compute `element(index)` for every index of an output of this shape, or for those in `at` only."""
    with quiet():
        if at is not None:
            return np.array([element(index) for index in indices_into(shape, at)], dtype=np.float64)
        output = np.empty(shape)
        for index in np.ndindex(*shape):
            output[index] = element(index)
        return output


def evaluate_gradient(
    element: Callable[[Index], float], shape: Index, at: Sequence[Indices | None] | None, argument: int
) -> FloatArray | None:
    """As `evaluate` for a backward whose `at` holds, per argument, a list of indices, or None to skip it."""
    if at is None:
        return evaluate(element, shape, None)
    chosen = at[argument]
    return None if chosen is None else evaluate(element, shape, chosen)


def check_one_list_each(op: str, at: Sequence[Indices | None] | None, names: tuple[str, ...]) -> None:
    """The `at` of a backward holds one list of indices, or None, for each of its gradients."""
    if at is not None and len(at) != len(names):
        raise ValueError(f"{op}_backward: at has {len(at)} entries; expected one for each of {', '.join(names)}")


def elementwise(op: str, function: Callable[..., Any], at: Indices | None, **arrays: ArrayLike) -> NDArray[Any]:
    """Apply a formula to every element of the arrays, broadcast against each other as NumPy does."""
    chosen = None if at is None else list(at)
    values = [pick(array, chosen) for array in broadcast(op, **arrays)]
    with quiet():
        return np.asarray(function(*values))


def times_slope(op: str, grad: ArrayLike, x: ArrayLike, slope: Callable[[FloatArray], FloatArray]) -> tuple[FloatArray]:
    """The chain rule for a function of one number: gx = g y'(x)."""
    values = as_float64(f"{op}_backward", "x", x)
    with quiet():
        return (np.asarray(as_grad(op, grad, values.shape) * slope(values)),)


def broadcast(op: str, **arrays: ArrayLike) -> list[FloatArray]:
    """The arrays as float64, stretched to their common shape."""
    values = [as_float64(op, name, array) for name, array in arrays.items()]
    try:
        return list(np.broadcast_arrays(*values))
    except ValueError:
        came = " and ".join(f"{name} {value.shape}" for name, value in zip(arrays, values, strict=True))
        raise ValueError(f"{op}: {came} cannot be broadcast to one shape") from None


def sum_to_shape(grad: FloatArray, shape: Index) -> FloatArray:
    """Undo broadcasting: an element that was used several times receives the sum of its gradients."""
    new_axes = tuple(range(grad.ndim - len(shape)))
    stretched_axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    with quiet():
        return np.asarray(np.asarray(grad.sum(axis=new_axes)).sum(axis=stretched_axes, keepdims=True))
