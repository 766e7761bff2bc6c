"""fit: what it learns, what it leaves behind, and that the same seed gives the same bits."""

import math

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.tree import flatten

from .common import same, values


def xor(n=400, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 2)).astype(dtype)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


def mlp(outputs=1, seed=0, dtype=np.float32):
    fd.seed(seed)
    return nn.Sequential(
        nn.Dense(2, 16, dtype=dtype),
        nn.Tanh(),
        nn.Dense(16, 8, dtype=dtype),
        nn.ReLU(),
        nn.Dense(8, outputs, dtype=dtype),
    )


def images(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 1, 8, 8)).astype(np.float32)
    y = np.arange(n) % 3
    x[y == 1, :, :4] += 1
    x[y == 2, :, :, :4] += 1
    return x, y


def cnn(seed=0):
    fd.seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Dense(24, 3),
    )


def test_binary_classification_learns_xor():
    x, y = xor()
    model = mlp()
    history = model.fit(x, y, epochs=60, batch_size=16, optimizer=optim.Adam(0.01), seed=0, metrics=("accuracy",))
    assert history.epochs == 60 and history.stopped == "epochs"
    assert history["loss"][-1] < 0.2 < history["loss"][0]
    assert history["accuracy"][-1] > 0.95
    assert model.loss == "binary_cross_entropy_with_logits" and model.classes == [0, 1]
    assert np.mean(model.predict(x) == y) > 0.95
    proba = model.predict_proba(x)
    assert proba.shape == (400, 2) and np.allclose(proba.sum(axis=1), 1, atol=1e-6)


def test_class_labels_may_be_text():
    x, y = xor()
    names = np.array(["odd", "even"])[y]
    model = mlp(outputs=2)
    model.fit(x, names, epochs=60, batch_size=16, optimizer=optim.Adam(0.01), seed=0)
    assert model.loss == "cross_entropy" and model.classes == ["even", "odd"]
    predicted = model.predict(x)
    assert set(predicted) <= {"even", "odd"} and np.mean(predicted == names) > 0.95
    assert model.evaluate(x, names)["accuracy"] > 0.95


def test_regression():
    x, _ = xor()
    y = x[:, 0] ** 2 - x[:, 1]
    model = mlp()
    history = model.fit(x, y, epochs=100, optimizer=optim.Adam(0.01), seed=0, metrics=("r2", "rmse"))
    assert history["r2"][-1] > 0.98
    assert model.predict(x).shape == (400, 1)
    assert model.evaluate(x, y, metrics=("r2",))["r2"] == pytest.approx(history["r2"][-1])
    with pytest.raises(ValueError, match="not trained with a classification loss"):
        model.predict_proba(x)


def test_first_epoch_equals_a_loop_written_by_hand():
    x, y = xor(60)
    model, twin = mlp(dtype=np.float64), mlp(dtype=np.float64)
    optimizer = optim.SGD(0.1, momentum=0.9)
    model.fit(x, y, epochs=2, batch_size=16, optimizer=optimizer, shuffle=False, loss="bce_with_logits")
    target = y.astype(np.float64).reshape(-1, 1)

    def loss(params, xb, yb):
        return F.binary_cross_entropy_with_logits(twin.apply(params, xb, training=True), yb)

    params = twin.parameters()
    state = optimizer.init(params)
    step = fd.value_and_grad(loss)
    for _ in range(2):
        for start in range(0, 60, 16):
            _, grads = step(params, x[start : start + 16].astype(np.float64), target[start : start + 16])
            params, state = optimizer.update(params, grads, state)
    for ours, theirs in zip(values(model), flatten(params)[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_history_loss_is_the_mean_over_all_samples():
    x, y = xor(50)
    model = mlp(dtype=np.float64)
    before = model.evaluate(x.astype(np.float64), y, loss="bce_with_logits") if model.classes else None
    assert before is None
    history = model.fit(x, y, epochs=1, batch_size=16, optimizer=optim.SGD(0.0), seed=0)
    assert history["loss"][0] == pytest.approx(model.evaluate(x, y)["loss"], rel=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 64, None])
def test_same_bits_for_any_number_of_threads_and_run_after_run(batch_size):
    x, y = images(32)
    results = []
    for threads in (1, 2, 2):
        model = cnn()
        with fd.threads(threads):
            model.fit(x, y, epochs=2, batch_size=batch_size, seed=3)
        results.append(values(model))
    assert same(results[0], results[1]) and same(results[1], results[2])


def test_another_seed_gives_other_bits():
    x, y = images()
    runs = []
    for seed in (0, 1):
        model = cnn()
        model.fit(x, y, epochs=1, seed=seed)
        runs.append(values(model))
    assert not same(*runs)


def test_validation_data_and_uint8_images():
    x, y = images(96)
    bytes_ = (x * 100).astype(np.uint8)
    model = nn.Sequential(nn.Rescale(0.01), *cnn())
    history = model.fit(
        bytes_[:64], y[:64], epochs=30, validation_data=(bytes_[64:], y[64:]), optimizer=optim.Adam(0.01), seed=0
    )
    assert history["val_accuracy"][-1] > 0.9
    assert len(history["val_loss"]) == 30
    assert model.evaluate(bytes_[64:], y[64:])["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-6)


def test_class_and_sample_weights():
    x, y = xor(100)
    model = mlp(dtype=np.float64)
    history = model.fit(
        x, y, epochs=1, optimizer=optim.SGD(0.0), class_weight={0: 0.0, 1: 2.0}, sample_weight=np.ones(100)
    )
    logits = model(x.astype(np.float64)).ravel()
    each = np.log1p(np.exp(-logits))[y == 1]
    assert history["loss"][0] == pytest.approx(2 * each.sum() / 100, rel=1e-9)
    balanced = mlp(dtype=np.float64).fit(x, y, epochs=1, optimizer=optim.SGD(0.0), class_weight="balanced")
    losses = np.logaddexp(0, np.where(y == 1, -logits, logits))
    expected = np.mean(losses * np.where(y == 1, 50 / y.sum(), 50 / (100 - y.sum())))
    assert balanced["loss"][0] == pytest.approx(expected, rel=1e-9)


def test_own_loss_and_own_module():
    class Twice(nn.Module):
        def __init__(self):
            self.inner = nn.Dense(2, 1)

        def __call__(self, x):
            return self.inner(x) + self.inner(2.0 * x)

    x, _ = xor(200)
    y = x[:, :1] * 3 - x[:, 1:]
    fd.seed(0)
    model = Twice()
    history = model.fit(x, y, loss=lambda p, t: np.mean(np.abs(p - t)), epochs=150, optimizer=optim.Adam(0.02), seed=0)
    assert history["loss"][-1] < 0.1
    assert np.allclose(3 * model.inner.weight, [[3, -1]], atol=0.1)


def test_state_outputs_of_a_module():
    class Mean(nn.Module):
        """Keeps a running mean of what it sees in training."""

        def __init__(self):
            self.mean = nn.Buffer(np.zeros(2, np.float32))
            self.head = nn.Dense(2, 1)

        def __call__(self, x):
            if nn.is_training():
                self.update_buffer("mean", 0.5 * self.mean + 0.5 * np.mean(x, axis=0))
            return self.head(x - self.mean)

    x, y = xor(64)
    model = Mean()
    model.fit(x + np.float32([2, -1]), y, epochs=8, batch_size=16, seed=0)
    np.testing.assert_allclose(model.mean, [2, -1], atol=0.3)
    kept = model.mean.copy()
    model.predict(x)
    np.testing.assert_array_equal(model.mean, kept)


def test_inputs_are_not_changed_and_may_be_views():
    x, y = xor(128)
    wide = np.zeros((128, 4), np.float32)
    wide[:, ::2] = x
    view = wide[:, ::2]
    view.flags.writeable = False
    copy, labels = wide.copy(), y.copy()
    first, second = mlp(), mlp()
    first.fit(view, y, epochs=2, seed=0)
    second.fit(x, y, epochs=2, seed=0)
    assert same(values(first), values(second))
    np.testing.assert_array_equal(wide, copy)
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y": np.zeros(3)}, ValueError, "y has 3 rows, X has 400"),
        ({"X": np.full((400, 2), np.nan, np.float32)}, ValueError, r"X\[0, 0\] is nan"),
        ({"epochs": 0}, ValueError, "epochs is 0"),
        ({"batch_size": 2.5}, ValueError, "batch_size is 2.5"),
        (
            {"loss": "entropy"},
            ValueError,
            r"loss is 'entropy' \(did you mean 'cross_entropy'\?\); expected one of 'cross_entropy'",
        ),
        ({"loss": "cross_entropy", "y": np.linspace(0, 1, 400)}, TypeError, 'use loss="mse"'),
        ({"metrics": ("f1",)}, ValueError, "metric 'f1' is unknown"),
        ({"metrics": ("r2",)}, ValueError, "does not fit the loss"),
        ({"y": np.arange(400) % 5}, ValueError, "5 classes, but the model has 1 outputs"),
        ({"validation_data": np.zeros(3)}, TypeError, r"pair \(X, y\)"),
        ({"class_weight": {7: 1.0}}, ValueError, "names 7"),
        ({"sample_weight": -np.ones(400)}, ValueError, "negative"),
        ({"callbacks": [3]}, TypeError, "callbacks holds a int"),
        ({"optimizer": "sdg"}, ValueError, "sdg"),
        ({"X": np.zeros((0, 2), np.float32), "y": np.zeros(0, int)}, ValueError, "no samples"),
        ({"X": np.zeros((400, 3), np.float32)}, ValueError, "3"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_computed(options, error, message):
    x, y = xor()
    model = mlp()
    before = values(model)
    arguments = {"X": x, "y": y, **options}
    with pytest.raises(error, match=message):
        model.fit(arguments.pop("X"), arguments.pop("y"), **arguments)
    assert same(before, values(model)) and model.loss is None


def test_predict_of_nothing_and_of_an_unknown_label():
    x, y = xor()
    model = mlp()
    model.fit(x, y, epochs=1, seed=0)
    assert model.predict(np.zeros((0, 2), np.float32)).shape == (0,)
    with pytest.raises(ValueError, match="none of the model's classes"):
        model.evaluate(x, y + 5)


def test_adam_is_the_default_and_loss_falls():
    x, y = images()
    history = cnn().fit(x, y, epochs=15, seed=0)
    assert history["loss"][-1] < history["loss"][0] and math.isfinite(history["loss"][-1])
