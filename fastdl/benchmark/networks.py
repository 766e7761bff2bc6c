"""The networks of the training rows as data, which each library builds in its own words.

A network is a tuple of layers, a layer its name and sizes:

    ("dense", inputs, outputs)  ("conv", inputs, outputs, kernel, padding)  ("relu",)  ("tanh",)  ("flatten",)
    ("max pool", size)          of images, without padding
    ("encoder", width, heads, hidden)   of a transformer: normalisation first, gelu, no dropout
    ("mean",)                   over the positions of a sequence (N, T, width)
"""

from typing import Any, NamedTuple

Network = tuple[tuple[Any, ...], ...]


def dense(*widths: int, activation: str) -> Network:
    """Dense layers with an activation between each two.

    >>> dense(2, 4, 1, activation="tanh")
    (('dense', 2, 4), ('tanh',), ('dense', 4, 1))
    """
    layers: list[tuple[Any, ...]] = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        layers += [("dense", inputs, outputs), (activation,)]
    return tuple(layers[:-1])


LENET: Network = (
    ("conv", 1, 6, 5, 2),
    ("relu",),
    ("max pool", 2),
    ("conv", 6, 16, 5, 0),
    ("relu",),
    ("max pool", 2),
    ("flatten",),
    *dense(400, 120, 84, 10, activation="relu"),
)

CNN: Network = (
    ("conv", 1, 32, 3, 1),
    ("relu",),
    ("conv", 32, 32, 3, 0),
    ("relu",),
    ("max pool", 2),
    ("conv", 32, 64, 3, 0),
    ("relu",),
    ("max pool", 2),
    ("flatten",),
    ("dense", 1600, 10),
)

ENCODER: Network = (("encoder", 64, 4, 256), ("encoder", 64, 4, 256), ("mean",), ("dense", 64, 10))


class Parameter(NamedTuple):
    """A parameter's shape, and the normal distribution that its initial values come from.

    ``idle``: rows whose gradient is zero but for rounding, which Adam makes steps of. The bias of the keys is such: it
    adds the same to all scores of a query, and softmax does not see it.
    """

    shape: tuple[int, ...]
    scale: float
    center: float = 0.0
    idle: slice = slice(0)


def parameters(network: Network) -> list[Parameter]:
    """All parameters in the order of PyTorch's layers: weight, bias; of an encoder attention, dense layers, norms.

    >>> [p.shape for p in parameters(dense(2, 4, 1, activation="tanh"))]
    [(4, 2), (4,), (1, 4), (1,)]
    """
    found = []
    for name, *sizes in network:
        if name == "dense":
            found += _affine(sizes[1], sizes[0])
        elif name == "conv":
            found += _affine(sizes[1], sizes[0], sizes[2], sizes[2])
        elif name == "encoder":
            width, _, hidden = sizes
            shapes = ((3 * width, width), (width, width), (hidden, width), (width, hidden))
            attention, *others = [_affine(outputs, inputs) for outputs, inputs in shapes]
            found += [attention[0], attention[1]._replace(idle=slice(width, 2 * width)), *sum(others, [])]
            found += 2 * [Parameter((width,), 0.1, 1.0), Parameter((width,), 0.1)]
    return found


def _affine(outputs: int, *terms: int) -> list[Parameter]:
    """Weight and bias of sums over terms of these sizes."""
    fan_in = 1
    for size in terms:
        fan_in *= size
    return [Parameter((outputs, *terms), fan_in**-0.5), Parameter((outputs,), fan_in**-0.5)]
