"""The batch of a narrow network: samples that lie anywhere in an array become lanes, a row for each feature.

Letters: N samples, P the samples rounded up to full vectors; behind N a row holds the last sample again.
"""

from .block import integer, integers, pointer, rolled, second, shift, stack_integers
from .compiler import inline
from .vector_columns import put_columns
from .vectors import width


@inline
def _convert(to, data, columns, places, lanes):  # type: ignore[no-untyped-def]
    """A vector of samples of each column, a number at a time."""
    n = width(to)
    for i in range(columns):
        rolled()
        q, p = shift(to, i * lanes), shift(data, i)
        for j in range(n):
            q[j] = p[places[j]]


@inline
def _fetch(to, data, columns, places, lanes):  # type: ignore[no-untyped-def]
    """:func:`_convert` for data that need no conversion: four columns at a time."""
    if width(to) < 8 or columns == 1:
        _convert(to, data, columns, places, lanes)
    else:
        for i in range(0, columns, 4):
            rolled()
            put_columns(shift(to, i * lanes), lanes, shift(data, i), places, min(4, columns - i))


@inline
def _places(places, order, start, samples, size, n):  # type: ignore[no-untyped-def]
    """Where the samples start..start + n begin in an array with ``size`` numbers each; the last one again behind it."""
    if start + n <= samples:
        for j in range(n):
            places[j] = order[start + j] * size
    else:
        for j in range(n):
            places[j] = order[min(start + j, samples - 1)] * size


def _gather(fetch, converted):  # type: ignore[no-untyped-def]
    """The samples of a batch, a feature a row, and with them their targets, which need no conversion. One cell.

    Slots: 0 x (first type), 1 data (first type, or the second if they are converted), 2 features, 3 order, 4 position,
    5 N, 6 P, 7 rows of targets and 8 their data (first type), 9 targets of a sample (or 0).
    """

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        order, samples, lanes = shift(integers(args, 3), integers(args, 4)[0]), integer(args, 5), integer(args, 6)
        features, answers = integer(args, 2), integer(args, 9)
        x, y = pointer(args, 0), pointer(args, 7)
        places, n = stack_integers(args, 16), width(pointer(args, 0))
        for v in range(0, lanes, n):
            rolled()
            _places(places, order, v, samples, features, n)
            fetch(shift(x, v), converted(args, 1), features, places, lanes)
            if answers > 0:
                _places(places, order, v, samples, answers, n)
                _fetch(shift(y, v), pointer(args, 8), answers, places, lanes)

    return kernel


gather, convert = _gather(_fetch, pointer), _gather(_convert, second)
