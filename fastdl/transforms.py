"""Functions of functions: compile, gradients, vector-Jacobian and Hessian-vector products.

A function of arrays is recorded once for each combination of shapes, dtypes and static arguments, planned, and from
then on runs without its Python code. Called with recorded tensors, that is inside another transformed function, it is
recorded into that one.
"""

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import autodiff
from . import functional as F
from .debugging import ACTIVE
from .graph import Graph, RecordingError, Tensor, current_graph, identity
from .ops import Spec
from .options import current_precision
from .plan import Plan
from .stepwise import run_op_by_op
from .tree import flatten, unflatten


class _Recording:
    """One recorded variant of a function: its plan and how to put the results together."""

    def __init__(self, function: Callable[..., Any], leaves: Sequence[Any], structure: Any) -> None:
        graph = Graph()
        inputs = []
        arguments = []
        for leaf in leaves:
            if isinstance(leaf, np.ndarray):
                inputs.append(graph.input(Spec(leaf.shape, leaf.dtype)))
                arguments.append(inputs[-1])
            else:
                arguments.append(leaf)
        args, options = unflatten(structure, arguments)
        with graph:
            results, self._structure = flatten(function(*args, **options))
        self._results = [graph.lift(r) if _has_values(r) else r for r in results]
        self._graph = graph
        self.plan = Plan(graph, inputs, [r for r in self._results if isinstance(r, Tensor)])

    def __call__(self, leaves: Sequence[Any]) -> Any:
        arrays = [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]
        if ACTIVE:  # op by op, each of which is checked
            given = dict(zip(self.plan.inputs, arrays, strict=True))
            values = iter([np.array(y) for y in run_op_by_op(self._graph, given, self.plan.outputs)])
        else:
            values = iter(self.plan(arrays))
        return unflatten(self._structure, [next(values) if isinstance(r, Tensor) else r for r in self._results])


def _has_values(result: Any) -> bool:
    """Whether a result is copied out of the plan; Python objects, also in arrays, are returned as they are."""
    return isinstance(result, Tensor) or (isinstance(result, (np.ndarray, np.generic)) and not result.dtype.hasobject)


def compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Record ``function`` when it is first called and run it as one plan from then on.

    Arrays among the arguments (also in nested dicts, lists and tuples) are the inputs; everything else is static and
    must be hashable: another value, shape or dtype records anew. The Python code runs only while recording, so it must
    not depend on values of arrays (``F.where`` instead of ``if``). Arrays that the function captures are read at each
    call, from where they were when it was recorded; numbers, arrays without dimensions, and what it computes of
    captured arrays alone, are as they were then.

    Equivalent to ``function`` itself, up to rounding.

    >>> import numpy as np, fastdl as fd
    >>> f = fd.compile(lambda x: np.sum(x * x))
    >>> f(np.float32([1, 2, 3]))
    array(14., dtype=float32)
    """
    recordings: dict[Any, _Recording] = {}
    lock = threading.Lock()

    @functools.wraps(function)
    def compiled(*args: Any, **options: Any) -> Any:
        leaves, structure = flatten((args, options))
        leaves = [np.asarray(x) if isinstance(x, np.generic) else x for x in leaves]
        if current_graph() is not None or any(isinstance(x, Tensor) for x in leaves):
            return function(*args, **options)
        key = (
            structure,
            current_precision(),
            *[(x.shape, x.dtype) if isinstance(x, np.ndarray) else _static(x) for x in leaves],
        )
        recording = recordings.get(key)
        if recording is None:
            with lock:
                recording = recordings.get(key)
                if recording is None:
                    recording = recordings[key] = _Recording(function, leaves, structure)
        return recording(leaves)

    return compiled


def _static(x: Any) -> Any:
    try:
        hash(x)
    except TypeError:
        raise TypeError(
            f"an argument is a {type(x).__name__}, which is neither an array nor hashable: pass an array, a number, a "
            "string, or nested dicts, lists and tuples of these"
        ) from None
    return (type(x), repr(x) if isinstance(x, float) else x)  # 0.0 and -0.0 are equal but not the same, nan not equal


def _argnums(argnums: int | Sequence[int], count: int) -> list[int]:
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for n in numbers:
        if not -count <= n < count:
            raise ValueError(f"grad: argnums is {argnums}, but the function was called with {count} arguments")
    return [n % count for n in numbers]


def _differentiate(function: Callable[..., Any], argnums: int | Sequence[int]) -> Callable[..., Any]:
    """A recordable function that gives (value, gradients with respect to the chosen arguments)."""

    def value_and_gradients(*args: Any, **options: Any) -> tuple[Any, Any]:
        numbers = _argnums(argnums, len(args))
        graph = _graph_of((args, options))
        leaves, structure = flatten([args[n] for n in numbers])
        points = [_point(graph, leaf) for leaf in leaves]
        replaced = list(args)
        for n, value in zip(numbers, unflatten(structure, points), strict=True):
            replaced[n] = value
        value = function(*replaced, **options)
        if not isinstance(value, Tensor):
            if not isinstance(value, (int, float, np.ndarray, np.generic)):
                raise TypeError(f"grad: the function returned {type(value).__name__}; expected a number")
            value = graph.lift(np.asarray(value))
        if value.dtype.kind != "f" and isinstance(value, Tensor) and value.node is not None:
            raise TypeError(
                f"grad: the function returned {value.dtype}, which has no gradient; expected a float number"
            )
        if value.shape != ():
            raise ValueError(
                f"grad: the function returned an array of shape {value.shape}; expected a number: reduce it with "
                "np.sum or np.mean, or use fd.vjp"
            )
        one = np.ones((), value.dtype)
        found = unflatten(structure, autodiff.gradients(graph, [(value, one)], points))
        return value, found[0] if isinstance(argnums, int) else tuple(found)

    return value_and_gradients


def _graph_of(arguments: Any) -> Graph:
    """The graph to record into: that of the arguments, or the current one if they are plain arrays."""
    found = next((leaf.graph for leaf in flatten(arguments)[0] if isinstance(leaf, Tensor)), current_graph())
    assert found is not None
    return found


def _point(graph: Graph, leaf: Any) -> Tensor:
    """A tensor of its own for one argument, so that only this use of it is differentiated."""
    tensor = graph.lift(leaf) if isinstance(leaf, (Tensor, np.ndarray, np.generic)) else None
    if tensor is None or tensor.dtype.kind != "f":
        what = type(leaf).__name__ if tensor is None else f"an array of {tensor.dtype}"
        raise TypeError(f"grad: an argument to differentiate by is {what}; expected float32 or float64 arrays")
    return identity(tensor)


def value_and_grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns (f(x), df/dx) for a function of arrays that returns a number.

    ``argnums`` chooses the argument, or several; each may be a nested dict, list or tuple of arrays, and the gradient
    has the same structure. Serves ``scipy.optimize.minimize(..., jac=True)``.

    Raises ValueError if f returns more than a number, TypeError for arguments that are not floating.
    Source: reverse-mode differentiation, Griewank and Walther (2008), chapter 3.

    >>> import numpy as np, fastdl as fd
    >>> fd.value_and_grad(lambda x: np.sum(x**2))(np.float64([1, 2]))
    (array(5.), array([2., 4.]))
    """
    return compile(functools.wraps(function)(_differentiate(function, argnums)))


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns df/dx. As :func:`value_and_grad`, without the value; may be applied to itself.

    >>> import numpy as np, fastdl as fd
    >>> second = fd.grad(fd.grad(lambda x: x**3))
    >>> second(np.float64(2.0))
    array(12.)
    """
    both = _differentiate(function, argnums)

    @functools.wraps(function)
    def gradient(*args: Any, **options: Any) -> Any:
        return both(*args, **options)[1]

    return compile(gradient)


def vjp(function: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], Any]]:
    """f(x) and the function v -> v' J that multiplies the Jacobian of f at x from the left.

    The result of f may be an array or a nested structure of arrays; v has the same structure. Returns ``(y,
    pullback)``; ``pullback(v)`` gives one gradient per argument, in a tuple. The arguments are copied, so they may
    change afterwards; the pullback computes the forward pass anew.

    >>> import numpy as np, fastdl as fd
    >>> y, pullback = fd.vjp(lambda x: x * x, np.float64([1, 2]))
    >>> pullback(np.float64([1, 10]))
    (array([ 2., 40.]),)
    """
    saved = unflatten(flatten(args)[1], [x.copy() if isinstance(x, np.ndarray) else x for x in flatten(args)[0]])

    def pull(arguments: Any, weights: Any) -> Any:
        leaves, structure = flatten(arguments)
        graph = _graph_of((arguments, weights))
        points = [_point(graph, leaf) for leaf in leaves]
        results, result_structure = flatten(function(*unflatten(structure, points)))
        seeds, seed_structure = flatten(weights)
        if seed_structure != result_structure:
            raise ValueError("vjp: the weights have another structure than the function's result")
        for result, seed in zip(results, seeds, strict=True):
            if not isinstance(seed, (Tensor, np.ndarray, np.generic)):
                raise TypeError(f"vjp: the weights hold a {type(seed).__name__}; expected arrays, as np.float32(1)")
            if not isinstance(result, Tensor):
                continue  # a constant
            if tuple(seed.shape) != tuple(result.shape) or seed.dtype != result.dtype:
                raise ValueError(
                    f"vjp: the weights have shape {tuple(seed.shape)} and dtype {seed.dtype}; expected those of the "
                    f"result, {tuple(result.shape)} and {result.dtype}"
                )
        pairs = [(r, s) for r, s in zip(results, seeds, strict=True) if isinstance(r, Tensor)]
        return unflatten(structure, autodiff.gradients(graph, pairs, points))

    if any(isinstance(x, Tensor) for x in flatten(saved)[0]):
        return function(*saved), lambda weights: pull(saved, weights)
    compiled = compile(pull)
    return compile(function)(*saved), lambda weights: compiled(saved, weights)


def hvp(function: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of f at x times v, without forming the Hessian: the gradient of <grad f(x), v>.

    ``x`` and ``v`` are arrays, or nested structures of one kind. Costs about twice a gradient,
    and is recorded anew at each call: for many products with one function use ``fd.compile(lambda x, v: fd.hvp(f, x,
    v))``.
    Source: Pearlmutter, Fast exact multiplication by the Hessian (1994).

    >>> import numpy as np, fastdl as fd
    >>> fd.hvp(lambda x: np.sum(x**3), np.float64([1, 2]), np.float64([1, 1]))
    array([ 6., 12.])
    """
    if flatten(x)[1] != flatten(v)[1]:
        raise ValueError("hvp: v has another structure than x")
    for a, b in zip(flatten(x)[0], flatten(v)[0], strict=True):
        for argument in (a, b):
            if not isinstance(argument, (Tensor, np.ndarray, np.generic)):
                raise TypeError(f"hvp: an argument is a {type(argument).__name__}; expected arrays, as np.float64(2)")
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ValueError(f"hvp: v has an array {b.shape} {b.dtype}; expected {a.shape} {a.dtype}, as in x")
    first = grad(function)

    def slope(x: Any, v: Any) -> Any:
        pairs = zip(flatten(first(x))[0], flatten(v)[0], strict=True)
        return functools.reduce(F.add, [F.sum(F.multiply(g, w)) for g, w in pairs])

    return grad(slope)(x, v)


__all__ = ["RecordingError", "compile", "grad", "hvp", "value_and_grad", "vjp"]
