"""The largest of many numbers, a vector at a time."""

from .block import shift
from .compiler import inline
from .vectors import larger, largest, load, width


@inline
def maximum(x, n):  # type: ignore[no-untyped-def]
    """The largest of n > 0 numbers. A NaN may be passed over: what the maximum is subtracted from keeps it."""
    lanes = width(x)
    if n < lanes:
        m = x[0]
        for j in range(1, n):
            v = x[j]
            m = v if v > m else m
        return m
    # Four vectors at once, since each comparison waits for the one before it; the last vector may overlap others.
    a = load(x)
    b, c, d = a, a, a
    step = 4 * lanes
    whole = n // step * step
    for j in range(0, whole, step):
        a, b = larger(load(shift(x, j)), a), larger(load(shift(x, j + lanes)), b)
        c, d = larger(load(shift(x, j + 2 * lanes)), c), larger(load(shift(x, j + 3 * lanes)), d)
    for j in range(whole, n - lanes, lanes):
        a = larger(load(shift(x, j)), a)
    a = larger(load(shift(x, n - lanes)), a)
    return largest(larger(larger(a, b), larger(c, d)))
