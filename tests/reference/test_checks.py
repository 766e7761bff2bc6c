"""The checks of every op are checked: typical mistakes are caught, and `at=` refuses what is no index."""

from typing import Any

import numpy as np
import pytest

from fastdl import reference

from .test_every_op import case, check_gradients, normal


def test_typical_mistakes_are_caught() -> None:
    x, w = normal(1, 2, 5, 5), normal(2, 2, 3, 3)
    convolution = case("conv2d", x, w, None)
    with pytest.raises(AssertionError):  # a flipped kernel
        check_gradients(convolution, lambda u: reference.conv2d_backward(u, x, w[:, :, ::-1, ::-1]))
    product = case("matmul", normal(3, 3), normal(3, 3))
    with pytest.raises(AssertionError):  # a forgotten transposition
        check_gradients(product, lambda u: (u @ product.arrays[1], product.arrays[0] @ u))
    prediction, target = normal(2, 3), normal(2, 3)
    loss = case("mse_loss", prediction, target)
    with pytest.raises(AssertionError):  # sum instead of mean
        check_gradients(loss, lambda u: reference.mse_loss_backward(u, prediction, target, reduction="sum"))


@pytest.mark.parametrize("at", [[(0, 3)], [(-3, 0)], [(0,)], [(0, 0, 0)], [0], [(0.5, 0)]])
@pytest.mark.parametrize("op", ["relu", "softmax", "sum", "dense"])
def test_at_outside_the_output_is_an_error(op: str, at: Any) -> None:
    options: dict[str, dict[str, Any]] = {"sum": {"axis": ()}, "dense": {"weight": np.ones((3, 3))}}
    with pytest.raises(ValueError, match="at: "):
        getattr(reference, op)(np.ones((2, 3)), **options.get(op, {}), at=at)
