"""What a training step and its planning cost. Slow tests: they need a machine that has nothing else to do."""

import time

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn, optim
from fastdl.training import losses
from fastdl.training.memory import Memory
from fastdl.training.sources import MemorySource
from fastdl.training.step import plan_step

pytestmark = pytest.mark.slow


def test_a_step_of_a_tiny_network_costs_under_1_5_us():
    """2-4-2-1 with tanh, batch 10, SGD: the slope over epochs inside fit, shuffling included."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    model = nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 2), nn.Tanh(), nn.Dense(2, 1))

    def seconds(epochs):
        start = time.perf_counter()
        model.fit(x, y, epochs=epochs, batch_size=10, optimizer=optim.SGD(0.05), seed=0)
        return time.perf_counter() - start

    seconds(1)
    slopes = [(seconds(220) - seconds(20)) / (200 * 200) * 1e6 for _ in range(7)]
    assert np.median(slopes) < 1.5, slopes


def test_planning_a_new_batch_size_takes_under_10_ms():
    rng = np.random.default_rng(0)
    x, y = rng.random((512, 1, 28, 28), np.float32), np.arange(512) % 10
    fd.seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Dense(32 * 49, 10),
    )
    optimizer = optim.Adam()
    loss = losses.get("cross_entropy")
    source = MemorySource({"x": x, "y": y}, 32, 0, (x, y))
    memory = Memory(model, source, loss, optimizer, seed=0, count=False)
    plan_step(model, memory, loss, optimizer, 32)
    times = []
    for batch in range(33, 44):
        start = time.perf_counter()
        plan_step(model, memory, loss, optimizer, batch)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 0.010, times
