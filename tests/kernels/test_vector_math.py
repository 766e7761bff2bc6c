"""The vector functions against NumPy or SciPy in higher precision, in units in the last place."""

import functools

import numpy as np
import pytest
from scipy import special


def exact_normal(x):
    """P(Z < x): SciPy's in float64; in more digits a series of positive terms, or beyond 2 a continued fraction."""
    if x.dtype == np.float64:
        return special.ndtr(x)
    a = np.minimum(np.abs(x), 50)
    high = np.round(a * 2**20) / 2**20  # whose square is exact
    bell = np.exp(-high * high / 2) * np.exp((high - a) * (high + a) / 2) / np.sqrt(8 * np.arctan(x.dtype.type(1)))
    term = total = np.minimum(a, 3)
    fraction = tail = np.maximum(a, 2)
    for k in range(1, 150):
        term = term * np.minimum(a, 3) ** 2 / (2 * k + 1)
        total = total + term
        fraction = tail + (150 - k) / fraction
    below = np.where(a < 2, 0.5 - bell * total, bell / fraction)
    return np.where(x > 0, np.where(a < 2, 0.5 + bell * total, 1 - bell / fraction), below)


def exact_erf(x):
    """SciPy's in float64; in more digits the same two ways."""
    if x.dtype == np.float64:
        return special.erf(x)
    a = np.minimum(np.abs(x), 30)
    term = total = np.minimum(a, 3)
    for k in range(1, 150):
        term = term * 2 * np.minimum(a, 3) ** 2 / (2 * k + 1)
        total = total + term
    series = total * np.exp(-a * a) / np.sqrt(np.arctan(x.dtype.type(1)))
    return np.sign(x) * np.where(a < 2, series, 1 - 2 * exact_normal(-a * np.sqrt(x.dtype.type(2))))


# Functions that neither overflow nor cancel in higher precision; the bounds are those of the module's docstring.
EXACT = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x))),
    "erf": exact_erf,
    "gelu": lambda x: x * np.where(x < -45, 0, exact_normal(x)),
    "sin": np.sin,
    "cos": np.cos,
}
BOUNDS = {
    "exp": (1, 1),
    "expm1": (2, 2),
    "log": (0.8, 0.9),
    "log1p": (2.5, 2.5),
    "tanh": (1.5, 1.5),
    "sigmoid": (2.5, 2.5),
    "erf": (1.5, 1.5),
    "gelu": (5, 5),
    "sin": (0.6, 1),
    "cos": (0.6, 1),
}
SIN_LIMITS = {np.float32: 2.0**27, np.float64: 2.0**20}
WIDER = {np.float32: np.float64, np.float64: np.longdouble}
CASES = [(name, dtype, BOUNDS[name][i]) for name in EXACT for i, dtype in enumerate(WIDER)]


OF_VECTORS = ("erf", "gelu")  # the others are functions of one number, of which LLVM makes vectors


@functools.cache
def loop(name):
    """The function over an array, compiled as kernels are."""
    import numba

    from fastdl._kernels import compiler, vector_math, vector_sin

    function = getattr({"sin": vector_sin, "cos": vector_sin}.get(name, vector_math), name)
    f = compiler.inline(lambda x: function(x))

    def over_array(x, y):
        for i in range(x.size):
            y[i] = f(x[i])

    return numba.njit(**compiler.OPTIONS)(over_array)


@pytest.fixture
def evaluate(launch):
    def over(name, x):
        if name in OF_VECTORS:
            return launch.each(name, x)
        y = np.empty_like(x)
        loop(name)(x, y)
        return y

    return over


def everywhere(name, dtype):
    """A sweep over all finite numbers of the type, and many where the function is interesting."""
    rng = np.random.default_rng(0)
    if dtype is np.float32:
        x = (np.arange(1 << 22, dtype=np.uint64) * 1024 + 511).astype(np.uint32).view(np.float32)
    else:
        x = rng.integers(0, 1 << 64, 1 << 18, dtype=np.uint64).view(np.float64)
    near = [rng.standard_normal(1 << 17), rng.uniform(-750, 750, 1 << 17), rng.uniform(-110, 110, 1 << 17)]
    if name in ("sin", "cos"):
        near += [rng.uniform(-1e6, 1e6, 1 << 19), np.arange(1, 1 << 17) * (np.pi / 2)]
    if name in ("erf", "gelu"):
        near = [part / 20 for part in near] + near[:1]
        x = x[: 1 << 14] if dtype is np.float64 else x
    x = np.concatenate([x[np.isfinite(x)], *(part.astype(dtype) for part in near)])
    limits = {"log1p": x >= -1, "sin": np.abs(x) <= SIN_LIMITS[dtype], "cos": np.abs(x) <= SIN_LIMITS[dtype]}
    return np.abs(x) if name == "log" else x[limits.get(name, slice(None))]


@pytest.mark.parametrize(("name", "dtype", "bound"), CASES)
def test_error_in_units_in_the_last_place(evaluate, name, dtype, bound):
    wide = WIDER[dtype]
    if np.finfo(wide).nmant < np.finfo(dtype).nmant + 8:
        pytest.skip("NumPy has no higher precision than float64 here")
    x = everywhere(name, dtype)
    y = evaluate(name, x)
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(wide))
        rounded = exact.astype(dtype)
    finite = np.isfinite(rounded) & np.isfinite(y)
    np.testing.assert_array_equal(y[~finite], rounded[~finite])
    # The distance between neighbours in the binade of the exact value; below the normal numbers it stays the same.
    info = np.finfo(dtype)
    exponent = np.maximum(np.frexp(exact[finite])[1] - 1, info.minexp) - info.nmant
    error = np.abs(y[finite].astype(wide) - exact[finite]) / np.ldexp(wide(1), exponent)
    assert error.max() <= bound, (x[finite][error.argmax()], error.max())


SPECIAL = {  # at 0, 1, -1, inf, -inf, nan
    "exp": (1, np.e, 1 / np.e, np.inf, 0, np.nan),
    "expm1": (0, np.e - 1, 1 / np.e - 1, np.inf, -1, np.nan),
    "log": (-np.inf, 0, np.nan, np.inf, np.nan, np.nan),
    "log1p": (0, np.log(2), -np.inf, np.inf, np.nan, np.nan),
    "tanh": (0, np.tanh(1), -np.tanh(1), 1, -1, np.nan),
    "sigmoid": (0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.e), 1, 0, np.nan),
    "erf": (0, special.erf(1), -special.erf(1), 1, -1, np.nan),
    "gelu": (0, special.ndtr(1), -special.ndtr(-1), np.inf, np.nan, np.nan),
    "sin": (0, np.sin(1), -np.sin(1), np.nan, np.nan, np.nan),
    "cos": (1, np.cos(1), np.cos(1), np.nan, np.nan, np.nan),
}


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", EXACT)
def test_special_values(evaluate, name, dtype):
    y = evaluate(name, np.array([0, 1, -1, np.inf, -np.inf, np.nan], dtype))
    np.testing.assert_allclose(y, np.array(SPECIAL[name], dtype), rtol=4 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("dtype", WIDER)
def test_subnormal_numbers(evaluate, dtype):
    tiny = np.finfo(dtype).smallest_subnormal * np.array([1, 2, 3, 1000], dtype)
    for name in ("expm1", "log1p", "sin", "tanh"):
        np.testing.assert_array_equal(evaluate(name, tiny), tiny)
        np.testing.assert_array_equal(evaluate(name, -tiny), -tiny)
    for name in ("exp", "sigmoid"):
        np.testing.assert_array_equal(evaluate(name, tiny), EXACT[name](tiny))
    np.testing.assert_allclose(evaluate("log", tiny), np.log(tiny), rtol=np.finfo(dtype).eps)
    bottom = np.log(tiny)  # whose exp and sigmoid are subnormal
    for name in ("exp", "sigmoid"):
        relative = np.abs(evaluate(name, bottom) / EXACT[name](bottom.astype(WIDER[dtype])) - 1)
        assert (relative < 0.51 / np.array([1, 2, 3, 1000])).all()


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", EXACT)
def test_vectors_and_single_elements_agree(evaluate, name, dtype):
    """Where a loop leaves its vectors depends on the array's size: the bits may not."""
    x = np.abs(np.random.default_rng(1).standard_normal(100) * 3).astype(dtype)
    y = evaluate(name, x)
    for start in range(0, 40, 3):
        for size in (1, 2, 5, 11, 16, 23, 50):
            np.testing.assert_array_equal(evaluate(name, x[start : start + size].copy()), y[start : start + size])


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", OF_VECTORS)
def test_groups_of_vectors_and_stores_past_the_cache(launch, name, dtype):
    """Where a group of vectors starts and ends may change no bit, and nothing outside may be touched."""
    x = np.random.default_rng(1).standard_normal(300).astype(dtype)
    y = launch.each(name, x)
    room = np.empty(400, dtype)
    for start in (0, 1, 5, 16):
        for size in (0, 1, 3, 8, 24, 63, 64, 65, 250):
            for past in (False, True):
                room[:] = 7
                target = room[start : start + size]
                launch.each(name, x[start : start + size], past, target)
                np.testing.assert_array_equal(target, y[start : start + size])
                assert (room[:start] == 7).all() and (room[start + size :] == 7).all()


@pytest.mark.parametrize("dtype", WIDER)
def test_the_largest_of_many(launch, dtype):
    """Wherever it stands and however many there are; a NaN may be passed over, an infinity may not."""
    rng = np.random.default_rng(0)
    for n in (*range(1, 20), 63, 64, 65, 100, 200):
        x = rng.standard_normal(n).astype(dtype) - 5
        for place in {0, n // 2, n - 1}:
            for top in (3, np.inf, -np.inf):
                x[place] = top
                assert launch.largest(x) == x.max()
    assert launch.largest(np.full(50, -np.inf, dtype)) == -np.inf
    x = np.array([np.nan, *range(70)], dtype)[::-1].copy()
    assert launch.largest(x) == 69 or np.isnan(launch.largest(x))
