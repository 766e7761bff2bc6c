"""NumPy: what people write by hand, its matrix product OpenBLAS's or another library's."""

from typing import Any

import numpy as np

from ..rows import Row
from . import Task, repeated


def version() -> str:
    return str(np.__version__)


def setup(threads: int) -> None:
    """The number of threads is set by the environment of the process."""


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    if row.kind.startswith("dense"):
        return _dense(row, arrays)
    if row.kind == "attention":
        return _attention(row, arrays)
    if row.kind == "map":
        return _map(row, arrays)
    return None


def _dense(row: Row, a: dict[str, Any]) -> Task:
    x, w, b, g = a["x"], a["weight"], a["bias"], a["grad"]
    if row.kind == "dense":
        return repeated(lambda: x @ w.T + b, lambda y: [y])
    return repeated(lambda: (x @ w.T + b, g @ w, g.T @ x, g.sum(0)), list)


def _attention(row: Row, a: dict[str, Any]) -> Task:
    q, k, v = a["query"], a["key"], a["value"]
    t = q.shape[-2]
    hidden = np.triu(np.full((t, t), -np.inf, q.dtype), 1) if row.spec["causal"] else None
    scale = np.asarray(q.shape[-1] ** -0.5, q.dtype)

    def attention() -> Any:
        scores = (q * scale) @ np.swapaxes(k, -1, -2)
        if hidden is not None:
            scores += hidden
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        return scores @ v

    return repeated(attention, lambda y: [y])


def _map(row: Row, a: dict[str, Any]) -> Task | None:
    x = a["x"]

    def softmax() -> Any:
        y = np.exp(x - x.max(-1, keepdims=True))
        y /= y.sum(-1, keepdims=True)
        return y

    functions = {
        "relu": lambda: np.maximum(x, 0),
        "tanh": lambda: np.tanh(x),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "softmax": softmax,
    }
    function = functions.get(row.spec["op"])
    return None if function is None else repeated(function, lambda y: [y])
