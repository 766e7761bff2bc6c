"""Checkpoints: training goes on to the same bits from any place, and a file is there whole or as it was."""

import json
import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import safetensors

import fastdl as fd
from fastdl import nn, optim
from fastdl.training import Callback, Checkpoint, EarlyStopping

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((50, 6)).astype(np.float32), rng.integers(0, 3, 50)
SETTINGS = {"epochs": 4, "batch_size": 16, "metrics": ("accuracy",), "validation_data": (X[:20], Y[:20])}
OPTIMIZERS = {
    "adam": lambda: optim.Adam(optim.warmup(optim.cosine_decay(0.02, 14), 3)),
    "momentum": lambda: optim.SGD(0.05, momentum=0.9, nesterov=True, clip_norm=1.0),
    "rmsprop": lambda: optim.RMSprop(0.01, momentum=0.5, centered=True),
}


def network():
    fd.seed(1)
    return nn.Sequential(
        nn.Dense(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Dense(16, 8), nn.Tanh(), nn.Dense(8, 3)
    )


class Stop(Callback):
    """Ctrl-C after the step number ``at``."""

    def __init__(self, at=None):
        self.at, self.steps = at, []

    def on_batch_end(self, model, step):
        self.steps.append(step)
        if step == self.at:
            raise KeyboardInterrupt


def state(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


def test_an_interruption_says_how_to_go_on(tmp_path):
    path, option = tmp_path / "run.ckpt", r"; go on with resume='.*run\.ckpt'"
    with pytest.raises(KeyboardInterrupt, match="what it learned" + option):
        network().fit(X, Y, callbacks=Stop(5), checkpoint=path, **SETTINGS)
    with pytest.raises(KeyboardInterrupt, match="what it learned$"):
        network().fit(X, Y, callbacks=Stop(5), **SETTINGS)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed_after_any_step_training_ends_with_the_same_bits(name, threads, tmp_path):
    path = tmp_path / "run.ckpt"
    with fd.threads(threads):
        whole = network()
        history = whole.fit(X, Y, optimizer=OPTIMIZERS[name](), seed=5, callbacks=Stop(), **SETTINGS)
        for at in range(0, 16, 1 if threads == 1 else 3):
            model = network()
            with pytest.raises(KeyboardInterrupt):
                model.fit(X, Y, optimizer=OPTIMIZERS[name](), seed=5, callbacks=Stop(at), checkpoint=path, **SETTINGS)
            model, stop = network(), Stop()
            model[0].weight[...] = 0  # what the model had gives way to the file's
            again = model.fit(X, Y, optimizer=OPTIMIZERS[name](), callbacks=stop, resume=path, **SETTINGS)
            assert state(model) == state(whole)
            assert dict(again) == dict(history) and stop.steps == list(range(at + 1, 16))


def test_resumed_after_each_epoch_and_again(tmp_path):
    whole = network()
    whole.fit(X, Y, seed=2, epochs=5, batch_size=16)
    path = tmp_path / "run.ckpt"
    for epochs in range(1, 6):
        model = network()
        resume = path if os.path.exists(path) else None
        history = model.fit(X, Y, seed=2, epochs=epochs, batch_size=16, checkpoint=path, resume=resume)
        assert history.epochs == epochs
    assert state(model) == state(whole)
    assert network().fit(X, Y, epochs=5, batch_size=16, resume=path).epochs == 5  # nothing is left to do


def test_a_checkpoint_is_a_model_file(tmp_path):
    path = tmp_path / "run.ckpt"
    model = network()
    model.fit(X, Y + 4, seed=2, epochs=2, checkpoint=path, loss="cross_entropy")
    loaded = fd.load(path)
    assert state(loaded) == state(model) and loaded.classes == [4, 5, 6]
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert set(fd.load_state_dict(path)) == set(model.state_dict())
    assert state(fd.load(path, network())) == state(model)


def test_one_file_for_each_epoch_and_the_newest_kept(tmp_path):
    network().fit(X, Y, epochs=7, checkpoint=Checkpoint(tmp_path / "run-{epoch}.ckpt", every_epochs=2, keep=3))
    assert sorted(os.listdir(tmp_path)) == ["run-4.ckpt", "run-6.ckpt", "run-7.ckpt"]
    with safetensors.safe_open(tmp_path / "run-6.ckpt", "numpy") as file:
        assert json.loads(file.metadata()["fastdl_training"])["epoch"] == 6


def test_by_minutes_also_within_an_epoch(tmp_path):
    """So short a time has passed after each chunk of steps, and one of the files was written within the epoch."""
    seen = []

    class Watch(Callback):
        def on_batch_end(self, model, step):
            if os.path.exists(tmp_path / "run.ckpt"):
                with safetensors.safe_open(tmp_path / "run.ckpt", "numpy") as file:
                    about = json.loads(file.metadata()["fastdl_training"])
                seen.append((about["epoch"], about["samples"], about["steps"]))

    checkpoint = Checkpoint(tmp_path / "run.ckpt", every_epochs=None, every_minutes=1e-9)
    network().fit(X, Y, epochs=2, batch_size=16, callbacks=Watch(), checkpoint=checkpoint)
    assert seen == [(0, 16, 1), (0, 32, 2), (0, 48, 3), (1, 0, 4), (1, 16, 5), (1, 32, 6), (1, 48, 7)]


def test_what_early_stopping_remembers_is_kept(tmp_path):
    def fit(model, epochs, **options):
        stopping = EarlyStopping("val_accuracy", patience=3)
        data = {"validation_data": (X[:20], Y[:20]), "optimizer": optim.Adam(0.01), "callbacks": [stopping]}
        return model.fit(X, Y, seed=1, epochs=epochs, **data, **options), stopping

    whole, path = network(), tmp_path / "run.ckpt"
    history, stopping = fit(whole, 50)
    assert history.stopped == "callback" and history.epochs > 4
    for cut in (1, history.epochs - 2, history.epochs):
        fit(network(), cut, checkpoint=path)
        model = network()
        again, other = fit(model, 50, resume=path)
        assert state(model) == state(whole) and dict(again) == dict(history) and again.stopped == "callback"
        assert (other.best, other.best_epoch) == (stopping.best, stopping.best_epoch)


def test_another_call_is_refused_and_the_difference_named(tmp_path):
    path = tmp_path / "run.ckpt"
    network().fit(X, Y, epochs=2, seed=3, checkpoint=path, batch_size=16)

    def refused(match, model=None, x=X, y=Y, **options):
        with pytest.raises(ValueError, match=match):
            (model or network()).fit(x, y, resume=path, **{"epochs": 3, "batch_size": 16, **options})

    refused("batch_size was 16 and is 8", batch_size=8)
    refused(r"optimizer was Adam\(lr=0.001, .*\) and is SGD", optimizer="sgd")
    refused("loss was cross_entropy and is .*fourth_power", loss=fourth_power)
    refused("the seed was 3 and is 4", seed=4)
    refused("number of samples was 50 and is 49", x=X[:49], y=Y[:49])
    refused("the data are others", x=X + 1)
    refused("the data are others", y=Y[::-1])
    refused("shuffle was True and is False", shuffle=False)
    refused(r"the model is another: .*Dropout\(p=0.3\) was in the place of .*p=0.4", drop(0.4))
    refused(r"\(0\): Dense\(6, 16\) was in the place of .*dtype='float64'", network().astype(np.float64))
    refused(r"callbacks was \[\] and is \['EarlyStopping'\]", callbacks=[EarlyStopping("loss")])
    refused("has 2 epochs behind it, and epochs is 1", epochs=1)


def test_weights_and_classes_of_files_are_the_same_as_well(tmp_path):
    paths = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(paths[0], X)
    np.save(paths[1], Y)
    options = {"seed": 3, "chunk_bytes": 200, "batch_size": 8}
    weighed = {**options, "class_weight": {0: 1.0, 1: 2.0}, "classes": [0, 1, 2]}
    path = tmp_path / "run.ckpt"
    network().fit(*paths, epochs=1, checkpoint=path, **weighed)
    for change, match in (
        ({"class_weight": {0: 1.0, 1: 3.0}}, "class_weight was .* and is"),
        ({"class_weight": None}, "class_weight was .* and is absent"),
        ({"classes": [2, 1, 0]}, r"classes was \['0', '1', '2'\] and is \['2', '1', '0'\]"),
    ):
        with pytest.raises(ValueError, match=match):
            network().fit(*paths, epochs=2, resume=path, **{**weighed, **change})
    assert network().fit(*paths, epochs=2, resume=path, **weighed).epochs == 2


def test_numbers_of_numpy_are_numbers(tmp_path):
    path = tmp_path / "run.ckpt"
    options = {"batch_size": np.int64(8), "accumulate": np.int64(2), "label_smoothing": np.float32(0.125)}
    network().fit(X, Y, epochs=1, seed=0, checkpoint=path, l2=np.float32(0.5), chunk_bytes=np.int64(500), **options)
    plain = {"batch_size": 8, "accumulate": 2, "label_smoothing": 0.125, "l2": 0.5, "chunk_bytes": 500}
    assert network().fit(X, Y, epochs=2, resume=path, **plain).epochs == 2


class Remembers(Callback):
    def __init__(self, what):
        self.what = what

    def state_dict(self):
        return {"it": self.what}

    def load_state_dict(self, state):
        self.what = state["it"]


def test_what_cannot_be_kept_is_refused_before_the_first_step(tmp_path):
    def steps(error, match, path, *callbacks):
        counting = Stop()
        with pytest.raises(error, match=match):
            network().fit(X, Y, epochs=1, checkpoint=path, callbacks=[counting, *callbacks])
        return len(counting.steps)

    assert steps(ValueError, "no/run.ckpt: cannot be written .no such folder.", tmp_path / "no" / "run.ckpt") == 0
    assert steps(ValueError, "is not a file", tmp_path) == 0
    assert steps(TypeError, "Remembers has 'it', which cannot be kept", tmp_path / "c", Remembers({1, 2})) == 0
    with pytest.raises(TypeError, match="the classes are bytes, which a file cannot name"):
        network().fit(
            X, np.array([b"a", b"b", b"c"])[Y], epochs=1, checkpoint=tmp_path / "b", callbacks=lambda *_: 1 / 0
        )
    network().fit(X, Y, epochs=1, checkpoint=tmp_path / "c", callbacks=Remembers(np.float32(0.5)))
    other = Remembers(None)
    network().fit(X, Y, epochs=2, resume=tmp_path / "c", callbacks=other)
    assert other.what == 0.5


def fourth_power(outputs, target):
    return np.mean(outputs**4)


def drop(p):
    model = network()
    model[3].p = p
    return model


def test_files_that_are_no_checkpoints(tmp_path):
    path = tmp_path / "model.safetensors"
    fd.save(network(), path)
    for wrong, message in ((path, "is no checkpoint"), (tmp_path / "none", "no such file")):
        with pytest.raises(fd.ModelFileError, match=message):
            network().fit(X, Y, resume=wrong)
    with pytest.raises(TypeError, match="resume is a int"):
        network().fit(X, Y, resume=3)
    with pytest.raises(TypeError, match="checkpoint is a int"):
        network().fit(X, Y, checkpoint=3)
    with pytest.raises(ValueError, match="put {epoch} into it"):
        Checkpoint(path, keep=2)


TRAIN = """
    import os, sys, numpy as np, fastdl as fd
    from fastdl import nn
    from fastdl.training import Checkpoint
    path, epochs = sys.argv[1], int(sys.argv[2])
    fd.seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 16)).astype(np.float32); y = rng.integers(0, 4, 400)
    model = nn.Sequential(nn.Dense(16, 128), nn.ReLU(), nn.Dropout(0.2), nn.Dense(128, 4))
    print("ready", flush=True)
    model.fit(x, y, epochs=epochs, batch_size=32, seed=1, checkpoint=Checkpoint(path, every_minutes=1e-5),
              resume=path if os.path.exists(path) else None)
"""


def test_killed_at_any_moment_the_last_checkpoint_is_readable(tmp_path):
    """A process is killed again and again, and each one goes on where the last one was; the bits are those of one."""
    path, whole = tmp_path / "run.ckpt", tmp_path / "whole.ckpt"
    script, epochs = textwrap.dedent(TRAIN), "60"
    moments, places = np.random.default_rng(3), []
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", script, path, "1000000"], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        while not os.path.exists(path):  # the first process may have kernels to compile
            assert process.poll() is None
            time.sleep(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0.02, 0.4))
        process.kill()
        process.wait()
        process.stdout.close()
        assert fd.load(path)[0].weight.shape == (128, 16)
        with safetensors.safe_open(path, "numpy") as file:
            places.append(json.loads(file.metadata()["fastdl_training"])["epoch"])
    assert places == sorted(places)
    epochs = str(places[-1] + 2)
    for target in (path, whole):
        subprocess.run([sys.executable, "-c", script, target, epochs], check=True, stdout=subprocess.DEVNULL)
    assert state(fd.load(path)) == state(fd.load(whole))
