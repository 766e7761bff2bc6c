"""The optimisers SGD, RMSprop and Adagrad."""

from typing import Any

from .. import functional as F
from .optimizer import Optimizer
from .schedules import Schedule


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for: ``torch.optim.SGD``.

    g = g + weight_decay p;  v = momentum v + g (v = g in the first step);  p = p - lr v, or with ``nesterov``
    p = p - lr (g + momentum v). Source: Sutskever et al., On the importance of initialization and momentum (2013).

    >>> import numpy as np
    >>> from fastdl import optim
    >>> optimizer, p = optim.SGD(0.1), np.float32([1, 2])
    >>> p, state = optimizer.update(p, np.float32([1, -1]), optimizer.init(p))
    >>> p, int(state["step"])
    (array([0.9, 2.1], dtype=float32), 1)
    """

    def __init__(
        self,
        lr: float | Schedule,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self._common(lr, clip_norm, clip_value)
        self.momentum = self._number("momentum", momentum)
        self.nesterov = self._flag("nesterov", nesterov)
        if self.nesterov and not momentum:
            raise ValueError("SGD: nesterov is True but momentum is 0; expected momentum > 0, usually 0.9")
        self.weight_decay = self._number("weight_decay", weight_decay)

    def _parts(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def _step(self, p: Any, g: Any, *parts: Any, step: Any, lr: Any) -> tuple[Any, ...]:
        velocity = parts[0] if parts else None
        updated = F.sgd_update(
            p, g, velocity, step, lr, momentum=self.momentum, nesterov=self.nesterov, weight_decay=self.weight_decay
        )
        return tuple(updated[: 1 + len(parts)])


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of g: ``torch.optim.RMSprop``.

    g = g + weight_decay p;  s = alpha s + (1 - alpha) g^2;  d = g / (sqrt(s) + eps), with ``centered``
    g / (sqrt(s - m^2) + eps), m = alpha m + (1 - alpha) g;  v = momentum v + d;  p = p - lr v.
    Source: Tieleman and Hinton, Neural networks for machine learning, lecture 6.5 (2012).

    >>> import numpy as np
    >>> from fastdl import optim
    >>> optimizer, p = optim.RMSprop(0.01), np.float64([1, 2])
    >>> p, state = optimizer.update(p, np.float64([3, -5]), optimizer.init(p))
    >>> p.round(6)
    array([0.9, 2.1])
    """

    def __init__(
        self,
        lr: float | Schedule = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self._common(lr, clip_norm, clip_value)
        self.alpha = self._number("alpha", alpha, below=1.0)
        self.eps = self._number("eps", eps)
        self.weight_decay = self._number("weight_decay", weight_decay)
        self.momentum = self._number("momentum", momentum)
        self.centered = self._flag("centered", centered)

    def _parts(self) -> tuple[str, ...]:
        return ("square", *["mean"] * self.centered, *["velocity"] * (self.momentum > 0))

    def _step(self, p: Any, g: Any, *parts: Any, step: Any, lr: Any) -> tuple[Any, ...]:
        given = dict(zip(self._parts(), parts, strict=True))
        new, *state = F.rmsprop_update(
            p,
            g,
            given["square"],
            given.get("mean"),
            given.get("velocity"),
            lr,
            alpha=self.alpha,
            eps=self.eps,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        return new, *(s for s in state if s is not None)


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all g^2 so far: ``torch.optim.Adagrad``.

    g = g + weight_decay p;  s = s + g^2;  p = p - lr / (1 + t lr_decay) g / (sqrt(s) + eps), t counting steps from 0.
    Source: Duchi, Hazan and Singer, Adaptive subgradient methods (2011).

    >>> import numpy as np
    >>> from fastdl import optim
    >>> optimizer, p = optim.Adagrad(0.1), np.float64([1, 2])
    >>> p, state = optimizer.update(p, np.float64([3, -5]), optimizer.init(p))
    >>> p.round(6)
    array([0.9, 2.1])
    """

    def __init__(
        self,
        lr: float | Schedule = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        eps: float = 1e-10,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self._common(lr, clip_norm, clip_value)
        self.lr_decay = self._number("lr_decay", lr_decay)
        self.weight_decay = self._number("weight_decay", weight_decay)
        self.eps = self._number("eps", eps)

    def _parts(self) -> tuple[str, ...]:
        return ("total",)

    def _step(self, p: Any, g: Any, *parts: Any, step: Any, lr: Any) -> tuple[Any, ...]:
        return tuple(
            F.adagrad_update(
                p, g, *parts, step, lr, lr_decay=self.lr_decay, eps=self.eps, weight_decay=self.weight_decay
            )
        )
