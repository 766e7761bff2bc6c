"""The order of an epoch: a permutation, every one as likely as another, and a function of (seed, epoch)."""

import functools
import itertools
from collections import Counter

import numpy as np
import pytest

from fastdl._kernels import Buffer, Kernel, ProgramBuilder, address_of
from fastdl.training.sources import MemorySource


@functools.cache
def shuffle():
    builder = ProgramBuilder()
    arguments = [Buffer.external(0), None, Buffer.external(1)]
    builder.launch(Kernel("shuffle", "shuffle"), ["int64"], arguments, cells=1, work=1.0)
    return builder.build(2)


def shuffled(seed, epoch, count):
    order, numbers = np.full(count, -1), np.array([count, seed, epoch])
    shuffle().run([address_of(order), address_of(numbers)])
    return order


ALL = 2**64 - 1


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & ALL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & ALL
    return z ^ (z >> 31)


def naive(seed, epoch, count):
    """The same in Python's own integers."""
    order = list(range(count))
    key = mix((mix((mix(seed) + epoch) & ALL) + 0x73687566666C6521) & ALL)
    for i in range(count - 1, 0, -1):
        j = mix((key + i * 0x9E3779B97F4A7C15) & ALL) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 258, 1000])
def test_what_the_kernel_does_is_durstenfelds_algorithm(count):
    for seed, epoch in ((0, 0), (2**63 - 1, 5), (7, 10**6)):
        assert shuffled(seed, epoch, count).tolist() == naive(seed, epoch, count)


def test_all_permutations_are_as_likely():
    counts = Counter(tuple(shuffled(seed, epoch, 4).tolist()) for seed in range(200) for epoch in range(60))
    assert set(counts) == set(itertools.permutations(range(4)))
    assert sum((n - 500) ** 2 / 500 for n in counts.values()) < 45  # chi squared of 23 degrees: 0.4 %


def test_every_place_gets_every_sample_alike():
    where = np.stack([shuffled(1, epoch, 1000) for epoch in range(2000)])
    for place in (0, 1, 255, 256, 500, 998, 999):
        assert abs(where[:, place].mean() - 499.5) < 4 * 288.7 / np.sqrt(2000)
    assert np.abs(np.corrcoef(where[:-1].ravel(), where[1:].ravel())[0, 1]) < 0.004


def test_more_samples_than_the_random_numbers_reach_are_refused():
    with pytest.raises(ValueError, match="shuffle=False"):
        MemorySource({"y": np.broadcast_to(0, 2**32 + 1)}, 32, 0, (np.zeros((1, 1)), None))
