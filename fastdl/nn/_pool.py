"""Layers that pool with windows of a given size."""

from collections.abc import Sequence
from typing import Any

from .. import functional as F
from . import _options
from .module import Module


class _Pool(Module):
    """What all have in common: a window that slides over images or sequences."""

    _function: str
    _own: str  # the option that other poolings do not have
    _layouts = ("NCHW", "NHWC")

    def __init__(self, kernel_size: Any, *, stride: Any, padding: Any, ceil_mode: bool, layout: str) -> None:
        name = type(self).__name__
        self.kernel_size = self._sizes("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else self._sizes("stride", stride)
        self.padding = self._sizes("padding", padding, least=0)
        self.ceil_mode = _options.flag(name, "ceil_mode", ceil_mode)
        self.layout = _options.choice(name, "layout", layout, self._layouts)

    def _sizes(self, option: str, value: Any, least: int = 1) -> Any:
        if len(self._layouts[0]) == 3:
            return _options.count(type(self).__name__, option, value, least=least)
        return _options.pair(type(self).__name__, option, value, least=least)

    def _check_padding(self, dilation: Any = 1) -> None:
        def pair(value: Any) -> tuple[int, int]:
            return value if isinstance(value, tuple) else (value, value)

        for p, k, d in zip(pair(self.padding), pair(self.kernel_size), pair(dilation), strict=True):
            if p > (d * (k - 1) + 1) // 2:
                raise ValueError(
                    f"{type(self).__name__}: padding is {_options.brief(self.padding)}; expected at most half of "
                    f"kernel_size {_options.brief(self.kernel_size)}, so that no window lies in the padding only"
                )

    def _named(self) -> dict[str, Any]:
        """The options that are given by name."""
        return {name: getattr(self, name) for name in ("stride", "padding", "ceil_mode", "layout", self._own)}

    def __call__(self, x: Any) -> Any:
        return getattr(F, self._function)(x, self.kernel_size, **self._named())

    def config(self) -> dict[str, Any]:
        options = {"kernel_size": self.kernel_size, **self._named()}
        if self.stride == self.kernel_size:
            options["stride"] = None
        return {name: _options.brief(value) for name, value in options.items()}


class MaxPool2d(_Pool):
    """The largest value of each window: see ``F.max_pool2d``.

    x (N, C, H, W) -> y (N, C, P, Q) with P = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1, one more with
    ``ceil_mode`` if pixels are left over; ``stride`` is ``kernel_size`` if not given.

    >>> from fastdl import nn
    >>> nn.MaxPool2d(2)
    MaxPool2d(2)
    """

    _function = "max_pool2d"
    _own = "dilation"

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        ceil_mode: bool = False,
        layout: str = "NCHW",
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, layout=layout)
        self.dilation = self._sizes("dilation", dilation)
        self._check_padding(self.dilation)


class MaxPool1d(_Pool):
    """The largest value of each window of a sequence: see ``F.max_pool1d``.

    x (N, C, W) -> y (N, C, Q); sizes and options as those of :class:`MaxPool2d`, integers all.

    >>> from fastdl import nn
    >>> nn.MaxPool1d(3, stride=2)
    MaxPool1d(3, stride=2)
    """

    _function = "max_pool1d"
    _own = "dilation"
    _layouts = ("NCW", "NWC")

    def __init__(
        self,
        kernel_size: int,
        *,
        stride: int | None = None,
        padding: int = 0,
        dilation: int = 1,
        ceil_mode: bool = False,
        layout: str = "NCW",
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, layout=layout)
        self.dilation = self._sizes("dilation", dilation)
        self._check_padding(self.dilation)


class AvgPool2d(_Pool):
    """The mean of each window: see ``F.avg_pool2d``. Shapes as :class:`MaxPool2d` with dilation 1.

    ``count_include_pad``: whether padding counts as zeros, as in PyTorch, or not at all.

    >>> from fastdl import nn
    >>> nn.AvgPool2d(3, stride=2)
    AvgPool2d(3, stride=2)
    """

    _function = "avg_pool2d"
    _own = "count_include_pad"

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        layout: str = "NCHW",
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, layout=layout)
        self.count_include_pad = _options.flag(type(self).__name__, "count_include_pad", count_include_pad)
        self._check_padding()


class AvgPool1d(_Pool):
    """The mean of each window of a sequence: see ``F.avg_pool1d``. Shapes as :class:`MaxPool1d` with dilation 1.

    >>> from fastdl import nn
    >>> nn.AvgPool1d(2, ceil_mode=True)
    AvgPool1d(2, ceil_mode=True)
    """

    _function = "avg_pool1d"
    _own = "count_include_pad"
    _layouts = ("NCW", "NWC")

    def __init__(
        self,
        kernel_size: int,
        *,
        stride: int | None = None,
        padding: int = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        layout: str = "NCW",
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, layout=layout)
        self.count_include_pad = _options.flag(type(self).__name__, "count_include_pad", count_include_pad)
        self._check_padding()
