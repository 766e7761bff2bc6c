"""Update rules that divide the gradient by a running size of it: RMSprop and Adagrad, equal to PyTorch's.

Letters and manner are those of ``updates.py``: p parameters, g gradient of the loss, lr learning rate, step the number
of steps taken before. Nothing is changed in place, but a plan may put the new values where the old ones were.
"""

from typing import Any

from ..ops import Lowering, Operand, Primitive, Spec, op
from ._draw import updates as draw
from ._updating import launch, learning_rate, of_one_shape, option, step_count


def _rmsprop(centred: bool, moving: bool) -> Primitive:
    """The primitive for one choice of state: p, g, square, the centre and the velocity as far as they are there, lr."""
    state = 1 + centred + moving

    def infer(p: Spec, *others: Spec, **attrs: Any) -> tuple[Spec, ...]:
        return (p,) * (1 + state)

    def lower(
        lowering: Lowering,
        inputs: tuple[Operand, ...],
        outputs: tuple[Operand, ...],
        alpha: float,
        eps: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        (p, g, square, *old, lr), (new, new_square, *rest) = inputs, outputs
        mean: list[Any] = [rest[0], old[0]] if centred else [None, None]
        velocity: list[Any] = [rest[-1], old[-1]] if moving else [None, None]
        arguments = [new, p, g, p.size, lr, weight_decay, new_square, square, alpha, 1 - alpha, eps, momentum]
        launch(lowering, "rmsprop", p, [*arguments, int(centred), *mean, int(moving), *velocity], 0.6)

    name = "rmsprop_" + "centred_" * centred + "momentum_" * moving + "update"
    return Primitive(name, infer, lower, in_place=((0, 0), *((i, i + 1) for i in range(1, 1 + state))))


_RMSPROP = {(centred, moving): _rmsprop(centred, moving) for centred in (False, True) for moving in (False, True)}


@op(draw=draw.rmsprop_update)
def rmsprop_update(
    p: Any,
    g: Any,
    square: Any,
    mean: Any,
    velocity: Any,
    lr: Any,
    *,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> tuple[Any, Any, Any, Any]:
    """One step of RMSprop: returns the new (p, square, mean, velocity).

    g = g + weight_decay p; square = alpha square + (1 - alpha) g^2; d = g / (sqrt(square) + eps); p = p - lr d. With a
    ``mean``, mean = alpha mean + (1 - alpha) g and d = g / (sqrt(square - mean^2) + eps), the *centred* form. With
    ``momentum``, velocity = momentum velocity + d and p = p - lr velocity.

    Equivalent to ``torch.optim.RMSprop``. p, g, square, mean and velocity have one shape and are float32 or float64;
    the state is zeros at first; mean may be None, velocity too without momentum; what is None comes back as None. lr is
    a number or a float64 array of shape ().

    Raises ValueError for shapes that differ, options out of range, and momentum without velocity.

    A difference square - mean^2 that rounding makes negative counts as 0 (PyTorch gives NaN). Tieleman and Hinton,
    Neural networks for machine learning, lecture 6.5 (2012); the centred form: Graves, Generating sequences with
    recurrent neural networks (2013), equations 38 to 45.

    >>> import numpy as np
    >>> p, square, *_ = rmsprop_update(np.ones(2), np.array([0.5, -20.0]), np.zeros(2), None, None, 0.01)
    >>> p.round(3), square
    (array([0.9, 1.1]), array([2.5e-03, 4.0e+00]))
    """
    name = "rmsprop_update"
    p, g, square, mean, velocity = of_one_shape(name, p=p, g=g, square=square, mean=mean, velocity=velocity)
    momentum = option(name, "momentum", momentum)
    if momentum and velocity is None:
        raise ValueError(f"{name}: velocity is None, momentum is {momentum}; pass np.zeros_like(p) at the first step")
    state = [x for x in (mean, velocity if momentum else None) if x is not None]
    new, new_square, *rest = _RMSPROP[mean is not None, momentum > 0](
        p,
        g,
        square,
        *state,
        learning_rate(name, lr),
        alpha=option(name, "alpha", alpha, 1),
        eps=option(name, "eps", eps),
        momentum=momentum,
        weight_decay=option(name, "weight_decay", weight_decay),
    )
    return new, new_square, rest[0] if mean is not None else None, rest[-1] if momentum else velocity


def _lower_adagrad(
    lowering: Lowering,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand, Operand],
    lr_decay: float,
    eps: float,
    weight_decay: float,
) -> None:
    (p, g, total, step, lr), (new, new_total) = inputs, outputs
    arguments = [new, p, g, p.size, lr, weight_decay, new_total, total, step, lr_decay, eps]
    launch(lowering, "adagrad", p, arguments, 0.4)


def _infer_adagrad(p: Spec, g: Spec, total: Spec, step: Spec, lr: Spec, **attrs: Any) -> tuple[Spec, Spec]:
    return p, p


_adagrad = Primitive("adagrad_update", _infer_adagrad, _lower_adagrad, in_place=((0, 0), (1, 2)))


@op(draw=draw.adagrad_update)
def adagrad_update(
    p: Any,
    g: Any,
    total: Any,
    step: Any,
    lr: Any,
    *,
    lr_decay: float = 0.0,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
) -> tuple[Any, Any]:
    """One step of Adagrad: returns the new (p, total).

    g = g + weight_decay p; total = total + g^2; p = p - lr / (1 + step lr_decay) g / (sqrt(total) + eps).

    Equivalent to ``torch.optim.Adagrad``. p, g and total have one shape and are float32 or float64; total is zeros at
    first. step is an integer, lr a number (or int64 and float64 arrays of shape ()).

    Raises ValueError for shapes that differ and options out of range.

    Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and stochastic optimization (2011).

    >>> import numpy as np
    >>> p, total = adagrad_update(np.ones(2), np.array([0.5, -20.0]), np.zeros(2), 0, 0.1)
    >>> p, total
    (array([0.9, 1.1]), array([2.5e-01, 4.0e+02]))
    """
    name = "adagrad_update"
    p, g, total = of_one_shape(name, p=p, g=g, total=total)
    new, new_total = _adagrad(
        p,
        g,
        total,
        step_count(name, step),
        learning_rate(name, lr),
        lr_decay=option(name, "lr_decay", lr_decay),
        eps=option(name, "eps", eps),
        weight_decay=option(name, "weight_decay", weight_decay),
    )
    return new, new_total
