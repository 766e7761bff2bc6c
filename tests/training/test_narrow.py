"""Steps of narrow chains in one launch against the ordinary plan of the same model."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.functional import narrow as primitive
from fastdl.training import losses
from fastdl.training.memory import Memory
from fastdl.training.sources import MemorySource
from fastdl.training.step import plan_step
from fastdl.tree import flatten

ACTIVATIONS = (
    *(None, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Hardsigmoid, nn.Hardswish, nn.Softplus, nn.Softsign, lambda: nn.GELU("tanh")),
)
LOSSES = ("bce_with_logits", "mse", "mae", "huber", "hinge", "bce", "cross_entropy")
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def chain(rng, widths, activations, bias, dtype):
    """A Sequential of dense layers, each followed by an activation or None."""
    fd.seed(int(rng.integers(2**31)))
    layers = []
    for inputs, outputs, activation, has_bias in zip(widths, widths[1:], activations, bias, strict=False):
        layers.append(nn.Dense(inputs, outputs, bias=bool(has_bias), dtype=dtype))
        if activation is not None:
            layers.append(activation())
    return nn.Sequential(*layers)


def data(rng, count, features, outputs, loss, dtype, source="same"):
    """Inputs and targets as ``fit`` encodes them."""
    x = rng.standard_normal((count, features))
    x = rng.integers(0, 4, x.shape).astype(source) if source in ("uint8", "bool") else x.astype(source)
    if loss == "cross_entropy":
        return x, rng.integers(0, outputs, count).astype(rng.choice(["uint8", "int64"]))
    y = rng.random((count, outputs))
    if loss != "mse":
        y = (y > 0.5) * 2 - 1 if loss == "hinge" else y > 0.5
        return x, y.astype(rng.choice(["int8", dtype]))
    return x, y.astype(dtype)


def one_step(model, x, y, weight, loss, batch, start=0, order=None):
    """Loss and gradient of the batch that begins at ``start``, the right answers, and whether one launch did it all."""
    loss, optimizer = losses.get(loss), optim.SGD(1.0)
    given = {"x": x, "y": y} if weight is None else {"x": x, "y": y, "weight": weight}
    source = MemorySource(given, batch, None, (x, y))
    memory = Memory(model, source, loss, optimizer, seed=0, count=loss.kind != "values")
    if order is not None:
        memory.arrays["order"][:] = order
    memory.arrays["position"][...] = start
    before = memory.arrays["flat"].copy()
    plan = plan_step(model, memory, loss, optimizer, batch)
    plan.bind(list(memory.arrays.values())).run()
    assert memory.arrays["position"] == start + batch and memory.arrays["step"] == 1
    fused = any(node.primitive.name == "narrow_step" for node in plan.nodes)
    correct = memory.arrays.get("correct")
    grad = before - memory.arrays["flat"]
    return float(memory.arrays["total"]) / batch, grad, None if correct is None else float(correct), fused


def both(monkeypatch, *arguments, **options):
    """The step in one launch, and the ordinary one."""
    with monkeypatch.context() as patch:
        patch.setattr(primitive, "narrow_enough", lambda *_: True)
        fused = one_step(*arguments, **options)
        patch.setattr(primitive, "narrow_enough", lambda *_: False)
        ordinary = one_step(*arguments, **options)
    assert fused[3] and not ordinary[3]
    return fused[:3], ordinary[:3]


@pytest.fixture(scope="module")
def patches():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@given(
    seed=st.integers(0, 2**32 - 1),
    widths=st.lists(st.integers(1, 40), min_size=2, max_size=6),
    batch=st.integers(1, 70),
    loss=st.sampled_from(LOSSES),
    dtype=st.sampled_from(tuple(TOLERANCE)),
    source=st.sampled_from(("float32", "float64", "uint8", "bool")),
    weighted=st.booleans(),
)
@example(seed=1, widths=[70, 130, 3], batch=257, loss="cross_entropy", dtype="float32", source="uint8", weighted=True)
def test_loss_and_gradient_equal_the_ordinary_plan(patches, seed, widths, batch, loss, dtype, source, weighted):
    rng = np.random.default_rng(seed)
    activations = [ACTIVATIONS[i] for i in rng.integers(len(ACTIVATIONS), size=len(widths) - 1)]
    activations[-1] = nn.Sigmoid if loss == "bce" else activations[-1]
    model = chain(rng, widths, activations, rng.integers(2, size=len(widths) - 1), dtype)
    count, start = batch + 7, int(rng.integers(8))
    x, y = data(rng, count, widths[0], widths[-1], loss, dtype, source)
    weight = rng.random(count).astype(dtype) if weighted else None
    ours, others = both(patches, model, x, y, weight, loss, batch, start=start, order=rng.permutation(count))
    np.testing.assert_allclose(ours[0], others[0], rtol=TOLERANCE[dtype])
    size = np.abs(others[1]).max() + 1e-3  # one rounding of a parameter, too
    np.testing.assert_allclose(ours[1], others[1], rtol=0, atol=4 * TOLERANCE[dtype] * size)
    assert ours[2] == others[2]


def fitted(model, x, y, **options):
    """Parameters after training, and the losses."""
    history = model.fit(x, y, progress=False, **options)
    return [a.copy() for a in flatten(model.parameters())[0]], history["loss"]


def small_chain(dtype="float32", outputs=1):
    return chain(np.random.default_rng(0), [3, 7, 5, outputs], [nn.Tanh, nn.GELU, None], [1, 1, 1], dtype)


@pytest.mark.parametrize("batch_size", [1, 7, 16, 33, None])
def test_same_bits_for_any_number_of_threads_and_run_after_run(batch_size):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((50, 3)).astype(np.float32), rng.integers(0, 4, 50)
    results = []
    for threads in (1, 2, 2):
        with fd.threads(threads):
            results.append(fitted(small_chain(outputs=4), x, y, epochs=3, batch_size=batch_size, seed=3))
    for params, loss in results[1:]:
        assert loss == results[0][1]
        assert all(np.array_equal(a, b) for a, b in zip(params, results[0][0], strict=True))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("optimizer", [optim.SGD(0.1), optim.SGD(0.1, momentum=0.9), optim.Adam(0.01)], ids=repr)
def test_epochs_with_a_smaller_last_batch_equal_the_ordinary_plan(monkeypatch, dtype, optimizer):
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((50, 3)).astype(dtype), rng.integers(0, 2, 50)
    results = []
    for rule in (lambda *_: True, lambda *_: False):
        monkeypatch.setattr(primitive, "narrow_enough", rule)
        model = small_chain(dtype)
        options = {"optimizer": optimizer, "epochs": 3, "batch_size": 16, "seed": 1, "metrics": ("accuracy",)}
        results.append(fitted(model, x, y, sample_weight=rng.random(50) * 0 + 2, **options))
    (params, loss), (others, other_loss) = results
    np.testing.assert_allclose(loss, other_loss, rtol=TOLERANCE[dtype])
    for a, b in zip(params, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=50 * TOLERANCE[dtype])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("loss", ["bce_with_logits", "mse", "cross_entropy"])
@pytest.mark.parametrize("activation", [None, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU])
def test_what_is_not_finite_comes_through(monkeypatch, value, loss, activation):
    """In the sample, in its target (the last of the batch, whose copies fill the vectors), and in a weight."""
    rng = np.random.default_rng(5)
    widths, acts = [3, 6, 2], [activation, None]
    for place in ("x", "y", "weight"):
        if place == "y" and loss == "cross_entropy":
            continue
        model = chain(rng, widths, acts, [1, 1], "float32")
        x, y = data(rng, 9, 3, 2, loss, "float32", "float32")
        if place == "x":
            x[8, 1] = value
        elif place == "y":
            y[8, 1] = value
        else:
            model[0].weight[1, 1] = value
        with np.errstate(all="ignore"):
            ours, others = both(monkeypatch, model, x, y, None, loss, 9)
        np.testing.assert_allclose(ours[0], others[0], rtol=1e-5)
        finite = np.isfinite(others[1])
        np.testing.assert_array_equal(np.isfinite(ours[1]), finite)
        size = np.abs(others[1][finite]).max(initial=1e-3)
        np.testing.assert_allclose(ours[1][finite], others[1][finite], rtol=0, atol=1e-4 * size)


def test_a_class_that_is_not_there_is_reported():
    model = chain(np.random.default_rng(0), [3, 4], [None], [1], "float32")
    x, y = np.zeros((5, 3), np.float32), np.array([0, 1, 4, 2, 3])
    with pytest.raises(IndexError, match=r"cross_entropy: target holds a class outside 0\.\.3"):
        one_step(model, x, y, None, "cross_entropy", 5)


class Shared(nn.Module):
    """One layer used twice."""

    def __init__(self):
        self.dense = nn.Dense(3, 3)

    def __call__(self, x):
        return self.dense(np.tanh(self.dense(x)))


class Skipping(nn.Module):
    """A chain with a connection past a layer."""

    def __init__(self):
        self.first, self.second = nn.Dense(3, 3), nn.Dense(3, 3)

    def __call__(self, x):
        h = np.tanh(self.first(x))
        return self.second(h) + h


class Own(nn.Module):
    """A chain in other words than Sequential's, with pixels for inputs."""

    def __init__(self):
        self.first, self.second = nn.Dense(3, 4), nn.Dense(4, 3)

    def __call__(self, x):
        return self.second(F.relu(self.first(x.reshape(len(x), -1))))


@pytest.mark.parametrize(
    ("model", "fused"),
    [
        (Own, True),
        (Shared, False),
        (Skipping, False),
        (lambda: nn.Sequential(nn.Dense(3, 3), nn.Dropout(0.5), nn.Dense(3, 3)), False),
        (lambda: nn.Sequential(nn.Dense(3, 3), nn.LayerNorm(3), nn.Dense(3, 3)), False),
        (lambda: nn.Sequential(nn.Dense(3, 3), nn.Tanh(), nn.Tanh(), nn.Dense(3, 3)), False),
        (lambda: nn.Sequential(nn.Tanh(), nn.Dense(3, 3)), False),
        (lambda: nn.Sequential(nn.Dense(3, 400), nn.Dense(400, 3)), False),
    ],
)
def test_which_models_are_narrow_chains(model, fused):
    fd.seed(0)
    model = model()
    shape = (20, 1, 3) if isinstance(model, Own) else (20, 3)
    x, y = np.ones(shape, np.float32), np.zeros(20, np.int64)
    assert one_step(model, x, y, None, "cross_entropy", 16)[3] == fused


def test_losses_of_the_users_own_and_other_options():
    model = chain(np.random.default_rng(0), [3, 3], [None], [1], "float32")
    x, y = np.ones((20, 3), np.float32), np.ones((20, 3), np.float32)
    assert one_step(model, x, y, None, lambda p, t: F.huber_loss(p, t, delta=0.3), 16)[3]
    assert not one_step(model, x, y, None, lambda p, t: np.mean((p - t) ** 4), 16)[3]
    assert not one_step(model, x, y, None, lambda p, t: F.mse_loss(p, t, reduction="sum"), 16)[3]
    ignored = np.array([0, -100] * 10)
    loss, _, _, fused = one_step(model, x, ignored, None, lambda z, t: F.cross_entropy(z, t), 16)
    assert not fused and np.isfinite(loss)
