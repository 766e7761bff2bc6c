"""Transformers: encoder and decoder layers in a row, and how several layers are made from one."""

import copy
from collections.abc import Callable
from typing import Any, Self

from . import _options
from ._containers import ModuleList
from .module import Module


def _layers(name: str, layer: Module | Callable[[], Module], num_layers: int) -> list[Module]:
    """Copies of the layer, or what the function makes."""
    count = _options.count(name, "num_layers", num_layers)
    if isinstance(layer, Module):
        return [copy.deepcopy(layer) for _ in range(count)]
    if isinstance(layer, type) or not callable(layer):
        raise TypeError(
            f"{name}: layer is {layer!r}; expected a layer to copy, such as nn.{name}Layer(64, 4), or a function "
            "without arguments that makes one"
        )
    made = [layer() for _ in range(count)]
    for part in made:
        if not isinstance(part, Module):
            raise TypeError(f"{name}: layer() is a {type(part).__name__}; expected a function that makes an nn.Module")
    return made


class _Stack(Module):
    """Layers in a row, then perhaps a normalisation."""

    def __init__(self, layer: Module | Callable[[], Module], num_layers: int, norm: Module | None = None) -> None:
        name = type(self).__name__
        if norm is not None and not isinstance(norm, Module):
            raise TypeError(f"{name}: norm is {norm!r}; expected an nn.Module such as nn.LayerNorm(64), or None")
        self.layers = ModuleList(_layers(name, layer, num_layers))
        self.norm = norm

    @classmethod
    def _of(cls, layers: ModuleList, norm: Module | None) -> Self:
        """Made of these very layers, as a file describes them."""
        self = cls.__new__(cls)
        self.layers, self.norm = layers, norm
        return self


class TransformerEncoder(_Stack):
    """Encoder layers in a row, then ``norm`` if there is one: h[i] = layers[i](h[i - 1]), y = norm(h).

    x (N, T, d_model) -> (N, T, d_model). ``layer``: an :class:`TransformerEncoderLayer`, which is copied
    ``num_layers`` times with the values it has, as PyTorch does, so all layers start as equals; or a function that is
    called for each, ``lambda: nn.TransformerEncoderLayer(64, 4)``, and so draws values for each, which usually trains
    better. Layers with ``norm_first`` want ``norm=nn.LayerNorm(d_model)``.

    A call takes ``mask``, ``key_padding_mask`` and ``causal`` for all layers: see :class:`MultiheadAttention`. With
    ``causal`` and no memory it is the decoder of GPT. Parameters as PyTorch's: ``layers.0.self_attn.in_proj_weight``,
    ..., ``norm.weight``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> model = nn.TransformerEncoder(lambda: nn.TransformerEncoderLayer(8, 2, 32), 3)
    >>> model(np.zeros((3, 5, 8)), causal=True).shape, len(model.layers)
    ((3, 5, 8), 3)
    """

    def __call__(self, x: Any, *, mask: Any = None, key_padding_mask: Any = None, causal: bool = False) -> Any:
        for layer in self.layers:
            x = layer(x, mask=mask, key_padding_mask=key_padding_mask, causal=causal)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(_Stack):
    """Decoder layers in a row that all look at one memory, then ``norm`` if there is one.

    x (N, T, d_model), memory (N, S, d_model) -> (N, T, d_model). ``layer`` and ``norm`` as for
    :class:`TransformerEncoder`. A call takes for all layers what one takes: see :class:`TransformerDecoderLayer`.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> model = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 32), 2, nn.LayerNorm(8))
    >>> model(np.zeros((3, 5, 8)), np.ones((3, 7, 8)), causal=True).shape
    (3, 5, 8)
    """

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
        for layer in self.layers:
            x = layer(
                x,
                memory,
                mask=mask,
                memory_mask=memory_mask,
                key_padding_mask=key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                causal=causal,
                memory_causal=memory_causal,
            )
        return x if self.norm is None else self.norm(x)
