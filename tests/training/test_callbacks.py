"""Callbacks: when they run and what they may do."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn, optim
from fastdl.training import Callback, EarlyStopping


def data():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((70, 3)).astype(np.float32)
    return x, (x.sum(axis=1) > 0).astype(int)


def model():
    fd.seed(0)
    return nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 1))


class Recorder(Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self, model):
        self.calls.append("begin")

    def on_epoch_end(self, model, epoch, numbers):
        self.calls.append((epoch, numbers["loss"], model.evaluate(*data())["loss"]))

    def on_train_end(self, model):
        self.calls.append("end")


def test_epoch_callbacks_see_the_current_model():
    recorder = Recorder()
    history = model().fit(*data(), epochs=3, seed=0, callbacks=recorder)
    assert recorder.calls[0] == "begin" and recorder.calls[-1] == "end"
    epochs = recorder.calls[1:-1]
    assert [e[0] for e in epochs] == [0, 1, 2]
    assert [e[1] for e in epochs] == history["loss"]
    assert len({e[2] for e in epochs}) == 3


def test_batch_callbacks_run_after_every_step_and_change_nothing():
    class Batches(Callback):
        def __init__(self):
            self.steps, self.weights = [], []

        def on_batch_end(self, model, step):
            self.steps.append(step)
            self.weights.append(model[0].weight.copy())

    seen = Batches()
    watched, alone = model(), model()
    watched.fit(*data(), epochs=2, batch_size=32, seed=0, callbacks=[seen])
    alone.fit(*data(), epochs=2, batch_size=32, seed=0)
    assert seen.steps == list(range(6))
    assert all(not np.array_equal(a, b) for a, b in zip(seen.weights, seen.weights[1:], strict=False))
    np.testing.assert_array_equal(watched[0].weight, alone[0].weight)


def test_a_function_stops_training():
    history = model().fit(*data(), epochs=50, callbacks=lambda model, epoch, numbers: epoch == 3)
    assert history.epochs == 4 and history.stopped == "callback"


def test_early_stopping_restores_the_best_epoch():
    x, y = data()
    stopper = EarlyStopping("val_loss", patience=3)
    net = model()
    rng = np.random.default_rng(1)
    history = net.fit(
        x[:30],
        rng.integers(0, 2, 30),
        validation_data=(x[30:], y[30:]),
        epochs=300,
        optimizer=optim.Adam(0.05),
        callbacks=[stopper],
        seed=0,
    )
    best = int(np.argmin(history["val_loss"]))
    assert stopper.best_epoch == best and history.epochs == best + 4
    assert net.evaluate(x[30:], y[30:])["loss"] == pytest.approx(history["val_loss"][best], rel=1e-6)


def test_early_stopping_names_what_it_could_watch():
    with pytest.raises(ValueError, match=r"monitor is 'val_loss'; training has loss \(give fit validation_data\)"):
        model().fit(*data(), callbacks=[EarlyStopping()])
    with pytest.raises(ValueError, match="patience is 0"):
        EarlyStopping(patience=0)


def test_an_error_in_a_callback_keeps_the_model():
    net = model()
    before = net[0].weight.copy()

    def fail(model, epoch, numbers):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        net.fit(*data(), epochs=2, callbacks=fail)
    assert not np.array_equal(before, net[0].weight)


def test_training_goes_on_from_what_callbacks_leave_in_the_model():
    class Change(Callback):
        def __init__(self, event):
            self.seen = []
            setattr(self, event, self.change)

        def change(self, model, *_):
            self.seen.append(model[0].weight.copy())
            model[0].weight[...] = 0
            return False

    class Batches(Change):
        def on_batch_end(self, model, step):
            self.change(model)

    still = {"optimizer": optim.SGD(0.0), "epochs": 3, "batch_size": 40, "seed": 0}
    for callback, calls in ((Change("on_epoch_end"), 3), (Change("on_train_begin"), 1), (Batches("change_"), 6)):
        net = model()
        net.fit(*data(), callbacks=callback, **still)
        assert len(callback.seen) == calls
        assert callback.seen[0].any() and not any(weight.any() for weight in callback.seen[1:])
        assert not net[0].weight.any()


def test_a_class_in_place_of_a_callback_is_named():
    with pytest.raises(TypeError, match=r"the class EarlyStopping; write EarlyStopping\(...\)"):
        model().fit(*data(), callbacks=[EarlyStopping])
