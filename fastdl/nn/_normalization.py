"""Normalisation of each sample by itself as layers; batch normalisation has a file of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functional as F
from .. import init
from . import _options
from ._attributes import Parameter
from .module import Module


class _Normalization(Module):
    """A layer with a dtype and perhaps parameters of ones and zeros."""

    def _parametrize(self, shape: Sequence[int], weight: bool, bias: bool, dtype: Any) -> None:
        self._dtype = init.float_dtype(type(self).__name__, dtype)
        self.weight = Parameter(init.constant(shape, 1.0, dtype=dtype)) if weight else None
        self.bias = Parameter(init.constant(shape, 0.0, dtype=dtype)) if bias else None

    def _own_dtype(self) -> np.dtype[Any]:
        return self._dtype

    def _convert(self, dtype: np.dtype[Any]) -> None:
        super()._convert(dtype)
        self._dtype = dtype


def _eps(layer: str, value: Any) -> float:
    """A number of at least 0."""
    eps = _options.number(layer, "eps", value)
    if eps < 0:
        raise ValueError(f"{layer}: eps is {value}; expected at least 0")
    return eps


def _sizes(layer: str, value: Any) -> tuple[int, ...]:
    """normalized_shape: an integer or several."""
    several = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not several:
        raise ValueError(f"{layer}: normalized_shape is {value!r}; expected at least one size")
    return tuple(_options.count(layer, "normalized_shape", n) for n in several)


def _brief(sizes: tuple[int, ...]) -> int | list[int]:
    return sizes[0] if len(sizes) == 1 else list(sizes)


class LayerNorm(_Normalization):
    """Gives each sample mean 0 and variance 1 along its last axes, then scales and shifts each of its elements.

    x (..., *normalized_shape) -> y of the same shape: see ``F.layer_norm``. Parameters as PyTorch's: ``weight`` of
    ones and ``bias`` of zeros in the shape ``normalized_shape``; neither without ``elementwise_affine``, no bias
    without ``bias``.

    >>> from fastdl import nn
    >>> nn.LayerNorm(64).num_parameters
    128
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        *,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _sizes("LayerNorm", normalized_shape)
        self.elementwise_affine = _options.flag("LayerNorm", "elementwise_affine", elementwise_affine)
        self._with_bias = _options.flag("LayerNorm", "bias", bias)
        affine = self.elementwise_affine
        self.eps = _eps("LayerNorm", eps)
        self._parametrize(self.normalized_shape, affine, affine and self._with_bias, dtype)

    def __call__(self, x: Any) -> Any:
        x = self._input(x, self._dtype)
        return F.layer_norm(x, self.weight, self.bias, normalized_shape=self.normalized_shape, eps=self.eps)

    def config(self) -> dict[str, Any]:
        return {
            "normalized_shape": _brief(self.normalized_shape),
            "eps": self.eps,
            "elementwise_affine": self.elementwise_affine,
            "bias": self._with_bias,
            "dtype": self._dtype.name,
        }


class RMSNorm(_Normalization):
    """Divides each sample by the root of its mean square along its last axes, then scales each of its elements.

    x (..., *normalized_shape) -> y of the same shape: see ``F.rms_norm``, also for ``eps=None``. Parameter as
    PyTorch's: ``weight`` of ones in the shape ``normalized_shape``, unless ``elementwise_affine`` is False.

    >>> from fastdl import nn
    >>> nn.RMSNorm(64).num_parameters
    64
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        *,
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _sizes("RMSNorm", normalized_shape)
        self.elementwise_affine = _options.flag("RMSNorm", "elementwise_affine", elementwise_affine)
        self.eps = None if eps is None else _eps("RMSNorm", eps)
        self._parametrize(self.normalized_shape, self.elementwise_affine, False, dtype)

    def __call__(self, x: Any) -> Any:
        x = self._input(x, self._dtype)
        return F.rms_norm(x, self.weight, normalized_shape=self.normalized_shape, eps=self.eps)

    def config(self) -> dict[str, Any]:
        return {
            "normalized_shape": _brief(self.normalized_shape),
            "eps": self.eps,
            "elementwise_affine": self.elementwise_affine,
            "dtype": self._dtype.name,
        }


class GroupNorm(_Normalization):
    """Gives each group of channels of each image mean 0 and variance 1, then scales and shifts each channel.

    x (N, C) or (N, C, ...) -> y of the same shape, C = ``num_channels``: see ``F.group_norm``. Parameters as
    PyTorch's: ``weight`` (C,) of ones and ``bias`` (C,) of zeros, unless ``affine`` is False.

    >>> from fastdl import nn
    >>> nn.GroupNorm(4, 32)
    GroupNorm(4, 32)
    """

    def __init__(
        self, num_groups: int, num_channels: int, *, eps: float = 1e-5, affine: bool = True, dtype: Any = np.float32
    ) -> None:
        self.num_groups = _options.count("GroupNorm", "num_groups", num_groups)
        self.num_channels = _options.count("GroupNorm", "num_channels", num_channels)
        self.affine = _options.flag("GroupNorm", "affine", affine)
        if self.num_channels % self.num_groups:
            raise ValueError(
                f"GroupNorm: num_groups is {num_groups}, num_channels is {num_channels}; expected a divisor of it"
            )
        self.eps = _eps("GroupNorm", eps)
        self._parametrize((self.num_channels,), self.affine, self.affine, dtype)

    def __call__(self, x: Any) -> Any:
        x = self._input(x, self._dtype)
        if len(x.shape) < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm: x has shape {tuple(x.shape)}; expected (N, C, ...) with C = {self.num_channels}"
            )
        return F.group_norm(x, self.num_groups, self.weight, self.bias, eps=self.eps)

    def config(self) -> dict[str, Any]:
        names = ("num_groups", "num_channels", "eps", "affine")
        return {**{name: getattr(self, name) for name in names}, "dtype": self._dtype.name}


class _ChannelNorm(_Normalization):
    """A layer of ``num_features`` channels; a subclass says which shapes it takes."""

    num_features: int
    dimensions: tuple[int, ...] = ()
    expected = ""

    def _checked(self, x: Any) -> Any:
        """``x`` in the layer's dtype, of a shape that fits."""
        x = self._input(x, self._dtype)
        if len(x.shape) not in self.dimensions or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: x has shape {tuple(x.shape)}; expected {self.expected} with C = "
                f"{self.num_features}"
            )
        return x


class _InstanceNorm(_ChannelNorm):
    """Options and parameters."""

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        affine: bool = False,
        track_running_stats: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        name = type(self).__name__
        self.num_features = _options.count(name, "num_features", num_features)
        self.affine = _options.flag(name, "affine", affine)
        if _options.flag(name, "track_running_stats", track_running_stats):
            raise ValueError(
                f"{name}: track_running_stats is True; expected False: running statistics of single images are not "
                "kept, for those of batches use BatchNorm"
            )
        self.eps = _eps(name, eps)
        self._parametrize((self.num_features,), self.affine, self.affine, dtype)

    def __call__(self, x: Any) -> Any:
        return F.instance_norm(self._checked(x), self.weight, self.bias, eps=self.eps)

    def config(self) -> dict[str, Any]:
        names = ("num_features", "eps", "affine")
        return {**{name: getattr(self, name) for name in names}, "dtype": self._dtype.name}


class InstanceNorm1d(_InstanceNorm):
    """Gives each channel of each sequence mean 0 and variance 1: see ``F.instance_norm``.

    x (N, C, L) -> y of the same shape, C = ``num_features``, L at least 2. With ``affine`` each channel is scaled and
    shifted by ``weight`` (C,) of ones and ``bias`` (C,) of zeros, named as PyTorch's. Running statistics are not kept:
    training and inference are the same.

    >>> from fastdl import nn
    >>> nn.InstanceNorm1d(8, affine=True).num_parameters
    16
    """

    dimensions, expected = (3,), "(N, C, L)"


class InstanceNorm2d(_InstanceNorm):
    """Gives each channel of each image mean 0 and variance 1: see ``F.instance_norm``.

    x (N, C, H, W) -> y of the same shape; all else as :class:`InstanceNorm1d`.

    >>> from fastdl import nn
    >>> nn.InstanceNorm2d(8).num_parameters
    0
    """

    dimensions, expected = (4,), "(N, C, H, W)"
