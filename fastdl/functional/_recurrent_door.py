"""The arguments of recurrent layers at the door, and what their backwards have in common.

Letters as in ``recurrent.py``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops import Shape, Symbol
from . import indexing
from ._door import check_grad, describe, floats
from ._unrolled import one_step
from .dense import dense_backward
from .elementwise import plus

_OPTIONAL = ("h0", "c0", "bias_ih", "bias_hh")


class Layer(NamedTuple):
    """The arguments of a layer, checked."""

    x: Any
    h0: Any
    c0: Any
    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any
    reverse: bool


def checked(name: str, gates: int, reverse: Any, **arrays: Any) -> Layer:
    values = dict(zip(arrays, floats(name, optional=_OPTIONAL, **arrays), strict=True))
    x, weight_ih, weight_hh = values["x"], values["weight_ih"], values["weight_hh"]
    if not isinstance(reverse, (bool, np.bool_)):
        raise TypeError(f"{name}: reverse is {reverse!r}; expected True or False")
    if len(x.shape) != 3:
        remedy = ", for a single sequence x[None]" if len(x.shape) == 2 else ""
        raise ValueError(f"{name}: x has shape {tuple(x.shape)}; expected (batch, steps, features){remedy}")
    if x.shape[1] == 0:
        raise ValueError(f"{name}: x has no steps ({describe(x=x)}); expected at least one")
    if len(weight_hh.shape) != 2 or weight_hh.shape[1] == 0 or weight_hh.shape[0] != gates * weight_hh.shape[1]:
        rows = "H" if gates == 1 else f"{gates} H"
        raise ValueError(
            f"{name}: weight_hh has shape {tuple(weight_hh.shape)}; expected ({rows}, H) for H >= 1 hidden units"
        )
    (batch, _, features), (rows, hidden) = x.shape, weight_hh.shape
    expected: dict[str, Shape] = {"weight_ih": (rows, features), "h0": (batch, hidden), "c0": (batch, hidden)}
    expected |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    for what, wanted in expected.items():
        value = values.get(what)
        if value is not None and tuple(value.shape) != wanted:
            raise ValueError(
                f"{name}: {what} has shape {tuple(value.shape)}; expected {wanted} "
                f"({describe(x=x, weight_hh=weight_hh)})"
            )
    return Layer(
        x, values["h0"], values.get("c0"), weight_ih, weight_hh, values["bias_ih"], values["bias_hh"], bool(reverse)
    )


def last(y: Any, reverse: bool) -> Any:
    """The state after the last step that was walked."""
    state = one_step(y, 0 if reverse else y.shape[1] - 1)
    return state if isinstance(state, Symbol) else state.copy()


def gradients_of(name: str, grad: Any, results: Sequence[str], layer: Layer) -> list[Any]:
    """The gradients of the outputs and of the last states, checked; None for one that is absent."""
    if not isinstance(grad, (tuple, list)) or len(grad) != len(results):
        came = f"{len(grad)} gradients" if isinstance(grad, (tuple, list)) else f"a {type(grad).__name__}"
        raise TypeError(f"{name}: grad is {came}; expected a tuple of {len(results)}: of {', '.join(results)}")
    batch, steps, _ = layer.x.shape
    hidden = layer.weight_hh.shape[1]
    shapes = [(batch, steps, hidden), *[(batch, hidden)] * (len(results) - 1)]
    return [
        None if g is None else check_grad(name, g, s, layer.x.dtype, what=what)
        for g, s, what in zip(grad, shapes, results, strict=True)
    ]


def of_all_steps(grad: Any, of_last: Any, layer: Layer) -> Any:
    """The gradient of (N, T, H) from those of all steps and of the last one; None if there is none."""
    if of_last is None:
        return grad
    batch, steps, _ = layer.x.shape
    like = np.broadcast_to(np.zeros((), layer.x.dtype), (batch, steps, layer.weight_hh.shape[1]))
    last = 0 if layer.reverse else steps - 1
    (spread,) = indexing.slice_backward(of_last, like, (slice(None), last))
    return plus(grad, spread)


def of_inputs(dz: Any, layer: Layer) -> tuple[Any, ...]:
    """Gradients of x, weight_ih and both biases from that of z = x weight_ih' + bias_ih + bias_hh."""
    bias = plus(layer.bias_ih, layer.bias_hh)
    dx, dweight, dbias = dense_backward(dz, layer.x, layer.weight_ih, bias)
    return dx, dweight, None if layer.bias_ih is None else dbias, None if layer.bias_hh is None else dbias
