"""Copying memory that lies contiguously on both sides."""

from .block import flags, integer


def copy(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: target, source, number of bytes. A cell is 16 KiB."""
    y, x, n = flags(args, 0), flags(args, 1), integer(args, 2)
    for i in range(lo * 16384, min(n, hi * 16384)):
        y[i] = x[i]
