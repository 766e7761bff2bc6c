"""Layers that pool to a given size, whatever the size of what comes in."""

from typing import Any

from .. import functional as F
from ..options import is_integer
from . import _options
from .module import Module


class _AdaptivePool(Module):
    """What all have in common: a size of the result."""

    _function: str
    _layouts = ("NCHW", "NHWC")

    def __init__(self, output_size: Any, *, layout: str | None = None) -> None:
        name, axes = type(self).__name__, len(self._layouts[0]) - 2
        sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) and axes == 2 else (output_size,) * axes
        if len(sizes) != axes or any(n is not None and not is_integer(n) for n in sizes):
            wanted = "an integer or None" if axes == 1 else "an integer, None or two of these"
            raise TypeError(f"{name}: output_size is {output_size!r}; expected {wanted}")
        if any(n is not None and n < 1 for n in sizes):
            raise ValueError(f"{name}: output_size is {output_size!r}; expected at least 1")
        found = tuple(None if n is None else int(n) for n in sizes)
        self.output_size: Any = found if axes == 2 else found[0]
        self.layout = _options.choice(name, "layout", layout or self._layouts[0], self._layouts)

    def __call__(self, x: Any) -> Any:
        return getattr(F, self._function)(x, self.output_size, layout=self.layout)

    def config(self) -> dict[str, Any]:
        layout = None if self.layout == self._layouts[0] else self.layout
        return {"output_size": _options.brief(self.output_size), "layout": layout}


class AdaptiveAvgPool2d(_AdaptivePool):
    """The mean of each of P x Q windows that share out an image: see ``F.adaptive_avg_pool2d``.

    x (N, C, H, W) -> y (N, C, P, Q); ``output_size`` is an integer or (P, Q), where None keeps a size.

    >>> from fastdl import nn
    >>> nn.AdaptiveAvgPool2d((1, None))
    AdaptiveAvgPool2d([1, None])
    """

    _function = "adaptive_avg_pool2d"


class AdaptiveAvgPool1d(_AdaptivePool):
    """The mean of each of Q windows that share out a sequence: see ``F.adaptive_avg_pool1d``.

    x (N, C, W) -> y (N, C, Q); ``output_size`` is Q; None keeps the size.

    >>> from fastdl import nn
    >>> nn.AdaptiveAvgPool1d(4)
    AdaptiveAvgPool1d(4)
    """

    _function = "adaptive_avg_pool1d"
    _layouts = ("NCW", "NWC")


class AdaptiveMaxPool2d(_AdaptivePool):
    """The largest value of each of P x Q windows that share out an image: see ``F.adaptive_max_pool2d``.

    x (N, C, H, W) -> y (N, C, P, Q); ``output_size`` is an integer or (P, Q), where None keeps a size.

    >>> from fastdl import nn
    >>> nn.AdaptiveMaxPool2d((1, None))
    AdaptiveMaxPool2d([1, None])
    """

    _function = "adaptive_max_pool2d"


class AdaptiveMaxPool1d(_AdaptivePool):
    """The largest value of each of Q windows that share out a sequence: see ``F.adaptive_max_pool1d``.

    x (N, C, W) -> y (N, C, Q); ``output_size`` is Q; None keeps the size.

    >>> from fastdl import nn
    >>> nn.AdaptiveMaxPool1d(4)
    AdaptiveMaxPool1d(4)
    """

    _function = "adaptive_max_pool1d"
    _layouts = ("NCW", "NWC")


class _GlobalPool(Module):
    """What all have in common: a window that is all of the image or the sequence."""

    _function: str
    _layouts = ("NCHW", "NHWC")

    def __init__(self, *, layout: str | None = None) -> None:
        self.layout = _options.choice(type(self).__name__, "layout", layout or self._layouts[0], self._layouts)

    def __call__(self, x: Any) -> Any:
        return getattr(F, self._function)(x, layout=self.layout)

    def config(self) -> dict[str, Any]:
        return {"layout": None if self.layout == self._layouts[0] else self.layout}


class GlobalAvgPool2d(_GlobalPool):
    """The mean of each channel of each image: see ``F.global_avg_pool2d``.

    x (N, C, H, W) -> y (N, C, 1, 1), as ONNX's GlobalAveragePool; ``nn.Flatten()`` after it makes (N, C).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.GlobalAvgPool2d()(np.zeros((2, 3, 4, 5), np.float32)).shape
    (2, 3, 1, 1)
    """

    _function = "global_avg_pool2d"


class GlobalAvgPool1d(_GlobalPool):
    """The mean of each channel of each sequence: see ``F.global_avg_pool1d``.

    x (N, C, W) -> y (N, C, 1), as ONNX's GlobalAveragePool; ``nn.Flatten()`` after it makes (N, C).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.GlobalAvgPool1d()(np.zeros((2, 3, 4), np.float32)).shape
    (2, 3, 1)
    """

    _function = "global_avg_pool1d"
    _layouts = ("NCW", "NWC")


class GlobalMaxPool2d(_GlobalPool):
    """The largest value of each channel of each image: see ``F.global_max_pool2d``.

    x (N, C, H, W) -> y (N, C, 1, 1), as ONNX's GlobalMaxPool; ``nn.Flatten()`` after it makes (N, C).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.GlobalMaxPool2d()(np.zeros((2, 3, 4, 5), np.float32)).shape
    (2, 3, 1, 1)
    """

    _function = "global_max_pool2d"


class GlobalMaxPool1d(_GlobalPool):
    """The largest value of each channel of each sequence: see ``F.global_max_pool1d``.

    x (N, C, W) -> y (N, C, 1), as ONNX's GlobalMaxPool; ``nn.Flatten()`` after it makes (N, C).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.GlobalMaxPool1d()(np.zeros((2, 3, 4), np.float32)).shape
    (2, 3, 1)
    """

    _function = "global_max_pool1d"
    _layouts = ("NCW", "NWC")
