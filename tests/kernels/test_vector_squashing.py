"""tanh, the logistic function and the loss of yes-or-no targets on whole vectors, in units in the last place."""

import numpy as np
import pytest

from fastdl._kernels import Buffer, address_of

WIDER = {"float32": np.float64, "float64": np.longdouble}
BOUNDS = {"tanh": 3, "sigmoid": 2.5, "loss": 3, "slope": 2.5}


def exact(x, t):
    """In higher precision, in which nothing cancels: t is 0 or 1."""
    small = np.exp(-np.abs(x))
    away = np.where(t > 0.5, -x, x)  # the loss is log(1 + e**away), the slope +-s(away)
    slope = np.where(away > 0, 1, small) / (1 + small)
    return {
        "tanh": np.tanh(x),
        "sigmoid": np.where(x < 0, small, 1) / (1 + small),
        "loss": np.maximum(away, 0) + np.log1p(small),
        "slope": np.where(t > 0.5, -slope, slope),
    }


@pytest.fixture
def squashed(launch):
    def run(x, t):
        results = [np.full_like(x, 7) for _ in BOUNDS]
        arrays = [*results, x, t]
        program = launch.program(
            launch.own("squash"), [x.dtype.name], [*map(Buffer.external, range(6)), x.size], cells=1, bases=6
        )
        program.run([address_of(a) for a in arrays])
        return dict(zip(BOUNDS, results, strict=True))

    return run


@pytest.mark.parametrize("dtype", WIDER)
def test_error_in_units_in_the_last_place(squashed, dtype):
    wide, info = WIDER[dtype], np.finfo(dtype)
    if np.finfo(wide).nmant < info.nmant + 8:
        pytest.skip("NumPy has no higher precision than float64 here")
    rng = np.random.default_rng(0)
    end = 80 if dtype == "float32" else 700
    x = np.concatenate([rng.uniform(-end, end, 1 << 16), rng.uniform(-1, 1, 1 << 16), rng.uniform(-1, 1, 1 << 16) ** 9])
    x, t = x.astype(dtype), rng.integers(0, 2, x.size).astype(dtype)
    for name, right in exact(x.astype(wide), t).items():
        exponent = np.maximum(np.frexp(right)[1] - 1, info.minexp) - info.nmant
        error = np.abs(squashed(x, t)[name].astype(wide) - right) / np.ldexp(wide(1), exponent)
        assert error.max() <= BOUNDS[name], (name, x[error.argmax()], t[error.argmax()], error.max())


@pytest.mark.parametrize("dtype", WIDER)
def test_the_ends_and_what_is_not_a_number(squashed, dtype):
    x = np.array([0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30, -np.nan] * 2, dtype)
    y = squashed(x, np.full(16, 0.5, dtype))
    np.testing.assert_array_equal(y["tanh"], np.array([0, 1, -1, np.nan, 1, -1, 1e-30, np.nan] * 2, dtype))
    np.testing.assert_array_equal(y["sigmoid"], [0.5, 1, 0, np.nan, 1, 0, 0.5, np.nan] * 2)
    np.testing.assert_array_equal(y["slope"], [0, 0.5, -0.5, np.nan, 0.5, -0.5, 0, np.nan] * 2)
    loss = np.array([np.log(2), np.inf, np.inf, np.nan, 5e29, 5e29, np.log(2), np.nan] * 2)
    np.testing.assert_allclose(y["loss"], loss, rtol=1e-6)


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", ["sigmoid", "power"])
def test_the_smallest_results_have_their_digits(launch, name, dtype):
    """Also those below the smallest normal number, down to 0."""
    wide, info = WIDER[dtype], np.finfo(dtype)
    if np.finfo(wide).nmant < info.nmant + 8:
        pytest.skip("NumPy has no higher precision than float64 here")
    end = np.log(float(info.smallest_subnormal)) * 1.02
    x = np.random.default_rng(0).uniform(end, 0, 1 << 16).astype(dtype)
    right = np.exp(x.astype(wide)) / (1 + np.exp(x.astype(wide)) if name == "sigmoid" else 1)
    exponent = np.maximum(np.frexp(right)[1] - 1, info.minexp) - info.nmant
    error = np.abs(launch.each(name, x).astype(wide) - right) / np.ldexp(wide(1), exponent)
    assert error.max() <= {"sigmoid": 2.5, "power": 1}[name], (x[error.argmax()], error.max())
    assert (launch.each(name, x) == 0).any()
    ends = launch.each(name, np.array([-np.inf, -1e30, np.nan, 0], dtype))
    np.testing.assert_array_equal(ends, [0, 0, np.nan, 0.5 if name == "sigmoid" else 1])
