"""The order of the samples in an epoch: a function of the seed and the epoch's number alone, so that training can go on
in any epoch."""

import numpy as np

from ..ops import Array


class Orders:
    """Uniform permutations of 0..count-1, drawn epoch after epoch from one generator."""

    def __init__(self, seed: int, count: int) -> None:
        self._seed, self._count, self._next = seed, count, 0
        self._rng = np.random.default_rng(seed)

    def __call__(self, epoch: int) -> Array:
        """The order of this epoch; those before it are drawn, too, if they were not."""
        if epoch < self._next:
            self._rng, self._next = np.random.default_rng(self._seed), 0
        for _ in range(self._next, epoch):
            self._rng.permutation(self._count)
        self._next = epoch + 1
        order: Array = self._rng.permutation(self._count)
        return order
