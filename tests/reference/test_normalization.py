"""Normalisation written as formulas: values by hand, and training mode, which has several results."""

import numpy as np
import pytest

from fastdl import reference

RNG = np.random.default_rng(0)


def test_by_hand():
    np.testing.assert_allclose(reference.layer_norm([1, 3, 5], [1, 1, 2], [0, 10, 0], eps=0)[1:], [10, 4 * 0.375**0.5])
    np.testing.assert_allclose(reference.rms_norm([3, 4], eps=0), np.array([3, 4]) / 12.5**0.5)
    assert reference.group_norm([[1, 3, 10, 30]], 2, [1, 1, 2, 2], eps=0).tolist() == [[-1, 1, -2, 2]]
    assert reference.instance_norm([[[1, 3], [10, 30]]], [1, 2], [0, 5], eps=0).tolist() == [[[-1, 1], [3, 7]]]
    y, mean, var = reference.batch_norm(
        [[1, 0], [3, 0], [5, 6]], None, None, [1, 1], [1, 1], training=True, momentum=0.5
    )
    assert mean.tolist() == [2, 1.5] and var.tolist() == [2.5, 6.5]
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-15)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4)])
def test_the_gradient_in_training(shape):
    """Against central differences of sum(u y)."""
    x, w, b, u = (RNG.standard_normal(s) for s in (shape, 3, 3, shape))
    grads = reference.batch_norm_backward(u, x, w, b, np.zeros(3), np.ones(3), training=True, eps=0.1)
    assert not grads[3].any() and not grads[4].any()
    for k, array in enumerate((x, w, b)):
        for index in np.ndindex(*array.shape):
            sums = []
            for step in (1e-5, -1e-5):
                moved = [x.copy(), w.copy(), b.copy()]
                moved[k][index] += step
                sums.append(np.sum(u * reference.batch_norm(*moved, None, None, training=True, eps=0.1)[0]))
            np.testing.assert_allclose(grads[k][index], (sums[0] - sums[1]) / 2e-5, rtol=1e-6, atol=1e-7)


def test_at_picks_from_y():
    x, running = RNG.standard_normal((4, 3, 2)), (np.zeros(3), np.ones(3))
    full = reference.batch_norm(x, None, None, *running, training=True)
    some = reference.batch_norm(x, None, None, *running, training=True, at=[(3, 2, 1), (-4, 0, 0)])
    assert some[0].tolist() == [full[0][3, 2, 1], full[0][0, 0, 0]]
    for a, b in zip(some[1:], full[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "call",
    [
        lambda: reference.layer_norm([1, 2], [1, 2, 3]),
        lambda: reference.group_norm([[1, 2, 3]], 2),
        lambda: reference.instance_norm([1, 2]),
        lambda: reference.batch_norm([[1], [2]], None, None, None, None),
        lambda: reference.batch_norm([[1]], None, None, None, None, training=True),
        lambda: reference.batch_norm([[1], [2]], [1, 2], None, [0], [1]),
    ],
)
def test_what_does_not_fit_is_an_error(call):
    with pytest.raises(ValueError, match="expected|must both be given"):
        call()
