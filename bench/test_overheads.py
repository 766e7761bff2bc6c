"""What is not computing: an eager call, a compiled function, planning a model, a step of a tiny network."""

import numpy as np

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim


def test_eager_call(benchmark):
    x = np.ones(16, np.float32)
    benchmark(F.add, x, x)


def test_compiled_function(benchmark):
    f, x = fd.compile(lambda x: F.sum(F.multiply(x, x))), np.ones(16, np.float32)
    f(x)
    benchmark(f, x)


def test_value_and_grad(benchmark):
    f, x = fd.value_and_grad(lambda x: F.sum(F.multiply(x, x))), np.ones(16, np.float32)
    f(x)
    benchmark(f, x)


def test_a_thousand_steps_of_2_4_2_1(benchmark):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((10_000, 2)).astype(np.float32), rng.integers(0, 2, 10_000)
    model = nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 2), nn.Tanh(), nn.Dense(2, 1))
    benchmark(model.fit, X, y, optimizer=optim.SGD(0.05), epochs=1, batch_size=10, progress=False)


def test_predicting_one_row(benchmark):
    model = nn.Sequential(nn.Dense(30, 16), nn.ReLU(), nn.Dense(16, 2))
    x = np.ones((1, 30), np.float32)
    model.predict(x)
    benchmark(model.predict, x)
