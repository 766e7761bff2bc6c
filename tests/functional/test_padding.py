"""pad beyond what the walk over the registry sees: NumPy's results, refusals, second derivatives, recorded np.pad."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import ops, testing

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "padding",
    [
        0,
        1,
        (1, 0),
        ((0, 1),),
        ((0, 0), (2, 1), (0, 0)),
        ((1, 1), (0, 2), (3, 0)),
        ((0, 0), (0, 0), (2, 3)),
        np.int64(1),
    ],
)
def test_as_numpy_pads(padding, mode, dtype):
    x = X.astype(dtype)
    y = F.pad(x, padding, mode=mode)
    np.testing.assert_array_equal(y, np.pad(x, padding, MODES[mode]))
    assert y.dtype == dtype and not np.shares_memory(x, y)


def test_the_constant():
    np.testing.assert_array_equal(F.pad(X, ((0, 0), (1, 2), (3, 0)), value=-np.inf)[0, 0], [-np.inf] * 7)
    np.testing.assert_array_equal(F.pad(np.empty((0, 2)), 1, value=2), np.full((2, 4), 2.0))
    np.testing.assert_array_equal(F.pad(np.float64(3), 2), 3)
    assert F.pad(np.empty((3, 0), np.float32), ((1, 1), (0, 0)), mode="reflect").shape == (5, 0)


def test_the_gradient_adds_up_what_went_to_several_places():
    for mode, expected in (
        ("reflect", [3, 12, 6]),
        ("replicate", [6, 4, 11]),
        ("circular", [9, 5, 7]),
        ("constant", None),
    ):
        (dx,) = F.pad_backward(np.float64([1, 2, 3, 4, 5, 6]), np.zeros(3), (2, 1), mode=mode)
        np.testing.assert_array_equal(dx, [3, 4, 5] if expected is None else expected)


@pytest.mark.parametrize("mode", MODES)
def test_second_derivatives(mode):
    x = np.random.default_rng(0).standard_normal((3, 4))
    padding = ((2, 1), (0, 3))

    def gradient(x):
        y, pullback = fd.vjp(lambda x: F.power(F.pad(x, padding, mode=mode), 2), x)
        return pullback(F.pad(x, padding, mode=mode))[0]

    testing.check_grad(fd.compile(gradient), x)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_bits_with_two_threads(mode):
    x = np.random.default_rng(0).standard_normal((16, 70, 300)).astype(np.float32)
    padding = ((0, 0), (9, 3), (5, 7))
    grad = np.random.default_rng(1).standard_normal((16, 82, 312)).astype(np.float32)
    with fd.threads(1):
        alone = F.pad(x, padding, mode=mode), F.pad_backward(grad, x, padding, mode=mode)[0]
    with fd.threads(2):
        together = F.pad(x, padding, mode=mode), F.pad_backward(grad, x, padding, mode=mode)[0]
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.pad(X, ((0, 0), (3, 0), (0, 0)), mode="reflect"), ValueError, r"axis 1 is \(3, 0\).*at most 2"),
        (lambda: F.pad(X, ((0, 3), (0, 0), (0, 0)), mode="circular"), ValueError, r"axis 0 is \(0, 3\).*at most 2"),
        (lambda: F.pad(np.empty((0, 2)), 1, mode="replicate"), ValueError, "axis 0 .*at most 0"),
        (lambda: F.pad(X, -1), ValueError, "padding is -1; expected at least 0"),
        (lambda: F.pad(X, 0.5), TypeError, "padding is 0.5; expected an integer, a pair"),
        (lambda: F.pad(X, (1, (2, 3))), TypeError, "padding is .*; expected an integer, a pair"),
        (lambda: F.pad(X, None), TypeError, "padding is None"),
        (lambda: F.pad(X, ((1, 1), (2, 2))), ValueError, r"x \(2, 3, 4\); expected .* each of the 3 axes"),
        (lambda: F.pad(X, 1, mode="edge"), ValueError, "mode is 'edge'; expected one of 'constant', 'reflect'"),
        (lambda: F.pad(X, 1, value="0"), TypeError, "value is '0'; expected a number"),
        (lambda: F.pad_backward(X, X, 1), ValueError, r"grad has shape \(2, 3, 4\); expected \(4, 5, 6\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_no_axes_take_no_pairs():
    assert F.pad(np.array(3.0), []) == 3 and F.pad(np.array(3.0), 1).shape == ()


def test_every_nan_is_the_same_value():
    F.pad(X, 1, value=float("nan"))
    made = ops._eager_program.cache_info().misses
    assert np.isnan(F.pad(X, 1, value=float("nan"))[0]).all()
    assert ops._eager_program.cache_info().misses == made


@pytest.mark.parametrize("mode", MODES.values())
def test_recorded_tensors_take_np_pad(mode):
    options = {"constant_values": 2.5} if mode == "constant" else {}
    found = fd.compile(lambda x: np.pad(x, ((0, 1), (1, 0), (2, 2)), mode, **options))(X)
    np.testing.assert_array_equal(found, np.pad(X, ((0, 1), (1, 0), (2, 2)), mode, **options))
    np.testing.assert_array_equal(fd.compile(lambda x: np.pad(x, 1))(X), np.pad(X, 1))


def test_other_modes_of_np_pad_are_refused():
    with pytest.raises(
        ValueError, match="np.pad: mode is 'mean'; expected one of 'constant', 'reflect', 'edge', 'wrap'"
    ):
        fd.compile(lambda x: np.pad(x, 1, "mean"))(X)
