"""Every op on arrays of many cells: the same bits with one and two threads, right on a sample of elements.

What the small cases of the registry cannot show: cells after the first, sums cut into chunks, the parallel driver.
"""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import ops, reference, testing
from fastdl.testing import _verify
from fastdl.testing._cases import Case, arrays_in

NAMES = [name for name in ops.OPS if hasattr(reference, name)]
BROADCAST = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
ELEMENTWISE = ("negative", "exp", "abs", "relu", "tanh", "sigmoid")
REDUCTIONS = ("sum", "mean", "max", "min")
KINKED = (
    "maximum",
    "minimum",
    "max",
    "min",
    "max_pool1d",
    "max_pool2d",
    "global_max_pool1d",
)  # too many kinks for finite differences
WITHOUT_GRADIENT = ("argmax", "astype", *COMPARISONS, "sgd_update", "adam_update")


def large_cases(dtype):
    """name -> (arguments, options), or several of them."""
    rng = np.random.default_rng(7)

    def x(*shape):
        return rng.standard_normal(shape).astype(dtype)

    def classes(below, *shape):
        return rng.integers(below, size=shape)

    def positive(*shape):
        return rng.uniform(0.5, 2.0, shape).astype(dtype)

    image, wide = x(4, 8, 30, 33), x(300, 257)
    return {
        **{name: [((wide, x(257)), {}), ((x(300, 1), wide), {})] for name in (*BROADCAST, *COMPARISONS)},
        **{name: [((x(3, 30001),), {})] for name in ELEMENTWISE},
        **{name: [((positive(3, 30001),), {})] for name in ("log", "sqrt")},
        **{name: [((x(70, 90, 33), axis), {}) for axis in (None, 0, 1, 2, (0, 2))] for name in REDUCTIONS},
        "argmax": [((x(70, 90, 33), axis), {}) for axis in (None, 0, 1, 2)],
        "power": [((positive(300, 257), x(257)), {})],
        "astype": [((wide, np.dtype("float64")), {}), ((wide, np.dtype("int64")), {})],
        "where": [((wide > 0, wide, x(257)), {})],
        "matmul": [((x(131, 70), x(70, 97)), {}), ((x(3, 40, 300), x(3, 300, 50)), {}), ((x(700, 300), x(300)), {})],
        "dense": [((x(150, 200), x(64, 200), x(64)), {"activation": "tanh"}), ((x(33, 17), x(5, 17)), {})],
        "conv2d": [
            ((image, x(12, 8, 3, 3), x(12)), {"padding": 1}),
            ((image, x(6, 4, 5, 2)), {"stride": (2, 1), "groups": 2, "dilation": (1, 2)}),
            ((x(3, 20, 21, 16), x(8, 16, 3, 3)), {"layout": "NHWC", "padding": "same"}),
        ],
        "adaptive_avg_pool1d": [((x(40, 9, 310), 31), {}), ((x(40, 310, 9), 70), {"layout": "NWC"})],
        "adaptive_avg_pool2d": [((image, (5, 11)), {}), ((image, (7, 8)), {}), ((image, 4), {"layout": "NHWC"})],
        "adaptive_max_pool1d": [((x(40, 9, 310), 31), {}), ((x(40, 310, 9), 70), {"layout": "NWC"})],
        "adaptive_max_pool2d": [((image, (5, 11)), {}), ((image, (7, 8)), {}), ((image, 4), {"layout": "NHWC"})],
        "avg_pool1d": [((x(40, 9, 310), 3), {"stride": 2, "padding": 1}), ((x(40, 310, 9), 2), {"layout": "NWC"})],
        "global_avg_pool1d": [((x(40, 9, 310),), {}), ((x(40, 310, 9),), {"layout": "NWC"})],
        "global_avg_pool2d": [((image,), {}), ((image,), {"layout": "NHWC"})],
        "global_max_pool1d": [((x(40, 9, 310),), {}), ((x(40, 310, 9),), {"layout": "NWC"})],
        "global_max_pool2d": [((image,), {}), ((image,), {"layout": "NHWC"})],
        "max_pool1d": [((x(4, 9, 1300), 3), {"stride": 2, "padding": 1}), ((x(40, 310, 9), 2), {"layout": "NWC"})],
        "max_pool2d": [((image, 2), {}), ((image, 3), {"stride": 2, "padding": 1})],
        "pad": [
            *(((image, ((0, 0), (0, 0), (3, 2), (1, 4))), {"mode": m}) for m in ("constant", "reflect", "circular")),
            ((wide, (5, 9)), {"mode": "replicate"}),
        ],
        "avg_pool2d": [((image, 2), {}), ((image, 3), {"stride": 2, "padding": 1})],
        "softmax": [((x(400, 100),), {}), ((x(40, 100, 7), 1), {})],
        "log_softmax": [((x(400, 100),), {}), ((x(40, 100, 7), 1), {})],
        "dropout": [((wide, 0.3), {"seed": 1, "step": 2})],
        "mse_loss": [((wide, x(300, 257)), {"reduction": r}) for r in ("mean", "sum", "none")],
        "cross_entropy": [((x(3000, 10), classes(10, 3000)), {"reduction": r}) for r in ("mean", "sum", "none")],
        "binary_cross_entropy_with_logits": [
            ((wide, positive(300, 257) / 2), {"reduction": r}) for r in ("mean", "none")
        ],
        "reshape": [((wide, (-1,)), {})],
        "transpose": [((x(90, 70, 33), (2, 0, 1)), {}), ((wide,), {})],
        "broadcast_to": [((x(257), (300, 257)), {}), ((x(300, 1), (300, 257)), {})],
        "concatenate": [(([wide, x(200, 257)], 0), {}), (([wide, x(300, 100)], 1), {})],
        "slice": [((wide, np.s_[1::2, ::-3]), {}), ((wide, np.s_[10:290]), {})],
        "take": [((wide, classes(300, 500), 0), {}), ((wide, classes(257, 500), 1), {})],
        "take_along_axis": [((wide, classes(257, 300, 90), 1), {})],
        "sgd_update": [((x(77000), x(77000), x(77000), 3, 0.1), {"momentum": 0.9})],
        "adam_update": [((x(77000), x(77000), x(77000), positive(77000), 3, 0.1), {})],
    }


def test_every_op_has_a_large_case():
    assert set(large_cases("float32")) == set(NAMES)


def at_random(array, count=25):
    """Indices of some elements, the first and the last among them."""
    places = np.random.default_rng(1).integers(array.size, size=count) if array.size else []
    places[:2] = 0, array.size - 1
    return [tuple(int(i) for i in np.unravel_index(p, array.shape)) for p in places]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_right_and_the_same_with_two_threads(name, dtype):
    for args, options in large_cases(dtype)[name]:
        with fd.threads(1):
            alone = getattr(F, name)(*args, **options)
        with fd.threads(2):
            together = getattr(F, name)(*args, **options)
        for a, b in zip(arrays_in([alone]), arrays_in([together]), strict=True):
            np.testing.assert_array_equal(a, b)
        first = next(arrays_in([alone]))
        at = at_random(first)
        case = Case(name, dtype, list(args), {**options, "at": at})
        picked = tuple(np.array([y[i] for i in at], y.dtype) for y in arrays_in([alone]))
        problem, _ = _verify.compare(picked if isinstance(alone, tuple) else picked[0], case.expected(), case)
        assert problem is None, f"{options}: {problem}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_GRADIENT])
def test_the_gradient_too(name, dtype):
    for i, (args, options) in enumerate(large_cases(dtype)[name]):
        grad = np.random.default_rng(2).standard_normal(getattr(F, name)(*args, **options).shape).astype(dtype)
        with fd.threads(1):
            alone = getattr(F, f"{name}_backward")(grad, *args, **options)
        with fd.threads(2):
            together = getattr(F, f"{name}_backward")(grad, *args, **options)
        for a, b in zip(arrays_in([alone]), arrays_in([together]), strict=True):
            np.testing.assert_array_equal(a, b)
        if dtype == "float64" and name not in KINKED:
            testing.check_grad(lambda *a, o=options: getattr(F, name)(*a, **o), *args)
        elif dtype == "float64" and i == 0:  # the reference takes seconds
            expected = getattr(reference, f"{name}_backward")(grad, *args, **options)
            for a, b in zip(arrays_in([alone]), arrays_in([expected]), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
