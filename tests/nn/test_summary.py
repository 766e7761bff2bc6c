"""``model.summary()``: shapes without computing, and the totals of the lecture's networks."""

import numpy as np
import pytest

from fastdl import nn


def cnn():
    return nn.Sequential(
        nn.Rescale(1 / 255),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Dense(8 * 14 * 14, 10),
    )


def test_table():
    assert str(cnn().summary((1, 28, 28))) == (
        "layer  kind       output          parameters\n"
        "--------------------------------------------\n"
        "0      Rescale    (N, 1, 28, 28)           0\n"
        "1      Conv2d     (N, 8, 28, 28)          80\n"
        "2      ReLU       (N, 8, 28, 28)           0\n"
        "3      MaxPool2d  (N, 8, 14, 14)           0\n"
        "4      Flatten    (N, 1568)                0\n"
        "5      Dropout    (N, 1568)                0\n"
        "6      Dense      (N, 10)             15,690\n"
        "--------------------------------------------\n"
        "15,770 parameters, 63.1 kB as float32; input (N, 1, 28, 28)"
    )


def test_without_a_shape_and_at_a_prompt():
    summary = nn.Sequential(nn.Dense(2, 1)).summary()
    assert (
        repr(summary)
        == str(summary)
        == (
            "layer  kind   parameters\n------------------------\n0      Dense           3\n------------------------\n"
            "3 parameters, 12 bytes as float32"
        )
    )


def test_remembered_shape():
    model = nn.Sequential(nn.Dense(2, 1))
    model.input_shape = (2,)
    assert "(N, 1)" in model.summary() and "input (N, 2)" in model.summary()
    assert "(N, 1)" in model.summary(2)


def test_own_modules():
    class Net(nn.Module):
        def __init__(self):
            self.dense = nn.Dense(3, 4)
            self.unused = nn.Dense(3, 4)
            self.scale = nn.Parameter(np.ones(4, np.float32))

        def __call__(self, x):
            y = self.dense(x) * self.scale
            return y, y.reshape(-1), y[0]

    lines = Net().summary((3,)).splitlines()
    assert lines[2].split() == ["model", "Net", "(N,", "4)", "(4N,)", "(4,)", "4"]
    assert lines[3].split() == ["dense", "Dense", "(N,", "4)", "16"]
    assert lines[4].split() == ["unused", "Dense", "-", "16"]


def test_a_shape_that_does_not_fit():
    with pytest.raises(ValueError, match="layer 6, Dense"):
        cnn().summary((1, 32, 32))
    with pytest.raises(TypeError, match="summary: input_shape is 'a'"):
        cnn().summary("ab")


@pytest.mark.parametrize("sizes, count", [((2, 1), 3), ((2, 4, 1), 17), ((2, 10, 1), 41), ((2, 4, 2, 1), 25)])
def test_parameter_counts_of_the_lecture(sizes, count):
    model = nn.Sequential(*[nn.Dense(a, b) for a, b in zip(sizes, sizes[1:], strict=False)])
    assert model.num_parameters == count and model.summary((2,)).splitlines()[-1].startswith(f"{count} parameters")


def test_a_huge_model_is_summarised_without_memory():
    from fastdl import init

    with init.shapes_only():
        model = nn.Sequential(nn.Dense(10**6, 10**6))
    assert "1,000,001,000,000 parameters, 4.0 TB" in model.summary((10**6,))
