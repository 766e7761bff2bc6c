"""The convolutional layers, plain and transposed, of lines and of images."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from .. import functional as F
from .. import init
from . import _options
from ._attributes import Parameter
from .module import Module

Padding = str | int | Sequence[int] | Sequence[Sequence[int]]


def _one(layer: str, name: str, value: Any, *, least: int = 1) -> int:
    """An option of lines: an integer, or (width,)."""
    if isinstance(value, (tuple, list)) and len(value) == 1:
        (value,) = value
    if isinstance(value, (tuple, list)):
        raise TypeError(f"{layer}: {name} is {value!r}; expected an integer or (width,)")
    return _options.count(layer, name, value, least=least)


def _line_padding(layer: str, padding: Any) -> Any:
    """ "same", "valid", an integer, (width,) or (left, right), checked."""
    if isinstance(padding, str):
        return _options.choice(layer, "padding", padding, ("same", "valid"))
    if isinstance(padding, (tuple, list)) and len(padding) == 2:
        return _options.pair(layer, "padding", padding, least=0)
    return _one(layer, "padding", padding, least=0)


class _Conv(Module):
    """What all have in common; the classes below say of what they are, and how they are called."""

    _lines: ClassVar[bool] = False
    _transposed: ClassVar[bool] = False
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        bias: bool,
        layout: str,
        dtype: Any,
        padding: Any,
        groups: int,
        **options: Any,
    ) -> None:
        name = type(self).__name__
        extent = _one if self._lines else _options.pair
        self.in_channels = _options.count(name, "in_channels", in_channels)
        self.out_channels = _options.count(name, "out_channels", out_channels)
        for option, value in options.items():
            setattr(self, option, extent(name, option, value, least=0 if option == "output_padding" else 1))
        if self._transposed and isinstance(padding, str):
            raise TypeError(f"{name}: padding is {padding!r}; expected numbers: pixels that are cut off the result")
        self.padding = _line_padding(name, padding) if self._lines else _options.padding(name, padding)
        self.groups = _options.count(name, "groups", groups)
        self.layout = _options.choice(name, "layout", layout, ("NCW", "NWC") if self._lines else ("NCHW", "NHWC"))
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"{name}: groups is {groups}; expected a divisor of in_channels {in_channels} and out_channels "
                f"{out_channels}"
            )
        kind = init.float_dtype(name, dtype)
        with_bias = _options.flag(name, "bias", bias)
        first, second = self.out_channels, self.in_channels
        if self._transposed:
            first, second = second, first
        taps = (self.kernel_size,) if self._lines else self.kernel_size
        shape = (first, second // self.groups, *taps)
        fan_in = math.prod(shape[1:])  # PyTorch's, also for transposed layers, where it is none
        self.weight = Parameter(init.torch_uniform(shape, fan_in, dtype=kind))
        self.bias = Parameter(init.torch_uniform(self.out_channels, fan_in, dtype=kind)) if with_bias else None

    def _names(self) -> tuple[str, ...]:
        more = ("output_padding",) if self._transposed else ()
        return ("stride", "padding", *more, "dilation", "groups")

    def __call__(self, x: Any) -> Any:
        options = {name: getattr(self, name) for name in (*self._names(), "layout")}
        return type(self)._function(self._input(x, self.weight.dtype), self.weight, self.bias, **options)

    def config(self) -> dict[str, Any]:
        names = ("in_channels", "out_channels", "kernel_size", *self._names())
        return {
            **{name: _options.brief(getattr(self, name)) for name in names},
            "bias": self.bias is not None,
            "layout": self.layout,
            "dtype": self.dtype.name,
        }


class Conv1d(_Conv):
    """A convolution of lines with learned kernels (a cross-correlation): see ``F.conv1d``.

    x (N, in_channels, W) -> y (N, out_channels, Q), or channels last with ``layout="NWC"``, where
    Q = (W + padding - dilation (kernel - 1) - 1) // stride + 1. ``kernel_size``, ``stride`` and ``dilation`` are
    integers; ``padding`` also "same", "valid" or (left, right). Parameters as PyTorch's: ``weight`` (out, in / groups,
    kw) in either layout and ``bias`` (out,), both drawn from U(-b, b), b = 1 / sqrt(in / groups kw).

    >>> from fastdl import nn
    >>> layer = nn.Conv1d(1, 16, 5, padding="same")
    >>> layer.weight.shape, layer.num_parameters
    ((16, 1, 5), 96)
    """

    _lines = True
    _function = F.conv1d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: Padding = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        layout: str = "NCW",
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            layout=layout,
            dtype=dtype,
        )


class Conv2d(_Conv):
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

    _function = F.conv2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: Padding = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        layout: str = "NCHW",
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            layout=layout,
            dtype=dtype,
        )


class ConvTranspose1d(_Conv):
    """A transposed convolution, which makes lines longer: see ``F.conv_transpose1d``.

    x (N, in_channels, W) -> y (N, out_channels, (W - 1) stride - 2 padding + dilation (kernel - 1) + output_padding
    + 1), or channels last with ``layout="NWC"``. ``padding`` may be (left, right). Parameters as PyTorch's: ``weight``
    (in, out / groups, kw) in either layout and ``bias`` (out,), both from U(-b, b), b = 1 / sqrt(out / groups kw).

    >>> from fastdl import nn
    >>> layer = nn.ConvTranspose1d(16, 1, 4, stride=2, padding=1)
    >>> layer.weight.shape, layer.num_parameters
    ((16, 1, 4), 65)
    """

    _lines = True
    _transposed = True
    _function = F.conv_transpose1d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        layout: str = "NCW",
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            groups=groups,
            bias=bias,
            dilation=dilation,
            layout=layout,
            dtype=dtype,
        )


class ConvTranspose2d(_Conv):
    """A transposed convolution, which makes images larger: see ``F.conv_transpose2d``.

    x (N, in_channels, H, W) -> y (N, out_channels, P, Q), or channels last with ``layout="NHWC"``, where
    P = (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1, and Q likewise. ``kernel_size``,
    ``stride``, ``padding``, ``output_padding`` and ``dilation`` are integers or (height, width); ``padding`` also
    ((top, bottom), (left, right)). Parameters as PyTorch's: ``weight`` (in, out / groups, kh, kw) in either layout and
    ``bias`` (out,), both drawn from U(-b, b), b = 1 / sqrt(out / groups kh kw).

    >>> from fastdl import nn
    >>> layer = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1)
    >>> layer.weight.shape, layer.num_parameters
    ((16, 8, 4, 4), 2056)
    """

    _transposed = True
    _function = F.conv_transpose2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        layout: str = "NCHW",
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            groups=groups,
            bias=bias,
            dilation=dilation,
            layout=layout,
            dtype=dtype,
        )
