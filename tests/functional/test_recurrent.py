"""Recurrent layers: values worked out by hand, absent gradients, errors, and what a walk over small cases misses."""

import functools

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference, testing
from fastdl.functional import _recurrent, _unrolled
from fastdl.testing._cases import arrays_in

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
KINDS = list(GATES)


def arguments(kind, batch, steps, features, hidden, dtype=np.float64, seed=0):
    """x, the states, both weights and both biases."""
    rng = np.random.default_rng(seed)
    rows = GATES[kind] * hidden
    states = [(batch, hidden)] * (2 if kind == "lstm" else 1)
    shapes = [(batch, steps, features), *states, (rows, features), (rows, hidden), (rows,), (rows,)]
    return [rng.uniform(-1, 1, shape).astype(dtype) for shape in shapes]


def test_rnn_by_hand():
    x = np.float64([[[1, 2], [3, 4]]])
    w, u = np.float64([[1, 0], [0, -1]]), np.float64([[0, 1], [1, 0]])
    y, h = F.rnn(x, np.float64([[5, 6]]), w, u, np.float64([1, 0]), np.float64([0, 2]), activation="relu")
    # Step 1: (1 + 1 + 6, -2 + 2 + 5) = (8, 5); step 2: (3 + 1 + 5, -4 + 2 + 8) = (9, 6).
    np.testing.assert_array_equal(y, [[[8, 5], [9, 6]]])
    np.testing.assert_array_equal(h, [[9, 6]])
    y, h = F.rnn(x, None, w, u, activation="relu", reverse=True)
    # From the end: (3, 0 instead of -4), then (1 + 0, -2 + 3).
    np.testing.assert_array_equal(y, [[[1, 1], [3, 0]]])
    np.testing.assert_array_equal(h, [[1, 1]])


def test_lstm_by_hand():
    # Gates wide open or shut: sigmoid(+-40) is 1 or 0 in float64. The first unit takes up tanh(0.5) and keeps it, the
    # second shows what it began with.
    w = np.float64([0, 0, 0, 0, 0.5, 0, 0, 0]).reshape(8, 1)
    bias = np.float64([40, -40, 40, 40, 0, 0, 40, 40])
    c0 = np.float64([[0, 2]])
    y, h, c = F.lstm(np.ones((1, 3, 1)), None, c0, w, np.zeros((8, 2)), bias)
    count = np.arange(1, 4) * np.tanh(0.5)
    np.testing.assert_allclose(y[0, :, 0], np.tanh(count), rtol=1e-14)
    np.testing.assert_allclose(y[0, :, 1], np.tanh(2), rtol=1e-14)
    np.testing.assert_allclose(c, [[count[-1], 2]], rtol=1e-14)
    np.testing.assert_array_equal(h, y[:, -1])


def test_gru_by_hand():
    # The gate z is half open: h moves half of the way to n = tanh(0.5), whatever r is, as U_n is zero.
    w = np.float64([[3], [0], [0.5]])
    y, h = F.gru(np.ones((1, 2, 1)), np.ones((1, 1)), w, np.zeros((3, 1)))
    n = np.tanh(0.5)
    np.testing.assert_allclose(y[0, :, 0], [(1 + n) / 2, (1 + n) / 4 + n / 2], rtol=1e-14)
    # With U_n = 0 and b_hn = 2, r = 1/2: the reset gate multiplies the bias as well.
    y, _ = F.gru(np.ones((1, 1, 1)), None, np.zeros((3, 1)), np.zeros((3, 1)), None, np.float64([0, 0, 2]))
    np.testing.assert_allclose(y, [[[np.tanh(1.0) / 2]]], rtol=1e-14)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_last_state_is_an_array_of_its_own(kind, reverse):
    y, *states = getattr(F, kind)(*arguments(kind, 2, 3, 1, 4), reverse=reverse)
    np.testing.assert_array_equal(states[0], y[:, 0 if reverse else -1])
    assert not any(np.may_share_memory(y, state) for state in states)


@pytest.mark.parametrize("kind", KINDS)
def test_reverse_is_the_same_walk_over_a_reversed_sequence(kind):
    x, *others = arguments(kind, 5, 7, 3, 6)
    y, *states = getattr(F, kind)(x[:, ::-1], *others)
    back, *same = getattr(F, kind)(x, *others, reverse=True)
    np.testing.assert_allclose(back[:, ::-1], y, rtol=1e-14)
    for a, b in zip(states, same, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_absent_gradients_are_zeros(kind):
    args = arguments(kind, 5, 4, 2, 3)
    results = getattr(F, kind)(*args)
    rng = np.random.default_rng(1)
    full = [rng.standard_normal(y.shape) for y in results]
    for k in range(len(full)):
        absent = tuple(g if i == k else None for i, g in enumerate(full))
        zeros = tuple(g if i == k else np.zeros(g.shape) for i, g in enumerate(full))
        backward = getattr(F, f"{kind}_backward")
        for a, b in zip(backward(absent, *args), backward(zeros, *args), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)
    nothing = backward((None,) * len(full), *args)
    assert all(g.shape == a.shape and not g.any() for g, a in zip(nothing, args, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", [1, 15, 16, 17, 63, 64, 65, 130, 257])
@pytest.mark.parametrize("kind", KINDS)
def test_every_width_of_a_block(kind, hidden, dtype):
    # Blocks of 64 or 256 units, whole sixteens in them, the last one cut off.
    args = arguments(kind, 6, 3, 2, hidden, dtype)
    args = [a / np.sqrt(hidden).astype(dtype) if a.ndim == 2 else a for a in args]
    results, expected = getattr(F, kind)(*args), getattr(reference, kind)(*args)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for a, b in zip(results, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    grad = tuple(np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype) for y in results)
    for a, b in zip(
        getattr(F, f"{kind}_backward")(grad, *args),
        getattr(reference, f"{kind}_backward")(grad, *args),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=10 * tolerance, atol=10 * tolerance * max(1.0, np.abs(b).max()))


@pytest.mark.parametrize("batch", [1, 3, 4, 5, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bits_with_two_threads(kind, batch):
    args = arguments(kind, batch, 40, 8, 40, np.float32)

    def both():
        results = getattr(F, kind)(*args)
        return results, getattr(F, f"{kind}_backward")(results, *args)

    with fd.threads(1):
        alone = both()
    with fd.threads(2):
        together = both()
    for a, b in zip(arrays_in(alone), arrays_in(together), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_does_not_know_of_the_others(kind):
    args = arguments(kind, 7, 5, 3, 9)
    y = getattr(F, kind)(*args)[0]
    per_sequence = 3 if kind == "lstm" else 2
    for n in range(7):
        own = [a[n : n + 1] for a in args[:per_sequence]] + args[per_sequence:]
        np.testing.assert_allclose(getattr(F, kind)(*own)[0], y[n : n + 1], rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch(kind):
    args = arguments(kind, 0, 3, 2, 4)
    results = getattr(F, kind)(*args)
    assert results[0].shape == (0, 3, 4) and all(state.shape == (0, 4) for state in results[1:])
    grads = getattr(F, f"{kind}_backward")(results, *args)
    for gradient, argument in zip(grads, args, strict=True):
        assert gradient.shape == argument.shape and not gradient.any()


STEPS = {
    "rnn": (_recurrent._rnn_grad, functools.partial(_unrolled.rnn_grad_steps, activation="tanh"), 3),
    "lstm": (_recurrent._lstm_grad, _unrolled.lstm_grad_steps, 7),
    "gru": (_recurrent._gru_grad, _unrolled.gru_grad_steps, 8),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_composition_that_gradients_of_gradients_use_is_the_kernel(kind, reverse):
    primitive, steps, count = STEPS[kind]
    rng = np.random.default_rng(2)
    batch, length, hidden = 5, 4, 3
    gates = GATES[kind] * hidden
    sequence, wide = (batch, length, hidden), (batch, length, gates)
    shapes = {
        "rnn": [sequence, sequence],
        "lstm": [sequence, sequence, wide, wide, sequence, (batch, hidden)],
        "gru": [sequence, wide, sequence, wide, sequence, sequence, (batch, hidden)],
    }[kind]
    inputs = [rng.uniform(-0.9, 0.9, shape) for shape in [*shapes, (gates, hidden)]]
    assert len(inputs) == count
    attrs = {"activation": "tanh"} if kind == "rnn" else {}
    optional = {"rnn": [], "lstm": [0, 1, 2, 5], "gru": [0, 1, 2, 6]}[kind]
    for absent in [[], *[[k] for k in optional], optional]:
        given = [None if k in absent else x for k, x in enumerate(inputs)]
        for a, b in zip(primitive(*given, **attrs, reverse=reverse), steps(*given, reverse=reverse), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_third_derivatives(kind):
    x, *others = arguments(kind, 1, 2, 1, 2)

    def second(x):
        def f(x):
            return F.sum(F.multiply(getattr(F, kind)(x, *others)[0], np.float64([[[1, -2], [3, 1]]])))

        slope = fd.grad(lambda x: F.sum(F.power(fd.grad(f)(x), 2)))
        return slope(x)

    testing.check_grad(fd.compile(second), x)


@pytest.mark.parametrize("kind", KINDS)
def test_errors(kind):
    x, h0, *others = arguments(kind, 2, 3, 4, 5)
    function, rows = getattr(F, kind), "H" if kind == "rnn" else f"{GATES[kind]} H"
    for args, error, words in [
        ((x[0], h0, *others), ValueError, r"x has shape \(3, 4\); expected \(batch, steps, features\), .*x\[None\]"),
        ((x[:, :0], h0, *others), ValueError, r"x has no steps \(x \(2, 0, 4\)\); expected at least one"),
        ((x, h0[:1], *others), ValueError, r"h0 has shape \(1, 5\); expected \(2, 5\)"),
        ((x[..., :3], h0, *others), ValueError, rf"weight_ih has shape \({GATES[kind] * 5}, 4\); expected"),
        ((x, h0, *others[:-3], others[-3][1:]), ValueError, rf"weight_hh has shape .*; expected \({rows}, H\)"),
        ((x, h0, *others[:-1], others[-1][1:]), ValueError, r"bias_hh has shape .*; expected \("),
    ]:
        with pytest.raises(error, match=f"^{kind}: {words}"):
            function(*args)
    with pytest.raises(TypeError, match=f"^{kind}: reverse is 1; expected True or False"):
        function(x, h0, *others, reverse=1)
    with pytest.raises(TypeError, match=f"^{kind}_backward: grad is a ndarray; expected a tuple of"):
        getattr(F, f"{kind}_backward")(x, x, h0, *others)
    with pytest.raises(TypeError, match=f"^{kind}_backward: grad is 1 gradients; expected a tuple of"):
        getattr(F, f"{kind}_backward")((x,), x, h0, *others)


def test_an_unknown_activation():
    args = arguments("rnn", 1, 1, 1, 1)
    with pytest.raises(ValueError, match="^rnn: activation is 'sigmoid'; expected one of 'tanh', 'relu'"):
        F.rnn(*args, activation="sigmoid")
