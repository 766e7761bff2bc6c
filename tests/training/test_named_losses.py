"""Every loss that ``fit`` knows by name: training, predicting, judging and saving with it."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn
from fastdl.training import losses

X = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
YES = np.where(X[:, 0] + 0.3 * X[:, 1] > 0, "yes", "no")
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
VALUES = (2 * X[:, :1] - X[:, 1:2] + 0.5).astype(np.float32)
BINARY = {"bce": nn.Sigmoid, "bce_with_logits": nn.Identity, "hinge": nn.Identity}
OF_CLASSES = {"cross_entropy": nn.Identity, "nll": nn.LogSoftmax}


def trained(y, outputs, last, **options):
    fd.seed(0)
    model = nn.Sequential(nn.Dense(3, 8), nn.Tanh(), nn.Dense(8, outputs), last())
    model.fit(X, y, **{"epochs": 20, "seed": 0, "optimizer": fd.optim.Adam(0.03)} | options)
    return model


def test_short_and_long_names_are_those_of_the_functions():
    full = {name for name in losses.NAMES if hasattr(fd.functional, name)}
    assert {losses.get(name).name for name in losses.NAMES} == full and len(full) == 8
    for name in losses.NAMES:
        assert losses.get(losses.get(name).function) is losses.get(name)
    with pytest.raises(ValueError, match="loss is 'l1'; expected one of .*'mae'"):
        losses.get("l1")


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "mae_loss", "huber_loss"])
def test_values(loss, tmp_path):
    model = trained(VALUES, 1, nn.Identity, loss=loss, epochs=60)
    assert model.loss == losses.get(loss).name and model.classes is None
    scores = model.evaluate(X, VALUES, metrics=["r2"])
    assert scores["r2"] > 0.98
    expected = losses.get(loss).function(model.predict(X), VALUES)
    np.testing.assert_allclose(scores["loss"], expected, rtol=1e-6)
    fd.save(model, tmp_path / "m")
    np.testing.assert_array_equal(fd.load(tmp_path / "m").predict(X), model.predict(X))
    with pytest.raises(ValueError, match="not trained with a classification loss"):
        model.predict_proba(X)


@pytest.mark.parametrize("loss", BINARY)
@pytest.mark.parametrize("labels", ["text", "0/1", "-1/1"])
def test_two_classes(loss, labels, tmp_path):
    y = {"text": YES, "0/1": (YES == "yes").astype(int), "-1/1": np.where(YES == "yes", 1, -1)}[labels]
    model = trained(y, 1, BINARY[loss], loss=loss, metrics=["accuracy"], validation_data=(X, y))
    assert model.classes == np.unique(y).tolist()
    predicted = model.predict(X)
    assert np.mean(predicted == y) > 0.95
    assert model.evaluate(X, y)["accuracy"] == np.mean(predicted == y) == model.history["val_accuracy"][-1]
    assert abs(model.history["accuracy"][-1] - np.mean(predicted == y)) < 0.05  # counted while it learned
    fd.save(model, tmp_path / "m")
    again = fd.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(X), predicted)
    assert again.evaluate(X, y) == model.evaluate(X, y)
    if loss == "hinge":
        with pytest.raises(ValueError, match='hinge_loss are scores.*loss="bce_with_logits"'):
            again.predict_proba(X)
    else:
        proba = again.predict_proba(X)
        assert proba.shape == (200, 2)
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(np.array(model.classes)[proba.argmax(axis=1)], predicted)


@pytest.mark.parametrize("loss", OF_CLASSES)
def test_three_classes(loss, tmp_path):
    model = trained(THREE, 3, OF_CLASSES[loss], loss=loss)
    assert model.evaluate(X, THREE)["accuracy"] > 0.9
    fd.save(model, tmp_path / "m")
    proba = fd.load(tmp_path / "m").predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(proba.argmax(axis=1), model.predict(X))


def test_two_ways_to_the_same_loss():
    pairs = [("cross_entropy", nn.Identity, "nll", nn.LogSoftmax, THREE, 3)]
    pairs += [("bce_with_logits", nn.Identity, "bce", nn.Sigmoid, YES, 1)]
    for one, last, other, other_last, y, outputs in pairs:
        a, b = [trained(y, outputs, end, loss=name, epochs=3) for name, end in ((one, last), (other, other_last))]
        np.testing.assert_allclose(a.history["loss"], b.history["loss"], rtol=1e-4)
        np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("loss", [*BINARY, *OF_CLASSES])
def test_balanced_classes(loss):
    y = (X[:, 0] > 1.2).astype(int)  # few
    last = {**BINARY, **OF_CLASSES}[loss]
    outputs = 1 if loss in BINARY else 2
    shares = []
    for class_weight in (None, "balanced"):
        model = trained(y, outputs, last, loss=loss, epochs=2, class_weight=class_weight)
        shares.append(np.mean(model.predict(X)[y == 1] == 1))
    assert shares[1] > shares[0]
    weighted = trained(y, outputs, last, loss=loss, epochs=2, class_weight={0: 1, 1: 4})
    sampled = trained(y, outputs, last, loss=loss, epochs=2, sample_weight=np.where(y == 1, 4.0, 1.0))
    np.testing.assert_array_equal(weighted.predict(X), sampled.predict(X))


def test_probabilities_are_asked_for():
    with pytest.raises(ValueError, match=r"fit: binary_cross_entropy takes probabilities.*nn\.Sigmoid\(\)"):
        trained(YES, 1, nn.Identity, loss="bce")
    with pytest.raises(ValueError, match=r"fit: nll_loss takes logarithms of probabilities.*nn\.LogSoftmax\(1\)"):
        trained(THREE, 3, nn.Identity, loss="nll")
    model = trained(THREE, 3, nn.Identity, epochs=1)
    with pytest.raises(ValueError, match="evaluate: nll_loss takes logarithms"):
        model.evaluate(X, THREE, loss="nll")


def test_one_hot_targets_are_asked_about():
    hot = np.eye(3, dtype=np.float32)[THREE]
    with pytest.raises(ValueError, match=r"is one-hot.*y\.argmax\(1\).*loss=\"mse\""):
        trained(hot, 3, nn.Identity)
    with pytest.raises(ValueError, match=r"expected \(200,\).*pass y\.argmax\(1\)"):
        trained(hot.astype(int), 3, nn.Identity)
    assert trained(hot, 3, nn.Identity, loss="mse", epochs=1).loss == "mse_loss"
    several = (X > 0).astype(np.float32)  # no single 1 in each row
    assert trained(several, 3, nn.Identity, epochs=1).loss == "mse_loss"


def test_one_sample_without_its_axis():
    model = trained(THREE, 3, nn.Identity, epochs=1)
    assert model.predict(X[0][None]).shape == (1,)
    for use in (model.predict, model.predict_proba):
        with pytest.raises(
            ValueError, match=r"X has shape \(3,\), that of one sample; expected \(N, 3\): pass X\[None\]"
        ):
            use(X[0])
    with pytest.raises(ValueError, match=r"if that is one sample, pass X\[None\]"):
        nn.Dense(3, 2).predict(X[0])
    assert nn.Dense(3, 2).predict(X).shape == (200, 2)  # not trained: the outputs


class OneNumber(nn.Module):
    """Outputs (N,), as those of a model that ends with ``[:, 0]``."""

    def __init__(self):
        self.last = nn.Dense(3, 1)

    def __call__(self, x):
        return self.last(x)[:, 0]


@pytest.mark.parametrize("loss", OF_CLASSES)
def test_one_number_a_sample_is_no_score_for_each_class(loss):
    name = losses.get(loss).name
    with pytest.raises(
        ValueError, match=rf"fit: {name} takes outputs \(N, C, ...\) .* the model's are \(N,\): .*Dense"
    ):
        OneNumber().fit(X, YES, loss=loss)
    with pytest.raises(ValueError, match=rf"evaluate: {name} takes outputs \(N, C, ...\)"):
        OneNumber().evaluate(X, YES, loss=loss)


def test_errors_of_evaluate_name_it_and_what_does_not_fit():
    model = trained(YES, 1, nn.Identity, loss="bce_with_logits", epochs=1)
    with pytest.raises(ValueError, match="evaluate: cross_entropy takes a number for each of the 2 classes, .* has 1"):
        model.evaluate(X, YES, loss="cross_entropy")
    with pytest.raises(ValueError, match="evaluate: y holds 'perhaps', which is none of the model's classes"):
        model.evaluate(X, np.where(YES == "yes", "yes", "perhaps"))
    with pytest.raises(TypeError, match="evaluate: hinge_loss needs class labels"):
        OneNumber().evaluate(X, VALUES, loss="hinge")


def test_remedies_fit_the_loss():
    with pytest.raises(
        ValueError, match="y has 3 classes, .* hinge_loss is made for 2: .*3 outputs and use .*cross_ent"
    ):
        trained(THREE, 3, nn.Identity, loss="hinge")
    with pytest.raises(
        ValueError, match=r"make \(200, 2\): one answer for each output; .*one output, or use .cross_ent"
    ):
        trained(YES, 2, nn.Identity, loss="hinge")
