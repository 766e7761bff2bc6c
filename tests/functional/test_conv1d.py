"""conv1d beyond what the walk over the registry sees: it is conv2d of height 1, and speaks of lines."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F

DTYPES = (np.float32, np.float64)


def drawn(dtype, *shapes):
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, shape).astype(dtype) for shape in shapes]


def test_by_hand():
    x, weight = np.float32([[[1, 2, 4, 8]]]), np.float32([[[-1, 1]]])
    np.testing.assert_array_equal(F.conv1d(x, weight, np.float32([5])), [[[6, 7, 9]]])
    np.testing.assert_array_equal(F.conv1d(x, weight, padding="same"), [[[1, 2, 4, -8]]])
    np.testing.assert_array_equal(F.conv1d(x, weight, padding=(1, 0), stride=(2,)), [[[1, 2]]])
    dx, dweight, dbias = F.conv1d_backward(np.float32([[[1, 10, 100]]]), x, weight, np.float32([5]))
    np.testing.assert_array_equal(dx, [[[-1, -9, -90, 100]]])
    np.testing.assert_array_equal(dweight, [[[421, 842]]])
    np.testing.assert_array_equal(dbias, [111])


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_conv2d_of_height_1_in_both_layouts(dtype):
    x, weight, bias = drawn(dtype, (3, 4, 50), (6, 2, 5), (6,))
    options = {"stride": 2, "dilation": 3, "groups": 2, "padding": 4}
    y = F.conv1d(x, weight, bias, **options)
    wide = {"stride": (1, 2), "dilation": (1, 3), "groups": 2, "padding": (0, 4)}
    np.testing.assert_array_equal(y, F.conv2d(x[:, :, None], weight[:, :, None], bias, **wide)[:, :, 0])
    last = F.conv1d(x.transpose(0, 2, 1), weight, bias, **options, layout="NWC")
    np.testing.assert_array_equal(last.transpose(0, 2, 1), y)


def test_a_plan_computes_the_same():
    x, weight, bias = drawn(np.float32, (2, 3, 20), (4, 3, 3), (4,))
    np.testing.assert_array_equal(fd.compile(F.conv1d)(x, weight, bias), F.conv1d(x, weight, bias))


@pytest.mark.parametrize("layout", ["NCW", "NWC"])
def test_out_and_strided_arguments(layout):
    x, weight = drawn(np.float64, (2, 6, 6), (6, 6, 3))
    x, weight = x[:, ::-1, ::-1], weight[::-1]
    y = F.conv1d(x.copy(), weight.copy(), layout=layout)
    out = np.full_like(y, np.nan)
    assert F.conv1d(x, weight, layout=layout, out=out) is out
    np.testing.assert_array_equal(out, y)


def ones(*shape):
    return np.ones(shape, np.float32)


ERRORS = [
    (
        lambda: F.conv1d(ones(8, 4, 32), ones(16, 3, 3)),
        r"conv1d: weight has 3 input channels, x has 4 \(x \(8, 4, 32\), weight \(16, 3, 3\)\); with groups=1",
    ),
    (lambda: F.conv1d(ones(8, 4, 3, 2), ones(16, 4, 3)), "x has shape .*; expected three dimensions, NCW"),
    (lambda: F.conv1d(ones(8, 4, 3), ones(16, 4, 3, 3)), r"expected three dimensions \(out, in/groups, kw\)"),
    (lambda: F.conv1d(ones(1, 1, 4), ones(1, 1, 3), dilation=2), "x has width 4, padded to 4; the kernel reaches over"),
    (lambda: F.conv1d(ones(1, 1, 5), ones(1, 1, 3), layout="NCHW"), "layout is 'NCHW'; expected one of 'NCW', 'NWC'"),
    (lambda: F.conv1d(ones(1, 1, 5), ones(1, 1, 3), padding=(0, -1)), r"padding is \(0, -1\); expected at least 0"),
    (lambda: F.conv1d(ones(1, 1, 5), ones(1, 1, 3), padding="full"), "padding is 'full'"),
    (lambda: F.conv1d(ones(1, 1, 5), ones(1, 1, 3), stride=0), "stride is 0; expected at least 1"),
    (lambda: F.conv1d(ones(1, 1, 5), ones(1, 1, 3), out=ones(1, 1, 4)), r"out has shape .*expected \(1, 1, 3\)"),
    (lambda: F.conv1d_backward(ones(1, 1, 4), ones(1, 1, 5), ones(1, 1, 3)), r"conv1d_backward: grad .*\(1, 1, 3\)"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("options", [{"stride": (1, 2)}, {"padding": (1, 2, 3)}, {"padding": 1.5}, {"dilation": "2"}])
def test_options_of_a_wrong_kind(options):
    (name,) = options
    with pytest.raises(TypeError, match=f"conv1d: {name} is .*expected an integer"):
        F.conv1d(ones(1, 1, 9), ones(1, 1, 3), **options)
