"""cross_validate: every row judged once, by a network that did not see it."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import augment, nn, optim

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-1, 1, (103, 2)).astype(np.float32)
SIGNS = (POINTS[:, 0] > 0.5).astype(np.int64)
PARTLY = np.where(np.arange(103) % 50 == 3, -1, SIGNS)  # two labels count for nothing
IMAGES = RNG.uniform(0, 1, (103, 1, 3, 3)).astype(np.float32)
VALUES = (POINTS[:, :1] - 2 * POINTS[:, 1:]).astype(np.float32)


def two_classes():
    return nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 2))


def dense(width=4):
    return nn.Sequential(nn.Dense(2, width), nn.Tanh(), nn.Dense(width, 1))


def test_scores_are_those_of_networks_trained_alone():
    settings = [{"width": 2}, {"width": 6, "lr": 0.05}]
    scores = fd.cross_validate(dense, POINTS, SIGNS, settings=settings, folds=4, repeats=2, epochs=3, metrics="dice")
    assert len(scores.networks) == len(scores.folds) == 16
    seen = np.zeros(103, int)
    for i, (fold, setting) in enumerate(zip(scores.folds, scores.networks.settings, strict=True)):
        k = i % 8
        assert (fold["repeat"], fold["fold"], fold["width"]) == (k // 4, k % 4, 2 if i < 8 else 6)
        assert setting["seed"] == k
        test = np.setdiff1d(np.arange(103), setting["rows"])
        seen[test] += 1
        assert abs(SIGNS[test].mean() - SIGNS.mean()) < 0.03
        fd.seed(k)
        model = dense(fold["width"])
        rate = {} if i < 8 else {"optimizer": optim.Adam(0.05)}
        model.fit(POINTS[setting["rows"]], SIGNS[setting["rows"]], epochs=3, seed=k, progress=False, **rate)
        expected = model.evaluate(POINTS[test], SIGNS[test], metrics="dice")
        assert {name: fold[name] for name in expected} == expected
    assert (seen == 4).all()
    row = scores.table()[1]
    losses = [fold["loss"] for fold in scores.folds[8:]]
    assert row["width"] == 6 and row["loss"] == pytest.approx(np.mean(losses))
    assert row["loss_std"] == pytest.approx(np.std(losses, ddof=1))
    assert scores.best() in settings and "±" in repr(scores) and "accuracy" in repr(scores)


def test_values_and_given_folds():
    folds = [(slice(0, 80), slice(80, None)), (np.arange(103) % 2 == 0, np.arange(103) % 2 == 1)]
    scores = fd.cross_validate(dense, POINTS, VALUES, folds=folds, epochs=40, lr=0.05, metrics=("r2",))
    assert [fold["fold"] for fold in scores.folds] == [0, 1] and scores.table()[0]["r2"] > 0.5
    assert scores.best("r2") == {}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"folds": 1}, ValueError, "folds is 1; expected 2 to 103"),
        ({"folds": "five"}, TypeError, "folds must be a number of parts, or pairs"),
        ({"folds": [(slice(0, 5), [103])]}, IndexError, "folds holds 103"),
        ({"repeats": 0}, ValueError, "cross_validate: repeats is 0"),
        ({"settings": []}, TypeError, "settings must be a list of dicts"),
        ({"settings": [{"rows": [1]}]}, ValueError, "'rows' is what folds are for"),
        ({"metrics": ("auc",), "build": None}, ValueError, "metric 'auc' is unknown"),
        ({"metrics": ("r2",), "build": None}, ValueError, "metric 'r2' does not fit"),
        ({"folds": [1, 2]}, TypeError, "folds must be a number of parts, or pairs"),
        ({"X": "x.npy"}, TypeError, "cross_validate: X is a str; many networks share an array in memory"),
        ({"callbacks": []}, TypeError, "callbacks is not supported"),
        ({"folds": 40}, ValueError, "stratify=False"),
        ({"ignore_index": 0, "loss": "bce_with_logits"}, ValueError, "ignore_index is 0, but the loss is"),
        (
            {"folds": [(range(50), range(50, 103)), (range(50), [3])], "y": PARTLY, "ignore_index": -1, "build": None},
            ValueError,
            "labels to judge on in part 1 are -1",
        ),
        (
            {"X": IMAGES, "augment": augment.RandomCrop(2), "build": None},
            ValueError,
            r"augment makes samples \(1, 2, 2\)",
        ),
    ],
)
def test_errors(options, error, words):
    with pytest.raises(error, match=words):
        fd.cross_validate(**{"build": dense, "X": POINTS, "y": SIGNS, "epochs": 1, **options})


def test_settings_with_losses_of_their_own():
    settings = [{"loss": "mse"}, {"loss": "mae"}]
    scores = fd.cross_validate(dense, POINTS, VALUES, folds=2, settings=settings, epochs=1, metrics=("rmse",))
    assert all(isinstance(row["loss"], float) and row["rmse"] > 0 for row in scores.table())
    assert scores.best("rmse") in settings
    with pytest.raises(ValueError, match="several losses, whose values cannot be compared.* loss, rmse"):
        scores.best()


def test_a_failed_network_has_no_score():
    def build(size):
        return nn.Sequential(nn.Embedding(size, 3), nn.Flatten(), nn.Dense(6, 1))

    with pytest.warns(fd.FitWarning, match="2 of 4"):
        scores = fd.cross_validate(
            build, RNG.integers(0, 4, (103, 2)), SIGNS, folds=2, settings=[{"size": 4}, {"size": 3}], epochs=1
        )
    assert np.isnan([fold["loss"] for fold in scores.folds]).tolist() == [False, False, True, True]
    assert scores.best() == {"size": 4}


def test_labels_that_count_for_nothing_are_no_class_to_divide_evenly():
    scores = fd.cross_validate(two_classes, POINTS, PARTLY, folds=5, ignore_index=-1, epochs=1)
    assert len(scores.folds) == 5 and all(np.isfinite(fold["loss"]) for fold in scores.folds)
    with pytest.raises(ValueError, match="class -1 has 2"):
        fd.cross_validate(two_classes, POINTS, PARTLY, folds=5, ignore_index=-1, epochs=1, stratify=True)
