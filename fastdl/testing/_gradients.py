"""Gradients against finite differences: f the function, J its derivative, u weights of its results, v a direction.

A vector-Jacobian product is right if <J v, u> = <v, J' u> for random u and v. The left side comes from central
differences of t -> <f(x + t v), u> in float64, at two step widths, of which the leading error term is taken out
(Richardson) and which say how far they can be trusted.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops import Array
from ..tree import flatten, unflatten
from ._report import Report, VerificationError

_TINY = 16  # up to so many numbers in and out, every element of the Jacobian is looked at
_STEPS = (1e-4, 1e-3, 1e-5)  # the one that mostly serves best comes first
_RELATIVE = 1e-7
_SURE = 1e-9  # a slope that is known so well needs no other step width


class _Slope(NamedTuple):
    """A derivative by finite differences, by how much it may be off, and how much of that is rounding."""

    value: float
    error: float
    rounding: float


def check_grad(
    function: Callable[..., Any], *args: Any, backward: Callable[..., Any] | None = None, seed: int = 0
) -> Report:
    """Check the gradient of a function of arrays at ``args`` against finite differences.

    The function takes arrays (or nested dicts, lists and tuples of them) and returns an array or several; it is made of
    fastdl's ops or of NumPy's functions, and its gradient is that of ``fd.vjp``. With ``backward`` the function may be
    anything, and ``backward(grad, *args)`` is checked instead: one gradient per argument, in a tuple. Computes in
    float64; arrays of integers stay as they are. Where the result and the arguments are tiny, the whole Jacobian is
    compared, else its projection on random vectors, one for each array.

    Raises VerificationError with the numbers if the gradient is wrong, ValueError where the function has no derivative.

    >>> import numpy as np
    >>> from fastdl import testing
    >>> from fastdl import functional as F
    >>> testing.check_grad(lambda x: np.sum(F.tanh(x) ** 2), np.float64([0.5, -1.0])).name
    'gradient of <lambda>'
    """
    leaves, structure = flatten(args)
    leaves = [x.astype(np.float64) if _is_float(x) else x for x in map(_as_array, leaves)]
    chosen = [i for i, x in enumerate(leaves) if _is_float(x)]
    if not chosen:
        raise ValueError("check_grad: no argument is a floating array; pass arrays, not numbers or lists")

    def of_floats(*values: Any) -> list[Any]:
        replaced = list(leaves)
        for i, value in zip(chosen, values, strict=True):
            replaced[i] = value
        return flatten(function(*unflatten(structure, replaced)))[0]

    points = [leaves[i] for i in chosen]
    results = [np.asarray(y) for y in of_floats(*[x.copy() for x in points])]
    floating = [i for i, y in enumerate(results) if y.dtype.kind == "f"]
    shapes = [results[i].shape for i in floating]
    if not floating:
        raise ValueError("check_grad: the function returned no floating array")

    def forward(*values: Any) -> list[Any]:
        found = of_floats(*values)
        return [found[i] for i in floating]

    pull = _pullback(forward, points) if backward is None else _given(backward, leaves, structure, chosen, function)
    name = getattr(function, "__name__", "function")
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(shape) for shape in shapes]
    worst = 0.0
    if sum(x.size for x in points) <= _TINY and sum(results[i].size for i in floating) <= _TINY:
        tries = list(_units(shapes))
    else:
        tries = [weights]
    for u in tries:
        grads = pull(u)
        for j, (x, grad) in enumerate(zip(points, grads, strict=True)):
            _check_shape(name, j, x, grad)
            directions = _units([x.shape]) if len(tries) > 1 or x.size == 1 else iter([[_direction(rng, x)]])
            for (v,) in directions:
                v = v * np.where(x == 0, 1.0, np.abs(x)) if x.size and v.any() else v
                worst = max(worst, _compare(name, forward, points, j, grad, u, v))
    return Report(f"gradient of {name}", len(tries), ("float64",), worst)


def _as_array(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, np.generic) else x


def _is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _pullback(forward: Callable[..., Any], points: Sequence[Array]) -> Callable[[Any], Any]:
    from ..transforms import vjp

    return vjp(forward, *points)[1]


def _given(
    backward: Callable[..., Any], leaves: Sequence[Any], structure: Any, chosen: Sequence[int], function: Any
) -> Callable[[Any], Any]:
    """The caller's own backward, as a function from weights to the gradients of the floating arguments."""

    def pull(weights: Any) -> list[Any]:
        grad = weights[0] if len(weights) == 1 else tuple(weights)
        found = backward(grad, *unflatten(structure, leaves))
        flat = flatten(found)[0]
        if len(flat) != len(leaves):
            raise VerificationError(
                f"check_grad: the backward of {getattr(function, '__name__', 'the function')} returned {len(flat)} "
                f"gradients; expected {len(leaves)}, one for each argument in a tuple"
            )
        return [flat[i] for i in chosen]

    return pull


def _units(shapes: Sequence[tuple[int, ...]]) -> Any:
    """Arrays of these shapes that are zero but for a single 1, one after the other."""
    for i, shape in enumerate(shapes):
        for index in np.ndindex(*shape):
            unit = [np.zeros(s) for s in shapes]
            unit[i][index] = 1.0
            yield unit


def _direction(rng: np.random.Generator, x: Array) -> Array:
    return np.asarray(rng.standard_normal(x.shape))


def _check_shape(name: str, j: int, x: Array, grad: Any) -> None:
    if not isinstance(grad, np.ndarray) or grad.shape != x.shape or grad.dtype != x.dtype:
        came = f"{grad.shape} {grad.dtype}" if isinstance(grad, np.ndarray) else type(grad).__name__
        raise VerificationError(
            f"check_grad: gradient {j} of {name} is {came}; expected {x.shape} {x.dtype}, as the argument"
        )


def _compare(
    name: str, forward: Callable[..., Any], points: Sequence[Array], j: int, grad: Array, u: list[Array], v: Array
) -> float:
    """Compare one directional derivative; returns the error as a share of what is allowed."""
    claimed = float(np.sum(grad * v))
    terms = float(np.sum(np.abs(grad * v)))
    slope = _finite_difference(forward, points, j, u, v)
    if not np.isfinite(slope.value):
        raise ValueError(f"check_grad: {name} gives {slope.value} near these arguments; choose others")
    size = max(terms, abs(slope.value))
    if np.isfinite(claimed) and slope.error > 1e-5 * size + 2 * slope.rounding:
        raise ValueError(
            f"check_grad: finite differences of {name} along argument {j} do not settle ({slope.value:.6g} +- "
            f"{slope.error:.1g}): the function has a kink or a pole there; choose other arguments"
        )
    allowed = slope.error + _RELATIVE * size
    error = abs(claimed - slope.value)
    if not error <= allowed:
        ratio = f", {claimed / slope.value:.6g} times as much" if slope.value else ""
        raise VerificationError(
            f"check_grad: the gradient of {name} with respect to argument {j} is wrong: along one direction the "
            f"function changes by {slope.value:.9g} (+- {slope.error:.1g}), the gradient says {claimed:.9g}{ratio}"
        )
    return error / allowed if allowed else 0.0


def _finite_difference(
    forward: Callable[..., Any], points: Sequence[Array], j: int, u: list[Array], v: Array
) -> _Slope:
    """The derivative of <f(x + t v), u> at t = 0: the step width that agrees best with its half."""

    def value(t: float) -> tuple[float, float]:
        moved = [x + t * v if i == j else x.copy() for i, x in enumerate(points)]
        terms = [np.asarray(y) * w for y, w in zip(forward(*moved), u, strict=True)]
        return float(sum(np.sum(t) for t in terms)), float(sum(np.sum(np.abs(t)) for t in terms))

    best, size = _Slope(np.nan, np.inf, 0.0), value(0.0)[1]
    for h in _STEPS:
        wide, narrow = [(value(h)[0] - value(-h)[0]) / (2 * h) for h in (h, h / 2)]
        rounding = 100 * float(np.finfo(np.float64).eps) * size / h
        refined = (4 * narrow - wide) / 3
        error = abs(refined - narrow) / 2 + rounding
        if error < best.error:
            best = _Slope(refined, error, rounding)
        if best.error <= _SURE * abs(best.value):
            break
    return best
