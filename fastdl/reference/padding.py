"""Padding: an array with borders at the ends of its axes, and its gradient.

Letters: x the input, y the output, n the size of an axis of x, g the gradient of the loss with respect to y (`grad`).
"""

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_float64, as_grad, evaluate

Padding = int | Sequence[int] | Sequence[Sequence[int]]


def pad(
    x: ArrayLike, padding: Padding, *, mode: str = "constant", value: float = 0.0, at: Indices | None = None
) -> FloatArray:
    """The array with borders.

    Along an axis, y[i] = x[k] with k = i - before where that lies inside. Outside, in mode "constant", y[i] = value;
    in "reflect" k is mirrored at the edge, -k or 2 (n - 1) - k; in "replicate" it is the edge, 0 or n - 1; in
    "circular" it is counted from the other end, k + n or k - n. padding is an integer, a pair (before, after) or one
    such pair for each axis.

    >>> pad([1, 2, 3], (2, 1), mode="reflect").tolist()
    [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]
    """
    borders = _prepare("pad", x, padding, mode)

    def element(index: Index) -> float:
        source = borders.source(index)
        return value if source is None else float(borders.values[source])

    return evaluate(element, borders.output_shape, at)


def pad_backward(
    grad: ArrayLike, x: ArrayLike, padding: Padding, *, mode: str = "constant", value: float = 0.0
) -> tuple[FloatArray]:
    """Gradient of pad.

    In the forward pass this was: y[i] = x[k], or the value; so now: gx[k] += g[i]. Shapes: grad as y, gx as x.

    >>> pad_backward([1, 2, 3, 4, 5, 6], [0, 0, 0], (2, 1), mode="reflect")[0].tolist()
    [3.0, 12.0, 6.0]
    """
    borders = _prepare("pad_backward", x, padding, mode)
    g = as_grad("pad", grad, borders.output_shape)
    gx = np.zeros(borders.values.shape)
    for index in np.ndindex(*g.shape):
        source = borders.source(index)
        if source is not None:
            gx[source] += g[index]
    return (gx,)


class _Borders(NamedTuple):
    values: FloatArray
    pairs: list[tuple[int, int]]
    mode: str

    @property
    def output_shape(self) -> Index:
        return tuple(b + n + a for n, (b, a) in zip(self.values.shape, self.pairs, strict=True))

    def source(self, index: Index) -> Index | None:
        """The index into x that an element of y comes from; None for the constant."""
        place = []
        for i, n, (before, _) in zip(index, self.values.shape, self.pairs, strict=True):
            k = i - before
            if not 0 <= k < n:
                if self.mode == "constant":
                    return None
                before_it, after_it = {
                    "reflect": (-k, 2 * (n - 1) - k),
                    "replicate": (0, n - 1),
                    "circular": (k + n, k - n),
                }[self.mode]
                k = before_it if k < 0 else after_it
            place.append(k)
        return tuple(place)


def _prepare(op: str, x: ArrayLike, padding: Padding, mode: str) -> _Borders:
    values = as_float64(op, "x", x)
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(f"{op}: mode is {mode!r}; expected constant, reflect, replicate or circular")
    entries: Any = padding
    if isinstance(padding, int | np.integer):
        entries = [(padding, padding)] * values.ndim
    elif len(padding) == 2 and all(isinstance(entry, int | np.integer) for entry in padding):
        entries = [padding] * values.ndim
    elif len(padding) == 1:
        entries = [padding[0]] * values.ndim
    try:
        pairs = [(operator.index(b), operator.index(a)) for b, a in entries]
    except (TypeError, ValueError):
        raise ValueError(f"{op}: padding is {padding!r}; expected an integer or pairs (before, after)") from None
    if len(pairs) != values.ndim or any(min(pair) < 0 for pair in pairs):
        raise ValueError(
            f"{op}: padding is {padding!r}, x is {values.shape}; expected a pair for each axis, at least 0"
        )
    for n, pair in zip(values.shape, pairs, strict=True):
        most = {"reflect": n - 1, "circular": n, "replicate": max(pair) if n else 0}.get(mode, max(pair))
        if max(pair) > max(most, 0):
            raise ValueError(f"{op}: padding is {padding!r}, x is {values.shape}; expected at most {most}")
    return _Borders(values, pairs, mode)
