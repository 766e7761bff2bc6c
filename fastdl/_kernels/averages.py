"""The running average of parameters. Cells of 4096. Letters: e average, p parameters."""

from .block import integer, integers, pointer, real


def moving(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = e + share (p - e), in the first step p. Slots: y, e, p, n, step, share."""
    y, e, p, share = pointer(args, 0), pointer(args, 1), pointer(args, 2), real(args, 5)
    first, last = lo * 4096, min(integer(args, 3), hi * 4096)
    if integers(args, 4)[0] == 0:
        for i in range(first, last):
            y[i] = p[i]
    else:
        for i in range(first, last):
            y[i] = e[i] + share * (p[i] - e[i])
