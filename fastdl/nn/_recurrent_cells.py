"""Single steps of recurrent layers, for loops of one's own. Letters as in ``_recurrent.py``."""

from typing import Any, ClassVar

import numpy as np

from .. import functional as F
from .. import init
from ._options import choice, count, flag
from ._recurrent import _add_parameters, _arrays, _check_states
from .module import Module


class _Cell(Module):
    """What the three have in common."""

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h0",)

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool = True, dtype: Any = np.float32) -> None:
        name = type(self).__name__
        self.input_size = count(name, "input_size", input_size)
        self.hidden_size = count(name, "hidden_size", hidden_size)
        self.with_bias = flag(name, "bias", bias)
        kind = init.float_dtype(name, dtype)
        _add_parameters(self, "", self.gates, (self.input_size, self.hidden_size), self.with_bias, kind)

    def _run(self, x: Any, states: list[Any], arrays: list[Any]) -> Any:
        """A sequence of one step: (outputs, last state, ...)."""
        raise NotImplementedError

    def __call__(self, x: Any, state: Any = None) -> Any:
        x = self._input(x, self.dtype)
        if len(x.shape) != 2 or x.shape[1] != self.input_size:
            raise ValueError(f"{type(self).__name__}: x has shape {tuple(x.shape)}; expected (N, {self.input_size})")
        states = _check_states(self, state, self.states, (x.shape[0], self.hidden_size))
        arrays = _arrays(self, "", self.with_bias)
        _, *last = self._run(F.reshape(x, (x.shape[0], 1, self.input_size)), states, arrays)
        return last[0] if len(last) == 1 else tuple(last)

    def config(self) -> dict[str, Any]:
        return {
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "bias": self.with_bias,
            "dtype": self.dtype.name,
        }


class RNNCell(_Cell):
    """One step of a simple recurrent layer: x (N, I), h (N, H) or None for zeros -> h (N, H). See ``F.rnn``.

    Parameters as PyTorch's: ``weight_ih`` (H, I), ``weight_hh`` (H, H), ``bias_ih`` and ``bias_hh`` (H,), drawn from
    U(-1/sqrt(H), 1/sqrt(H)). Whole sequences are many times faster in one call of :class:`RNN`.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.RNNCell(3, 5)(np.zeros((4, 3), np.float32)).shape
    (4, 5)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        nonlinearity: str = "tanh",
        dtype: Any = np.float32,
    ) -> None:
        self.nonlinearity = choice("RNNCell", "nonlinearity", nonlinearity, ("tanh", "relu"))
        super().__init__(input_size, hidden_size, bias=bias, dtype=dtype)

    def _run(self, x: Any, states: list[Any], arrays: list[Any]) -> Any:
        return F.rnn(x, *states, *arrays, activation=self.nonlinearity)

    def config(self) -> dict[str, Any]:
        return {**super().config(), "nonlinearity": self.nonlinearity}


class LSTMCell(_Cell):
    """One step of an LSTM: x (N, I), (h, c) or None for zeros -> (h, c), each (N, H). See ``F.lstm``.

    Parameters as :class:`RNNCell`, those of the gates i f g o below each other.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> h, c = nn.LSTMCell(3, 5)(np.zeros((4, 3), np.float32))
    >>> h.shape
    (4, 5)
    """

    gates = 4
    states = ("h0", "c0")

    def _run(self, x: Any, states: list[Any], arrays: list[Any]) -> Any:
        return F.lstm(x, *states, *arrays)


class GRUCell(_Cell):
    """One step of gated recurrent units: x (N, I), h (N, H) or None for zeros -> h (N, H). See ``F.gru``.

    Parameters as :class:`RNNCell`, those of the gates r z n below each other.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.GRUCell(3, 5)(np.zeros((4, 3), np.float32)).shape
    (4, 5)
    """

    gates = 3

    def _run(self, x: Any, states: list[Any], arrays: list[Any]) -> Any:
        return F.gru(x, *states, *arrays)
