"""What fit_many takes, refuses and returns; failures, Ctrl-C, memory."""

import gc
import os
import signal
import threading
import time
import tracemalloc

import numpy as np
import pytest

import fastdl as fd
from fastdl import augment, nn, optim

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-1, 1, (120, 2)).astype(np.float32)
SIGNS = (POINTS[:, 0] * POINTS[:, 1] > 0).astype(np.int64)


def dense(width=4):
    return nn.Sequential(nn.Dense(2, width), nn.Tanh(), nn.Dense(width, 1))


def fit(settings=2, build=dense, X=POINTS, y=SIGNS, **options):
    return fd.fit_many(build, settings, X, y, **{"epochs": 1, "progress": False, **options})


SHARED = dense()
IMAGES = RNG.uniform(0, 1, (9, 1, 3, 3)).astype(np.float32)


def cut(settings=1, **options):
    """Trained on parts of images."""

    def build():
        return nn.Sequential(nn.Flatten(), nn.Dense(4, 1))

    return fit(settings, build, IMAGES, SIGNS[:9], augment=augment.RandomCrop(2), **options)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fit([]), ValueError, "settings is empty"),
        (lambda: fit({"width": 3}), TypeError, "settings is a dict; expected a list"),
        (lambda: fit([{}, 3]), TypeError, "setting 1 is 3"),
        (lambda: fit(0), ValueError, "settings is 0"),
        (lambda: fit(build=dense()), TypeError, "build is a Sequential, a single model"),
        (lambda: fit(build=3), TypeError, "build is 3; expected a function"),
        (lambda: fit([{}, {"witdh": 3}]), TypeError, r"setting 1 {'witdh': 3}: 'witdh' is no argument of build.*width"),
        (lambda: fit([{"epochs": 0}]), ValueError, r"setting 0 {'epochs': 0}.*epochs is 0"),
        (lambda: fit([{}, {"batch_size": 2.5}]), ValueError, r"setting 1 {'batch_size': 2.5}.*batch_size is 2.5"),
        (lambda: fit([{}, {"lr": -1}]), ValueError, r"setting 1 {'lr': -1}.*lr is -1"),
        (lambda: fit([{"optimizer": "adamm"}]), ValueError, r"setting 0.*'adamm'"),
        (lambda: fit([{"optimizer": optim.Adam}]), TypeError, r"setting 0.*is the class Adam"),
        (lambda: fit([{"seed": -1}]), ValueError, r"setting 0 {'seed': -1}.*seed is -1"),
        (lambda: fit(seed=2**63 - 1), ValueError, "room for 2 seeds"),
        (lambda: fit([{"rows": [0, 120]}]), IndexError, r"setting 0.*rows holds 120; X has 120"),
        (lambda: fit([{"rows": []}]), TypeError, r"setting 0.*rows is \[\]"),
        (lambda: fit([{"rows": [0.5]}]), TypeError, r"setting 0.*expected numbers of rows"),
        (lambda: fit([{"width": 2}, {"width": "a"}]), TypeError, r"setting 1 {'width': 'a'}: build failed"),
        (lambda: fit(build=lambda: None), TypeError, r"setting 0 {}: build returned None"),
        (lambda: fit(build=lambda: nn.Dense), TypeError, r"setting 0 {}: build returned <class"),
        (lambda: fit(build=lambda: SHARED), ValueError, r"setting 1 {}: build returned the model of setting 0 {} once"),
        (lambda: fit(build=lambda: nn.Dense(3, 1)), ValueError, r"setting 0 {}: dense: weight has 3 input features"),
        (lambda: fit([{"width": 2}, {"loss": "cross_entropy"}]), ValueError, r"setting 1 .*2 classes"),
        (lambda: fit([{}, {"loss": "hing"}]), ValueError, r"setting 1 {'loss': 'hing'}.*hing"),
        (lambda: fit([{}, {"class_weight": {7: 1.0}}]), ValueError, r"setting 1 .*class_weight names 7"),
        (lambda: fit(metrics=("acuracy",)), ValueError, r"setting 0.*acuracy"),
        (
            lambda: fit(callbacks=[print]),
            TypeError,
            "callbacks is not supported for many networks; train with model.fit",
        ),
        (lambda: fit(resume="a"), TypeError, "resume is not supported for many networks"),
        (lambda: fit([{}, {"l2": -1}]), ValueError, r"setting 1 {'l2': -1}.*l2 is -1; expected a finite number"),
        (lambda: fit(ema=1.5), ValueError, r"setting 0 {}: ema is 1.5; expected None or a decay"),
        (lambda: fit([{"accumulate": 0}]), ValueError, r"setting 0 .*accumulate is 0"),
        (lambda: fit([{"accumulate": 2, "batch_size": None}]), ValueError, r"setting 0 .*batch_size is None"),
        (lambda: fit([{"label_smoothing": 0.1}]), ValueError, r'setting 0 .*it is for "cross_entropy"'),
        (lambda: fit([{"augment": print}]), TypeError, r"setting 0 .*augment holds a builtin_function_or_method"),
        (lambda: fit([{"augment": augment.Shift(1)}]), ValueError, r"setting 0 .*Shift: a sample has shape \(2,\)"),
        (
            lambda: fit([{"rows": SIGNS == 1}], build=lambda: nn.Dense(2, 2), ignore_index=1),
            ValueError,
            r"setting 0 .*all labels in y are 1, the ignore_index",
        ),
        (
            lambda: cut(metrics=("dice",)),
            ValueError,
            r"metrics judge on samples of X, but augment makes samples \(1, 2",
        ),
        (lambda: cut([{"validation_rows": [0]}]), ValueError, "setting 0 .*validation_rows judge on samples of X"),
        (
            lambda: cut(validation_data=(IMAGES, SIGNS[:9])),
            ValueError,
            r"shape \(9, 1, 3, 3\); expected \(N, 1, 2, 2\)",
        ),
        (lambda: fit(width=3), TypeError, r"there is no argument width; what build takes belongs into settings"),
        (lambda: fit(X=POINTS[:0], y=SIGNS[:0]), ValueError, "X has no samples"),
        (lambda: fit(y=SIGNS[:5]), ValueError, "fit_many: y has 5 rows, X has 120"),
        (lambda: fit(validation_data=POINTS), TypeError, "validation_data must be a pair"),
        (lambda: fit(validation_data=(POINTS[:, :1], SIGNS)), ValueError, r"validation_data X has shape \(120, 1\)"),
        (
            lambda: fit([{"validation_rows": [0]}], validation_data=(POINTS, SIGNS)),
            ValueError,
            r"setting 0.*validation_rows is given beside validation_data",
        ),
        (
            lambda: fit([{"batch_size": 17}], build=lambda: nn.Sequential(nn.BatchNorm1d(2), nn.Dense(2, 1))),
            ValueError,
            r"setting 0.*120 samples in batches of 17 leave 1",
        ),
    ],
)
def test_errors_name_the_setting(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_settings_are_split_between_build_and_training():
    seen = []

    def build(seed, width=2, **more):
        seen.append((seed, width, more))
        return dense(width)

    networks = fit([{"seed": 3, "depth": 1, "lr": 0.1}, {"seed": 4, "width": 5}], build)
    assert seen == [(3, 2, {"depth": 1}), (4, 5, {})]
    assert networks.settings == [{"seed": 3, "depth": 1, "lr": 0.1}, {"seed": 4, "width": 5}]


def test_what_comes_back(tmp_path):
    settings = [{"width": width, "lr": lr} for width in (2, 16) for lr in (1e-9, 0.05)]
    networks = fit(settings, epochs=30, seed=0, metrics=("accuracy",), validation_data=(POINTS, SIGNS))
    assert len(networks) == 4 and networks[1] is networks.models[1] and len(networks[:2]) == 2
    assert (
        networks.ranking()[0] == 3 and networks.best() is networks[3] and networks.best("val_accuracy") is networks[3]
    )
    row = networks.table()[3]
    assert row["width"] == 16 and row["seed"] == 3 and row["epochs"] == 30 and row["stopped"] == "epochs"
    assert row["val_loss"] == min(r["val_loss"] for r in networks.table())
    assert "best setting 3 {'width': 16" in repr(networks)
    assert set(networks.seconds) == {"compile", "plan", "train"}
    assert networks.best().evaluate(POINTS, SIGNS)["loss"] == pytest.approx(row["val_loss"], rel=1e-6)
    fd.save(networks.best(), tmp_path / "best.safetensors")
    loaded = fd.load(tmp_path / "best.safetensors")
    assert np.array_equal(loaded.predict(POINTS), networks.best().predict(POINTS))
    with pytest.raises(ValueError, match="monitor is 'val_r2'; the networks have loss"):
        networks.ranking("val_r2")


def test_networks_are_ranked_by_what_some_of_them_have():
    judged = {"rows": slice(0, 80), "validation_rows": slice(80, None)}
    for settings, expected in (([judged, {}], [0]), ([{}, judged], [1])):
        networks = fit(settings, seed=0)
        assert networks.ranking() == networks.ranking("val_loss") == expected
        assert sorted(networks.ranking("loss")) == [0, 1]


def test_a_network_that_goes_on_training():
    """fit_many may start from what build returns, trained already or not."""
    first = fit(1, epochs=3, seed=0)[0].state_dict()

    def build():
        model = dense()
        model.load_state_dict(first)
        return model

    again = fit(2, build, epochs=3, seed=7)
    model = build()
    model.fit(POINTS, SIGNS, epochs=3, seed=8, progress=False)
    assert np.array_equal(again[1][0].weight, model[0].weight)


def table(size):
    return nn.Sequential(nn.Embedding(size, 3), nn.Flatten(), nn.Dense(6, 1))


def test_a_failure_stops_one_network():
    X = RNG.integers(0, 4, (120, 2))
    with pytest.warns(fd.FitWarning, match=r"1 of 3 networks failed: setting 1 {'size': 3}: ") as caught:
        networks = fit([{"size": 4}, {"size": 3}, {"size": 5}], table, X, epochs=3, seed=0)
    assert caught[0].filename == __file__
    assert list(networks.errors) == [1] and isinstance(networks.errors[1], IndexError)
    assert [row["stopped"] for row in networks.table()] == ["epochs", "failed", "epochs"]
    assert sorted(networks.ranking()) == [0, 2]
    model = None
    fd.seed(2)
    model = table(5)
    model.fit(X, SIGNS, epochs=3, seed=2, progress=False)
    assert np.array_equal(model[0].weight, networks[2][0].weight)
    with pytest.raises(IndexError, match=r"setting 0 {'size': 3.*and so did all"):
        fit([{"size": 3}, {"size": 2}], table, X)


def test_what_is_not_finite_any_more_stops_alone():
    X, y = 1e3 * POINTS, (1e3 * POINTS).astype(np.float32)[:, :1]
    with pytest.warns(fd.FitWarning, match=r"setting 1 {'lr': 1e\+20}: not finite any more in epoch 0"):
        networks = fit([{"lr": 1e-9}, {"lr": 1e20}], lambda: nn.Dense(2, 1), X, y, optimizer="sgd", epochs=4, seed=0)
    assert [row["stopped"] for row in networks.table()] == ["epochs", "not finite"]
    assert [row["epochs"] for row in networks.table()] == [4, 0] and networks.ranking() == [0]
    fd.seed(1)
    model = nn.Dense(2, 1)
    with pytest.raises(FloatingPointError):
        model.fit(X, y, optimizer=optim.SGD(1e20), epochs=4, seed=1, progress=False)

    def bad():
        model = dense()
        model[0].bias[...] = np.nan
        return model

    with pytest.raises(ValueError, match="setting 0 {}: the parameters of the model hold NaN"):
        fit(1, bad)


def test_data_outside_of_memory_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", POINTS)
    for X in (tmp_path / "x.npy", np.load(tmp_path / "x.npy", mmap_mode="r")):
        with pytest.raises(TypeError, match=r"share an array in memory: pass np.array\(np.load\(path\)\)"):
            fit(1, X=X)
    with pytest.raises(TypeError, match="fit_many: y is a .*Path; many networks share an array in memory"):
        fd.fit_many(dense, 1, POINTS, tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", SIGNS)
    labels = np.load(tmp_path / "y.npy", mmap_mode="r")  # labels are made ready in memory in any case
    networks = fd.fit_many(dense, 1, POINTS, labels, epochs=1, seed=0)
    assert networks[0].history["loss"] == fd.fit_many(dense, 1, POINTS, SIGNS, epochs=1, seed=0)[0].history["loss"]


def interrupted(seconds, settings, **options):
    """(seconds until FitInterrupted, its result) of Ctrl-C after some seconds."""
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, press)
    timer.start()
    try:
        with pytest.raises(
            fd.FitInterrupted, match=f"of {len(settings)} networks; they are in the attribute"
        ) as caught:
            fit(settings, seed=0, **options)
        return time.perf_counter() - pressed[0], caught.value.result
    finally:
        timer.join()


def test_ctrl_c_keeps_what_is_finished():
    settings = [{"epochs": 10**6}, {"epochs": 5, "lr": 0.1}, {"epochs": 10**6}]
    handler = signal.getsignal(signal.SIGINT)
    best = 9.0
    for _ in range(3):  # a busy machine may be late once
        with fd.threads(1):  # so that the long ones are not all that runs
            seconds, networks = interrupted(0.4, settings)
        assert isinstance(networks.histories[0].last["loss"], float)
        assert networks.histories[0].stopped == "interrupted" and 0 < networks.histories[0].epochs < 10**6
        assert not np.array_equal(networks[0][0].weight, fit([{"seed": 0}], lr=1e-30)[0][0].weight)
        best = min(best, seconds)
        if best < 0.2:
            break
    assert best < 0.2
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_while_networks_are_judged():
    calls = []

    def slow(y, predicted):
        calls.append(1)
        if len(calls) == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    with pytest.raises(fd.FitInterrupted) as caught, fd.threads(1):
        fit(3, epochs=4, metrics=(slow,))
    histories = caught.value.result.histories
    assert sum(h.epochs for h in histories) == 6 and all(len(h["slow"]) == h.epochs for h in histories if h.epochs)
    assert all(len(column) == h.epochs for h in histories for column in h.values())


def test_a_small_network_takes_a_few_kilobytes():
    def build():
        return nn.Sequential(nn.Dense(2, 8), nn.Tanh(), nn.Dense(8, 1))

    X, y = np.tile(POINTS, (20, 1)), np.tile(SIGNS, 20)
    sizes = []
    fit(2, build, X, y)
    for count in (100, 1100):
        gc.collect()
        tracemalloc.start()
        networks = fit(count, build, X, y, seed=0)
        sizes.append(tracemalloc.get_traced_memory())
        tracemalloc.stop()
        del networks
    kept, most = [(b - a) / 1000 for a, b in zip(*sizes, strict=True)]
    assert kept < 6000 and most < 12_000  # 2.7 kB of them are the model


def test_ensemble_of_the_best():
    networks = fit(5, epochs=5, seed=0)
    chosen = sorted(networks.ranking()[:2])
    together = networks.ensemble(2)
    assert list(together) == [networks[i] for i in chosen] and len(networks.ensemble()) == 5
    with pytest.raises(ValueError, match="count is 6; expected 1 to 5"):
        networks.ensemble(6)
