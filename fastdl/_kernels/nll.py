"""Kernels of the loss of given log-probabilities and of its gradient.

Letters: z log-probabilities, t targets, w weights of classes, g gradient of the loss. Slots: 0..10 those of
``class_losses`` and, of the gradient, of ``class_gradients``; 11 targets of an image, 12 classes, 13 cells of an image,
14 step from target to target, 15 step from class to class. Rows are one image: a cell is up to 512 targets of it.
"""

from .block import integer, integers, number, pointer, shift, stack
from .class_gradients import divisor_of
from .class_losses import store


def nll(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """-w z[t], 0 for ignored targets."""
    inner, classes, chunks, ignored = integer(args, 11), integer(args, 12), integer(args, 13), integer(args, 8)
    step, class_step, w, weighted = integer(args, 14), integer(args, 15), pointer(args, 7), integer(args, 7) != 0
    losses = stack(args, 512)
    for cell in range(lo, hi):
        image, first = cell // chunks, cell % chunks * 512
        count, start = min(512, inner - first), image * inner + first
        z, t = shift(pointer(args, 5), image * classes * inner + first * step), shift(integers(args, 6), start)
        sum_of_weights = number(args, 0)
        for j in range(count):
            k, losses[j] = t[j], 0
            if k == ignored:
                continue
            if 0 <= k < classes:
                share = w[k] if weighted else number(args, 1)
                losses[j] = -share * z[j * step + k * class_step]
                sum_of_weights += share
            else:
                integers(args, 9)[0] = integer(args, 10)
        store(args, cell, losses, count, start, sum_of_weights)


def nll_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """dz = -w [c = t] g / divisor, 0 for ignored targets. There are no log-probabilities in slot 5."""
    inner, classes, chunks, ignored = integer(args, 11), integer(args, 12), integer(args, 13), integer(args, 8)
    step, class_step, w, weighted = integer(args, 14), integer(args, 15), pointer(args, 7), integer(args, 7) != 0
    divisor, g_step = divisor_of(args), integer(args, 3)
    for cell in range(lo, hi):
        image, first = cell // chunks, cell % chunks * 512
        count, start = min(512, inner - first), image * inner + first
        y, t = shift(pointer(args, 0), image * classes * inner + first * step), shift(integers(args, 6), start)
        g = shift(pointer(args, 2), start * g_step)
        if class_step == 1:
            for i in range(count * classes):
                y[i] = 0
        else:
            for c in range(classes):
                plane = shift(y, c * class_step)
                for j in range(count):
                    plane[j] = 0
        for j in range(count):
            k = t[j]
            if k == ignored:
                continue
            if 0 <= k < classes:
                share = w[k] if weighted else number(args, 1)
                y[j * step + k * class_step] = -share * g[j * g_step] / divisor
            else:
                integers(args, 9)[0] = integer(args, 10)
