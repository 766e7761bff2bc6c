"""Embedding and one_hot, beyond what the walk over the registry sees: padding, large tables, what is outside."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference

RNG = np.random.default_rng(0)


def added_up(grad, numbers, rows):
    """The gradient in float64 by NumPy."""
    result = np.zeros((rows, grad.shape[-1]))
    np.add.at(result, numbers.ravel(), grad.reshape(-1, grad.shape[-1]).astype(np.float64))
    return result


def test_by_hand():
    weight = np.float32([[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(F.embedding([[2, 0], [2, 1]], weight), [[[5, 6], [1, 2]], [[5, 6], [3, 4]]])
    grad = np.float32([[1, 1], [10, 10], [100, 100]])
    nothing, dweight = F.embedding_backward(grad, [2, 0, 2], weight)
    assert nothing is None
    np.testing.assert_array_equal(dweight, [[10, 10], [0, 0], [101, 101]])
    np.testing.assert_array_equal(F.embedding(np.uint8(1), weight), [3, 4])
    assert F.embedding([], weight).shape == (0, 2)
    np.testing.assert_array_equal(F.embedding_backward(np.zeros((0, 2), np.float32), [], weight)[1], np.zeros((3, 2)))


@pytest.mark.parametrize("padding", [2, -1])
def test_the_padding_row_is_read_but_gets_no_gradient(padding):
    weight = RNG.standard_normal((3, 4))
    numbers, grad = np.array([2, 0, 2, 1]), RNG.standard_normal((4, 4))
    np.testing.assert_array_equal(F.embedding(numbers, weight, padding_idx=padding), weight[numbers])
    _, found = F.embedding_backward(grad, numbers, weight, padding_idx=padding)
    np.testing.assert_array_equal(found, reference.embedding_backward(grad, numbers, weight, padding_idx=padding)[1])
    assert not found[2].any() and found[0].any()

    def pulled(g):
        return F.embedding_backward(g, numbers, weight, padding_idx=padding)[1]

    mask = np.where(numbers == 2, 0.0, 1.0)[:, None]
    u = RNG.standard_normal((3, 4))
    np.testing.assert_array_equal(fd.vjp(pulled, grad)[1](u)[0], u[numbers] * mask)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [3, 5000])
def test_a_large_table(dtype, count):
    rows = 30_000
    weight = np.zeros((rows, 130), dtype)
    numbers = np.minimum(RNG.zipf(1.3, size=count), rows) - 1  # a few rows take most of it, as with words
    grad = RNG.standard_normal((count, 130)).astype(dtype)
    results = []
    for threads in (1, 2):
        with fd.threads(threads):
            results.append(F.embedding_backward(grad, numbers, weight)[1])
    np.testing.assert_array_equal(*results)
    error = np.abs(results[0] - added_up(grad, numbers, rows))
    # Sums of at most 64 terms, and sums of these: the error grows with both, not with the number of terms.
    assert np.all(error <= (64 + count / 64) * np.finfo(dtype).eps * added_up(np.abs(grad), numbers, rows))


@pytest.mark.parametrize("name", ["embedding", "one_hot"])
@pytest.mark.parametrize("wrong, where", [([1, 7], "indices[1] is 7"), ([[0, -1]], "indices[0, 1] is -1"), (9, "is 9")])
def test_what_is_outside_is_named(name, wrong, where):
    arguments = {"embedding": (wrong, np.zeros((3, 2), np.float32)), "one_hot": (wrong, 3)}[name]
    with pytest.raises(IndexError) as caught:
        getattr(F, name)(*arguments)
    assert f"{name}: indices" in str(caught.value) and where in str(caught.value)
    assert "expected 0 <= index < 3" in str(caught.value)
    if name == "embedding":
        with pytest.raises(IndexError, match="embedding_backward: indices"):
            F.embedding_backward(np.zeros((*np.shape(wrong), 2), np.float32), *arguments)
    with pytest.raises(IndexError, match=f"{name}: indices .* holds a number outside 0..2"):
        fd.compile(lambda i: getattr(F, name)(i, *arguments[1:]))(np.asarray(wrong, np.int64))


def test_one_hot():
    for dtype in (np.float32, np.float64, np.int64, np.bool_):
        y = F.one_hot(np.array([[2, 0]]), 3, dtype=dtype)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, [[[0, 0, 1], [1, 0, 0]]])
    assert not fd.grad(lambda x: np.sum(F.one_hot(F.astype(x, np.int64), 3)))(np.ones(2)).any()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda w: F.embedding([0.5], w), TypeError, "indices has dtype float64; expected integers"),
        (lambda w: F.embedding([0], w[0]), ValueError, r"weight has shape \(2,\); expected \(rows, columns\)"),
        (lambda w: F.embedding([0], w, padding_idx=3), ValueError, "padding_idx is 3; .*-3 <= padding_idx < 3"),
        (lambda w: F.embedding([0], w, padding_idx=True), TypeError, "padding_idx is True"),
        (lambda w: F.one_hot([0], 0), ValueError, "num_classes is 0; expected an integer of at least 1"),
        (lambda w: F.one_hot([0], 2, dtype=np.float16), TypeError, "dtype is .*float16"),
        (lambda w: F.one_hot([0], 2, dtype=None), TypeError, "dtype is None"),
    ],
)
def test_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((3, 2), np.float32))
