"""The optimisers Adam and AdamW."""

from typing import Any

from .. import functional as F
from .optimizer import Optimizer
from .schedules import Schedule


class Adam(Optimizer):
    """Steps scaled by running means of g and g^2: ``torch.optim.Adam``.

    g = g + weight_decay p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
    p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps), t counting steps from 1.
    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.

    >>> import numpy as np
    >>> from fastdl import optim
    >>> optimizer, p = optim.Adam(0.1), np.float64([1, 2])
    >>> p, state = optimizer.update(p, np.float64([3, -5]), optimizer.init(p))
    >>> p.round(6)
    array([0.9, 2.1])
    """

    _decoupled = False

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self._common(lr, clip_norm, clip_value)
        self.beta1 = self._number("beta1", beta1, below=1.0)
        self.beta2 = self._number("beta2", beta2, below=1.0)
        self.eps = self._number("eps", eps)
        self.weight_decay = self._number("weight_decay", weight_decay)

    def _parts(self) -> tuple[str, ...]:
        return ("m", "v")

    def _step(self, p: Any, g: Any, *parts: Any, step: Any, lr: Any) -> tuple[Any, ...]:
        return tuple(
            F.adam_update(
                p,
                g,
                *parts,
                step,
                lr,
                beta1=self.beta1,
                beta2=self.beta2,
                eps=self.eps,
                weight_decay=self.weight_decay,
                decoupled=self._decoupled,
            )
        )


class AdamW(Adam):
    """Adam with weight decay apart from the gradient, p = p - lr weight_decay p first: ``torch.optim.AdamW``.

    With ``weight_decay=0`` the same as :class:`Adam`.
    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019).

    >>> from fastdl import optim
    >>> optim.AdamW().weight_decay
    0.01
    """

    _decoupled = True

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(lr, beta1, beta2, eps, weight_decay, clip_norm=clip_norm, clip_value=clip_value)
