"""Activations as layers."""

from typing import Any

from .. import functional as F
from . import _options
from .module import Module


class ReLU(Module):
    """max(x, 0): see ``F.relu``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.ReLU()(np.float32([-1, 2]))
    array([0., 2.], dtype=float32)
    """

    def __call__(self, x: Any) -> Any:
        return F.relu(x)


class Tanh(Module):
    """The hyperbolic tangent: see ``F.tanh``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Tanh()(np.float32([0]))
    array([0.], dtype=float32)
    """

    def __call__(self, x: Any) -> Any:
        return F.tanh(x)


class Sigmoid(Module):
    """1 / (1 + e^-x): see ``F.sigmoid``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Sigmoid()(np.float32([0]))
    array([0.5], dtype=float32)
    """

    def __call__(self, x: Any) -> Any:
        return F.sigmoid(x)


class Softmax(Module):
    """e^x / sum e^x along ``axis``: see ``F.softmax``. Not before ``cross_entropy``, which takes logits.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Softmax()(np.float32([1, 1]))
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = _options.integer("Softmax", "axis", axis)

    def __call__(self, x: Any) -> Any:
        return F.softmax(x, axis=self.axis)

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class LogSoftmax(Module):
    """x - log sum e^x along ``axis``: see ``F.log_softmax``.

    >>> from fastdl import nn
    >>> nn.LogSoftmax(axis=1)
    LogSoftmax(axis=1)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = _options.integer("LogSoftmax", "axis", axis)

    def __call__(self, x: Any) -> Any:
        return F.log_softmax(x, axis=self.axis)

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis}
