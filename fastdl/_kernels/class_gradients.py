"""Kernels of the gradients of losses whose targets are classes.

Letters: C classes, z logits, t targets, w weights of classes, e exponentials, g gradient of the loss, a the smoothing
divided by C. Slots: 0 dz, 1 total weight, 2 g, 3 step of g, 4 mode, 5..14 those of ``class_losses``. In a plan dz may
lie where z lay.
"""

from . import vector_math as vm
from .block import integer, integers, number, pointer, real, shift, stack
from .class_losses import MEAN, all_count, largest_of_planes, of_all_classes, report_unknown, row_exponentials, weigh
from .compiler import inline


@inline
def divisor_of(args):  # type: ignore[no-untyped-def]
    """What the gradient of the loss is divided by."""
    return pointer(args, 1)[0] if integer(args, 4) == MEAN else number(args, 1)


@inline
def _scales(args, scales, weights, rests, t, count, start, weighted):  # type: ignore[no-untyped-def]
    """What the gradient of each target is multiplied by; anything for ignored targets.

    ``scales``: the true logit; ``rests``: the probabilities; ``weights``: all logits, times the weight of the class.
    """
    g, step = shift(pointer(args, 2), start * integer(args, 3)), integer(args, 3)
    divisor = divisor_of(args)
    for j in range(count):
        scales[j] = g[j * step] / divisor
    if weighted:
        smoothing = real(args, 14)
        a, kept = smoothing / number(args, integer(args, 12)), number(args, 1) - smoothing
        rest = of_all_classes(args, a)
        weigh(args, weights, rests, t, count)
        for j in range(count):
            share = scales[j]
            scales[j] = share * kept * weights[j]
            rests[j] = share * (kept * weights[j] + rest)
            weights[j] = share * a
    else:
        for j in range(count):
            rests[j] = scales[j]


def _rows(weighted):  # type: ignore[no-untyped-def]
    """dz = (softmax(z) - [c = t]) g / divisor, or with weights and smoothing; 0 for ignored targets."""

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        rows, classes, cell_rows, w = integer(args, 11), integer(args, 12), integer(args, 13), pointer(args, 7)
        e, tops, sums = stack(args, 2048), stack(args, 256), stack(args, 256)
        scales, rests, weights = stack(args, 256), stack(args, 256), stack(args, 256)
        for cell in range(lo, hi):
            first = cell * cell_rows
            count = min(cell_rows, rows - first)
            y, z = shift(pointer(args, 0), first * classes), shift(pointer(args, 5), first * classes)
            t = shift(integers(args, 6), first)
            row_exponentials(args, e, tops, sums, z, count, classes, y, True)
            _scales(args, scales, weights, rests, t, count, first, weighted)
            for r in range(count):
                row, factor, k = shift(y, r * classes), rests[r] / sums[r], t[r]
                if k == integer(args, 8):
                    for c in range(classes):
                        row[c] = 0
                    continue
                if weighted:
                    share = weights[r]
                    for c in range(classes):
                        row[c] = row[c] * factor - share * w[c]
                else:
                    for c in range(classes):
                        row[c] *= factor
                if 0 <= k < classes:
                    row[k] -= scales[r]
                else:
                    integers(args, 9)[0] = integer(args, 10)

    return kernel


def _planes(weighted):  # type: ignore[no-untyped-def]
    """As ``_rows``, of images z of C planes."""

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        pixels, classes, chunks = integer(args, 11), integer(args, 12), integer(args, 13)
        ignored, w = integer(args, 8), pointer(args, 7)
        e, tops, sums = stack(args, 512), stack(args, 512), stack(args, 512)
        scales, rests, weights = stack(args, 512), stack(args, 512), stack(args, 512)
        for cell in range(lo, hi):
            image, first = cell // chunks, cell % chunks * 512
            count, start, place = min(512, pixels - first), image * pixels + first, image * classes * pixels + first
            y, z, t = shift(pointer(args, 0), place), shift(pointer(args, 5), place), shift(integers(args, 6), start)
            largest_of_planes(args, tops, z, pixels, count, classes)
            for j in range(count):
                sums[j] = 0
            for c in range(classes):
                plane, to = shift(z, c * pixels), shift(y, c * pixels)
                for j in range(count):
                    e[j] = vm.exp(plane[j] - tops[j])
                    sums[j] += e[j]
                for j in range(count):
                    to[j] = e[j]
            _scales(args, scales, weights, rests, t, count, start, weighted)
            for j in range(count):
                sums[j] = rests[j] / sums[j]
            for c in range(classes):
                to = shift(y, c * pixels)
                if weighted:
                    for j in range(count):
                        to[j] = to[j] * sums[j] - weights[j] * w[c]
                else:
                    for j in range(count):
                        to[j] *= sums[j]
            if all_count(args, t, count, classes, ignored):
                for j in range(count):
                    y[t[j] * pixels + j] -= scales[j]
                continue
            for c in range(classes):  # in vectors and without branches, as in the loss
                to = shift(y, c * pixels)
                for j in range(count):
                    e[j] = to[j] - (scales[j] if t[j] == c else number(args, 0))
                for j in range(count):
                    to[j] = number(args, 0) if t[j] == ignored else e[j]
            report_unknown(args, t, count)

    return kernel


cross_entropy, cross_entropy_weighted = _rows(False), _rows(True)
cross_entropy_planes, cross_entropy_weighted_planes = _planes(False), _planes(True)
