"""Before anything is timed: fastdl's result against the reference, and each peer's against fastdl's."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import reference
from ..ops import Array
from .networks import parameters
from .rows import Row
from .work import arrays, initial

_SAMPLE = 24  # elements that the reference computes
_SUMS = ("softmax", "log_softmax", "layer_norm", "batch_norm")  # over rows; the other maps go element by element

_CURVE = 0.05  # share of a curve's fall by which losses may differ: rounding turns a maximum here and there, and grows
_LEARNED = 0.02  # share of what was learned by which weights may differ; a learning rate off by 5 % makes 0.05


def against_reference(row: Row, results: Sequence[Array]) -> str | None:
    """What is wrong with fastdl's forward result on a sample of elements; None if nothing is.

    Training has no reference here; its weights are compared with the peers'.
    """
    if row.kind == "train":
        return None
    y = results[0]
    rng = np.random.default_rng(0)
    at = [tuple(int(rng.integers(n)) for n in y.shape) for _ in range(_SAMPLE)]
    expected = _expected(row, arrays(row), at)
    got = np.array([y[i] for i in at], np.float64)
    tolerance = _tolerance(row, y.dtype)
    error = float(np.max(np.abs(got - expected)))
    scale = float(np.max(np.abs(expected)))
    if not error <= tolerance * scale:
        return f"differs from the reference by {error:.2g}, allowed is {tolerance * scale:.2g}"
    return None


def _tolerance(row: Row, dtype: np.dtype[Any]) -> float:
    """Rounding of sums as long as the row has them, of the largest element: a random walk, with a margin."""
    spec = row.spec
    kind = row.kind.removesuffix(" grad")
    if kind == "dense":
        length = spec["inputs"]
    elif kind == "conv2d":
        length = math.prod(spec["weight"][1:])
    elif kind == "attention":
        length = spec["shape"][2] + spec["shape"][3]
    elif kind == "filter2d":
        length = spec["taps"] ** 2
    else:
        length = spec["shape"][-1] if spec["op"] in _SUMS else 1
    return float(np.finfo(dtype).eps) * 16 * math.sqrt(length)


def _expected(row: Row, a: dict[str, Array], at: Any) -> Array:
    spec, kind = row.spec, row.kind.removesuffix(" grad")
    if kind == "dense":
        return reference.dense(a["x"], a["weight"], a["bias"], at=at)
    if kind == "conv2d":
        options = {name: spec[name] for name in ("stride", "padding", "groups")}
        return reference.conv2d(a["x"], a["weight"], a["bias"], **options, at=at)
    if kind == "attention":
        return np.asarray(reference.attention(a["query"], a["key"], a["value"], causal=spec["causal"], at=at))
    if kind == "filter2d":
        return np.asarray(reference.filter2d(a["image"], a["kernel"], at=at))
    op = getattr(reference, spec["op"])
    if spec["op"] == "max_pool2d":
        return np.asarray(op(a["x"], 2, at=at))
    if spec["op"] == "layer_norm":
        return np.asarray(op(a["x"], a["weight"], a["bias"], at=at))
    if spec["op"] == "batch_norm":
        return _batch_norm(a, at)
    return np.asarray(op(a["x"], at=at))


def _batch_norm(a: dict[str, Array], at: Any) -> Array:
    """Of whole channels at once: element by element the reference would take minutes."""
    x = a["x"].astype(np.float64)
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    scale = a["weight"] / np.sqrt(var + 1e-5)
    return np.array([(x[i] - mean[i[1]]) * scale[i[1]] + a["bias"][i[1]] for i in at])


def against_fastdl(row: Row, ours: Sequence[Array], theirs: Sequence[Array]) -> str | None:
    """What is wrong with a peer's results; None if they are the same within rounding, or it has none to compare."""
    if not theirs:
        return None
    if len(ours) != len(theirs):
        return f"gives {len(theirs)} results, fastdl {len(ours)}"
    for mine, other in zip(ours, theirs, strict=True):
        if mine.shape != other.shape:
            return f"gives the shape {other.shape}, fastdl {mine.shape}"
    if row.kind == "train":
        return _learned(row, ours, theirs)
    tolerance = 2e-3 if ours[0].dtype == np.float32 else 1e-9
    for mine, other in zip(ours, theirs, strict=True):
        scale = max(1e-6, float(np.max(np.abs(mine), initial=0)))
        error = float(np.max(np.abs(mine.astype(np.float64) - other), initial=0)) / scale
        if not error <= tolerance:
            return f"differs from fastdl by {error:.2g} of the largest element"
    return None


def _learned(row: Row, ours: Sequence[Array], theirs: Sequence[Array]) -> str | None:
    """As above for weights, by what was learned: lengths, because Adam turns a gradient that is rounding to a step."""
    found = zip(parameters(row.spec["network"]), ours, theirs, initial(arrays(row)), strict=True)
    for parameter, *values in found:
        mine, other, before = (np.delete(value, parameter.idle, axis=0) for value in values)
        error = float(np.linalg.norm(other - mine) / np.linalg.norm(mine - before))
        if not error <= _LEARNED:
            return f"learned something else than fastdl: {error:.2g} of it"
    return None


def same_curve(ours: Sequence[float], theirs: Sequence[float]) -> str | None:
    """What is wrong with a peer's losses of each epoch, from the same parameters on the same batches; None if nothing.

    They may differ by a share of what fastdl's fell. Over some ten steps the same losses agree to six digits; then a
    number so near 0, or so near its neighbour in a pooling window, that rounding decides sends the two apart.
    """
    if len(ours) != len(theirs):
        return f"has losses of {len(theirs)} epochs, fastdl of {len(ours)}"
    if not ours:
        return None
    fall = max(ours) - min(ours)
    errors = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    epoch = int(np.argmax(errors))
    if not errors[epoch] <= _CURVE * fall:  # the largest, or the first NaN
        return f"has the loss {theirs[epoch]:.4g} in epoch {epoch + 1}, fastdl {ours[epoch]:.4g}: not the same training"
    return None
