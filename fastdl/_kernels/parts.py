"""Sums that were cut into parts for want of other cells, added up: the same order for any number of threads."""

from .block import address, integer, number, pointer, shift


def add(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = s(sum over the parts of x, in order, + bias). x is (matrices, parts, n); a cell is 1024 elements of a matrix.

    Slots: y, x, parts, n, bias of each column or null, columns, s is relu.
    """
    y, x, parts, n = pointer(args, 0), pointer(args, 1), integer(args, 2), integer(args, 3)
    bias, columns, blocks = pointer(args, 4), integer(args, 5), -(-integer(args, 3) // 1024)
    for cell in range(lo, hi):
        matrix, start = cell // blocks, cell % blocks * 1024
        count = min(1024, n - start)
        target, source = shift(y, matrix * n + start), shift(x, matrix * parts * n + start)
        for i in range(count):
            target[i] = source[i]
        for part in range(1, parts):
            own = shift(source, part * n)
            for i in range(count):
                target[i] += own[i]
        if address(bias) != 0:
            for i in range(count):
                target[i] += bias[(start + i) % columns]
        if integer(args, 6):
            for i in range(count):
                target[i] = number(args, 0) if target[i] < 0 else target[i]
