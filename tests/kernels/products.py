"""Products of blocks by the micro-kernel against NumPy, for the tests and for the processes that they start."""

import ctypes
import itertools

import numpy as np

from fastdl._kernels import Kernel
from fastdl._kernels.machine import panel

CANARY = 12345.0
BOUND = {"float32": 2e-6, "float64": 4e-15}


def block(dtype, **slots):
    """Run ``product.block``; the slots by name, as its docstring numbers them."""
    names = ("y", "stride_y", "a", "row_a", "step_a", "group_a", "table_a", "b", "stride_b", "panel_b", "groups")
    names += ("table_b", "rows", "columns", "depth", "mode", "bias", "relu", "null")
    values = {
        "table_a": 0,
        "table_b": 0,
        "groups": 1,
        "group_a": 0,
        "mode": 0,
        "bias": 0,
        "relu": 0,
        "null": 0,
        **slots,
    }
    arguments = np.array([_place(values.pop(name)) for name in names], np.int64)
    assert not values
    kernel = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(Kernel("product", "block").address(dtype))
    kernel(arguments.ctypes.data, 0, 1, 0)


def _place(value):
    return value.ctypes.data if isinstance(value, np.ndarray) else value


def close(got, expected, terms, dtype):
    np.testing.assert_allclose(got, expected, rtol=0, atol=BOUND[dtype] * (1 + np.sqrt(terms)) * 2)


def check(dtype, rows, columns, depth, *, mode=0, relu=False, packed=False, whole=False, transposed=False):
    """One product; memory around y must stay as it is. ``whole`` panels have zeros behind the end; then rows of y lie
    side by side."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((depth, rows) if transposed else (rows, depth)).astype(dtype)
    b = rng.standard_normal((depth, columns)).astype(dtype)
    bias = rng.standard_normal(max(rows, columns)).astype(dtype)
    around = np.full((rows + 40, columns + (0 if whole else 40)), CANARY, dtype)
    y = around[20:-20, :columns] if whole else around[20:-20, 3 : 3 + columns]
    y[:] = rng.standard_normal(y.shape)
    product = (a.T if transposed else a).astype("float64") @ b
    start = [0, y.astype("float64"), bias[:columns], bias[:rows, None]][mode]
    expected = np.maximum(product + start, 0) if relu else product + start
    width = panel(a.itemsize)
    places = {"b": b, "stride_b": columns, "panel_b": width}
    if packed:
        behind = 0 if whole else np.nan  # lanes that are not used
        panels = np.full((-(-columns // width), depth, width), behind, dtype)
        for j in range(0, columns, width):
            panels[j // width, :, : min(width, columns - j)] = b[:, j : j + width]
        places = {"b": panels, "stride_b": width, "panel_b": depth * width}
    strides = (1, rows) if transposed else (depth, 1)
    block(
        dtype,
        y=y,
        stride_y=around.shape[1],
        a=a,
        row_a=strides[0],
        step_a=strides[1],
        rows=rows,
        columns=columns,
        depth=depth,
        mode=mode,
        bias=bias,
        relu=relu + 2 * (packed and whole),
        **places,
    )
    close(y, expected, depth, dtype)
    y[:] = CANARY
    assert (around == CANARY).all()


def check_groups(dtype):
    """A sum over groups of terms, with tables of where rows of a and groups of b start: a convolution of 2 x 3 taps."""
    rng = np.random.default_rng(1)
    channels, height, width, outputs = 5, 6, 40, 7
    x = rng.standard_normal((channels, height, width)).astype(dtype)
    w = rng.standard_normal((outputs, channels, 2, 3)).astype(dtype)
    taps = [(u, v) for u in range(2) for v in range(3)]
    table = np.array([u * width + v for u, v in taps], np.int64)
    rows = np.array([o * channels * 6 for o in reversed(range(outputs))], np.int64)
    columns = (height - 2) * width + width - 2
    y = np.empty((outputs, columns), dtype)
    places = {"a": w, "row_a": 0, "step_a": 6, "group_a": 1, "table_a": rows, "b": x, "stride_b": height * width}
    sizes = {"groups": 6, "table_b": table, "rows": outputs, "columns": columns, "depth": channels}
    block(dtype, y=y, stride_y=columns, panel_b=panel(x.itemsize), **places, **sizes)
    flat = x.reshape(channels, -1).astype("float64")
    expected = sum(w[::-1, :, u, v] @ flat[:, u * width + v :][:, :columns] for u, v in taps)
    close(y, expected, channels * 6, dtype)


def check_nan(dtype):
    """NaN and infinity come through, also through relu."""
    a, b = np.eye(3, dtype=dtype), np.zeros((3, 20), dtype)
    b[0, 1], b[1, 2], b[2, 3] = np.nan, np.inf, -np.inf
    y = np.empty((3, 20), dtype)
    places = {"row_a": 3, "step_a": 1, "stride_b": 20, "panel_b": panel(a.itemsize), "stride_y": 20}
    block(dtype, y=y, a=a, b=b, rows=3, columns=20, depth=3, relu=1, **places)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(y, np.maximum(a @ b, 0))


def check_all():
    """Every shape of tile, every kind of start, edges of all lengths."""
    for dtype in ("float32", "float64"):
        check_groups(dtype)
        check_nan(dtype)
        for rows, columns in itertools.product(
            (1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 25), (1, 3, 4, 8, 15, 16, 33, 48, 64)
        ):
            for mode in range(4):
                check(dtype, rows, columns, 9, mode=mode, relu=mode % 2 == 1, packed=mode > 1, transposed=rows % 2 == 0)
                check(dtype, rows, columns, 9, mode=mode, relu=mode > 1, packed=True, whole=True)
        check(dtype, 31, 200, 130)
        check(dtype, 31, 200, 130, packed=True)
        check(dtype, 31, 201, 130, packed=True, whole=True)
