"""Every op on arrays of many cells: the same bits with one and two threads, right on a sample of elements.

What the small cases of the registry cannot show: cells after the first, sums cut into chunks, the parallel driver.
"""

import functools
import math

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import ops, reference, testing
from fastdl.testing import _verify
from fastdl.testing._cases import Case, arrays_in, graded, random_like

NAMES = [name for name in ops.OPS if hasattr(reference, name)]
BROADCAST = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
LOGIC = ("logical_and", "logical_or", "logical_not")
ELEMENTWISE = ("negative", "exp", "abs", "relu", "tanh", "sigmoid", "square")
ACTIVATIONS = ("identity", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign")
TRANSCENDENTAL = ("expm1", "sin", "cos", "erf")
REDUCTIONS = ("sum", "mean", "max", "min", "var", "std")
UPDATES = tuple(name for name in ops.OPS if name.endswith("_update"))
AUGMENTATIONS = tuple(name for name in ops.OPS if name.startswith("random_"))
WITHOUT_GRADIENT = ("argmax", "astype", "one_hot", *LOGIC, *COMPARISONS, *UPDATES, *AUGMENTATIONS)
POOLS = ("max_pool1d", "max_pool2d", "global_max_pool1d", "global_max_pool2d")
POOLS += ("adaptive_max_pool1d", "adaptive_max_pool2d")
# Too many kinks for finite differences: these are compared with the reference.
KINKED = ("maximum", "minimum", "max", "min", "clip", "top_k", "mae_loss", "huber_loss", "hinge_loss", *POOLS)


@functools.cache
def normal_numbers(dtype):
    """What the arrays of all cases are parts of: drawing them anew for each test took two thirds of the time."""
    numbers = np.random.default_rng(7).standard_normal(1 << 19).astype(dtype)
    numbers.flags.writeable = False
    return numbers


def large_cases(dtype):
    """name -> (arguments, options), or several of them."""
    rng, numbers = np.random.default_rng(7), normal_numbers(dtype)

    def x(*shape):
        size = math.prod(shape)
        start = int(rng.integers(numbers.size - size))
        return numbers[start : start + size].reshape(shape)

    def classes(below, *shape):
        return rng.integers(below, size=shape)

    def positive(*shape):
        return rng.uniform(0.5, 2.0, shape).astype(dtype)

    def signs(*shape):
        return rng.choice([-1, 1], shape).astype(dtype)

    def layer(rows, features, hidden):
        return [(w / np.sqrt(hidden)).astype(dtype) for w in (x(rows, features), x(rows, hidden), x(rows), x(rows))]

    image, wide = x(4, 8, 30, 33), x(300, 257)
    return {
        **{name: [((wide, x(257)), {}), ((x(300, 1), wide), {})] for name in (*BROADCAST, *COMPARISONS)},
        **{name: [((x(3, 30001),), {})] for name in ELEMENTWISE},
        **{name: [((x(3, 30001),), {})] for name in (*ACTIVATIONS, *TRANSCENDENTAL, "hard_sigmoid", "hard_swish")},
        **{name: [((positive(3, 30001),), {})] for name in ("log", "sqrt")},
        **{name: [((x(70, 90, 33), axis), {}) for axis in (None, 0, 1, 2, (0, 2))] for name in REDUCTIONS},
        "argmax": [((x(70, 90, 33), axis), {}) for axis in (None, 0, 1, 2)],
        "log1p": [((positive(3, 30001),), {})],
        "prelu": [((x(70, 90, 33), x(90)), {}), ((x(300, 257), x(257)), {}), ((wide, x(1)), {})],
        "power": [((positive(300, 257), x(257)), {})],
        "astype": [((wide, np.dtype("float64")), {}), ((wide, np.dtype("int64")), {})],
        "where": [((wide > 0, wide, x(257)), {})],
        "matmul": [((x(131, 70), x(70, 97)), {}), ((x(3, 40, 300), x(3, 300, 50)), {}), ((x(700, 300), x(300)), {})],
        "dense": [((x(150, 200), x(64, 200), x(64)), {"activation": "tanh"}), ((x(33, 17), x(5, 17)), {})],
        "conv1d": [
            ((x(4, 8, 3000), x(12, 8, 5), x(12)), {"padding": 2}),
            ((x(3, 500, 16), x(6, 8, 3)), {"layout": "NWC", "groups": 2, "stride": 2}),
        ],
        "conv_transpose1d": [((x(4, 8, 900), x(8, 6, 4), x(6)), {"stride": 2, "padding": 1})],
        "conv_transpose2d": [
            ((image, x(8, 6, 4, 4), x(6)), {"stride": 2, "padding": 1}),
            ((image, x(8, 3, 5, 2)), {"stride": (2, 1), "groups": 2, "dilation": (1, 2), "output_padding": 1}),
        ],
        "conv2d": [
            ((image, x(12, 8, 3, 3), x(12)), {"padding": 1}),
            ((image, x(6, 4, 5, 2)), {"stride": (2, 1), "groups": 2, "dilation": (1, 2)}),
            ((x(3, 20, 21, 16), x(8, 16, 3, 3)), {"layout": "NHWC", "padding": "same"}),
        ],
        "filter2d": [
            ((x(120, 700), x(3, 3)), {}),
            ((x(70, 500, 3), x(5, 4)), {"border": "reflect"}),
            ((x(90, 1500), x(2, 7)), {"border": "valid"}),
            ((x(60, 80), x(9, 9)), {"border": "constant"}),
        ],
        "gru": [
            ((x(37, 20, 9), x(37, 70), *layer(210, 9, 70)), {"reverse": True}),
            ((x(5, 9, 3), None, *layer(39, 3, 13)), {}),
        ],
        "lstm": [
            ((x(37, 20, 9), x(37, 70), x(37, 70), *layer(280, 9, 70)), {}),
            ((x(5, 9, 3), None, None, *layer(52, 3, 13)), {"reverse": True}),
        ],
        "rnn": [((x(37, 20, 9), x(37, 300), *layer(300, 9, 300)), {}), ((x(5, 9, 3), None, *layer(13, 3, 13)), {})],
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
        "batch_norm": [
            ((image, x(8), x(8), x(8), positive(8)), {}),
            ((x(70, 300, 2), x(300), x(300), x(300), positive(300)), {}),
        ],
        "group_norm": [((image, 4, x(8), x(8)), {}), ((x(300, 70), 5, x(70), x(70)), {})],
        "instance_norm": [((image, x(8), x(8)), {})],
        "layer_norm": [((wide, x(257), x(257)), {}), ((x(20, 1300),), {}), ((x(3, 40, 35), x(40, 35)), {})],
        "rms_norm": [((wide, x(257)), {}), ((x(20, 1300),), {})],
        "softmax": [((x(400, 100),), {}), ((x(40, 100, 7), 1), {})],
        "log_softmax": [((x(400, 100),), {}), ((x(40, 100, 7), 1), {})],
        "dropout": [((wide, 0.3), {"seed": 1, "step": 2})],
        "random_crop": [((x(40, 3, 30, 33), (28, 40)), {"padding": (2, 5), "seed": 1, "step": 2})],
        "random_shift": [((x(40, 3, 30, 33), 3), {"fill": 0.5, "seed": 1, "step": 2})],
        "random_flip": [((x(40, 3, 30, 33),), {"axis": axis, "seed": 1, "step": 2}) for axis in (-1, -2)],
        "random_rotate": [((x(40, 3, 30, 33), 20), {"seed": 1, "step": 2})],
        "random_noise": [((wide, 0.3), {"seed": 1, "step": 2})],
        "mse_loss": [((wide, x(300, 257)), {"reduction": r}) for r in ("mean", "sum", "none")],
        "cross_entropy": [
            *(((x(3000, 10), classes(10, 3000)), {"reduction": r}) for r in ("mean", "sum", "none")),
            ((x(3000, 10), classes(10, 3000)), {"weight": positive(10), "label_smoothing": 0.1}),
            ((x(4, 3, 30, 41), classes(3, 4, 30, 41)), {"weight": positive(3), "ignore_index": 1}),
            ((x(4, 3, 30, 41), classes(3, 4, 30, 41)), {"label_smoothing": 0.1, "reduction": "none"}),
        ],
        "binary_cross_entropy_with_logits": [
            *(((wide, positive(300, 257) / 2), {"reduction": r}) for r in ("mean", "none")),
            ((wide, positive(300, 257) / 2), {"weight": positive(300, 1), "pos_weight": positive(257)}),
        ],
        "binary_cross_entropy": [
            *(((positive(300, 257) / 2.5, positive(300, 257) / 2), {"reduction": r}) for r in ("mean", "none")),
            ((positive(300, 257) / 2.5, positive(300, 257) / 2), {"weight": positive(300, 1)}),
        ],
        "mae_loss": [((wide, x(300, 257)), {"reduction": r}) for r in ("mean", "none")],
        "huber_loss": [((wide, x(300, 257)), {"reduction": r}) for r in ("mean", "none")],
        "hinge_loss": [((wide, signs(300, 257)), {"reduction": r}) for r in ("mean", "none")],
        "nll_loss": [
            ((x(3000, 10), classes(10, 3000)), {"weight": positive(10)}),
            ((x(4, 3, 30, 41), classes(3, 4, 30, 41)), {"ignore_index": 1}),
            ((x(4, 3, 30, 41), classes(3, 4, 30, 41)), {"reduction": "none"}),
        ],
        "attention": [
            ((x(2, 3, 150, 20), x(2, 3, 300, 20), x(2, 3, 300, 9)), {}),
            ((x(2, 4, 300, 8), x(2, 2, 300, 8), x(2, 2, 300, 8), x(2, 1, 1, 300)), {"causal": True}),
            ((x(130, 33), x(270, 33), x(270, 5), x(130, 270) > 0), {"scale": 0.5}),
        ],
        "reshape": [((wide, (-1,)), {})],
        "transpose": [((x(90, 70, 33), (2, 0, 1)), {}), ((wide,), {})],
        "broadcast_to": [((x(257), (300, 257)), {}), ((x(300, 1), (300, 257)), {})],
        "concatenate": [(([wide, x(200, 257)], 0), {}), (([wide, x(300, 100)], 1), {})],
        "slice": [((wide, np.s_[1::2, ::-3]), {}), ((wide, np.s_[10:290]), {})],
        "take": [((wide, classes(300, 500), 0), {}), ((wide, classes(257, 500), 1), {})],
        "take_along_axis": [((wide, classes(257, 300, 90), 1), {})],
        "embedding": [((classes(70, 900), x(70, 150)), {}), ((classes(9, 40, 30), x(20000, 9)), {"padding_idx": 10})],
        "one_hot": [((classes(70, 300, 3), 70), {"dtype": dtype})],
        "cumsum": [((x(3, 30001), axis), {}) for axis in (None, 1)] + [((x(70, 900, 3), 1), {}), ((wide, 0), {})],
        "top_k": [((wide, 9), {}), ((x(70, 40, 90), 30, 1), {"largest": False}), ((x(30001), 200), {})],
        "clip": [((wide, -0.5, 1.0), {})],
        "logical_and": [((wide > 0, x(257) > 0), {})],
        "logical_or": [((wide > 0, x(257) > 0), {})],
        "logical_not": [((wide > 0,), {})],
        "stack": [(([wide, wide], 1), {})],
        "expand_dims": [((wide, 1), {})],
        "squeeze": [((x(300, 1, 257),), {})],
        "swapaxes": [((x(90, 70, 33), 0, 1), {})],
        "flip": [((wide, 1), {}), ((wide,), {})],
        "einsum": [
            (("bij,bkj->bik", x(3, 40, 30), x(3, 50, 30)), {}),
            (("ijk,kl,jl->li", x(20, 30, 25), x(25, 20), x(30, 20)), {}),
            (("...ii->...", x(40, 60, 60)), {}),
        ],
        "sgd_update": [((x(77000), x(77000), x(77000), 3, 0.1), {"momentum": 0.9})],
        "rmsprop_update": [
            ((x(77000), x(77000), 5 + positive(77000), x(77000) / 4, x(77000), 0.1), {"momentum": 0.9}),
            ((x(77000), x(77000), positive(77000), None, None, 0.1), {}),
        ],
        "adagrad_update": [((x(77000), x(77000), positive(77000), 3, 0.1), {"lr_decay": 0.1})],
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
        results = alone if isinstance(alone, tuple) else (alone,)
        at = [None if y is None else at_random(y) for y in results]
        picked = tuple(
            None if y is None else np.array([y[i] for i in some], y.dtype) for y, some in zip(results, at, strict=True)
        )
        # Results of one shape share their indices.
        shared = len({y.shape for y in results if y is not None}) == 1
        case = Case(name, dtype, list(args), {**options, "at": at[0] if shared else at})
        problem, _ = _verify.compare(picked if isinstance(alone, tuple) else picked[0], case.expected(), case)
        assert problem is None, f"{options}: {problem}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_GRADIENT])
def test_the_gradient_too(name, dtype):
    for i, (args, options) in enumerate(large_cases(dtype)[name]):
        grad = random_like(np.random.default_rng(2), graded(name, getattr(F, name)(*args, **options)), dtype)
        with fd.threads(1):
            alone = getattr(F, f"{name}_backward")(grad, *args, **options)
        with fd.threads(2):
            together = getattr(F, f"{name}_backward")(grad, *args, **options)
        for a, b in zip(arrays_in([alone]), arrays_in([together]), strict=True):
            np.testing.assert_array_equal(a, b)
        if dtype == "float64" and name not in KINKED:
            testing.check_grad(lambda *a, o=options: graded(name, getattr(F, name)(*a, **o)), *args)
        elif dtype == "float64" and i == 0:  # the reference takes seconds
            expected = getattr(reference, f"{name}_backward")(grad, *args, **options)
            for a, b in zip(arrays_in([alone]), arrays_in([expected]), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
