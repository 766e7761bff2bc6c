"""Initial values: the generator behind ``fd.seed``, and the usual distributions of initial weights.

A weight has shape (out, in, *kernel): fan_in = in * prod(kernel) is the number of inputs that one output sums over,
fan_out = out * prod(kernel). Numbers are drawn in float64 and then rounded, so that a float32 and a float64 model
start from the same values.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .ops import Array, Shape
from .options import is_integer, number

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_lock = threading.Lock()
_generator: np.random.Generator | None = None
_shapes_only: ContextVar[bool] = ContextVar("fastdl_shapes_only", default=False)


def seed(n: int) -> None:
    """Make what comes next repeatable: initial weights, and dropout in ``model(x, training=True)``.

    One generator serves the whole process. Without a call it starts from the system's entropy. Shuffling and dropout
    inside ``fit`` have their own ``seed=``.

    Raises TypeError or ValueError unless n is an integer of at least 0.

    >>> import numpy as np, fastdl as fd
    >>> fd.seed(0)
    >>> first = fd.nn.Dense(2, 3).weight
    >>> fd.seed(0)
    >>> np.array_equal(fd.nn.Dense(2, 3).weight, first)
    True
    """
    global _generator
    if not is_integer(n):
        raise TypeError(f"seed: n is {n!r}; expected an integer, for example fd.seed(0)")
    if n < 0:
        raise ValueError(f"seed: n is {n}; expected an integer of at least 0")
    with _lock:
        _generator = np.random.default_rng(int(n))


@contextmanager
def seeded(n: int) -> Iterator[None]:
    """Inside, as after ``seed(n)``; afterwards the generator goes on where it was."""
    global _generator
    with _lock:
        before = _generator
    seed(n)
    try:
        yield
    finally:
        with _lock:
            _generator = before


def fresh_seed() -> int:
    """A new seed from the generator: an integer of 62 bits."""
    with _lock:
        return int(_shared().integers(2**62))


def _shared() -> np.random.Generator:
    global _generator
    if _generator is None:
        _generator = np.random.default_rng()
    return _generator


@contextmanager
def shapes_only() -> Iterator[None]:
    """Inside, initial values are drawn by nobody and take no memory: arrays of the right shape that repeat one zero.

    For looking at a model whose size is not to be trusted yet.
    """
    token = _shapes_only.set(True)
    try:
        yield
    finally:
        _shapes_only.reset(token)


def is_shapes_only() -> bool:
    """Whether :func:`shapes_only` is in force."""
    return _shapes_only.get()


def _arguments(name: str, shape: int | Sequence[int], dtype: Any) -> tuple[Shape, np.dtype[Any]]:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(not is_integer(n) or n < 0 for n in sizes):
        raise ValueError(f"{name}: shape is {shape!r}; expected integers of at least 0")
    return tuple(int(n) for n in sizes), float_dtype(name, dtype)


def float_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """The option ``dtype`` of ``name``, checked to be float32 or float64."""
    try:
        found = np.dtype(np.void if dtype is None else dtype)  # NumPy takes None for float64
    except (TypeError, ValueError):
        found = np.dtype(np.void)
    if found not in FLOATS:
        raise TypeError(f"{name}: dtype is {dtype!r}; expected float32 or float64")
    return found


def constant(shape: int | Sequence[int], value: float, *, dtype: Any = np.float32) -> Array:
    """An array that holds ``value`` everywhere.

    >>> constant(2, 0.5)
    array([0.5, 0.5], dtype=float32)
    """
    sizes, kind = _arguments("constant", shape, dtype)
    if _shapes_only.get():
        return np.broadcast_to(np.zeros((), kind), sizes)
    return np.full(sizes, number("constant", "value", value), kind)


def zeros(shape: int | Sequence[int], *, dtype: Any = np.float32) -> Array:
    """An array of zeros.

    >>> zeros(2)
    array([0., 0.], dtype=float32)
    """
    return constant(shape, 0.0, dtype=dtype)


def ones(shape: int | Sequence[int], *, dtype: Any = np.float32) -> Array:
    """An array of ones.

    >>> ones(2)
    array([1., 1.], dtype=float32)
    """
    return constant(shape, 1.0, dtype=dtype)


def uniform(shape: int | Sequence[int], low: float = 0.0, high: float = 1.0, *, dtype: Any = np.float32) -> Array:
    """Numbers spread evenly over low <= w < high (float32 rounding may reach ``high``).

    >>> uniform((3, 2), -0.1, 0.1).shape
    (3, 2)
    """
    low, high = number("uniform", "low", low), number("uniform", "high", high)
    if high < low:
        raise ValueError(f"uniform: low is {low}, high is {high}; expected low <= high")
    sizes, kind = _arguments("uniform", shape, dtype)
    if _shapes_only.get():
        return np.broadcast_to(np.zeros((), kind), sizes)
    with _lock:
        values = np.asarray(_shared().random(sizes))
    values *= high - low
    values += low
    return values.astype(kind, copy=False)


def normal(shape: int | Sequence[int], mean: float = 0.0, std: float = 1.0, *, dtype: Any = np.float32) -> Array:
    """Numbers with the bell curve's distribution N(mean, std^2).

    >>> normal((3, 2), std=0.02).shape
    (3, 2)
    """
    mean, std = number("normal", "mean", mean), number("normal", "std", std, least=0.0)
    sizes, kind = _arguments("normal", shape, dtype)
    if _shapes_only.get():
        return np.broadcast_to(np.zeros((), kind), sizes)
    with _lock:
        values = np.asarray(_shared().standard_normal(sizes))
    values *= std
    values += mean
    return values.astype(kind, copy=False)


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of shape (out, in, *kernel).

    >>> fans((16, 3, 5, 5))
    (75, 400)
    """
    if len(shape) < 2:
        raise ValueError(f"fans: shape is {tuple(shape)}; expected (out, in, *kernel): a bias has no fan, use zeros")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def torch_uniform(shape: int | Sequence[int], fan_in: int, *, dtype: Any = np.float32) -> Array:
    """PyTorch's default for weights and biases of dense and convolutional layers: U(-b, b), b = 1 / sqrt(fan_in).

    >>> bool((abs(torch_uniform(100, 4)) <= 0.5).all())
    True
    """
    bound = 1.0 / math.sqrt(fan_in) if fan_in > 0 else 0.0
    return uniform(shape, -bound, bound, dtype=dtype)


def xavier_uniform(shape: Sequence[int], gain: float = 1.0, *, dtype: Any = np.float32) -> Array:
    """U(-b, b) with b = gain sqrt(6 / (fan_in + fan_out)): keeps the variance in both directions. For tanh.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).

    >>> bool((abs(xavier_uniform((2, 4))) <= 1).all())
    True
    """
    bound = number("xavier_uniform", "gain", gain, least=0.0) * math.sqrt(6.0 / max(1, sum(fans(shape))))
    return uniform(shape, -bound, bound, dtype=dtype)


def xavier_normal(shape: Sequence[int], gain: float = 1.0, *, dtype: Any = np.float32) -> Array:
    """N(0, s^2) with s = gain sqrt(2 / (fan_in + fan_out)). Source: as :func:`xavier_uniform`.

    >>> xavier_normal((2, 4)).shape
    (2, 4)
    """
    std = number("xavier_normal", "gain", gain, least=0.0) * math.sqrt(2.0 / max(1, sum(fans(shape))))
    return normal(shape, 0.0, std, dtype=dtype)


def kaiming_uniform(shape: Sequence[int], gain: float = math.sqrt(2.0), *, dtype: Any = np.float32) -> Array:
    """U(-b, b) with b = gain sqrt(3 / fan_in): keeps the variance of what passes forward. For relu.

    Source: He, Zhang, Ren and Sun, Delving deep into rectifiers (2015).

    >>> bool((abs(kaiming_uniform((2, 6))) <= 1).all())
    True
    """
    bound = number("kaiming_uniform", "gain", gain, least=0.0) * math.sqrt(3.0 / max(1, fans(shape)[0]))
    return uniform(shape, -bound, bound, dtype=dtype)


def kaiming_normal(shape: Sequence[int], gain: float = math.sqrt(2.0), *, dtype: Any = np.float32) -> Array:
    """N(0, s^2) with s = gain / sqrt(fan_in). Source: as :func:`kaiming_uniform`.

    >>> kaiming_normal((2, 6)).shape
    (2, 6)
    """
    std = number("kaiming_normal", "gain", gain, least=0.0) / math.sqrt(max(1, fans(shape)[0]))
    return normal(shape, 0.0, std, dtype=dtype)


__all__ = [
    "constant",
    "fans",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "ones",
    "seed",
    "torch_uniform",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
