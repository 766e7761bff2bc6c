"""Dropout: y = scale x where the random number of the element is large enough, else 0.

The random number of element i is a function of (seed, step, node, i) and of nothing else, in 64-bit arithmetic that
wraps around. All of it stays in unsigned integers: Numba makes a float of a signed and an unsigned one.
"""

import numpy as np

from .block import address, integer, integers, number, pointer, real
from .compiler import inline

_FIRST, _SECOND, _STRIDE = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(0x9E3779B97F4A7C15)
_27, _30, _31, _40 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(40)


@inline
def mix(z):  # type: ignore[no-untyped-def]
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014, with Stafford's constants, variant 13)."""
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


@inline
def _kept(key, i, threshold):  # type: ignore[no-untyped-def]
    """Whether the element's 24 random bits reach ``threshold``."""
    return np.int64(mix(key + np.uint64(i + 1) * _STRIDE) >> _40) >= threshold


def dropout(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, x, seed (pointer), step (pointer), node, threshold, scale, n. Cells of 4096 elements; y may be x."""
    y, x, n = pointer(args, 0), pointer(args, 1), integer(args, 7)
    seed, step, node = np.uint64(integers(args, 2)[0]), np.uint64(integers(args, 3)[0]), np.uint64(integer(args, 4))
    threshold, scale, zero = integer(args, 5), real(args, 6), number(args, 0)
    key = mix(mix(mix(seed) + step) + node)
    first, last = lo * 4096, min(n, hi * 4096)
    if address(y) == address(x):
        for i in range(first, last):
            v = y[i] * scale
            y[i] = v if _kept(key, i, threshold) else zero
    else:
        for i in range(first, last):
            v = x[i] * scale
            y[i] = v if _kept(key, i, threshold) else zero
