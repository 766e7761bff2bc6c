"""The rows of the benchmark as data: what is computed, on which shapes, and how fast it has to be.

A row's ``kind`` names the work (``work.py`` makes its arrays, each file of ``peers/`` says how a library does it), its
``spec`` the sizes. ``bars`` maps a peer to the least ratio peer's time / fastdl's; the peer "best" is the fastest of
those that were measured. ``part`` groups rows whose geometric mean has a bar of its own (``MEANS``). The bars are what
the project sets itself; a row that misses its bar stays in the table.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..functional._counts import attention, correlation, product
from .networks import CNN, ENCODER, LENET, dense


@dataclass(frozen=True)
class Row:
    """One line of the table. ``work``: operations of one call, to say the share of the machine's peak; 0: no share."""

    name: str
    kind: str
    spec: Mapping[str, Any]
    bars: Mapping[str, float] = field(default_factory=dict)
    part: str = ""
    work: float = 0.0
    quick: bool = False


MEANS: dict[str, dict[str, float]] = {
    "dense grad": {"best": 1.3},
    "conv2d 3x3": {"torch": 1.8},
    "conv2d other": {"torch": 1.2},
    "conv2d grad": {"torch": 1.6},
    "attention": {"torch": 1.3},
    "attention grad": {"torch": 1.4},
}
"""The least geometric mean of the ratios of a part."""


def _dense() -> Iterable[Row]:
    tight = {(1, 1024, 1024), (32, 256, 256), (4096, 64, 10)}
    shapes = [
        (1, 1024, 1024),
        (32, 256, 256),
        (128, 784, 512),
        (1024, 1024, 1024),
        (2048, 1024, 4096),
        (4096, 64, 10),
    ]
    for rows, inputs, outputs in shapes:
        spec = {"rows": rows, "inputs": inputs, "outputs": outputs, "dtype": "float32"}
        size, work = f"{rows}x{inputs}x{outputs}", product(rows, outputs, inputs)
        bars = {"best": 1.15 if (rows, inputs, outputs) in tight else 0.97}
        yield Row(f"dense {size}", "dense", spec, bars, "dense", work, quick=rows == 128)
        yield Row(f"dense grad {size}", "dense grad", spec, {"best": 1.0}, "dense grad", 3 * work)
    spec = {"rows": 512, "inputs": 512, "outputs": 512, "dtype": "float64"}
    yield Row("dense 512x512x512 float64", "dense", spec, {"best": 1.0}, "float64", product(512, 512, 512))


# name of the part, x, output channels, kernel, stride, padding, groups, bar
_CONVS: list[tuple[str, tuple[int, int, int, int], int, int, int, int, int, float]] = [
    ("conv2d 3x3", (8, 64, 56, 56), 64, 3, 1, 1, 1, 1.25),
    ("conv2d 3x3", (8, 128, 28, 28), 128, 3, 1, 1, 1, 1.25),
    ("conv2d 3x3", (8, 256, 14, 14), 256, 3, 1, 1, 1, 1.25),
    ("conv2d 3x3", (32, 32, 32, 32), 64, 3, 1, 1, 1, 1.25),
    ("conv2d 3x3", (1, 128, 28, 28), 128, 3, 1, 1, 1, 1.25),
    ("conv2d 7x7 image", (8, 512, 7, 7), 512, 3, 1, 1, 1, 1.0),
    ("conv2d other", (8, 256, 56, 56), 64, 1, 1, 0, 1, 1.0),
    ("conv2d other", (32, 6, 14, 14), 16, 5, 1, 0, 1, 1.0),
    ("conv2d other", (32, 1, 28, 28), 6, 5, 1, 2, 1, 1.0),
    ("conv2d other", (4, 3, 224, 224), 64, 7, 2, 3, 1, 1.0),
    ("conv2d other", (8, 64, 56, 56), 128, 3, 2, 1, 1, 1.0),
    ("conv2d other", (8, 96, 56, 56), 96, 3, 1, 1, 96, 1.0),
]


def _conv() -> Iterable[Row]:
    for part, x, channels, kernel, stride, padding, groups, bar in _CONVS:
        spec = {
            "x": x,
            "weight": (channels, x[1] // groups, kernel, kernel),
            "stride": stride,
            "padding": padding,
            "groups": groups,
            "dtype": "float32",
        }
        outputs = x[0] * channels * ((x[2] + 2 * padding - kernel) // stride + 1) ** 2
        work = correlation(outputs, (x[1] // groups, kernel, kernel))
        options = (f" stride {stride}" if stride > 1 else "") + (" depthwise" if groups > 1 else "")
        size = f"{kernel}x{kernel} {','.join(map(str, x))}->{channels}{options}"
        yield Row(f"conv2d {size}", "conv2d", spec, {"torch": bar}, part, work, quick=x == (32, 6, 14, 14))
        yield Row(f"conv2d grad {size}", "conv2d grad", spec, {"torch": 1.05}, "conv2d grad", 3 * work)
    spec = {"x": (8, 32, 28, 28), "weight": (64, 32, 3, 3), "stride": 1, "padding": 1, "groups": 1, "dtype": "float64"}
    work = correlation(8 * 64 * 28 * 28, (32, 3, 3))
    yield Row("conv2d 3x3 8,32,28,28->64 float64", "conv2d", spec, {"torch": 1.0}, "float64", work)


_ATTENTIONS: list[tuple[tuple[int, int, int, int], bool]] = [
    ((1, 8, 128, 64), False),
    ((8, 12, 128, 64), False),
    ((1, 12, 1024, 64), True),
    ((1, 8, 4096, 64), False),
    ((1, 8, 4096, 64), True),
    ((1, 1, 10, 16), False),
]


def _attention() -> Iterable[Row]:
    for shape, causal in _ATTENTIONS:
        batch, heads, length, width = shape
        work = attention(batch * heads * length, length, 2 * width, causal)
        gradient = attention(batch * heads * length, length, 5 * width, causal)
        size = f"{','.join(map(str, shape))}{' causal' if causal else ''}"
        spec = {"shape": shape, "causal": causal, "dtype": "float32"}
        quick = shape == (1, 8, 128, 64)
        yield Row(f"attention {size}", "attention", spec, {"torch": 1.05}, "attention", work, quick)
        yield Row(f"attention grad {size}", "attention grad", spec, {"torch": 1.05}, "attention grad", work + gradient)


def _filters() -> Iterable[Row]:
    for taps in (3, 5, 11):
        spec = {"image": (2160, 3840), "taps": taps, "dtype": "float32"}
        work = correlation(2160 * 3840, (taps, taps))
        yield Row(
            f"filter2d {taps}x{taps} 2160x3840", "filter2d", spec, {"opencv": 1.0, "scipy": 8.0}, "filter2d", work
        )
    spec = {"image": (480, 640), "taps": 3, "dtype": "float32"}
    yield Row("filter2d 3x3 480x640", "filter2d", spec, {}, "", correlation(480 * 640, (3, 3)), quick=True)


_MAPS: list[tuple[str, tuple[int, ...]]] = [
    *[(name, (4096, 4096)) for name in ("relu", "sigmoid", "tanh", "gelu", "softmax", "log_softmax", "layer_norm")],
    ("batch_norm", (32, 64, 56, 56)),
    ("max_pool2d", (32, 64, 56, 56)),
]


def _elementwise() -> Iterable[Row]:
    for name, shape in _MAPS:
        spec = {"op": name, "shape": shape, "dtype": "float32"}
        size = f"{name} {'x'.join(map(str, shape))}"
        yield Row(size, "map", spec, {"torch": 1.2}, "elementwise")
        yield Row(f"{name} grad {'x'.join(map(str, shape))}", "map grad", spec, {"torch": 1.2}, "elementwise grad")
    for name in ("relu", "softmax"):
        spec = {"op": name, "shape": (64, 1000), "dtype": "float32"}
        yield Row(f"{name} 64x1000", "map", spec, quick=True)


def _training() -> Iterable[Row]:
    small = {"samples": 2000, "loss": "binary", "dtype": "float32"}
    large = {"samples": 8192, "loss": "classes", "dtype": "float32"}
    images = large | {"x": (1, 28, 28), "batch": 64}
    yield Row(
        "train logistic 4-1, batch 32, SGD",
        "train",
        small | {"x": (4,), "network": dense(4, 1, activation="tanh"), "batch": 32, "optimizer": "sgd"},
        {"torch": 300, "jax": 10},
    )
    yield Row(
        "train 2-4-2-1 tanh, batch 10, SGD",
        "train",
        small | {"x": (2,), "network": dense(2, 4, 2, 1, activation="tanh"), "batch": 10, "optimizer": "sgd"},
        {"torch": 350, "jax": 10, "sklearn": 350},
        quick=True,
    )
    yield Row(
        "train 2-8-8-8-1 tanh, batch 32, Adam",
        "train",
        small | {"x": (2,), "network": dense(2, 8, 8, 8, 1, activation="tanh"), "batch": 32, "optimizer": "adam"},
        {"torch": 200, "jax": 8, "sklearn": 150},
    )
    yield Row(
        "train 784-128-10 relu, batch 64, SGD",
        "train",
        large | {"x": (784,), "network": dense(784, 128, 10, activation="relu"), "batch": 64, "optimizer": "sgd"},
        {"torch": 2.3, "jax": 1.3, "sklearn": 3},
    )
    wide = dense(784, 512, 512, 10, activation="relu")
    yield Row(
        "train 784-512-512-10 relu, batch 128, Adam",
        "train",
        large | {"x": (784,), "network": wide, "batch": 128, "optimizer": "adam"},
        {"torch": 1.8, "jax": 1.3, "sklearn": 2.2},
    )
    yield Row(
        "train LeNet, batch 64, SGD",
        "train",
        images | {"network": LENET, "optimizer": "sgd"},
        {"torch": 3.5, "jax": 2},
    )
    yield Row(
        "train CNN 3x3 32-32-64, batch 64, Adam",
        "train",
        images | {"network": CNN, "optimizer": "adam"},
        {"torch": 3, "jax": 2},
    )
    yield Row(
        "train transformer encoder, batch 32, Adam",
        "train",
        large | {"samples": 2048, "x": (64, 64), "network": ENCODER, "batch": 32, "optimizer": "adam"},
        {"torch": 2, "jax": 1.3},
    )
    many = {"x": (2,), "network": dense(2, 8, 1, activation="tanh"), "networks": 256}
    yield Row(
        "train 256 networks 2-8-1 tanh, batch 32, SGD",
        "train",
        small | many | {"batch": 32, "optimizer": "sgd"},
        {"torch": 400, "jax": 3},
    )


ROWS: tuple[Row, ...] = (*_dense(), *_conv(), *_attention(), *_filters(), *_elementwise(), *_training())


def select(patterns: Sequence[str]) -> list[Row]:
    """The rows that any of the patterns names: "quick", "all", a kind, a part, or a name, in which * may stand.

    Raises ValueError for a pattern that names none.

    >>> [row.name for row in select(["dense 1x*"])]
    ['dense 1x1024x1024']
    """
    chosen: set[str] = set()
    for pattern in patterns:
        found = {row.name for row in ROWS if _named(row, pattern)}
        if not found:
            kinds = sorted({row.kind for row in ROWS})
            raise ValueError(
                f"no row is named {pattern!r}; expected quick, all, a kind ({', '.join(kinds)}) or a name with *, such "
                "as 'conv2d 3x3*'"
            )
        chosen |= found
    return [row for row in ROWS if row.name in chosen]


def _named(row: Row, pattern: str) -> bool:
    if pattern in ("all", "quick"):
        return pattern == "all" or row.quick
    return pattern in (row.kind, row.part) or fnmatch.fnmatchcase(row.name, pattern)
