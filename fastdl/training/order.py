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


def shuffled(seed: int, epoch: int, count: int) -> Array:
    """A uniform permutation of 0..count-1, int64; count at most 2**32."""
    if count > MOST_SAMPLES:
        raise ValueError(f"fit: X has {count} samples; at most 2**32 can be shuffled: pass shuffle=False")
    order, numbers = np.empty(count, np.int64), np.array([count, seed, epoch], np.int64)
    _program().run([address_of(order), address_of(numbers)])
    return order
