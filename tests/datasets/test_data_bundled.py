"""The bundled data sets: shapes, ranges, order, and that no caller can spoil them for another."""

import ast
import doctest
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from fastdl import datasets

SHAPES = {
    "digits": ((1797, 1, 8, 8), (1797,)),
    "mnist5k": ((5000, 1, 28, 28), (5000,)),
    "breast_cancer": ((569, 30), (569,)),
    "brain_slices": ((24, 1, 233, 197), (24, 233, 197)),
}
SHUFFLED = ["digits", "mnist5k", "breast_cancer"]


def test_registry_names_every_loader():
    assert list(datasets.BUNDLED) == list(SHAPES)
    with pytest.raises(TypeError):
        datasets.BUNDLED["other"] = datasets.digits


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_dtypes_and_fresh_arrays(name):
    X, y = datasets.BUNDLED[name]()
    assert (X.shape, y.shape) == SHAPES[name]
    assert X.dtype == np.float32 and y.dtype == np.int64
    assert X.flags.c_contiguous and X.flags.writeable and y.flags.writeable
    if name != "breast_cancer":
        assert X.min() == 0 and X.max() == 1
    kept = X.copy(), y.copy()
    X[:], y[:] = -1, -1
    again = datasets.BUNDLED[name]()
    assert all(np.array_equal(a, b) for a, b in zip(again, kept, strict=True))


@pytest.mark.parametrize("name", SHUFFLED)
def test_seed_gives_the_order_and_only_the_order(name):
    load = datasets.BUNDLED[name]
    (X0, y0), (X1, y1) = load(seed=0), load(seed=1)
    assert not np.array_equal(y0, y1)
    rows0, rows1 = (sorted(zip(map(bytes, X), y.tolist(), strict=True)) for X, y in ((X0, y0), (X1, y1)))
    assert rows0 == rows1
    # Shuffled: a slice has all classes, in about the right proportion.
    shares = np.bincount(y0[: len(y0) // 2]) / np.bincount(y0)
    assert np.all(abs(shares - 0.5) < 0.15)


def test_first_rows_stay_the_same_in_every_release():
    """Printed results of examples depend on the order."""
    assert datasets.mnist5k()[1][:12].tolist() == [1, 1, 7, 0, 5, 8, 4, 7, 8, 8, 9, 2]
    assert datasets.digits()[1][:12].tolist() == [0, 6, 3, 8, 1, 8, 4, 1, 5, 8, 9, 7]
    assert datasets.breast_cancer()[1][:12].tolist() == [1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0]


def test_class_counts():
    assert np.bincount(datasets.mnist5k()[1]).tolist() == [500] * 10
    assert np.bincount(datasets.digits()[1]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(datasets.breast_cancer()[1]).tolist() == [212, 357]


def test_breast_cancer_is_the_file():
    path = Path(datasets.__file__).parent / "data" / "breast_cancer.csv"
    lines = path.read_text().splitlines()
    assert datasets.breast_cancer_features() == tuple(lines[0].split(",")[:-1])
    rows = sorted(tuple(map(float, line.split(","))) for line in lines[1:])
    X, y = datasets.breast_cancer()
    ours = np.array(sorted(zip(*X.T.tolist(), y.tolist(), strict=True)))
    assert np.allclose(ours, np.array(rows), rtol=1e-6)


def test_brain_labels_are_the_likeliest_tissue():
    X, labels, P = datasets.brain_slices(probabilities=True)
    assert P.shape == (24, 3, 233, 197) and P.dtype == np.float32
    assert P.min() >= 0 and np.allclose(P.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(labels, P.argmax(axis=1))
    assert np.unique(labels).tolist() == [0, 1, 2]
    without = datasets.brain_slices()
    assert np.array_equal(without[0], X) and np.array_equal(without[1], labels)
    # White matter is brighter than grey in a T1-weighted image: images and labels belong together.
    means = [X[:, 0][labels == k].mean() for k in range(3)]
    assert means[0] < means[1] < means[2]
    # In spatial order: a slice resembles its neighbour more than a distant one.
    near, far = abs(np.diff(X, axis=0)).mean(), abs(X[12:] - X[:12]).mean()
    assert near < far


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True])
def test_bad_seed(seed, message):
    assert "seed must be an integer" in message(datasets.digits, seed=seed)


def test_licences_travel_with_the_files():
    folder = Path(datasets.__file__).parent / "data"
    text = (folder / "LICENSES.md").read_text()
    for file in folder.iterdir():
        if file.suffix in (".npz", ".csv"):
            assert f"`{file.name}`" in text
    assert "Copyright (C) 1993-2009 Louis Collins" in text


def test_imports_numpy_the_standard_library_and_itself():
    for path in Path(datasets.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                ours = module.startswith("fastdl.datasets.")
                assert ours or module.split(".")[0] in {"numpy", *sys.stdlib_module_names}, (path, module)
                # These take longer to import than the rest together.
                assert node.col_offset > 0 or module not in {"importlib.resources", "difflib"}, (path, module)


MODULES = ["arrays", "bundled", "csvfile", "encoder", "errors", "lecture", "split", "tables", "tasks"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    results = doctest.testmod(importlib.import_module(f"fastdl.datasets.{name}"))
    assert results.failed == 0 and (results.attempted or name == "csvfile")


def test_facade_lists_what_it_has():
    assert datasets.__all__ == sorted(datasets.__all__)
    assert all(getattr(datasets, name).__doc__ for name in datasets.__all__ if name != "BUNDLED")
