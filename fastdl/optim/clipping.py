"""Gradient clipping: bounds on each number, or on the length, of a whole tree of gradients."""

import math
from typing import Any

import numpy as np

from .. import functional as F
from ..functional._door import floats
from ..functional.norms import sum_of_squares
from ..options import is_number
from ..tree import flatten, unflatten

_FLOAT64 = np.dtype(np.float64)


def _bound(caller: str, name: str, value: Any) -> float:
    if not is_number(value):
        raise TypeError(f"{caller}: {name} is {value!r}; expected a number")
    if not 0 < value < math.inf:
        raise ValueError(f"{caller}: {name} is {value}; expected a finite number above 0")
    return float(value)


def clip_by_value(grads: Any, limit: float) -> Any:
    """Each number of the gradients, cut off at -limit and limit: ``torch.nn.utils.clip_grad_value_``.

    ``grads``: an array or nested dicts, lists and tuples of arrays; returns the same structure. NaN stays NaN.

    >>> import numpy as np
    >>> clip_by_value({"w": np.float32([-3, 0.5])}, 1.0)
    {'w': array([-1. ,  0.5], dtype=float32)}
    """
    limit = _bound("clip_by_value", "limit", limit)
    leaves, structure = flatten(grads)
    return unflatten(structure, [F.minimum(F.maximum(g, -limit), limit) for g in leaves])


def clip_by_norm(grads: Any, max_norm: float) -> tuple[Any, Any]:
    """Scale all gradients by min(1, max_norm / (norm + 1e-6)), norm = sqrt(sum g^2) over all: (gradients, norm).

    Equivalent to ``torch.nn.utils.clip_grad_norm_``: the direction is kept. ``grads``: an array or nested dicts, lists
    and tuples of arrays; the norm is float64 of shape (), its squares too, whatever their dtype. If it is NaN or
    infinite, so are the clipped gradients or 0.
    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (2013), algorithm 1.

    >>> import numpy as np
    >>> clipped, norm = clip_by_norm([np.float64([3]), np.float64([4])], 1.0)
    >>> clipped[0].round(5), float(norm)
    (array([0.6]), 5.0)
    """
    max_norm = _bound("clip_by_norm", "max_norm", max_norm)
    leaves, structure = flatten(grads)
    if not leaves:
        return grads, np.zeros((), _FLOAT64)
    leaves = [floats("clip_by_norm", grads=g)[0] for g in leaves]
    squares = [sum_of_squares(g) for g in leaves]
    total = squares[0]
    for square in squares[1:]:
        total = F.add(total, square)
    norm = F.sqrt(total)
    scale = F.minimum(F.divide(max_norm, F.add(norm, 1e-6)), 1.0)
    return unflatten(structure, [F.multiply(g, F.astype(scale, g.dtype)) for g in leaves]), norm
