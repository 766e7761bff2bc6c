"""JAX: compiled functions of arrays that are on its device already; an epoch is one ``lax.scan``."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..rows import Row
from ..work import weight_shapes
from . import CHECKED_BATCHES, Task, repeated


def version() -> str:
    return str(jax.__version__)


def setup(threads: int) -> None:
    """The number of threads is set by the process's CPUs."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    if row.kind == "train":
        return _train(row, arrays)
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


def _train(row: Row, arrays: dict[str, Any]) -> Task:
    spec, batch = row.spec, row.spec["batch"]
    x, y = jnp.asarray(arrays["x"]), jnp.asarray(arrays["y"])
    count = len(weight_shapes(spec["layers"]))
    initial = [(jnp.asarray(arrays[f"weight {i}"]), jnp.asarray(arrays[f"bias {i}"])) for i in range(count)]
    activation = jnp.tanh if spec.get("activation") == "tanh" else jax.nn.relu
    adam = spec["optimizer"] == "adam"

    def forward(params: Any, z: Any) -> Any:
        if spec["layers"] == "lenet":
            for (w, b), edge in zip(params[:2], (2, 0), strict=True):
                z = jax.nn.relu(
                    lax.conv(jnp.pad(z, ((0, 0), (0, 0), (edge,) * 2, (edge,) * 2)), w, (1, 1), "VALID")
                    + b[:, None, None]
                )
                z = lax.reduce_window(z, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
            z, params = z.reshape(len(z), -1), params[2:]
        for w, b in params[:-1]:
            z = activation(z @ w.T + b)
        w, b = params[-1]
        return z @ w.T + b

    def loss(params: Any, xs: Any, ys: Any) -> Any:
        z = forward(params, xs)
        if spec["loss"] == "binary":
            z = z[:, 0]
            return jnp.mean(jnp.maximum(z, 0) - z * ys + jnp.log1p(jnp.exp(-jnp.abs(z))))
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), ys[:, None], 1))

    def step(carry: Any, indices: Any) -> Any:
        params, m, v, t = carry
        grads = jax.grad(loss)(params, x[indices], y[indices])
        if not adam:
            return (jax.tree.map(lambda p, g: p - np.float32(0.05) * g, params, grads), m, v, t), None
        t = t + 1
        m = jax.tree.map(lambda m, g: np.float32(0.9) * m + np.float32(0.1) * g, m, grads)
        v = jax.tree.map(lambda v, g: np.float32(0.999) * v + np.float32(0.001) * g * g, v, grads)
        rate = (1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)).astype(x.dtype)
        eps = (1e-8 * jnp.sqrt(1 - 0.999**t)).astype(x.dtype)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + eps), params, m, v)
        return (params, m, v, t), None

    @jax.jit
    def epoch(carry: Any, order: Any) -> Any:
        full = len(order) // batch * batch
        carry, _ = lax.scan(step, carry, order[:full].reshape(-1, batch))
        return step(carry, order[full:])[0] if full < len(order) else carry

    def start() -> Any:
        zeros = jax.tree.map(jnp.zeros_like, initial)
        return initial, zeros, zeros, jnp.zeros(())

    state = start()
    rng = np.random.default_rng(0)

    def run(epochs: int) -> None:
        nonlocal state
        for _ in range(epochs):
            state = jax.block_until_ready(epoch(state, rng.permutation(len(x))))

    def result() -> list[Any]:
        params = epoch(start(), np.arange(CHECKED_BATCHES * batch))[0]
        return [np.asarray(array) for pair in params for array in pair]

    return Task(run, result)
