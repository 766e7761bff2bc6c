"""Losses: values worked out by hand, the three reductions, extreme logits, wrong arguments."""

import math
from typing import Any

import numpy as np
import pytest

from fastdl import reference
from fastdl.reference import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    cross_entropy,
    cross_entropy_backward,
    mse_loss,
    mse_loss_backward,
)

LOGITS = np.log([[1, 1, 2], [3, 4, 1]])  # softmax: [1, 1, 2] / 4, [3, 4, 1] / 8


def test_mse_loss() -> None:
    p, t = [[1, 2], [3, 5]], [[1, 0], [0, 1]]
    assert mse_loss(p, t, reduction="none").tolist() == [[0, 4], [9, 16]]
    assert mse_loss(p, t, reduction="sum") == 29
    assert mse_loss(p, t) == 7.25
    gp, gt = mse_loss_backward(2, p, t)
    assert gp.tolist() == [[0, 2], [3, 4]] and gt.tolist() == [[0, -2], [-3, -4]]
    assert mse_loss_backward([[1, 2], [3, 4]], p, t, reduction="none")[0].tolist() == [[0, 8], [18, 32]]


def test_cross_entropy() -> None:
    losses = cross_entropy(LOGITS, [2, 0], reduction="none")
    np.testing.assert_allclose(losses, [math.log(2), math.log(8 / 3)], rtol=1e-15)
    np.testing.assert_allclose(cross_entropy(LOGITS, [2, 0], reduction="sum"), losses.sum(), rtol=1e-15)
    np.testing.assert_allclose(cross_entropy(LOGITS, [2, 0]), losses.sum() / 2, rtol=1e-15)
    gradient, none = cross_entropy_backward(1, LOGITS, [2, 0])
    np.testing.assert_allclose(gradient, [[0.125, 0.125, -0.25], [-0.3125, 0.25, 0.0625]], rtol=1e-14)
    assert none is None
    assert cross_entropy([[0, -2000]], [1]) == 2000


def test_cross_entropy_of_images() -> None:
    images = LOGITS.T[np.newaxis]  # (N, C, d1): the two rows above as two pixels
    np.testing.assert_array_equal(
        cross_entropy(images, [[2, 0]], reduction="none"), [cross_entropy(LOGITS, [2, 0], reduction="none")]
    )
    gradient, _ = cross_entropy_backward(1, images, [[2, 0]])
    np.testing.assert_array_equal(gradient[0].T, cross_entropy_backward(1, LOGITS, [2, 0])[0])


def test_binary_cross_entropy() -> None:
    z, t = [0, math.log(3), math.log(3), math.log(3)], [1, 1, 0, 0.5]  # sigmoid: 1/2, 3/4
    expected = [math.log(2), math.log(4 / 3), math.log(4), (math.log(4 / 3) + math.log(4)) / 2]
    np.testing.assert_allclose(binary_cross_entropy_with_logits(z, t, reduction="none"), expected, rtol=1e-15)
    np.testing.assert_allclose(binary_cross_entropy_with_logits(z, t), sum(expected) / 4, rtol=1e-15)
    gz, gt = binary_cross_entropy_with_logits_backward(4, z, t)
    np.testing.assert_allclose(gz, [-0.5, -0.25, 0.75, 0.25], rtol=1e-15)
    np.testing.assert_allclose(gt, -np.array(z), rtol=1e-15)
    assert binary_cross_entropy_with_logits([-1000, 1000], [1, 0], reduction="none").tolist() == [1000, 1000]
    np.testing.assert_allclose(binary_cross_entropy_with_logits([50], [1]), math.exp(-50), rtol=1e-13)


@pytest.mark.parametrize("op", ["mse_loss", "cross_entropy", "binary_cross_entropy_with_logits"])
def test_no_targets(op: str) -> None:
    loss, backward = getattr(reference, op), getattr(reference, f"{op}_backward")
    target = np.zeros((0,), int) if op == "cross_entropy" else np.zeros((0, 3))
    assert math.isnan(loss(np.zeros((0, 3)), target))
    assert loss(np.zeros((0, 3)), target, reduction="sum") == 0
    assert loss(np.zeros((0, 3)), target, reduction="none").shape == target.shape
    assert backward(1, np.zeros((0, 3)), target)[0].shape == (0, 3)


@pytest.mark.parametrize(
    ("op", "first", "target", "options", "message"),
    [
        ("mse_loss", [1, 2], [1], {}, "target is .1,., prediction is .2,.; they must agree"),
        ("mse_loss", [1, 2], [1, 2], {"reduction": "average"}, "reduction is 'average'"),
        ("cross_entropy", [[1, 2]], [2], {}, "target ranges from 2 to 2; expected classes from 0 to 1"),
        ("cross_entropy", [[1, 2]], [-1], {}, "target ranges from -1 to -1"),
        (
            "cross_entropy",
            [[1, 2]],
            [1.0],
            {},
            "target must be an array of integers, but its dtype is float64",
        ),
        ("cross_entropy", [[1, 2]], [[0, 1]], {}, "target is .1, 2., logits is .1, 2."),
        ("cross_entropy", [1, 2], [0], {}, "target is .1,., logits is .2,."),
        ("cross_entropy", [[1, 2]], [0], {"reduction": None}, "reduction is None"),
        ("binary_cross_entropy_with_logits", [1, 2], [0, 2], {}, "target ranges from 0.0 to 2.0"),
        ("binary_cross_entropy_with_logits", [1, 2], [0], {}, "target is .1,., logits is .2,."),
    ],
)
def test_wrong_arguments(op: str, first: Any, target: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{op}: {message}"):
        getattr(reference, op)(first, target, **options)
    with pytest.raises(ValueError, match=f"^{op}_backward: {message}"):
        getattr(reference, f"{op}_backward")(1, first, target, **options)
