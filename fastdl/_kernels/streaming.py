"""Results that are larger than the cache: stored past it, so that their memory is not read first, nor others evicted.

A kernel makes a piece of its result in a buffer on the stack and hands it on with :func:`put`; where it makes whole
vectors, :func:`each` needs no buffer. The piece's first and last numbers, up to where the machine's vectors are
aligned, are stored in the ordinary way. The bits are the same either way; which way is taken depends on the size of the
result alone. After its last piece a kernel calls ``fence``.

Measured on 64 MB with two threads: relu 3.1 ms with ordinary stores, 2.6 past the cache; sigmoid 3.0 and 2.4. One core
alone gains nothing: its stores are the limit.
"""

from .block import address, shift
from .compiler import inline
from .machine import PAST_CACHE_BYTES
from .vector_groups import group_width, load_group
from .vectors import first, load, put_first, rounded, spread, store, stream, width


@inline
def large(y, n):  # type: ignore[no-untyped-def]
    """Whether a result of n numbers at y is to go past the cache."""
    return n * (address(shift(y, 1)) - address(y)) >= PAST_CACHE_BYTES


@inline
def room(y, size):  # type: ignore[no-untyped-def]
    """How many numbers to make for y, at most ``size``, so that the next piece starts at an aligned place."""
    lanes, itemsize = width(y), address(shift(y, 1)) - address(y)
    return size - address(y) // itemsize % lanes


@inline
def _head(y, n):  # type: ignore[no-untyped-def]
    """How many of n numbers at y come before its first aligned vector."""
    lanes, itemsize = width(y), address(shift(y, 1)) - address(y)
    return min(n, (lanes - address(y) // itemsize % lanes) % lanes)


@inline
def put(y, t, n, past):  # type: ignore[no-untyped-def]
    """The n numbers of the buffer t to y, ``past`` the cache or not."""
    whole = 0
    if past:
        lanes, head = width(y), _head(y, n)
        for j in range(head):
            y[j] = t[j]
        whole = head + (n - head) // lanes * lanes
        for j in range(head, whole, lanes):
            stream(shift(y, j), load(shift(t, j)))
    for j in range(whole, n):
        y[j] = t[j]


@inline
def put_times(y, t, scale, n, past):  # type: ignore[no-untyped-def]
    """As :func:`put`, n numbers each times ``scale``."""
    whole = 0
    if past:
        lanes, factor, head = width(y), spread(scale), _head(y, n)
        for j in range(head):
            y[j] = t[j] * scale
        whole = head + (n - head) // lanes * lanes
        for j in range(head, whole, lanes):
            stream(shift(y, j), load(shift(t, j)) * factor)
    for j in range(whole, n):
        y[j] = t[j] * scale


@inline
def put_less(y, x, a, b, n, past):  # type: ignore[no-untyped-def]
    """y = (x - a) - b of n numbers, in this order: x - (a + b) would lose the digits of b where a is large."""
    lanes, most, more, head = width(y), spread(a), spread(b), 0
    if past:
        head = _head(y, n)
        if head:
            put_first(y, rounded(first(x, head) - most) - more, head)
    whole = head + (n - head) // lanes * lanes
    if past:
        for j in range(head, whole, lanes):
            stream(shift(y, j), rounded(load(shift(x, j)) - most) - more)
    else:
        for j in range(head, whole, lanes):
            store(shift(y, j), rounded(load(shift(x, j)) - most) - more)
    if whole < n:
        put_first(shift(y, whole), rounded(first(shift(x, whole), n - whole) - most) - more, n - whole)


def each(formula):  # type: ignore[no-untyped-def]
    """A function y = f(x) of n numbers, from one of a vector; y may be the memory of x."""
    f = inline(formula)

    @inline
    def over(y, x, n, past):  # type: ignore[no-untyped-def]
        lanes, group, head = width(y), group_width(y), 0
        if past:
            head = _head(y, n)
            if head:
                put_first(y, f(first(x, head)), head)
        whole = head + (n - head) // group * group
        if past:
            for j in range(head, whole, group):
                stream(shift(y, j), f(load_group(shift(x, j))))
        else:
            for j in range(head, whole, group):
                store(shift(y, j), f(load_group(shift(x, j))))
        for j in range(whole, n, lanes):
            put_first(shift(y, j), f(first(shift(x, j), n - j)), n - j)

    return over


def each_pair(formula):  # type: ignore[no-untyped-def]
    """As :func:`each`, y = f(a, b) with ordinary stores."""
    f = inline(formula)

    @inline
    def over(y, a, b, n):  # type: ignore[no-untyped-def]
        lanes, group = width(y), group_width(y)
        whole = n // group * group
        for j in range(0, whole, group):
            store(shift(y, j), f(load_group(shift(a, j)), load_group(shift(b, j))))
        for j in range(whole, n, lanes):
            put_first(shift(y, j), f(first(shift(a, j), n - j), first(shift(b, j), n - j)), n - j)

    return over
