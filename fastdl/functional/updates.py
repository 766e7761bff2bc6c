"""Update rules of optimisers, equal to PyTorch's: from parameters, gradient and state to new parameters and state.

Letters: p parameters, g gradient of the loss, lr learning rate, step the number of steps taken before. Nothing is
changed in place, but a plan may put the new values where the old ones were. Step and learning rate are arrays of shape
() or numbers; as arrays they may change while a plan runs. No gradient flows through an update.
"""

import math
from typing import Any

from ..ops import Lowering, Operand, Primitive, Spec, op
from ..options import flag
from ._draw import updates as draw
from ._updating import launch, learning_rate, of_one_shape, option, step_count


def _lower_sgd(lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], weight_decay: float) -> None:
    (p, g, lr), (new,) = inputs, outputs
    launch(lowering, "sgd", p, [new, p, g, p.size, lr, weight_decay], 0.2)


def _lower_sgd_momentum(
    lowering: Lowering,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand, Operand],
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> None:
    (p, g, velocity, step, lr), (new, new_velocity) = inputs, outputs
    parameters = [new, p, g, p.size, lr, weight_decay]
    launch(lowering, "sgd_momentum", p, [*parameters, new_velocity, velocity, step, momentum, int(nesterov)], 0.3)


def _lower_adam(
    lowering: Lowering,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand, ...],
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    (p, g, m, v, step, lr), (new, new_m, new_v) = inputs, outputs
    parameters = [new, p, g, p.size, lr, weight_decay]
    rates = [*betas, *(1 - beta for beta in betas)]
    logarithms = [math.log(beta) if beta > 0 else -math.inf for beta in betas]
    arguments = [*parameters, new_m, m, new_v, v, step, *rates, eps, int(decoupled), *logarithms]
    launch(lowering, "adam", p, arguments, 0.5)


def _infer_sgd(p: Spec, g: Spec, lr: Spec, **attrs: Any) -> tuple[Spec]:
    return (p,)


def _infer_sgd_momentum(p: Spec, g: Spec, velocity: Spec, step: Spec, lr: Spec, **attrs: Any) -> tuple[Spec, Spec]:
    return p, p


def _infer_adam(p: Spec, g: Spec, m: Spec, v: Spec, step: Spec, lr: Spec, **attrs: Any) -> tuple[Spec, Spec, Spec]:
    return p, p, p


_sgd = Primitive("sgd_update", _infer_sgd, _lower_sgd, in_place=((0, 0),))
_sgd_momentum = Primitive("sgd_momentum_update", _infer_sgd_momentum, _lower_sgd_momentum, in_place=((0, 0), (1, 2)))
_adam = Primitive("adam_update", _infer_adam, _lower_adam, in_place=((0, 0), (1, 2), (2, 3)))


@op(draw=draw.sgd_update)
def sgd_update(
    p: Any,
    g: Any,
    velocity: Any,
    step: Any,
    lr: Any,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Any, Any]:
    """One step of gradient descent, with momentum if asked for: returns the new (p, velocity).

    g = g + weight_decay p; velocity = momentum velocity + g, but g in the first step (step 0); p = p - lr velocity, or
    p - lr (g + momentum velocity) with ``nesterov``. Without momentum p = p - lr g, and velocity comes back as it is.

    Equivalent to ``torch.optim.SGD``. p, g and velocity have one shape and are float32 or float64; velocity may be None
    without momentum. step is an integer, lr a number (or int64 and float64 arrays of shape ()).

    Raises ValueError for shapes that differ, negative options, and ``nesterov`` without momentum.

    Sutskever et al., On the importance of initialization and momentum in deep learning (2013).

    >>> import numpy as np
    >>> p, velocity = sgd_update(np.ones(1), np.full(1, 2.0), np.zeros(1), 0, 0.1, momentum=0.9)
    >>> sgd_update(p, np.full(1, 2.0), velocity, 1, 0.1, momentum=0.9)
    (array([0.42]), array([3.8]))
    """
    name = "sgd_update"
    p, g, velocity = of_one_shape(name, p=p, g=g, velocity=velocity)
    step, lr = step_count(name, step), learning_rate(name, lr)
    momentum, decay = option(name, "momentum", momentum), option(name, "weight_decay", weight_decay)
    nesterov = flag(name, "nesterov", nesterov)
    if momentum == 0:
        if nesterov:
            raise ValueError(f"{name}: nesterov needs momentum > 0, momentum is 0; pass momentum=0.9 for example")
        return _sgd(p, g, lr, weight_decay=decay)[0], velocity
    if velocity is None:
        raise ValueError(f"{name}: velocity is None, momentum is {momentum}; pass np.zeros_like(p) at the first step")
    new, new_velocity = _sgd_momentum(
        p, g, velocity, step, lr, momentum=momentum, nesterov=nesterov, weight_decay=decay
    )
    return new, new_velocity


@op(draw=draw.adam_update)
def adam_update(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    step: Any,
    lr: Any,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> tuple[Any, Any, Any]:
    """One step of Adam, or with ``decoupled`` of AdamW: returns the new (p, m, v).

    g = g + weight_decay p, or decoupled p = p - lr weight_decay p; m = beta1 m + (1 - beta1) g;
    v = beta2 v + (1 - beta2) g^2; p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) with t = step + 1.

    Equivalent to ``torch.optim.Adam`` and ``torch.optim.AdamW``. p, g, m and v have one shape and are float32 or
    float64; m and v are zeros at first. step is an integer, lr a number (or int64 and float64 arrays of shape ()).

    Raises ValueError for shapes that differ and options out of range.

    The corrections 1 - beta^t are computed in float64. Kingma and Ba, Adam (2015), algorithm 1; Loshchilov and Hutter,
    Decoupled weight decay regularization (2019), algorithm 2.

    >>> import numpy as np
    >>> p, m, v = adam_update(np.ones(2), np.array([0.5, -20.0]), np.zeros(2), np.zeros(2), 0, 0.1)
    >>> p.round(4)
    array([0.9, 1.1])
    """
    name = "adam_update"
    p, g, m, v = of_one_shape(name, p=p, g=g, m=m, v=v)
    betas = option(name, "beta1", beta1, 1), option(name, "beta2", beta2, 1)
    new, new_m, new_v = _adam(
        p,
        g,
        m,
        v,
        step_count(name, step),
        learning_rate(name, lr),
        betas=betas,
        eps=option(name, "eps", eps),
        weight_decay=option(name, "weight_decay", weight_decay),
        decoupled=flag(name, "decoupled", decoupled),
    )
    return new, new_m, new_v
