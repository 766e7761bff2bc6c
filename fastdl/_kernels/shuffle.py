"""The order of the samples in an epoch: a permutation that follows from the seed and the epoch's number alone.

Sources: Durstenfeld, Algorithm 235 (1964), whose step i exchanges the elements i and j <= i; j is the upper part of the
product of i + 1 and a random number of 64 bits (Lemire, Fast random integer generation in an interval, 2019, without
the rejection, which here would come about once in 2^32 permutations). The random numbers are a function of their place,
so that a block of them is computed on vectors before the exchanges, which have to wait for each other.
"""

import numpy as np

from .block import integer, integers, stack_integers
from .compiler import inline
from .dropout import mix

_STRIDE, _LOW, _32 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFFFFFFFF), np.uint64(32)
_SHUFFLE = np.uint64(0x73687566666C6521)  # keeps these numbers apart from those of dropout, which has a node here


@inline
def _below(random, count):  # type: ignore[no-untyped-def]
    """floor(random count / 2^64) for count up to 2^32."""
    return ((random >> _32) * count + (((random & _LOW) * count) >> _32)) >> _32


def shuffle(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """A permutation of 0..n-1, or of ``rows``. One cell. Slots: order, rows or 0, and where n, seed and epoch stand."""
    order, numbers = integers(args, 0), integers(args, 2)
    n, seed, epoch = numbers[0], np.uint64(numbers[1]), np.uint64(numbers[2])
    key = mix(mix(mix(seed) + epoch) + _SHUFFLE)
    if integer(args, 1) != 0:
        rows = integers(args, 1)
        for i in range(n):
            order[i] = rows[i]
    else:
        for i in range(n):
            order[i] = i
    others = stack_integers(args, 256)
    last = n - 1
    while last > 0:
        count = min(256, last)
        for k in range(count):
            i = np.uint64(last - k)
            others[k] = np.int64(_below(mix(key + i * _STRIDE), i + np.uint64(1)))
        for k in range(count):
            i, j = last - k, others[k]
            order[i], order[j] = order[j], order[i]
        last -= count
