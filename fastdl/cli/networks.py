"""The networks that `fastdl train` offers, and the options they are trained with if none are given.

Letters: C channels, H W pixels.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import CommandError
from .preparation import described

if TYPE_CHECKING:
    from .. import nn

_CHANNELS = 16  # of the first convolution; each later one has twice as many, up to _MOST_CHANNELS
_MOST_CHANNELS = 64
_LEAST_PIXELS, _FEW_PIXELS = 4, 8


@dataclass(frozen=True)
class Settings:
    """What is chosen, by the user or by default. ``patience``: epochs without improvement before training ends."""

    model: str
    layers: tuple[int, ...]
    activation: str
    optimizer: str
    lr: float
    epochs: int
    batch_size: int
    patience: int | None
    augment: bool = False


_LAYERS = {"mlp": (64, 32), "cnn": (128,), "logistic": ()}
_RATES = {"sgd": 0.05, "adam": 0.001, "adamw": 0.001, "rmsprop": 0.001, "adagrad": 0.05}
_EPOCHS_OF_TABLES, _BATCH_OF_TABLES, _PATIENCE_OF_TABLES = 200, 32, 20
# On the validation parts of mnist5k (mean of seeds 0-4) windows of 5 x 5, dropout 0.5 and batches of 64 reach 98.1 %,
# 3 x 3 97.6 %, 5 x 5 in batches of 32 97.9 %; half as many channels again, or twice as many hidden units, gain nothing.
_EPOCHS_OF_IMAGES, _BATCH_OF_IMAGES = 20, 64
_WINDOW, _DROPOUT = 5, 0.5
# On the same parts, one run each: nothing 97.8 %, shifted by 1 and turned by 10 degrees 98.1 %, shifted by 2 97.7 %. On
# the test parts 98.2, 98.4 and 98.3 %; parts of 500 images tell no closer than 0.3 %.
_SHIFT, _DEGREES = 1, 10.0


def choose(options: argparse.Namespace, shape: tuple[int, ...], source: str) -> Settings:
    """Settings for inputs of this shape; a CommandError if the options do not fit them or each other."""
    images = len(shape) == 3
    model = options.model or ("cnn" if images else "mlp")
    if model == "cnn" and not images:
        raise CommandError(f"--model cnn is for images, {source} is {described(shape)}; use --model mlp")
    if model == "cnn" and min(shape[1:]) < _LEAST_PIXELS:
        raise CommandError(
            f"--model cnn needs at least {_LEAST_PIXELS} x {_LEAST_PIXELS} pixels, {source} has {described(shape)}; "
            "use --model mlp"
        )
    if options.layers is not None and model != "mlp":
        raise CommandError(f"--layers is for --model mlp, not for {model}; leave it out")
    if options.activation is not None and model == "logistic":
        raise CommandError("--activation is for --model mlp or cnn: logistic has one layer; leave it out")
    if options.augment and not images:
        raise CommandError(f"--augment is for images, {source} is {described(shape)}; leave it out")
    optimizer = options.optimizer or "adam"
    return Settings(
        model=model,
        layers=options.layers or _LAYERS[model],
        activation=options.activation or "relu",
        optimizer=optimizer,
        lr=options.lr or _RATES[optimizer],
        epochs=options.epochs or (_EPOCHS_OF_IMAGES if images else _EPOCHS_OF_TABLES),
        batch_size=options.batch_size or (_BATCH_OF_IMAGES if images else _BATCH_OF_TABLES),
        patience=None if images else _PATIENCE_OF_TABLES,
        augment=options.augment,
    )


def changes(settings: Settings, images: NDArray[np.float32]) -> list[Any]:
    """What is done to images in training; beside them lies what is at the edges of most."""
    from .. import augment

    if not settings.augment:
        return []
    edges = np.concatenate([images[..., [0, -1], :].ravel(), images[..., [0, -1]].ravel()])
    fill = float(np.median(edges))
    return [augment.Shift(_SHIFT, fill=fill), augment.Rotate(_DEGREES, fill=fill)]


def build(settings: Settings, shape: tuple[int, ...], outputs: int) -> nn.Sequential:
    """The network for inputs of this shape, with fresh weights."""
    from .. import nn

    activation = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[settings.activation]
    parts: list[Any] = []
    if settings.model == "cnn":
        channels, height, width = shape
        parts, features = _convolutions(channels, height, width, activation)
    else:
        parts = [nn.Flatten()] if len(shape) > 1 else []
        features = math.prod(shape)
    for size in settings.layers:
        parts += [nn.Dense(features, size), activation()]
        if settings.model == "cnn":
            parts.append(nn.Dropout(_DROPOUT))
        features = size
    return nn.Sequential(*parts, nn.Dense(features, outputs))


def _convolutions(channels: int, height: int, width: int, activation: Any) -> tuple[list[Any], int]:
    """Convolutions, each followed by a pooling that halves height and width: two at least if there is room, and
    more while the image has many pixels."""
    from .. import nn

    parts: list[Any] = []
    out = _CHANNELS
    while min(height, width) >= 2 and (len(parts) < 6 or max(height, width) > _FEW_PIXELS):
        parts += [nn.Conv2d(channels, out, _WINDOW, padding=_WINDOW // 2), activation(), nn.MaxPool2d(2)]
        height, width = height // 2, width // 2
        channels, out = out, min(2 * out, _MOST_CHANNELS)
    return [*parts, nn.Flatten(), nn.Dropout(_DROPOUT)], channels * height * width
