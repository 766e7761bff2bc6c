"""Losses of classes beyond what the walk over the registry sees: values by hand, PyTorch's, corners, errors."""

import itertools

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import testing

DTYPES = (np.float32, np.float64)
REDUCTIONS = ("mean", "sum", "none")
SHAPES = [(7, 4), (1, 1), (300, 10), (3, 2500), (2, 3, 5), (2, 5, 30, 41), (3, 4, 1)]


def drawn(shape, dtype, ignored=None):
    rng = np.random.default_rng(sum(shape))
    z, t = rng.standard_normal(shape).astype(dtype), rng.integers(0, shape[1], (shape[0], *shape[2:]))
    if ignored is not None:
        t = np.where(rng.random(t.shape) < 0.3, ignored, t)
    return z, t, rng.uniform(0.2, 3, shape[1]).astype(dtype)


def close(ours, theirs, dtype, size=0.0):
    """Equal to a few roundings of the largest number, or of numbers of this size, whose difference it is."""
    theirs = np.asarray(theirs)
    assert ours.dtype == dtype and ours.shape == theirs.shape
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=32 * eps, atol=32 * eps * np.abs(theirs).max(initial=size))


def options_of(weight, ignored, smoothing):
    """Those that differ from their defaults."""
    options = {} if weight is None else {"weight": weight}
    options |= {} if ignored is None else {"ignore_index": ignored}
    return options | ({"label_smoothing": smoothing} if smoothing else {})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_all_options_as_pytorch(name, shape, dtype):
    torch = pytest.importorskip("torch")
    loss, backward = getattr(F, name), getattr(F, f"{name}_backward")
    smoothings = (0, 0.1, 1) if name == "cross_entropy" else (0,)
    for weighted, ignored, smoothing, reduction in itertools.product(
        (False, True), (None, -100, 0, 255), smoothings, REDUCTIONS
    ):
        z, t, w = drawn(shape, dtype, ignored)
        options = options_of(w if weighted else None, ignored, smoothing) | {"reduction": reduction}
        # PyTorch in float64 on the same numbers, so that its own rounding does not count.
        other = torch.tensor(z.astype(np.float64), requires_grad=True)
        theirs = {k: torch.tensor(v.astype(np.float64)) if k == "weight" else v for k, v in options.items()}
        y = getattr(torch.nn.functional, name)(other, torch.tensor(t), **theirs)
        ours = loss(z, t, **options)
        if np.isnan(y.detach().numpy()).any():
            assert np.isnan(ours)  # nothing counts
            continue
        close(ours, y.detach().numpy(), dtype)
        g = np.random.default_rng(1).standard_normal(ours.shape).astype(dtype)
        y.backward(torch.tensor(g.astype(np.float64)))
        dz, dt = backward(g, z, t, **options)
        assert dt is None
        close(dz, other.grad.numpy(), dtype, np.abs(g).max() / (t.size if reduction == "mean" else 1))


def test_hand_computed():
    z, t = np.log(np.float64([[1, 1, 2], [3, 4, 1]])), np.array([2, 0])  # softmax [1, 1, 2] / 4, [3, 4, 1] / 8
    log2, log83 = np.log(2), np.log(8 / 3)
    np.testing.assert_allclose(F.cross_entropy(z, t, weight=np.float64([3, 5, 1])), (log2 + 3 * log83) / 4, rtol=1e-14)
    np.testing.assert_allclose(F.cross_entropy(z, t, ignore_index=2), log83, rtol=1e-14)
    flat = np.log(4) + np.log(4) + np.log(2)
    smooth = F.cross_entropy(z[:1], t[:1], label_smoothing=0.3)
    np.testing.assert_allclose(smooth, 0.7 * log2 + 0.1 * flat, rtol=1e-14)
    assert F.nll_loss(z, t, weight=np.float64([3, 5, 1])) == -(np.log(2) + 3 * np.log(3)) / 4
    np.testing.assert_allclose(F.nll_loss(F.log_softmax(z, 1), t), F.cross_entropy(z, t), rtol=1e-14)
    dz, _ = F.nll_loss_backward(2.0, z, t, ignore_index=0)
    assert dz.tolist() == [[0, 0, -2], [0, 0, 0]]


@pytest.mark.parametrize("shape", [(5, 3), (5000, 3), (2, 3, 700)])
def test_nothing_counts(shape):
    z, t = np.ones(shape), np.full((shape[0], *shape[2:]), -100)
    for loss, backward in ((F.cross_entropy, F.cross_entropy_backward), (F.nll_loss, F.nll_loss_backward)):
        assert np.isnan(loss(z, t))
        assert loss(z, t, reduction="sum") == 0 and not loss(z, t, reduction="none").any()
        for reduction in ("mean", "sum"):
            assert not backward(1.0, z, t, reduction=reduction)[0].any()


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 700)])
def test_what_is_not_finite_does_not_leave_an_ignored_target(shape):
    z, t = np.zeros(shape), np.zeros((shape[0], *shape[2:]), int)
    z[1], t[1] = np.nan, 9
    for options in ({}, {"weight": np.ones(3)}, {"label_smoothing": 0.1}):
        assert np.isfinite(F.cross_entropy(z, t, ignore_index=9, **options))
        dz, _ = F.cross_entropy_backward(1.0, z, t, ignore_index=9, **options)
        assert np.isfinite(dz).all() and not dz[1].any() and dz[0].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype):
    def everything():
        for shape in ((20_001, 11), (7, 5, 11_001)):
            z, t, w = drawn(shape, dtype, 255)
            for options in ({"weight": w}, {"label_smoothing": 0.2, "weight": w}, {}):
                yield F.cross_entropy(z, t, ignore_index=255, **options)
                yield F.cross_entropy_backward(1.0, z, t, ignore_index=255, **options)[0]
            for reduction in REDUCTIONS:
                yield F.nll_loss(z, t, weight=w, ignore_index=255, reduction=reduction)
            yield F.nll_loss_backward(1.0, z, t, weight=w, ignore_index=255)[0]

    with fd.threads(1):
        alone = list(everything())
    with fd.threads(2):
        for one, two in zip(alone, everything(), strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4)])
def test_second_derivatives(shape, reduction):
    z, t, w = drawn(shape, np.float64, 1)
    g = np.random.default_rng(1).standard_normal(t.shape if reduction == "none" else ())
    for options in (
        {},
        {"weight": w},
        {"label_smoothing": 0.2},
        {"weight": w, "label_smoothing": 0.2, "ignore_index": 1},
    ):
        options = options | {"reduction": reduction}
        testing.check_grad(lambda g, z, o=options: F.cross_entropy_backward(g, z, t, **o)[0], np.asarray(g), z)

        def gradient(z, o=options):
            return fd.grad(lambda z: np.sum(F.cross_entropy(z, t, **o) ** 2))(z)

        testing.check_grad(gradient, z)


def test_a_weight_is_a_constant():
    z, t, w = drawn((7, 4), np.float64)
    assert not fd.grad(lambda w: F.cross_entropy(z, t, weight=w))(w).any()
    recorded = fd.compile(lambda z, w: F.cross_entropy(z, t, weight=w))
    assert recorded(z, w) == F.cross_entropy(z, t, weight=w)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 50), (2000, 3)])
@pytest.mark.parametrize("bad", [-1, 3, -101, 2**40])
def test_a_class_that_is_not_there_is_named(shape, bad):
    z, t = np.zeros(shape), np.zeros((shape[0], *shape[2:]), np.int64)
    t[0], t[-1] = -100, bad
    place = [shape[0] - 1] + [0] * (len(shape) - 2)
    text = rf"0\.\.2 that is not ignore_index \(-100\): target\[{', '.join(map(str, place))}\] is {bad}$"
    for name in ("cross_entropy", "nll_loss"):
        for options in ({}, {"weight": np.ones(3)}, {"reduction": "none"}):
            g = 1.0 if "reduction" not in options else np.ones(t.shape)
            with pytest.raises(IndexError, match=f"{name}: target holds a class outside {text}"):
                getattr(F, name)(z, t, **options)
            with pytest.raises(IndexError, match=f"{name}: target holds a class outside {text}"):
                getattr(F, f"{name}_backward")(g, z, t, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"weight": np.ones(2)}, ValueError, r"weight \(2,\), logits \(4, 3\); expected one weight for each of the 3"),
        ({"weight": np.ones(3, np.float32)}, TypeError, "weight has dtype float32 but logits has float64"),
        ({"weight": [1, 2, 3]}, TypeError, "weight is a list"),
        ({"ignore_index": None}, TypeError, "ignore_index is None; expected an integer"),
        ({"ignore_index": 2**63}, ValueError, "ignore_index is 9223372036854775808; .*int64"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing is 1.5; expected a number from 0 to 1"),
        ({"label_smoothing": "no"}, TypeError, "label_smoothing is 'no'"),
        ({"reduction": "avg"}, ValueError, "reduction is 'avg'"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=f"cross_entropy: .*{message}"):
        F.cross_entropy(np.zeros((4, 3)), np.zeros(4, int), **options)
    with pytest.raises(error, match=f"cross_entropy_backward: .*{message}"):
        F.cross_entropy_backward(1.0, np.zeros((4, 3)), np.zeros(4, int), **options)


def test_float_targets_are_no_classes():
    with pytest.raises(TypeError, match="nll_loss: target has dtype float64; expected integer classes. Use mse_loss"):
        F.nll_loss(np.zeros((4, 3)), np.zeros(4))


def test_no_targets_may_be_an_empty_list():
    assert F.cross_entropy(np.zeros((0, 3)), [], reduction="sum") == 0
    assert F.nll_loss(np.zeros((0, 3)), [], reduction="none").shape == (0,)
