"""Update rules against a second wording of PyTorch's, many steps, several cells, in place, and errors."""

import numpy as np
import pytest

from fastdl._kernels import Buffer, ProgramBuilder, address_of, threads
from fastdl.functional import updates
from fastdl.functional.updates import adam_update, sgd_update
from fastdl.ops import Lowering, Operand

DTYPES = (np.float32, np.float64)


def naive_sgd(p, g, velocity, step, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    g = g + weight_decay * p
    if momentum:
        velocity = g.copy() if step == 0 else momentum * velocity + g
        g = g + momentum * velocity if nesterov else velocity
    return p - lr * g, velocity


def naive_adam(p, g, m, v, step, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False):
    if decoupled:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    m = m + (1 - beta1) * (g - m)
    v = v * beta2 + (1 - beta2) * g * g
    scale = np.sqrt(v) / np.sqrt(1 - beta2 ** (step + 1)) + eps
    return p - lr / (1 - beta1 ** (step + 1)) * m / scale, m, v


def gap(a, b):
    """The largest difference in units of the largest element."""
    return np.abs(a.astype(np.float64) - b).max() / np.abs(b).max()


SGD = ({}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1})
ADAM = ({}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled": True}, {"beta1": 0.5, "beta2": 0.9, "eps": 1e-3})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", SGD)
def test_twenty_steps_of_sgd(options, dtype):
    rng = np.random.default_rng(0)
    p, velocity = rng.standard_normal(9001).astype(dtype), np.full(9001, np.nan, dtype)
    q, slow = p.astype(np.float64), velocity.astype(np.float64)
    for step in range(20):
        g = rng.standard_normal(9001).astype(dtype)
        p, velocity = sgd_update(p, g, velocity, step, 0.05, **options)
        q, slow = naive_sgd(q, g.astype(np.float64), slow, step, 0.05, **options)
    assert p.dtype == velocity.dtype == dtype
    assert gap(p, q) < (1e-6 if dtype == np.float32 else 4e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", ADAM)
def test_twenty_steps_of_adam(options, dtype):
    rng = np.random.default_rng(1)
    p, m, v = rng.standard_normal(9001).astype(dtype), np.zeros(9001, dtype), np.zeros(9001, dtype)
    state = [a.astype(np.float64) for a in (p, m, v)]
    for step in range(20):
        g = (100.0**step % 7 * rng.standard_normal(9001)).astype(dtype)
        p, m, v = adam_update(p, g, m, v, step, 0.05, **options)
        state = naive_adam(state[0], g.astype(np.float64), *state[1:], step, 0.05, **options)
    for mine, theirs in zip((p, m, v), state, strict=True):
        assert mine.dtype == dtype
        assert gap(mine, theirs) < (2e-6 if dtype == np.float32 else 4e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_mean_square_keeps_its_precision(dtype):
    """v b + (1 - b) g^2 must not be computed as g^2 + b (v - g^2), which cancels for b near 1."""
    g, zeros = np.full(100, 3.0, dtype), np.zeros(100, dtype)
    _, _, v = adam_update(zeros, g, zeros, zeros, 0, 0.1, beta2=1 - 2.0**-20)
    np.testing.assert_allclose(v, 9 * 2.0**-20, rtol=4 * np.finfo(dtype).eps)


def test_step_and_learning_rate_as_arrays():
    p, g, m, v = np.random.default_rng(2).random((4, 5))
    plain = adam_update(p, g, m, v, 7, 0.3)
    for step, lr in ((np.array(7), np.array(0.3)), (np.int32(7), np.float64(0.3))):
        for a, b in zip(plain, adam_update(p, g, m, v, step, lr), strict=True):
            np.testing.assert_array_equal(a, b)
    long = adam_update(p, g, m, v, 10**9, 0.3)[0]  # the corrections have died out
    np.testing.assert_allclose(long, naive_adam(p, g, m, v, 10**9, 0.3)[0], rtol=1e-14)


def test_inputs_are_not_changed_and_may_be_views():
    rng = np.random.default_rng(3)
    p, g, m, v = (rng.random((6, 8))[::2, ::-1] for _ in range(4))
    before = [a.copy() for a in (p, g, m, v)]
    new = adam_update(p, g, m, v, 0, 0.1)
    assert all(np.array_equal(a, b) for a, b in zip(before, (p, g, m, v), strict=True))
    np.testing.assert_allclose(new[0], naive_adam(*before, 0, 0.1)[0], rtol=1e-14)
    assert adam_update(np.zeros((0, 3)), *np.zeros((3, 0, 3)), 0, 0.1)[0].shape == (0, 3)


def test_velocity_without_momentum():
    p, g = np.ones(3), np.full(3, 2.0)
    new, velocity = sgd_update(p, g, None, 0, 0.5)
    np.testing.assert_array_equal(new, 0)
    assert velocity is None
    state = np.full(3, 7.0)
    assert sgd_update(p, g, state, 0, 0.5)[1] is state


@pytest.mark.parametrize("dtype", DTYPES)
def test_in_place_gives_the_same_bits(dtype):
    """As in a plan: the new values replace the old ones, step after step."""
    rng = np.random.default_rng(4)
    p, g, m = rng.standard_normal((3, 5003)).astype(dtype)
    v = np.square(rng.standard_normal(5003)).astype(dtype)
    step, lr = np.array(3), np.array(0.01)
    expected = adam_update(p, g, m, v, step, lr)
    arrays = [p, g, m, v, step, lr]
    places = [Operand(Buffer.external(i), a.shape, a.dtype) for i, a in enumerate(arrays)]
    builder = ProgramBuilder()
    updates._adam.lower(
        Lowering(builder, []),
        tuple(places),
        (places[0], places[2], places[3]),
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        decoupled=False,
    )
    builder.build(len(arrays)).run([address_of(a) for a in arrays])
    for mine, theirs in zip((p, m, v), expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype):
    rng = np.random.default_rng(5)
    p, g, m, v = rng.random((4, 300_001)).astype(dtype)
    with threads.threads(1):
        alone = (*adam_update(p, g, m, v, 3, 0.1), *sgd_update(p, g, m, 3, 0.1, momentum=0.9, nesterov=True))
    spread = (*adam_update(p, g, m, v, 3, 0.1), *sgd_update(p, g, m, 3, 0.1, momentum=0.9, nesterov=True))
    for one, two in zip(alone, spread, strict=True):
        np.testing.assert_array_equal(one, two)


def test_errors_name_the_remedy():
    p = np.zeros(3)
    with pytest.raises(ValueError, match=r"sgd_update: g is \(4,\), p is \(3,\)"):
        sgd_update(p, np.zeros(4), None, 0, 0.1)
    with pytest.raises(ValueError, match="nesterov needs momentum > 0"):
        sgd_update(p, p, p, 0, 0.1, nesterov=True)
    with pytest.raises(ValueError, match=r"velocity is None.*np\.zeros_like\(p\)"):
        sgd_update(p, p, None, 0, 0.1, momentum=0.9)
    with pytest.raises(ValueError, match="momentum is -1; expected at least 0"):
        sgd_update(p, p, p, 0, 0.1, momentum=-1)
    with pytest.raises(ValueError, match="beta2 is 1; expected at least 0 and below 1"):
        adam_update(p, p, p, p, 0, 0.1, beta2=1)
    with pytest.raises(TypeError, match="eps is None; expected a number"):
        adam_update(p, p, p, p, 0, 0.1, eps=None)
    with pytest.raises(TypeError, match="lr has dtype float32"):
        adam_update(p, p, p, p, 0, np.zeros((), np.float32))
    with pytest.raises(TypeError, match="step has dtype float64; expected integers"):
        adam_update(p, p, p, p, np.zeros(()), 0.1)
    with pytest.raises(TypeError, match=r"step is a float; expected integers: .*np\.int64"):
        sgd_update(p, p, p, 1.0, 0.1)
    with pytest.raises(ValueError, match="adam_update: step is -1; expected at least 0"):
        adam_update(p, p, p, p, -1, 0.1)
    with pytest.raises(TypeError, match="nesterov is 'no'; expected True or False"):
        sgd_update(p, p, p, 0, 0.1, momentum=0.9, nesterov="no")
    with pytest.raises(TypeError, match="decoupled is 'no'; expected True or False"):
        adam_update(p, p, p, p, 0, 0.1, decoupled="no")
    with pytest.raises(ValueError, match="eps is inf; expected at least 0 and finite"):
        adam_update(p, p, p, p, 0, 0.1, eps=float("inf"))
    with pytest.raises(ValueError, match=r"step is \(2,\)"):
        adam_update(p, p, p, p, np.zeros(2, int), 0.1)
