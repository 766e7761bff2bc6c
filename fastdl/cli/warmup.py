"""`fastdl warmup`: every kernel compiled into the cache now, so that no later process waits for one.

Kernels are named by what runs them, so they are run: each op and its backward on small random arguments, and each
network of the command, in float32 and float64.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._kernels.loader import seconds_compiling
from ..functional import astype
from ..functional.comparisons import CONVERTIBLE
from ..ops import OPS, Op
from ..transforms import compile, vjp
from . import networks
from .doctor import cache_folder
from .errors import CommandError

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
_IDLE = 100  # so many random draws without a new kernel: all options of an op were reached
_TWICE = 10  # so many draws are differentiated twice
Step = tuple[str, Callable[[], None]]


def run(options: argparse.Namespace) -> int:
    """Compile what is not in the cache; returns the exit code."""
    from tqdm import tqdm

    folder = cache_folder()
    if folder.remedy is not None:
        raise CommandError(f"{folder.value}; {folder.remedy}")
    start = time.perf_counter()
    steps = list(_steps())
    with tqdm(steps, desc="compiling", unit="step", disable=None, leave=False) as bar:
        for name, step in bar:
            bar.set_postfix_str(name)
            step()
    seconds = time.perf_counter() - start
    print(f"all kernels are ready: compiled in {seconds_compiling():.1f} s, {seconds:.1f} s in all")
    print(f"cache  {cache_folder().value}")
    return 0


def _steps() -> Iterator[Step]:
    for dtype in _DTYPES:
        for op in OPS.values():
            if op.draw is not None:
                yield op.name, _op(op, dtype)
        for model in ("logistic", "mlp", "cnn"):
            for outputs in (1, 3):
                yield model, _network(model, outputs, dtype)
    yield "astype", _conversions
    yield "copy", lambda: compile(lambda x: x)(np.zeros(3, np.float32))


def _op(op: Op, dtype: np.dtype[Any]) -> Callable[[], None]:
    def step() -> None:
        assert op.draw is not None
        rng, draws, idle = np.random.default_rng(0), 0, 0
        while idle < _IDLE:
            before = seconds_compiling()
            args, options = op.draw(rng, dtype)
            y = op.forward(*args, **options)
            if op.backward is not None and not isinstance(y, tuple):
                op.backward(np.ones_like(y), *args, **options)
                if draws < _TWICE:
                    _differentiate_backward(op, np.ones_like(y), list(args), options)
            draws, idle = draws + 1, idle + 1 if seconds_compiling() == before else 0

    return step


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
