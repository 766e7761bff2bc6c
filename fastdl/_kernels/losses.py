"""Loss kernels: one number per target, their sum, and the gradients.

With one cell a kernel that sums finishes the job itself, because a small batch is bound by overhead; with several each
leaves a partial sum in float64, and ``total`` adds those in order. Loops with an exponential in them run over multiples
of 16 elements, the last element repeated or zeros appended, since one scalar exponential takes as long as a vector of
them. Letters: N examples, C classes, p predictions, z logits, t targets, e exponentials, g gradient of the loss.
"""

from . import vector_math as vm
from .block import doubles, integer, integers, number, pointer, shift, stack
from .compiler import in_order, inline


@inline
def _finish(args, cell, sum_of_cell):  # type: ignore[no-untyped-def]
    """Slots of every reducing kernel: 0 y, 1 partial sums, 2 cells, 3 divisor. One cell: the result; else its part."""
    if integer(args, 2) == 1:
        pointer(args, 0)[0] = number(args, sum_of_cell / integer(args, 3))
    else:
        doubles(args, 1)[cell] = sum_of_cell


def total(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = sum of the partial sums / divisor. One cell. Slots: y, partial sums, how many, divisor."""
    partial = doubles(args, 1)
    s = 0.0
    for cell in range(integer(args, 2)):
        s += partial[cell]
    pointer(args, 0)[0] = number(args, s / integer(args, 3))


def _each(formula):  # type: ignore[no-untyped-def]
    """y[i] = f(a[i], t[i]). Slots: y, a, t, n."""
    f = in_order(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, a, t, n = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
        for i in range(lo * 4096, min(n, hi * 4096)):
            y[i] = f(args, a[i], t[i])

    return kernel


def _sum(formula):  # type: ignore[no-untyped-def]
    """Sum of f(a[i], t[i]). Slots: 0..3 of ``_finish``, 4 a, 5 t, 6 n."""
    f = in_order(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        a, t, n = pointer(args, 4), pointer(args, 5), integer(args, 6)
        for cell in range(lo, hi):
            last, sum_of_cell = min(n, (cell + 1) * 4096), 0.0
            for i in range(cell * 4096, last, 256):
                count = min(256, last - i)
                x, y, full = shift(a, i), shift(t, i), count // 16 * 16
                s = number(args, 0)
                for j in range(full):
                    s += f(args, x[j], y[j])
                for j in range(full, (count + 15) // 16 * 16):
                    k = min(j, count - 1)
                    s += f(args, x[k], y[k]) if j < count else number(args, 0)
                sum_of_cell += s
            _finish(args, cell, sum_of_cell)

    return kernel


def _gradient(formula):  # type: ignore[no-untyped-def]
    """y[i] = g f(a[i], t[i]) factor / divisor, g one number or one per element.

    Slots: y, a, t, n, g, step of g, factor, divisor.
    """
    f = in_order(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, a, t, n = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
        g, step, scale = pointer(args, 4), integer(args, 5), integer(args, 6) / integer(args, 7)
        r = stack(args, 256)
        last = min(n, hi * 4096)
        for i in range(lo * 4096, last, 256):
            count = min(256, last - i)
            x, z, full = shift(a, i), shift(t, i), count // 16 * 16
            for j in range(full):
                r[j] = f(args, x[j], z[j])
            for j in range(full, (count + 15) // 16 * 16):
                k = min(j, count - 1)
                r[j] = f(args, x[k], z[k])
            if step == 0:
                c = number(args, g[0] * scale)
                for j in range(count):
                    y[i + j] = c * r[j]
            else:
                c = number(args, scale)
                for j in range(count):
                    y[i + j] = g[i + j] * c * r[j]

    return kernel


def _squared_error(args, p, t):  # type: ignore[no-untyped-def]
    return (p - t) * (p - t)


def _bce(args, z, t):  # type: ignore[no-untyped-def]
    return ((z if z > 0 else number(args, 0)) - z * t) + vm.log1p(vm.exp(-abs(z)))


def _bce_slope(args, z, t):  # type: ignore[no-untyped-def]
    """s(z) - t. Where s is near 1 it is (1 - t) - s(-z), so that a sure and right prediction keeps its small slope."""
    e = vm.exp(-abs(z))
    s = e / (number(args, 1) + e)
    return (number(args, 1) - t) - s if z > 0 else s - t


mse_each, mse_sum = _each(_squared_error), _sum(_squared_error)
mse_grad = _gradient(lambda args, p, t: p - t)
bce_each, bce_sum = _each(_bce), _sum(_bce)
bce_grad = _gradient(_bce_slope)


@inline
def _top(args, lanes, z, n):  # type: ignore[no-untyped-def]
    """The largest of n numbers, where a NaN may be passed over: it comes back in the exponentials."""
    top, done = z[0], 0
    if n >= 64:
        done = n // 32 * 32
        for j in range(32):
            lanes[j] = top
        for i in range(0, done, 32):
            for j in range(32):
                lanes[j] = z[i + j] if z[i + j] > lanes[j] else lanes[j]
        for j in range(32):
            top = lanes[j] if lanes[j] > top else top
    for i in range(done, n):
        top = z[i] if z[i] > top else top
    return top


@inline
def _row_exponentials(args, e, tops, sums, z, count, classes, to, keep):  # type: ignore[no-untyped-def]
    """Of ``count`` rows: the largest logit, the sum of exp(z - largest), and if ``keep`` these exponentials.

    Either the rows fit into e (2048), or there is one, done 2048 classes at a time. All rows are exponentiated in one
    loop, since few classes do not fill vectors.
    """
    for r in range(count):
        tops[r] = _top(args, e, shift(z, r * classes), classes)
        sums[r] = 0
    for first in range(0, classes, 2048):
        width = min(2048, classes - first)
        size = count * width
        up = (size + 15) // 16 * 16
        for r in range(count):
            row, x, top = shift(z, r * classes + first), shift(e, r * width), tops[r]
            for c in range(width):
                x[c] = row[c] - top
        for k in range(size, up):
            e[k] = 0
        for k in range(up):
            e[k] = vm.exp(e[k])
        for r in range(count):
            x, s = shift(e, r * width), number(args, 0)
            for c in range(width):
                s += x[c]
            sums[r] += s
        if keep:
            for k in range(size):
                to[first + k] = e[k]


@inline
def _conclude(args, cell, tops, sums, count, start):  # type: ignore[no-untyped-def]
    """loss = log(sum) + (largest - true logit), the latter in ``tops``: into y (divisor -1) or summed."""
    up = (count + 15) // 16 * 16
    for r in range(count, up):
        tops[r], sums[r] = 0, 1
    for r in range(up):
        tops[r] += vm.log(sums[r])
    if integer(args, 3) < 0:
        y = shift(pointer(args, 0), start)
        for r in range(count):
            y[r] = tops[r]
    else:
        s = number(args, 0)
        for r in range(count):
            s += tops[r]
        _finish(args, cell, s)


def cross_entropy(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """-log softmax(z)[t] of rows z of C logits.

    Slots: 0..3 of ``_finish`` (divisor -1: y takes one number per row), 4 z, 5 t, 6 rows, 7 classes, 8 rows of a cell,
    9 status, 10 code.
    """
    rows, classes, cell_rows = integer(args, 6), integer(args, 7), integer(args, 8)
    e, tops, sums = stack(args, 2048), stack(args, 256), stack(args, 256)
    for cell in range(lo, hi):
        first = cell * cell_rows
        count = min(cell_rows, rows - first)
        z, t = shift(pointer(args, 4), first * classes), shift(integers(args, 5), first)
        _row_exponentials(args, e, tops, sums, z, count, classes, e, False)
        for r in range(count):
            if 0 <= t[r] < classes:
                tops[r] -= z[r * classes + t[r]]
            else:
                integers(args, 9)[0] = integer(args, 10)
        _conclude(args, cell, tops, sums, count, first)


def cross_entropy_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = (softmax(z) - [c = t]) g / divisor.

    Slots: y, z, t, g, step of g, divisor, rows, classes, rows of a cell, 9 status, 10 code.
    """
    g, step, divisor = pointer(args, 3), integer(args, 4), integer(args, 5)
    rows, classes, cell_rows = integer(args, 6), integer(args, 7), integer(args, 8)
    e, tops, sums = stack(args, 2048), stack(args, 256), stack(args, 256)
    for cell in range(lo, hi):
        first = cell * cell_rows
        count = min(cell_rows, rows - first)
        y, z = shift(pointer(args, 0), first * classes), shift(pointer(args, 1), first * classes)
        t = shift(integers(args, 2), first)
        _row_exponentials(args, e, tops, sums, z, count, classes, y, True)
        for r in range(count):
            scale = number(args, g[(first + r) * step] / divisor)
            row, factor = shift(y, r * classes), scale / sums[r]
            for c in range(classes):
                row[c] *= factor
            if 0 <= t[r] < classes:
                row[t[r]] -= scale
            else:
                integers(args, 9)[0] = integer(args, 10)


@inline
def _tops(args, tops, z, step, count, classes):  # type: ignore[no-untyped-def]
    """The largest logit of each of ``count`` pixels; the planes of the classes are ``step`` apart."""
    for j in range(count):
        tops[j] = z[j]
    for c in range(1, classes):
        plane = shift(z, c * step)
        for j in range(count):
            tops[j] = plane[j] if plane[j] > tops[j] else tops[j]


def cross_entropy_planes(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """-log softmax(z)[t] of images z of C planes, the pixels on the vector lanes. A cell is up to 512 pixels.

    Slots: 0..3 of ``_finish``, 4 z, 5 t, 6 pixels of an image, 7 classes, 8 cells of an image, 9 status, 10 code.
    """
    pixels, classes, chunks = integer(args, 6), integer(args, 7), integer(args, 8)
    tops, sums = stack(args, 512), stack(args, 512)
    for cell in range(lo, hi):
        image, first = cell // chunks, cell % chunks * 512
        count, start, place = min(512, pixels - first), image * pixels + first, image * classes * pixels + first
        z, t = shift(pointer(args, 4), place), shift(integers(args, 5), start)
        _tops(args, tops, z, pixels, count, classes)
        for j in range(count):
            sums[j] = 0
        for c in range(classes):
            plane = shift(z, c * pixels)
            for j in range(count):
                sums[j] += vm.exp(plane[j] - tops[j])
        for j in range(count):
            if 0 <= t[j] < classes:
                tops[j] -= z[t[j] * pixels + j]
            else:
                integers(args, 9)[0] = integer(args, 10)
        _conclude(args, cell, tops, sums, count, start)


def cross_entropy_grad_planes(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: y, z, t, g, step of g, divisor, 6..10 of ``cross_entropy_planes``."""
    g, step, divisor = pointer(args, 3), integer(args, 4), integer(args, 5)
    pixels, classes, chunks = integer(args, 6), integer(args, 7), integer(args, 8)
    e, tops, sums = stack(args, 512), stack(args, 512), stack(args, 512)
    for cell in range(lo, hi):
        image, first = cell // chunks, cell % chunks * 512
        count, start, place = min(512, pixels - first), image * pixels + first, image * classes * pixels + first
        y, z, t = shift(pointer(args, 0), place), shift(pointer(args, 1), place), shift(integers(args, 2), start)
        _tops(args, tops, z, pixels, count, classes)
        for j in range(count):
            sums[j] = 0
        for c in range(classes):
            plane, to = shift(z, c * pixels), shift(y, c * pixels)
            for j in range(count):
                e[j] = vm.exp(plane[j] - tops[j])
                sums[j] += e[j]
            for j in range(count):
                to[j] = e[j]
        scales, factors = tops, sums
        for j in range(count):
            scales[j] = number(args, g[(start + j) * step] / divisor)
        for j in range(count):
            factors[j] = scales[j] / sums[j]
        for c in range(classes):
            to = shift(y, c * pixels)
            for j in range(count):
                to[j] *= factors[j]
        for j in range(count):
            if 0 <= t[j] < classes:
                y[t[j] * pixels + j] -= scales[j]
            else:
                integers(args, 9)[0] = integer(args, 10)
