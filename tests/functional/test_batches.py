"""The parts of a training plan that are no ops: fetching batches, counters, running totals."""

import numpy as np
import pytest

from fastdl._kernels import threads
from fastdl.functional import batches

SOURCES = ("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float32", "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("source", SOURCES)
def test_rows_are_fetched_and_converted(source, dtype):
    rng = np.random.default_rng(0)
    for shape in ((30,), (30, 2), (30, 1, 7, 9), (30, 0)):
        data = (rng.random(shape) * 100).astype(source)
        order, position = rng.permutation(30), np.array(7)
        y = batches.gather_batch(data, order, position, batch=10, dtype=dtype)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, data[order[7:17]].astype(dtype))


@pytest.mark.parametrize("source", SOURCES)
def test_rows_keep_their_type(source):
    data = (np.random.default_rng(1).random((9, 3)) * 100).astype(source)
    order, position = np.arange(9)[::-1].copy(), np.array(0)
    y = batches.gather_batch(data, order, position, batch=9, dtype=np.dtype(source))
    assert y.dtype == source
    np.testing.assert_array_equal(y, data[::-1])
    if data.dtype.kind in "iu":
        whole = batches.gather_batch(data, order, position, batch=9, dtype=np.int64)
        np.testing.assert_array_equal(whole, data[::-1].astype(np.int64))


def test_large_rows_in_several_cells():
    data = np.random.default_rng(2).integers(0, 256, (50, 100, 101), np.uint8)
    order, position = np.random.default_rng(3).permutation(50), np.array(1)
    with threads.threads(1):
        alone = batches.gather_batch(data, order, position, batch=49, dtype=np.float32)
    y = batches.gather_batch(data, order, position, batch=49, dtype=np.float32)
    np.testing.assert_array_equal(y, data[order[1:]])
    np.testing.assert_array_equal(y, alone)


def test_what_cannot_be_fetched():
    order, position = np.arange(3), np.array(0)
    for source, dtype in (("float64", "int64"), ("complex128", "float32"), ("bool", "int64"), ("float16", "float32")):
        with pytest.raises(TypeError, match=f"data has dtype {source}, which is not fetched as {dtype}"):
            batches.gather_batch(np.zeros((3, 2), source), order, position, batch=2, dtype=np.dtype(dtype))


def test_counters_and_totals():
    counter = batches.advance(np.array(5), by=32)
    assert counter == 37 and counter.dtype == np.int64 and counter.shape == ()
    total = np.array(0.1)
    for value in (np.array(0.25, np.float32), np.array([0.25])):
        result, *counters = batches.tally(total, value, np.array(5), np.array(7), weight=10, by=(32, 1))
        assert result == 0.1 + 2.5 and result.dtype == np.float64 and result.shape == ()
        assert counters == [37, 8] and all(c.dtype == np.int64 and c.shape == () for c in counters)
    assert np.isnan(batches.tally(total, np.array(np.nan), weight=1.0, by=())[0])
    # A float32 weight would lose these units.
    assert batches.tally(np.array(0.0), np.array(1, np.float32), weight=2.0**24 + 1, by=())[0] == 2.0**24 + 1
    with pytest.raises(ValueError, match=r"value is \(2,\); expected a single number"):
        batches.tally(total, np.zeros(2), weight=1.0, by=())


@pytest.mark.parametrize("shape", [(10, 2), (7, 1), (3000, 10), (3, 5000), (4, 3, 30, 31), (0, 3)])
def test_right_classes_are_counted(shape):
    rng = np.random.default_rng(4)
    scores = rng.integers(0, 4, shape).astype(np.float32)  # with ties
    scores[rng.random(shape) < 0.01] = np.nan
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    total = batches.count_correct(np.array(3.0), scores, target)
    assert total == 3 + np.count_nonzero(scores.argmax(1) == target)
    with threads.threads(1):
        assert batches.count_correct(np.array(3.0), scores, target) == total


@pytest.mark.parametrize("shape", [(1,), (10,), (50_001,)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bool"])
def test_right_signs_are_counted(shape, dtype):
    rng = np.random.default_rng(5)
    scores, target = rng.standard_normal((*shape, 1)), (rng.random(shape) < 0.5).astype(dtype)
    total = batches.count_correct(np.array(3.0), scores, target)
    assert total == 3 + np.count_nonzero((scores[:, 0] > 0) == (target > 0.5))


def test_scores_and_targets_must_agree():
    for scores, target in (((3, 2), np.zeros(4, int)), ((3,), np.zeros(3, int)), ((3, 2), np.zeros(3))):
        with pytest.raises(ValueError, match="they must agree"):
            batches.count_correct(np.array(0.0), np.zeros(scores), target)
