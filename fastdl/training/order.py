"""The order of the samples in an epoch: a function of the seed and the epoch's number alone, so that training can go on
in any epoch without a look at those before, and many networks can be shuffled in compiled code."""

import functools

import numpy as np

from .._kernels import Buffer, Kernel, Program, ProgramBuilder, address_of
from ..ops import Array

SHUFFLE = Kernel("shuffle", "shuffle")
MOST_SAMPLES = 2**32


@functools.cache
def _program() -> Program:
    builder = ProgramBuilder()
    builder.launch(SHUFFLE, ["int64"], [Buffer.external(0), None, Buffer.external(1)], cells=1, work=1.0)
    return builder.build(2)


class Shuffle:
    """Uniform permutations of 0..count-1, int64, in the same ``order`` epoch after epoch; count at most 2**32."""

    def __init__(self, seed: int, count: int) -> None:
        if count > MOST_SAMPLES:
            raise ValueError(f"fit: X has {count} samples; at most 2**32 can be shuffled: pass shuffle=False")
        self.order, self._numbers = np.arange(count, dtype=np.int64), np.array([count, seed, 0], np.int64)
        self._run = _program().bind([address_of(self.order), address_of(self._numbers)])

    def __call__(self, epoch: int) -> Array:
        """Make ``order`` that of this epoch."""
        self._numbers[2] = epoch
        self._run.run()
        return self.order
