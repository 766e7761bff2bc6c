"""expm1, log1p, sin, cos and erf: exact values, arguments beyond the vector code, NumPy's own functions recorded."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NAMES = ("expm1", "log1p", "sin", "cos")


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_as_numpy(name, dtype):
    x = np.random.default_rng(0).uniform(-0.9, 20, 1000).astype(dtype)
    np.testing.assert_allclose(getattr(F, name)(x), getattr(np, name)(x), rtol=4 * np.finfo(dtype).eps, atol=1e-30)


@pytest.mark.parametrize("name", NAMES)
def test_numpy_functions_are_recorded(name):
    x = np.random.default_rng(0).uniform(-0.9, 2, 30)
    function = getattr(np, name)
    y, pullback = fd.vjp(lambda x: function(x) * 1.0, x)
    np.testing.assert_allclose(y, function(x), rtol=1e-14)
    slopes = {"expm1": np.exp, "log1p": lambda x: 1 / (1 + x), "sin": np.cos, "cos": lambda x: -np.sin(x)}
    np.testing.assert_allclose(pullback(np.ones(30))[0], slopes[name](x), rtol=1e-13, atol=1e-14)


@BOTH
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_large_angles(name, dtype):
    """Beyond the vector code, also a single such number among small ones, and in place of the argument."""
    limit = 2.0**27 if dtype == np.float32 else 2.0**20
    x = np.random.default_rng(0).standard_normal(1000).astype(dtype)
    x[::37] *= dtype(1e30)
    x[5:12] = [limit, np.nextafter(dtype(limit), dtype(np.inf)), -limit, 3e38, -1e20, 1e9, 1e5]
    wide = x.astype(np.longdouble if dtype == np.float64 else np.float64)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(wide).astype(dtype)
    np.testing.assert_allclose(getattr(F, name)(x), expected, rtol=2 * np.finfo(dtype).eps, atol=1e-30)
    found = fd.compile(lambda x: getattr(F, name)(x * 1.0))(x)  # computed where its argument lay
    np.testing.assert_array_equal(found, getattr(F, name)(x))


@BOTH
def test_no_angle(dtype):
    x = np.array([0, np.inf, -np.inf, np.nan, 1], dtype)
    for name in ("sin", "cos"):
        np.testing.assert_array_equal(np.isnan(getattr(F, name)(x)), [False, True, True, True, False])


@BOTH
def test_ends_of_the_range(dtype):
    x = np.array([-np.inf, -2, -1, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(F.log1p(x), [np.nan, np.nan, -np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(F.expm1(x)[[0, 3, 4]], [-1, np.inf, np.nan])
    np.testing.assert_array_equal(F.erf(x)[[0, 3, 4]], [-1, 1, np.nan])
    tiny = np.array([1e-30, -1e-30], dtype)
    for name in ("expm1", "log1p", "sin"):
        np.testing.assert_array_equal(getattr(F, name)(tiny), tiny)
    np.testing.assert_allclose(F.erf(tiny), tiny * (2 / np.sqrt(np.pi)), rtol=2 * np.finfo(dtype).eps)


@BOTH
def test_errors(dtype):
    for name in (*NAMES, "erf"):
        with pytest.raises(TypeError, match=f"{name}: x has dtype int64; expected float32 or float64"):
            getattr(F, name)(np.arange(3))
