"""Many epochs in one compiled call: the same numbers as with a look at each step, and nothing comes late."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim, storage
from fastdl.training import Callback, Checkpoint, DivergenceWarning
from fastdl.training import pace as pacing
from fastdl.training.steps import MOST_EPOCHS, Steps

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((50, 6)).astype(np.float32), rng.integers(0, 3, 50)
ONE, NONE = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)


def network():
    fd.seed(1)
    return nn.Sequential(nn.Dense(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Dense(8, 3))


def state(model):
    return {name: a.tobytes() for name, a in model.state_dict().items()}


class EachStep(Callback):
    def on_batch_end(self, model, step):
        pass


class EachEpoch(Callback):
    pass


def fitted(*arguments, **options):
    model = network()
    model.fit(*arguments, seed=3, optimizer=optim.Adam(optim.cosine_decay(0.02, 60)), **options)
    return dict(model.history), state(model)


@pytest.fixture
def calls(monkeypatch):
    """How many epochs each compiled call went beyond the end of."""
    seen = []
    piece = Steps._piece

    def counted(*arguments):
        for steps, totals in piece(*arguments):
            seen.append(len(totals))
            yield steps, totals

    monkeypatch.setattr(Steps, "_piece", counted)
    return seen


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [16, 25, 100, None])
def test_the_bits_do_not_depend_on_how_many_epochs_run_at_once(shuffle, batch_size, calls, monkeypatch):
    options = {"epochs": 30, "batch_size": batch_size, "shuffle": shuffle, "metrics": ("accuracy",)}
    at_once = fitted(X, Y, **options)
    assert max(calls) > 20 and len(at_once[0]["loss"]) == 30
    for callback in (EachStep(), EachEpoch()):
        calls.clear()
        assert fitted(X, Y, callbacks=callback, **options) == at_once
        assert max(calls) == 0
    for steps in (1, 2, 3, 7, 13):  # a call ends anywhere in an epoch, also at its end
        monkeypatch.setattr(pacing.Pace, "next", lambda self, waiting, steps=steps: (True, min(waiting, steps)))
        assert fitted(X, Y, **options) == at_once


def test_targets_that_do_not_count():
    labels = np.where(np.arange(50) % 3 == 1, -1, Y)
    options = {"epochs": 12, "batch_size": 16, "metrics": ("accuracy",), "ignore_index": -1}
    at_once = fitted(X, labels, **options)
    assert fitted(X, labels, callbacks=EachEpoch(), **options) == at_once


def test_more_epochs_than_a_call_has_room_for():
    epochs = 2 * MOST_EPOCHS + 5
    at_once = fitted(X[:4], Y[:4], epochs=epochs, batch_size=2)
    assert fitted(X[:4], Y[:4], epochs=epochs, batch_size=2, callbacks=EachEpoch()) == at_once
    assert len(at_once[0]["loss"]) == epochs


def test_files_and_streams_end_each_epoch_by_themselves(tmp_path, calls):
    np.save(tmp_path / "x.npy", X)
    for given in ((tmp_path / "x.npy", Y), (lambda: iter([(X[:30], Y[:30]), (X[30:], Y[30:])]),)):
        options = {"epochs": 5, "chunk_bytes": 500} if len(given) == 2 else {"epochs": 5}
        at_once = fitted(*given, metrics=("accuracy",), **options)
        assert fitted(*given, metrics=("accuracy",), callbacks=EachStep(), **options) == at_once
        assert max(calls) == 0 and len(at_once[0]["loss"]) == 5


def test_checkpoints_and_statistics_are_due_after_their_epochs(tmp_path, calls):
    checkpoint = Checkpoint(tmp_path / "run-{epoch}.ckpt", every_epochs=6)
    options = {"epochs": 21, "batch_size": 16, "seed": 3}
    model, whole = network(), network()
    model.fit(X, Y, checkpoint=checkpoint, statistics=4, **options)
    assert sorted(int(p.stem[4:]) for p in tmp_path.iterdir()) == [6, 12, 18, 21] and max(calls) > 1
    assert [taken.epoch for taken in model.history.statistics] == [3, 7, 11, 15, 19]
    whole.fit(X, Y, **options)
    assert state(whole) == state(model) and dict(whole.history) == dict(model.history)
    for epoch in (6, 18):
        again = network()
        again.fit(X, Y, resume=tmp_path / f"run-{epoch}.ckpt", checkpoint=checkpoint, statistics=4, **options)
        assert state(again) == state(whole) and dict(again.history) == dict(whole.history)
        assert [taken.epoch for taken in again.history.statistics] == [3, 7, 11, 15, 19]


def test_checkpoints_by_the_clock_are_written_while_epochs_run_together(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(pacing, "CHUNK_SECONDS", 1e-3)
    options = {"epochs": 3000, "batch_size": 16, "seed": 3}
    files, write = [], storage.write

    def keep(path, *rest):
        write(path, *rest)
        files.append(tmp_path / f"copy {len(files)}")
        files[-1].write_bytes((tmp_path / "c").read_bytes())

    monkeypatch.setattr(storage, "write", keep)
    whole = network()
    whole.fit(X, Y, checkpoint=Checkpoint(tmp_path / "c", every_epochs=None, every_minutes=1e-4), **options)
    assert len(files) > 2 and max(calls) > 1
    again = network()
    again.fit(X, Y, resume=files[len(files) // 2], **options)
    assert state(again) == state(whole) and dict(again.history) == dict(whole.history)


def test_ctrl_c_while_epochs_run_together(tmp_path):
    model, whole, path = network(), network(), tmp_path / "c"
    options = {"batch_size": 16, "seed": 3}
    model.fit(X, Y, epochs=1, batch_size=16)
    waited = []
    for _ in range(3):  # a busy machine may be late once
        model = network()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        start = time.perf_counter()
        with pytest.raises(KeyboardInterrupt, match="go on with resume"):
            model.fit(X, Y, epochs=10**7, checkpoint=Checkpoint(path, every_epochs=None), **options)
        waited.append(time.perf_counter() - start - 0.3)
        if waited[-1] < 0.1:
            break
    assert min(waited) < 0.1
    epochs = model.history.epochs
    assert epochs > 100 and model.history.stopped == "interrupted"
    again = network()
    again.fit(X, Y, epochs=epochs + 3, resume=path, **options)
    whole.fit(X, Y, epochs=epochs + 3, **options)
    assert state(again) == state(whole) and dict(again.history) == dict(whole.history)


def test_a_loss_that_was_infinite_in_one_epoch_only(calls):
    """w = 1, -1e20, 0, 0, ...: the loss w^2 is infinite in the epoch 21 alone, and all parameters are finite."""
    model = nn.Dense(1, 1, bias=False)
    model.weight[...] = 1
    rates = optim.piecewise_constant({0: 0.0, 20: 5e19, 21: 0.5})
    with pytest.raises(FloatingPointError, match=r"after step 21 of epoch 21 .* whose loss is inf"):
        model.fit(ONE, NONE, epochs=60, batch_size=None, optimizer=optim.SGD(rates))
    assert calls[1] > 30  # before it was gone over again
    assert model.history["loss"] == [1.0] * 21 and model.weight[0, 0] < -9e19


def test_divergence_is_warned_of_at_its_epoch(calls):
    model = nn.Dense(1, 1, bias=False)
    model.weight[...] = 1
    rates = optim.piecewise_constant({0: 0.0, 20: 4.5, 21: 0.0})
    with pytest.warns(DivergenceWarning, match="is 64 in epoch 22;") as warned:
        model.fit(ONE, NONE, epochs=60, batch_size=None, optimizer=optim.SGD(rates))
    assert max(calls) > 30 and len(warned) == 1 and warned[0].filename == __file__


class Rising(nn.Module):
    """A number that rises by 1 in each step, until it chooses a row that a table does not have."""

    def __init__(self):
        self.number = nn.Dense(1, 1, bias=False)
        self.number.weight[...] = -80

    def __call__(self, x):
        number = self.number(x)
        row = F.argmax(F.concatenate([F.subtract(number, number), number], axis=1), axis=1)
        return F.add(number, F.embedding(row, NONE))


def test_what_a_kernel_reports_comes_after_the_epochs_before_it(calls):
    model = Rising()
    with pytest.raises(IndexError):
        model.fit(ONE, NONE, epochs=200, batch_size=1, loss=lambda o, y: -np.mean(o), optimizer=optim.SGD(1.0))
    assert max(calls) > 30 and model.history.epochs == 81
