"""The arrays of a row, the same for every library and process: random numbers from the row's name."""

import zlib
from typing import Any

import numpy as np

from ..ops import Array
from .networks import parameters
from .rows import Row

RESULTS = "results.npz"  # the file in which a library's process leaves what it made of them


def arrays(row: Row) -> dict[str, Array]:
    """The inputs by name; gradients of the result are ``grad``."""
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    dtype = np.dtype(row.spec["dtype"])

    def normal(*shape: int, scale: float = 1.0) -> Array:
        return (scale * rng.standard_normal(shape)).astype(dtype)

    made: dict[str, Array] = _MAKERS[row.kind.removesuffix(" grad")](row.spec, normal, rng)
    return made


def _dense(spec: Any, normal: Any, rng: Any) -> dict[str, Array]:
    rows, inputs, outputs = spec["rows"], spec["inputs"], spec["outputs"]
    return {
        "x": normal(rows, inputs),
        "weight": normal(outputs, inputs, scale=inputs**-0.5),
        "bias": normal(outputs),
        "grad": normal(rows, outputs),
    }


def _conv2d(spec: Any, normal: Any, rng: Any) -> dict[str, Array]:
    n, _, h, w = spec["x"]
    o, c, u, v = spec["weight"]
    p, q = ((size + 2 * spec["padding"] - taps) // spec["stride"] + 1 for size, taps in ((h, u), (w, v)))
    return {
        "x": normal(*spec["x"]),
        "weight": normal(*spec["weight"], scale=(c * u * v) ** -0.5),
        "bias": normal(o),
        "grad": normal(n, o, p, q),
    }


def _attention(spec: Any, normal: Any, rng: Any) -> dict[str, Array]:
    return {name: normal(*spec["shape"]) for name in ("query", "key", "value", "grad")}


def _filter2d(spec: Any, normal: Any, rng: Any) -> dict[str, Array]:
    return {"image": normal(*spec["image"]), "kernel": normal(spec["taps"], spec["taps"])}


def _map(spec: Any, normal: Any, rng: Any) -> dict[str, Array]:
    shape = spec["shape"]
    result = (*shape[:2], shape[2] // 2, shape[3] // 2) if spec["op"] == "max_pool2d" else shape
    made = {"x": normal(*shape), "grad": normal(*result)}
    if spec["op"] in ("layer_norm", "batch_norm"):
        width = shape[1]
        made |= {"weight": 1 + normal(width, scale=0.1), "bias": normal(width, scale=0.1)}
    if spec["op"] == "batch_norm":
        made |= {"mean": normal(shape[1], scale=0.1), "var": np.abs(1 + normal(shape[1], scale=0.1))}
    return made


def _train(spec: Any, normal: Any, rng: Any) -> dict[str, Array]:
    """Samples, targets, and the initial parameters in order; of many networks with the network as their first axis."""
    many = (spec["networks"],) if "networks" in spec else ()
    made = {"x": normal(spec["samples"], *spec["x"])}
    made["y"] = rng.integers(0, 2 if spec["loss"] == "binary" else 10, spec["samples"])
    for i, parameter in enumerate(parameters(spec["network"])):
        values = normal(*many, *parameter.shape, scale=parameter.scale)
        made[f"parameter {i}"] = values + values.dtype.type(parameter.center)
    return made


def initial(arrays: dict[str, Array]) -> list[Array]:
    """The initial parameters of a training row, in order."""
    return [array for name, array in arrays.items() if name.startswith("parameter ")]


def of_network(arrays: dict[str, Array], number: int) -> dict[str, Array]:
    """The arrays of one of many networks."""
    return {name: array[number] if name.startswith("parameter ") else array for name, array in arrays.items()}


_MAKERS = {
    "dense": _dense,
    "conv2d": _conv2d,
    "attention": _attention,
    "filter2d": _filter2d,
    "map": _map,
    "train": _train,
}
