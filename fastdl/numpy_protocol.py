"""Which op stands for which NumPy function when a recorded tensor meets it (NEP 13 and NEP 18)."""

import difflib
import inspect
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from . import functional as F

UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: F.add,
    np.subtract: F.subtract,
    np.multiply: F.multiply,
    np.divide: F.divide,
    np.power: F.power,
    np.maximum: F.maximum,
    np.minimum: F.minimum,
    np.negative: F.negative,
    np.exp: F.exp,
    np.log: F.log,
    np.sqrt: F.sqrt,
    np.absolute: F.abs,
    np.tanh: F.tanh,
    np.square: F.square,
    np.expm1: F.expm1,
    np.log1p: F.log1p,
    np.sin: F.sin,
    np.cos: F.cos,
    np.reciprocal: lambda x: F.divide(1.0, x),
    np.matmul: F.matmul,
    np.less: F.less,
    np.less_equal: F.less_equal,
    np.greater: F.greater,
    np.greater_equal: F.greater_equal,
    np.equal: F.equal,
    np.not_equal: F.not_equal,
    np.logical_and: F.logical_and,
    np.logical_or: F.logical_or,
    np.logical_not: F.logical_not,
    np.bitwise_and: F.logical_and,
    np.bitwise_or: F.logical_or,
    np.invert: F.logical_not,
}
REDUCTIONS: dict[Any, Callable[..., Any]] = {np.maximum: F.max, np.minimum: F.min}


def _like(x: Any) -> Any:
    """An array of the shape of ``x`` that takes no memory: NumPy then says what it does with shapes, and refuses."""
    return np.broadcast_to(np.False_, x.shape)


def _expand_dims(x: Any, axis: Any) -> Any:
    return F.reshape(x, np.expand_dims(_like(x), axis).shape)


def _squeeze(x: Any, axis: Any = None) -> Any:
    return F.reshape(x, np.squeeze(_like(x), axis).shape)


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Bounds that are numbers or arrays, by either of NumPy's names."""
    low, high = (weak(a_min if min is None else min), weak(a_max if max is None else max))
    if all(bound is None or isinstance(bound, (int, float)) for bound in (low, high)):
        return x if low is None and high is None else F.clip(x, low, high)
    x = x if low is None else F.maximum(x, low)
    return x if high is None else F.minimum(x, high)


def _einsum(*operands: Any, optimize: Any = False) -> Any:
    """F.einsum multiplies in pairs, whatever ``optimize`` says."""
    return F.einsum(*operands)


def _in_its_dtype(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one array that also takes ``dtype``, as long as it is the array's own."""

    def call(x: Any, axis: Any = None, dtype: Any = None, **options: Any) -> Any:
        if dtype is not None and np.dtype(dtype) != x.dtype:
            raise TypeError(f"{function.__name__}: dtype is {dtype}, x is {x.dtype}; expected the same: use astype")
        if isinstance(options.get("ddof"), float):
            options["ddof"] = int(options["ddof"]) if options["ddof"].is_integer() else options["ddof"]
        return function(x, axis, **options)

    x, axis, *others = inspect.signature(function).parameters.values()
    dtype = inspect.Parameter("dtype", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    named = [other.replace(kind=inspect.Parameter.KEYWORD_ONLY) for other in others]
    call.__signature__ = inspect.Signature([x, axis, dtype, *named])  # type: ignore[attr-defined]
    return call


def weak(x: Any) -> Any:
    """A NumPy number that code comes by (``np.sqrt(2)``, ``np.prod(shape)``) counts as a Python number, whose dtype is
    that of the tensor beside it."""
    if isinstance(x, (np.ndarray, np.generic)) and x.ndim == 0 and (x.dtype.kind in "iu" or x.dtype == np.float64):
        return x.item()
    return x


REDUCTIONS[np.add] = _in_its_dtype(F.sum)


def remedy(name: str) -> str:
    """What to say about a function of NumPy's, or a method of one, that cannot be recorded."""
    ours = [other for other in F.__all__ if other.islower() and not other.endswith(("_backward", "_update"))]
    known = {other: f"F.{other}" for other in ours} | {f.__name__: f"np.{f.__name__}" for f in (*UFUNCS, *FUNCTIONS)}
    if name.startswith("nan") and name[3:] in known:
        return f"did you mean {known[name[3:]]}? It lets NaN through"
    close = [] if "." in name else difflib.get_close_matches(name, known, n=3, cutoff=0.75)
    if close:
        return f"did you mean {' or '.join(known[other] for other in close)}?"
    return f"write it with the functions of fastdl.functional: {', '.join(ours)}"


def called(name: str, recorded: Callable[..., Any], args: Any, options: dict[str, Any]) -> Any:
    """The result of what stands for a function of NumPy's; an argument that it does not take is named."""
    try:
        inspect.signature(recorded).bind(*args, **options)
    except TypeError as error:
        raise TypeError(f"np.{name} on a recorded tensor: {error}; it takes {inspect.signature(recorded)}") from None
    return recorded(*args, **options)


def _dot(a: Any, b: Any) -> Any:
    """Every line of a with every column of b, unlike matmul, which goes through stacks of matrices side by side."""
    a, b = weak(a), weak(b)
    if 0 in (np.ndim(a), np.ndim(b)):
        return F.multiply(a, b)
    if len(b.shape) < 3:
        return F.matmul(a, b)
    left, right = string.ascii_letters[: len(a.shape)], string.ascii_letters[len(a.shape) :][: len(b.shape)]
    inside = right[:-2] + left[-1] + right[-1]
    return F.einsum(f"{left},{inside}->{left[:-1]}{right[:-2]}{right[-1]}", a, b)


_PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _pad(x: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0) -> Any:
    if mode not in _PAD_MODES:
        raise ValueError(
            f"np.pad: mode is {mode!r}; expected one of {', '.join(map(repr, _PAD_MODES))} on a recorded tensor"
        )
    return F.pad(x, pad_width, mode=_PAD_MODES[mode], value=constant_values)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _in_its_dtype(F.sum),
    np.mean: _in_its_dtype(F.mean),
    np.var: _in_its_dtype(F.var),
    np.std: _in_its_dtype(F.std),
    np.cumsum: _in_its_dtype(F.cumsum),
    np.max: F.max,
    np.min: F.min,
    np.amax: F.max,
    np.amin: F.min,
    np.argmax: F.argmax,
    np.reshape: F.reshape,
    np.ravel: lambda x: F.reshape(x, (-1,)),
    np.transpose: F.transpose,
    np.swapaxes: F.swapaxes,
    np.concatenate: F.concatenate,
    np.stack: F.stack,
    np.split: F.split,
    np.flip: F.flip,
    np.einsum: _einsum,
    np.pad: _pad,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.where: F.where,
    np.take: lambda x, indices, axis=None: (
        F.take(F.reshape(x, (-1,)), indices, axis=0) if axis is None else F.take(x, indices, axis=axis)
    ),
    np.take_along_axis: F.take_along_axis,
    np.broadcast_to: F.broadcast_to,
    np.clip: clip,
    np.dot: _dot,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.zeros_like: lambda x: np.zeros(x.shape, x.dtype),
    np.ones_like: lambda x: np.ones(x.shape, x.dtype),
}
