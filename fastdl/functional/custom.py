"""Ops of the user's own: a function over arrays that Numba compiles, and the one that computes its gradient."""

import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from .._kernels import STATUS
from .._kernels.custom import CustomKernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec
from ._door import FLOATS, array

_numbers = itertools.count(1)


def custom_op(
    forward: Callable[..., None],
    backward: Callable[..., None] | None = None,
    *,
    shape: Callable[..., Sequence[int]] | None = None,
    name: str | None = None,
) -> Callable[..., Any]:
    """An op from functions that Numba compiles: it runs on arrays, is recorded, differentiated and trained with.

    ``forward(x1, ..., xn, y)`` fills y; ``backward(dy, x1, ..., xn, dx1, ..., dxn)`` fills the gradients from dy, that
    of y, for the arguments that hold floats (integer arguments have no dx). Both are ``@njit`` functions, or plain
    ones, which are compiled when first used. They get C-contiguous arrays of the dtypes of the call, an array without
    dimensions as one of shape (1,); y and dx come uninitialised, and x and dy must not be written to.

    ``shape(shape1, ..., shapen)`` gives the shape of y; None: that of x1. y has the dtype of the floats among the
    arguments, float32 or float64, which must be one. Inside ``fit`` the op is one launch of the compiled step, on one
    thread, without the interpreter. Without ``backward`` the op has no gradient; gradients of gradients it never has.

    A function that needs the interpreter (objects, printing, ``objmode``, new arrays, BLAS) makes the call raise
    TypeError when it is compiled. A function that raises an exception makes the call, or ``fit``, raise RuntimeError
    after the step; what the exception said is lost, and y is as it was left: call the function itself on arrays to see
    it. Indices are not checked.
    ``fastdl.testing.check_grad`` compares forward and backward. A function is compiled once a process for each
    combination of dtypes and numbers of dimensions.

    Raises TypeError or ValueError for arguments that do not fit.

    >>> import math, numpy as np, fastdl as fd
    >>> def forward(x, y):
    ...     for i in range(x.size):
    ...         y.flat[i] = math.sqrt(x.flat[i] ** 2 + 1)
    >>> def backward(dy, x, dx):
    ...     for i in range(x.size):
    ...         dx.flat[i] = dy.flat[i] * x.flat[i] / math.sqrt(x.flat[i] ** 2 + 1)
    >>> smooth_abs = fd.custom_op(forward, backward)
    >>> smooth_abs(np.float64([0.0, 0.75]))
    array([1.  , 1.25])
    >>> fd.testing.check_grad(lambda x: np.sum(smooth_abs(x)), np.float64([0.5, -2.0])).name
    'gradient of <lambda>'
    """
    label = str(name or getattr(forward, "__name__", "custom"))
    for what, function in (("forward", forward), ("backward", backward), ("shape", shape)):
        if function is not None and not callable(function):
            raise TypeError(f"custom_op: {what} is a {type(function).__name__}; expected a function")
    count = len(_parameters(forward)) - 1
    if count < 1:
        raise ValueError(f"custom_op: {label} has {count + 1} parameters; expected arrays and the result: (x, y)")
    op = _Custom(label, forward, backward, shape, count)

    def call(*arrays: Any) -> Any:
        return op(arrays)

    call.__name__ = call.__qualname__ = label
    call.__doc__ = getattr(forward, "__doc__", None)
    return call


def _parameters(function: Any) -> list[str]:
    return list(inspect.signature(getattr(function, "py_func", function)).parameters)


class _Custom:
    """An op with its primitive and that of its gradient."""

    def __init__(self, name: str, forward: Any, backward: Any, shape: Any, count: int) -> None:
        self._name, self._forward, self._backward, self._shape, self._count = name, forward, backward, shape, count
        self._kernels: dict[Any, CustomKernel] = {}
        number = next(_numbers)
        self._primitive = Primitive(f"{name} (custom_op {number})", self._infer, self._lower, self._vjp)
        self._gradient = Primitive(f"{name} (gradient of custom_op {number})", self._infer_grad, self._lower_grad)

    def __call__(self, given: Sequence[Any]) -> Any:
        if len(given) != self._count:
            raise TypeError(f"{self._name}: got {len(given)} arrays; expected {self._count}")
        arrays = [array(self._name, f"argument {i}", x) for i, x in enumerate(given)]
        floats = {x.dtype for x in arrays if x.dtype.kind == "f"}
        if len(floats) != 1 or not floats <= set(FLOATS):
            found = ", ".join(str(x.dtype) for x in arrays)
            raise TypeError(f"{self._name}: the arguments are {found}; expected float32 or float64 arrays, one of both")
        return self._primitive(*arrays)[0]

    def _infer(self, *xs: Spec) -> tuple[Spec]:
        dtype = next(x.dtype for x in xs if x.dtype.kind == "f")
        found = xs[0].shape if self._shape is None else self._shape(*[x.shape for x in xs])
        try:
            shape: Shape = tuple(int(n) for n in found)
        except TypeError:
            raise TypeError(f"{self._name}: shape returned {found!r}; expected a tuple of integers") from None
        if any(n < 0 for n in shape):
            raise ValueError(f"{self._name}: shape returned {shape}; expected sizes of at least 0")
        return (Spec(shape, dtype),)

    def _infer_grad(self, dy: Spec, *xs: Spec) -> tuple[Spec, ...]:
        return tuple(x for x in xs if x.dtype.kind == "f")

    def _vjp(self, grads: Any, inputs: Any, outputs: Any) -> list[Any]:
        if self._backward is None:
            raise TypeError(
                f"{self._primitive.name} cannot be differentiated: it has no backward; fd.custom_op(forward, backward)"
            )
        found = iter(self._gradient(grads[0], *inputs))
        return [next(found) if x.dtype.kind == "f" else None for x in inputs]

    def _lower(self, lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand, ...]) -> None:
        self._launch(lowering, self._forward, self._name, (*inputs, *outputs))

    def _lower_grad(self, lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand, ...]) -> None:
        self._launch(lowering, self._backward, f"the backward of {self._name}", (*inputs, *outputs))

    def _launch(self, lowering: Lowering, function: Any, what: str, operands: tuple[Operand, ...]) -> None:
        parameters = _parameters(function)
        if len(parameters) != len(operands):
            raise TypeError(
                f"{what} takes ({', '.join(parameters)}); expected {len(operands)} arrays: "
                + ("(dy, arguments, gradients)" if function is self._backward else "(arguments, result)")
            )
        key = function is self._backward, tuple(len(x.shape) for x in operands)
        if key not in self._kernels:
            self._kernels[key] = CustomKernel(what, function, key[1])
        error = RuntimeError(
            f"{what} raised an exception, which cannot leave compiled code: call the function itself on such arrays"
        )
        arguments: list[Any] = [STATUS, lowering.failure(error)]
        for x in operands:
            arguments += [x, *(x.shape or (1,))]
        work = 2.0 * sum(x.size for x in operands)
        lowering.launch(self._kernels[key], [x.dtype for x in operands], arguments, cells=1, work=work)  # type: ignore[arg-type]
