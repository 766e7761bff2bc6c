"""The vector-Jacobian product of a composition of primitives, on this floor: for primitives whose gradient has one.

A kernel that walks through many steps has a gradient which is easily written as a composition of ops, and hard to write
by hand once more differentiated. Its ``vjp`` may call :func:`pull` on that composition.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..ops import Primitive, Symbol
from .elementwise import plus


class _Value(Symbol):
    """An array or a recorded tensor on its way through a composition; ``tape`` keeps what was done to it."""

    __slots__ = ("dtype", "shape", "tape", "value")

    def __init__(self, value: Any, tape: list[Any]) -> None:
        self.value, self.tape = value, tape
        self.shape, self.dtype = tuple(value.shape), value.dtype

    def record(self, primitive: Primitive, inputs: Sequence[Any], attrs: dict[str, Any]) -> tuple[Any, ...]:
        results = primitive(*map(_plain, inputs), **attrs)
        outputs = tuple(_Value(y, self.tape) for y in results)
        self.tape.append((primitive, inputs, outputs, attrs))
        return outputs


def _plain(x: Any) -> Any:
    return x.value if isinstance(x, _Value) else x


def pull(function: Callable[..., Sequence[Any]], inputs: Sequence[Any], grads: Sequence[Any]) -> list[Any]:
    """Gradients of ``sum <y, grad>`` over the results y of ``function(*inputs)`` with respect to each input.

    ``function`` is made of functional ops; a gradient or an input may be None, for absent. An input that no result
    depends on gets None.
    """
    tape: list[Any] = []
    values = [None if x is None else _Value(x, tape) for x in inputs]
    found: dict[_Value, Any] = {}
    for y, grad in zip(function(*values), grads, strict=True):
        if grad is not None and isinstance(y, _Value):
            found[y] = plus(found.get(y), grad)
    for primitive, arguments, outputs, attrs in reversed(tape):
        arriving = [found.get(y) for y in outputs]
        if all(g is None for g in arriving):
            continue
        assert primitive.vjp is not None
        leaving = primitive.vjp(arriving, [*map(_plain, arguments)], [*map(_plain, outputs)], **attrs)
        for x, grad in zip(arguments, leaving, strict=True):
            if grad is not None and isinstance(x, _Value):
                found[x] = plus(found.get(x), grad)
    return [None if x is None else found.get(x) for x in values]
