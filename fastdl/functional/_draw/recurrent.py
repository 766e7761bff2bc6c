"""Arguments of the recurrent layers."""

from typing import Any

import numpy as np

from .elementwise import Drawn


def _layer(rng: np.random.Generator, dtype: np.dtype[Any], gates: int, states: int) -> Drawn:
    """Sequences of one step and more, an empty batch now and then, more rows than a kernel takes at once; states and
    biases given or not, both directions."""
    batch = int(rng.choice([0, 1, 2, 4, 5, 6], p=[0.03, 0.27, 0.2, 0.2, 0.2, 0.1]))
    steps, features, hidden = int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.choice([1, 2, 3, 5, 17]))

    def x(*shape: int) -> Any:
        return rng.uniform(-1, 1, shape).astype(dtype)

    rows = gates * hidden
    given = [x(batch, hidden) if rng.random() < 0.7 else None for _ in range(states)]
    biases = [x(rows) if rng.random() < 0.7 else None for _ in range(2)]
    args = [x(batch, steps, features), *given, x(rows, features), x(rows, hidden), *biases]
    while args[-1] is None:
        args.pop()
    return tuple(args), {"reverse": True} if rng.random() < 0.4 else {}


def rnn(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Both activations; relu with arguments that keep away from its kink, where there is no gradient."""
    (args, options) = _layer(rng, dtype, 1, 1)
    if rng.random() < 0.3:
        args = tuple(None if a is None else np.abs(a) + dtype.type(0.05) for a in args)
        options["activation"] = "relu"
    return args, options


def lstm(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Two states, each given or not."""
    return _layer(rng, dtype, 4, 2)


def gru(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One state, given or not."""
    return _layer(rng, dtype, 3, 1)
