"""More kernels that go element by element: clipping, squares of differences, logic on booleans.

Cells are those of ``elementwise``: 4096 elements, or some rows.
"""

from .block import integer, number, pointer, real
from .compiler import inline
from .elementwise import _binary, _line


def clip(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = x, but at least ``least`` and at most ``most``; NaN stays. Slots: y, x, n, least, most."""
    y, x, n, least, most = pointer(args, 0), pointer(args, 1), integer(args, 2), real(args, 3), real(args, 4)
    for i in range(lo * 4096, min(n, hi * 4096)):
        raised = least if x[i] < least else x[i]
        y[i] = most if raised > most else raised


def clip_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dx = g where x lies between the bounds or on one, else 0. Slots: dx, g, x, n, least, most."""
    dx, g, x, n = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
    least, most = real(args, 4), real(args, 5)
    for i in range(lo * 4096, min(n, hi * 4096)):
        arriving = g[i]
        dx[i] = arriving if (x[i] >= least) & (x[i] <= most) else number(args, 0)


squared_difference = _binary(_line(inline(lambda args, a, b: (a - b) * (a - b))), pointer)
logical_and = _binary(_line(inline(lambda args, a, b: a & b)), pointer)
logical_or = _binary(_line(inline(lambda args, a, b: a | b)), pointer)


def logical_not(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = not x. Slots: y, x, n."""
    y, x, n = pointer(args, 0), pointer(args, 1), integer(args, 2)
    for i in range(lo * 4096, min(n, hi * 4096)):
        y[i] = x[i] ^ 1
