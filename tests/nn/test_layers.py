"""Each layer: options, shapes, results by hand, what it says when something is wrong."""

import numpy as np
import pytest

from fastdl import functional as F
from fastdl import nn

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((2, 4, 6, 6)).astype(np.float32)


@pytest.mark.parametrize(
    "layer, text",
    [
        (nn.Dense(2, 3), "Dense(2, 3)"),
        (nn.Linear(2, 3, bias=False, dtype="float64"), "Dense(2, 3, bias=False, dtype='float64')"),
        (nn.Conv2d(4, 8, 3), "Conv2d(4, 8, 3)"),
        (
            nn.Conv2d(4, 8, (3, 3), stride=(2, 2), padding="same", groups=2),
            "Conv2d(4, 8, 3, stride=2, padding='same', groups=2)",
        ),
        (nn.Conv2d(4, 8, (3, 5), padding=(1, 2), layout="NHWC"), "Conv2d(4, 8, [3, 5], padding=[1, 2], layout='NHWC')"),
        (nn.Conv2d(4, 8, 3, padding=((1, 2), [1, 2])), "Conv2d(4, 8, 3, padding=[[1, 2], [1, 2]])"),
        (nn.Conv2d(4, 8, 3, padding=((1, 1), (2, 3))), "Conv2d(4, 8, 3, padding=[[1, 1], [2, 3]])"),
        (nn.Conv2d(4, 8, 3, padding=((1, 1), (2, 2))), "Conv2d(4, 8, 3, padding=[1, 2])"),
        (nn.MaxPool2d(2), "MaxPool2d(2)"),
        (nn.MaxPool2d((2, 3), stride=1, padding=1), "MaxPool2d([2, 3], stride=1, padding=1)"),
        (nn.AvgPool2d(3, stride=3, count_include_pad=False), "AvgPool2d(3, count_include_pad=False)"),
        (nn.ReLU(), "ReLU()"),
        (nn.Tanh(), "Tanh()"),
        (nn.Sigmoid(), "Sigmoid()"),
        (nn.Softmax(), "Softmax()"),
        (nn.LogSoftmax(1), "LogSoftmax(axis=1)"),
        (nn.Identity(), "Identity()"),
        (nn.MultiheadAttention(8, 2), "MultiheadAttention(8, 2)"),
        (
            nn.MultiheadAttention(8, 2, dropout=0.5, bias=False, kdim=3, dtype="float64"),
            "MultiheadAttention(8, 2, dropout=0.5, bias=False, kdim=3, dtype='float64')",
        ),
        (nn.Dropout(), "Dropout()"),
        (nn.Dropout(0.25), "Dropout(p=0.25)"),
        (nn.Flatten(), "Flatten()"),
        (nn.Flatten(2), "Flatten(start_dim=2)"),
        (nn.Rescale(0.5), "Rescale(0.5)"),
        (nn.Rescale(0.5, 1, dtype="float64"), "Rescale(0.5, shift=1.0, dtype='float64')"),
    ],
)
def test_repr_is_code_that_makes_the_layer(layer, text):
    assert repr(layer) == text
    again = eval(text, {name: getattr(nn, name) for name in nn.__all__})
    assert again.config() == layer.config() and repr(again) == text
    assert type(layer)(**layer.config()).config() == layer.config()
    assert nn.LAYERS[type(layer).__name__] is type(layer)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: nn.Dense(0, 1), ValueError, "Dense: in_features is 0; expected an integer of at least 1"),
        (lambda: nn.Dense(2.0, 1), TypeError, "Dense: in_features is 2.0; expected an integer"),
        (lambda: nn.Dense(True, 1), TypeError, "Dense: in_features is True"),
        (lambda: nn.Dense(1, 1, bias=1), TypeError, "Dense: bias is 1; expected True or False"),
        (lambda: nn.Dense(1, 1, dtype="int32"), TypeError, "Dense: dtype is 'int32'; expected float32 or float64"),
        (lambda: nn.Dense(1, 1, dtype="banana"), TypeError, "Dense: dtype is 'banana'"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "Conv2d: groups is 2; expected a divisor of in_channels 3"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), ValueError, "padding is 'full'; expected one of 'same', 'valid'"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), ValueError, "Conv2d: padding is -1; expected at least 0"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), TypeError, "kernel_size is (3, 3, 3); expected an integer or (height"),
        (lambda: nn.Conv2d(3, 4, 0), ValueError, "Conv2d: kernel_size is 0; expected at least 1"),
        (
            lambda: nn.Conv2d(3, 4, 3, layout="CHW"),
            ValueError,
            "layout is 'CHW' (did you mean 'NCHW'?); expected one of 'NCHW', 'NHWC'",
        ),
        (lambda: nn.MaxPool2d(2, padding=2), ValueError, "padding is 2; expected at most half of kernel_size 2"),
        (lambda: nn.AvgPool2d("2"), TypeError, "AvgPool2d: kernel_size is '2'"),
        (lambda: nn.AvgPool2d(2, count_include_pad=None), TypeError, "count_include_pad is None"),
        (lambda: nn.Dropout(1), ValueError, "Dropout: p is 1; expected 0 <= p < 1"),
        (lambda: nn.Dropout("0.5"), TypeError, "Dropout: p is '0.5'; expected a number"),
        (lambda: nn.Dropout(float("nan")), ValueError, "Dropout: p is nan; expected a finite number"),
        (lambda: nn.Flatten(-1), ValueError, "Flatten: start_dim is -1"),
        (lambda: nn.Rescale([1]), TypeError, "Rescale: scale is [1]; expected a number"),
        (lambda: nn.ReLU(inplace=True), TypeError, "ReLU: there is no argument inplace; layers never change"),
        (lambda: nn.Softmax(0.5), TypeError, "Softmax: axis is 0.5; expected an integer"),
        (lambda: nn.Sequential(nn.ReLU), TypeError, "Sequential: layer 0 is the class ReLU; write nn.ReLU(...)"),
        (
            lambda: nn.Sequential(nn.ReLU(), F.relu),
            TypeError,
            "Sequential: layer 1 is a function; expected an nn.Module",
        ),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, "layer 0 is a list; write nn.Sequential(*layers)"),
        (lambda: nn.ModuleList(nn.ReLU()), TypeError, "ModuleList: layers is a ReLU; expected a list"),
    ],
)
def test_options_are_checked(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


def test_dense():
    layer = nn.Dense(3, 2, dtype=np.float64)
    x = RNG.standard_normal((4, 5, 3))
    np.testing.assert_allclose(layer(x), x @ layer.weight.T + layer.bias, rtol=1e-13)
    plain = nn.Dense(3, 2, bias=False)
    assert plain.bias is None and list(plain.state_dict()) == ["weight"]
    assert nn.Linear is nn.Dense


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_conv2d(layout):
    layer = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2, layout=layout)
    assert layer.weight.shape == (6, 2, 3, 2)
    x = IMAGES if layout == "NCHW" else IMAGES.transpose(0, 2, 3, 1)
    expected = F.conv2d(IMAGES, layer.weight, layer.bias, stride=(2, 1), padding=(1, 0), groups=2)
    y = layer(x)
    np.testing.assert_allclose(y if layout == "NCHW" else y.transpose(0, 3, 1, 2), expected, atol=1e-6)
    assert nn.Conv2d(4, 6, 1, bias=False).bias is None


def test_pooling():
    blocks = IMAGES.reshape(2, 4, 3, 2, 3, 2)
    np.testing.assert_array_equal(nn.MaxPool2d(2)(IMAGES), blocks.max(axis=(3, 5)))
    np.testing.assert_allclose(nn.AvgPool2d(2)(IMAGES), blocks.mean(axis=(3, 5)), atol=1e-6)
    assert nn.AvgPool2d(3, stride=2, padding=1)(IMAGES).shape == (2, 4, 3, 3)
    last = np.ascontiguousarray(IMAGES.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(nn.MaxPool2d(2, layout="NHWC")(last), blocks.max(axis=(3, 5)).transpose(0, 2, 3, 1))


def test_activations():
    x = np.float64([[-1, 0, 2]])
    np.testing.assert_array_equal(nn.ReLU()(x), [[0, 0, 2]])
    np.testing.assert_allclose(nn.Tanh()(x), np.tanh(x))
    np.testing.assert_allclose(nn.Sigmoid()(x), 1 / (1 + np.exp(-x)))
    np.testing.assert_allclose(nn.Softmax()(x), np.exp(x) / np.exp(x).sum())
    np.testing.assert_allclose(nn.Softmax(axis=0)(x), [[1, 1, 1]])
    np.testing.assert_allclose(nn.LogSoftmax()(x), np.log(np.exp(x) / np.exp(x).sum()))


def test_flatten():
    assert nn.Flatten()(IMAGES).shape == (2, 144)
    assert nn.Flatten(2)(IMAGES).shape == (2, 4, 36)
    assert nn.Flatten(0)(IMAGES).shape == (288,)
    assert nn.Flatten()(np.zeros((0, 3, 4), np.float32)).shape == (0, 12)
    assert nn.Flatten()(np.zeros(5, np.float32)).shape == (5, 1)
    with pytest.raises(ValueError, match=r"Flatten: x has shape \(5,\); expected at least 2 dimensions"):
        nn.Flatten(2)(np.zeros(5, np.float32))


def test_rescale_converts_bytes():
    y = nn.Rescale(1 / 255)(np.uint8([[0, 255]]))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, [[0, 1]], rtol=1e-6)
    assert nn.Rescale(2, shift=-1, dtype=np.float64)(np.float32([1])).tolist() == [1]


def test_sequential_as_a_list():
    layers = [nn.Dense(2, 3), nn.ReLU(), nn.Dense(3, 1)]
    model = nn.Sequential(*layers)
    assert len(model) == 3 and list(model) == layers and model[-1] is layers[2]
    assert isinstance(model[:2], nn.Sequential) and list(model[:2]) == layers[:2]
    assert model.append(nn.Tanh()) is model and len(model) == 4
    with pytest.raises(IndexError):
        model[4]
    empty = nn.Sequential()
    assert empty and len(empty) == 0 and empty(IMAGES) is IMAGES


def test_an_error_names_the_layer():
    model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.ReLU(), nn.Dense(7, 2)))
    with pytest.raises(ValueError) as caught:
        model(IMAGES)
    assert str(caught.value).startswith("layer 1, Sequential: layer 1, Dense(7, 2): dense: ")
    assert "144" in str(caught.value)


def test_nested_repr():
    model = nn.Sequential(nn.Sequential(nn.Dense(1, 2)), nn.ModuleList([nn.ReLU()]), nn.Sequential())
    assert repr(model) == (
        "Sequential(\n  (0): Sequential(\n    (0): Dense(1, 2)\n  )\n  (1): ModuleList(\n    (0): ReLU()\n  )\n"
        "  (2): Sequential()\n)"
    )
