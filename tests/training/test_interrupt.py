"""Ctrl-C: seen within 0.2 s, the model keeps what it learned, and somebody's own handler stays in charge."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn


def run(script, delay_after="ready", timeout=120):
    """Start a script, send SIGINT some time after it printed ``delay_after``; returns (seconds until exit, output)."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout:
            if line.strip() == delay_after:
                break
        time.sleep(0.5)
        start = time.perf_counter()
        process.send_signal(signal.SIGINT)
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
        process.wait()
    return seconds, line + out, err


TRAIN = """
    import numpy as np, fastdl as fd
    from fastdl import nn
    fd.seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20000, 64)).astype(np.float32); y = rng.integers(0, 10, 20000)
    model = nn.Sequential(nn.Dense(64, 256), nn.ReLU(), nn.Dense(256, 10))
    model.fit(x[:64], y[:64], epochs=1)
    before = model[0].weight.copy()
    ready = lambda model, epoch, numbers: print("ready", flush=True) if epoch == 0 else None
    try:
        model.fit(x, y, epochs=100000, callbacks=ready)
    except KeyboardInterrupt as stop:
        changed = not np.array_equal(before, model[0].weight)
        print("stopped", changed, np.isfinite(model[0].weight).all(), model.history.stopped, flush=True)
"""


def test_ctrl_c_within_200_ms_keeps_the_model():
    best = 9.0
    for _ in range(3):  # a busy machine may be late once
        seconds, out, err = run(TRAIN)
        assert out.startswith("stopped True True interrupted"), err
        best = min(best, seconds)
        if best < 0.2:
            break
    assert best < 0.2


def test_own_handler_stays_in_charge():
    hits = []
    previous = signal.signal(signal.SIGINT, lambda *_: hits.append(1))
    try:
        x = np.zeros((64, 2), np.float32)
        net = nn.Sequential(nn.Dense(2, 1))

        def press(model, epoch, numbers):
            os.kill(os.getpid(), signal.SIGINT)

        history = net.fit(x, np.arange(64) % 2, epochs=3, callbacks=press)
        assert len(hits) == 3 and history.epochs == 3
    finally:
        signal.signal(signal.SIGINT, previous)


def test_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    nn.Sequential(nn.Dense(2, 1)).fit(np.zeros((8, 2), np.float32), np.arange(8) % 2, epochs=1)
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupt_during_an_epoch_callback():
    net = nn.Sequential(nn.Dense(2, 1))

    def press(model, epoch, numbers):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="stopped after 2 epochs"):
        net.fit(np.zeros((8, 2), np.float32), np.arange(8) % 2, epochs=50, callbacks=press)
    assert net.history.stopped == "interrupted" and net.history.epochs == 2


def test_eight_threads_train_at_once(at_once):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 5)).astype(np.float32), np.arange(300) % 3

    def train():
        fd.init.seed(0)
        net = nn.Sequential(nn.Dense(5, 30), nn.ReLU(), nn.Dense(30, 3))
        for i, array in enumerate((net[0].weight, net[0].bias, net[2].weight, net[2].bias)):
            array[...] = np.random.default_rng(i).standard_normal(array.shape) * 0.1
        net.fit(x, y, epochs=5, batch_size=16, seed=0)
        return net[0].weight.copy()

    alone = train()
    results = [None] * 8

    def work(i):
        results[i] = train()

    at_once(work, 8)
    assert all(np.array_equal(alone, result) for result in results)


def press_after(seconds):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def stopped_after(net, *arguments, **options):
    """Seconds from Ctrl-C, pressed after 0.5 s, until fit ends."""
    press_after(0.5)
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt, match="training stopped"):
        net.fit(*arguments, **options)
    assert net.history.stopped == "interrupted"
    return time.perf_counter() - start - 0.5


def test_interrupt_during_validation():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((100_000, 64)).astype(np.float32), np.zeros(100_000, int)
    net = nn.Sequential(nn.Dense(64, 512), nn.ReLU(), nn.Dense(512, 512), nn.ReLU(), nn.Dense(512, 1))
    net.fit(x[:64], y[:64], epochs=1, validation_data=(x[:300], y[:300]))
    seconds = [
        stopped_after(net, x[:64], y[:64], epochs=100, validation_data=(np.tile(x, (8, 1)), np.tile(y, 8)))
        for _ in range(2)
    ]
    assert min(seconds) < 0.2


def test_interrupt_of_a_slow_callback():
    net = nn.Sequential(nn.Dense(2, 1))
    seconds = stopped_after(
        net, np.zeros((8, 2), np.float32), np.arange(8) % 2, epochs=2, callbacks=lambda *_: time.sleep(5)
    )
    assert seconds < 2 and net.history.epochs == 1


@pytest.mark.parametrize("raises", [False, True])
def test_interrupt_in_the_callback_that_ends_training_is_not_lost(raises):
    def press(model, epoch, numbers):
        if raises:
            raise KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGINT)
        return True

    net = nn.Sequential(nn.Dense(2, 1))
    before = net[0].weight.copy()
    with pytest.raises(KeyboardInterrupt, match="stopped after 1 epochs"):
        net.fit(np.ones((8, 2), np.float32), np.arange(8) % 2, epochs=2, callbacks=press)
    assert net.history.stopped == "interrupted" and not np.array_equal(before, net[0].weight)


CHUNKS = """
    import os, tempfile, threading, time, numpy as np, fastdl as fd
    from fastdl import nn
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20000, 64)).astype(np.float32); y = rng.integers(0, 10, 20000)
    folder = tempfile.mkdtemp(); path = os.path.join(folder, "x.npy")
    np.save(path, x)
    def slow():
        while True:
            print("ready", flush=True)
            time.sleep(0.1)
            yield x[:32], y[:32]
    given = (path, y) if "chunks" == {source!r} else (slow,)
    ready = lambda model, epoch, numbers: print("ready", flush=True) if epoch == 0 else None
    model = nn.Sequential(nn.Dense(64, 256), nn.ReLU(), nn.Dense(256, 10))
    try:
        model.fit(*given, epochs=100000, chunk_bytes=300000, callbacks=ready)
    except KeyboardInterrupt as stop:
        alive = [thread.name for thread in threading.enumerate() if thread.name == "fastdl reader"]
        print("stopped", alive, model.history.stopped, flush=True)
    os.remove(path); os.rmdir(folder)
"""


@pytest.mark.parametrize("source", ["chunks", "iterator"])
def test_ctrl_c_while_data_are_read_ahead_leaves_no_thread(source):
    _, out, err = run(CHUNKS.format(source=source))
    assert "stopped [] interrupted" in out, err
