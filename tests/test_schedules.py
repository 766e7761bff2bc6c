"""Schedules of the learning rate and gradient clipping: PyTorch's, eagerly, in a plan and inside fit."""

import math

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.functional.norms import sum_of_squares

SCHEDULES = [
    optim.step_decay(0.5, 7, 0.3),
    optim.exponential_decay(0.5, 0.9),
    optim.linear_decay(0.5, 20, 0.1),
    optim.cosine_decay(0.5, 20, 0.01),
    optim.one_cycle(0.5, 30),
    optim.one_cycle(0.5, 30, rise=0.25, start=10, end=100),
    optim.piecewise_constant({10: 0.1, 0: 0.5, 17: 0.02}),
    optim.warmup(0.5, 5),
    optim.warmup(optim.step_decay(0.5, 3), 4),
]


def rates_of_torch(make, steps, **options):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    scheduler = getattr(torch.optim.lr_scheduler, make)(optimizer, **options)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("schedule", "make", "options"),
    [
        (optim.step_decay(0.5, 7, 0.3), "StepLR", {"step_size": 7, "gamma": 0.3}),
        (optim.exponential_decay(0.5, 0.9), "ExponentialLR", {"gamma": 0.9}),
        (optim.linear_decay(0.5, 30, 0.05), "LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 30}),
        (optim.cosine_decay(0.5, 30, 0.01), "CosineAnnealingLR", {"T_max": 30, "eta_min": 0.01}),
        (optim.one_cycle(0.5, 30), "OneCycleLR", {"max_lr": 0.5, "total_steps": 30}),
        (
            optim.one_cycle(0.5, 30, rise=0.25, start=10, end=100),
            "OneCycleLR",
            {"max_lr": 0.5, "total_steps": 30, "pct_start": 0.25, "div_factor": 10, "final_div_factor": 100},
        ),
    ],
    ids=repr,
)
def test_the_rates_are_pytorchs(schedule, make, options):
    expected = rates_of_torch(make, 30, **options)
    np.testing.assert_allclose([schedule(t) for t in range(30)], expected, rtol=1e-12, atol=1e-15)


def test_pieces_meet_and_the_last_one_stays():
    assert [optim.linear_decay(1.0, 4)(t) for t in (0, 1, 4, 10**9)] == [1.0, 0.75, 0.0, 0.0]
    assert optim.cosine_decay(1.0, 4, 0.25)(10**9) == 0.25
    assert [optim.piecewise_constant({0: 3, 5: 2})(t) for t in (0, 4, 5, 6)] == [3, 3, 2, 2]
    rise = optim.warmup(optim.cosine_decay(0.6, 10), 2)
    np.testing.assert_allclose([rise(t) for t in (0, 1, 2)], [0.2, 0.4, 0.6])
    assert rise(7) == pytest.approx(0.3) and rise(12) == 0


def test_a_warmup_may_lead_to_a_warmup():
    rates = [optim.warmup(optim.warmup(0.6, 2), 3)(step) for step in range(7)]
    np.testing.assert_allclose(rates, [0.05, 0.1, 0.15, 0.2, 0.4, 0.6, 0.6])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_eager_and_compiled_steps_have_the_same_bits(schedule):
    optimizer = optim.Adam(schedule)
    compiled = fd.compile(optimizer.update)
    params = other = {"w": np.float32([1, -2, 3])}
    state = other_state = optimizer.init(params)
    assert state["lr"] == schedule(0)
    for t in range(35):
        grads = {"w": np.cos(np.float32(t) + params["w"])}
        params, state = optimizer.update(params, grads, state)
        other, other_state = compiled(other, grads, other_state)
        assert state["lr"] == other_state["lr"] == schedule(t)
        np.testing.assert_array_equal(params["w"], other["w"])


def test_inside_fit_the_rate_follows_the_steps():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3)).astype(np.float32)
    y = X @ np.float32([1, -2, 3])[:, None]
    schedule = optim.warmup(optim.cosine_decay(0.2, 20), 4)
    model = nn.Dense(3, 1)
    params = {k: v.copy() for k, v in model.parameters().items()}
    model.fit(X, y, loss="mse", optimizer=optim.SGD(schedule), epochs=6, batch_size=10, shuffle=False)
    optimizer = optim.SGD(schedule)
    state = optimizer.init(params)
    step = fd.value_and_grad(lambda p, x, t: fd.functional.mse_loss(model.apply(p, x), t))
    for _ in range(6):
        for i in range(0, 40, 10):
            _, grads = step(params, X[i : i + 10], y[i : i + 10])
            params, state = optimizer.update(params, grads, state)
    for name, value in model.parameters().items():
        np.testing.assert_allclose(value, params[name], rtol=1e-6, atol=1e-7)


def test_a_schedule_moves_what_is_learned():
    X, y = np.ones((8, 1), np.float32), np.full((8, 1), 5, np.float32)
    still = nn.Dense(1, 1)
    before = still.weight.copy()
    still.fit(X, y, loss="mse", optimizer=optim.SGD(optim.piecewise_constant({0: 0.0})), epochs=3)
    np.testing.assert_array_equal(still.weight, before)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.step_decay("1", 3), TypeError, "step_decay: lr is '1'; expected a number"),
        (lambda: optim.step_decay(1, 0), ValueError, "step_decay: every is 0; expected at least 1"),
        (lambda: optim.cosine_decay(1, 2.5), TypeError, "cosine_decay: steps is 2.5; expected an integer number"),
        (lambda: optim.cosine_decay(math.nan, 2), ValueError, "cosine_decay: lr is nan; expected a finite number"),
        (lambda: optim.one_cycle(1, 100, rise=1.0), ValueError, "one_cycle: rise is 1.0; expected less than 1"),
        (lambda: optim.one_cycle(1, 100, end=0), ValueError, "one_cycle: end is 0"),
        (lambda: optim.piecewise_constant({5: 1}), ValueError, "expected a dict from steps to rates with the step 0"),
        (lambda: optim.warmup(-1, 3), ValueError, "warmup: lr is -1"),
        (lambda: optim.linear_decay(1, 2)(-1), ValueError, "step is -1; expected at least 0"),
        (lambda: optim.linear_decay(1, 2)(0.5), TypeError, "step is 0.5; expected an integer"),
    ],
)
def test_options_are_checked(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bound", [0.5, 100.0])
def test_clipping_is_pytorchs(bound, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    grads = {"a": rng.standard_normal((3, 4)).astype(dtype), "b": [rng.standard_normal(5).astype(dtype)]}
    before = [grads["a"].copy(), grads["b"][0].copy()]
    leaves = [torch.nn.Parameter(torch.zeros(g.shape, dtype=getattr(torch, g.dtype.name))) for g in before]

    def fill():
        for leaf, g in zip(leaves, before, strict=True):
            leaf.grad = torch.tensor(g)

    fill()
    norm = torch.nn.utils.clip_grad_norm_(leaves, bound)
    clipped, ours = optim.clip_by_norm(grads, bound)
    eps = 8 * float(np.finfo(dtype).eps)
    assert ours == pytest.approx(float(norm), rel=eps)
    for got, leaf in zip((clipped["a"], clipped["b"][0]), leaves, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=eps)
    fill()
    torch.nn.utils.clip_grad_value_(leaves, bound)
    clipped = optim.clip_by_value(grads, bound)
    np.testing.assert_array_equal(clipped["a"], leaves[0].grad.numpy())
    np.testing.assert_array_equal(grads["a"], before[0])


def test_clipping_by_hand():
    clipped, norm = optim.clip_by_norm({"a": np.float64([3, 0]), "b": np.float64([[4]])}, 2.5)
    assert norm == 5
    np.testing.assert_allclose(clipped["a"], [1.5, 0], rtol=1e-6)
    np.testing.assert_allclose(clipped["b"], [[2]], rtol=1e-6)
    assert optim.clip_by_norm({}, 1.0)[1] == 0
    assert np.isnan(optim.clip_by_value(np.float32([np.nan, 3]), 1.0)).tolist() == [True, False]
    for wrong in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match="expected a finite number above 0"):
            optim.clip_by_norm({}, wrong)


@pytest.mark.parametrize("size", [0, 1, 7, 4096, 4097, 30_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_sum_of_squares(size, dtype):
    x = np.random.default_rng(size).standard_normal(size).astype(dtype)
    for given in (x, np.repeat(x, 2)[::2]):
        found = [sum_of_squares(given)]
        with fd.threads(2):
            found.append(sum_of_squares(given))
        assert found[0].dtype == np.float64 and found[0] == found[1]
        assert found[0] == pytest.approx(math.fsum(x.astype(np.float64) ** 2), rel=1e-14)
    if size:
        gradient = fd.grad(lambda x: np.sum(F.astype(sum_of_squares(x), dtype) * 3))(x)
        np.testing.assert_allclose(gradient, 6 * x, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-35, 1e-25, 1e20, 1e37])
def test_long_and_short_gradients_are_clipped(scale):
    """Squares of float32 are infinite from 1.8e19 on, and 0 below 3e-23."""
    grads = {"a": np.float32([3 * scale, 0]), "b": np.float32([[4 * scale]])}
    clipped, norm = optim.clip_by_norm(grads, 2.5 * scale)
    assert norm == pytest.approx(5 * scale, rel=1e-6)
    factor = min(1.0, 2.5 * scale / (5 * scale + 1e-6))
    np.testing.assert_allclose(clipped["a"], np.float32([3 * scale * factor, 0]), rtol=1e-6)
    np.testing.assert_allclose(clipped["b"], np.float32([[4 * scale * factor]]), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clipping_of_what_is_not_finite(bad):
    clipped, norm = optim.clip_by_norm(np.float32([1, bad, 2]), 1.0)
    assert not np.isfinite(norm)
    assert np.isnan(clipped[1]) and all(np.isnan(c) or c == 0 for c in clipped)
    with pytest.raises(TypeError, match="clip_by_norm: grads has dtype int64; expected float32 or float64"):
        optim.clip_by_norm(np.array([1, 2]), 1.0)


def test_an_optimizer_clips_before_its_step():
    p, g = np.float64([1, 1]), np.float64([30, 40])
    optimizer = optim.SGD(1.0, clip_norm=5.0)
    np.testing.assert_allclose(optimizer.update(p, g, optimizer.init(p))[0], [-2, -3], rtol=1e-6)
    optimizer = optim.SGD(1.0, clip_value=2.0)
    np.testing.assert_allclose(optimizer.update(p, -g, optimizer.init(p))[0], [3, 3])
    assert repr(optimizer) == "SGD(lr=1.0, clip_value=2.0, momentum=0.0, nesterov=False, weight_decay=0.0)"


def test_clipping_inside_fit():
    X, y = np.float32([[1000.0]]), np.float32([[1e6]])
    model = nn.Dense(1, 1)
    start = np.concatenate([model.weight.ravel(), model.bias])
    model.fit(X, y, loss="mse", optimizer=optim.SGD(1.0, clip_norm=0.25), epochs=1)
    moved = np.concatenate([model.weight.ravel(), model.bias]) - start
    assert np.linalg.norm(moved) == pytest.approx(0.25, rel=1e-4)
