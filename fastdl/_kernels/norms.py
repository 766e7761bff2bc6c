"""The sum of squares of many numbers. Cells of 4096, each with a part of the sum."""

import numpy as np

from .block import doubles, integer, pointer


def squares(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """part[cell] = sum of x^2 over a cell, in float64: squares of float32 would overflow from 1.8e19 on, and vanish
    below 3e-23. Slots: part, x, n."""
    part, x, n = doubles(args, 0), pointer(args, 1), integer(args, 2)
    for cell in range(lo, hi):
        total = 0.0
        for i in range(cell * 4096, min(n, (cell + 1) * 4096)):
            v = np.float64(x[i])
            total += v * v
        part[cell] = total
