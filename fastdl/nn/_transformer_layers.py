"""The layers of transformers: self-attention, attention to a memory, two dense layers, each with a way past it.

Letters: N batch, T positions of x, S positions of the memory, E = d_model features. Source: Vaswani et al., "Attention
is all you need" (2017), section 3; with the normalisation first: Xiong et al., "On layer normalization in the
transformer architecture" (2020).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functional as F
from .. import init
from . import _options
from ._attention import MultiheadAttention
from ._dense import Dense
from ._dropout import dropped
from ._normalization import LayerNorm
from ._summary import describe
from .module import Module

_ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "silu", "mish", "leaky_relu", "elu", "tanh")  # of those of F.dense


class _Layer(Module):
    """Options and parts that both layers have; ``branches`` is the number of ways past something."""

    branches = 2

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        *,
        norm_first: bool = False,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        name = type(self).__name__
        self.d_model = _options.count(name, "d_model", d_model)
        self.nhead = _options.count(name, "nhead", nhead)
        if self.d_model % self.nhead:
            raise ValueError(f"{name}: nhead is {nhead}; expected a divisor of d_model {d_model}")
        self.dim_feedforward = _options.count(name, "dim_feedforward", dim_feedforward)
        self.dropout = _options.share(name, "dropout", dropout)
        self.activation = _options.choice(name, "activation", activation, _ACTIVATIONS)
        self.layer_norm_eps = _options.number(name, "layer_norm_eps", layer_norm_eps)
        if self.layer_norm_eps < 0:
            raise ValueError(f"{name}: layer_norm_eps is {layer_norm_eps}; expected at least 0")
        self.norm_first = _options.flag(name, "norm_first", norm_first)
        self.with_bias = _options.flag(name, "bias", bias)
        self._parametrize(init.float_dtype(name, dtype))

    def _parametrize(self, dtype: np.dtype[Any]) -> None:
        """The parts, in PyTorch's order."""
        e, hidden = self.d_model, self.dim_feedforward
        kind: dict[str, Any] = {"bias": self.with_bias, "dtype": dtype}
        self.self_attn = MultiheadAttention(e, self.nhead, dropout=self.dropout, **kind)
        if self.branches == 3:
            self.multihead_attn = MultiheadAttention(e, self.nhead, dropout=self.dropout, **kind)
        self.linear1, self.linear2 = Dense(e, hidden, **kind), Dense(hidden, e, **kind)
        for i in range(self.branches):
            setattr(self, f"norm{i + 1}", LayerNorm(e, eps=self.layer_norm_eps, **kind))

    def _checked(self, name: str, x: Any) -> Any:
        x = self._input(x, self.linear1.weight.dtype)
        if len(x.shape) != 3 or x.shape[2] != self.d_model:
            raise ValueError(
                f"{describe(self)}: {name} has shape {tuple(x.shape)}; expected (N, length, {self.d_model}), the batch "
                "first"
            )
        return x

    def _past(self, x: Any, norm: LayerNorm, block: Callable[[Any], Any]) -> Any:
        """A block and a way past it, normalised before the block or after the sum."""
        if self.norm_first:
            return F.add(x, dropped(block(norm(x)), self.dropout))
        return norm(F.add(x, dropped(block(x), self.dropout)))

    def _feed_forward(self, x: Any) -> Any:
        return self.linear2(dropped(self.linear1(x, activation=self.activation), self.dropout))

    def config(self) -> dict[str, Any]:
        names = ("d_model", "nhead", "dim_feedforward", "dropout", "activation", "layer_norm_eps", "norm_first")
        options = {name: getattr(self, name) for name in names}
        return {**options, "bias": self.with_bias, "dtype": self.dtype.name}

    def __repr__(self) -> str:
        return describe(self)


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two dense layers at each position, each with a way past it and a normalisation.

    h = norm1(x + attention(x)),  y = norm2(h + linear2(s(linear1(h)))); with ``norm_first``
    h = x + attention(norm1(x)),  y = h + linear2(s(linear1(norm2(h)))). In training dropout comes after attention,
    after linear2, after s and on the attention's weights.

    x (N, T, d_model) -> (N, T, d_model), batch first always; ``dim_feedforward`` features between the dense layers.
    ``activation``, the function s: "relu", "gelu", "gelu_tanh" (GPT-2's), "silu", "mish", "leaky_relu", "elu", "tanh".
    ``bias=False`` leaves out all biases, also the normalisations'.

    A call takes ``mask``, ``key_padding_mask`` and ``causal`` as :class:`MultiheadAttention`: boolean masks are **True
    where a query may attend** (PyTorch's layer means the opposite).

    Parameters named, shaped and initialised as PyTorch's: ``self_attn.in_proj_weight``, ..., ``linear1.weight``,
    ``norm1.weight``, ...

    >>> import numpy as np
    >>> from fastdl import nn
    >>> layer, x = nn.TransformerEncoderLayer(8, 2, 32, activation="gelu"), np.zeros((3, 5, 8), np.float32)
    >>> layer(x, causal=True).shape, layer.num_parameters
    ((3, 5, 8), 872)
    """

    def __call__(self, x: Any, *, mask: Any = None, key_padding_mask: Any = None, causal: bool = False) -> Any:
        x = self._checked("x", x)

        def attend(x: Any) -> Any:
            return self.self_attn(x, mask=mask, key_padding_mask=key_padding_mask, causal=causal)

        x = self._past(x, self.norm1, attend)
        return self._past(x, self.norm2, self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to a memory, then two dense layers, each with a way past it and a normalisation.

    As :class:`TransformerEncoderLayer`, with attention(h, memory) and ``norm2`` in between and ``norm3`` for the last;
    the memory, an encoder's output, is not normalised here.

    x (N, T, d_model), memory (N, S, d_model) -> (N, T, d_model). A call takes ``mask``, ``key_padding_mask`` and
    ``causal`` for x, ``memory_mask`` (T, S) and ``memory_key_padding_mask`` (N, S) for the memory; boolean masks are
    True where a query may attend. Nothing is causal unless it is said.

    Parameters as PyTorch's; the attention to the memory is ``multihead_attn``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> layer, x, memory = nn.TransformerDecoderLayer(8, 2, 32), np.zeros((3, 5, 8)), np.ones((3, 7, 8))
    >>> layer(x, memory, causal=True).shape
    (3, 5, 8)
    """

    branches = 3

    def __call__(
        self,
        x: Any,
        memory: Any,
        *,
        mask: Any = None,
        memory_mask: Any = None,
        key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        causal: bool = False,
        memory_causal: bool = False,
    ) -> Any:
        x, memory = self._checked("x", x), self._checked("memory", memory)

        def attend(x: Any) -> Any:
            return self.self_attn(x, mask=mask, key_padding_mask=key_padding_mask, causal=causal)

        def look_up(x: Any) -> Any:
            return self.multihead_attn(
                x, memory, mask=memory_mask, key_padding_mask=memory_key_padding_mask, causal=memory_causal
            )

        x = self._past(x, self.norm1, attend)
        x = self._past(x, self.norm2, look_up)
        return self._past(x, self.norm3, self._feed_forward)
