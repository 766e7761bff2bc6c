"""fit_many makes, to the bit, what ``build`` and ``fit`` make of each setting alone, on any number of threads."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import augment, nn, optim
from fastdl import functional as F
from fastdl.many.settings import OPTIONS
from fastdl.tree import flatten


def dense(width=8, outputs=1, dtype=np.float32):
    return nn.Sequential(nn.Dense(2, width, dtype=dtype), nn.Tanh(), nn.Dense(width, outputs, dtype=dtype))


def deep(width=8, p=0.3):
    return nn.Sequential(
        nn.Dense(2, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(p), nn.Dense(width, width), nn.Dense(width, 3)
    )


def convolutional(channels=4):
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Dense(16 * channels, 3),
    )


class Own(nn.Module):
    """A class of one's own that uses a layer twice and captures an array."""

    def __init__(self, width=4, scale=1.0):
        self.first, self.shared, self.last = nn.Dense(2, width), nn.Dense(width, width), nn.Dense(width, 1)
        self.scale = np.full(width, scale, np.float32)

    def __call__(self, x):
        x = np.tanh(self.first(x)) * self.scale
        return self.last(self.shared(np.tanh(self.shared(x))))


RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-1, 1, (150, 2)).astype(np.float32)
SIGNS = (POINTS[:, 0] * POINTS[:, 1] > 0).astype(np.int64)
THREE = RNG.integers(0, 3, 150)
IMAGES = RNG.integers(0, 256, (90, 1, 8, 8)).astype(np.uint8)
VALUES = (POINTS[:, :1] - 2 * POINTS[:, 1:]).astype(np.float32)


def alone(build, setting, X, y, options):
    """What the docstring of fit_many says that a network is."""
    options = {**options, **{key: setting[key] for key in setting if key in OPTIONS}}
    rate, rows, inspected = options.pop("lr", None), options.pop("rows", None), options.pop("validation_rows", None)
    if rate is not None:
        given = options.get("optimizer")
        kind = "adam" if given is None else given
        if isinstance(kind, str):
            options["optimizer"] = optim.get(kind, rate)
        else:
            options["optimizer"] = type(kind)(**{**vars(kind), "lr": rate})
    if inspected is not None:
        options["validation_data"] = X[inspected], y[inspected]
    if rows is not None:
        X, y = X[rows], y[rows]
        if options.get("sample_weight") is not None:
            options["sample_weight"] = options["sample_weight"][rows]
    fd.seed(setting["seed"])
    model = build(**{key: value for key, value in setting.items() if key not in OPTIONS})
    model.fit(X, y, progress=False, **options)
    return model


def arrays(model):
    return [*flatten(model.parameters())[0], *flatten(model.buffers())[0]]


def check(build, settings, X, y, **options):
    for threads in (1, 2):
        with fd.threads(threads):
            networks = fd.fit_many(build, settings, X, y, progress=False, seed=11, **options)
        assert len(networks) == (settings if isinstance(settings, int) else len(settings)) and not networks.errors
        for network, setting in zip(networks, networks.settings, strict=True):
            expected = alone(build, setting, X, y, options)
            for a, b in zip(arrays(network), arrays(expected), strict=True):
                assert a.dtype == b.dtype and np.array_equal(a, b), setting
            assert dict(network.history) == dict(expected.history), setting
            assert network.history.stopped == "epochs"
            assert network.loss == expected.loss and network.classes == expected.classes
            assert np.array_equal(network.predict(X), expected.predict(X))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad", optim.SGD(0.1, 0.9, True, 1e-3)])
def test_seeds_and_rates_share_a_plan(optimizer):
    settings = [{"seed": seed, "lr": lr} for seed in (0, 5) for lr in (0.01, 0.1)]
    check(dense, settings, POINTS, SIGNS, optimizer=optimizer, epochs=4, metrics=("accuracy",))


def test_widths_batches_and_epochs_are_mixed():
    settings = [
        {"width": 2},
        {"width": 2, "epochs": 7},
        {"width": 40, "batch_size": 7},
        {"width": 3, "batch_size": None},
        {"width": 64, "shuffle": False},
        {"batch_size": 1000, "optimizer": "sgd", "lr": 0.5},
        {"width": 8, "optimizer": optim.Adam(0.01, clip_norm=0.1), "dtype": np.float64},
    ]
    check(dense, settings, POINTS, SIGNS, epochs=3)


def test_schedules():
    rates = [optim.cosine_decay(0.1, 12), optim.warmup(0.05, 3), optim.cosine_decay(0.1, 12), 0.1]
    check(dense, [{"lr": rate} for rate in rates], POINTS, SIGNS, optimizer=optim.SGD(1.0, 0.9), epochs=3)


@pytest.mark.parametrize("metrics", [(), ("accuracy",), ("accuracy", "dice")])
def test_batch_norm_and_dropout(metrics):
    settings = [{"width": 8}, {"width": 8, "p": 0.5}, {"width": 8}, {"width": 9}]
    check(deep, settings, POINTS, THREE, epochs=3, batch_size=16, metrics=metrics)


def test_convolutions_of_bytes():
    settings = [{"channels": 4}, {"channels": 4, "lr": 0.01}, {"channels": 6, "batch_size": 20}]
    check(convolutional, settings, IMAGES, THREE[:90], epochs=2, optimizer="adam")


def test_a_class_of_ones_own():
    settings = [{"scale": 1.0}, {"scale": 2.0}, {"scale": 1.0, "lr": 0.01}, {"width": 5}]
    check(Own, settings, POINTS, VALUES, epochs=3, loss="mse", metrics=("r2",))


def test_a_loss_of_ones_own():
    check(dense, 3, POINTS, VALUES, epochs=2, loss=lambda outputs, y: np.mean(np.abs(outputs - y) ** 1.5))


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 3.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_and_weights(class_weight, weighted):
    rows = np.flatnonzero(np.arange(150) % 5 != 0)
    others = np.flatnonzero(np.arange(150) % 5 == 0)
    settings = [
        {"rows": rows, "validation_rows": others},
        {"rows": np.arange(150) % 3 != 0, "validation_rows": slice(0, 50)},
        {"rows": rows, "validation_rows": others, "shuffle": False, "class_weight": {0: 2.0}},
    ]
    weight = RNG.uniform(0.5, 2, 150) if weighted else None
    check(dense, settings, POINTS, SIGNS, epochs=3, class_weight=class_weight, sample_weight=weight)


def test_validation_data_and_text_labels():
    names = np.array(["cat", "dog"])[SIGNS]
    check(dense, 3, POINTS, names, epochs=3, validation_data=(POINTS[:40], names[:40]), metrics=("accuracy",))


def test_penalties_averages_and_steps_of_several_batches_differ_between_networks():
    settings = [
        {},
        {"l1": 1e-3},
        {"l2": 1e-2, "lr": 0.01},
        {"l2": 1e-2, "lr": 0.02, "seed": 3},
        {"ema": 0.9},
        {"accumulate": 3, "batch_size": 16},
        {"accumulate": 100},
        {"label_smoothing": 0.1},
        {"label_smoothing": 0.2, "ema": 0.99, "l1": 1e-4, "accumulate": 2, "shuffle": False},
    ]
    check(deep, settings, POINTS, THREE, epochs=3, metrics=("accuracy",), validation_data=(POINTS[:40], THREE[:40]))


def test_penalties_and_averages_of_all_networks():
    rows = {"rows": np.arange(0, 150, 2), "validation_rows": np.arange(1, 150, 2)}
    check(dense, [rows, {"width": 3}], POINTS, VALUES, epochs=2, l1=1e-3, l2=1e-3, ema=0.95, accumulate=2)


def test_labels_that_count_for_nothing():
    labels = np.where(RNG.random(150) < 0.3, -1, THREE)
    rows = {"rows": np.arange(0, 150, 2), "validation_rows": np.arange(1, 150, 2)}
    settings = [{}, {"lr": 0.01}, rows, {"accumulate": 2, "batch_size": 9}]
    check(
        deep,
        settings,
        POINTS,
        labels,
        epochs=3,
        metrics=("accuracy",),
        ignore_index=-1,
        class_weight="balanced",
        classes=[0, 1, 2],
    )


class Negative(augment.Augmentation):
    """A change of somebody's own."""

    def __call__(self, x, *, seed, step, node=0):
        return 255.0 - x


def test_changed_images():
    settings = [
        {"augment": augment.Shift(1)},
        {"augment": [augment.Shift(1), augment.Noise(0.5)], "lr": 0.01},
        {"augment": [augment.Shift(1), augment.Noise(0.5)]},
        {"augment": [augment.Rotate(20), augment.HorizontalFlip(), Negative()], "accumulate": 2},
        {},
    ]
    options = {"epochs": 2, "validation_data": (IMAGES[:9], THREE[:9]), "metrics": ("accuracy", "dice")}
    check(convolutional, settings, IMAGES, THREE[:90], **options)


class Pixels(nn.Module):
    """A class of one's own, whose layers do not tell the size of the images."""

    def __init__(self):
        self.last = nn.Dense(64, 3)

    def __call__(self, x):
        return self.last(F.reshape(x, (x.shape[0], -1)))


def test_images_cut_out_of_larger_ones():
    large = RNG.integers(0, 256, (40, 1, 11, 9)).astype(np.uint8)
    cut = [augment.RandomCrop(8), augment.VerticalFlip()]
    for build in (convolutional, Pixels):
        networks = fd.fit_many(build, 3, large, THREE[:40], augment=cut, epochs=2, seed=4, progress=False)
        for network, setting in zip(networks, networks.settings, strict=True):
            expected = alone(build, setting, large, THREE[:40], {"augment": cut, "epochs": 2})
            assert all(map(np.array_equal, arrays(network), arrays(expected)))
            assert dict(network.history) == dict(expected.history)
            assert network.input_shape == expected.input_shape == (1, 8, 8)


def test_many_short_slices_on_many_threads(monkeypatch):
    """Networks that are stopped and go on, in the middle of epochs and with other workers."""
    from fastdl.many import crew

    monkeypatch.setattr(crew, "CALL_SECONDS", 1e-5)
    monkeypatch.setattr(crew, "PROBE_SECONDS", 0.0)
    check(deep, [{"width": 8 + i % 3, "batch_size": 7} for i in range(12)], POINTS, THREE, epochs=3)


def test_the_call_leaves_the_generator_where_it_was():
    fd.seed(3)
    fd.fit_many(dense, 2, POINTS, SIGNS, epochs=1, seed=0)
    after = dense()[0].weight.copy()
    fd.seed(3)
    assert np.array_equal(after, dense()[0].weight)


def test_without_a_seed_it_follows_from_the_generator():
    found = []
    for _ in range(2):
        fd.seed(4)
        networks = fd.fit_many(dense, 2, POINTS, SIGNS, epochs=1)
        assert networks.settings[1]["seed"] == networks.settings[0]["seed"] + 1
        found.append([arrays(network) for network in networks])
    assert all(np.array_equal(a, b) for one, two in zip(*found, strict=True) for a, b in zip(one, two, strict=True))
