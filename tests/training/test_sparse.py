"""Sparse matrices of scipy: the bits of the dense array, in the memory of the sparse one."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sparse

import fastdl as fd
from fastdl import functional as F
from fastdl import nn
from fastdl.functional import batches

from .common import values


def data(n=150, features=40, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((n, features)) < 0.1, rng.integers(1, 50, (n, features)), 0).astype(dtype)
    return dense, rng.integers(0, 3, n)


def network(features=40, dtype=np.float32):
    fd.seed(0)
    return nn.Sequential(nn.Dense(features, 8, dtype=dtype), nn.ReLU(), nn.Dense(8, 3, dtype=dtype))


class Same(fd.augment.Augmentation):
    """Changes nothing, but stands between the fetching of a batch and the network: the step on a small network is one
    kernel for an array, which rounds in another order."""

    def __call__(self, x, *, seed, step, node=0):
        return F.multiply(x, 1.0)


@pytest.mark.parametrize("model_dtype", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32", "bool"])
@pytest.mark.parametrize("form", ["csr_array", "csr_matrix", "csc_array", "coo_matrix"])
def test_the_bits_of_the_dense_array(form, dtype, model_dtype):
    dense, y = data(dtype=dtype)
    given = getattr(sparse, form)(dense)
    whole, model = network(dtype=model_dtype), network(dtype=model_dtype)
    options = {"epochs": 3, "seed": 1, "metrics": ("accuracy", "dice"), "augment": Same()}
    twin = whole.fit(dense.astype(model_dtype), y, **options)
    for threads in (1, 2):
        model = network(dtype=model_dtype)
        with fd.threads(threads):
            history = model.fit(given, y, **options, validation_data=(given, y))
        assert all(np.array_equal(a, b) for a, b in zip(values(whole), values(model), strict=True))
    assert history["dice"] == twin["dice"] and history["val_dice"] == twin["dice"]
    np.testing.assert_array_equal(model.predict(given), whole.predict(dense.astype(model_dtype)))
    assert model.evaluate(given, y) == whole.evaluate(dense.astype(model_dtype), y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_fetched(dtype):
    dense, _ = data(30, 7)
    dense[3:5] = 0
    matrix = sparse.csr_array(dense)
    order, position = np.random.default_rng(1).permutation(30), np.array(4)
    arrays = matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int64), order, position
    y = batches.gather_sparse(*arrays, batch=20, features=7, dtype=dtype)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, dense[order[4:24]])


def test_a_place_that_is_stored_twice_counts_twice():
    rows, columns = np.array([0, 0, 1]), np.array([2, 2, 5])
    given = sparse.coo_array((np.float32([1, 2, 4]), (rows, columns)), shape=(2, 40))
    twice = sparse.csr_array((given.data, columns.astype(np.int64), np.array([0, 2, 3])), shape=(2, 40))
    results = []
    for x in (given, twice, given.toarray()):
        model = network()
        model.fit(x, np.array([0, 1]), epochs=2, seed=0)
        results.append(values(model))
    assert all(np.array_equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


def test_the_matrix_stays_sparse():
    rng = np.random.default_rng(0)
    given = sparse.random_array((20_000, 2_000), density=0.001, format="csr", dtype=np.float32, rng=rng)
    y = rng.integers(0, 3, 20_000)
    model = network(2_000)
    model.fit(given[:600], y[:600], epochs=1, batch_size=64)  # what is imported and compiled once is not meant
    model.predict(given[:600])
    tracemalloc.start()
    try:
        model.fit(given, y, epochs=1, batch_size=64)
        model.predict(given)
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used < 12_000_000  # dense: 160 million


def test_what_is_refused():
    dense, y = data()
    given = sparse.csr_array(dense)
    given.data[17] = np.nan
    row, column = (int(i[0]) for i in np.nonzero(np.isnan(given.toarray())))
    with pytest.raises(ValueError, match=rf"fit: X\[{row}, {column}\] is nan; expected finite numbers"):
        network().fit(given, y)
    with pytest.raises(TypeError, match="sparse matrix of dtype complex64"):
        network().fit(sparse.csr_array(dense.astype(np.complex64)), y)
    with pytest.raises(TypeError, match="y is missing"):
        network().fit(given)
    with pytest.raises(ValueError, match="y has 149 rows, X has 150"):
        network().fit(sparse.csr_array(dense), y[1:])
    with pytest.raises(ValueError, match="40"):
        network(41).fit(sparse.csr_array(dense), y)


def test_a_matrix_of_zeros():
    dense, y = data()
    empty = sparse.csr_array(dense.shape, dtype=dense.dtype)
    model, other = network(), network()
    model.fit(empty, y, epochs=1, seed=0)
    other.fit(np.zeros_like(dense), y, epochs=1, seed=0)
    assert model.history["loss"] == other.history["loss"]
