"""Pooling: numbers worked out by hand, padding, ties, NaN, wrong arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastdl.reference import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward

X = [[[[1, 2, 5, 0, 9], [4, 3, 0, 6, 9], [-1, -2, -3, -4, 9]]]]


def test_max_by_hand() -> None:
    assert max_pool2d(X, 2).tolist() == [[[[4, 6]]]]
    assert max_pool2d(X, 2, stride=1).tolist() == [[[[4, 5, 6, 9], [4, 3, 6, 9]]]]
    assert max_pool2d(X, (3, 1), stride=(1, 2)).tolist() == [[[[4, 5, 9]]]]
    assert max_pool2d(X, (1, 2), stride=(2, 3), padding=(0, 1)).tolist() == [[[[1, 5], [-1, -3]]]]


def test_the_padding_of_max_never_wins() -> None:
    assert max_pool2d([[[[-5, -7]]]], 2, stride=1, padding=1).tolist() == [[[[-5, -5, -7], [-5, -5, -7]]]]
    lowest = [[[[-np.inf]]]]
    assert np.isneginf(max_pool2d(lowest, 2, stride=1, padding=1)).all()
    assert max_pool2d_backward(np.ones((1, 1, 2, 2)), lowest, 2, stride=1, padding=1)[0].tolist() == [[[[4]]]]


def test_average_by_hand() -> None:
    assert avg_pool2d(X, 2).tolist() == [[[[2.5, 2.75]]]]
    x = [[[[1, 2], [3, 6]]]]
    assert avg_pool2d(x, 2, padding=1).tolist() == [[[[0.25, 0.5], [0.75, 1.5]]]]
    assert avg_pool2d(x, 2, padding=1, count_include_pad=False).tolist() == [[[[1, 2], [3, 6]]]]
    assert avg_pool2d(x, 3, padding=1, count_include_pad=False).tolist() == [[[[3]]]]


def test_channels_last() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 5))
    last = x.transpose(0, 2, 3, 1)
    for pool in (max_pool2d, avg_pool2d):
        expected = pool(x, (3, 2), stride=(1, 2), padding=1).transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(pool(last, (3, 2), stride=(1, 2), padding=1, layout="NHWC"), expected)


def test_the_gradient_of_max_goes_to_the_first_maximum() -> None:
    x = [[[[1, 3, 0], [3, 3, 3]]]]
    assert max_pool2d_backward([[[[5]]]], x, (2, 3))[0].tolist() == [[[[0, 5, 0], [0, 0, 0]]]]
    assert max_pool2d_backward([[[[5, 7]]]], x, 2, stride=1)[0].tolist() == [[[[0, 12, 0], [0, 0, 0]]]]


def test_nan_is_the_maximum() -> None:
    x = [[[[1, 3, np.nan], [np.nan, 2, 9]]]]
    assert np.isnan(max_pool2d(x, (2, 3))).all()
    assert max_pool2d_backward([[[[5]]]], x, (2, 3))[0].tolist() == [[[[0, 0, 5], [0, 0, 0]]]]
    assert np.isnan(max_pool2d(x, (1, 2), stride=1)).tolist() == [[[[False, True], [True, False]]]]


def test_gradients_of_average_by_hand() -> None:
    x = np.zeros((1, 1, 2, 2))
    grad = [[[[4, 8], [12, 16]]]]
    assert avg_pool2d_backward(grad, x, 2, padding=1)[0].tolist() == [[[[1, 2], [3, 4]]]]
    gradient = avg_pool2d_backward(grad, x, 2, padding=1, count_include_pad=False)[0]
    assert gradient.tolist() == [[[[4, 8], [12, 16]]]]


def test_an_empty_batch_gives_an_empty_result() -> None:
    assert max_pool2d(np.zeros((0, 3, 4, 4)), 2).shape == (0, 3, 2, 2)
    assert avg_pool2d_backward(np.zeros((0, 3, 2, 2)), np.zeros((0, 3, 4, 4)), 2)[0].shape == (0, 3, 4, 4)


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize(
    ("shape", "kernel", "options", "message"),
    [
        ((1, 1, 4, 4), 3, {"padding": 2}, "padding is 2, kernel_size is 3; expected at most half"),
        ((1, 1, 4, 4), (4, 1), {"padding": 1}, "padding is 1, kernel_size is .4, 1."),
        ((1, 1, 2, 4), 3, {}, "x has height 2, padded to 2; kernel_size is 3"),
        ((1, 1, 4, 0), 2, {"padding": 1}, "x has width 0"),
        ((1, 4, 4), 2, {}, "x is .1, 4, 4.; expected four"),
        ((1, 1, 4, 4), 0, {}, "kernel_size is 0; expected at least 1"),
        ((1, 1, 4, 4), 2, {"stride": 0}, "stride is 0"),
        ((1, 1, 4, 4), 2, {"padding": -1}, "padding is -1"),
        ((1, 1, 4, 4), 2, {"layout": "HW"}, "layout is 'HW'"),
    ],
)
def test_wrong_arguments(
    pool: Callable[..., Any], shape: Any, kernel: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{pool.__name__}: .*{message}"):
        pool(np.zeros(shape), kernel, **options)
