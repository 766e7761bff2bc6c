"""What a training step does around the network: fetch the batch, count steps, keep running totals."""

from .block import doubles, integer, integers, number, pointer, real, second, shift, short_integers
from .compiler import inline
from .prefetch import prefetch


def gather_rows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[i] = data[order[position + i]], converted. A cell is a number of rows.

    Slots: y (first type), data (second type), order, position, rows, elements of a row, rows of a cell.
    """
    y, data, order, start = pointer(args, 0), second(args, 1), integers(args, 2), integers(args, 3)[0]
    row, cell_rows = integer(args, 5), integer(args, 6)
    last = min(integer(args, 4), hi * cell_rows) - 1
    for i in range(lo * cell_rows, last + 1):
        if row >= 64:  # they come from anywhere, and the processor foresees none of them
            prefetch(shift(data, order[start + min(last, i + 4)] * row), row)
        to, source = shift(y, i * row), shift(data, order[start + i] * row)
        for k in range(row):
            to[k] = source[k]


def gather_sparse_rows(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y[i] = row order[position + i] of a sparse matrix, with its zeros, converted. A cell is a row.

    Slots: y (first type), data (second type), columns (int32), starts, order, position, columns of y. Numbers stored
    twice in one place add up.
    """
    y, data, columns, starts = pointer(args, 0), second(args, 1), short_integers(args, 2), integers(args, 3)
    order, start, features, zero = integers(args, 4), integers(args, 5)[0], integer(args, 6), number(args, 0)
    for i in range(lo, hi):
        to, row = shift(y, i * features), order[start + i]
        for k in range(features):
            to[k] = zero
        for k in range(starts[row], starts[row + 1]):
            to[columns[k]] += data[k]


def advance(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = counter + by. One cell. Slots: y, counter, by."""
    integers(args, 0)[0] = integers(args, 1)[0] + integer(args, 2)


def tally(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """What ends a step: the running total, and counters moved on. One cell.

    Slots: 0 total and 1 total before (first type, float64), 2 value (second type), 3 its weight, 4 how many counters;
    for each counter then y, counter, by.
    """
    pointer(args, 0)[0] = pointer(args, 1)[0] + real(args, 3) * second(args, 2)[0]
    for i in range(5, 5 + 3 * integer(args, 4), 3):
        integers(args, i)[0] = integers(args, i + 1)[0] + integer(args, i + 2)


@inline
def _count(args, cell, correct):  # type: ignore[no-untyped-def]
    """Slots of the counting kernels: 0 y, 1 total, 2 partial counts, 3 cells. One cell: the result; else its part."""
    if integer(args, 3) == 1:
        doubles(args, 0)[0] = doubles(args, 1)[0] + correct
    else:
        doubles(args, 2)[cell] = correct


def count_classes(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """How often the first largest score, or the first that is NaN, is that of the target class.

    Slots: 0..3 of ``_count``, 4 scores (images, classes, pixels), 5 classes of the targets, 6 targets, 7 classes,
    8 pixels, 9 targets of a cell.
    """
    scores, targets, n = pointer(args, 4), integers(args, 5), integer(args, 6)
    classes, pixels, in_cell = integer(args, 7), integer(args, 8), integer(args, 9)
    for cell in range(lo, hi):
        correct = 0
        for i in range(cell * in_cell, min(n, (cell + 1) * in_cell)):
            image = i if pixels == 1 else i // pixels
            z = shift(scores, (image * (classes - 1)) * pixels + i)
            best, at = z[0], 0
            for c in range(1, classes):
                score = z[c * pixels]
                if score > best or (score != score and best == best):
                    best, at = score, c
            correct += at == targets[i]
        _count(args, cell, correct)


def count_signs(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """How often (score > 0) == (target > 0.5). Slots: 0..3 of ``_count``, 4 scores, 5 targets (second type), 6 n."""
    scores, targets, n = pointer(args, 4), second(args, 5), integer(args, 6)
    for cell in range(lo, hi):
        correct = 0
        for i in range(cell * 4096, min(n, (cell + 1) * 4096)):
            correct += (scores[i] > 0) == (targets[i] > 0.5)
        _count(args, cell, correct)


def add_counts(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = total + sum of the partial counts. One cell. Slots: 0..3 of ``_count``."""
    partial, s = doubles(args, 2), doubles(args, 1)[0]
    for cell in range(integer(args, 3)):
        s += partial[cell]
    doubles(args, 0)[0] = s
