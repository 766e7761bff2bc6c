"""Numbers of a report, by hand."""

import math

import numpy as np
import pytest

from fastdl.cli import report, scores


@pytest.mark.parametrize(
    ("truth", "chances", "expected"),
    [
        ([0, 1], [0.1, 0.9], 1.0),
        ([1, 0], [0.1, 0.9], 0.0),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
        ([0, 1, 1, 0, 1], [0.2, 0.2, 0.7, 0.7, 0.9], (0.5 + 0 + 1 + 0.5 + 1 + 1) / 6),
    ],
)
def test_roc_auc(truth, chances, expected):
    assert scores.roc_auc(np.array(truth), np.float32(chances)) == pytest.approx(expected, abs=1e-12)


def test_roc_auc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    truth, chances = rng.integers(0, 2, 80), rng.integers(0, 9, 80) / 8
    up, down = chances[truth == 1][:, None], chances[truth == 0]
    assert scores.roc_auc(truth, chances) == pytest.approx(np.mean((up > down) + 0.5 * (up == down)))


def test_roc_auc_of_one_class_does_not_exist():
    assert math.isnan(scores.roc_auc(np.ones(3, int), np.ones(3)))


def test_a_probability_at_the_threshold_is_class_0():
    chances = np.float32([[0.3, 0.7], [0.29, 0.71], [0.5, 0.5]])
    assert scores.choose(chances, 0.7).tolist() == [0, 1, 0]
    assert scores.choose(chances, 0.5).tolist() == [1, 1, 0]
    assert scores.choose(np.float32([[0.0, 1.0], [1.0, 0.0]]), 0.0).tolist() == [1, 0]
    assert scores.choose(np.float32([[0.0, 1.0]]), 1.0).tolist() == [0]


def test_of_several_classes_the_likeliest():
    assert scores.choose(np.float32([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]]), 0.5).tolist() == [2, 0]


def test_confusion_and_rates():
    table = scores.confusion(np.array([0, 0, 0, 1, 1]), np.array([0, 1, 0, 1, 1]), 2)
    assert table.tolist() == [[2, 1], [0, 2]]
    assert scores.rates(table) == (1.0, pytest.approx(2 / 3))
    assert math.isnan(scores.rates(np.array([[3, 0], [0, 0]]))[0])


def test_columns_are_aligned():
    assert report.columns([["part", "loss"], ["training", "1"]]) == "part      loss\ntraining     1"


def test_many_classes_show_their_confusions():
    table = np.diag(np.full(30, 5))
    assert report.confusion_table(table, range(30)) == "no mistakes"
    table[3, 7] = 2
    table[4, 5] = 1
    lines = report.confusion_table(table, range(30)).splitlines()
    assert lines[0] == "the most frequent of 3 mistakes"
    assert [line.split() for line in lines[2:]] == [["3", "7", "2"], ["4", "5", "1"]]


def test_what_does_not_exist_is_a_dash():
    assert report.number("accuracy", 0.5) == "50.00 %"
    assert report.number("roc_auc", math.nan) == "-"
