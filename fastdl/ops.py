"""The registry: one row an op, and one way to run a row's kernels.

There are two kinds of rows. A *primitive* is what a graph is made of: a shape rule, how it lowers to kernel launches,
and its vector-Jacobian product, written with other primitives so that gradients can be differentiated again. An *op*
is what users call: a public function, its backward, its naive twin in ``fastdl.reference`` (same name) and a way to
draw random valid arguments. Verification, benchmarks and documentation walk the ops; a test makes sure that nothing
is missing from a row.

Shapes are tuples, dtypes NumPy dtypes; attributes are the static options of a primitive and must be hashable.
"""

import functools
import importlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ._kernels import Argument, Buffer, Kernel, Program, ProgramBuilder, Touched, allocator, repeats
from .debugging import ACTIVE, check

Array: TypeAlias = np.ndarray[Any, Any]
Shape: TypeAlias = tuple[int, ...]


class Spec(NamedTuple):
    """Shape and dtype of an array that need not exist yet."""

    shape: Shape
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


class Operand(NamedTuple):
    """An input or output of a primitive while it is lowered: its spec and its place. Always C-contiguous."""

    buffer: Buffer
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        return Spec(self.shape, self.dtype).size


class Symbol:
    """Base of recorded tensors: lets the functional floor recognise them without knowing the graph above it."""

    __slots__ = ()
    shape: Shape
    dtype: np.dtype[Any]

    def record(self, primitive: "Primitive", inputs: Sequence[Any], attrs: dict[str, Any]) -> tuple[Any, ...]:
        """Append a node to the graph this tensor belongs to; returns the node's outputs."""
        raise NotImplementedError


class Lowering:
    """What a primitive's ``lower`` writes to: launches with operands as arguments, scratch, and failures."""

    def __init__(self, builder: ProgramBuilder, failures: list[Exception]) -> None:
        self._builder = builder
        self._failures = failures

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
        """Append a launch; ``work`` is its cost in about nanoseconds of one core.

        ``elementwise``: elements of a cell, if cell c reads and writes only its own part of the operands of the first
        one's size, cut into such cells, and reads of the others what it likes. ``written``: how many of the arguments'
        first operands are results. Neighbours with equal cells may then run cell by cell.
        """
        if isinstance(dtypes, np.dtype):
            dtypes = (dtypes,)
        given = tuple(arguments)
        plain = [a.buffer if isinstance(a, Operand) else a for a in given]
        names = [d.name for d in dtypes]
        if not elementwise or cells < 2:
            self._builder.launch(kernel, names, plain, cells=cells, work=work)
            return
        operands = [a for a in given if isinstance(a, Operand)]
        size = operands[0].size
        touched = [
            Touched(x.buffer, x.size * x.dtype.itemsize, x.dtype.itemsize if x.size == size else 0, i < written)
            for i, x in enumerate(operands)
        ]
        grid = (size, elementwise)
        self._builder.launch(kernel, names, plain, cells=cells, work=work, grid=grid, touched=touched)

    def scratch(self, shape: Shape, dtype: np.dtype[Any]) -> Operand:
        """A temporary array that lives until the primitive's last launch."""
        return Operand(self._builder.scratch(Spec(shape, dtype).nbytes), shape, dtype)

    def worker_scratch(self, count: int, dtype: np.dtype[Any]) -> tuple[Buffer, int]:
        """``count`` elements for each worker: (place, stride between workers in elements)."""
        place, stride = self._builder.worker_scratch(count * dtype.itemsize)
        return place, stride // dtype.itemsize

    def release(self) -> None:
        """Later launches may write to the temporary arrays made so far."""
        self._builder.release_scratch()

    def constant(self, values: Sequence[int]) -> Buffer:
        """Integers that a kernel reads through a pointer: shapes, strides."""
        return self._builder.constant(values)

    def note(
        self, *, algorithm: str = "", why: str = "", operations: float = 0.0, alternatives: Sequence[str] = ()
    ) -> None:
        """What is done, the reason in words, how many operations if not those of the formula, and what else might be
        done: read by ``fastdl.explain``, lost on everybody else. A later note adds to an earlier one."""

    def failure(self, error: Exception) -> int:
        """A code for the kernel to write into the status word; the run then raises ``error``."""
        self._failures.append(error)
        return len(self._failures)


@dataclass(frozen=True, eq=False)
class Primitive:
    """A kind of node. ``infer(*specs, **attrs)`` gives the output specs; ``lower(lowering, inputs, outputs, **attrs)``
    the launches; ``vjp(grads, inputs, outputs, **attrs)`` one gradient per input (None where there is none).

    ``view(spec, **attrs)``: where in its input's memory the output lies (in elements, contiguous), or None if it has to
    be copied out; inside a plan a view costs nothing. ``in_place``: pairs (output, input) that may share memory.
    ``pointwise``: an element of the result is made of those at its place in the inputs, which broadcast.
    ``absorbs``: activations that it applies to its result itself if its attribute ``activation`` says so.
    ``vjp`` None: not differentiable (integers, comparisons, optimiser steps).

    ``again(*inputs, **attrs)`` is the quick way: the results if the same was run before, on arrays of these shapes and
    dtypes, else None. An op may ask it before it checks anything, because what was run passed the checks.
    """

    name: str
    infer: Callable[..., tuple[Spec, ...]]
    lower: Callable[..., None]
    vjp: Callable[..., Sequence[Any]] | None = None
    view: Callable[..., int | None] | None = None
    in_place: tuple[tuple[int, int], ...] = ()
    absorbs: tuple[str, ...] = ()
    pointwise: bool = False
    again: Callable[..., Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.name in PRIMITIVES:
            raise ValueError(f"there are two primitives named {self.name}")
        PRIMITIVES[self.name] = self
        object.__setattr__(self, "again", repeats.stranger)

    def __call__(self, *inputs: Any, **attrs: Any) -> tuple[Any, ...]:
        """Run on arrays, or record on symbols. ``inputs`` were checked by the caller; None is an absent input."""
        known: tuple[Any, ...] | None = self.again(*inputs, **attrs)
        if known is not None:
            return known
        for x in inputs:
            if type(x) is not np.ndarray and isinstance(x, Symbol):
                return x.record(self, inputs, attrs)
        return execute(self, inputs, attrs)


PRIMITIVES: dict[str, Primitive] = {}


@dataclass(frozen=True)
class Op:
    """A public op. The names of its parts follow from its own: see the properties.

    Of an op with several results the backward takes the gradient of the first, or, with ``every_result``, a tuple of
    one for each result.
    """

    name: str
    forward: Callable[..., Any]
    draw: Callable[[np.random.Generator, np.dtype[Any]], tuple[tuple[Any, ...], dict[str, Any]]] | None
    every_result: bool = False

    @property
    def backward(self) -> Callable[..., Any] | None:
        """``F.<name>_backward``, beside the forward; None for an op without gradient."""
        module = importlib.import_module(self.forward.__module__)
        function: Callable[..., Any] | None = getattr(module, f"{self.name}_backward", None)
        return function

    @property
    def reference(self) -> Callable[..., Any]:
        """The naive twin in ``fastdl.reference``."""
        function: Callable[..., Any] = getattr(importlib.import_module("fastdl.reference"), self.name)
        return function

    @property
    def reference_backward(self) -> Callable[..., Any]:
        """The naive twin of the backward."""
        function: Callable[..., Any] = getattr(importlib.import_module("fastdl.reference"), f"{self.name}_backward")
        return function


OPS: dict[str, Op] = {}


def op(draw: Any, *, every_result: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a public function under its own name; ``draw(rng, dtype)`` makes random valid (args, kwargs)."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        OPS[function.__name__] = Op(function.__name__, function, draw, every_result)
        return function

    return register


def prepared(x: Array) -> Array:
    """``x`` as kernels need it: C-contiguous and aligned; a copy only if it is not."""
    flags = x.flags
    if flags.c_contiguous and flags.aligned:
        return x
    return np.require(x, requirements=["C", "A"])


def execute(primitive: Primitive, inputs: Sequence[Any], attrs: dict[str, Any], out: Any = None) -> tuple[Array, ...]:
    """Run one primitive on arrays, with its first result in ``out`` if that is given, which was checked to fit.

    The program is made once per (shapes, dtypes, attributes) and kept.
    """
    arrays = [x if x is None or x.flags.carray else prepared(x) for x in inputs]  # carray: the usual case in one look
    key = tuple([None if x is None else (x.shape, x.dtype) for x in arrays])
    program, results = _eager_program(primitive, key, tuple(attrs.items()), _negative_zeros(attrs))
    if out is None:
        outputs = tuple([new(*spec) for new, spec in results])
    else:
        outputs = (out, *[new(*spec) for new, spec in results[1:]])
    program.run_on(*arrays, *outputs)
    if ACTIVE:
        check(primitive.name, arrays, outputs)
    if out is None:
        if primitive.again is repeats.stranger:
            repeats.introduce(primitive)
        repeats.learn((primitive, key), primitive.again, inputs, attrs, program, results)
    return outputs


def _negative_zeros(attrs: dict[str, Any]) -> tuple[str, ...]:
    """Names of the options that are -0.0, which equals 0.0 but makes another program."""
    return tuple([name for name, x in attrs.items() if x.__class__ is float and x == 0 and math.copysign(1, x) < 0])


def forget_programs() -> None:
    """Make the programs of eager calls anew, because something that they were made with has changed."""
    _eager_program.cache_clear()
    repeats.forget()


@functools.lru_cache(maxsize=1024)
def _eager_program(
    primitive: Primitive,
    key: tuple[tuple[Shape, np.dtype[Any]] | None, ...],
    items: tuple[tuple[str, Any], ...],
    negative_zeros: tuple[str, ...],
) -> tuple[Program, tuple[tuple[Callable[..., Array], Spec], ...]]:
    """The program, and for each result what makes an array for it."""
    attrs = dict(items)
    specs = [None if k is None else Spec(*k) for k in key]
    results = primitive.infer(*specs, **attrs)
    builder = ProgramBuilder()
    operands = [
        None if spec is None else Operand(Buffer.external(i), *spec) for i, spec in enumerate((*specs, *results))
    ]
    failures: list[Exception] = []
    lowering = Lowering(builder, failures)
    primitive.lower(lowering, tuple(operands[: len(specs)]), tuple(operands[len(specs) :]), **attrs)
    return builder.build(len(operands), failures), tuple([(allocator(spec.nbytes), spec) for spec in results])
