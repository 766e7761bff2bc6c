"""What fit keeps in memory: bytes stay bytes, labels stay small, checks need no second array."""

import tracemalloc

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn
from fastdl.training import encoding, losses
from fastdl.training.inputs import not_finite, samples
from fastdl.tree import flatten


def peak(function):
    """The most bytes that were allocated at once while ``function`` ran."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def network(features, outputs, seed=0):
    fd.seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Dense(features, 8), nn.ReLU(), nn.Dense(8, outputs))


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int16"])
def test_fit_makes_no_copy_of_the_samples(dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 100, (20_000, 1, 28, 28)).astype(dtype)
    if dtype == "int16":
        x = x.astype(np.float32)
    y = rng.integers(0, 10, 20_000).astype(np.uint8)
    network(784, 10).fit(x[:64], y[:64], epochs=1)  # what is only made once
    used = peak(lambda: network(784, 10).fit(x, y, epochs=1, batch_size=64, seed=0))
    assert used < 3_000_000  # the bytes alone are 15.7 million; order and permutation 0.32 million


def test_integers_keep_their_type_and_give_the_bits_of_int64():
    rng = np.random.default_rng(1)
    table, y = rng.integers(0, 50, (300, 6)), rng.integers(0, 3, 300)
    results = []
    for dtype in ("int64", "int8", "int16", "uint16", "int32", "uint32", "uint64"):
        fd.seed(0)
        model = nn.Sequential(nn.Embedding(50, 4), nn.Flatten(), nn.Dense(24, 3))
        model.fit(table.astype(dtype), y.astype(dtype), epochs=2, seed=0, metrics=("accuracy",))
        results.append((flatten(model.parameters())[0], model.predict(table.astype(dtype))))
        assert samples("fit", "X", table.astype(dtype)).dtype == dtype
    for values, labels in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0][0], values, strict=True))
        assert np.array_equal(results[0][1], labels)


@pytest.mark.parametrize(
    ("y", "loss", "shape", "kept", "batch"),
    [
        (np.arange(10) % 3, "cross_entropy", (1, 3), "uint8", "int64"),
        (np.arange(600) % 300, "cross_entropy", (1, 300), "uint16", "int64"),
        (np.array(["b", "a", "c"]), "cross_entropy", (1, 3), "uint8", "int64"),
        (np.arange(10) % 2 == 0, "bce_with_logits", (1, 1), "uint8", "float32"),
        (np.arange(10) % 2, "hinge", (1, 1), "int8", "float32"),
        (np.arange(10.0), "mse", (1, 1), "float64", "float32"),
        (np.arange(10, dtype=np.int16), "mse", (1, 1), "int16", "float32"),
        (np.arange(10, dtype=np.float16), "mse", (1, 1), "float32", "float32"),
        (np.arange(10, dtype=">f8"), "mse", (1, 1), "float32", "float32"),
        (np.arange(10, dtype=">i4"), "mse", (1, 1), "int32", "float32"),
        (np.arange(10, dtype=np.uint8), lambda outputs, y: None, (1, 1), "uint8", "int64"),
        (np.arange(10) > 3, lambda outputs, y: None, (1, 1), "uint8", "int64"),
    ],
)
def test_targets_stay_small(y, loss, shape, kept, batch):
    known = losses.get(loss)
    encoded = encoding.encode(y, known, encoding.find_classes(y, known, shape), shape, np.float32)
    assert encoded.dtype == kept and encoded.dtype.isnative
    assert encoding.batch_targets(known, encoded, np.float32) == batch


@pytest.mark.parametrize("place", [(0, 0), (299, 1999), (131, 143), (200, 7)])
def test_the_first_number_that_is_not_finite_is_found(place):
    x = np.zeros((300, 2000), np.float32)
    x[place] = np.nan
    x[299, 1999] = np.inf if place != (299, 1999) else np.nan
    assert not_finite(x) == place
    with pytest.raises(ValueError, match=rf"X\[{place[0]}, {place[1]}\] is nan; expected finite numbers"):
        samples("fit", "X", x)
    assert not_finite(np.zeros((3, 0))) is None and not_finite(np.zeros((3, 1), int)) is None
