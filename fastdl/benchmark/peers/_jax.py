"""JAX: compiled functions of arrays that are on its device already; an epoch is one ``lax.scan``."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..rows import Row
from . import Task, _jax_training, repeated


def version() -> str:
    return str(jax.__version__)


def setup(threads: int) -> None:
    """The number of threads is set by the process's CPUs."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    if row.kind == "train":
        return _jax_training.task(row, arrays)
    make = _FUNCTIONS.get(row.kind.removesuffix(" grad"))
    if make is None:
        return None
    a = {name: jnp.asarray(array) for name, array in arrays.items()}
    names = [name for name in a if name not in ("grad", "mean", "var")]
    function = make(row.spec)
    if function is None:
        return None
    inputs = [a[name] for name in names]
    if not row.kind.endswith(" grad"):
        compiled = jax.jit(function)
        return repeated(lambda: compiled(*inputs).block_until_ready(), lambda y: [np.asarray(y)])

    @jax.jit
    def both(grad: Any, *inputs: Any) -> Any:
        y, pullback = jax.vjp(function, *inputs)
        return y, *pullback(grad)

    return repeated(lambda: jax.block_until_ready(both(a["grad"], *inputs)), lambda ys: [np.asarray(y) for y in ys])


def _dense(spec: Any) -> Any:
    return lambda x, w, b: x @ w.T + b


def _conv2d(spec: Any) -> Any:
    padding = [(spec["padding"],) * 2] * 2

    def conv2d(x: Any, w: Any, b: Any) -> Any:
        y = lax.conv_general_dilated(
            x,
            w,
            (spec["stride"],) * 2,
            padding,
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
            feature_group_count=spec["groups"],
        )
        return y + b[:, None, None]

    return conv2d


def _attention(spec: Any) -> Any:
    def attention(q: Any, k: Any, v: Any) -> Any:
        q, k, v = (jnp.swapaxes(z, 1, 2) for z in (q, k, v))
        return jnp.swapaxes(jax.nn.dot_product_attention(q, k, v, is_causal=spec["causal"]), 1, 2)

    return attention


def _filter2d(spec: Any) -> Any:
    edge = spec["taps"] // 2

    def filter2d(image: Any, kernel: Any) -> Any:
        padded = jnp.pad(image, edge, mode="reflect")
        return lax.conv_general_dilated(padded[None, None], kernel[None, None], (1, 1), "VALID")[0, 0]

    return filter2d


def _map(spec: Any) -> Any:
    def layer_norm(x: Any, w: Any, b: Any) -> Any:
        mean = x.mean(-1, keepdims=True)
        return (x - mean) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5) * w + b

    functions = {
        "relu": jax.nn.relu,
        "sigmoid": jax.nn.sigmoid,
        "tanh": jnp.tanh,
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "softmax": jax.nn.softmax,
        "log_softmax": jax.nn.log_softmax,
        "layer_norm": layer_norm,
        "max_pool2d": lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"),
    }
    return functions.get(spec["op"])


_FUNCTIONS = {"dense": _dense, "conv2d": _conv2d, "attention": _attention, "filter2d": _filter2d, "map": _map}
