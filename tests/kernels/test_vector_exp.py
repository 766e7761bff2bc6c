"""The exponential of whole vectors, in units in the last place."""

import numpy as np
import pytest

from fastdl._kernels import Buffer, address_of

WIDER = {"float32": np.float64, "float64": np.longdouble}
LOWEST = {"float32": -126.5, "float64": -1022.5}  # powers of 2 below which results are 0


@pytest.fixture
def powers(launch):
    def run(x):
        y, z = np.full_like(x, 7), np.full_like(x, 7)
        program = launch.program(
            launch.own("powers"), [x.dtype.name], [*map(Buffer.external, range(3)), x.size], cells=1, bases=3
        )
        program.run([address_of(y), address_of(z), address_of(x)])
        np.testing.assert_array_equal(z, np.where(y == 0, -1, y))
        return y

    return run


@pytest.mark.parametrize("dtype", WIDER)
def test_error_in_units_in_the_last_place(powers, dtype):
    wide = WIDER[dtype]
    if np.finfo(wide).nmant < np.finfo(dtype).nmant + 8:
        pytest.skip("NumPy has no higher precision than float64 here")
    rng = np.random.default_rng(0)
    least = LOWEST[dtype] * np.log(2) + 1e-3
    parts = [
        rng.uniform(least, 0, 1 << 18),
        -(rng.uniform(0, 1, 1 << 16) ** 8),
        rng.uniform(least, 0.7 * -least, 1 << 16),
    ]
    x = np.concatenate(parts).astype(dtype)
    exact = np.exp(x.astype(wide))
    info = np.finfo(dtype)
    exponent = np.maximum(np.frexp(exact)[1] - 1, info.minexp) - info.nmant
    error = np.abs(powers(x).astype(wide) - exact) / np.ldexp(wide(1), exponent)
    assert error.max() <= 1, (x[error.argmax()], error.max())


@pytest.mark.parametrize("dtype", WIDER)
def test_the_ends_and_what_is_not_a_number(powers, dtype):
    least = LOWEST[dtype] * np.log(2)
    x = np.array([0, -np.inf, np.nan, least - 0.01, 10 * least, -1e30, -1e-30, -np.nan] * 2, dtype)
    np.testing.assert_array_equal(powers(x), [1, 0, np.nan, 0, 0, 0, 1, np.nan] * 2)
