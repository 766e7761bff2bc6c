"""``fd.explain``: what a call would run, how much there is to do, and what this machine needs for it at least.

The function is recorded, not computed, and each primitive lowered as an eager call lowers it, by a lowering that keeps
what it is told. Limits are measured when they are first asked for: the peak of arithmetic as in the benchmark, the
memory's speed by copying as many bytes as the call has to move.
"""

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._kernels import Argument, Buffer, Kernel, ProgramBuilder, address_of, threads
from .benchmark.peak import Peak
from .functional._counts import operations
from .graph import Graph, Node, Tensor
from .ops import Lowering, Operand, Primitive, Spec
from .tree import flatten, unflatten

__all__ = ["Explanation", "Launch", "Part", "explain"]

_COPIED_AT_MOST = 1 << 27  # bytes: more than any cache
_SECONDS = 0.05  # of copying, cut into fifty parts: the quickest counts


@dataclass(frozen=True)
class Launch:
    """One kernel over a grid of cells. ``threads``: how many share the cells; ``work``: estimated seconds of one."""

    kernel: str
    dtypes: tuple[str, ...]
    cells: int
    threads: int
    work: float


@dataclass(frozen=True)
class Part:
    """One primitive: its launches in order, and what its lowering says about them.

    ``operations`` counts the formula's multiplications and additions (0 where there are no sums of products),
    ``scratch_bytes`` temporaries. ``algorithm``, ``why`` and ``alternatives`` are empty where there is no choice.
    """

    primitive: str
    inputs: tuple[Spec | None, ...]
    outputs: tuple[Spec, ...]
    launches: tuple[Launch, ...]
    operations: float
    scratch_bytes: int
    algorithm: str = ""
    why: str = ""
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """What :func:`fastdl.explain` found out; ``print`` shows it as a table.

    ``bytes``: inputs and results, which have to be moved at least once. ``dtype`` is that of the arithmetic.
    """

    function: str
    parts: tuple[Part, ...]
    bytes: int
    dtype: str

    @property
    def launches(self) -> tuple[Launch, ...]:
        """All launches in the order they run in."""
        return tuple(launch for part in self.parts for launch in part.launches)

    @property
    def operations(self) -> float:
        """Multiplications and additions of all parts."""
        return sum(part.operations for part in self.parts)

    @property
    def scratch_bytes(self) -> int:
        """Temporary memory: the most that a part needs."""
        return max((part.scratch_bytes for part in self.parts), default=0)

    @property
    def arithmetic_seconds(self) -> float:
        """The time for the operations at this machine's peak, on as many threads as compute."""
        return self.operations / _peak(self.dtype, threads.get_num_threads()) if self.operations else 0.0

    @property
    def memory_seconds(self) -> float:
        """The time to move the bytes, measured by a copy of the same size, on as many threads or on one."""
        return self.bytes / _copy_speed(_power_of_two(self.bytes), threads.get_num_threads())

    @property
    def least_seconds(self) -> float:
        """What the call takes at least: the longer of the two, as both go on at the same time."""
        return max(self.arithmetic_seconds, self.memory_seconds)

    @property
    def limit(self) -> str:
        """Which of the two it is: "arithmetic" or "memory"."""
        return "arithmetic" if self.arithmetic_seconds > self.memory_seconds else "memory"

    def __str__(self) -> str:
        operations = f"{_number(self.operations)} operations" if self.operations else "no sums of products"
        rows = [("", "launch", "cells", "threads", "work", "scratch"), *_rows(self.parts)]
        widths = [max(len(row[i]) for row in rows if len(row) > 1) for i in range(6)]
        lines = [
            self.function,
            f"{operations}, {_number(self.bytes)}B in and out, {self.dtype}",
            f"threads {threads.get_num_threads()}; least time {_time(self.least_seconds)}, set by {self.limit}: "
            f"arithmetic {_time(self.arithmetic_seconds)}, memory {_time(self.memory_seconds)}",
        ]
        for row in rows:
            padded = [
                text.ljust(n) if i < 2 else text.rjust(n) for i, (text, n) in enumerate(zip(row, widths, strict=False))
            ]
            lines.append(("  ".join(padded) if len(row) > 1 else f"  {row[0]}").rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self.function}: {len(self.launches)} launches, {self.operations:.4g} operations, {self.bytes} bytes>"


def explain(function: Callable[..., Any], *args: Any, **options: Any) -> Explanation:
    """What ``function(*args, **options)`` would run: its kernels, how they are spread, and the limit of the machine.

    ``function`` is an op of ``fastdl.functional`` or anything that :func:`compile` can record, a model or the gradient
    of a loss as well; of the arrays only shapes and dtypes count. Nothing is computed, and what lies in the arrays is
    not looked at. A result's place ``out=`` makes no difference. Each primitive is explained as an eager call runs it;
    inside a plan neighbours may share memory.

    Returns an :class:`~fastdl.explanation.Explanation`: its ``parts`` and ``launches``, ``operations`` and ``bytes``,
    ``least_seconds`` and ``limit``. To print it measures the limits, which takes a fraction of a second.

    >>> import numpy as np, fastdl as fd
    >>> found = fd.explain(fd.functional.matmul, np.ones((64, 32)), np.ones((32, 16)))
    >>> found.operations, found.bytes, [part.primitive for part in found.parts]
    (65536.0, 28672, ['matmul'])
    """
    if not callable(function):
        raise TypeError(
            f"explain: function is a {type(function).__name__}; pass the function itself and then its arguments: "
            "fd.explain(F.softmax, x)"
        )
    options.pop("out", None)
    graph = Graph()
    leaves, structure = flatten((args, options))
    leaves = [np.asarray(x) if isinstance(x, np.generic) else x for x in leaves]
    given = [graph.input(Spec(x.shape, x.dtype)) if isinstance(x, np.ndarray) else x for x in leaves]
    arguments, named = unflatten(structure, given)
    with graph:
        results = [y for y in flatten(function(*arguments, **named))[0] if isinstance(y, Tensor)]
    inputs = [x for x in given if isinstance(x, Tensor)]
    name = getattr(function, "__name__", type(function).__name__)
    described = [_described(value) for value in args] + [f"{k}={_described(value)}" for k, value in options.items()]
    moved = {*inputs, *results, *(constant for constant, array in graph.constants if array.ndim)}
    floating = [x.dtype.name for x in (*results, *inputs) if x.dtype.kind == "f"]
    return Explanation(
        f"{name}({', '.join(described)})",
        tuple(_part(node) for node in graph.nodes if not _is_view(node)),
        sum(Spec(x.shape, x.dtype).nbytes for x in moved),
        floating[0] if floating else "float32",
    )


def _described(argument: Any) -> str:
    """An argument in words: of arrays shape and dtype."""
    leaves = flatten(argument)[0]
    return ", ".join(f"{x.shape} {x.dtype}" if isinstance(x, np.ndarray) else repr(x) for x in leaves)


def _is_view(node: Node) -> bool:
    """Whether the result is the memory of the input, so that nothing runs."""
    view, x = node.primitive.view, node.inputs[0] if node.inputs else None
    return view is not None and x is not None and view(Spec(x.shape, x.dtype), **node.attrs) is not None


def _part(node: Node) -> Part:
    inputs = tuple(None if x is None else Spec(x.shape, x.dtype) for x in node.inputs)
    outputs = tuple(Spec(y.shape, y.dtype) for y in node.outputs)
    operands = [None if x is None else Operand(Buffer.external(i), *x) for i, x in enumerate((*inputs, *outputs))]
    lowering = _Listening(ProgramBuilder())
    primitive: Primitive = node.primitive
    primitive.lower(lowering, tuple(operands[: len(inputs)]), tuple(operands[len(inputs) :]), **node.attrs)
    counted = lowering.operations or operations(primitive.name, inputs, outputs, node.attrs)
    return Part(
        primitive.name,
        inputs,
        outputs,
        lowering.explained(),
        counted,
        lowering.builder.scratch_bytes,
        "; ".join(lowering.algorithms),
        "; ".join(lowering.reasons),
        tuple(lowering.alternatives),
    )


class _Listening(Lowering):
    """A lowering whose launches are listed instead of run."""

    def __init__(self, builder: ProgramBuilder) -> None:
        super().__init__(builder, [])
        self.builder = builder
        self.operations = 0.0
        self.algorithms: list[str] = []
        self.reasons: list[str] = []
        self.alternatives: list[str] = []
        self._work: list[float] = []

    def launch(
        self,
        kernel: Kernel,
        dtypes: np.dtype[Any] | Sequence[np.dtype[Any]],
        arguments: Iterable[Argument | Operand],
        *,
        cells: int,
        work: float,
        elementwise: int = 0,
        written: int = 1,
    ) -> None:
        super().launch(kernel, dtypes, arguments, cells=cells, work=work, elementwise=elementwise, written=written)
        if cells > 0:
            self._work.append(1e-9 * work)

    def note(
        self, *, algorithm: str = "", why: str = "", operations: float = 0.0, alternatives: Sequence[str] = ()
    ) -> None:
        self.operations += operations
        self.algorithms += [algorithm] if algorithm else []
        self.reasons += [why] if why else []
        self.alternatives += alternatives

    def explained(self) -> tuple[Launch, ...]:
        """The launches so far."""
        most = threads.get_num_threads()
        return tuple(
            Launch(f"{x.kernel.module}: {x.kernel.name.replace('_', ' ')}", x.dtypes, x.cells, min(x.parts, most), work)
            for x, work in zip(self.builder.launches, self._work, strict=True)
        )


@functools.cache
def _peak(dtype: str, count: int) -> float:
    """One core's peak, in its own time, so that other work on the machine does not lower it, times the threads."""
    with threads.threads(1):
        peak = Peak(dtype, time.thread_time)
        return count * max(peak.measure() for _ in range(3))


def _power_of_two(nbytes: int) -> int:
    return min(_COPIED_AT_MOST, max(1 << 13, 1 << (nbytes - 1).bit_length()))


@functools.cache
def _copy_speed(nbytes: int, count: int) -> float:
    """Bytes in a second, read and written ones added up, when so many are copied again and again."""
    source, target = np.ones(nbytes // 2, np.uint8), np.empty(nbytes // 2, np.uint8)
    cells = -(-source.size // 16384)
    builder = ProgramBuilder()
    arguments: list[Argument] = [Buffer.external(0), Buffer.external(1), source.size]
    builder.launch(Kernel("copy", "copy"), ["uint8"], arguments, cells=cells, work=source.size / 20)
    run = builder.build(2).bind([address_of(target), address_of(source)])
    run.run()
    quickest, steps, end = float("inf"), 1, time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        for alone in (False, True):  # beside other work, or if all lies in one core's cache, one thread is quicker
            start = time.perf_counter()
            run.run(steps, alone=alone)
            quickest = min(quickest, (time.perf_counter() - start) / steps)
        steps = max(1, int(_SECONDS / 50 / quickest))
    return nbytes / quickest


def _rows(parts: Iterable[Part]) -> Iterable[tuple[str, ...]]:
    for part in parts:
        notes = ": ".join(filter(None, [part.algorithm, part.why]))
        if notes or part.alternatives:
            others = f" (instead of {', '.join(part.alternatives)})" if part.alternatives else ""
            yield (f"{part.primitive} by {notes}{others}",)
        for i, launch in enumerate(part.launches):
            scratch = f"{_number(part.scratch_bytes)}B" if part.scratch_bytes and i == 0 else ""
            first = part.primitive if i == 0 else ""
            yield first, launch.kernel, str(launch.cells), str(launch.threads), _time(launch.work), scratch


def _number(n: float) -> str:
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:.3g} "


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
