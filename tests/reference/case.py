"""A case of ``test_every_op.py``, and what its arrays are made with."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl import reference

Array = NDArray[Any]


class Case(NamedTuple):
    op: str
    arrays: tuple[Array | None, ...]  # the leading array arguments; None: an absent one
    rest: tuple[Any, ...]  # the other positional arguments
    options: dict[str, Any]

    def arguments(self, arrays: Sequence[Array | None]) -> tuple[Any, ...]:
        if self.op == "group_norm":
            return (arrays[0], *self.rest, *arrays[1:])
        if self.op in ("concatenate", "stack"):
            return (list(arrays), *self.rest)
        return (*self.rest, *arrays) if self.op == "einsum" else (*arrays, *self.rest)

    def forward(self, arrays: Sequence[Array | None], **more: Any) -> Any:
        result = getattr(reference, self.op)(*self.arguments(arrays), **self.options, **more)
        return result[0] if self.op == "top_k" else result

    def backward(self, grad: Array, **more: Any) -> Any:
        function = getattr(reference, f"{self.op}_backward")
        return function(grad, *self.arguments(self.arrays), **self.options, **more)


random = np.random.default_rng(20240607)


def normal(*shape: int) -> Array:
    return random.standard_normal(shape)


def positive(*shape: int) -> Array:
    return random.uniform(0.5, 2.0, shape)


def integers(below: int, *shape: int) -> Array:
    return random.integers(below, size=shape)


def case(op: str, *arguments: Any, rest: tuple[Any, ...] = (), **options: Any) -> Case:
    for array in arguments:
        if array is not None:
            array.setflags(write=False)  # an op that writes to its input fails
    return Case(op, arguments, rest, options)
