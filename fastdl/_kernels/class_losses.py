"""Kernels of losses whose targets are classes: cross-entropy of logits, and the loss of given log-probabilities.

Each kernel that sums adds up losses and the weights of the targets that count. With one cell it finishes the job
itself, because a small batch is bound by overhead; with several each leaves its two partial sums in float64, and
``total`` adds those in order. Loops with an exponential in them run over multiples of 16 elements, since one scalar
exponential takes as long as a vector of them. Letters: C classes, z logits, t targets, w weights of classes, e
exponentials, a the smoothing divided by C.

Slots: 0 y, 1 total weight, 2 partial sums, 3 cells, 4 mode, 5 z, 6 t, 7 w, 8 ignored class, 9 status, 10 code, 11 rows
or pixels of an image, 12 classes, 13 rows of a cell or cells of an image, 14 smoothing.
"""

from . import vector_math as vm
from .block import doubles, integer, integers, number, pointer, real, shift, stack
from .compiler import inline
from .vector_max import maximum

NONE, SUM, MEAN = -1, 0, 1  # modes


@inline
def _conclude_sums(args, s, w):  # type: ignore[no-untyped-def]
    if integer(args, 4) == MEAN:
        pointer(args, 0)[0] = number(args, s / w)
        if integer(args, 1) != 0:
            pointer(args, 1)[0] = number(args, w)
    else:
        pointer(args, 0)[0] = number(args, s)


@inline
def _finish(args, cell, s, w):  # type: ignore[no-untyped-def]
    """The sums of the losses and of the weights of a cell. One cell: the result; else its part."""
    if integer(args, 3) == 1:
        _conclude_sums(args, s, w)
    else:
        partial = shift(doubles(args, 2), 2 * cell)
        partial[0], partial[1] = s, w


def total(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """The partial sums added up. One cell. Slots 0..4 of the forward kernels."""
    partial = doubles(args, 2)
    s, w = 0.0, 0.0
    for cell in range(integer(args, 3)):
        s += partial[2 * cell]
        w += partial[2 * cell + 1]
    _conclude_sums(args, s, w)


@inline
def report_unknown(args, t, count):  # type: ignore[no-untyped-def]
    """Report targets that are neither classes nor ignored. Returns whether there are any."""
    classes, ignored, known = integer(args, 12), integer(args, 8), 0
    for j in range(count):
        known += 1 if 0 <= t[j] < classes or t[j] == ignored else 0
    if known < count:
        integers(args, 9)[0] = integer(args, 10)
    return known < count


def weight(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = sum of the weights of the targets that count. Slots 0..10 of the forward kernels, 11 targets, 12 classes."""
    n, ignored, w = integer(args, 11), integer(args, 8), pointer(args, 7)
    for cell in range(lo, hi):
        s, counted = 0.0, 0
        first = cell * 4096
        t, count = shift(integers(args, 6), first), min(4096, n - first)
        for j in range(count):
            counted += 0 if t[j] == ignored else 1
        unknown = report_unknown(args, t, count)
        if integer(args, 7) == 0:
            s += counted
        elif not unknown:
            for j in range(count):
                if t[j] != ignored:
                    s += w[t[j]]
        _finish(args, cell, s, 0.0)


@inline
def all_count(args, t, count, classes, ignored):  # type: ignore[no-untyped-def]
    """Whether all targets are classes that are there and not ignored: one quick loop saves the tests of the next."""
    others = 0
    for j in range(count):
        others += 1 if t[j] < 0 or t[j] >= classes or t[j] == ignored else 0
    return others == 0


@inline
def _gather(args, tops, sums, z, t, count):  # type: ignore[no-untyped-def]
    """From the largest logit of each row to its distance from the true one, 0 for ignored targets, whose sum of
    exponentials becomes 1. Returns how many targets count."""
    classes, ignored, counted = integer(args, 12), integer(args, 8), count
    for j in range(count):
        k = t[j]
        if k == ignored:
            tops[j], sums[j] = 0, 1
            counted -= 1
        elif 0 <= k < classes:
            tops[j] -= z[j * classes + k]
        else:
            integers(args, 9)[0] = integer(args, 10)
    return counted


@inline
def _gather_planes(args, tops, sums, z, t, count, pixels):  # type: ignore[no-untyped-def]
    """As ``_gather``, of pixels. Where some are ignored it goes class by class, in vectors and without branches, which
    would be guessed wrong at the borders of an ignored region (measured: twice the time of the whole loss)."""
    classes, ignored, counted = integer(args, 12), integer(args, 8), 0
    if all_count(args, t, count, classes, ignored):
        for j in range(count):
            tops[j] -= z[t[j] * pixels + j]
        return count
    for c in range(classes):
        plane = shift(z, c * pixels)
        for j in range(count):
            tops[j] = tops[j] - plane[j] if t[j] == c else tops[j]
    for j in range(count):
        tops[j] = number(args, 0) if t[j] == ignored else tops[j]
    for j in range(count):
        sums[j] = number(args, 1) if t[j] == ignored else sums[j]
    for j in range(count):
        counted += 0 if t[j] == ignored else 1
    report_unknown(args, t, count)
    return counted


@inline
def weigh(args, weights, rests, t, count):  # type: ignore[no-untyped-def]
    """The weight of each target's class, 0 for ignored ones, whose rest becomes 0 too. Returns their sum."""
    classes, ignored, w = integer(args, 12), integer(args, 8), pointer(args, 7)
    s = number(args, 0)
    for j in range(count):
        k = t[j]
        if k == ignored or k < 0 or k >= classes:
            weights[j], rests[j] = 0, 0
        else:
            weights[j] = w[k]
            s += w[k]
    return s


@inline
def of_all_classes(args, a):  # type: ignore[no-untyped-def]
    """a (sum of the weights of all classes)."""
    w, s = pointer(args, 7), number(args, 0)
    for c in range(integer(args, 12)):
        s += w[c]
    return a * s


@inline
def _conclude(args, cell, tops, sums, count, start, w):  # type: ignore[no-untyped-def]
    """loss = log(sum) + (largest - true logit), the latter in ``tops``: into y or summed."""
    up = (count + 15) // 16 * 16
    for r in range(count, up):
        tops[r], sums[r] = 0, 1
    for r in range(up):
        tops[r] += vm.log(sums[r])
    store(args, cell, tops, count, start, w)


@inline
def _conclude_weighted(args, cell, tops, sums, weights, rests, count, start, w, kept, rest):  # type: ignore[no-untyped-def]
    """loss = kept w (log(sum) + (largest - true logit)) + (rest log(sum) + a sum of w (largest - logit)).

    ``rest`` is a (sum of the weights of all classes), and ``rests`` holds the last term.
    """
    up = (count + 15) // 16 * 16
    for r in range(count, up):
        tops[r], sums[r], weights[r], rests[r] = 0, 1, 0, 0
    for r in range(up):
        log = vm.log(sums[r])
        tops[r] = kept * weights[r] * (tops[r] + log) + (rest * log + rests[r])
    store(args, cell, tops, count, start, w)


@inline
def store(args, cell, losses, count, start, w):  # type: ignore[no-untyped-def]
    if integer(args, 4) == NONE:
        y = shift(pointer(args, 0), start)
        for r in range(count):
            y[r] = losses[r]
    else:
        s = number(args, 0)
        for r in range(count):
            s += losses[r]
        _finish(args, cell, s, w)


@inline
def row_exponentials(args, e, tops, sums, z, count, classes, to, keep):  # type: ignore[no-untyped-def]
    """Of ``count`` rows: the largest logit, the sum of exp(z - largest), and if ``keep`` these exponentials.

    Either the rows fit into e (2048), or there is one, done 2048 classes at a time. All rows are exponentiated in one
    loop, since few classes do not fill vectors.
    """
    for r in range(count):
        tops[r] = maximum(shift(z, r * classes), classes)
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
def largest_of_planes(args, tops, z, step, count, classes):  # type: ignore[no-untyped-def]
    """The largest logit of each of ``count`` pixels; the planes of the classes are ``step`` apart."""
    for j in range(count):
        tops[j] = z[j]
    for c in range(1, classes):
        plane = shift(z, c * step)
        for j in range(count):
            tops[j] = plane[j] if plane[j] > tops[j] else tops[j]


def _rows(weighted):  # type: ignore[no-untyped-def]
    """The loss of rows z of C logits: -log softmax(z)[t], or with weights and smoothing."""

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        rows, classes, cell_rows = integer(args, 11), integer(args, 12), integer(args, 13)
        e, tops, sums = stack(args, 2048), stack(args, 256), stack(args, 256)
        weights, rests = stack(args, 256), stack(args, 256)
        for cell in range(lo, hi):
            first = cell * cell_rows
            count = min(cell_rows, rows - first)
            z, t = shift(pointer(args, 5), first * classes), shift(integers(args, 6), first)
            row_exponentials(args, e, tops, sums, z, count, classes, e, False)
            if weighted:
                a, w = real(args, 14) / number(args, classes), pointer(args, 7)
                for r in range(count):
                    row, s = shift(z, r * classes), number(args, 0)
                    if a > 0:
                        for c in range(classes):
                            s += w[c] * (tops[r] - row[c])
                    rests[r] = a * s
                s = weigh(args, weights, rests, t, count)
                _gather(args, tops, sums, z, t, count)
                kept, rest = number(args, 1) - real(args, 14), of_all_classes(args, a)
                _conclude_weighted(args, cell, tops, sums, weights, rests, count, first, s, kept, rest)
            else:
                counted = _gather(args, tops, sums, z, t, count)
                _conclude(args, cell, tops, sums, count, first, counted)

    return kernel


def _planes(weighted):  # type: ignore[no-untyped-def]
    """The loss of images z of C planes, the pixels on the vector lanes. A cell is up to 512 pixels."""

    def kernel(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        pixels, classes, chunks = integer(args, 11), integer(args, 12), integer(args, 13)
        tops, sums, weights, rests = stack(args, 512), stack(args, 512), stack(args, 512), stack(args, 512)
        for cell in range(lo, hi):
            image, first = cell // chunks, cell % chunks * 512
            count, start, place = min(512, pixels - first), image * pixels + first, image * classes * pixels + first
            z, t = shift(pointer(args, 5), place), shift(integers(args, 6), start)
            largest_of_planes(args, tops, z, pixels, count, classes)
            for j in range(count):
                sums[j] = 0
            for c in range(classes):
                plane = shift(z, c * pixels)
                for j in range(count):
                    sums[j] += vm.exp(plane[j] - tops[j])
            if weighted:
                a, w = real(args, 14) / number(args, classes), pointer(args, 7)
                for j in range(count):
                    rests[j] = 0
                if a > 0:
                    for c in range(classes):
                        plane, share = shift(z, c * pixels), a * w[c]
                        for j in range(count):
                            rests[j] += share * (tops[j] - plane[j])
                s = weigh(args, weights, rests, t, count)
                _gather_planes(args, tops, sums, z, t, count, pixels)
                kept, rest = number(args, 1) - real(args, 14), of_all_classes(args, a)
                _conclude_weighted(args, cell, tops, sums, weights, rests, count, start, s, kept, rest)
            else:
                counted = _gather_planes(args, tops, sums, z, t, count, pixels)
                _conclude(args, cell, tops, sums, count, start, counted)

    return kernel


cross_entropy, cross_entropy_weighted = _rows(False), _rows(True)
cross_entropy_planes, cross_entropy_weighted_planes = _planes(False), _planes(True)
