"""Pooling layers."""

from collections.abc import Sequence
from typing import Any

from .. import functional as F
from . import _options
from .module import Module


class _Pool2d(Module):
    """What the two have in common: a window that slides over images."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        layout: str = "NCHW",
    ) -> None:
        name = type(self).__name__
        self.kernel_size = _options.pair(name, "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else _options.pair(name, "stride", stride)
        self.padding = _options.pair(name, "padding", padding, least=0)
        self.layout = _options.choice(name, "layout", layout, ("NCHW", "NHWC"))
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"{name}: padding is {padding!r}; expected at most half of kernel_size {kernel_size!r}, so that no "
                "window lies in the padding only"
            )

    def config(self) -> dict[str, Any]:
        options = {name: _options.brief(getattr(self, name)) for name in ("kernel_size", "stride", "padding")}
        if self.stride == self.kernel_size:
            options["stride"] = None
        return {**options, "layout": self.layout}


class MaxPool2d(_Pool2d):
    """The largest value of each window: see ``F.max_pool2d``.

    x (N, C, H, W) -> y (N, C, P, Q) with P = (H + 2 padding - kernel) // stride + 1; ``stride`` is ``kernel_size`` if
    not given.

    >>> from fastdl import nn
    >>> nn.MaxPool2d(2)
    MaxPool2d(2)
    """

    def __call__(self, x: Any) -> Any:
        return F.max_pool2d(x, self.kernel_size, stride=self.stride, padding=self.padding, layout=self.layout)


class AvgPool2d(_Pool2d):
    """The mean of each window: see ``F.avg_pool2d``. Shapes as :class:`MaxPool2d`.

    ``count_include_pad``: whether padding counts as zeros, as in PyTorch, or not at all.

    >>> from fastdl import nn
    >>> nn.AvgPool2d(3, stride=2)
    AvgPool2d(3, stride=2)
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        count_include_pad: bool = True,
        layout: str = "NCHW",
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, layout=layout)
        self.count_include_pad = _options.flag("AvgPool2d", "count_include_pad", count_include_pad)

    def __call__(self, x: Any) -> Any:
        return F.avg_pool2d(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            count_include_pad=self.count_include_pad,
            layout=self.layout,
        )

    def config(self) -> dict[str, Any]:
        return {**super().config(), "count_include_pad": self.count_include_pad}
