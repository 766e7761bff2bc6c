"""Ensemble: the mean of probabilities, or of outputs; a model like any other."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (80, 2)).astype(np.float32)
LABELS = {
    "cross_entropy": RNG.integers(0, 3, 80),
    "nll": RNG.integers(0, 3, 80),
    "bce_with_logits": RNG.integers(0, 2, 80),
    "bce": RNG.integers(0, 2, 80),
    "hinge": RNG.integers(0, 2, 80),
    "mse": RNG.standard_normal((80, 1)).astype(np.float32),
}


def build(loss):
    outputs = 3 if loss in ("cross_entropy", "nll") else 1
    ends = {"nll": [nn.LogSoftmax(1)], "bce": [nn.Sigmoid()]}.get(loss, [])
    return nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, outputs), *ends)


def models(loss, count=3):
    return fd.fit_many(lambda: build(loss), count, X, LABELS[loss], loss=loss, epochs=10, lr=0.05, seed=0)


@pytest.mark.parametrize("loss", list(LABELS))
def test_the_mean_of_probabilities_or_outputs(loss, tmp_path):
    members = models(loss)
    together = nn.Ensemble(members)
    fd.save(together, tmp_path / "model.safetensors")
    loaded = fd.load(tmp_path / "model.safetensors")
    assert isinstance(loaded, nn.Ensemble) and loaded.classes == together.classes
    if loss in ("mse", "hinge"):
        expected = np.mean([model(X) for model in members], axis=0)
        np.testing.assert_allclose(together(X), expected, rtol=1e-5, atol=1e-6)
        assert np.array_equal(loaded(X), together(X))
        if loss == "hinge":
            assert np.array_equal(together.predict(X), (expected[:, 0] > 0).astype(int))
    else:
        expected = np.mean([model.predict_proba(X) for model in members], axis=0)
        np.testing.assert_allclose(together.predict_proba(X), expected, rtol=1e-5, atol=1e-6)
        assert np.array_equal(together.predict(X), expected.argmax(axis=1))
        scores = together.evaluate(X, LABELS[loss])
        right = expected[np.arange(80), LABELS[loss]]
        assert scores["loss"] == pytest.approx(-np.log(right).mean(), rel=1e-5)
        assert np.array_equal(loaded.predict_proba(X), together.predict_proba(X))


def test_sure_members_are_not_rounded_to_infinity():
    for loss, sure in (("bce_with_logits", [[200.0]]), ("cross_entropy", [[400.0, 0.0, 0.0]])):
        members = models(loss, 2)
        for model in members:
            model[2].weight[...] = 0
            model[2].bias[...] = np.float32(sure[0])
        outputs = nn.Ensemble(members)(X[:1])
        assert np.isfinite(outputs).all()
        assert nn.Ensemble(members).evaluate(X[:3], np.zeros(3, int) + 1)["loss"] < 500


def test_no_probability_at_all_stays_that():
    members = models("nll", 2)
    for model in members:
        model[2].bias[...] = np.float32([0, -np.inf, 0])
    assert np.isneginf(nn.Ensemble(members)(X[:2])[:, 1]).all()


def test_it_trains_and_is_summarised():
    together = nn.Ensemble(models("mse", 2))
    before = together.evaluate(X, LABELS["mse"])["loss"]
    together.fit(X, LABELS["mse"], epochs=30, seed=0, progress=False)
    assert together.evaluate(X, LABELS["mse"])["loss"] < before
    assert together.num_parameters == 2 * 17 and "34 parameters" in str(together.summary())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.Ensemble([]), ValueError, "models is empty"),
        (lambda: nn.Ensemble(nn.Dense(2, 1)), TypeError, "models is a Dense; expected a list of models"),
        (lambda: nn.Ensemble([3]), TypeError, "layer 0 is a int"),
        (lambda: nn.Ensemble([*models("mse", 1), *models("hinge", 1)]), ValueError, "model 1 has loss 'hinge_loss'"),
        (
            lambda: nn.Ensemble([nn.Dense(2, 1), nn.Dense(2, 1, dtype=np.float64)]),
            ValueError,
            "model 1 has dtype dtype",
        ),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()
