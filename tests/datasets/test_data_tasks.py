"""Classification or regression, and the class labels."""

import numpy as np
import pytest

from fastdl.datasets import class_labels, infer_task


@pytest.mark.parametrize(
    "values, labels",
    [
        (["b", "a", "b"], ("a", "b")),
        ([True, False], (False, True)),
        ([2, 0, 1], (0, 1, 2)),
        (np.array([3, -1, 3], np.int8), (-1, 3)),
        (np.array([3, 1], np.uint64), (1, 3)),
        (np.arange(20), tuple(range(20))),
        (np.array(["x", "y"], object), ("x", "y")),
        (np.array([1, 2], object), (1, 2)),
        (np.arange(20000) % 100, tuple(range(100))),
        ([f"{i:03}" for i in range(500)], tuple(f"{i:03}" for i in range(500))),
    ],
)
def test_classes(values, labels):
    task, found = infer_task(values)
    assert task == "classification" and found == labels
    assert [type(label) for label in found] == [type(label) for label in labels]
    assert class_labels(values) == labels


@pytest.mark.parametrize(
    "values", [[0.5, 1.5], [1.0, 2.0], np.arange(21), np.arange(19999) % 100, np.zeros(3, np.float32)]
)
def test_numbers(values):
    assert infer_task(values) == ("regression", ())


def test_somebody_who_knows_better():
    assert class_labels(np.arange(50)) == tuple(range(50))


@pytest.mark.parametrize(
    "values, expected",
    [
        ([], "shape (0,)"),
        (3, "shape ()"),
        ([[1], [2]], "shape (2, 1)"),
        ([[1], [2, 3]], "targets are not an array"),
        ([0.5, float("nan")], "target 1 is nan"),
        ([float("-inf"), 1.0], "target 0 is -inf"),
        (np.array([1, "a"], object), "targets mix int, str"),
        (np.array([None, None]), "got object"),
        (np.array([[1], [2, 3]], object), "got"),
        ([1j], "got complex128"),
        ([b"a"], "got |S1"),
    ],
)
def test_errors(values, expected, message):
    assert expected in message(infer_task, values)


def test_float_labels_are_refused(message):
    assert "got float64; convert by astype(int)" in message(class_labels, [1.0, 2.0])
