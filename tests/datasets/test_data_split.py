"""Splitting: disjoint, complete, in proportion, reproducible; and refused before anything is computed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastdl import datasets
from fastdl.datasets import split_indices, train_test_split

FAST = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def labels(draw, least=2, most=30):
    """Labels of up to 6 classes, each with at least `least` rows, in random order."""
    counts = draw(st.lists(st.integers(least, most), min_size=1, max_size=6))
    rows = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(rows)


@FAST
@given(y=labels(), data=st.data(), seed=st.integers(0, 2**70), as_text=st.booleans())
def test_two_parts_are_proportional_to_less_than_a_row(y, data, seed, as_text):
    n, classes = len(y), len(np.unique(y))
    t = data.draw(st.integers(classes, n - classes))
    targets = np.char.add("class ", y.astype(str)) if as_text else y
    train, test = split_indices(targets, (n - t, t), seed=seed)
    assert len(test) == t and sorted([*train, *test]) == list(range(n))
    for k in range(classes):
        assert abs((y[test] == k).sum() - t * (y == k).sum() / n) < 1
        assert abs((y[train] == k).sum() - (n - t) * (y == k).sum() / n) < 1


@FAST
@given(y=labels(least=4), data=st.data(), seed=st.integers(0, 9))
def test_several_parts_are_disjoint_and_near_proportional(y, data, seed):
    n, classes = len(y), len(np.unique(y))
    sizes = data.draw(st.lists(st.integers(classes, max(classes, n // 4)), min_size=1, max_size=4))
    parts = split_indices(y, sizes, seed=seed)
    assert [len(part) for part in parts] == sizes
    together = np.concatenate(parts)
    assert len(set(together.tolist())) == len(together) and together.dtype == np.int64
    for part in parts:
        for k in range(classes):
            # Each earlier part's rounding leaves less than a row, a share of which is passed on.
            assert abs((y[part] == k).sum() - len(part) * (y == k).sum() / n) < len(parts)


@FAST
@given(n=st.integers(2, 200), data=st.data())
def test_fractions_are_rounded_to_the_nearest_row_and_cover_everything(n, data):
    percent = data.draw(st.integers(1, 99))
    expected = n * percent / 100
    if round(expected) in (0, n) or abs(expected % 1 - 0.5) < 1e-9:
        return
    train, test = split_indices(np.zeros(n, int), (1 - percent / 100, percent / 100), stratify=False)
    assert len(train) + len(test) == n and len(test) == round(expected)


def test_ties_go_to_the_earlier_part_whatever_the_noise_of_floats():
    for n in (5, 15, 25, 35, 45, 55):
        for fraction in (0.1, 0.3, 0.5, 0.7, 0.9):
            if (n * fraction * 10) % 10 == 5 and n * fraction > 1:
                train, test = split_indices(np.zeros(n), (1 - fraction, fraction), stratify=False)
                assert len(test) == int(n * fraction), (n, fraction)


def test_rest_stays_out_of_every_part():
    y = np.repeat([0, 1], 50)
    parts = split_indices(y, (0.5, 0.2))
    assert [Counter(y[part].tolist()) for part in parts] == [{0: 25, 1: 25}, {0: 10, 1: 10}]


def test_one_part():
    assert sorted(split_indices([0, 1, 2], (3,))[0]) == [0, 1, 2]


def test_same_seed_same_split_other_seed_other_split():
    y = np.arange(60) % 3
    first, again, other = (split_indices(y, (40, 20), seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    # The order inside a part is shuffled too: not sorted by row, not by class.
    assert first[0].tolist() != sorted(first[0]) and y[first[0]].tolist() != sorted(y[first[0]])


def test_split_stays_the_same_in_every_release():
    assert split_indices(np.arange(10) % 2, (6, 4), seed=3)[1].tolist() == [5, 3, 8, 2]


def test_every_row_is_equally_likely_to_be_tested():
    counts = np.zeros(20)
    for seed in range(400):
        counts[split_indices(np.arange(20) % 2, (15, 5), seed=seed)[1]] += 1
    assert counts.min() > 60 and counts.max() < 140  # 100 expected, standard deviation 9


def test_train_test_split_keeps_rows_together():
    X = np.arange(60, dtype=np.float32).reshape(30, 2)
    y = np.arange(30) % 3
    kept = X.copy()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, seed=5)
    assert X_train.shape == (24, 2) and X_test.shape == (6, 2) and X_test.dtype == np.float32
    assert np.array_equal(X_train[:, 0] // 2 % 3, y_train) and np.array_equal(X_test[:, 0] // 2 % 3, y_test)
    assert Counter(y_test.tolist()) == {0: 2, 1: 2, 2: 2}
    train, test = split_indices(y, (0.8, 0.2), seed=5)
    assert np.array_equal(X_test, X[test]) and np.array_equal(X_train, X[train])
    X_train[:] = -1
    assert np.array_equal(X, kept)


@pytest.mark.parametrize("y", [["a", "b"] * 5, [True, False] * 5, np.array(["a", "b"] * 5, object)])
def test_labels_of_other_types(y):
    parts = train_test_split(np.zeros((10, 1)), y, test_size=4)
    assert Counter(parts[3].tolist()) == Counter(y[:4])


def test_regression_targets():
    X, y = np.zeros((10, 1)), np.linspace(0, 1, 10)
    assert sorted(np.concatenate(train_test_split(X, y, stratify=False)[2:])) == y.tolist()


def test_targets_of_many_dimensions_without_stratify():
    masks = np.zeros((10, 4, 4), int)
    assert train_test_split(np.zeros((10, 1, 4, 4)), masks, stratify=False)[3].shape == (2, 4, 4)


BAD_SPLITS = [
    (dict(X=np.zeros((3, 2)), y=[0, 1]), "X has 3 rows, y has 2 (X (3, 2), y (2,)); give one target per row"),
    (dict(y=np.linspace(0, 1, 10)), "y is float64 (targets of a regression?); pass stratify=False"),
    (
        dict(y=[0] * 9 + [5]),
        "at least 2 rows of each class (one for each part); class 5 has 1 (1 such class)",
    ),
    (dict(y=list("aaaaaaaabc")), "class 'b' has 1 (2 such classes)"),
    (
        dict(y=np.arange(10) % 5, test_size=3),
        "a part of 3 rows cannot hold 5 classes; ask for at least 5 rows",
    ),
    (dict(y=np.zeros((10, 2), int)), "one class label per row, y has shape (10, 2)"),
    (dict(y=np.zeros(10, complex)), "integers, booleans or strings, y is complex128"),
    (dict(y=np.array([1, "a"] * 5, object)), "y mixes several types"),
    (dict(test_size=0), "a fraction between 0 and 1 or a count from 1 to 9 (X has 10 rows), got 0;"),
    (dict(test_size=10), "got 10; for example test_size=0.2"),
    (dict(test_size=11), "got 11;"),
    (dict(test_size=-1), "got -1;"),
    (dict(test_size=0.0), "got 0.0;"),
    (dict(test_size=1.0), "got 1.0;"),
    (dict(test_size=float("nan")), "got nan;"),
    (dict(test_size=True), "got True;"),
    (dict(test_size="0.2"), "got '0.2';"),
    (dict(test_size=0.01, stratify=False), "size 0.01 of 10 rows is an empty part"),
    (dict(test_size=0.99, stratify=False), "size 0.01 of 10 rows is an empty part"),
    (dict(X=[], y=[]), "X has no rows (shape (0,))"),
    (dict(X=3, y=4), "X has no rows (shape ())"),
    (dict(X=[[1, 2], [3]], y=[0, 1]), "X is not an array"),
    (dict(seed=-1), "seed must be an integer of at least 0, got -1"),
]


@pytest.mark.parametrize("case, expected", BAD_SPLITS, ids=[e for _, e in BAD_SPLITS])
def test_errors_of_train_test_split(case, expected, message):
    arguments = dict(X=np.zeros((10, 2)), y=np.arange(10) % 2) | case
    assert expected in message(train_test_split, **arguments)


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ((0.5, 0.6), "add up to 1.1; fractions must add up to at most 1"),
        ((6, 5), "add up to 11, y has 10 rows"),
        ((0.5, 5), "all fractions between 0 and 1 or all counts of at least 1, got (0.5, 5)"),
        ((), "got ()"),
        (0.5, "got 0.5"),
        ("ab", "got 'ab'"),
        ((0, 10), "got (0, 10)"),
        ((0.999, 0.001), "size 0.001 of 10 rows is an empty part"),
    ],
)
def test_errors_of_sizes(sizes, expected, message):
    assert expected in message(split_indices, np.arange(10) % 2, sizes, stratify=False)


def test_sizes_as_arrays():
    parts = datasets.split_indices(np.zeros(10, int), np.array([0.5, 0.5]))
    assert [len(part) for part in parts] == [5, 5]
    parts = datasets.split_indices(np.zeros(10, int), np.array([3, 4], np.uint8))
    assert [len(part) for part in parts] == [3, 4]
