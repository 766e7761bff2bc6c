"""The dense layer."""

from typing import Any

import numpy as np

from .. import functional as F
from .. import init
from . import _options
from ._attributes import Parameter
from .module import Module


class Dense(Module):
    """A dense (fully connected) layer: y = x W' + b, as a = Wx + b for each sample.

    x (..., in_features) -> y (..., out_features). Parameters as PyTorch's Linear: ``weight`` (out, in) and ``bias``
    (out,), both drawn from U(-1/sqrt(in), 1/sqrt(in)). A call takes ``activation="relu"`` or another name of
    ``F.dense``. Also named ``Linear``.

    >>> from fastdl import nn
    >>> layer = nn.Dense(2, 3)
    >>> layer.weight.shape, layer.num_parameters
    ((3, 2), 9)
    """

    def __init__(self, in_features: int, out_features: int, *, bias: bool = True, dtype: Any = np.float32) -> None:
        self.in_features = _options.count("Dense", "in_features", in_features)
        self.out_features = _options.count("Dense", "out_features", out_features)
        kind = init.float_dtype("Dense", dtype)
        with_bias = _options.flag("Dense", "bias", bias)
        self.weight = Parameter(init.torch_uniform((self.out_features, self.in_features), self.in_features, dtype=kind))
        self.bias = (
            Parameter(init.torch_uniform(self.out_features, self.in_features, dtype=kind)) if with_bias else None
        )

    def __call__(self, x: Any, *, activation: str | None = None) -> Any:
        return F.dense(self._input(x, self.weight.dtype), self.weight, self.bias, activation=activation)

    def config(self) -> dict[str, Any]:
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bias": self.bias is not None,
            "dtype": self.dtype.name,
        }


Linear = Dense
