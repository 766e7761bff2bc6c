"""Kernels that the tests of the driver, the cache and the compiler need; found as ``fastdl._kernels.for_tests``.

Each adds something that can be counted afterwards: which cell was run, in which order, by which worker.
"""

import numpy as np

from fastdl._kernels import vectors as v
from fastdl._kernels.block import integer, integers, number, pointer, real, shift
from fastdl._kernels.compiler import inline
from fastdl._kernels.streaming import each
from fastdl._kernels.vector_erf import erf, gelu
from fastdl._kernels.vector_exp import exp, lowered, raised_exp
from fastdl._kernels.vector_max import maximum
from fastdl._kernels.vector_squashing import logits_loss, logits_slope, sigmoid, tanh


def add(args, lo, hi, worker):
    """y = a + b in cells of 1024. Slots: y, a, b, n."""
    y, a, b, n = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
    for i in range(lo * 1024, min(n, hi * 1024)):
        y[i] = a[i] + b[i]


def scale(args, lo, hi, worker):
    """y = c * x in cells of 1024. Slots: y, x, c, n."""
    y, x, c, n = pointer(args, 0), pointer(args, 1), real(args, 2), integer(args, 3)
    for i in range(lo * 1024, min(n, hi * 1024)):
        y[i] = c * x[i]


def mark(args, lo, hi, worker):
    """counts[cell] += 1, workers[cell] = worker. Slots: counts, workers."""
    counts, workers = integers(args, 0), integers(args, 1)
    for cell in range(lo, hi):
        counts[cell] += 1
        workers[cell] = worker


def push(args, lo, hi, worker):
    """Append a number to a list. Slots: list (its length first), number."""
    numbers = integers(args, 0)
    numbers[0] += 1
    numbers[numbers[0]] = integer(args, 1)


def report(args, lo, hi, worker):
    """Count down; at zero write a code into the status word. Slots: counter, status, code."""
    counter = integers(args, 0)
    counter[0] -= 1
    if counter[0] == 0:
        integers(args, 1)[0] = integer(args, 2)


def sum_by_worker(args, lo, hi, worker):
    """out[cell] = sum of x[cell], added up in the worker's own scratch. Slots: out, x, row length, scratch, stride."""
    out, x, n = pointer(args, 0), pointer(args, 1), integer(args, 2)
    scratch, stride = pointer(args, 3), integer(args, 4)
    for cell in range(lo, hi):
        place = worker * stride
        scratch[place] = x[cell * n]
        for i in range(1, n):
            scratch[place] += x[cell * n + i]
        out[cell] = scratch[place]


def copy_integers(args, lo, hi, worker):
    """Slots: to, from, n, absent (a null pointer: written as 0 or 1 after the numbers)."""
    to, source, n = integers(args, 0), integers(args, 1), integer(args, 2)
    for i in range(n):
        to[i] = source[i]
    to[n] = integer(args, 3)


def spread_rows(args, lo, hi, worker):
    """Work that takes a while: y[cell] = the sum of a slow series. Slots: y, terms."""
    y, terms = pointer(args, 0), integer(args, 1)
    for cell in range(lo, hi):
        total = 0.0
        for k in range(terms):
            total += np.sqrt(cell + k)
        y[cell] = total


@inline
def is_nan(x):
    return np.isnan(x)


def asks(args, lo, hi, worker):
    """Slots: y, x. y = 1 where x is NaN."""
    y, x = pointer(args, 0), pointer(args, 1)
    for i in range(lo, hi):
        y[i] = 1 if is_nan(x[i]) else 0


# What must be refused: an exception inside a kernel would be printed and lost, and memory never given back.


def raises(args, lo, hi, worker):
    if lo > 3:
        raise ValueError("lost")


def asserts(args, lo, hi, worker):
    assert lo < hi


def allocates(args, lo, hi, worker):
    x = np.zeros(hi)
    pointer(args, 0)[0] = x[lo]


def prints(args, lo, hi, worker):
    print(lo)


def makes_list(args, lo, hi, worker):
    x = [lo, hi]
    x.append(worker)
    integers(args, 0)[0] = len(x)


@inline
def _raises_inside(x):
    if x > 3:
        raise IndexError("lost")
    return x


def raises_in_helper(args, lo, hi, worker):
    integers(args, 0)[0] = _raises_inside(lo)


def divides(args, lo, hi, worker):
    """Not to be refused: division by zero is IEEE. Slots: y, a, b."""
    y, a, b = pointer(args, 0), pointer(args, 1), pointer(args, 2)
    for i in range(lo, hi):
        y[i] = a[i] / b[i]


def words(args, lo, hi, worker):
    """y = max(x a + 2, x - a) / min(a + 10, 11); sum of x, largest of x and 0, lanes. Slots: y, x, a, results, n."""
    y, x, a, results, n = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3), integer(args, 4)
    lanes = v.width(x)
    two, ten, eleven = v.spread(number(args, 2)), v.spread(number(args, 10)), v.spread(number(args, 11))
    sums = v.spread(number(args, 0))
    most = sums
    for i in range(0, n, lanes):
        count = min(lanes, n - i)
        if count == lanes:
            p, q = v.load(shift(x, i)), v.load(shift(a, i))
        else:
            p, q = v.first(shift(x, i), count), v.first(shift(a, i), count)
        value = v.larger(v.fma(p, q, two), p - q) / v.smaller(q + ten, eleven)
        sums, most = sums + p, v.larger(p, most)
        if count == lanes:
            v.store(shift(y, i), value)
        else:
            v.put_first(shift(y, i), value, count)
    results[0], results[1], results[2] = v.total(sums), v.largest(most), lanes


def square(args, lo, hi, worker):
    """y = 2 times the transposed square x, past the cache. Slots: y, aligned; x, its stride."""
    y, x = pointer(args, 0), pointer(args, 1)
    lanes = v.width(x)
    v.transpose(y, lanes, x, integer(args, 2))
    for i in range(lanes):
        row = v.load(shift(y, i * lanes))
        v.stream(shift(y, i * lanes), row + row)
    v.fence()


def largest(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, x, n."""
    y, x = pointer(args, 0), pointer(args, 1)
    y[0] = maximum(x, integer(args, 2))


def powers(args, lo, hi, worker):
    """y = e**x, z = -1 where that is 0, else e**x. Slots: y, z, x, n, a multiple of a vector."""
    y, z, x = pointer(args, 0), pointer(args, 1), pointer(args, 2)
    zeros, marks = v.spread(number(args, 0)), v.spread(number(args, -1))
    for i in range(0, integer(args, 3), v.width(x)):
        power = exp(v.load(shift(x, i)))
        v.store(shift(y, i), power)
        v.store(shift(z, i), v.where_equal(power, zeros, marks, power))


def squash(args, lo, hi, worker):
    """Each function of ``vector_squashing``, n numbers each. Slots: tanh, sigmoid, loss, slope, x, t, n."""
    x, t, n = pointer(args, 4), pointer(args, 5), integer(args, 6)
    for i in range(0, n, v.width(x)):
        a, b = v.load(shift(x, i)), v.load(shift(t, i))
        v.store(shift(pointer(args, 0), i), tanh(a))
        v.store(shift(pointer(args, 1), i), sigmoid(a))
        v.store(shift(pointer(args, 2), i), logits_loss(a, b))
        v.store(shift(pointer(args, 3), i), logits_slope(a, b))


def _of_vectors(formula):
    over = each(formula)

    def kernel(args, lo, hi, worker):
        """Slots: y, x, n, whether past the cache."""
        over(pointer(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3) != 0)

    return kernel


each_erf, each_gelu = _of_vectors(lambda x: erf(x)), _of_vectors(lambda x: gelu(x))
each_sigmoid, each_power = _of_vectors(lambda x: sigmoid(x)), _of_vectors(lambda x: lowered(raised_exp(x)))
