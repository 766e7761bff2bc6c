"""fastdl itself: eager calls on NumPy arrays.

Results are fresh, but those of image filters and of forward maps, which a program that cares for memory keeps.
"""

from typing import Any

import numpy as np

from ... import functional as F
from ..._kernels import threads as pool
from ..._version import __version__
from ..rows import Row
from . import Task, _fastdl_training, repeated


def version() -> str:
    return __version__


def setup(threads: int) -> None:
    pool.set_num_threads(threads)


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    if row.kind == "train":
        return _fastdl_training.task(row, arrays)
    forward, backward = _FUNCTIONS[row.kind.removesuffix(" grad")](row.spec, arrays)
    if row.kind == "map":
        kept = np.empty_like(arrays["grad"])
        return repeated(lambda: forward(out=kept), lambda y: [y])
    if not row.kind.endswith(" grad"):
        return repeated(forward, lambda y: [y])
    return repeated(lambda: _with_gradients(forward, backward), lambda ys: [y for y in ys if y is not None])


def _with_gradients(forward: Any, backward: Any) -> tuple[Any, ...]:
    y = forward()
    return y, *backward(y)


def _dense(spec: Any, a: dict[str, Any]) -> Any:
    x, w, b, g = a["x"], a["weight"], a["bias"], a["grad"]
    return lambda: F.dense(x, w, b), lambda y: F.dense_backward(g, x, w, b)


def _conv2d(spec: Any, a: dict[str, Any]) -> Any:
    x, w, b, g = a["x"], a["weight"], a["bias"], a["grad"]
    options = {name: spec[name] for name in ("stride", "padding", "groups")}
    return lambda: F.conv2d(x, w, b, **options), lambda y: F.conv2d_backward(g, x, w, b, **options)


def _attention(spec: Any, a: dict[str, Any]) -> Any:
    q, k, v, g = a["query"], a["key"], a["value"], a["grad"]
    causal = spec["causal"]
    return (
        lambda: F.attention(q, k, v, causal=causal),
        lambda y: F.attention_backward(g, q, k, v, causal=causal, output=y),
    )


def _filter2d(spec: Any, a: dict[str, Any]) -> Any:
    out = np.empty_like(a["image"])
    return lambda: F.filter2d(a["image"], a["kernel"], out=out), None


def _map(spec: Any, a: dict[str, Any]) -> Any:
    x, g, name = a["x"], a["grad"], spec["op"]
    function, backward = getattr(F, name), getattr(F, f"{name}_backward")
    if name == "max_pool2d":
        return lambda out=None: function(x, 2, out=out), lambda y: backward(g, x, 2)
    if name == "layer_norm":
        w, b = a["weight"], a["bias"]
        return lambda out=None: function(x, w, b, out=out), lambda y: backward(g, x, w, b)
    if name == "batch_norm":
        w, b, mean, var = a["weight"], a["bias"], a["mean"], a["var"]
        return (
            lambda out=None: function(x, w, b, mean, var, training=True, out=out)[0],
            lambda y: backward(g, x, w, b, mean, var, training=True)[:3],
        )
    return lambda out=None: function(x, out=out), lambda y: backward(g, x)


_FUNCTIONS = {"dense": _dense, "conv2d": _conv2d, "attention": _attention, "filter2d": _filter2d, "map": _map}
