"""Optimisers as functions: ``init`` makes the state, ``update`` a step; neither changes its arguments.

Parameters are an array or nested dicts, lists and tuples of arrays; an update works on recorded tensors as well, which
is how ``fit`` runs it inside a plan. The rules are PyTorch's. g is the gradient, lr the learning rate; the state has
``step``, the number of steps taken (int64), and ``lr`` (float64), which may be replaced between steps.

    optimizer = optim.Adam(1e-3)
    state = optimizer.init(params)
    for x, y in batches:
        loss, grads = step(params, x, y)  # step = fd.value_and_grad(...)
        params, state = optimizer.update(params, grads, state)
"""

import math
from typing import Any

import numpy as np

from . import functional as F
from .functional import batches
from .init import FLOATS
from .ops import Symbol
from .tree import flatten, tree_map, unflatten

State = dict[str, Any]


class Optimizer:
    """Base of optimisers. A subclass names the trees of its state and says how one array is updated."""

    lr: float

    def _parts(self) -> tuple[str, ...]:
        """Names of the parts of the state that have the parameters' structure."""
        return ()

    def init(self, params: Any) -> State:
        """The state before the first step, for parameters as from ``model.parameters()``.

        Raises TypeError unless all parameters are float32 or float64 arrays.
        """
        for leaf in flatten(params)[0]:
            if not isinstance(leaf, np.ndarray) or leaf.dtype not in FLOATS:
                what = f"an array of {leaf.dtype}" if isinstance(leaf, np.ndarray) else f"a {type(leaf).__name__}"
                raise TypeError(
                    f"{type(self).__name__}.init: params holds {what}; expected float32 or float64 arrays in an array, "
                    "dict, list or tuple, as from model.parameters()"
                )
        state: State = {"step": np.zeros((), np.int64), "lr": np.array(self.lr, np.float64)}
        return state | {name: tree_map(np.zeros_like, params) for name in self._parts()}

    def update(self, params: Any, grads: Any, state: State) -> tuple[Any, State]:
        """One step: the new (params, state).

        Raises ValueError if gradients or state do not have the structure of the parameters.
        """
        leaves, structure = flatten(params)
        columns = [self._column("grads", grads, structure)]
        for name in ("step", "lr", *self._parts()):
            if name not in state:
                raise ValueError(
                    f"{type(self).__name__}.update: state has no {name!r}; expected what init or the last update gave"
                )
        columns += [self._column(f"state[{name!r}]", state[name], structure) for name in self._parts()]
        rows = [self._step(*row, step=state["step"], lr=state["lr"]) for row in zip(leaves, *columns, strict=True)]
        results = [unflatten(structure, list(column)) for column in zip(*rows, strict=True)]
        if not rows:
            results = [params, *(state[name] for name in self._parts())]
        new = {"step": _next(state["step"]), "lr": state["lr"], **dict(zip(self._parts(), results[1:], strict=True))}
        return results[0], new

    def _column(self, name: str, tree: Any, structure: Any) -> list[Any]:
        leaves, found = flatten(tree)
        if found != structure:
            raise ValueError(f"{type(self).__name__}.update: {name} has another structure than params")
        return leaves

    def _step(self, p: Any, g: Any, *parts: Any, step: Any, lr: Any) -> tuple[Any, ...]:
        """The new (p, *parts) of one array."""
        raise NotImplementedError

    def _number(self, name: str, value: Any, least: float = 0.0, below: float = math.inf) -> float:
        """An option checked to be a number with least <= value < below."""
        kind = type(self).__name__
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise TypeError(f"{kind}: {name} is {value!r}; expected a number")
        if not least <= value < below:
            bound = (
                f"a finite number of at least {least:g}" if below == math.inf else f"{least:g} <= {name} < {below:g}"
            )
            raise ValueError(f"{kind}: {name} is {value}; expected {bound}")
        return float(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def _next(step: Any) -> Any:
    return batches.advance(step, by=1) if isinstance(step, Symbol) else np.asarray(step + 1)


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

    def __init__(self, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0) -> None:
        self.lr = self._number("lr", lr)
        self.momentum = self._number("momentum", momentum)
        if not isinstance(nesterov, (bool, np.bool_)):
            raise TypeError(f"SGD: nesterov is {nesterov!r}; expected True or False")
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov is True but momentum is 0; expected momentum > 0, usually 0.9")
        self.nesterov = bool(nesterov)
        self.weight_decay = self._number("weight_decay", weight_decay)

    def _parts(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def _step(self, p: Any, g: Any, *parts: Any, step: Any, lr: Any) -> tuple[Any, ...]:
        velocity = parts[0] if parts else None
        updated = F.sgd_update(
            p, g, velocity, step, lr, momentum=self.momentum, nesterov=self.nesterov, weight_decay=self.weight_decay
        )
        return tuple(updated[: 1 + len(parts)])


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
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.lr = self._number("lr", lr)
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
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(lr, beta1, beta2, eps, weight_decay)


_DEFAULT_RATES: dict[type[Optimizer], float] = {SGD: 0.01, Adam: 1e-3, AdamW: 1e-3}
_NAMED = {kind.__name__.lower(): kind for kind in _DEFAULT_RATES}


def get(optimizer: str | Optimizer, lr: float | None = None) -> Optimizer:
    """The optimiser called "sgd", "adam" or "adamw", with this learning rate (None: 0.01, 0.001, 0.001), or itself.

    >>> get("adam", lr=0.01)
    Adam(lr=0.01, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.0)
    """
    if isinstance(optimizer, str):
        kind = _NAMED.get(optimizer.lower())
        if kind is None:
            raise ValueError(f"optimizer is {optimizer!r}; expected one of {', '.join(map(repr, _NAMED))}")
        return kind(_DEFAULT_RATES[kind] if lr is None else lr)  # type: ignore[call-arg]
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        raise TypeError(f"optimizer is the class {optimizer.__name__}; write optim.{optimizer.__name__}(...)")
    if not all(callable(getattr(optimizer, name, None)) for name in ("init", "update")):
        raise TypeError(
            f"optimizer is a {type(optimizer).__name__}; expected a name such as 'adam', or one of fastdl.optim"
        )
    if lr is not None:
        raise ValueError("optimizer: lr is given beside an optimiser that has its own; give one of them")
    return optimizer


__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "get"]
