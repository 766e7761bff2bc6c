"""conv2d: numbers worked out by hand, the options against seven plain loops, wrong arguments."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastdl.reference import conv2d, conv2d_backward

IMAGE = [
    [3, 1, 0, 2, 5, 6],
    [4, 2, 1, 1, 4, 7],
    [5, 4, 0, 0, 1, 2],
    [1, 2, 2, 1, 3, 4],
    [6, 3, 1, 0, 5, 2],
    [3, 1, 0, 1, 3, 3],
]
EDGES = [[-1, 0, 1]] * 3


def test_vertical_edges() -> None:
    expected = [[-11, -4, 9, 12], [-7, -6, 5, 11], [-9, -8, 6, 7], [-7, -4, 8, 7]]
    assert conv2d([[IMAGE]], [[EDGES]]).tolist() == [[expected]]
    assert conv2d([[IMAGE]], [[EDGES]], [100]).tolist() == [[(np.array(expected) + 100).tolist()]]
    assert conv2d([[IMAGE]], [[EDGES]], stride=(2, 3)).tolist() == [[[[-11, 12], [-9, 7]]]]


def test_channels_are_added_up() -> None:
    assert conv2d([[IMAGE, IMAGE]], [[EDGES, EDGES]]).tolist() == (2 * conv2d([[IMAGE]], [[EDGES]])).tolist()


def test_groups_see_their_own_channels() -> None:
    x = [[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]]
    one_each = [[[[10.0]]], [[[20.0]]], [[[30.0]]], [[[40.0]]]]
    assert conv2d(x, one_each, groups=4).ravel().tolist() == [10, 40, 90, 160]
    two_each = [[[[1.0]], [[10.0]]]] * 4
    assert conv2d(x, two_each, groups=2).ravel().tolist() == [21, 21, 43, 43]


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("valid", [3, 5, 7]),
        (0, [3, 5, 7]),
        ("same", [3, 5, 7, 4]),  # the odd pixel is at the end
        ((0, 1), [1, 3, 5, 7, 4]),
        (((0, 0), (1, 0)), [1, 3, 5, 7]),
        (((0, 0), (0, 2)), [3, 5, 7, 4, 0]),
    ],
)
def test_padding(padding: Any, expected: list[float]) -> None:
    assert conv2d([[[[1, 2, 3, 4]]]], [[[[1, 1]]]], padding=padding).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "first"),
    # first: how many zeros stand before the image
    [(5, 3, 1, 1, 1), (5, 2, 2, 1, 0), (5, 4, 1, 1, 1), (6, 3, 2, 1, 0), (7, 3, 3, 1, 1), (6, 3, 1, 3, 3)]
    + [(5, 1, 3, 1, 0), (4, 5, 4, 1, 0), (3, 6, 2, 1, 2)],
)
def test_same_padding(size: int, kernel: int, stride: int, dilation: int, first: int) -> None:
    x = np.arange(1.0, size + 1).reshape(1, 1, 1, size)
    w = np.zeros((1, 1, 1, kernel))
    w[..., 0] = 1  # y is the pixel below the first pixel of the kernel
    y = conv2d(x, w, padding="same", stride=(1, stride), dilation=(1, dilation))[0, 0, 0]
    assert len(y) == -(-size // stride)
    assert y[0] == (0 if first else 1)
    padded = [0.0] * first + x.ravel().tolist() + [0.0] * size
    assert y.tolist() == padded[: len(y) * stride : stride]


Two = tuple[int, int]


def seven_loops(
    x: NDArray[Any], w: NDArray[Any], stride: Two, top_left: Two, dilation: Two, shape: tuple[int, ...]
) -> NDArray[Any]:
    """The definition once more, pixel by pixel, where a pixel outside the image is 0."""
    y = np.zeros(shape)
    inputs = w.shape[1]
    outputs = len(w) // (x.shape[1] // inputs)  # of each group
    for n, o, p, q in np.ndindex(*shape):
        for c, u, v in np.ndindex(*w.shape[1:]):
            i = p * stride[0] + u * dilation[0] - top_left[0]
            j = q * stride[1] + v * dilation[1] - top_left[1]
            if 0 <= i < x.shape[2] and 0 <= j < x.shape[3]:
                y[n, o, p, q] += x[n, o // outputs * inputs + c, i, j] * w[o, c, u, v]
    return y


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize("border", [((0, 0), (0, 0)), ((1, 2), (3, 0))])
@pytest.mark.parametrize("groups", [1, 2])
def test_options(layout: str, stride: Any, dilation: Any, border: Any, groups: int) -> None:
    random = np.random.default_rng(0)
    x = random.integers(-9, 10, (2, 4, 7, 6)).astype(float)  # integers: sums are exact in any order
    w = random.integers(-9, 10, (6, 4 // groups, 3, 2)).astype(float)
    layout_x = x if layout == "NCHW" else x.transpose(0, 2, 3, 1)
    y = conv2d(layout_x, w, stride=stride, dilation=dilation, padding=border, groups=groups, layout=layout)
    y = y if layout == "NCHW" else y.transpose(0, 3, 1, 2)
    top_left = (border[0][0], border[1][0])
    np.testing.assert_array_equal(y, seven_loops(x, w, stride, top_left, dilation, y.shape))
    rows = (7 + sum(border[0]) - 2 * dilation[0] - 1) // stride[0] + 1
    columns = (6 + sum(border[1]) - dilation[1] - 1) // stride[1] + 1
    assert y.shape == (2, 6, rows, columns)


def test_gradients_by_hand() -> None:
    gx, gw, gb = conv2d_backward([[[[1, 10]]]], [[[[1, 2, 3, 4]]]], [[[[5, 7]]]], [0], stride=2)
    assert gx is not None and gx.ravel().tolist() == [5, 7, 50, 70]
    assert gw is not None and gw.ravel().tolist() == [31, 42]
    assert gb is not None and gb.tolist() == [11]
    gx, _, gb = conv2d_backward([[[[1]]]], [[[[1, 2, 3, 4]]]], [[[[5, 7]]]], stride=3)
    assert gx is not None and gx.ravel().tolist() == [5, 7, 0, 0]  # the last pixels were not looked at
    assert gb is None


def test_an_empty_batch_gives_an_empty_result() -> None:
    assert conv2d(np.zeros((0, 2, 5, 5)), np.zeros((3, 2, 3, 3))).shape == (0, 3, 3, 3)
    gx, gw, gb = conv2d_backward(np.zeros((0, 3, 3, 3)), np.zeros((0, 2, 5, 5)), np.ones((3, 2, 3, 3)), np.zeros(3))
    assert gx is not None and gx.shape == (0, 2, 5, 5)
    assert gw is not None and gw.tolist() == np.zeros((3, 2, 3, 3)).tolist()
    assert gb is not None and gb.tolist() == [0, 0, 0]


def test_nan_reaches_the_pixels_that_see_it() -> None:
    y = conv2d([[[[1, 2, np.nan, 4, 5]]]], [[[[1, 1]]]])
    assert np.isnan(y.ravel()).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("x", "w", "options", "message"),
    [
        ((1, 4, 8, 8), (6, 3, 3, 3), {}, "weight has 3 input channels, x has 4"),
        ((1, 4, 8, 8), (6, 4, 3, 3), {"groups": 2}, "with groups=2 x must have 8"),
        ((1, 4, 8, 8), (5, 2, 3, 3), {"groups": 2}, "groups is 2, weight has 5"),
        ((1, 4, 8, 8), (5, 2, 3, 3), {"groups": 0}, "groups is 0"),
        ((4, 8, 8), (5, 4, 3, 3), {}, "x is .4, 8, 8.; expected four"),
        ((1, 4, 8, 8), (5, 4, 3), {}, "weight is .5, 4, 3.; expected four"),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"bias": [1, 2]}, "bias is .2,., weight is"),
        ((1, 4, 8, 8), (5, 4, 3, 9), {}, "x has width 8, padded to 8; the kernel reaches over 9"),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"dilation": (4, 1)}, "x has height 8"),
        ((1, 4, 0, 8), (5, 4, 3, 3), {"padding": "same"}, "x has height 0"),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"stride": 0}, "stride is 0; expected at least 1"),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"stride": (1, 2, 3)}, "stride is .1, 2, 3.; expected an integer or"),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"dilation": 1.5}, "dilation is 1.5"),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"padding": -1}, "padding is -1"),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"padding": "full"}, "padding is 'full'"),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"padding": (1, 2, 3)}, "padding is .1, 2, 3."),
        ((1, 4, 8, 8), (5, 4, 3, 3), {"layout": "CHWN"}, "layout is 'CHWN'"),
    ],
)
def test_wrong_arguments(x: Any, w: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^conv2d: .*{message}"):
        conv2d(np.zeros(x), np.zeros(w), **options)
    with pytest.raises(ValueError, match=f"^conv2d_backward: .*{message}"):
        conv2d_backward(0, np.zeros(x), np.zeros(w), **options)
