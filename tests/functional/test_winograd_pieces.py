"""Winograd's convolution of kernels of more than 3 x 3 taps, cut into pieces: the error of the result and of both
gradients, what is not finite, any shape, the same bits, when it pays. The direct sum in float64 is the measure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl import reference
from fastdl._kernels import threads

U = {np.float32: 2.0**-24, np.float64: 2.0**-53}  # the rounding unit
NETWORK = (64, 16, 14, 14), (32, 16, 5, 5), 2  # the second layer of ``fastdl train mnist5k``


def arrays(x, weight, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in (x, weight)]


def all_three(x, weight, padding, how="winograd", g=None):
    """The result, a gradient of it, the gradients to the images and to the weight."""
    with fd.precision(how):
        y = F.conv2d(x, weight, padding=padding)
        if g is None:
            g = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)
        return y, g, *F.conv2d_backward(g, x, weight, padding=padding)[:2]


def check(x, weight, padding):
    """At most 32 units of rounding of the largest sum of absolute values."""
    y, g, *gradients = all_three(x, weight, padding)
    direct, _, *direct_gradients = all_three(x, weight, padding, "strict", g)
    wide = [a.astype(np.float64) for a in (x, weight, g)]
    expected = all_three(*wide[:2], padding, "strict", wide[2])
    sizes = all_three(*map(np.abs, wide[:2]), padding, "strict", abs(wide[2]))
    unit = U[x.dtype.type] * (2 if x.dtype == np.float64 else 1)  # there the measure errs, too
    pairs = zip((y, *gradients), (expected[0], *expected[2:]), (sizes[0], *sizes[2:]), strict=True)
    for found, right, size in pairs:
        error = np.abs(found - right).max(initial=0)
        assert error <= 32 * unit * size.max(initial=0), f"{error / unit / size.max(initial=1)} units"
    if x.size and len(weight) >= 16:  # none of them was summed directly
        for found, sums in zip((y, *gradients), (direct, *direct_gradients), strict=True):
            assert not np.array_equal(found, sums)


LAYERS = [
    NETWORK,
    ((3, 16, 13, 9), (24, 16, 5, 5), 0),
    ((2, 17, 12, 15), (19, 17, 4, 6), 3),  # neither channels nor pixels fill vectors; pieces of one row, of whole ones
    ((2, 20, 9, 9), (70, 20, 3, 5), 1),  # pieces side by side
    ((2, 20, 9, 9), (16, 20, 6, 3), 1),  # and above each other
    ((1, 130, 8, 8), (40, 130, 5, 5), 4),  # weights transformed in chunks
    ((6, 16, 30, 33), (20, 16, 5, 5), 1),  # many strips
    ((13, 40, 17, 26), (72, 40, 5, 5), 2),  # many channels in the gradient to the weight
    ((1, 16, 9, 300), (16, 16, 4, 4), 1),  # a row of tiles in pieces
    ((2, 16, 6, 6), (16, 16, 5, 5), ((0, 3), (2, 0))),
    ((3, 18, 12, 17), (20, 18, 7, 7), 3),
    ((2, 16, 11, 10), (33, 16, 9, 9), ((4, 5), (0, 4))),
    ((2, 24, 13, 8), (16, 24, 7, 3), 1),
    ((2, 17, 9, 20), (18, 17, 3, 8), (1, 9)),
    ((2, 16, 5, 7), (16, 16, 6, 6), ((11, 9), (13, 30))),  # tiles of zeros alone
    ((2, 16, 1, 1), (16, 16, 5, 5), 2),
    ((0, 16, 9, 9), (16, 16, 5, 5), 2),
]


@pytest.mark.parametrize("dtype", U)
@pytest.mark.parametrize(("x", "weight", "padding"), LAYERS)
def test_the_error_is_bounded(x, weight, padding, dtype):
    check(*arrays(x, weight, dtype), padding)


@given(
    images=st.integers(1, 3),
    channels=st.tuples(st.integers(16, 40), st.integers(1, 40)),
    pixels=st.tuples(st.integers(9, 20), st.integers(9, 20)),
    taps=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    padding=st.integers(0, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape(images, channels, pixels, taps, padding, seed):
    check(*arrays((images, channels[0], *pixels), (channels[1], channels[0], *taps), seed=seed), padding)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["image", "weight", "gradient"])
def test_what_is_not_finite_comes_through_as_in_the_formula(where, value):
    x, weight = arrays((2, 16, 11, 14), (20, 16, 5, 5))
    y, g, *_ = all_three(x, weight, 2)
    place = {"image": x, "weight": weight, "gradient": g}[where]
    place[1, 3, 4, 4] = value
    weight[3, 4] = 0  # zero times infinity is NaN
    with np.errstate(all="ignore"):
        y, _, *gradients = all_three(x, weight, 2, g=g)
        direct, _, *direct_gradients = all_three(x, weight, 2, "strict", g)
    expected = reference.conv2d(x, weight, padding=2)
    for found, right in zip((y, y, *gradients), (expected, direct, *direct_gradients), strict=True):
        finite = np.isfinite(right)
        np.testing.assert_array_equal(found[~finite], right[~finite])
        size = np.abs(right[finite]).max(initial=0)
        np.testing.assert_allclose(found[finite], right[finite], rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize(("x", "weight", "padding"), [NETWORK, LAYERS[5], LAYERS[7]])
def test_the_same_bits_for_any_number_of_threads(x, weight, padding):
    results = []
    for n in (1, threads.most()):
        with fd.threads(n):
            results.append(all_three(*arrays(x, weight), padding))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("x", "weight", "padding"), [NETWORK, LAYERS[2], LAYERS[10]])
def test_a_weight_made_ready(x, weight, padding):
    x, weight = arrays(x, weight)
    handle = F.prepare(weight)
    assert handle._panels is not None and F.prepare(weight[..., :2])._panels is None
    with fd.precision("winograd"):
        found, expected = (F.conv2d(x, w, padding=padding) for w in (handle, weight))
    np.testing.assert_array_equal(found, expected)


def test_predictions_keep_the_transformed_weights():
    x, weight = arrays(*NETWORK[:2])
    model = fd.nn.Conv2d(16, 32, 5, padding=2)
    bias = np.zeros(32, np.float32)
    model.load_state_dict({"weight": weight, "bias": bias})
    found = model.predict(x, batch_size=16)
    np.testing.assert_array_equal(found[:16], F.conv2d(x[:16], weight, bias, padding=2))
    np.testing.assert_array_equal(found[-16:], F.conv2d(x[-16:], weight, bias, padding=2))


def test_when_it_pays():
    x, weight = arrays(*NETWORK[:2])
    g = np.zeros((64, 32, 14, 14), np.float32)
    parts = (
        fd.explain(F.conv2d, x, weight, padding=2).parts + fd.explain(F.conv2d_backward, g, x, weight, padding=2).parts
    )
    assert sum("Winograd" in part.algorithm for part in parts) == 3
    x, weight = arrays((64, 6, 14, 14), (16, 6, 5, 5))  # too few channels: LeNet's second layer
    assert not any("Winograd" in part.algorithm for part in fd.explain(F.conv2d, x, weight).parts)
    x, weight = arrays((8, 64, 28, 28), (64, 64, 7, 7))  # nine pieces
    (part,) = fd.explain(F.conv2d, x, weight).parts
    assert "Winograd" in part.algorithm and "41% of the multiplications" in part.why
    x, weight = arrays((8, 64, 28, 28), (64, 64, 10, 3))  # more than nine
    assert not any("Winograd" in part.algorithm for part in fd.explain(F.conv2d, x, weight).parts)
