"""``fit(..., ignore_index=...)``: targets that count for nothing."""

import os

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.training.metrics import dice
from fastdl.tree import flatten

N, H, W = 12, 6, 5
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 1, H, W))
LEVELS = np.digitize(X[:, 0], [-0.5, 0.5])  # (N, H, W) of 0, 1, 2
LEFT_OUT = RNG.random((N, H, W)) < 0.4
LABELS = np.where(LEFT_OUT, 255, LEVELS).astype(np.uint8)
ROWS, CLASSES = RNG.standard_normal((40, 6)), RNG.integers(0, 3, 40)
PARTLY = np.where(RNG.random(40) < 0.3, -100, CLASSES)


def net(outputs=3):
    fd.seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, outputs, 1))
    return model.astype(np.float64)


def table():
    fd.seed(0)
    return nn.Sequential(nn.Dense(6, 8), nn.Tanh(), nn.Dense(8, 3)).astype(np.float64)


def values(model):
    return flatten(model.parameters())[0]


def close(a, b):
    for p, q in zip(values(a), values(b), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-13)


def test_one_step_is_that_of_cross_entropy_with_ignore_index():
    model = net()
    before = model.parameters()
    gradient = fd.grad(lambda p: F.cross_entropy(model.apply(p, X), LABELS.astype(int), ignore_index=255))(before)
    expected = [p - 0.5 * g for p, g in zip(flatten(before)[0], flatten(gradient)[0], strict=True)]
    loss = float(F.cross_entropy(model(X), LABELS.astype(int), ignore_index=255))
    history = model.fit(X, LABELS, epochs=1, batch_size=None, optimizer=optim.SGD(0.5), ignore_index=255)
    assert history["loss"] == [pytest.approx(loss, rel=1e-12)]
    for got, wanted in zip(values(model), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-13)


def test_labels_that_are_left_out_may_be_anything():
    """What they are changes nothing, and leaving out whole samples is as if they were not there."""
    one, other, fewer = table(), table(), table()
    options = {"epochs": 3, "batch_size": None, "metrics": ("accuracy",), "optimizer": optim.SGD(0.3), "seed": 0}
    history = one.fit(ROWS, PARTLY, ignore_index=-100, **options)
    assert other.fit(ROWS, np.where(PARTLY < 0, 7, PARTLY), ignore_index=7, **options) == history
    kept = PARTLY >= 0
    expected = fewer.fit(ROWS[kept], PARTLY[kept], **options)
    close(one, other)
    close(one, fewer)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-10)


def test_numbers_of_an_epoch_are_means_over_the_targets_that_count():
    """Batches that have more of them weigh more."""
    model = net()
    validation = X[:4], LABELS[:4]
    history = model.fit(
        X,
        LABELS,
        epochs=1,
        batch_size=5,
        optimizer=optim.SGD(0.0),
        metrics=("accuracy", "dice"),
        validation_data=validation,
        ignore_index=255,
    )
    counts = LABELS != 255
    z = model(X)
    each = F.cross_entropy(z, np.where(counts, LABELS, 0).astype(int), reduction="none")
    right = z.argmax(1) == LABELS
    assert history["loss"] == [pytest.approx(each[counts].mean(), rel=1e-12)]
    assert history["accuracy"] == [pytest.approx(right[counts].mean(), rel=1e-12)]
    assert history["dice"] == [dice(LABELS[counts], z.argmax(1)[counts])]
    assert history["val_loss"] == [pytest.approx(each[:4][counts[:4]].mean(), rel=1e-12)]
    assert history["val_accuracy"] == [pytest.approx(right[:4][counts[:4]].mean(), rel=1e-12)]
    scores = model.evaluate(X, LABELS, ignore_index=255, metrics=("dice",))
    assert scores["loss"] == pytest.approx(history["loss"][0], rel=1e-12)
    assert scores["accuracy"] == pytest.approx(history["accuracy"][0], rel=1e-12)
    assert scores["dice"] == history["dice"][0]


def test_a_class_may_be_left_out():
    """The background, say: the model keeps its output for it."""
    model = net()
    model.fit(X, LEVELS, epochs=60, batch_size=4, optimizer=optim.Adam(0.03), seed=0, ignore_index=0)
    assert model.classes == [0, 1, 2]
    assert model.evaluate(X, LEVELS, ignore_index=0)["accuracy"] > 0.95


@pytest.mark.parametrize("weighted", [False, True])
def test_weights(weighted):
    """Each target's loss is weighed, the sum divided by how many count."""
    sample = np.linspace(0.5, 2, N)
    counts = LABELS != 255
    frequency = np.bincount(LABELS[counts])
    weight = counts.sum() / (3 * frequency)
    model = net()
    before = model.parameters()

    def loss(p):
        each = F.cross_entropy(model.apply(p, X), LABELS.astype(int), weight=weight, ignore_index=255, reduction="none")
        return np.sum(each * (sample if weighted else np.ones(N))[:, None, None]) / float(counts.sum())

    gradient = fd.grad(loss)(before)
    expected = [p - 0.5 * g for p, g in zip(flatten(before)[0], flatten(gradient)[0], strict=True)]
    options = {"sample_weight": sample} if weighted else {}
    options |= {"optimizer": optim.SGD(0.5), "ignore_index": 255, "class_weight": "balanced"}
    model.fit(X, LABELS, epochs=1, batch_size=None, **options)
    for got, wanted in zip(values(model), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-13)


def test_weights_of_samples_in_a_narrow_network():
    one, fewer = table(), table()
    weight, kept = np.linspace(0.5, 2, 40), PARTLY >= 0
    one.fit(ROWS, PARTLY, ignore_index=-100, epochs=3, batch_size=None, sample_weight=weight)
    fewer.fit(ROWS[kept], PARTLY[kept], epochs=3, batch_size=None, sample_weight=weight[kept])
    close(one, fewer)


@pytest.mark.parametrize("options", [{}, {"l1": 1e-2, "l2": 1e-2}, {"sample_weight": np.linspace(0.5, 2, 40)}])
def test_several_batches_of_a_step_are_as_one(options):
    """Each target counts the same, whatever batch it is in."""
    one, several = table(), table()
    options = {**options, "epochs": 4, "seed": 3, "ignore_index": -100, "metrics": ("accuracy",)}
    history = one.fit(ROWS, PARTLY, batch_size=24, **options)
    other = several.fit(ROWS, PARTLY, batch_size=8, accumulate=3, **options)
    close(one, several)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(other[name], history[name], rtol=1e-10)


def test_a_batch_of_nothing_else_changes_nothing():
    y = PARTLY.copy()
    y[8:16] = -100
    model, kept = table(), table()
    model.fit(ROWS, y, batch_size=8, shuffle=False, epochs=2, optimizer=optim.SGD(0.1), ignore_index=-100)
    rows = np.delete(np.arange(40), np.s_[8:16])
    kept.fit(ROWS[rows], y[rows], batch_size=8, shuffle=False, epochs=2, optimizer=optim.SGD(0.1), ignore_index=-100)
    close(model, kept)


def test_files_and_batches(tmp_path):
    """What is not in memory is counted as it comes."""
    x, y = os.fspath(tmp_path / "x.npy"), os.fspath(tmp_path / "y.npy")
    np.save(x, ROWS)
    np.save(y, PARTLY)
    options = {"epochs": 2, "shuffle": False, "ignore_index": -100, "metrics": ("accuracy",)}
    memory, file, stream = table(), table(), table()
    expected = memory.fit(ROWS, PARTLY, batch_size=8, class_weight="balanced", **options)
    assert file.fit(x, y, batch_size=8, chunk_bytes=768, class_weight="balanced", **options) == expected
    close(memory, file)
    memory = table()
    expected = memory.fit(ROWS, PARTLY, batch_size=8, **options)
    parts = [(ROWS[i : i + 8], PARTLY[i : i + 8]) for i in range(0, 40, 8)]
    assert stream.fit(parts, classes=[0, 1, 2], **options) == expected
    nothing = [(ROWS[:8], np.full(8, -100))]
    history = table().fit(nothing, classes=[0, 1, 2], epochs=1, ignore_index=-100)
    assert np.isnan(history["loss"][0])


def test_a_checkpoint_keeps_the_count(tmp_path):
    path = os.fspath(tmp_path / "run.safetensors")
    options = {"batch_size": 8, "seed": 1, "ignore_index": -100, "metrics": ("accuracy",)}
    whole = table()
    expected = whole.fit(ROWS, PARTLY, epochs=3, **options)

    class Stop(fd.training.Callback):
        def on_batch_end(self, model, step):
            if step == 7:  # in the midst of the second epoch
                raise KeyboardInterrupt

        def on_epoch_end(self, model, epoch, numbers):
            return None

    interrupted = table()
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(ROWS, PARTLY, epochs=3, checkpoint=path, callbacks=[Stop()], **options)
    going_on = table()

    class Stop(fd.training.Callback):  # of the same name
        pass

    history = going_on.fit(ROWS, PARTLY, epochs=3, resume=path, callbacks=[Stop()], **options)
    assert dict(history) == dict(expected)
    assert all(map(np.array_equal, values(going_on), values(whole)))
    with pytest.raises(ValueError, match="ignore_index"):
        table().fit(ROWS, CLASSES, epochs=3, resume=path, callbacks=[Stop()], **{**options, "ignore_index": None})


def test_log_probabilities():
    model = nn.Sequential(table(), nn.LogSoftmax(1))
    expected = table()
    options = {"epochs": 2, "batch_size": 8, "seed": 0, "ignore_index": -100}
    model.fit(ROWS, PARTLY, loss="nll", **options)
    expected.fit(ROWS, PARTLY, **options)
    close(model[0], expected)


def test_smoothed_labels_are_left_out_too():
    one, fewer = table(), table()
    options = {"epochs": 2, "batch_size": None, "label_smoothing": 0.2}
    one.fit(ROWS, PARTLY, ignore_index=-100, **options)
    fewer.fit(ROWS[PARTLY >= 0], PARTLY[PARTLY >= 0], **options)
    close(one, fewer)


@pytest.mark.parametrize(
    ("y", "options", "error", "words"),
    [
        (PARTLY, {}, ValueError, "y has 4 classes, but the model has 3 outputs"),
        (PARTLY, {"ignore_index": 1.5}, TypeError, "fit: ignore_index is 1.5; expected None or an integer label"),
        (PARTLY, {"ignore_index": -1}, ValueError, "y has 4 classes, but the model has 3 outputs"),
        (np.full(40, -100), {"ignore_index": -100}, ValueError, "all labels in y are -100, the ignore_index"),
        (
            np.full(40, -100),
            {"ignore_index": -100, "classes": [0, 1, 2]},
            ValueError,
            "all labels in y are -100, the ignore_index",
        ),
        (ROWS[:, :3], {"ignore_index": 0}, ValueError, "ignore_index is 0, but the loss is mse_loss; it is for"),
        (CLASSES.astype(str), {"ignore_index": 0}, TypeError, "ignore_index is 0, but y is <U21; expected integer"),
        (
            CLASSES,
            {"ignore_index": 0, "validation_data": (ROWS[:2], [0, 0])},
            ValueError,
            "fit: validation_data: all labels in y are 0",
        ),
        (
            CLASSES,
            {"ignore_index": 0, "loss": lambda outputs, y: np.mean(outputs)},
            ValueError,
            "the loss is your own; .* leave such targets out in it",
        ),
    ],
)
def test_errors(y, options, error, words):
    model = table()
    with pytest.raises(error, match=words):
        model.fit(ROWS, y, epochs=1, **options)
    assert model.loss is None


def test_errors_of_evaluate():
    model = table()
    with pytest.raises(ValueError, match="evaluate: all labels in y are 1, the ignore_index"):
        model.evaluate(ROWS, np.ones(40, int), loss="cross_entropy", ignore_index=1)
    with pytest.raises(ValueError, match="evaluate: ignore_index is 1, but the loss is mse_loss"):
        model.evaluate(ROWS, ROWS[:, :3], loss="mse", ignore_index=1)
    one = nn.Dense(6, 1).astype(np.float64)
    with pytest.raises(ValueError, match="let the model have an output for each class"):
        one.fit(ROWS, CLASSES > 0, ignore_index=2)
