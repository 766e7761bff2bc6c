"""Optimisers as functions: ``init`` makes the state, ``update`` a step; neither changes its arguments.

Parameters are an array or nested dicts, lists and tuples of arrays; an update works on recorded tensors as well, which
is how ``fit`` runs it inside a plan. The rules are PyTorch's. g is the gradient, lr the learning rate; the state has
``step``, the number of steps taken (int64), and ``lr`` (float64), which may be replaced between steps unless the
optimiser has a schedule: then it is the rate of the last step.

    optimizer = optim.Adam(1e-3)
    state = optimizer.init(params)
    for x, y in batches:
        loss, grads = step(params, x, y)  # step = fd.value_and_grad(...)
        params, state = optimizer.update(params, grads, state)
"""

from ..naming import did_you_mean
from .adam import Adam, AdamW
from .clipping import clip_by_norm, clip_by_value
from .optimizer import Optimizer
from .rules import SGD, Adagrad, RMSprop
from .schedules import (
    Schedule,
    cosine_decay,
    exponential_decay,
    linear_decay,
    one_cycle,
    piecewise_constant,
    step_decay,
    warmup,
)

_DEFAULT_RATES: dict[type[Optimizer], float] = {SGD: 0.01, Adam: 1e-3, AdamW: 1e-3, RMSprop: 0.01, Adagrad: 0.01}
_NAMED = {kind.__name__.lower(): kind for kind in _DEFAULT_RATES}


def get(optimizer: str | Optimizer, lr: float | Schedule | None = None) -> Optimizer:
    """The optimiser of this name ("sgd", "adam", "adamw", "rmsprop", "adagrad") with this learning rate, or itself.

    ``lr`` None: 0.001 for Adam and AdamW, 0.01 for the others; it may be a schedule.

    >>> get("adam", lr=0.01)
    Adam(lr=0.01, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.0)
    """
    if isinstance(optimizer, str):
        kind = _NAMED.get(optimizer.lower())
        if kind is None:
            hint = did_you_mean(optimizer, _NAMED)
            raise ValueError(f"optimizer is {optimizer!r}{hint}; expected one of {', '.join(map(repr, _NAMED))}")
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


__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "clip_by_norm",
    "clip_by_value",
    "cosine_decay",
    "exponential_decay",
    "get",
    "linear_decay",
    "one_cycle",
    "piecewise_constant",
    "step_decay",
    "warmup",
]
