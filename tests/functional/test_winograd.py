"""Winograd's convolution: its error bound, what is not finite, edges of tiles, both ways to cut the work, precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl import reference
from fastdl._kernels import threads
from fastdl.functional import _winograd

U = {np.float32: 2.0**-24, np.float64: 2.0**-53}  # the rounding unit
LARGE = (1, 128, 28, 28), (128, 128, 3, 3)  # by default not summed directly


def arrays(x, weight, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s).astype(dtype) for s in (x, weight, weight[:1])]


def check_bound(found, x, weight, bias, function):
    """At most 32 units of rounding of the largest sum of |w x|; the direct sum in float64 is the measure."""
    wide = [a.astype(np.float64) for a in (x, weight, bias)]
    dtype = found.dtype.type
    with fd.precision("strict"):
        expected, size = function(*wide), function(*map(np.abs, wide)).max(initial=1)
    if dtype == np.float64:  # the measure errs, too
        size *= 2
    error = np.abs(found - expected).max(initial=0)
    assert error <= 32 * U[dtype] * size, f"{error / U[dtype] / size} units"


LAYERS = [
    ((1, 16, 8, 8), (16, 16, 3, 3), 1),
    ((2, 16, 7, 7), (64, 16, 3, 3), 1),  # a last row of tiles of 3 pixels
    ((3, 24, 9, 13), (40, 24, 3, 3), 0),  # neither channels nor pixels fill vectors
    ((1, 17, 30, 20), (72, 17, 3, 3), 2),  # zeros on both sides
    ((2, 64, 14, 14), (130, 64, 3, 3), 1),
    ((1, 16, 5, 300), (16, 16, 3, 3), 1),  # a row of tiles in pieces
    ((2, 20, 4, 3), (7, 20, 3, 3), 1),
    ((1, 16, 1, 1), (16, 16, 3, 3), 1),
    ((2, 150, 5, 6), (140, 150, 3, 3), 1),  # weights transformed in two chunks
    ((6, 16, 30, 33), (20, 16, 3, 3), 1),  # many strips
    ((1, 16, 6, 6), (16, 16, 3, 3), ((0, 3), (2, 0))),
    ((2, 16, 5, 7), (16, 16, 3, 3), ((11, 9), (13, 30))),  # tiles of zeros alone
    ((0, 16, 5, 7), (16, 16, 3, 3), 1),
]


@pytest.mark.parametrize("dtype", U)
@pytest.mark.parametrize(("x", "weight", "padding"), LAYERS)
def test_the_error_of_the_result_and_of_the_gradient_is_bounded(x, weight, padding, dtype):
    x, weight, bias = arrays(x, weight, dtype)
    with fd.precision("winograd"):
        y = F.conv2d(x, weight, bias, padding=padding)
        assert y.dtype == dtype
        check_bound(y, x, weight, bias, lambda x, w, b: F.conv2d(x, w, b, padding=padding))
        g = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
        dx = F.conv2d_backward(g, x, weight, bias, padding=padding)[0]
    wide = x.astype(np.float64)
    check_bound(dx, g, weight, bias, lambda g, w, b: F.conv2d_backward(g, wide, w, b, padding=padding)[0])


@given(
    images=st.integers(1, 3),
    channels=st.tuples(st.integers(16, 40), st.integers(1, 70)),
    height=st.integers(1, 20),
    length=st.integers(1, 20),
    padding=st.integers(1, 2),
    bias=st.booleans(),
    layout=st.sampled_from(["NCHW", "NHWC"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape(images, channels, height, length, padding, bias, layout, seed):
    x, weight, b = arrays((images, channels[0], height, length), (channels[1], channels[0], 3, 3), seed=seed)
    with fd.precision("winograd"):
        if layout == "NHWC":
            turned = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
            y = F.conv2d(turned, weight, b if bias else None, padding=padding, layout=layout).transpose(0, 3, 1, 2)
        else:
            y = F.conv2d(x, weight, b if bias else None, padding=padding)
    b = b if bias else 0 * b
    check_bound(y, x, weight, b, lambda x, w, b: F.conv2d(x, w, b, padding=padding))


@pytest.mark.parametrize("scale", ["positive", "spiky"])
def test_the_bound_holds_for_numbers_of_one_sign_and_of_many_sizes(scale):
    x, weight, bias = arrays((2, 128, 20, 20), (32, 128, 3, 3))
    x, weight = (abs(x), abs(weight)) if scale == "positive" else (x**5, weight)
    with fd.precision("winograd"):
        y = F.conv2d(x, weight, bias, padding=1)
    check_bound(y, x, weight, bias, lambda x, w, b: F.conv2d(x, w, b, padding=1))


def same_but_for_rounding(found, expected):
    """Infinities and NaN in the same places, the other numbers close."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.isposinf(found), np.isposinf(expected))
    np.testing.assert_array_equal(np.isneginf(found), np.isneginf(expected))
    finite = np.isfinite(expected)
    size = np.abs(expected[finite]).max(initial=0)
    np.testing.assert_allclose(found[finite], expected[finite], rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["image", "weight", "bias"])
def test_what_is_not_finite_comes_through_as_in_the_formula(where, value):
    x, weight, bias = arrays((2, 16, 11, 14), (20, 16, 3, 3))
    weight[3, 4] = 0  # zero times infinity is NaN
    rng = np.random.default_rng(2)
    for _ in range(3):
        place = {"image": x, "weight": weight, "bias": bias}[where]
        place[tuple(rng.integers(0, n) for n in place.shape)] = value
    x[0, 4, 5, 6] = value if where == "image" else 1
    with fd.precision("winograd"), np.errstate(all="ignore"):
        y = F.conv2d(x, weight, bias, padding=1)
    same_but_for_rounding(y, reference.conv2d(x, weight, bias, padding=1))
    g = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    if where == "image":
        g[1, 7, 3, 3] = value
    with fd.precision("winograd"):
        dx = F.conv2d_backward(g, x, weight, bias, padding=1)[0]
    with fd.precision("strict"):  # where g takes part as zeros beyond its edges, as the docstring says
        same_but_for_rounding(dx, F.conv2d_backward(g, x, weight, bias, padding=1)[0])
    if where != "weight":
        same_but_for_rounding(dx, reference.conv2d_backward(g, x, weight, bias, padding=1)[0])


def test_sums_that_do_not_overflow_are_right_where_the_transform_overflows():
    x, weight, bias = arrays((1, 16, 9, 9), (16, 16, 3, 3))
    x[0, 2, 3:7, 3:7] = 2e38
    weight *= 1e-3
    with fd.precision("winograd"):
        y = F.conv2d(x, weight, bias, padding=1)
    assert np.isfinite(y).all()
    same_but_for_rounding(y, reference.conv2d(x, weight, bias, padding=1))


@pytest.mark.parametrize(("x", "weight", "padding"), [LAYERS[2], LAYERS[8], LAYERS[9], (*LARGE, 1)])
def test_the_same_bits_for_any_number_of_threads(x, weight, padding):
    x, weight, bias = arrays(x, weight)
    with fd.precision("winograd"):
        alone, several = [], []
        for n, results in ((1, alone), (threads.most(), several)):
            with fd.threads(n):
                results.append(F.conv2d(x, weight, bias, padding=padding))
                results.append(F.conv2d_backward(results[0], x, weight, bias, padding=padding)[0])
    for a, b in zip(alone, several, strict=True):
        np.testing.assert_array_equal(a, b)


class TestPrecision:
    def test_strict_sums_directly(self):
        x, weight, bias = arrays(*LARGE)
        with fd.precision("winograd"):
            quick = F.conv2d(x, weight, bias, padding=1)
        np.testing.assert_array_equal(F.conv2d(x, weight, bias, padding=1), quick)
        with fd.precision("strict"):
            direct = F.conv2d(x, weight, bias, padding=1)
            with fd.precision("default"):
                np.testing.assert_array_equal(F.conv2d(x, weight, bias, padding=1), quick)
            np.testing.assert_array_equal(F.conv2d(x, weight, bias, padding=1), direct)
        assert not np.array_equal(direct, quick)
        np.testing.assert_allclose(direct, quick, rtol=0, atol=1e-5 * np.abs(direct).max())

    def test_a_recorded_function_keeps_the_choice_of_the_time_of_recording(self):
        x, weight, bias = arrays(*LARGE)

        def loss(w):
            y = F.conv2d(x, w, bias, padding=1)
            return F.sum(y * y)

        gradient = fd.grad(loss)
        results = {}
        for how in ("default", "strict", "default", "strict"):
            with fd.precision(how):
                results.setdefault(how, []).append(gradient(weight))
        for first, second in results.values():
            np.testing.assert_array_equal(first, second)
        assert not np.array_equal(results["default"][0], results["strict"][0])

    def test_predictions_follow_the_choice(self):
        x, weight, bias = arrays(*LARGE)
        model = fd.nn.Conv2d(128, 128, 3, padding=1)
        model.load_state_dict({"weight": weight, "bias": bias})
        default = model.predict(x)
        with fd.precision("strict"):
            strict = model.predict(x)
            np.testing.assert_array_equal(strict, F.conv2d(x, weight, bias, padding=1))
        np.testing.assert_array_equal(default, F.conv2d(x, weight, bias, padding=1))

    @pytest.mark.parametrize("how", ["fast", None, 1])
    def test_other_words_are_refused(self, how):
        with pytest.raises(ValueError, match="expected one of 'default', 'strict', 'winograd'"), fd.precision(how):
            pass


class TestWhenItPays:
    @pytest.mark.parametrize("size", [((8, 64, 56), 64), ((8, 128, 28), 128), ((8, 256, 14), 256), ((8, 512, 7), 512)])
    def test_layers_of_networks(self, size):
        (n, c, h), o = size
        assert _winograd.pays(_winograd.Filtering(n, c, o, h, h, h, h, 1, 1, False), np.dtype(np.float32))

    def test_not_for_few_channels_few_tiles_or_float64(self):
        def sizes(n, c, h, o):
            return _winograd.Filtering(n, c, o, h, h, h, h, 1, 1, False)

        assert not _winograd.pays(sizes(8, 3, 56, 64), np.dtype(np.float32))
        assert not _winograd.pays(sizes(1, 512, 4, 512), np.dtype(np.float32))
        assert not _winograd.pays(sizes(8, 64, 56, 64), np.dtype(np.float64))
        assert _winograd.pays(sizes(1, 512, 4, 512), np.dtype(np.float32), prepared=True)


class TestPrepared:
    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    @pytest.mark.parametrize("size", [*LAYERS[4:5], *LAYERS[8:10], (*LARGE, 1)])
    def test_the_same_bits_as_without_the_handle(self, size, layout):
        x, weight, bias = arrays(*size[:2])
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if layout == "NHWC" else x
        handle = F.prepare(weight)
        for how in ("winograd", "strict"):
            with fd.precision(how):
                expected = F.conv2d(x, weight, bias, padding=size[2], layout=layout)
                found = F.conv2d(x, handle, bias, padding=size[2], layout=layout)
                np.testing.assert_array_equal(found, expected)
                out = np.full_like(found, np.nan)
                assert F.conv2d(x, handle, bias, padding=size[2], layout=layout, out=out) is out
                np.testing.assert_array_equal(out, expected)

    @pytest.mark.parametrize("weight", [(4, 3, 3, 3), (16, 8, 5, 5), (16, 16, 1, 1)])
    def test_kernels_without_a_transform(self, weight):
        x, weight, bias = arrays((2, weight[1], 9, 9), weight)
        np.testing.assert_array_equal(F.conv2d(x, F.prepare(weight), bias), F.conv2d(x, weight, bias))

    def test_the_handle_keeps_the_values_that_the_weight_had(self):
        x, weight, _ = arrays(*LARGE)
        before = F.conv2d(x, weight, padding=1)
        handle = F.prepare(weight)
        weight *= 2
        np.testing.assert_array_equal(F.conv2d(x, handle, padding=1), before)
        np.testing.assert_array_equal(F.conv2d(x, weight, padding=1), 2 * before)
        np.testing.assert_array_equal(2 * np.asarray(handle), weight)
        with pytest.raises(ValueError, match="read-only"):
            handle.weight[:] = 0

    def test_options_groups_and_recording(self):
        x, weight, bias = arrays((2, 32, 9, 9), (32, 16, 3, 3))
        handle = F.prepare(weight)
        for kwargs in ({"groups": 2}, {"groups": 2, "stride": 2, "padding": 1}):
            np.testing.assert_array_equal(F.conv2d(x, handle, bias, **kwargs), F.conv2d(x, weight, bias, **kwargs))
        recorded = fd.compile(lambda x: F.conv2d(x, handle, bias, groups=2))
        np.testing.assert_array_equal(recorded(x), F.conv2d(x, weight, bias, groups=2))

    def test_recorded_with_derivatives(self):
        x, weight, bias = arrays(*LARGE)
        handle = F.prepare(weight)

        def loss(x, bias, w):
            y = F.conv2d(x, w, bias, padding=1)
            return F.sum(y * y)

        found = fd.value_and_grad(lambda x, bias: loss(x, bias, handle), (0, 1))(x, bias)
        expected = fd.value_and_grad(lambda x, bias: loss(x, bias, weight), (0, 1))(x, bias)
        np.testing.assert_array_equal(found[0], expected[0])
        for a, b in zip(found[1], expected[1], strict=True):
            np.testing.assert_array_equal(a, b)

    def test_wrong_arguments(self):
        with pytest.raises(TypeError, match="prepare: weight is a list"):
            F.prepare([[1.0]])
        with pytest.raises(TypeError, match="prepare: weight has dtype int64"):
            F.prepare(np.ones((2, 2), np.int64))
        with pytest.raises(TypeError, match="leave prepare out while recording"):
            fd.compile(lambda w: F.prepare(w).weight)(np.ones((2, 2), np.float32))
        handle = F.prepare(np.ones((4, 3, 3, 3), np.float32))
        with pytest.raises(ValueError, match="weight has 3 input channels, x has 2"):
            F.conv2d(np.ones((1, 2, 5, 5), np.float32), handle)
        with pytest.raises(TypeError, match="dtype"):
            F.conv2d(np.ones((1, 3, 5, 5)), handle)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 3), (4, 0, 3, 3)])
def test_weights_that_no_op_takes_are_not_prepared(shape):
    with pytest.raises(ValueError, match=r"prepare: weight has shape .* expected \(out, in\)"):
        F.prepare(np.ones(shape, np.float32))
