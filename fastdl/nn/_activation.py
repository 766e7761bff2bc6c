"""Activations as layers."""

from typing import Any

import numpy as np

from .. import functional as F
from ..init import float_dtype
from . import _options
from ._attributes import Parameter
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


class LeakyReLU(Module):
    """x above 0, ``negative_slope`` x below: see ``F.leaky_relu``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.LeakyReLU(0.5)(np.float32([-1, 2]))
    array([-0.5,  2. ], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = _options.number("LeakyReLU", "negative_slope", negative_slope)

    def __call__(self, x: Any) -> Any:
        return F.leaky_relu(x, self.negative_slope)

    def config(self) -> dict[str, Any]:
        return {"negative_slope": self.negative_slope}


class PReLU(Module):
    """x above 0, w x below, with slopes w that are learnt: see ``F.prelu``.

    Parameter as PyTorch's: ``weight`` (num_parameters,), one slope for all or one for each channel (axis 1 of x), which
    starts as ``init``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.PReLU()(np.float32([-1, 2]))
    array([-0.25,  2.  ], dtype=float32)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = np.float32) -> None:
        count = _options.count("PReLU", "num_parameters", num_parameters)
        self.init = _options.number("PReLU", "init", init)
        self.weight = Parameter(np.full(count, self.init, float_dtype("PReLU", dtype)))

    def __call__(self, x: Any) -> Any:
        return F.prelu(self._input(x, self.weight.dtype), self.weight)

    def config(self) -> dict[str, Any]:
        return {"num_parameters": self.num_parameters, "init": self.init, "dtype": self.dtype.name}


class ELU(Module):
    """x above 0, ``alpha`` (e^x - 1) below: see ``F.elu``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.ELU(0.5)(np.float64([-1, 2])).round(4)
    array([-0.3161,  2.    ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = _options.number("ELU", "alpha", alpha)

    def __call__(self, x: Any) -> Any:
        return F.elu(x, self.alpha)

    def config(self) -> dict[str, Any]:
        return {"alpha": self.alpha}


class SELU(Module):
    """ELU with the constants that keep mean 0 and variance 1: see ``F.selu``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.SELU()(np.float64([-1, 2])).round(4)
    array([-1.1113,  2.1014])
    """

    def __call__(self, x: Any) -> Any:
        return F.selu(x)


class CELU(Module):
    """x above 0, ``alpha`` (e^(x / alpha) - 1) below: see ``F.celu``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.CELU(0.5)(np.float64([-1, 2])).round(4)
    array([-0.4323,  2.    ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = _options.number("CELU", "alpha", alpha)
        if self.alpha == 0:
            raise ValueError("CELU: alpha is 0.0; expected a number other than 0")

    def __call__(self, x: Any) -> Any:
        return F.celu(x, self.alpha)

    def config(self) -> dict[str, Any]:
        return {"alpha": self.alpha}


class GELU(Module):
    """x P(Z < x) for a normal Z, or with ``approximate="tanh"`` nearly so: see ``F.gelu``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.GELU()(np.float64([-1, 1])).round(4)
    array([-0.1587,  0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = _options.choice("GELU", "approximate", approximate, ("none", "tanh"))

    def __call__(self, x: Any) -> Any:
        return F.gelu(x, approximate=self.approximate)

    def config(self) -> dict[str, Any]:
        return {"approximate": self.approximate}


class SiLU(Module):
    """x / (1 + e^-x), also called swish: see ``F.silu``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.SiLU()(np.float64([-1, 1])).round(4)
    array([-0.2689,  0.7311])
    """

    def __call__(self, x: Any) -> Any:
        return F.silu(x)


class Mish(Module):
    """x tanh(log(1 + e^x)): see ``F.mish``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Mish()(np.float64([-1, 1])).round(4)
    array([-0.3034,  0.8651])
    """

    def __call__(self, x: Any) -> Any:
        return F.mish(x)


class Hardsigmoid(Module):
    """x / 6 + 1/2, at least 0 and at most 1: see ``F.hard_sigmoid``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Hardsigmoid()(np.float64([-4, 0, 1.5])).round(4)
    array([0.  , 0.5 , 0.75])
    """

    def __call__(self, x: Any) -> Any:
        return F.hard_sigmoid(x)


class Hardswish(Module):
    """x times Hardsigmoid of it: see ``F.hard_swish``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Hardswish()(np.float64([-1.5, 4])).round(4)
    array([-0.375,  4.   ])
    """

    def __call__(self, x: Any) -> Any:
        return F.hard_swish(x)


class Softplus(Module):
    """log(1 + e^(``beta`` x)) / ``beta``, and x where ``beta`` x is above ``threshold``: see ``F.softplus``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Softplus()(np.float64([0, 30])).round(4)
    array([ 0.6931, 30.    ])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = _options.number("Softplus", "beta", beta)
        if self.beta == 0:
            raise ValueError("Softplus: beta is 0.0; expected a number other than 0")
        self.threshold = _options.number("Softplus", "threshold", threshold)

    def __call__(self, x: Any) -> Any:
        return F.softplus(x, beta=self.beta, threshold=self.threshold)

    def config(self) -> dict[str, Any]:
        return {"beta": self.beta, "threshold": self.threshold}


class Softsign(Module):
    """x / (1 + |x|): see ``F.softsign``.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Softsign()(np.float64([-1, 3])).round(4)
    array([-0.5 ,  0.75])
    """

    def __call__(self, x: Any) -> Any:
        return F.softsign(x)


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
