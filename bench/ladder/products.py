"""fastdl's product of blocks, called with arrays: ``product.block`` (its docstring numbers the slots)."""

import ctypes

import numpy as np

from fastdl._kernels import Kernel
from fastdl._kernels.machine import panel

_ROUTINE = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)


def block(y, a, b, offsets=None, packed=False):
    """A function that computes y = a b when it is called; all are matrices (or views whose rows are contiguous).

    With ``offsets`` it sums over groups: y = sum_g a[:, :, g] b_g, where a is (rows, terms, groups) and b_g starts
    offsets[g] numbers behind b. ``packed``: b is (panels, terms, columns of a panel).
    """
    itemsize, (rows, columns) = y.itemsize, y.shape
    table = np.zeros(1, np.int64) if offsets is None else np.asarray(offsets, np.int64)
    step_b, panel_b = (panel(itemsize), b.shape[1] * panel(itemsize)) if packed else (_step(b, 0), panel(itemsize))
    slots = [y.ctypes.data, _step(y, 0), a.ctypes.data, _step(a, 0), _step(a, 1), _step(a, 2) if a.ndim == 3 else 0, 0]
    slots += [b.ctypes.data, step_b, panel_b, table.size, table.ctypes.data, rows, columns, a.shape[1], 0, 0, 0, 0]
    memory, routine = np.array(slots, np.int64), _ROUTINE(Kernel("product", "block").address(y.dtype.name))

    def run(owners=(a, b, table)):  # which have to live as long as their addresses are used
        routine(memory.ctypes.data, 0, 1, 0)
        return y

    return run


def _step(array, axis):
    """Elements from place to place along an axis."""
    return array.strides[axis] // array.itemsize


def panels(b):
    """b in panels as wide as the micro-kernel's widest block, the terms of a panel behind each other."""
    terms, width = b.shape[0], panel(b.itemsize)
    packed = np.zeros((-(-b.shape[1] // width), terms, width), b.dtype)
    for j in range(0, b.shape[1], width):
        packed[j // width, :, : min(width, b.shape[1] - j)] = b[:, j : j + width]
    return packed
