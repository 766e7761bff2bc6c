"""Samples of a shape that the model does not take: what the errors say of those that came, and of the way out."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import augment, nn

RNG = np.random.default_rng(0)
GREY = RNG.standard_normal((50, 12, 12)).astype(np.float32)
COLOUR = RNG.standard_normal((6, 12, 12, 3)).astype(np.float32)
Y = RNG.integers(0, 3, 50)


def images(channels=1):
    return nn.Sequential(nn.Conv2d(channels, 2, 3), nn.Flatten(), nn.Dense(200, 3))


class Own(nn.Module):
    """Somebody's class, which fails by itself."""

    def __call__(self, x):
        raise TypeError(f"of my own, {x.shape}")


ENTRIES = {
    "fit": lambda model, X: model.fit(X, Y[: len(X)], loss="cross_entropy"),
    "predict": lambda model, X: model.predict(X),
    "evaluate": lambda model, X: model.evaluate(X, Y[: len(X)], loss="cross_entropy"),
    "fit_many": lambda model, X: fd.fit_many(lambda: model, 1, X, Y[: len(X)], loss="cross_entropy"),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    ("model", "X", "words"),
    [
        (images(), GREY, r"x has shape \(50, 12, 12\); expected four dimensions, NCHW; it would take X\[:, None\]"),
        (
            images(3),
            COLOUR,
            r"x \(6, 12, 12, 3\).*; it would take X.transpose\(0, 3, 1, 2\), with the channels first",
        ),
        (nn.Dense(144, 3), GREY, r"x \(50, 12, 12\).*; it would take X.reshape\(len\(X\), -1\)"),
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Dense(20, 3)), GREY[:, 0], r"X\[:, None\]"),
        (
            images(),
            GREY[:, None, :9, :9],
            r"layer 2, Dense.* x has 98 \(x \(50, 98\), weight \(3, 200\)\); they must agree$",
        ),
        (Own(), GREY, r"of my own, \(50, 12, 12\)$"),
    ],
)
def test_errors(entry, model, X, words):
    if entry == "fit_many" and isinstance(model, Own):
        words = r"of my own, \(32, 12, 12\)$"  # its forward pass is compared with others' for a batch
    with pytest.raises((TypeError, ValueError), match=words):
        ENTRIES[entry](model, X)


def test_images_that_augmentation_cut():
    with pytest.raises(ValueError, match=r"x has 8 \(x \(50, 8\), weight \(3, 200\)\)"):
        images().fit(GREY[:, None], Y, augment=augment.RandomCrop(4), epochs=1)


def test_nothing_else_is_recorded_for_samples_that_fit():
    class Counting(nn.Module):
        recorded = 0

        def __init__(self):
            self.last = nn.Dense(144, 3)

        def __call__(self, x):
            type(self).recorded += 1
            return self.last(x)

    Counting().predict(GREY.reshape(50, -1))
    assert Counting.recorded == 1
