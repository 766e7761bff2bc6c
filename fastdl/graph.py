"""Recording: a graph of primitives, and the tensors that stand for arrays while a function is recorded.

A recorded tensor knows its shape and dtype but has no values. Calling an op on it appends a node; NumPy's own functions
and operators do the same through NumPy's protocols, so ordinary NumPy code records. What needs values while recording
(``bool(t)``, ``float(t)``, ``np.asarray(t)``) raises and names the remedy.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import functional as F
from .numpy_protocol import FUNCTIONS, REDUCTIONS, UFUNCS, called, clip, remedy, weak
from .ops import Array, Primitive, Spec, Symbol


class RecordingError(TypeError):
    """Something was asked of a recorded tensor that needs its values."""


def _needs_values(what: str, remedy: str) -> RecordingError:
    return RecordingError(f"{what} needs the values of a recorded tensor, which has none until the plan runs: {remedy}")


class Node:
    """One primitive with its inputs (None for an absent one), attributes and outputs.

    ``origin``: the node whose gradient it is a part of.
    """

    __slots__ = ("attrs", "inputs", "origin", "outputs", "primitive")

    def __init__(self, primitive: Primitive, inputs: tuple["Tensor | None", ...], attrs: dict[str, Any]) -> None:
        self.primitive, self.inputs, self.attrs = primitive, inputs, attrs
        self.outputs: tuple[Tensor, ...] = ()
        self.origin: Node | None = None


_recording = threading.local()


def current_graph() -> "Graph | None":
    """The graph that this Python thread is recording into, if it is."""
    stack = getattr(_recording, "graphs", None)
    return stack[-1] if stack else None


class Graph:
    """Nodes in the order of recording, which is an order they can run in.

    ``with graph:`` makes it the current one: functions transformed inside are then recorded into it even if their
    arguments are plain arrays, because they may have captured its tensors.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: list[tuple[Tensor, Array]] = []
        self._constant_of: dict[int, Tensor] = {}
        self._numbers: dict[tuple[Any, ...], Tensor] = {}
        self._known: dict[tuple[Any, ...], tuple[Tensor, ...]] = {}

    def __enter__(self) -> "Graph":
        if not hasattr(_recording, "graphs"):
            _recording.graphs = []
        _recording.graphs.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _recording.graphs.pop()

    def input(self, spec: Spec) -> "Tensor":
        """A tensor whose values are given when the plan runs."""
        return Tensor(self, spec, None)

    def constant(self, array: Array) -> "Tensor":
        """A tensor for an array that the recorded function captured.

        The array is not copied: changing it in place is seen by the next run. Numbers are shared by value.
        """
        if array.ndim == 0:
            key = (array.dtype, array.tobytes())
            if key not in self._numbers:
                self._numbers[key] = self._new_constant(array.copy())
            return self._numbers[key]
        if id(array) not in self._constant_of:  # self.constants keeps the array alive, so its id stays its own
            self._constant_of[id(array)] = self._new_constant(array)
        return self._constant_of[id(array)]

    def _new_constant(self, array: Array) -> "Tensor":
        tensor = Tensor(self, Spec(array.shape, array.dtype), None)
        self.constants.append((tensor, array))
        return tensor

    def lift(self, x: Any) -> "Tensor":
        """``x`` as a tensor of this graph."""
        if isinstance(x, Tensor):
            if x.graph is not self:
                raise RecordingError(
                    "a recorded tensor left the function that was recorded and is used in another: return it as a "
                    "result instead of storing it"
                )
            return x
        return self.constant(x if isinstance(x, np.ndarray) else np.asarray(x))

    def append(self, primitive: Primitive, inputs: Sequence[Any], attrs: dict[str, Any]) -> "tuple[Tensor, ...]":
        """Append a node, or find the same one: all primitives are functions of their inputs and attributes."""
        lifted = tuple([None if x is None else self.lift(x) for x in inputs])
        key = (primitive.name, *[id(x) for x in lifted], *attrs.values())
        found = self._known.get(key) if primitive.name != "identity" else None
        if found is not None:
            return found
        specs = [None if x is None else Spec(x.shape, x.dtype) for x in lifted]
        node = Node(primitive, lifted, attrs)
        node.outputs = tuple([Tensor(self, spec, node) for spec in primitive.infer(*specs, **attrs)])
        self.nodes.append(node)
        self._known[key] = node.outputs
        return node.outputs


_identity = Primitive(
    "identity", lambda x: (x,), lambda *_: None, lambda grads, inputs, outputs: (grads[0],), view=lambda x: 0
)


def identity(x: "Tensor") -> "Tensor":
    """The same values as a tensor of its own: a place to differentiate at."""
    return x.graph.append(_identity, (x,), {})[0]


class Tensor(Symbol):
    """A recorded tensor: shape and dtype, and the node that makes it (None for inputs and constants)."""

    __slots__ = ("dtype", "graph", "node", "shape")
    __hash__ = object.__hash__

    def __init__(self, graph: Graph, spec: Spec, node: Node | None) -> None:
        self.graph, self.node = graph, node
        self.shape, self.dtype = spec

    def record(self, primitive: Primitive, inputs: Sequence[Any], attrs: dict[str, Any]) -> tuple[Any, ...]:
        return self.graph.append(primitive, inputs, attrs)

    # What an array has.
    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return Spec(self.shape, self.dtype).size

    @property
    def T(self) -> "Tensor":
        return F.transpose(self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<recorded tensor {self.shape} {self.dtype}>"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a recorded tensor without dimensions")
        return self.shape[0]

    def __neg__(self) -> Any:
        return F.negative(self)

    def __pos__(self) -> "Tensor":
        return self

    def __abs__(self) -> Any:
        return F.abs(self)

    def __invert__(self) -> Any:
        return F.logical_not(self)

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (np.ndarray, list)) or (isinstance(index, Tensor)):
            chosen = index if isinstance(index, Tensor) else np.asarray(index)
            if chosen.dtype == np.bool_:
                raise _needs_values("t[mask]", "the size of the result depends on the mask; use F.where(mask, t, 0)")
            return F.take(self, chosen, axis=0)
        return F.slice(self, index if isinstance(index, tuple) else (index,))

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return F.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return F.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return F.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return F.min(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        return F.var(self, axis=axis, keepdims=keepdims, ddof=ddof)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        return F.std(self, axis=axis, keepdims=keepdims, ddof=ddof)

    def cumsum(self, axis: Any = None) -> Any:
        return F.cumsum(self, axis=axis)

    def argmax(self, axis: Any = None) -> Any:
        return F.argmax(self, axis=axis)

    def reshape(self, *shape: Any) -> Any:
        return F.reshape(self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Any:
        return F.reshape(self, (-1,))

    flatten = ravel

    def transpose(self, *axes: Any) -> Any:
        return F.transpose(self, axes[0] if len(axes) == 1 else (axes or None))

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return F.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        return F.squeeze(self, axis)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        return clip(self, min, max)

    def astype(self, dtype: Any) -> Any:
        return F.astype(self, dtype)

    # What would need values.
    def __bool__(self) -> bool:
        raise _needs_values("bool(t) (an if, while, and, or)", "use F.where(condition, a, b)")

    def __int__(self) -> int:
        raise _needs_values("int(t)", "keep it a tensor, or pass the number as a static argument")

    def __index__(self) -> int:
        raise _needs_values("a Python index or range(t)", "pass the number as a static argument, or use F.take")

    def __float__(self) -> float:
        raise _needs_values("float(t)", "keep it a tensor: F's functions take tensors of shape ()")

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise _needs_values("np.asarray(t)", "return the tensor from the recorded function and convert the result")

    def __setitem__(self, index: Any, value: Any) -> None:
        raise RecordingError("a recorded tensor cannot be assigned to; use F.where(mask, a, b) or np.concatenate")

    def item(self) -> float:
        raise _needs_values("t.item()", "return the tensor from the recorded function and use the result")

    # NumPy's protocols.
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        function = UFUNCS.get(ufunc)
        if method == "reduce" and ufunc in REDUCTIONS:
            given = {k: v for k, v in options.items() if v is not None or k == "axis"}
            given = {"axis": 0, **given}  # NumPy: ufunc.reduce is along axis 0
            return called(f"{ufunc.__name__}.reduce", REDUCTIONS[ufunc], inputs, given)
        if method != "__call__" or function is None:
            name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
            raise RecordingError(f"np.{name} cannot be recorded; {remedy(name)}")
        if any(value is not None for value in options.values()):
            raise RecordingError(f"np.{ufunc.__name__} is recorded without options, got {sorted(options)}")
        return function(*map(weak, inputs))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        recorded = FUNCTIONS.get(function)
        if recorded is None:
            name = f"{function.__module__}.{function.__name__}".replace("numpy.", "np.", 1)  # np.linalg.norm
            raise RecordingError(f"{name} cannot be recorded; {remedy(function.__name__)}")
        return called(function.__name__, recorded, args, options)


def _method(name: str, function: Callable[..., Any], swapped: bool = False) -> None:
    def operator(self: Tensor, other: Any) -> Any:
        return function(weak(other), self) if swapped else function(self, weak(other))

    setattr(Tensor, name, operator)


for _name, _function in {
    "add": F.add,
    "sub": F.subtract,
    "mul": F.multiply,
    "truediv": F.divide,
    "pow": F.power,
    "matmul": F.matmul,
    "and": F.logical_and,
    "or": F.logical_or,
}.items():
    _method(f"__{_name}__", _function)
    _method(f"__r{_name}__", _function, swapped=True)
for _name, _function in {
    "lt": F.less,
    "le": F.less_equal,
    "gt": F.greater,
    "ge": F.greater_equal,
    "eq": F.equal,
    "ne": F.not_equal,
}.items():
    _method(f"__{_name}__", _function)
