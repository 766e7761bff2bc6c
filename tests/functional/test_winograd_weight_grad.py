"""The gradient to kernels of 3 x 3 taps by Winograd: its error bound, edges of tiles, both ways to cut the work, what
is not finite, when it pays. The direct sum in float64 is the measure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl import reference
from fastdl._kernels import threads
from fastdl.functional import _winograd_weight_grad as winograd

U = {np.float32: 2.0**-24, np.float64: 2.0**-53}  # the rounding unit
LARGE = (8, 32, 28, 28), 64  # by default not summed directly
SINGLE = np.dtype(np.float32)


def arrays(x, outputs, padding=1, dtype=np.float32, seed=0):
    """Images, and a gradient of the result."""
    rng = np.random.default_rng(seed)
    (top, bottom), (left, right) = padding if isinstance(padding, tuple) else ((padding, padding),) * 2
    g = x[0], outputs, x[2] + top + bottom - 2, x[3] + left + right - 2
    return [rng.standard_normal(shape).astype(dtype) for shape in (x, g)]


def gradient(x, g, padding=1, layout="NCHW"):
    channels = 1 if layout == "NCHW" else 3
    weight = np.zeros((g.shape[channels], x.shape[channels], 3, 3), x.dtype)
    return F.conv2d_backward(g, x, weight, padding=padding, layout=layout)[1]


def check_bound(found, x, g, padding=1):
    """At most 32 units of rounding of the largest sum of |g x|."""
    dtype = found.dtype.type
    with fd.precision("strict"):
        expected = gradient(x.astype(np.float64), g.astype(np.float64), padding)
        size = gradient(abs(x.astype(np.float64)), abs(g.astype(np.float64)), padding).max(initial=0)
    if dtype == np.float64:  # the measure errs, too
        size *= 2
    error = np.abs(found - expected).max(initial=0)
    assert error <= 32 * U[dtype] * size, f"{error / U[dtype] / size} units"


LAYERS = [
    ((1, 16, 8, 8), 16, 1),
    ((2, 16, 7, 7), 64, 1),  # a last row of tiles of 3 pixels
    ((3, 24, 9, 13), 40, 0),  # neither channels nor pixels fill vectors
    ((2, 17, 30, 20), 72, 2),  # zeros on both sides
    ((2, 64, 14, 14), 130, 1),  # several blocks of channels
    ((1, 128, 12, 9), 128, 1),  # tiles kept apart by a line of the cache
    ((1, 16, 5, 300), 16, 1),  # a row of tiles in pieces
    ((2, 20, 4, 3), 17, 1),
    ((1, 16, 1, 1), 16, 1),
    ((3, 16, 3, 3), 16, 0),  # results of one pixel
    ((16, 32, 28, 28), 32, 0),  # chunks of tiles
    ((13, 19, 30, 33), 20, 1),  # chunks of unequal size, strips that begin within an image
    ((4, 16, 20, 600), 17, 1),  # chunks of pieces of rows
    ((13, 136, 27, 26), 140, 1),  # blocks of channels for some of the strips at a time
    ((1, 16, 6, 6), 16, ((0, 3), (2, 0))),
    ((2, 16, 5, 7), 16, ((11, 9), (13, 30))),  # tiles of zeros alone
    ((0, 16, 5, 7), 16, 1),
]


@pytest.mark.parametrize("dtype", U)
@pytest.mark.parametrize(("x", "outputs", "padding"), LAYERS)
def test_the_error_is_bounded(x, outputs, padding, dtype):
    x, g = arrays(x, outputs, padding, dtype)
    with fd.precision("winograd"):
        found = gradient(x, g, padding)
    assert found.dtype == dtype
    check_bound(found, x, g, padding)
    if x.size:
        with fd.precision("strict"):
            assert not np.array_equal(found, gradient(x, g, padding))  # it was not summed directly


@given(
    images=st.integers(1, 3),
    channels=st.tuples(st.integers(16, 40), st.integers(16, 70)),
    height=st.integers(1, 20),
    length=st.integers(1, 20),
    padding=st.integers(1, 2),
    layout=st.sampled_from(["NCHW", "NHWC"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape(images, channels, height, length, padding, layout, seed):
    x, g = arrays((images, channels[0], height, length), channels[1], padding, seed=seed)
    with fd.precision("winograd"):
        if layout == "NHWC":
            turned = [np.ascontiguousarray(a.transpose(0, 2, 3, 1)) for a in (x, g)]
            found = gradient(*turned, padding, layout)
        else:
            found = gradient(x, g, padding)
    check_bound(found, x, g, padding)


@pytest.mark.parametrize("shape", [((2, 128, 20, 20), 32), ((16, 32, 28, 28), 32)])
@pytest.mark.parametrize("scale", ["positive", "spiky"])
def test_the_bound_holds_for_numbers_of_one_sign_and_of_many_sizes(scale, shape):
    x, g = arrays(*shape)
    x, g = (abs(x), abs(g)) if scale == "positive" else (x**5, g**3)
    with fd.precision("winograd"):
        found = gradient(x, g)
    check_bound(found, x, g)


# Blocks of channels, chunks of tiles, blocks of channels for some of the strips at a time.
CUTS = [((2, 16, 11, 14), 20), ((4, 24, 30, 28), 32), ((12, 136, 28, 28), 136)]


@pytest.mark.parametrize("shape", CUTS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["image", "gradient"])
def test_what_is_not_finite_comes_through_as_in_the_formula(where, value, shape):
    x, g = arrays(*shape)
    (x if where == "image" else g)[1, 3, 0, 0] = value  # a corner is not below all taps
    x[0, 5, 4, 4] = 0 if where == "gradient" else value
    with fd.precision("winograd"), np.errstate(all="ignore"):
        found = gradient(x, g)
    with fd.precision("strict"):
        np.testing.assert_array_equal(found, gradient(x, g))
    some = [0, 3], [0, 3, 5]  # channels; a pair of them is a sum of its own
    weight = np.zeros((2, 3, 3, 3), np.float32)
    expected = reference.conv2d_backward(g[:, some[0]], x[:, some[1]], weight, padding=1)[1]
    found = found[np.ix_(*some)]
    finite = np.isfinite(expected)
    assert finite.any() and not finite.all()
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    np.testing.assert_allclose(found[finite], expected[finite], rtol=0, atol=1e-5 * np.abs(expected[finite]).max())


@pytest.mark.parametrize("shape", CUTS)
def test_what_a_call_leaves_in_memory_does_not_reach_the_next(shape):
    x, g = arrays(*shape)
    with fd.precision("winograd"):
        before = gradient(x, g)
        gradient(np.full_like(x, np.nan), g)
        np.testing.assert_array_equal(gradient(x, g), before)


def test_sums_that_do_not_overflow_are_right_where_the_transform_overflows():
    x, g = arrays((1, 16, 9, 9), 16)
    x[0, 2, 3:7, 3:7] = 2e38
    g *= 1e-3
    with fd.precision("winograd"):
        found = gradient(x, g)
    assert np.isfinite(found).all()
    with fd.precision("strict"):
        np.testing.assert_array_equal(found, gradient(x, g))


@pytest.mark.parametrize(("x", "outputs", "padding"), [LAYERS[4], LAYERS[5], *LAYERS[10:14]])
def test_the_same_bits_for_any_number_of_threads(x, outputs, padding):
    x, g = arrays(x, outputs, padding)
    with fd.precision("winograd"):
        results = []
        for n in (1, threads.most()):
            with fd.threads(n):
                results.append(gradient(x, g, padding))
    np.testing.assert_array_equal(*results)


class TestPrecision:
    def test_strict_sums_directly(self):
        x, g = arrays(*LARGE)
        with fd.precision("winograd"):
            quick = gradient(x, g)
        np.testing.assert_array_equal(gradient(x, g), quick)
        with fd.precision("strict"):
            direct = gradient(x, g)
        assert not np.array_equal(direct, quick)
        np.testing.assert_allclose(direct, quick, rtol=0, atol=1e-5 * np.abs(direct).max())

    def test_gradients_of_the_gradient(self):
        x, g = arrays((2, 32, 12, 12), 32)
        direction = np.random.default_rng(1).standard_normal((32, 32, 3, 3)).astype(np.float32)

        def projected(x):
            return F.sum(F.conv2d_backward(g, x, direction, padding=1)[1] * direction)

        with fd.precision("strict"):
            expected = fd.grad(projected)(x)
        np.testing.assert_allclose(fd.grad(projected)(x), expected, rtol=0, atol=1e-4)


class TestWhenItPays:
    @pytest.mark.parametrize(
        "size",
        [((64, 32, 28), 32), ((64, 32, 13), 64), ((8, 64, 56), 64), ((8, 256, 14), 256), ((8, 512, 7), 512)],
    )
    def test_layers_of_networks(self, size):
        (n, c, h), o = size
        assert winograd.pays(winograd.Filtering(n, c, o, h, h, h, h, 1, 1, False), SINGLE)

    def test_not_for_few_channels_few_tiles_or_float64(self):
        def sizes(n, c, h, o):
            return winograd.Filtering(n, c, o, h, h, h, h, 1, 1, False)

        assert not winograd.pays(sizes(8, 3, 56, 64), SINGLE)
        assert not winograd.pays(sizes(8, 64, 56, 3), SINGLE)
        assert not winograd.pays(sizes(1, 512, 4, 512), SINGLE)
        assert not winograd.pays(sizes(8, 64, 56, 64), np.dtype(np.float64))

    @pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 2}, {"groups": 2}])
    def test_other_convolutions_are_summed_directly(self, options):
        x, weight = (
            np.zeros((4, 64, 28, 28), np.float32),
            np.zeros((64, 64 // options.get("groups", 1), 3, 3), np.float32),
        )
        y = F.conv2d(x, weight, padding=1, **options)
        parts = fd.explain(F.conv2d_backward, y, x, weight, padding=1, **options).parts
        assert "Winograd" not in parts[1].algorithm
