"""Convolutions of shapes at which the direct kernels go different ways, beside the naive reference."""

import ctypes
import mmap

import numpy as np

import fastdl as fd
from fastdl import functional as F
from fastdl import reference

# x, weight, stride, padding, dilation, groups
CASES = {
    "its own planes, whole vectors": ((2, 3, 8, 16), (5, 3, 1, 1), 1, 0, 1, 1),
    "its own planes, a last vector over the one before": ((2, 3, 7, 9), (5, 3, 3, 2), 1, 0, 1, 1),
    "less than a vector": ((1, 2, 2, 3), (3, 2, 2, 2), 1, 0, 1, 1),
    "channels a page apart": ((1, 3, 32, 32), (2, 3, 1, 1), 1, 0, 1, 1),
    "rows that share zeros": ((2, 3, 9, 13), (4, 3, 3, 3), 1, 1, 1, 1),
    "zeros wider than the kernel": ((1, 2, 4, 5), (3, 2, 2, 2), 1, 3, 1, 1),
    "one tap and zeros": ((1, 3, 6, 40), (2, 3, 1, 1), (3, 2), 2, 1, 1),
    "rows taken apart": ((1, 3, 9, 70), (4, 3, 3, 3), 2, 1, 1, 1),
    "planes of a line, phases of one tap": ((1, 3, 1, 21), (8, 3, 1, 3), (1, 2), 0, 1, 1),
    "planes of a line, phases of one tap, both ways": ((1, 3, 8, 6), (16, 3, 3, 3), 2, 0, 1, 1),
    "phases without a tap": ((1, 2, 11, 37), (3, 2, 2, 1), 3, 0, 1, 1),
    "phases in order": ((1, 4, 5, 40), (6, 4, 1, 2), (1, 3), (0, 3), (1, 2), 1),
    "rows written without a tile": ((1, 2, 5, 260), (3, 2, 3, 3), 1, 1, 1, 1),
    "rows cut into pieces": ((1, 64, 1, 1100), (2, 64, 1, 3), 1, (0, 1), 1, 1),
    "groups": ((2, 6, 10, 11), (9, 2, 3, 3), 1, 1, 2, 3),
    "a sum over channels in parts": ((1, 150, 4, 5), (3, 150, 3, 3), 1, 1, 1, 1),
    "several panels of output channels": ((1, 3, 4, 5), (150, 3, 2, 3), 1, 1, 1, 1),
    "many channels and several strips": ((2, 3, 40, 41), (40, 3, 5, 5), 1, 2, 1, 1),
    "many channels, rows cut into pieces": ((1, 24, 1, 1100), (40, 24, 1, 3), 1, 0, 1, 1),
    "many channels, a stride, sums in parts": ((1, 70, 9, 11), (33, 70, 3, 3), 2, 1, 1, 1),
    "many channels, a stride, rows without a tile": ((1, 2, 5, 133), (34, 2, 3, 5), 2, (1, 2), 1, 1),
    "few channels, several blocks of sums": ((2, 3, 9, 33), (7, 3, 3, 3), 1, 0, 1, 1),
    "few channels, rows cut into pieces": ((2, 2, 2, 2500), (3, 2, 2, 3), 1, (0, 1), 1, 1),
    "few channels, a stride and groups": ((3, 4, 30, 37), (8, 2, 5, 4), (2, 3), 2, 1, 2),
    "few taps": ((2, 1, 20, 40), (40, 1, 3, 3), 1, 1, 1, 1),
    "a copy for each column of taps": ((2, 2, 9, 13), (33, 2, 3, 3), 1, 1, 1, 1),
    "a copy for each column of taps, a stride": ((2, 1, 21, 23), (40, 1, 5, 7), 2, 3, 1, 1),
    "rows of taps for terms": ((2, 1, 9, 17), (5, 1, 4, 3), 1, (2, 1), (3, 2), 1),
    "rows of taps for terms, a stride down": ((1, 2, 12, 17), (6, 1, 4, 2), (2, 1), 1, 1, 2),
    "depthwise, several stripes": ((2, 3, 13, 83), (3, 1, 3, 3), 1, 1, 1, 3),
    "depthwise, less than a vector": ((2, 3, 5, 3), (3, 1, 3, 3), 1, 1, 1, 3),
    "depthwise, zeros wider than the taps": ((1, 2, 6, 21), (2, 1, 3, 3), 1, 3, 1, 2),
    "depthwise, taps apart": ((1, 2, 9, 37), (2, 1, 3, 3), 1, (2, 4), (2, 4), 2),
    "depthwise, no zeros": ((2, 2, 6, 35), (2, 1, 3, 3), 1, 0, 1, 2),
    "sums in chunks": ((4, 1, 40, 41), (3, 1, 2, 2), 1, 1, 1, 1),
}


def check(name, dtype):
    shape, kernel, stride, padding, dilation, groups = CASES[name]
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal(shape).astype(dtype), rng.standard_normal(kernel).astype(dtype)
    bias = rng.standard_normal(kernel[0]).astype(dtype)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y = F.conv2d(x, weight, bias, **options)
    g = rng.standard_normal(y.shape).astype(dtype)
    ours = (y, *F.conv2d_backward(g, x, weight, bias, **options))
    x, weight, bias, g = (a.astype("float64") for a in (x, weight, bias, g))
    wanted = (
        reference.conv2d(x, weight, bias, **options),
        *reference.conv2d_backward(g, x, weight, bias, **options),
    )
    for found, exact in zip(ours, wanted, strict=True):
        scale = max(1, np.abs(exact).max())
        assert np.abs(found - exact).max() <= (2e-5 if dtype == "float32" else 1e-13) * scale, name


def check_all():
    for name in CASES:
        for dtype in ("float32", "float64"):
            check(name, dtype)


def check_edge(name, dtype):
    """No number beyond the end of an array is read into a result, and none is written."""
    shape, kernel, stride, padding, dilation, groups = CASES[name]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def between_nans(shape):
        size = int(np.prod(shape))
        memory = np.full(size + 256, np.nan, dtype)
        memory[128 : 128 + size] = 1
        return memory, memory[128 : 128 + size].reshape(shape)

    (_, x), (_, weight), (_, bias) = between_nans(shape), between_nans(kernel), between_nans(kernel[:1])
    memory, y = between_nans(F.conv2d(x, weight, bias, **options).shape)
    F.conv2d(x, weight, bias, **options, out=y)
    assert np.isfinite(y).all() and np.isnan(memory[:128]).all() and np.isnan(memory[-128:]).all()
    _, g = between_nans(y.shape)
    assert all(np.isfinite(d).all() for d in F.conv2d_backward(g, x, weight, bias, **options))


def check_threads(name, dtype):
    """The same bits with one thread and two."""
    shape, kernel, stride, padding, dilation, groups = CASES[name]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal(shape).astype(dtype), rng.standard_normal(kernel).astype(dtype)
    results = []
    for count in (1, 2):
        with fd.threads(count):
            y = F.conv2d(x, weight, None, **options)
            results.append((y, *F.conv2d_backward(y, x, weight, None, **options)[:2]))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def check_guarded():
    """Images, results and weights lie against pages that may not be touched: before them, then behind them."""
    for name, (shape, kernel, stride, padding, dilation, groups) in CASES.items():
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal(size).astype("float32") for size in (shape, kernel, kernel[:1])]
        y = F.conv2d(*arrays, **options)
        wanted = (y, *F.conv2d_backward(y, *arrays, **options))
        for at_end in (False, True):
            x, weight, bias, g, out = (guarded(a, at_end) for a in (*arrays, y, np.zeros_like(y)))
            F.conv2d(x, weight, bias, **options, out=out)
            found = (out, *F.conv2d_backward(g, x, weight, bias, **options))
            assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True)), name


def guarded(array, at_end):
    """A copy that starts behind, or ends before, a page that may not be touched."""
    page = mmap.PAGESIZE
    nbytes = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, nbytes + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for place in (start, start + page + nbytes):
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(place), page, 0) == 0
    first = page + (nbytes - array.nbytes if at_end else 0)
    copy = np.frombuffer(memory, array.dtype, array.size, first).reshape(array.shape)
    copy[...] = array
    return copy
