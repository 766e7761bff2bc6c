"""What the recurrent layers of `recurrent.py` share; letters as there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_float64, as_grad, pick


class Layer(NamedTuple):
    """The arguments of a layer as arrays; what is absent is zero, but an absent h0 is not multiplied by U."""

    x: FloatArray
    h0: FloatArray
    c0: FloatArray
    weight_ih: FloatArray
    weight_hh: FloatArray
    bias_ih: FloatArray
    bias_hh: FloatArray
    order: list[int]  # the steps as they are walked
    starts_with_state: bool

    @property
    def outputs_shape(self) -> Index:
        return (*self.x.shape[:2], self.weight_hh.shape[1])


def layer_of(
    op: str,
    gates: int,
    x: ArrayLike,
    h0: ArrayLike | None,
    c0: ArrayLike | None,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None,
    bias_hh: ArrayLike | None,
    reverse: bool,
) -> Layer:
    """The arguments of `op`, checked to fit."""
    inputs, u = as_float64(op, "x", x), as_float64(op, "weight_hh", weight_hh)
    if inputs.ndim != 3 or inputs.shape[1] == 0:
        raise ValueError(f"{op}: x is {inputs.shape}; expected (batch, steps, features) with at least one step")
    if u.ndim != 2 or u.shape[1] == 0 or len(u) != gates * u.shape[1]:
        raise ValueError(f"{op}: weight_hh is {u.shape}; expected ({gates} H, H)")
    (batch, steps, features), (rows, hidden) = inputs.shape, u.shape
    others = {
        "h0": (h0, (batch, hidden)),
        "c0": (c0, (batch, hidden)),
        "weight_ih": (weight_ih, (rows, features)),
        "bias_ih": (bias_ih, (rows,)),
        "bias_hh": (bias_hh, (rows,)),
    }
    found = {}
    for name, (value, shape) in others.items():
        array = np.zeros(shape) if value is None and name != "weight_ih" else as_float64(op, name, value)  # type: ignore[arg-type]
        if array.shape != shape:
            raise ValueError(f"{op}: {name} is {array.shape}; expected {shape} (x {inputs.shape}, weight_hh {u.shape})")
        found[name] = array
    order = list(range(steps))[:: -1 if reverse else 1]
    return Layer(x=inputs, weight_hh=u, order=order, starts_with_state=h0 is not None, **found)


def from_input(layer: Layer, t: int) -> FloatArray:
    """W x_t + b_ih for every sequence."""
    return np.asarray(layer.x[:, t] @ layer.weight_ih.T + layer.bias_ih)


def from_state(layer: Layer, h: FloatArray, t: int) -> FloatArray:
    """U h + b_hh for every sequence, where h is the state before step t; at a start without a state b_hh."""
    if t == layer.order[0] and not layer.starts_with_state:
        return np.zeros((len(h), 1)) + layer.bias_hh
    return np.asarray(h @ layer.weight_hh.T + layer.bias_hh)


def states_before(layer: Layer, states: FloatArray, start: FloatArray) -> FloatArray:
    """At each step the state that the step before left."""
    before = np.empty(states.shape)
    for t, earlier in zip(layer.order, [None, *layer.order[:-1]], strict=True):
        before[:, t] = start if earlier is None else states[:, earlier]
    return before


def of_input(layer: Layer, da: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """dx, dW and db_ih: in the forward pass a_t got W x_t + b_ih at every step."""
    dx, dw = np.empty(layer.x.shape), np.zeros(layer.weight_ih.shape)
    for t in layer.order:
        dx[:, t] = da[:, t] @ layer.weight_ih
        dw += da[:, t].T @ layer.x[:, t]
    return dx, dw, np.asarray(da.sum(axis=(0, 1)))


def of_state(layer: Layer, da: FloatArray, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """dU and db_hh: in the forward pass a_t got U h_(t-1) + b_hh at every step."""
    du, before = np.zeros(layer.weight_hh.shape), states_before(layer, outputs, layer.h0)
    for t in layer.order:
        du += da[:, t].T @ before[:, t]
    return du, np.asarray(da.sum(axis=(0, 1)))


def gradients_of(op: str, grad: Sequence[ArrayLike | None], layer: Layer, count: int) -> list[FloatArray]:
    """The gradients of the outputs and of the last states; those that are absent are zeros."""
    if not isinstance(grad, (tuple, list)) or len(grad) != count:
        raise ValueError(f"{op}_backward: grad is no tuple of {count} gradients, one for each result")
    batch, _, hidden = layer.outputs_shape
    shapes = [layer.outputs_shape] + [(batch, hidden)] * (count - 1)
    return [np.zeros(s) if g is None else as_grad(op, g, s) for g, s in zip(grad, shapes, strict=True)]


def picked(results: tuple[FloatArray, ...], at: Sequence[Indices] | None) -> tuple[FloatArray, ...]:
    """The results, or of each the elements that its list of indices names."""
    if at is None:
        return tuple(y.copy() for y in results)
    return tuple(pick(y, indices) for y, indices in zip(results, at, strict=True))
