"""Inputs and targets brought to mean 0 and standard deviation 1."""

import numpy as np
import pytest

from fastdl.cli.standardizer import Standardizer
from fastdl.datasets import DataError


def test_tables_and_images():
    rng = np.random.default_rng(0)
    for shape in ((50, 3), (50, 3, 4, 5)):
        X = (rng.standard_normal(shape) * 7 + 100).astype(np.float32)
        Z = Standardizer.fit(X).transform(X)
        axes = (0, *range(2, X.ndim))
        assert Z.dtype == np.float32
        np.testing.assert_allclose(Z.mean(axis=axes, dtype=float), 0, atol=1e-6)
        np.testing.assert_allclose(Z.std(axis=axes, dtype=float), 1, atol=1e-6)


def test_constant_features_become_zero_whatever_comes_later():
    X = np.float32([[0.1, 1], [0.1, 2], [0.1, 4]])
    standardizer = Standardizer.fit(X)
    assert standardizer.scale[0] == 0
    assert standardizer.transform(np.float32([[5e30, 1]]))[0, 0] == 0


def test_the_inverse():
    y = np.random.default_rng(0).standard_normal((20, 1)) * 1e-3 + 2020
    standardizer = Standardizer.fit(y)
    np.testing.assert_allclose(standardizer.inverse(standardizer.transform(y)), y, rtol=1e-9)


def test_numbers_that_cannot_be_standardised():
    with pytest.raises(DataError, match="too large"):
        Standardizer.fit(np.array([[1e200], [-1e200]]))
    with pytest.raises(DataError, match=r"feature 0 of row 1 is 1e\+10, beyond comparison"):
        Standardizer((0.0,), (1e-30,)).transform(np.float32([[1e-30], [1e10]]))
    with pytest.raises(DataError, match="expected 2 features"):
        Standardizer((0.0, 0.0), (1.0, 1.0)).transform(np.zeros((2, 3)))


NONE = [
    None,
    {},
    {"mean": [0]},
    {"mean": [0], "scale": [-1]},
    {"mean": [0], "scale": [1, 1]},
    {"mean": [float("nan")], "scale": [1]},
    {"mean": 0, "scale": 1},
]


@pytest.mark.parametrize("data", NONE)
def test_descriptions_that_are_none(data):
    with pytest.raises(DataError, match="to_dict"):
        Standardizer.from_dict(data)
