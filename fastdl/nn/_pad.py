"""Layers that pad images at their borders."""

from collections.abc import Sequence
from typing import Any

from .. import functional as F
from . import _options
from .module import Module


class _Pad2d(Module):
    """What all have in common: ``padding`` is PyTorch's, an integer for all sides or (left, right, top, bottom)."""

    _mode: str

    def __init__(self, padding: int | Sequence[int], *, layout: str = "NCHW") -> None:
        name = type(self).__name__
        sides = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * 4
        if len(sides) != 4:
            raise TypeError(f"{name}: padding is {padding!r}; expected an integer or (left, right, top, bottom)")
        left, right, top, bottom = (_options.count(name, "padding", side, least=0) for side in sides)
        self.padding = (left, right, top, bottom)
        self.layout = _options.choice(name, "layout", layout, ("NCHW", "NHWC"))

    def __call__(self, x: Any) -> Any:
        if len(x.shape) != 4:
            raise ValueError(
                f"{type(self).__name__}: x has shape {tuple(x.shape)}; expected four dimensions, {self.layout}"
            )
        left, right, top, bottom = self.padding
        image = ((top, bottom), (left, right))
        pairs = ((0, 0), (0, 0), *image) if self.layout == "NCHW" else ((0, 0), *image, (0, 0))
        return F.pad(x, pairs, mode=self._mode)

    def config(self) -> dict[str, Any]:
        same = len(set(self.padding)) == 1
        return {"padding": self.padding[0] if same else list(self.padding), "layout": self.layout}


class ZeroPad2d(_Pad2d):
    """Zeros around images: see ``F.pad`` with mode "constant".

    x (N, C, H, W) -> y (N, C, top + H + bottom, left + W + right); ``padding`` is an integer for all sides or, as in
    PyTorch, (left, right, top, bottom).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.ZeroPad2d((1, 2, 0, 1))(np.zeros((1, 1, 3, 4), np.float32)).shape
    (1, 1, 4, 7)
    """

    _mode = "constant"


class ReflectionPad2d(_Pad2d):
    """Images mirrored at their edges, which are not repeated: see ``F.pad`` with mode "reflect".

    x (N, C, H, W) -> y (N, C, top + H + bottom, left + W + right); ``padding`` is an integer for all sides or, as in
    PyTorch, (left, right, top, bottom).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.ReflectionPad2d((1, 2, 0, 1))(np.zeros((1, 1, 3, 4), np.float32)).shape
    (1, 1, 4, 7)
    """

    _mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """Images whose edges are repeated around them: see ``F.pad`` with mode "replicate".

    x (N, C, H, W) -> y (N, C, top + H + bottom, left + W + right); ``padding`` is an integer for all sides or, as in
    PyTorch, (left, right, top, bottom).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.ReplicationPad2d((1, 2, 0, 1))(np.zeros((1, 1, 3, 4), np.float32)).shape
    (1, 1, 4, 7)
    """

    _mode = "replicate"


class CircularPad2d(_Pad2d):
    """Images that go on at the other side: see ``F.pad`` with mode "circular".

    x (N, C, H, W) -> y (N, C, top + H + bottom, left + W + right); ``padding`` is an integer for all sides or, as in
    PyTorch, (left, right, top, bottom).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.CircularPad2d((1, 2, 0, 1))(np.zeros((1, 1, 3, 4), np.float32)).shape
    (1, 1, 4, 7)
    """

    _mode = "circular"
