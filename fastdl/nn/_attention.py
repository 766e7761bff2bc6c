"""Multi-head attention. Letters: N batch, T queries, S keys, E features, H heads, D = E / H features of a head."""

from typing import Any

import numpy as np

from .. import functional as F
from .. import init
from ..ops import Symbol
from . import _options
from ._attributes import Parameter
from ._dense import Dense
from ._dropout import dropped
from ._summary import describe
from .module import Module


class MultiheadAttention(Module):
    """Attention with several heads, each of which looks at its own projection of queries, keys and values.

    query (N, T, embed_dim), key (N, S, kdim), value (N, S, vdim) -> (N, T, embed_dim), batch first always; key left out
    is query (self-attention), value left out is key. Source: Vaswani et al., "Attention is all you need" (2017), 3.2.2.

    ``mask`` (T, S), (N, T, S) or (N, heads, T, S), or of such sizes that repeat: boolean, **True where a query may
    attend to a key** (PyTorch's layer means the opposite), or of the layer's dtype and added to the scores.
    ``key_padding_mask`` (N, S), boolean: True for keys that count, False for padding. ``causal``: query i sees keys
    0 to i only. A query that may attend to nothing gets zeros before the last projection. ``dropout`` is the share of
    weights dropped in training; then all weights are in memory at once, otherwise they never are (see ``F.attention``).

    With ``return_weights`` the result is (y, weights), the weights averaged over the heads, (N, T, S), or with
    ``average_weights=False`` (N, heads, T, S); in training after dropout.

    Parameters as PyTorch's: ``in_proj_weight`` (3 embed_dim, embed_dim), or ``q_proj_weight``, ``k_proj_weight`` and
    ``v_proj_weight`` (embed_dim, kdim or vdim) if ``kdim`` or ``vdim`` differ from embed_dim, drawn by Xavier's rule;
    ``in_proj_bias`` and ``out_proj.bias`` start as zeros, ``out_proj.weight`` as that of a ``Dense``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> layer, x = nn.MultiheadAttention(8, 2), np.zeros((3, 5, 8), np.float32)
    >>> layer(x).shape, layer(x, causal=True, return_weights=True)[1].shape
    ((3, 5, 8), (3, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        name = "MultiheadAttention"
        self.embed_dim = _options.count(name, "embed_dim", embed_dim)
        self.num_heads = _options.count(name, "num_heads", num_heads)
        self.dropout = _options.share(name, "dropout", dropout, "weights")
        self.kdim = self.embed_dim if kdim is None else _options.count(name, "kdim", kdim)
        self.vdim = self.embed_dim if vdim is None else _options.count(name, "vdim", vdim)
        with_bias = _options.flag(name, "bias", bias)
        kind = init.float_dtype(name, dtype)
        if self.embed_dim % self.num_heads:
            raise ValueError(f"{name}: num_heads is {num_heads}; expected a divisor of embed_dim {embed_dim}")
        features = self.embed_dim
        if self._one_weight:
            self.in_proj_weight = Parameter(init.xavier_uniform((3 * features, features), dtype=kind))
        else:
            self.q_proj_weight = Parameter(init.xavier_uniform((features, features), dtype=kind))
            self.k_proj_weight = Parameter(init.xavier_uniform((features, self.kdim), dtype=kind))
            self.v_proj_weight = Parameter(init.xavier_uniform((features, self.vdim), dtype=kind))
        self.in_proj_bias = Parameter(init.zeros(3 * features, dtype=kind)) if with_bias else None
        self.out_proj = Dense(features, features, bias=with_bias, dtype=kind)
        if with_bias:
            self.out_proj.bias = Parameter(init.zeros(features, dtype=kind))

    @property
    def _one_weight(self) -> bool:
        """Whether queries, keys and values have the same features, so that one weight projects them all."""
        return self.embed_dim == self.kdim == self.vdim

    def __call__(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        *,
        mask: Any = None,
        key_padding_mask: Any = None,
        causal: bool = False,
        return_weights: bool = False,
        average_weights: bool = True,
        training: bool = False,
    ) -> Any:
        return_weights = _options.flag("MultiheadAttention", "return_weights", return_weights)
        average_weights = _options.flag("MultiheadAttention", "average_weights", average_weights)
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = self._project(*self._checked(query, key, value))
        n, _, length, _ = q.shape
        full = self._mask(mask, key_padding_mask, (n, self.num_heads, length, k.shape[2]), q.dtype)
        dropping = training and self.dropout > 0
        if dropping or return_weights:
            y, weights = F.attention(q, k, v, full, causal=causal, return_weights=True)
        else:
            y, weights = F.attention(q, k, v, full, causal=causal), None
        if dropping:
            weights = dropped(weights, self.dropout)
            y = F.matmul(weights, v)
        y = self.out_proj(F.reshape(F.transpose(y, (0, 2, 1, 3)), (n, length, self.embed_dim)))
        if not return_weights:
            return y
        return y, F.mean(weights, axis=1) if average_weights else weights

    def _checked(self, query: Any, key: Any, value: Any) -> list[Any]:
        """The inputs in the layer's dtype, of shapes that fit; those that are one object stay one."""
        dtype, found = self.out_proj.weight.dtype, []
        once = {id(x): self._input(x, dtype) for x in (query, key, value)}
        sizes = (("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim))
        for name, given, features in sizes:
            x = once[id(given)]
            if len(x.shape) != 3 or x.shape[2] != features:
                raise ValueError(
                    f"{describe(self)}: {name} has shape {tuple(x.shape)}; expected (N, length, {features}), the batch "
                    "first"
                )
            found.append(x)
        q, k, v = found
        if q.shape[0] != k.shape[0] or k.shape[:2] != v.shape[:2]:
            raise ValueError(
                f"{describe(self)}: query {tuple(q.shape)}, key {tuple(k.shape)} and value {tuple(v.shape)} do not "
                "fit; expected one N, and as many values as keys"
            )
        return found

    def _project(self, query: Any, key: Any, value: Any) -> list[Any]:
        """Queries, keys and values by heads, (N, H, length, D); what has one input is projected at once."""
        e, bias = self.embed_dim, self.in_proj_bias
        if not self._one_weight:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            inputs = zip((query, key, value), weights, range(3), strict=True)
            return [self._heads(x, w, None if bias is None else bias[i * e : (i + 1) * e])[0] for x, w, i in inputs]
        weight = self.in_proj_weight
        if query is key is value:
            return self._heads(query, weight, bias)
        parts = [(query, 0, 1), (key, 1, 3)] if key is value else [(query, 0, 1), (key, 1, 2), (value, 2, 3)]
        found = []
        for x, i, j in parts:
            found += self._heads(x, weight[i * e : j * e], None if bias is None else bias[i * e : j * e])
        return found

    def _heads(self, x: Any, weight: Any, bias: Any) -> list[Any]:
        """Projections of x, one or several, each (N, H, length, D)."""
        n, length, _ = x.shape
        count, heads = weight.shape[0] // self.embed_dim, self.num_heads
        y = F.reshape(F.dense(x, weight, bias), (n, length, count, heads, self.embed_dim // heads))
        y = F.transpose(y, (2, 0, 3, 1, 4))
        return [y[i] for i in range(count)]

    def _mask(self, mask: Any, padding: Any, full: tuple[int, ...], dtype: Any) -> Any:
        """Both masks as one that broadcasts to (N, H, T, S)."""
        if mask is not None:
            mask = mask if isinstance(mask, Symbol) else np.asarray(mask)
            if mask.dtype != np.bool_:
                if mask.dtype.kind != "f":
                    raise TypeError(
                        f"{describe(self)}: mask has dtype {mask.dtype}; expected booleans, True where a query may "
                        f"attend to a key, or {dtype}, which is added to the scores: convert it with mask.astype(bool)"
                    )
                mask = self._input(mask, dtype)
            if len(mask.shape) == 3:
                mask = F.reshape(mask, (mask.shape[0], 1, *mask.shape[1:]))
        if padding is None:
            return mask
        padding = padding if isinstance(padding, Symbol) else np.asarray(padding)
        n, _, _, keys = full
        if padding.dtype != np.bool_ or tuple(padding.shape) != (n, keys):
            raise ValueError(
                f"{describe(self)}: key_padding_mask is {tuple(padding.shape)} {padding.dtype}; expected booleans "
                f"({n}, {keys}), True for keys that count"
            )
        padding = F.reshape(padding, (n, 1, 1, keys))
        if mask is None:
            return padding
        if mask.dtype == np.bool_ and isinstance(mask, np.ndarray) and isinstance(padding, np.ndarray):
            return mask & padding
        hidden = np.asarray(-np.inf, dtype)
        return F.where(padding, F.where(mask, np.zeros((), dtype), hidden) if mask.dtype == np.bool_ else mask, hidden)

    def config(self) -> dict[str, Any]:
        sizes = {"kdim": self.kdim, "vdim": self.vdim}
        return {
            "embed_dim": self.embed_dim,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "bias": self.in_proj_bias is not None,
            **{name: n for name, n in sizes.items() if n != self.embed_dim},
            "dtype": self.dtype.name,
        }

    def __repr__(self) -> str:
        return describe(self)
