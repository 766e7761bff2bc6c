"""Recurrent layers: RNN, LSTM and GRU, and their single steps.

Letters: x (N, T, I): N sequences of T steps; H hidden units, L layers, D directions (1 or 2).
"""

from typing import Any, ClassVar

import numpy as np

from .. import functional as F
from .. import init
from ._attributes import Parameter
from ._dropout import dropped
from ._options import choice, count, flag, share
from .module import Module

_OUTPUTS = ("both", "sequence", "last")


def _add_parameters(layer: Module, suffix: str, gates: int, sizes: tuple[int, int], bias: bool, dtype: Any) -> None:
    """weight_ih (G H, I), weight_hh (G H, H) and two biases (G H,), drawn from U(-1/sqrt(H), 1/sqrt(H))."""
    features, hidden = sizes
    shapes = {"weight_ih": (gates * hidden, features), "weight_hh": (gates * hidden, hidden)}
    vectors = dict.fromkeys(("bias_ih", "bias_hh"), (gates * hidden,)) if bias else {}
    for name, shape in {**shapes, **vectors}.items():
        setattr(layer, name + suffix, Parameter(init.torch_uniform(shape, hidden, dtype=dtype)))


def _arrays(layer: Module, suffix: str, bias: bool) -> list[Any]:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if bias else ("weight_ih", "weight_hh")
    return [getattr(layer, name + suffix) for name in names]


def _check_states(layer: Module, state: Any, names: tuple[str, ...], shape: tuple[int, ...]) -> list[Any]:
    """The states at the start as a list of arrays of ``shape``, or of None."""
    kind = type(layer).__name__
    if state is None:
        return [None] * len(names)
    if len(names) > 1 and not (isinstance(state, (tuple, list)) and len(state) == len(names)):
        raise TypeError(f"{kind}: state is a {type(state).__name__}; expected a tuple ({', '.join(names)}), or None")
    found = []
    for name, value in zip(names, state if len(names) > 1 else (state,), strict=True):
        array = layer._input(value, layer.dtype)
        if tuple(array.shape) != shape:
            raise ValueError(f"{kind}: {name} has shape {tuple(array.shape)}; expected {shape}")
        found.append(array)
    return found


class _Recurrent(Module):
    """What the three have in common: layers on top of each other, each in one direction or in both."""

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h0",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        output: str = "both",
        dtype: Any = np.float32,
    ) -> None:
        name = type(self).__name__
        self.input_size = count(name, "input_size", input_size)
        self.hidden_size = count(name, "hidden_size", hidden_size)
        self.num_layers = count(name, "num_layers", num_layers)
        self.with_bias = flag(name, "bias", bias)
        if not flag(name, "batch_first", batch_first):
            raise ValueError(
                f"{name}: batch_first is False; expected True: sequences are (batch, steps, features) here, "
                "np.swapaxes(x, 0, 1) makes them of (steps, batch, features)"
            )
        self.dropout = share(name, "dropout", dropout)
        self.bidirectional = flag(name, "bidirectional", bidirectional)
        self.output = choice(name, "output", output, _OUTPUTS)
        kind = init.float_dtype(name, dtype)
        directions = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            features = self.input_size if layer == 0 else directions * self.hidden_size
            for suffix in self._suffixes(layer):
                _add_parameters(self, suffix, self.gates, (features, self.hidden_size), self.with_bias, kind)

    def _suffixes(self, layer: int) -> list[str]:
        """Ends of the parameters' names, one for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def _run(self, x: Any, states: list[Any], arrays: list[Any], reverse: bool) -> Any:
        """One layer in one direction: (outputs, last state, ...)."""
        raise NotImplementedError

    def __call__(self, x: Any, state: Any = None) -> Any:
        x = self._input(x, self.dtype)
        if len(x.shape) != 3 or x.shape[2] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: x has shape {tuple(x.shape)}; expected (batch, steps, {self.input_size})"
            )
        directions = 2 if self.bidirectional else 1
        full = (self.num_layers * directions, x.shape[0], self.hidden_size)
        starts = _check_states(self, state, self.states, full)
        last: list[list[Any]] = [[] for _ in self.states]
        for layer in range(self.num_layers):
            outputs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                place = layer * directions + direction
                begin = [None if s is None else F.slice(s, place) for s in starts]
                y, *ends = self._run(x, begin, _arrays(self, suffix, self.with_bias), direction == 1)
                outputs.append(y)
                for found, end in zip(last, ends, strict=True):
                    found.append(end)
            x = outputs[0] if directions == 1 else F.concatenate(outputs, axis=2)
            if layer < self.num_layers - 1:
                x = dropped(x, self.dropout)
        if self.output == "sequence":
            return x
        if self.output == "last":
            return last[0][-1] if directions == 1 else F.concatenate(last[0][-2:], axis=1)
        stacked = [F.stack(found) for found in last]
        return x, stacked[0] if len(stacked) == 1 else tuple(stacked)

    def config(self) -> dict[str, Any]:
        return {
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "bias": self.with_bias,
            "dropout": self.dropout,
            "bidirectional": self.bidirectional,
            "output": self.output,
            "dtype": self.dtype.name,
        }


class RNN(_Recurrent):
    """Simple recurrent layers, h = s(W x + U h' + b) with h' of the step before: see ``F.rnn``.

    x (N, T, input_size), state h0 (L D, N, hidden_size) or None for zeros -> (outputs (N, T, D hidden_size), h (L D, N,
    hidden_size)): the outputs of the last layer at each step, and the last states of all layers. With
    ``output="sequence"`` the outputs alone and with "last" the last layer's last states (N, D hidden_size) alone, which
    is what a ``Sequential`` can go on with.

    ``num_layers`` (L) layers lie on top of each other, with ``dropout`` between them in training; ``bidirectional``
    ones (D = 2) walk each sequence both ways and put the outputs side by side. ``nonlinearity`` is "tanh" or "relu".
    Parameters as PyTorch's: ``weight_ih_l0`` (H, I), ``weight_hh_l0`` (H, H), ``bias_ih_l0``, ``bias_hh_l0`` (H,), then
    ``..._l0_reverse``, ``..._l1`` and so on, drawn from U(-1/sqrt(H), 1/sqrt(H)). ``batch_first`` is always True.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> outputs, h = nn.RNN(3, 5, num_layers=2)(np.zeros((4, 7, 3), np.float32))
    >>> outputs.shape, h.shape
    ((4, 7, 5), (2, 4, 5))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *,
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        output: str = "both",
        dtype: Any = np.float32,
    ) -> None:
        self.nonlinearity = choice("RNN", "nonlinearity", nonlinearity, ("tanh", "relu"))
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias=bias,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            output=output,
            dtype=dtype,
        )

    def _run(self, x: Any, states: list[Any], arrays: list[Any], reverse: bool) -> Any:
        return F.rnn(x, *states, *arrays, activation=self.nonlinearity, reverse=reverse)

    def config(self) -> dict[str, Any]:
        return {**super().config(), "nonlinearity": self.nonlinearity}


class LSTM(_Recurrent):
    """Long short-term memory, in layers: see ``F.lstm``. Options, parameters and shapes as :class:`RNN`.

    The state is a pair (h, c), each (L D, N, hidden_size), before and after: x, (h0, c0) -> (outputs, (h, c)). The
    weights of the gates i f g o lie below each other: ``weight_ih_l0`` (4 H, I), ``weight_hh_l0`` (4 H, H).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> outputs, (h, c) = nn.LSTM(3, 5)(np.zeros((4, 7, 3), np.float32))
    >>> outputs.shape, c.shape
    ((4, 7, 5), (1, 4, 5))
    >>> classifier = nn.Sequential(nn.LSTM(3, 5, bidirectional=True, output="last"), nn.Dense(10, 2))
    >>> classifier(np.zeros((4, 7, 3), np.float32)).shape
    (4, 2)
    """

    gates = 4
    states = ("h0", "c0")

    def _run(self, x: Any, states: list[Any], arrays: list[Any], reverse: bool) -> Any:
        return F.lstm(x, *states, *arrays, reverse=reverse)


class GRU(_Recurrent):
    """Gated recurrent units, in layers: see ``F.gru``. Options, parameters and shapes as :class:`RNN`.

    The weights of the gates r z n lie below each other: ``weight_ih_l0`` (3 H, I), ``weight_hh_l0`` (3 H, H).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.GRU(3, 5, output="sequence")(np.zeros((4, 7, 3), np.float32)).shape
    (4, 7, 5)
    """

    gates = 3

    def _run(self, x: Any, states: list[Any], arrays: list[Any], reverse: bool) -> Any:
        return F.gru(x, *states, *arrays, reverse=reverse)
