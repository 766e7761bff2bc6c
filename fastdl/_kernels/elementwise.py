"""Elementwise kernels: y = f(x), f(a, b) and a choice between a and b, with broadcasting.

The output is cut into cells of 4096 elements, so that the place where a vector loop ends depends on the shape alone.
Operands that fill the output are walked with it (step 1), single numbers stand still (step 0). Any other broadcasting
goes row by row: the output as (rows, columns), each operand with a step per column and an offset per row that is
found from the outer shape and strides.

The output may be the memory of the first operand. LLVM guards its vector loops with checks that two arrays do not
overlap, so that case has loops of its own, in which one pointer reads and writes (measured: 4 to 13 times faster).
Stores past the cache (non-temporal) gained nothing: 0.11 ns a float32 element with and without.
"""

import math

import numpy as np

from . import vector_erf as ve
from . import vector_math as vm
from . import vector_sin as vs
from .block import address, flags, integer, integers, number, offset, pointer, second, shift, stack
from .compiler import inline
from .streaming import each


def _unary(formula):  # type: ignore[no-untyped-def]
    """Slots: y, x, n."""
    f = inline(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, n = pointer(args, 0), pointer(args, 1), integer(args, 2)
        first, last = lo * 4096, min(n, hi * 4096)
        if address(y) == address(x):
            for i in range(first, last):
                y[i] = f(args, y[i])
        else:
            for i in range(first, last):
                y[i] = f(args, x[i])

    return kernel


def _unary_of_vectors(formula):  # type: ignore[no-untyped-def]
    """As :func:`_unary`, of a formula of a vector."""
    over = each(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, n, begin = pointer(args, 0), pointer(args, 1), integer(args, 2), lo * 4096
        over(shift(y, begin), shift(x, begin), min(n, hi * 4096) - begin, False)

    return kernel


def _unary_in_range(formula, exact):  # type: ignore[no-untyped-def]
    """As :func:`_unary` for sin and cos, whose vector code has a limit: larger arguments are done again by libm."""
    f = inline(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, last = pointer(args, 0), pointer(args, 1), min(integer(args, 2), hi * 4096)
        t = stack(args, 256)
        for start in range(lo * 4096, last, 256):
            p, q, count = shift(y, start), shift(x, start), min(256, last - start)
            beyond = 0
            for j in range(count):
                v = q[j]
                t[j] = f(args, v)
                beyond += 0 if np.abs(v) <= vs.limit(v) else 1
            if beyond:
                for j in range(count):
                    if not np.abs(q[j]) <= vs.limit(q[j]):
                        t[j] = exact(q[j])
            for j in range(count):
                p[j] = t[j]

    return kernel


def _line(f):  # type: ignore[no-untyped-def]
    """A row of y = f(a, b): p, q, r are its places in y, a, b. At most one operand stands still."""

    @inline
    def line(args, p, q, r, first, last, step_q, step_r):  # type: ignore[no-untyped-def]
        if step_r == 0:
            fixed = r[0]
            for i in range(first, last):
                p[i] = f(args, q[i], fixed)
        elif step_q == 0:
            fixed = q[0]
            for i in range(first, last):
                p[i] = f(args, fixed, r[i])
        else:
            for i in range(first, last):
                p[i] = f(args, q[i], r[i])

    return line


def _line_in_place(f):  # type: ignore[no-untyped-def]
    """As :func:`_line` for an output that may be the memory of a."""
    apart = _line(f)

    @inline
    def line(args, p, q, r, first, last, step_q, step_r):  # type: ignore[no-untyped-def]
        if address(p) == address(q):
            if step_r == 0:
                fixed = r[0]
                for i in range(first, last):
                    p[i] = f(args, p[i], fixed)
            else:
                for i in range(first, last):
                    p[i] = f(args, p[i], r[i])
        else:
            apart(args, p, q, r, first, last, step_q, step_r)

    return line


def _binary(line, output):  # type: ignore[no-untyped-def]
    """Slots: y, a, b, rows, columns, step of a, step of b, rows in a cell, outer axes, 3 x outer: shape, strides.

    With one row a cell is 4096 columns; otherwise it is a number of whole rows.
    """

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, a, b = output(args, 0), pointer(args, 1), pointer(args, 2)
        rows, columns = integer(args, 3), integer(args, 4)
        step_a, step_b = integer(args, 5), integer(args, 6)
        cell_rows, outer = integer(args, 7), integer(args, 8)
        shape, strides_a, strides_b = integers(args, 9), integers(args, 10), integers(args, 11)
        first_row, last_row, first, last = lo * cell_rows, min(rows, hi * cell_rows), 0, columns
        if rows == 1:
            first_row, last_row, first, last = 0, 1, lo * 4096, min(columns, hi * 4096)
        for row in range(first_row, last_row):
            p = shift(y, row * columns)
            q = shift(a, offset(row, outer, shape, strides_a))
            r = shift(b, offset(row, outer, shape, strides_b))
            line(args, p, q, r, first, last, step_a, step_b)

    return kernel


def _arithmetic(formula):  # type: ignore[no-untyped-def]
    return _binary(_line_in_place(inline(formula)), pointer)


def _comparison(formula):  # type: ignore[no-untyped-def]
    return _binary(_line(inline(formula)), flags)


# One operand. The comparisons are written so that NaN comes out as NaN.
negative = _unary(lambda args, x: -x)
exp = _unary(lambda args, x: vm.exp(x))
log = _unary(lambda args, x: vm.log(x))
sqrt = _unary(lambda args, x: np.sqrt(x))
abs = _unary(lambda args, x: np.abs(x))
sign = _unary(lambda args, x: number(args, 1) if x > 0 else (number(args, -1) if x < 0 else x))
expm1 = _unary(lambda args, x: vm.expm1(x))
log1p = _unary(lambda args, x: vm.log1p(x))
erf = _unary_of_vectors(lambda x: ve.erf(x))
sin = _unary_in_range(lambda args, x: vs.sin(x), math.sin)
cos = _unary_in_range(lambda args, x: vs.cos(x), math.cos)

# Two operands.
add = _arithmetic(lambda args, a, b: a + b)
subtract = _arithmetic(lambda args, a, b: a - b)
multiply = _arithmetic(lambda args, a, b: a * b)
divide = _arithmetic(lambda args, a, b: a / b)
power = _arithmetic(lambda args, a, b: a**b)
maximum = _arithmetic(lambda args, a, b: a if a > b or a != a else b)
minimum = _arithmetic(lambda args, a, b: a if a < b or a != a else b)

# Derivatives of a**b with respect to a and to b; 0 where a**b does not move with a or b.
power_slope = _arithmetic(lambda args, a, b: number(args, 0) if b == 0 else b * a ** (b - number(args, 1)))
power_log = _arithmetic(lambda args, a, b: number(args, 0) if a == 0 and b >= 0 else a**b * vm.log(a))

# prelu with its weight broadcast, and its slope.
prelu = _arithmetic(lambda args, x, w: x if x > 0 else w * x)
prelu_slope = _arithmetic(lambda args, x, w: number(args, 1) if x > 0 else w)

# Comparisons: the result is a boolean array, one byte an element. A NaN beats every number from above and from below.
greater = _comparison(lambda args, a, b: a > b)
greater_equal = _comparison(lambda args, a, b: a >= b)
equal = _comparison(lambda args, a, b: a == b)
not_equal = _comparison(lambda args, a, b: a != b)
beats_above = _comparison(lambda args, a, b: a > b or (a != a and b == b))
beats_below = _comparison(lambda args, a, b: a < b or (a != a and b == b))


@inline
def _choose_line(args, p, c, a, b, first, last, step_c, step_a, step_b):  # type: ignore[no-untyped-def]
    """A row of y = a if c else b. Both are read first: a load under a condition would not be vectorised."""
    if step_c == 0:
        chosen, step = a if c[0] else b, step_a if c[0] else step_b
        if step == 0:
            fixed = chosen[0]
            for i in range(first, last):
                p[i] = fixed
        elif address(chosen) != address(p):
            for i in range(first, last):
                p[i] = chosen[i]
    elif step_b == 0 and step_a == 0:
        u, v = a[0], b[0]
        for i in range(first, last):
            p[i] = u if c[i] else v
    elif step_b == 0:
        v = b[0]
        if address(p) == address(a):
            for i in range(first, last):
                u = p[i]
                p[i] = u if c[i] else v
        else:
            for i in range(first, last):
                u = a[i]
                p[i] = u if c[i] else v
    elif step_a == 0:
        u = a[0]
        for i in range(first, last):
            v = b[i]
            p[i] = u if c[i] else v
    elif address(p) == address(a):
        for i in range(first, last):
            u, v = p[i], b[i]
            p[i] = u if c[i] else v
    else:
        for i in range(first, last):
            u, v = a[i], b[i]
            p[i] = u if c[i] else v


def where(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, c, a, b, rows, columns, steps of c, a, b, rows in a cell, outer axes, shape, strides of c, a, b."""
    y, c, a, b = pointer(args, 0), flags(args, 1), pointer(args, 2), pointer(args, 3)
    rows, columns = integer(args, 4), integer(args, 5)
    step_c, step_a, step_b = integer(args, 6), integer(args, 7), integer(args, 8)
    cell_rows, outer, shape = integer(args, 9), integer(args, 10), integers(args, 11)
    strides_c, strides_a, strides_b = integers(args, 12), integers(args, 13), integers(args, 14)
    first_row, last_row, first, last = lo * cell_rows, min(rows, hi * cell_rows), 0, columns
    if rows == 1:
        first_row, last_row, first, last = 0, 1, lo * 4096, min(columns, hi * 4096)
    for row in range(first_row, last_row):
        p = shift(y, row * columns)
        s = shift(c, offset(row, outer, shape, strides_c))
        q = shift(a, offset(row, outer, shape, strides_a))
        r = shift(b, offset(row, outer, shape, strides_b))
        _choose_line(args, p, s, q, r, first, last, step_c, step_a, step_b)


def convert(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = x in another element type. Slots: y (first type), x (second type), n."""
    y, x, n = pointer(args, 0), second(args, 1), integer(args, 2)
    for i in range(lo * 4096, min(n, hi * 4096)):
        y[i] = x[i]


def convert_to_bool(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = (x != 0). Slots: y (bytes), x, n."""
    y, x, n = flags(args, 0), pointer(args, 1), integer(args, 2)
    for i in range(lo * 4096, min(n, hi * 4096)):
        y[i] = x[i] != 0
