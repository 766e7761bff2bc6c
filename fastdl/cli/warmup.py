"""`fastdl warmup`: every kernel compiled into the cache now, so that no later process waits for one.

Kernels are named by what runs them, so they are run: each op and its backward on small random arguments, and each
network of the command, in float32 and float64. Numba compiles one kernel at a time, so the steps are dealt out to as
many processes as there are cores; these share the cache and print a line for each step that is done.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._kernels import threads as pool
from .._kernels.loader import seconds_compiling
from ..benchmark.peak import Peak
from ..functional import add, astype, attention_backward, conv2d, conv2d_backward, cumsum
from ..functional.averages import moving_average
from ..functional.comparisons import CONVERTIBLE
from ..functional.narrow import Layer, narrow_step
from ..functional.norms import sum_of_squares
from ..many import fit_many
from ..nn import Dense
from ..ops import OPS, Op
from ..optim import linear_decay
from ..transforms import compile, vjp
from . import networks
from .doctor import cache_folder
from .errors import CommandError

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
_IDLE = 100  # so many random draws without a new kernel: all options of an op were reached
_TWICE = 10  # so many draws are differentiated twice
Step = tuple[str, Callable[[], Any]]


def run(options: argparse.Namespace) -> int:
    """Compile what is not in the cache; returns the exit code."""
    from tqdm import tqdm

    folder = cache_folder()
    if folder.remedy is not None:
        raise CommandError(f"{folder.value}; {folder.remedy}")
    if options.part is not None:
        return _part(*options.part)
    start = time.perf_counter()
    jobs = options.jobs or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    with tqdm(total=len(list(_steps())), desc="compiling", unit="step", disable=None, leave=False) as bar:
        _deal_out(jobs, bar.update)
    with pool.threads(2):  # what only several threads need; the processes have one each
        add(np.zeros(10**6, np.float32), np.zeros(10**6, np.float32))
    print(f"all kernels are ready: {time.perf_counter() - start:.1f} s on {jobs} core{'s' if jobs > 1 else ''}")
    print(f"cache  {cache_folder().value}")
    return 0


def _deal_out(jobs: int, done: Callable[[], Any]) -> None:
    """Run all steps in ``jobs`` processes; ``done`` is called for each step."""
    command = [sys.executable, "-m", "fastdl", "warmup", "--part"]
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1"}  # threads that wait would take the time of the others
    processes = [
        subprocess.Popen([*command, f"{i}/{jobs}"], stdout=subprocess.PIPE, text=True, env=environment)
        for i in range(jobs)
    ]

    def follow(process: subprocess.Popen[str]) -> None:
        for _ in process.stdout or ():
            done()

    readers = [threading.Thread(target=follow, args=(process,), daemon=True) for process in processes]
    try:
        for reader in readers:
            reader.start()
        codes = [process.wait() for process in processes]
    finally:
        for process in processes:
            process.kill()
    for reader in readers:
        reader.join()
    if any(codes):
        raise CommandError("not all kernels could be compiled; what was printed above says why")


def _part(index: int, jobs: int) -> int:
    """Every ``jobs``-th step, from ``index`` on, with a line for each."""
    for name, step in itertools.islice(_steps(), index, None, jobs):
        step()
        print(name, flush=True)
    return 0


def _steps() -> Iterator[Step]:
    for dtype in _DTYPES:
        for op in OPS.values():
            if op.draw is not None:
                yield op.name, _op(op, dtype)
        for model in ("logistic", "mlp", "cnn"):
            for outputs in (1, 3):
                yield model, _network(model, outputs, dtype)
        yield "long arrays", _long(dtype)
        yield "average", _average(dtype)
        yield "clipping", _clipping(dtype)
        yield "narrow networks", _narrow(dtype)
        yield "data", _data(dtype)
    yield "fit_many", _many
    yield "schedule", lambda: linear_decay(0.1, 2)(1)
    yield "astype", _conversions
    yield "copy", lambda: compile(lambda x: x)(np.zeros(3, np.float32))
    yield "groups", lambda: compile(lambda x: add(x, add(x, x)))(np.zeros(10_000, np.float32))


def _op(op: Op, dtype: np.dtype[Any]) -> Callable[[], None]:
    def step() -> None:
        assert op.draw is not None
        rng, draws, idle = np.random.default_rng(0), 0, 0
        while idle < _IDLE:
            before = seconds_compiling()
            args, options = op.draw(rng, dtype)
            y = op.forward(*args, **options)
            if op.backward is not None:
                grad = _ones(y if op.every_result or not isinstance(y, tuple) else y[0])
                op.backward(grad, *args, **options)
                if draws < _TWICE and not isinstance(grad, tuple):
                    _differentiate_backward(op, grad, list(args), options)
            draws, idle = draws + 1, idle + 1 if seconds_compiling() == before else 0

    return step


def _ones(result: Any) -> Any:
    """A gradient of a result, or of each of several."""
    return tuple(_ones(y) for y in result) if isinstance(result, tuple) else np.ones_like(result)


def _differentiate_backward(op: Op, grad: Any, args: list[Any], options: dict[str, Any]) -> None:
    """The gradients of the gradients, which have kernels of their own."""
    floats = [i for i, value in enumerate(args) if isinstance(value, np.ndarray) and value.dtype == grad.dtype]

    def backward(grad: Any, *arrays: Any) -> list[Any]:
        assert op.backward is not None
        given = list(args)
        for i, array in zip(floats, arrays, strict=True):
            given[i] = array
        return [gradient for gradient in op.backward(grad, *given, **options) if gradient is not None]

    results, pullback = vjp(backward, grad, *(args[i] for i in floats))
    pullback([np.ones_like(result) for result in results])


def _long(dtype: np.dtype[Any]) -> Callable[[], None]:
    """What small arguments do not reach: sums over pieces of a line, many keys, many channels, the machine's peak."""

    def step() -> None:
        cumsum(np.ones(10**6, dtype))
        x = np.ones((1, 600, 8), dtype)
        attention_backward(x, x, x, x)
        images, weight = np.ones((4, 64, 28, 28), dtype), np.ones((64, 64, 3, 3), dtype)
        conv2d_backward(conv2d(images, weight, padding=1), images, weight, padding=1)
        Peak(dtype.name).measure()

    return step


def _average(dtype: np.dtype[Any]) -> Callable[[], Any]:
    p = np.ones(3, dtype)
    return lambda: moving_average(p, p, np.array(1), decay=0.5)


def _clipping(dtype: np.dtype[Any]) -> Callable[[], Any]:
    return lambda: sum_of_squares(np.ones(10_000, dtype))


def _many() -> None:
    """The kernel that trains networks side by side."""
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(8, 1)
    fit_many(lambda: Dense(1, 1), 2, x, x, epochs=1, progress=False)


def _narrow(dtype: np.dtype[Any]) -> Callable[[], None]:
    """A training step of networks so small that one launch does it, with inputs and targets that are converted."""

    def step() -> None:
        layer = Layer(inputs=2, outputs=1, weight=1, bias=0, activation="tanh", options=())
        order, position, parameters = np.arange(4), np.array(0), np.ones(3, dtype)
        for source in (*CONVERTIBLE, np.int8):
            x, y = np.ones((4, 2), source), np.ones((4, 1), dtype)
            narrow_step(x, y, None, order, position, parameters, batch=4, layers=(layer,), loss="mse_loss")

    return step


def _data(dtype: np.dtype[Any]) -> Callable[[], None]:
    """Samples, labels and targets of other types than the model's, a sparse matrix, several batches an update."""

    def step() -> None:
        from scipy import sparse

        labels = np.arange(8) % 3
        values = np.ones((8, 3), np.float64 if dtype == np.float32 else np.float32)
        network = networks.build(networks.Settings("mlp", (4,), "relu", "sgd", 0.1, 1, 8, None), (3,), 3).astype(dtype)
        for x in (np.ones((8, 3), source) for source in (np.uint8, np.float32, np.float64)):
            for given, y in ((x, labels), (sparse.csr_array(x), labels), (x, values)):
                network.fit(given, y, epochs=1, progress=False)
        network.fit(x, labels, epochs=1, batch_size=2, accumulate=2, progress=False)

    return step


def _conversions() -> None:
    for source in CONVERTIBLE:
        for target in CONVERTIBLE:
            astype(np.ones(3, source), target)


def _network(model: str, outputs: int, dtype: np.dtype[Any]) -> Callable[[], None]:
    """One output: two classes, and a regression. The sizes are such that sums are cut into parts, and that the last
    batch is a smaller one. Optimisers and activations are ops, whose turn has come before."""

    def step() -> None:
        shape, rows, batch = ((1, 28, 28), 40, 32) if model == "cnn" else ((5,), 20_000, 15_000)
        x = np.random.default_rng(0).standard_normal((rows, *shape)).astype(dtype)
        labels = np.arange(rows) % max(2, outputs)
        for y in (labels, labels.astype(dtype)) if outputs == 1 else (labels,):
            settings = networks.Settings(
                model, () if model == "logistic" else (4,), "relu", "adam", 0.001, 1, batch, None
            )
            network = networks.build(settings, shape, outputs).astype(dtype)
            metrics = ("accuracy",) if y is labels else ("r2",)
            network.fit(x, y, epochs=1, batch_size=batch, metrics=metrics, progress=False)
            network.evaluate(x, y)

    return step
