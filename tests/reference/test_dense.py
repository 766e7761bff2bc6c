"""dense and matmul: numbers worked out by hand, NumPy's product, wrong arguments."""

from typing import Any

import numpy as np
import pytest

from fastdl.reference import dense, dense_backward, matmul, matmul_backward, sigmoid, tanh

X, WEIGHT, BIAS = [[1, 2], [3, 4]], [[1, -1], [2, 0], [0, 1]], [10, 20, -3]


def test_dense_by_hand() -> None:
    assert dense(X, WEIGHT).tolist() == [[-1, 2, 2], [-1, 6, 4]]
    assert dense(X, WEIGHT, BIAS).tolist() == [[9, 22, -1], [9, 26, 1]]
    assert dense(X, WEIGHT, BIAS, activation="relu").tolist() == [[9, 22, 0], [9, 26, 1]]
    assert dense(X, WEIGHT, BIAS, activation="identity").tolist() == dense(X, WEIGHT, BIAS).tolist()
    z = dense(X, WEIGHT, BIAS)
    np.testing.assert_array_equal(dense(X, WEIGHT, BIAS, activation="tanh"), tanh(z))
    np.testing.assert_array_equal(dense(X, WEIGHT, BIAS, activation="sigmoid"), sigmoid(z))


def test_dense_treats_the_last_axis() -> None:
    assert dense(X[0], WEIGHT).tolist() == [-1, 2, 2]
    assert dense([X, X], WEIGHT).tolist() == [dense(X, WEIGHT).tolist()] * 2
    assert dense(np.zeros((0, 2)), WEIGHT).shape == (0, 3)
    assert dense(np.zeros((4, 0)), np.zeros((3, 0)), BIAS).tolist() == [BIAS] * 4


def test_dense_gradients_by_hand() -> None:
    grad = [[1, 10, 100], [2, 20, 200]]
    gx, gw, gb = dense_backward(grad, X, WEIGHT, BIAS)
    assert gx is not None and gx.tolist() == [[21, 99], [42, 198]]
    assert gw is not None and gw.tolist() == [[7, 10], [70, 100], [700, 1000]]
    assert gb is not None and gb.tolist() == [3, 30, 300]
    _, _, gb = dense_backward(grad, X, WEIGHT, BIAS, activation="relu")
    assert gb is not None and gb.tolist() == [3, 30, 200]  # the element 0, 2 is not active
    assert dense_backward(grad, X, WEIGHT)[2] is None


SHAPES = [
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((3,), (5, 3, 4)),
]
SHAPES += [
    ((5, 1, 2, 3), (6, 3, 4)),
    ((2, 0), (0, 3)),
    ((0, 3), (3, 2)),
    ((0, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_matmul_is_numpys(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    left, right = random.integers(-9, 10, a), random.integers(-9, 10, b)
    result = matmul(left, right)
    np.testing.assert_array_equal(result, np.matmul(left, right))
    assert result.shape == np.matmul(left, right).shape
    ga, gb = matmul_backward(np.ones(result.shape), left, right)
    assert ga is not None and ga.shape == a
    assert gb is not None and gb.shape == b


@pytest.mark.parametrize(
    ("x", "w", "options", "message"),
    [
        ((2, 4), (3, 5), {}, r"weight has 5 input features, x has 4 \(x \(2, 4\), weight \(3, 5\)\)"),
        ((2, 4), (4,), {}, r"weight is \(4,\); expected two dimensions"),
        ((), (3, 5), {}, "x is a single number"),
        ((2, 5), (3, 5), {"bias": [1]}, r"bias is \(1,\), weight is \(3, 5\); expected \(3,\)"),
        (
            (2, 5),
            (3, 5),
            {"activation": "sine"},
            "activation is 'sine'; expected None or one of identity, relu",
        ),
    ],
)
def test_wrong_arguments_of_dense(x: Any, w: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^dense: {message}"):
        dense(np.zeros(x), np.zeros(w), **options)
    with pytest.raises(ValueError, match=f"^dense_backward: {message}"):
        dense_backward(0, np.zeros(x), np.zeros(w), **options)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((2, 3), (4, 2), "a has 3 columns, b has 4 rows"),
        ((3,), (4,), "a has 3 columns, b has 4 rows"),
        ((), (4, 2), "a is a single number"),
        ((2, 3), (), "b is a single number"),
        ((2, 2, 3), (3, 3, 2), "the leading axes cannot be broadcast"),
    ],
)
def test_wrong_arguments_of_matmul(a: Any, b: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^matmul: {message}"):
        matmul(np.zeros(a), np.zeros(b))
    with pytest.raises(ValueError, match=f"^matmul_backward: {message}"):
        matmul_backward(0, np.zeros(a), np.zeros(b))
