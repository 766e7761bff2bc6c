"""Optimisers: steps worked out by hand, and the equivalences between their options."""

from typing import Any

import numpy as np
import pytest

from fastdl.reference import adam_update, sgd_update


def close(values: Any, expected: Any) -> None:
    np.testing.assert_allclose(values, expected, rtol=1e-14)


def test_plain_descent() -> None:
    p, velocity = sgd_update([1, 2], [10, -10], [7, 7], 0, 0.1)
    close(p, [0, 3])
    assert velocity.tolist() == [7, 7]  # unused, unchanged


def test_momentum() -> None:
    p, velocity = sgd_update([1], [10], [777], 0, 0.1, momentum=0.5)  # the first step forgets what was there
    close((p, velocity), ([0], [10]))
    p, velocity = sgd_update(p, [20], velocity, 1, 0.1, momentum=0.5)
    close((p, velocity), ([-2.5], [25]))
    p, velocity = sgd_update(p, [0], velocity, 2, 0.1, momentum=0.5)
    close((p, velocity), ([-3.75], [12.5]))


def test_nesterov() -> None:
    p, velocity = sgd_update([1], [10], [0], 0, 0.1, momentum=0.5, nesterov=True)
    close((p, velocity), ([-0.5], [10]))  # 1 - 0.1 (10 + 0.5 * 10)
    p, velocity = sgd_update(p, [20], velocity, 1, 0.1, momentum=0.5, nesterov=True)
    close((p, velocity), ([-3.75], [25]))  # -0.5 - 0.1 (20 + 0.5 * 25)


def test_weight_decay() -> None:
    p, velocity = sgd_update([2], [10], [0], 0, 0.1, momentum=0.5, weight_decay=0.5)
    close((p, velocity), ([0.9], [11]))


def test_the_first_step_of_adam_is_the_learning_rate_long() -> None:
    p, m, v = adam_update([1, 1], [0.001, -1000], [0, 0], [0, 0], 0, 0.1, eps=0)
    close(p, [0.9, 1.1])
    close(m, [0.0001, -100])
    close(v, [1e-9, 1000])


def test_two_steps_of_adam() -> None:
    p, m, v = adam_update([1], [2], [0], [0], 0, 0.1, beta1=0.5, beta2=0.75, eps=1)
    close((p, m, v), ([1 - 0.1 * 2 / 3], [1], [1]))  # both corrected: 2, 4
    p, m, v = adam_update(p, [4], m, v, 1, 0.1, beta1=0.5, beta2=0.75, eps=1)
    close((m, v), ([2.5], [4.75]))
    close(p, [1 - 0.1 * 2 / 3 - 0.1 * (2.5 / 0.75) / (np.sqrt(4.75 / 0.4375) + 1)])


def test_weight_decay_of_adam() -> None:
    ordinary = adam_update([2], [1], [0], [0], 0, 0.1, weight_decay=0.5)
    for result, expected in zip(ordinary, adam_update([2], [2], [0], [0], 0, 0.1), strict=True):
        close(result, expected)  # a gradient of 1 + 0.5 * 2
    decoupled = adam_update([2], [1], [0], [0], 0, 0.1, weight_decay=0.5, decoupled=True)
    for result, expected in zip(decoupled, adam_update([1.9], [1], [0], [0], 0, 0.1), strict=True):
        close(result, expected)  # parameters of 2 - 0.1 * 0.5 * 2


def test_arguments_are_not_changed() -> None:
    p, g, m, v = arrays = [np.ones(3) for _ in range(4)]
    for array in arrays:
        array.setflags(write=False)
    assert all(not np.shares_memory(new, old) for new in sgd_update(p, g, v, 1, 0.1) for old in arrays)
    assert all(not np.shares_memory(new, old) for new in adam_update(p, g, m, v, 1, 0.1) for old in arrays)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"^sgd_update: g is \(2,\), p is \(1,\); they must agree"):
        sgd_update([1], [1, 2], [0], 0, 0.1)
    with pytest.raises(ValueError, match=r"^adam_update: v is \(\), p is \(1,\); they must agree"):
        adam_update([1], [1], [0], 0, 0, 0.1)
    with pytest.raises(ValueError, match="nesterov needs momentum > 0, momentum is 0"):
        sgd_update([1], [1], [0], 0, 0.1, nesterov=True)
    with pytest.raises(ValueError, match="step is -1; steps count from 0"):
        adam_update([1], [1], [0], [0], -1, 0.1)
