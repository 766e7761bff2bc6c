"""Training by JAX: an epoch is one compiled ``lax.scan`` over its batches, gathered inside, the permutation from NumPy.
Many networks are one by ``vmap``, each with a permutation of its own.

With convolutions it is a loop of compiled steps, which is several times faster: XLA's convolutions on CPUs are slow
inside loops (https://github.com/jax-ml/jax/issues/12868; LeNet with 0.10.2: 7 times slower). Images lie channels last,
and pooling is a maximum over reshaped axes, whose gradient takes less time than that of ``lax.reduce_window``.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..networks import Network, parameters
from ..rows import Row
from ..work import initial
from . import Task, training


def _conv(params: list[Any], z: Any, inputs: int, outputs: int, kernel: int, padding: int) -> Any:
    weight, bias = params
    edges = [(padding, padding)] * 2
    return lax.conv_general_dilated(z, weight, (1, 1), edges, dimension_numbers=("NHWC", "OIHW", "NHWC")) + bias


def _max_pool(params: list[Any], z: Any, size: int) -> Any:
    n, h, w, c = z.shape
    p, q = h // size, w // size
    return z[:, : p * size, : q * size].reshape(n, p, size, q, size, c).max((2, 4))


def _flatten(params: list[Any], z: Any) -> Any:
    return jnp.moveaxis(z, -1, 1).reshape(len(z), -1)  # the order in which dense layers after NCHW images expect it


def _norm(z: Any, weight: Any, bias: Any) -> Any:
    mean = z.mean(-1, keepdims=True)
    return (z - mean) * lax.rsqrt(z.var(-1, keepdims=True) + 1e-5) * weight + bias


def _encoder(params: list[Any], z: Any, width: int, heads: int, hidden: int) -> Any:
    in_w, in_b, out_w, out_b, w1, b1, w2, b2, norm1_w, norm1_b, norm2_w, norm2_b = params
    n, length, _ = z.shape
    projected = (_norm(z, norm1_w, norm1_b) @ in_w.T + in_b).reshape(n, length, 3, heads, width // heads)
    attended = jax.nn.dot_product_attention(projected[:, :, 0], projected[:, :, 1], projected[:, :, 2])
    z = z + attended.reshape(n, length, width) @ out_w.T + out_b
    return z + jax.nn.gelu(_norm(z, norm2_w, norm2_b) @ w1.T + b1, approximate=False) @ w2.T + b2


_LAYERS: dict[str, Callable[..., Any]] = {
    "dense": lambda params, z, *sizes: z @ params[0].T + params[1],
    "conv": _conv,
    "max pool": _max_pool,
    "flatten": _flatten,
    "relu": lambda params, z: jax.nn.relu(z),
    "tanh": lambda params, z: jnp.tanh(z),
    "encoder": _encoder,
    "mean": lambda params, z: z.mean(1),
}


def loss_of(network: Network, kind: str) -> Callable[..., Any]:
    """The mean loss as a function of (parameters, x, y)."""
    counts = [len(parameters((layer,))) for layer in network]

    def loss(params: Any, z: Any, y: Any) -> Any:
        params = list(params)
        for (name, *sizes), count in zip(network, counts, strict=True):
            z = _LAYERS[name](params[:count], z, *sizes)
            params = params[count:]
        if kind == "binary":
            z = z[:, 0]
            return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))

    return loss


def _sgd(state: Any, grads: Any) -> Any:
    params, *rest = state
    return jax.tree.map(lambda p, g: p - p.dtype.type(0.05) * g, params, grads), *rest


def _adam(state: Any, grads: Any) -> Any:
    params, m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda m, g: m.dtype.type(0.9) * m + m.dtype.type(0.1) * g, m, grads)
    v = jax.tree.map(lambda v, g: v.dtype.type(0.999) * v + v.dtype.type(0.001) * g * g, v, grads)
    dtype = jax.tree.leaves(params)[0].dtype
    correction = jnp.sqrt(1 - 0.999**t)
    rate, eps = (1e-3 * correction / (1 - 0.9**t)).astype(dtype), (1e-8 * correction).astype(dtype)
    return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + eps), params, m, v), m, v, t


def step_of(row: Row) -> Callable[..., Any]:
    """A step as a function of (state, x, y), which returns the new state and the loss."""
    gradient = jax.value_and_grad(loss_of(row.spec["network"], row.spec["loss"]))
    update = _sgd if row.spec["optimizer"] == "sgd" else _adam

    def step(state: Any, x: Any, y: Any) -> Any:
        loss, grads = gradient(state[0], x, y)
        return update(state, grads), loss

    return step


def state_of(params: Any, many: tuple[int, ...]) -> Any:
    """Parameters, Adam's two moments and the number of steps, in memory of their own."""
    params = jax.tree.map(lambda p: jnp.array(p, copy=True), params)
    return params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.zeros(many)


def _scanned(step: Any, batch: int) -> Callable[..., Any]:
    """An epoch as one scan; the last, smaller batch is a step of its own. ``order`` (..., samples)."""

    def epoch(state: Any, order: Any) -> Any:
        full = order.shape[-1] // batch * batch
        batches = jnp.moveaxis(order[..., :full].reshape(*order.shape[:-1], -1, batch), -2, 0)
        state, losses = lax.scan(step, state, batches)
        if full == order.shape[-1]:
            return state, losses
        state, last = step(state, order[..., full:])
        return state, jnp.concatenate([losses, last[None]])

    return jax.jit(epoch, donate_argnums=0)  # type: ignore[no-any-return]


def _looped(step: Any, batch: int) -> Callable[..., Any]:
    """An epoch as a loop of compiled steps."""
    compiled = jax.jit(step, donate_argnums=0)

    def epoch(state: Any, order: Any) -> Any:
        losses = []
        for start in range(0, len(order), batch):
            state, loss = compiled(state, order[start : start + batch])
            losses.append(loss)
        return state, losses

    return epoch


def task(row: Row, arrays: dict[str, Any]) -> Task:
    spec, batch = row.spec, row.spec["batch"]
    images = arrays["x"].ndim == 4
    x, y = jnp.asarray(np.moveaxis(arrays["x"], 1, -1) if images else arrays["x"]), jnp.asarray(arrays["y"])
    loops = any(name == "conv" for name, *_ in spec["network"])
    step, many = step_of(row), (spec["networks"],) if "networks" in spec else ()

    def gathered(state: Any, indices: Any) -> Any:
        return step(state, x[indices], y[indices])

    epoch = (_looped if loops else _scanned)(jax.vmap(gathered) if many else gathered, batch)
    state = state_of(initial(arrays), many)
    rng, samples = np.random.default_rng(0), np.arange(len(x))

    def order() -> Any:
        """Of all samples; each of many networks has its own."""
        return rng.permuted(np.broadcast_to(samples, (*many, len(x))), axis=-1)

    def run(epochs: int) -> None:
        nonlocal state
        for _ in range(epochs):
            state = jax.block_until_ready(epoch(state, order())[0])

    def learn(batches: int, epochs: int) -> tuple[list[float], list[Any]]:
        first = samples[: batches * batch]
        sizes = [len(first[i : i + batch]) for i in range(0, len(first), batch)]
        learned, means = state_of(initial(arrays), many), []
        for _ in range(epochs):
            learned, losses = epoch(learned, np.broadcast_to(first, (*many, len(first))))
            by_step = np.array(losses, np.float64).reshape(len(sizes), -1).mean(1)
            means.append(float(np.average(by_step, weights=sizes)))
        return means, [np.array(array) for array in learned[0]]

    return training(run, learn, note="a loop of compiled steps" if loops else "vmap" if many else "")
