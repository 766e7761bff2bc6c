"""Dropout: numbers by hand, the share that is kept, what the mask depends on and what not, errors."""

import numpy as np
import pytest

from fastdl._kernels import threads
from fastdl.functional.dropout import dropout, dropout_backward
from fastdl.ops import PRIMITIVES, execute

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
WORD = 2**64 - 1


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & WORD
    return z ^ (z >> 31)


def random_numbers(n, seed, step, node):
    """The formula of the docstring, in Python's integers."""
    key = mix((mix((mix(seed & WORD) + step) & WORD) + node) & WORD)
    return np.array([(mix((key + (i + 1) * 0x9E3779B97F4A7C15) & WORD) >> 40) / 2**24 for i in range(n)])


@BOTH
@pytest.mark.parametrize(
    ("seed", "step", "node"),
    [(0, 0, 0), (1, 2, 3), (-1, 0, 5), (2**63 - 1, 2**63 - 1, 1), (-(2**63), -7, 2**40), (2**64 + 5, 2**70, -1)],
)
def test_numbers_by_hand(seed, step, node, dtype):
    u = random_numbers(77, seed, step, node)
    x = np.arange(1, 78).astype(dtype)
    for p in (0.0, 0.25, u[5], u[6] + 1e-12, 0.999):
        expected = np.where(u >= p, x * dtype(1 / (1 - p)), 0).astype(dtype)
        np.testing.assert_array_equal(dropout(x, p, seed=seed, step=step, node=node), expected)


@BOTH
def test_the_share_that_is_kept(dtype):
    x = np.ones(200_000, dtype)
    for p in (0.1, 0.5, 0.9):
        y = dropout(x, p, seed=1, step=0)
        assert abs((y == 0).mean() - p) < 0.005
        assert abs(y.mean() - 1) < 0.02
        assert set(np.unique(y)) == {0, dtype(1 / (1 - p))}


def test_masks_of_other_seeds_steps_and_nodes_are_independent():
    x = np.ones(100_000, np.float32)
    masks = [dropout(x, 0.5, seed=s, step=t, node=n) > 0 for s in (0, 1) for t in (0, 1) for n in (0, 1)]
    for i in range(8):
        for j in range(i):
            assert abs((masks[i] == masks[j]).mean() - 0.5) < 0.01
    rows = masks[0].reshape(100, 1000)
    assert abs(rows.mean(0) - 0.5).max() < 0.25 and abs((rows[:, 1:] == rows[:, :-1]).mean() - 0.5) < 0.01


@BOTH
def test_the_shape_does_not_matter_nor_does_the_order_in_memory(dtype):
    x = np.random.default_rng(0).standard_normal((20, 30)).astype(dtype)
    y = dropout(x, 0.3, seed=5, step=6)
    np.testing.assert_array_equal(dropout(x.ravel(), 0.3, seed=5, step=6), y.ravel())
    np.testing.assert_array_equal(dropout(np.asfortranarray(x), 0.3, seed=5, step=6), y)


@BOTH
def test_what_is_dropped_is_zero_even_if_it_was_no_number(dtype):
    x = np.full(1000, np.nan, dtype)
    y = dropout(x, 0.5, seed=0, step=0)
    assert set(np.unique(np.isnan(y))) == {False, True} and (y[~np.isnan(y)] == 0).all()


@BOTH
def test_backward_uses_the_same_mask(dtype):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 50, 3)).astype(dtype)
    kept = dropout(np.ones_like(x), 0.4, seed=1, step=2, node=3)
    (dx,) = dropout_backward(g, x, 0.4, seed=1, step=2, node=3)
    np.testing.assert_array_equal(dx, g * kept)


def test_counters_may_be_arrays_and_are_read_when_the_op_runs():
    x = np.ones(100, np.float32)
    step = np.array(0)
    for t in range(3):
        step[...] = t
        np.testing.assert_array_equal(dropout(x, 0.5, seed=np.int64(4), step=step), dropout(x, 0.5, seed=4, step=t))


@BOTH
def test_threads_and_memory(dtype):
    x = np.random.default_rng(0).standard_normal(300_001).astype(dtype)
    with threads.threads(1):
        y = dropout(x, 0.5, seed=1, step=1)
    with threads.threads(2):
        np.testing.assert_array_equal(dropout(x, 0.5, seed=1, step=1), y)
    execute(PRIMITIVES["dropout"], (x, np.array(1), np.array(1)), {"p": 0.5, "node": 0}, out=x)
    np.testing.assert_array_equal(x, y)
    assert dropout(x[:0], 0.5, seed=1, step=1).shape == (0,)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"p": 1.0}, ValueError, r"dropout: p is 1.0; expected a probability, 0 <= p < 1"),
        ({"p": -0.1}, ValueError, r"dropout: p is -0.1"),
        ({"p": float("nan")}, ValueError, r"dropout: p is nan"),
        ({"p": "half"}, TypeError, r"dropout: p is 'half'; expected a number"),
        ({"seed": 0.5}, TypeError, r"dropout: seed is 0.5; expected an integer"),
        ({"seed": None}, TypeError, r"dropout: seed is None; expected an integer"),
        ({"step": True}, TypeError, r"dropout: step is True; expected an integer"),
        ({"step": np.zeros(2, int)}, TypeError, r"dropout: step is an array of shape \(2,\) and dtype int64"),
        ({"step": np.array(0.0)}, TypeError, r"dropout: step is an array of shape \(\) and dtype float64"),
        ({"node": 1.0}, TypeError, r"dropout: node is 1.0; expected an integer"),
        ({"x": np.arange(3)}, TypeError, r"dropout: x has dtype int64; expected float32 or float64"),
    ],
)
def test_errors(options, error, message):
    options = {"x": np.ones(3, np.float32), "p": 0.5, "seed": 0, "step": 0, **options}
    with pytest.raises(error, match=message):
        dropout(options.pop("x"), options.pop("p"), **options)
