"""Drawing cases by the name of an op, and writing them out as code."""

import numpy as np
import pytest

from fastdl import testing
from fastdl.testing._cases import LAYOUTS
from fastdl.testing._code import literal


def test_an_unknown_op_names_the_close_ones():
    with pytest.raises(ValueError, match="no op named 'conv2'; did you mean .*conv2d"):
        testing.verify(np.add, "conv2")
    with pytest.raises(ValueError, match="no op named 'argmax_backward'; did you mean"):
        testing.verify(np.add, "argmax_backward")
    with pytest.raises(ValueError, match="no op named 'xyzzy'; expected a function of fastdl.functional"):
        testing.verify(np.add, "xyzzy")


def test_the_same_draw_each_time():
    (a,), _ = testing.draw("softmax", (1, 2), "float64")
    (b,), _ = testing.draw("softmax", (1, 2), "float64")
    np.testing.assert_array_equal(a, b)
    assert a.dtype == np.float64


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "uint8"])
def test_an_array_written_out_is_the_same_array(dtype):
    for shape in [(), (3,), (2, 0, 3), (2, 1, 3)]:
        x = np.random.default_rng(0).standard_normal(shape).astype(dtype) * np.array(1, dtype)
        if dtype.startswith("float") and x.size:
            x.flat[-1] = [-0.0, np.nan, np.inf, -np.inf, 1e-30, 1e30, 0.1, -3.0, 0.0][x.size % 9]
        again = eval(literal(np.asarray(x)), {"np": np})
        assert again.dtype == dtype and again.shape == shape
        np.testing.assert_array_equal(again, x)
        np.testing.assert_array_equal(np.signbit(again), np.signbit(x)) if dtype.startswith("float") else None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_holds_the_same_numbers_as_its_code(layout):
    arrange, code = LAYOUTS[layout]
    for shape in [(), (1,), (3, 4), (0, 2)]:
        x = np.random.default_rng(0).standard_normal(shape)
        arranged = arrange(x)
        np.testing.assert_array_equal(arranged, x)
        assert not np.shares_memory(arranged, x)
        if x.size > 1:
            written = eval(code.format(x="x"), {"np": np, "x": x})
            np.testing.assert_array_equal(written, x)
            assert written.strides == arranged.strides and written.flags.writeable == arranged.flags.writeable
