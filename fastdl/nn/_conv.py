"""The convolutional layer."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functional as F
from .. import init
from . import _options
from ._attributes import Parameter
from .module import Module


class Conv2d(Module):
    """A convolution of images with learned kernels (a cross-correlation): see ``F.conv2d``.

    x (N, in_channels, H, W) -> y (N, out_channels, P, Q), or channels last with ``layout="NHWC"``, where
    P = (H + padding - dilation (kernel - 1) - 1) // stride + 1, and Q likewise. ``kernel_size``, ``stride`` and
    ``dilation`` are integers or (height, width); ``padding`` also "same", "valid" or ((top, bottom), (left, right)).
    Parameters as PyTorch's: ``weight`` (out, in / groups, kh, kw) in either layout and ``bias`` (out,), both drawn
    from U(-b, b), b = 1 / sqrt(in / groups kh kw).

    >>> from fastdl import nn
    >>> layer = nn.Conv2d(1, 16, 3, padding=1)
    >>> layer.weight.shape, layer.num_parameters
    ((16, 1, 3, 3), 160)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] | Sequence[Sequence[int]] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        layout: str = "NCHW",
        dtype: Any = np.float32,
    ) -> None:
        self.in_channels = _options.count("Conv2d", "in_channels", in_channels)
        self.out_channels = _options.count("Conv2d", "out_channels", out_channels)
        self.kernel_size = _options.pair("Conv2d", "kernel_size", kernel_size)
        self.stride = _options.pair("Conv2d", "stride", stride)
        self.padding = _options.padding("Conv2d", padding)
        self.dilation = _options.pair("Conv2d", "dilation", dilation)
        self.groups = _options.count("Conv2d", "groups", groups)
        self.layout = _options.choice("Conv2d", "layout", layout, ("NCHW", "NHWC"))
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"Conv2d: groups is {groups}; expected a divisor of in_channels {in_channels} and out_channels "
                f"{out_channels}"
            )
        kind = init.float_dtype("Conv2d", dtype)
        with_bias = _options.flag("Conv2d", "bias", bias)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        fan_in = math.prod(shape[1:])
        self.weight = Parameter(init.torch_uniform(shape, fan_in, dtype=kind))
        self.bias = Parameter(init.torch_uniform(self.out_channels, fan_in, dtype=kind)) if with_bias else None

    def __call__(self, x: Any) -> Any:
        return F.conv2d(
            self._input(x, self.weight.dtype),
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            layout=self.layout,
        )

    def config(self) -> dict[str, Any]:
        names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
        return {
            **{name: _options.brief(getattr(self, name)) for name in names},
            "bias": self.bias is not None,
            "layout": self.layout,
            "dtype": self.dtype.name,
        }
