"""Kernels of losses with one target for each prediction: each loss, their sum, and the gradients.

With one cell a kernel that sums finishes the job itself, because a small batch is bound by overhead; with several each
leaves a partial sum in float64, and ``total`` adds those in order. Loops with an exponential in them run over multiples
of 16 elements, the last element repeated or zeros appended, since one scalar exponential takes as long as a vector of
them. Letters: p predictions or probabilities, z logits, t targets, d a number that the loss depends on, g gradient of
the loss. A formula is ``f(args, x, t, d)``: a loss, or its derivative with respect to x.
"""

from . import vector_math as vm
from .block import doubles, integer, number, pointer, real, shift, stack
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
    """y[i] = f(a[i], t[i]). Slots: y, a, t, n, d."""
    f = in_order(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, a, t, n, d = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3), real(args, 4)
        for i in range(lo * 4096, min(n, hi * 4096)):
            y[i] = f(args, a[i], t[i], d)

    return kernel


def _sum(formula):  # type: ignore[no-untyped-def]
    """Sum of f(a[i], t[i]). Slots: 0..3 of ``_finish``, 4 a, 5 t, 6 n, 7 d."""
    f = in_order(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        a, t, n, d = pointer(args, 4), pointer(args, 5), integer(args, 6), real(args, 7)
        for cell in range(lo, hi):
            last, sum_of_cell = min(n, (cell + 1) * 4096), 0.0
            for i in range(cell * 4096, last, 256):
                count = min(256, last - i)
                x, y, full = shift(a, i), shift(t, i), count // 16 * 16
                s = number(args, 0)
                for j in range(full):
                    s += f(args, x[j], y[j], d)
                for j in range(full, (count + 15) // 16 * 16):
                    k = min(j, count - 1)
                    s += f(args, x[k], y[k], d) if j < count else number(args, 0)
                sum_of_cell += s
            _finish(args, cell, sum_of_cell)

    return kernel


@inline
def _scaled(args, y, r, g, step, scale, i, count):  # type: ignore[no-untyped-def]
    """y[i + j] = g scale r[j], with one g or one for each element."""
    if step == 0:
        c = number(args, g[0] * scale)
        for j in range(count):
            y[i + j] = c * r[j]
    else:
        c = number(args, scale)
        for j in range(count):
            y[i + j] = g[i + j] * c * r[j]


def _gradient(formula):  # type: ignore[no-untyped-def]
    """y[i] = g f(a[i], t[i]) factor / divisor, g one number or one per element.

    Slots: y, a, t, n, g, step of g, factor, divisor, d.
    """
    f = in_order(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, a, t, n = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
        g, step, scale, d = pointer(args, 4), integer(args, 5), integer(args, 6) / integer(args, 7), real(args, 8)
        r = stack(args, 256)
        last = min(n, hi * 4096)
        for i in range(lo * 4096, last, 256):
            count = min(256, last - i)
            x, z, full = shift(a, i), shift(t, i), count // 16 * 16
            for j in range(full):
                r[j] = f(args, x[j], z[j], d)
            for j in range(full, (count + 15) // 16 * 16):
                k = min(j, count - 1)
                r[j] = f(args, x[k], z[k], d)
            _scaled(args, y, r, g, step, scale, i, count)

    return kernel


def _block(formula):  # type: ignore[no-untyped-def]
    """A helper r[j] = w f(a, t, d) for the elements i..i + count, at most 256; the slots k.. hold a, t, w and d.

    w and d are as many as the elements; absent (null pointers) they are 1.
    """
    f = in_order(formula)

    def block(args, k, i, count, x, y, w, d, r):  # type: ignore[no-untyped-def]
        a, t = shift(pointer(args, k), i), shift(pointer(args, k + 1), i)
        up = (count + 15) // 16 * 16
        for j in range(up):
            x[j], y[j], w[j], d[j] = a[count - 1], t[count - 1], 1, 1
        for j in range(count):
            x[j], y[j] = a[j], t[j]
        if integer(args, k + 2) != 0:
            weights = shift(pointer(args, k + 2), i)
            for j in range(count):
                w[j] = weights[j]
        if integer(args, k + 3) != 0:
            numbers = shift(pointer(args, k + 3), i)
            for j in range(count):
                d[j] = numbers[j]
        for j in range(up):
            r[j] = w[j] * f(args, x[j], y[j], d[j])

    return inline(block)


def _weighted_each(formula):  # type: ignore[no-untyped-def]
    """y[i] = w[i] f(a[i], t[i], d[i]). Slots: y, n, a, t, w, d."""
    block = _block(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, n = pointer(args, 0), integer(args, 1)
        x, t, w, d, r = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
        last = min(n, hi * 4096)
        for i in range(lo * 4096, last, 256):
            count = min(256, last - i)
            block(args, 2, i, count, x, t, w, d, r)
            for j in range(count):
                y[i + j] = r[j]

    return kernel


def _weighted_sum(formula):  # type: ignore[no-untyped-def]
    """Sum of w[i] f(a[i], t[i], d[i]). Slots: 0..3 of ``_finish``, 4 n, 5 a, 6 t, 7 w, 8 d."""
    block = _block(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        n = integer(args, 4)
        x, t, w, d, r = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
        for cell in range(lo, hi):
            last, sum_of_cell = min(n, (cell + 1) * 4096), 0.0
            for i in range(cell * 4096, last, 256):
                count = min(256, last - i)
                block(args, 5, i, count, x, t, w, d, r)
                s = number(args, 0)
                for j in range(count):
                    s += r[j]
                sum_of_cell += s
            _finish(args, cell, sum_of_cell)

    return kernel


def _weighted_gradient(formula):  # type: ignore[no-untyped-def]
    """y[i] = g w[i] f(a[i], t[i], d[i]) / divisor. Slots: y, n, a, t, w, d, g, step of g, divisor."""
    block = _block(formula)

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, n, g, step, scale = pointer(args, 0), integer(args, 1), pointer(args, 6), integer(args, 7), integer(args, 8)
        x, t, w, d, r = stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256), stack(args, 256)
        last = min(n, hi * 4096)
        for i in range(lo * 4096, last, 256):
            count = min(256, last - i)
            block(args, 2, i, count, x, t, w, d, r)
            _scaled(args, y, r, g, step, 1 / scale, i, count)

    return kernel


def _mse(args, p, t, d):  # type: ignore[no-untyped-def]
    return (p - t) * (p - t)


def _mae_slope(args, p, t, d):  # type: ignore[no-untyped-def]
    e = p - t
    return number(args, 1) if e > 0 else (number(args, -1) if e < 0 else e)  # 0, or NaN


def _huber(args, p, t, d):  # type: ignore[no-untyped-def]
    e, half = abs(p - t), number(args, 0.5)
    return half * e * e if e < d else d * (e - half * d)


def _huber_slope(args, p, t, d):  # type: ignore[no-untyped-def]
    e = p - t
    return d if e > d else (-d if e < -d else e)


def _hinge(args, z, t, d):  # type: ignore[no-untyped-def]
    margin = number(args, 1) - t * z
    return number(args, 0) if margin <= 0 else margin


def _hinge_slope(args, z, t, d):  # type: ignore[no-untyped-def]
    return number(args, 0) if number(args, 1) - t * z <= 0 else -t


@inline
def _log(args, p):  # type: ignore[no-untyped-def]
    """log(p), but no less than -100; NaN below 0."""
    lowest, y = number(args, -100), vm.log(p)
    return lowest if y < lowest else y


def _bce(args, p, t, d):  # type: ignore[no-untyped-def]
    one = number(args, 1)
    return -(t * _log(args, p) + (one - t) * _log(args, one - p))


def _bce_slope(args, p, t, d):  # type: ignore[no-untyped-def]
    product, least = (number(args, 1) - p) * p, number(args, 1e-12)
    return (p - t) / (least if product < least else product)


def _logits(args, z, t, d):  # type: ignore[no-untyped-def]
    return z * (number(args, 1) - t if z > 0 else -t) + vm.log1p(vm.exp(-abs(z)))


def _logits_slope(args, z, t, d):  # type: ignore[no-untyped-def]
    """s(z) - t. Where s is near 1 it is (1 - t) - s(-z), so that a sure and right prediction keeps its small slope."""
    e = vm.exp(-abs(z))
    s = e / (number(args, 1) + e)
    return (number(args, 1) - t) - s if z > 0 else s - t


def _logits_weighing_yes(args, z, t, d):  # type: ignore[no-untyped-def]
    """d t softplus(-z) + (1 - t) softplus(z)."""
    small, zero = vm.log1p(vm.exp(-abs(z))), number(args, 0)
    return d * t * (small - (zero if z > 0 else z)) + (number(args, 1) - t) * (small + (z if z > 0 else zero))


def _logits_weighing_yes_slope(args, z, t, d):  # type: ignore[no-untyped-def]
    """(1 - t) s(z) - d t s(-z)."""
    one = number(args, 1)
    e = vm.exp(-abs(z))
    less = e / (one + e)
    more = one / (one + e)
    return (one - t) * (more if z > 0 else less) - d * t * (less if z > 0 else more)


mse_each, mse_sum, mse_grad = _each(_mse), _sum(_mse), _gradient(lambda args, p, t, d: p - t)
mae_each, mae_sum = _each(lambda args, p, t, d: abs(p - t)), _sum(lambda args, p, t, d: abs(p - t))
mae_grad = _gradient(_mae_slope)
huber_each, huber_sum, huber_grad = _each(_huber), _sum(_huber), _gradient(_huber_slope)
hinge_each, hinge_sum, hinge_grad = _each(_hinge), _sum(_hinge), _gradient(_hinge_slope)
bce_each, bce_sum, bce_grad = _each(_bce), _sum(_bce), _gradient(_bce_slope)
bce_weighted_each, bce_weighted_sum = _weighted_each(_bce), _weighted_sum(_bce)
bce_weighted_grad = _weighted_gradient(_bce_slope)
logits_each, logits_sum, logits_grad = _each(_logits), _sum(_logits), _gradient(_logits_slope)
logits_weighted_each, logits_weighted_sum = _weighted_each(_logits_weighing_yes), _weighted_sum(_logits_weighing_yes)
logits_weighted_grad = _weighted_gradient(_logits_weighing_yes_slope)
