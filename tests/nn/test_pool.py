"""Pooling and padding layers: options, text, saving, shapes, what they refuse."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn

LAYERS = [
    (nn.MaxPool2d(3, stride=2, dilation=2, ceil_mode=True), "MaxPool2d(3, stride=2, dilation=2, ceil_mode=True)", 9),
    (nn.MaxPool1d(3, padding=1, layout="NWC"), "MaxPool1d(3, padding=1, layout='NWC')", 9),
    (nn.AvgPool2d((2, 3), ceil_mode=True), "AvgPool2d([2, 3], ceil_mode=True)", 9),
    (nn.AvgPool1d(3, stride=1, count_include_pad=False), "AvgPool1d(3, stride=1, count_include_pad=False)", 9),
    (nn.AdaptiveAvgPool2d((2, None)), "AdaptiveAvgPool2d([2, None])", 9),
    (nn.AdaptiveAvgPool2d((3, 3)), "AdaptiveAvgPool2d(3)", 9),
    (nn.AdaptiveAvgPool1d(4, layout="NWC"), "AdaptiveAvgPool1d(4, layout='NWC')", 9),
    (nn.AdaptiveMaxPool2d(2, layout="NHWC"), "AdaptiveMaxPool2d(2, layout='NHWC')", 9),
    (nn.AdaptiveMaxPool1d(4), "AdaptiveMaxPool1d(4)", 9),
    (nn.GlobalAvgPool2d(), "GlobalAvgPool2d()", 9),
    (nn.GlobalAvgPool1d(layout="NWC"), "GlobalAvgPool1d(layout='NWC')", 9),
    (nn.GlobalMaxPool2d(), "GlobalMaxPool2d()", 9),
    (nn.GlobalMaxPool1d(), "GlobalMaxPool1d()", 9),
    (nn.ZeroPad2d((1, 2, 0, 3)), "ZeroPad2d([1, 2, 0, 3])", 9),
    (nn.ReflectionPad2d(2), "ReflectionPad2d(2)", 9),
    (nn.ReplicationPad2d([1, 1, 1, 1], layout="NHWC"), "ReplicationPad2d(1, layout='NHWC')", 9),
    (nn.CircularPad2d((3, 0, 0, 0)), "CircularPad2d([3, 0, 0, 0])", 9),
]


@pytest.mark.parametrize("layer, text, size", LAYERS, ids=[text for _, text, _ in LAYERS])
def test_text_and_file_make_the_layer_again(layer, text, size, tmp_path):
    assert sorted(repr(layer)) == sorted(text)  # the options may stand in another order
    again = eval(repr(layer), {name: getattr(nn, name) for name in nn.__all__})
    fd.save(nn.Sequential(layer), tmp_path / "model.safetensors")
    (loaded,) = fd.load(tmp_path / "model.safetensors")
    shape = (2, size, size) if "1d" in text else (2, size, size, size)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for other in (again, loaded):
        assert type(other) is type(layer) and other.config() == layer.config()
        np.testing.assert_array_equal(other(x), layer(x))
    assert nn.LAYERS[type(layer).__name__] is type(layer)


def test_layouts_agree():
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 7)).astype(np.float32)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    for make in (
        lambda **o: nn.MaxPool2d(3, stride=2, padding=1, **o),
        lambda **o: nn.AdaptiveAvgPool2d((4, 3), **o),
        lambda **o: nn.GlobalMaxPool2d(**o),
        lambda **o: nn.ReflectionPad2d((1, 2, 3, 0), **o),
    ):
        y = make(layout="NHWC")(last).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(y, make()(x))


def test_padding_is_left_right_top_bottom():
    x = np.ones((1, 1, 2, 3), np.float32)
    assert nn.ZeroPad2d((1, 2, 3, 4))(x).shape == (1, 1, 9, 6)
    np.testing.assert_array_equal(nn.ZeroPad2d((1, 0, 0, 0))(x)[0, 0], [[0, 1, 1, 1], [0, 1, 1, 1]])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.MaxPool2d(2, ceil_mode=1), TypeError, "MaxPool2d: ceil_mode is 1; expected True or False"),
        (lambda: nn.MaxPool2d(2, dilation=0), ValueError, "MaxPool2d: dilation is 0"),
        (lambda: nn.MaxPool1d((2, 2)), TypeError, "MaxPool1d: kernel_size is (2, 2); expected an integer"),
        (
            lambda: nn.MaxPool1d(3, padding=2),
            ValueError,
            "MaxPool1d: padding is 2; expected at most half of kernel_size 3",
        ),
        (
            lambda: nn.AvgPool1d(3, layout="NCHW"),
            ValueError,
            "AvgPool1d: layout is 'NCHW' (did you mean 'NCW'?); expected one of 'NCW', 'NWC'",
        ),
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), TypeError, "AdaptiveAvgPool2d: output_size is (1, 2, 3)"),
        (lambda: nn.AdaptiveAvgPool2d(0), ValueError, "AdaptiveAvgPool2d: output_size is 0; expected at least 1"),
        (lambda: nn.AdaptiveMaxPool1d((2,)), TypeError, "AdaptiveMaxPool1d: output_size is (2,); expected an integer"),
        (lambda: nn.ZeroPad2d((1, 2)), TypeError, "expected an integer or (left, right, top, bottom)"),
        (lambda: nn.ZeroPad2d(-1), ValueError, "ZeroPad2d: padding is -1"),
        (lambda: nn.ZeroPad2d(1)(np.ones((3, 3), np.float32)), ValueError, "expected four dimensions, NCHW"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)
