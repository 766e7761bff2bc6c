"""Which op stands for which NumPy function when a recorded tensor meets it (NEP 13 and NEP 18)."""

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
    np.square: lambda x: F.multiply(x, x),
    np.reciprocal: lambda x: F.divide(1.0, x),
    np.matmul: F.matmul,
    np.less: F.less,
    np.less_equal: F.less_equal,
    np.greater: F.greater,
    np.greater_equal: F.greater_equal,
    np.equal: F.equal,
    np.not_equal: F.not_equal,
}
REDUCTIONS: dict[Any, Callable[..., Any]] = {np.add: F.sum, np.maximum: F.max, np.minimum: F.min}


def _stack(arrays: Any, axis: int = 0) -> Any:
    return F.concatenate([_expand_dims(a, axis) for a in arrays], axis=axis)


def _like(x: Any) -> Any:
    """An array of the shape of ``x`` that takes no memory: NumPy then says what it does with shapes, and refuses."""
    return np.broadcast_to(np.False_, x.shape)


def _expand_dims(x: Any, axis: Any) -> Any:
    return F.reshape(x, np.expand_dims(_like(x), axis).shape)


def _squeeze(x: Any, axis: Any = None) -> Any:
    return F.reshape(x, np.squeeze(_like(x), axis).shape)


def _swapaxes(x: Any, a: int, b: int) -> Any:
    axes = list(range(x.ndim))
    axes[a], axes[b] = axes[b], axes[a]
    return F.transpose(x, tuple(axes))


def _clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = a_min if min is None else min, a_max if max is None else max
    x = x if low is None else F.maximum(x, low)
    return x if high is None else F.minimum(x, high)


_PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _pad(x: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0) -> Any:
    if mode not in _PAD_MODES:
        raise ValueError(
            f"np.pad: mode is {mode!r}; expected one of {', '.join(map(repr, _PAD_MODES))} on a recorded tensor"
        )
    return F.pad(x, pad_width, mode=_PAD_MODES[mode], value=constant_values)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: F.sum,
    np.mean: F.mean,
    np.max: F.max,
    np.min: F.min,
    np.amax: F.max,
    np.amin: F.min,
    np.argmax: F.argmax,
    np.reshape: F.reshape,
    np.ravel: lambda x: F.reshape(x, (-1,)),
    np.transpose: F.transpose,
    np.swapaxes: _swapaxes,
    np.concatenate: F.concatenate,
    np.pad: _pad,
    np.stack: _stack,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.where: F.where,
    np.take: lambda x, indices, axis=None: (
        F.take(F.reshape(x, (-1,)), indices, axis=0) if axis is None else F.take(x, indices, axis=axis)
    ),
    np.take_along_axis: F.take_along_axis,
    np.broadcast_to: F.broadcast_to,
    np.clip: _clip,
    np.dot: F.matmul,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.zeros_like: lambda x: np.zeros(x.shape, x.dtype),
    np.ones_like: lambda x: np.ones(x.shape, x.dtype),
}
