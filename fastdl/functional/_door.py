"""Checks at the door of the functional floor, and the wording of its errors.

Whatever passes is an ndarray (or a recorded tensor) of a dtype that the op takes; kernels check nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Primitive, Spec, Symbol, execute
from ..options import is_integer

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
BOOL = np.dtype(np.bool_)
INT64 = np.dtype(np.int64)


class Handle:
    """Base of what stands for an array in the calls that it was made for."""

    __slots__ = ()


def describe(**arrays: Any) -> str:
    """``x (8, 4, 32, 32), weight (16, 3, 3, 3)``: the arguments of an error message."""
    return ", ".join(f"{name} {tuple(a.shape)}" for name, a in arrays.items() if a is not None)


def array(op: str, name: str, x: Any) -> Any:
    """``x`` if it is an array or a recorded tensor; lists and numbers are refused with the remedy."""
    if type(x) is np.ndarray or isinstance(x, Symbol):
        return x
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{op}: {name} is a masked array, whose mask would be ignored; pass {name}.filled(0) or the like"
        )
    if isinstance(x, (np.ndarray, np.generic)):
        return np.asarray(x)  # of a memmap the array itself; a matrix would stay one in every view
    if isinstance(x, Handle):
        raise TypeError(
            f"{op}: {name} is a {type(x).__name__}, which dense and conv2d take for their weight, others do not; pass "
            "the array that it was made of"
        )
    raise TypeError(
        f"{op}: {name} is a {type(x).__name__}; expected a NumPy array: convert it with np.asarray({name}, np.float32)"
    )


def floats(op: str, *, optional: Sequence[str] = (), **arrays: Any) -> list[Any]:
    """The arrays, checked to be all float32 or all float64; those that are ``optional`` may be None, for absent."""
    result: list[Any] = []
    first: tuple[str, Any] | None = None
    for name, value in arrays.items():
        if value is None and name in optional:
            result.append(None)
            continue
        x = array(op, name, value)
        if x.dtype not in FLOATS:
            raise TypeError(
                f"{op}: {name} has dtype {x.dtype}; expected float32 or float64: convert it with "
                f"{name}.astype(np.float32)"
            )
        if first is None:
            first = (name, x.dtype)
        elif x.dtype != first[1]:
            raise TypeError(
                f"{op}: {name} has dtype {x.dtype} but {first[0]} has {first[1]}; expected one dtype: convert with "
                f"{name}.astype({first[0]}.dtype)"
            )
        result.append(x)
    return result


def check_grad(
    op: str, grad: Any, shape: Sequence[int], dtype: np.dtype[Any], argument: str = "grad", what: str = "the result"
) -> Any:
    """The gradient of a result, or the result itself given as ``output``, if it has the shape and dtype of the result:
    the kernels would read past its end."""
    grad = array(op, argument, grad)
    if grad.dtype != dtype:
        raise TypeError(
            f"{op}: {argument} has dtype {grad.dtype}; expected {dtype}, the dtype of {what}: convert it with "
            f"{argument}.astype(np.{dtype})"
        )
    if tuple(grad.shape) != tuple(shape):
        raise ValueError(
            f"{op}: {argument} has shape {tuple(grad.shape)}; expected {tuple(shape)}, the shape of {what}"
        )
    return grad


def booleans(op: str, **arrays: Any) -> list[Any]:
    """The arrays, checked to be of bool; a Python bool is one without dimensions."""
    result = []
    for name, value in arrays.items():
        x = np.asarray(value) if isinstance(value, bool) else array(op, name, value)
        if x.dtype != BOOL:
            raise TypeError(f"{op}: {name} has dtype {x.dtype}; expected bool: compare first, not_equal({name}, 0)")
        result.append(x)
    return result


def indices(op: str, name: str, x: Any) -> Any:
    """An array of integers as int64."""
    if isinstance(x, (int, np.integer, list, tuple)) and not isinstance(x, bool):
        x = np.asarray(x, None if np.size(x) else INT64)  # nothing would be float64
    if not isinstance(x, (np.ndarray, np.generic, Symbol)):
        raise TypeError(
            f"{op}: {name} is a {type(x).__name__}; expected integers: convert it with np.asarray({name}, np.int64)"
        )
    x = array(op, name, x)
    if x.dtype == INT64:
        return x
    if x.dtype.kind not in "iu" or isinstance(x, Symbol):
        raise TypeError(f"{op}: {name} has dtype {x.dtype}; expected integers: convert it with {name}.astype(np.int64)")
    if x.dtype.itemsize == 8 and x.size and x.max() > np.iinfo(INT64).max:
        raise ValueError(f"{op}: {name} holds {x.max()}, which is more than an int64 holds; expected smaller numbers")
    return x.astype(INT64)


def axis_of(op: str, axis: int, ndim: int) -> int:
    """``axis`` counted from the front."""
    if not is_integer(axis):
        raise TypeError(f"{op}: axis is {axis!r}; expected an integer")
    if not -ndim <= axis < ndim:
        raise ValueError(f"{op}: axis is {axis}; expected -{ndim} <= axis < {ndim} for an array of {ndim} dimensions")
    return int(axis) % ndim


def axes_of(op: str, axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """The axes meant by ``axis``, counted from the front and sorted; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    if not np.iterable(axis):
        return (axis_of(op, axis, ndim),)
    found = tuple(sorted(axis_of(op, a, ndim) for a in axis))
    if len(set(found)) != len(found):
        raise ValueError(f"{op}: axis {tuple(axis)} names an axis twice")
    return found


def several(op: str, name: str, value: Any, count: int, expected: str, *, least: int) -> tuple[int, ...]:
    """An option given as one integer or as ``count`` of them, which is what ``expected`` says."""
    each = tuple(value) if np.iterable(value) else (value,) * count
    if len(each) != count or not all(map(is_integer, each)):
        raise TypeError(f"{op}: {name} is {value!r}; expected {expected}")
    if min(each) < least:
        raise ValueError(f"{op}: {name} is {value!r}; expected at least {least}")
    return tuple(map(int, each))


def pair(op: str, name: str, value: int | Sequence[int], *, least: int) -> tuple[int, int]:
    """An option given as one integer or as (height, width)."""
    height, width = several(op, name, value, 2, "an integer or two, (height, width)", least=least)
    return height, width


def choice(op: str, name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """``value`` if it is one of the allowed ones."""
    if value not in allowed:
        raise ValueError(f"{op}: {name} is {value!r}; expected one of {', '.join(map(repr, allowed))}")
    return value


def output(op: str, out: Any, spec: Any, **inputs: Any) -> Any:
    """``out=`` checked: an array of the result's shape and dtype, contiguous, writeable, and not an input."""
    if out is None:
        return None
    if any(isinstance(x, Symbol) for x in inputs.values()):
        raise TypeError(f"{op}: out= was given while recording; leave it out, the plan places results itself")
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{op}: out is a {type(out).__name__}; expected a NumPy array")
    if out.shape != spec.shape or out.dtype != spec.dtype:
        raise ValueError(
            f"{op}: out has shape {out.shape} and dtype {out.dtype}; expected {spec.shape} and {spec.dtype}"
        )
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        flags = {"C-contiguous": out.flags.c_contiguous, "writeable": out.flags.writeable, "aligned": out.flags.aligned}
        wrong = " and ".join(name for name, there in flags.items() if not there)
        raise ValueError(
            f"{op}: out is not {wrong}; it must be C-contiguous, writeable and aligned: pass np.empty(...)"
        )
    for name, x in inputs.items():
        if x is not None and np.may_share_memory(out, x):
            raise ValueError(f"{op}: out overlaps {name}; pass an array of its own")
    return out


def result_into(
    op: str,
    primitive: Primitive,
    inputs: Sequence[Any],
    out: Any,
    shape: tuple[int, ...],
    given: dict[str, Any],
    **attrs: Any,
) -> Any:
    """The first result of ``primitive`` in ``out``, which callers know in another ``shape`` of the same elements, as
    they know the arguments that it may not overlap by the names of ``given``."""
    specs = [None if x is None else Spec(tuple(x.shape), x.dtype) for x in inputs]
    spec = primitive.infer(*specs, **attrs)[0]
    output(op, out, Spec(shape, spec.dtype), **given)
    execute(primitive, tuple(inputs), attrs, out=out.reshape(spec.shape))
    return out


def results(op: str, primitive: Primitive, inputs: dict[str, Any], out: Any, **attrs: Any) -> tuple[Any, ...]:
    """What ``primitive`` makes of checked arguments, its first result in ``out`` if that is given; ``inputs`` by the
    names that the caller knows."""
    if out is None:
        return primitive(*inputs.values(), **attrs)
    specs = [None if x is None else Spec(tuple(x.shape), x.dtype) for x in inputs.values()]
    output(op, out, primitive.infer(*specs, **attrs)[0], **inputs)
    return execute(primitive, tuple(inputs.values()), attrs, out=out)
