"""Targets of every kind: which labels become which classes, and what is refused."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn

X = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
YES = X[:, 0] > 0
WORDS = np.array(["no", "yes"])[YES.astype(int)]


def trained(y, outputs=1, **options):
    fd.seed(0)
    model = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, outputs))
    model.fit(X, y, epochs=2, seed=0, **options)
    return model


@pytest.mark.parametrize("outputs", [1, 2])
def test_truth_values_come_back_as_truth_values(outputs, tmp_path):
    model = trained(YES, outputs)
    assert model.classes == [False, True]
    assert model.predict(X).dtype == bool
    fd.save(model, tmp_path / "model")
    again = fd.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.predict(X).dtype == bool
    assert trained(np.ones(40, bool), outputs).classes == [False, True]


@pytest.mark.parametrize(
    ("y", "outputs", "message"),
    [
        (WORDS, 3, "2 classes, but the model has 3 outputs.*give its last layer 2 outputs"),
        (np.array(["yes"] * 40), 1, "1 classes.*expected at least two"),
        (YES * 2 + 5, 3, "2 classes, but the model has 3 outputs"),
        (np.arange(40), 1, 'or use loss="mse" if they are values'),
    ],
)
def test_there_is_a_class_for_each_output(y, outputs, message):
    with pytest.raises(ValueError, match=message):
        trained(y, outputs)


def test_class_numbers_may_stand_in_a_column():
    np.testing.assert_array_equal(trained(YES.astype(int)[:, None], 2).predict(X), trained(YES * 1, 2).predict(X))


def test_several_yes_or_no_answers():
    y = (X > 0).astype(int)
    model = trained(y, 3, loss="bce_with_logits")
    proba, predicted = model.predict_proba(X), model.predict(X)
    assert predicted.shape == proba.shape == (40, 3)
    np.testing.assert_array_equal(predicted, proba > 0.5)
    assert model.evaluate(X, y)["accuracy"] == np.mean(predicted == y)


@pytest.mark.parametrize(
    ("y", "options", "error", "message"),
    [
        (WORDS, {"loss": "mse"}, TypeError, "y holds text"),
        (X[:, 0] * 1j, {}, TypeError, "y has dtype complex64"),
        (np.where(np.arange(40) == 7, np.nan, X[:, 0]), {}, ValueError, r"y\[7\] is nan; expected finite numbers"),
        (np.zeros((40, 3, 2)), {"outputs": 6}, ValueError, r"y has shape \(40, 3, 2\); the model's outputs make"),
    ],
)
def test_targets_that_do_not_fit(y, options, error, message):
    with pytest.raises(error, match=message):
        trained(y, **options)


def test_a_model_that_was_not_trained_here_can_be_judged():
    model = nn.Sequential(nn.Dense(3, 2))
    expected = np.mean(np.argmax(model(X), axis=1) == YES)
    for y in (YES.astype(int), YES, WORDS):
        assert model.evaluate(X, y, loss="cross_entropy")["accuracy"] == expected


def test_options_of_predict_and_evaluate_are_checked():
    model = trained(YES)
    for size in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"predict: batch_size is {size}"):
            model.predict(X, batch_size=size)
        with pytest.raises(ValueError, match=f"evaluate: batch_size is {size}"):
            model.evaluate(X, YES, batch_size=size)
    assert model.evaluate(X, YES, metrics="accuracy") == model.evaluate(X, YES)
    with pytest.raises(ValueError, match="evaluate: metric 'f1' is unknown"):
        model.evaluate(X, YES, metrics=["f1"])


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True])
def test_seed_is_checked_before_anything_is_computed(seed):
    model = nn.Dense(3, 1)
    with pytest.raises(ValueError, match="fit: seed is"):
        model.fit(X, YES, seed=seed)
    assert model.loss is None


class Returns(nn.Module):
    def __init__(self, what):
        self.what, self.dense = what, nn.Dense(3, 1)

    def __call__(self, x):
        return self.what(self.dense(x), x)


def test_models_return_one_array_with_a_row_for_each_sample():
    for model in (Returns(lambda y, x: (y, x)), Returns(lambda y, x: None)):
        for use in (lambda m: m.predict(X), lambda m: m.fit(X, YES)):
            with pytest.raises(TypeError, match="fit and predict need a model that returns one array"):
                use(model)
    with pytest.raises(ValueError, match=r"Returns returned shape \(\) for"):
        Returns(lambda y, x: np.mean(y)).predict(X)
    assert Returns(lambda y, x: np.ones((len(x), 2), np.float32)).predict(X).shape == (40, 2)


def test_precisions_of_a_model():
    """The parameters decide, not a layer without parameters that comes first."""
    model = nn.Sequential(nn.Rescale(0.5), nn.Dense(3, 1, dtype=np.float64))
    assert model.dtype == np.float64
    model.fit(X, X[:, 0], epochs=1)
    assert model.predict(X).dtype == model[1].weight.dtype == np.float64
    with pytest.raises(ValueError, match="float32 and float64 parameters; convert it with model.astype"):
        nn.Sequential(nn.Dense(3, 2), nn.Dense(2, 1, dtype=np.float64)).fit(X, YES)
