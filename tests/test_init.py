"""Initial values: PyTorch's defaults, the seed, the usual distributions."""

import math

import numpy as np
import pytest

import fastdl as fd
from fastdl import init, nn


def test_seed_repeats_the_weights():
    fd.seed(3)
    first = nn.Sequential(nn.Dense(4, 5), nn.Conv2d(2, 3, 3)).state_dict()
    fd.seed(3)
    again = nn.Sequential(nn.Dense(4, 5), nn.Conv2d(2, 3, 3)).state_dict()
    fd.seed(4)
    other = nn.Sequential(nn.Dense(4, 5), nn.Conv2d(2, 3, 3)).state_dict()
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
        assert not np.array_equal(array, other[name])


def test_both_dtypes_start_from_the_same_values():
    fd.seed(0)
    single = nn.Dense(50, 50)
    fd.seed(0)
    double = nn.Dense(50, 50, dtype=np.float64)
    np.testing.assert_array_equal(single.weight, double.weight.astype(np.float32))


@pytest.mark.parametrize(
    "n, error", [(-1, ValueError), (1.0, TypeError), (None, TypeError), (True, TypeError), ("a", TypeError)]
)
def test_seed_checks(n, error):
    with pytest.raises(error, match=r"seed: n is .*; expected an integer"):
        fd.seed(n)


def _spread(values, low, high):
    """Uniform over [low, high]: bounds, mean and standard deviation within 5 sigma."""
    n, width = values.size, high - low
    assert values.min() >= low and values.max() <= high and values.max() - values.min() > 0.99 * width
    assert abs(values.mean() - (low + high) / 2) < 5 * width / math.sqrt(12 * n)
    assert abs(values.std() - width / math.sqrt(12)) < 5 * width / math.sqrt(12 * n)


def test_layers_start_as_pytorchs():
    fd.seed(0)
    dense = nn.Dense(100, 400)
    _spread(dense.weight, -0.1, 0.1)
    _spread(dense.bias, -0.1, 0.1)
    conv = nn.Conv2d(8, 400, (5, 5), groups=4)
    bound = 1 / math.sqrt(2 * 25)
    _spread(conv.weight, -bound, bound)
    _spread(conv.bias, -bound, bound)


def test_distributions():
    fd.seed(0)
    _spread(init.uniform(10000, -2, 3), -2, 3)
    _spread(init.xavier_uniform((60, 40), gain=2), -2 * math.sqrt(0.06), 2 * math.sqrt(0.06))
    _spread(init.kaiming_uniform((100, 12, 5)), -math.sqrt(0.1), math.sqrt(0.1))
    for values, std in (
        (init.normal((100, 100), 5, 0.1) - 5, 0.1),
        (init.xavier_normal((60, 140)), 0.1),
        (init.kaiming_normal((100, 8, 5, 5)), 0.1),
    ):
        assert abs(values.mean()) < 5 * std / math.sqrt(values.size)
        assert abs(values.std() - std) < 5 * std / math.sqrt(2 * values.size)
    assert init.zeros((2, 3)).tolist() == [[0] * 3] * 2 and init.ones(2).tolist() == [1, 1]
    assert init.constant((), 2.5, dtype=np.float64) == 2.5
    assert init.uniform(3).dtype == np.float32 and init.normal(3, dtype="float64").dtype == np.float64


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: init.uniform((2, -1)), ValueError, "uniform: shape is (2, -1)"),
        (lambda: init.uniform(2, 1, 0), ValueError, "uniform: low is 1.0, high is 0.0; expected low <= high"),
        (lambda: init.normal(2, std=-1), ValueError, "normal: std is -1; expected a finite number of at least 0"),
        (lambda: init.zeros(2, dtype="int8"), TypeError, "constant: dtype is 'int8'; expected float32 or float64"),
        (lambda: init.constant(2, "1"), TypeError, "constant: value is '1'; expected a number"),
        (lambda: init.xavier_uniform((3,)), ValueError, "fans: shape is (3,); expected (out, in, *kernel)"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


def test_assigning_initial_values():
    layer = nn.Dense(3, 4)
    layer.weight = init.xavier_uniform(layer.weight.shape)
    layer.bias = init.zeros(4)
    assert layer.bias.tolist() == [0] * 4


def test_shapes_only_takes_no_memory():
    with init.shapes_only():
        layer = nn.Dense(10**9, 10**9)
        assert init.is_shapes_only() and init.normal(10**12).shape == (10**12,)
    assert layer.weight.shape == (10**9, 10**9) and layer.weight.strides == (0, 0)
    assert not init.is_shapes_only() and nn.Dense(2, 2).weight.strides == (8, 4)
