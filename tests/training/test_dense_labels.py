"""A label for every pixel: y (N, H, W) for outputs (N, C, H, W), through fit, predict, predict_proba and evaluate."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.training.metrics import dice

N, H, W = 12, 6, 5
X = np.random.default_rng(0).standard_normal((N, 1, H, W)).astype(np.float32)
LEVELS = np.digitize(X[:, 0], [-0.5, 0.5])  # (N, H, W) of 0, 1, 2
NAMES = np.array(["dark", "grey", "light"])[LEVELS]
YES = X[:, 0] > 0


def net(outputs):
    fd.seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, outputs, 1))


def trained(y, outputs, epochs=60, **options):
    model = net(outputs)
    model.fit(X, y, epochs=epochs, batch_size=5, optimizer=optim.Adam(0.03), seed=0, **options)
    return model


@pytest.mark.parametrize(("y", "outputs"), [(LEVELS, 3), (NAMES, 3), (YES, 2), (YES, 1), (YES * 1, 1)])
def test_predictions_have_the_shape_and_kind_of_the_labels(y, outputs):
    model = trained(y, outputs, metrics=["accuracy", "dice"])
    predicted, proba = model.predict(X), model.predict_proba(X)
    assert predicted.shape == y.shape and predicted.dtype == y.dtype
    assert proba.shape == (N, len(model.classes), H, W)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(np.array(model.classes)[proba.argmax(axis=1)], predicted)
    scores = model.evaluate(X, y, metrics=["dice"])
    assert scores["accuracy"] == np.mean(predicted == y) > 0.95
    numbers = [np.searchsorted(model.classes, labels) for labels in (y, predicted)]
    assert scores["dice"] == dice(*numbers) > 0.9
    assert 0.95 < model.history["accuracy"][-1] <= 1 and model.history["dice"][-1] == scores["dice"]


def test_accuracy_is_counted_while_training():
    model = net(3)
    before = model.evaluate(X, LEVELS, loss="cross_entropy")["accuracy"]
    history = model.fit(X, LEVELS, epochs=1, batch_size=None, metrics=["accuracy"], seed=0)
    assert history["accuracy"] == [pytest.approx(before, abs=1e-12)]  # one step, counted before its update


def test_no_loss_is_chosen_for_floats_that_look_one_hot():
    y = np.eye(3, dtype=np.float32)[LEVELS].transpose(0, 3, 1, 2)
    with pytest.raises(ValueError, match=r"y \(12, 3, 6, 5\) is one-hot.*y.argmax\(1\)"):
        trained(y, 3)
    with pytest.raises(ValueError, match=r"y has shape \(12, 3, 6, 5\); expected \(12, 6, 5\).*pass y.argmax\(1\)"):
        trained(y.astype(int), 3)


@pytest.mark.parametrize(
    ("y", "outputs", "message"),
    [
        (LEVELS, 2, "y has 3 classes, but the model has 2 outputs"),
        (LEVELS[:, :-1], 3, r"y has shape \(12, 5, 5\); expected \(12, 6, 5\)"),
        (YES[:, :, :-1], 1, r"y has shape \(12, 6, 4\); the model's outputs make \(12, 1, 6, 5\)"),
    ],
)
def test_labels_that_do_not_fit(y, outputs, message):
    with pytest.raises(ValueError, match=message):
        trained(y, outputs)


def weights_of_a_step(y, outputs, loss, **options):
    """The change of the parameters by one step of gradient descent on the given loss of the outputs."""
    model = net(outputs)
    before = model.parameters()
    gradient = fd.grad(lambda p: loss(model.apply(p, X)))(before)
    expected = before["2"]["weight"] - 0.5 * gradient["2"]["weight"]
    model.fit(X, y, epochs=1, batch_size=None, optimizer=optim.SGD(0.5), shuffle=False, **options)
    return model[2].weight, expected


def test_class_weights_weigh_pixels():
    y = LEVELS.copy()
    y[:8] = 0  # so that classes are rare
    counts = np.bincount(y.ravel())
    balanced = (y.size / (3 * counts)).astype(np.float32)
    own = np.float32([1, 2, 0.5])
    samples = np.linspace(0.5, 2, N)

    def loss(z, weight, sample=1):
        each = F.cross_entropy(z, y, weight=weight, reduction="none")
        return np.mean(each * np.float32(sample))

    cases = [
        ({"class_weight": "balanced"}, lambda z: loss(z, balanced)),
        ({"class_weight": {1: 2, 2: 0.5}}, lambda z: loss(z, own)),
        (
            {"class_weight": {1: 2, 2: 0.5}, "sample_weight": samples},
            lambda z: loss(z, own, samples[:, None, None]),
        ),
    ]
    for options, expected in cases:
        got, wanted = weights_of_a_step(y, 3, expected, **options)
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=1e-6)


def test_class_weights_weigh_pixels_of_two_classes():
    y = YES.astype(np.int64)
    weight = np.where(YES, 3, 1).astype(np.float32)[:, None]
    target = y.astype(np.float32)[:, None]

    def loss(z):
        return np.mean(F.binary_cross_entropy_with_logits(z, target, reduction="none") * weight)

    got, wanted = weights_of_a_step(y, 1, loss, class_weight={1: 3})
    np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=1e-6)


def test_dice():
    y, predicted = np.array([0, 0, 1, 1, 1, 5]), np.array([0, 1, 1, 1, 0, 5])
    assert dice(y, predicted) == pytest.approx((2 * 1 / 4 + 2 * 2 / 6 + 1) / 3)
    assert dice(y, y) == 1 and dice(y, 1 - y) == 0
    with pytest.raises(ValueError, match="metric 'dice' does not fit the loss mse_loss"):
        nn.Dense(2, 1).fit(np.ones((4, 2), np.float32), np.ones(4), metrics=["dice"])


def test_a_last_batch_that_is_too_small_is_refused_before_training():
    rows = np.random.default_rng(1).standard_normal((65, 3)).astype(np.float32)
    model = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm1d(4), nn.Dense(4, 2))
    before = model.state_dict()
    with pytest.raises(ValueError, match="65 samples in batches of 32 leave 1 .*batch_size, such as 31 .*BatchNorm1d"):
        model.fit(rows, np.arange(65) % 2, batch_size=32)
    assert model.loss is None
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert model.fit(rows, np.arange(65) % 2, batch_size=31, epochs=1).epochs == 1
    with pytest.raises(ValueError, match="3 samples in batches of 2 leave 1 .*such as 3 "):
        model.fit(rows[:3], np.arange(3) % 2, batch_size=2)


def test_outputs_of_one_number_a_sample_are_judged():
    """(N,), without an axis of classes, of a model that was not trained."""

    class Flat(nn.Module):
        def __call__(self, x):
            return x[:, 0]

    x = np.float32([[1.0], [-2.0], [3.0]])
    assert Flat().evaluate(x, np.float32([1, -2, 5]), loss="mse")["loss"] == pytest.approx(4 / 3)
    assert Flat().evaluate(x, np.array([1, 0, 0]), loss="bce_with_logits")["accuracy"] == pytest.approx(2 / 3)
