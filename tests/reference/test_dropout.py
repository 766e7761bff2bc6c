"""Dropout: published numbers of the generator, the formula in NumPy, statistics of the mask."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastdl.reference import dropout, dropout_backward
from fastdl.reference.dropout import mix, random_key, random_number

GAMMA = 0x9E3779B97F4A7C15


def test_the_mixer_is_that_of_splitmix64() -> None:
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [mix((1234567 + k * GAMMA) % 2**64) for k in (1, 2, 3, 4)] == published


def mix_in_numpy(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@pytest.mark.parametrize(
    ("seed", "step", "node"), [(0, 0, 0), (1, 2, 3), (2**64 - 1, 10**6, 7), (123456789, 2**40, 0), (-1, 0, 0)]
)
def test_the_formula_in_64_bit_words(seed: int, step: int, node: int) -> None:
    key = np.zeros(1, np.uint64)
    for number in (seed, step, node):
        key = mix_in_numpy(key + np.uint64(number % 2**64))
    words = mix_in_numpy(key + np.arange(1, 61, dtype=np.uint64) * np.uint64(GAMMA))
    u = (words >> np.uint64(40)).astype(float) / 2**24
    x = np.arange(1.0, 61).reshape(3, 4, 5)
    expected = np.where(u.reshape(x.shape) >= 0.4, x * (1 / (1 - 0.4)), 0)
    np.testing.assert_array_equal(dropout(x, 0.4, seed=seed, step=step, node=node), expected)


def test_the_limit_itself_is_kept() -> None:
    u = random_number(random_key(1, 2, 3), 5)
    assert u * 2**24 == int(u * 2**24)
    assert dropout(np.ones(6), u, seed=1, step=2, node=3)[5] > 0
    assert dropout(np.ones(6), u + 2**-24, seed=1, step=2, node=3)[5] == 0


def test_the_mask_is_random_and_its_scale_keeps_the_mean() -> None:
    masks = {}
    for seed, step, node in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]:
        y = dropout(np.ones(10000), 0.25, seed=seed, step=step, node=node)
        assert set(y.tolist()) == {0.0, 1 / 0.75}
        masks[seed, step, node] = y != 0
        assert abs(np.mean(y != 0) - 0.75) < 0.02
        assert abs(np.mean((y[1:] != 0) & (y[:-1] != 0)) - 0.75**2) < 0.02  # neighbours are independent
    first, *others = masks.values()
    for other in others:
        assert abs(np.mean(first & other) - 0.75**2) < 0.02


def test_p_0_changes_nothing() -> None:
    assert dropout([[1, 2], [3, 4]], 0, seed=5, step=6).tolist() == [[1, 2], [3, 4]]


def test_the_gradient_has_the_mask_of_the_forward_pass() -> None:
    x, g = np.full((4, 5), np.nan), np.arange(1.0, 21).reshape(4, 5)
    y = dropout(x, 0.5, seed=1, step=2, node=3)
    expected = np.where(np.isnan(y), 2 * g, 0)  # a dropped NaN is gone
    np.testing.assert_array_equal(dropout_backward(g, x, 0.5, seed=1, step=2, node=3)[0], expected)
    assert 0 < np.isnan(y).sum() < 20


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_wrong_probabilities(p: float) -> None:
    with pytest.raises(ValueError, match="dropout: p is .*; expected a probability 0 <= p < 1"):
        dropout([1], p, seed=0, step=0)


@pytest.mark.parametrize("options", [{"seed": 0.5, "step": 0}, {"seed": 0, "step": None}])
def test_wrong_counters(options: Any) -> None:
    with pytest.raises(ValueError, match="dropout: seed, step, node are .*; expected integers"):
        dropout([1], 0.5, **options)
