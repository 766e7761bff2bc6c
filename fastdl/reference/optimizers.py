"""One step of gradient descent: the update rules of SGD, Adam, RMSprop and Adagrad, equal to PyTorch's.

Letters: p the parameters, g the gradient of the loss with respect to p, lr the learning rate, step the number
of steps taken before (0 at first). The state (velocity; m and v) has the shape of p. Nothing is changed in
place: new arrays are returned, and the caller hands them in again at the next step.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, as_float64, pick, quiet


def sgd_update(
    p: ArrayLike,
    g: ArrayLike,
    velocity: ArrayLike,
    step: int,
    lr: float,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    at: Indices | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Gradient descent, with momentum if asked for: returns the new (p, velocity).

    g = g + weight_decay p
    velocity = momentum velocity + g, but velocity = g in the first step (step == 0)
    d = velocity, or g + momentum velocity with nesterov
    p = p - lr d
    Without momentum d = g, and the velocity is returned as it came. Nesterov's rule needs momentum > 0.

    >>> p, velocity = sgd_update([1.0], [2.0], [0.0], 0, 0.1, momentum=0.9)
    >>> p, velocity = sgd_update(p, [2.0], velocity, 1, 0.1, momentum=0.9)
    >>> p.round(4).tolist(), velocity.round(4).tolist()
    ([0.42], [3.8])
    """
    parameters, slope, speed = _of_one_shape("sgd_update", step, at, p=p, g=g, velocity=velocity)
    if nesterov and momentum <= 0:
        raise ValueError(f"sgd_update: nesterov needs momentum > 0, momentum is {momentum}")
    with quiet():
        slope = slope + weight_decay * parameters
        if momentum == 0:
            return np.asarray(parameters - lr * slope), speed
        speed = slope if step == 0 else momentum * speed + slope
        direction = slope + momentum * speed if nesterov else speed
        return np.asarray(parameters - lr * direction), np.asarray(speed)


def _one_less_power(beta: float, t: int) -> float:
    """1 - beta^t with all its digits, which the difference would lose where beta^t is nearly 1."""
    return -math.expm1(t * math.log(beta)) if beta > 0 else 1.0


def adam_update(
    p: ArrayLike,
    g: ArrayLike,
    m: ArrayLike,
    v: ArrayLike,
    step: int,
    lr: float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    at: Indices | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Adam (Kingma and Ba, 2015, algorithm 1), decoupled: AdamW. Returns the new (p, m, v).

    g = g + weight_decay p, or, decoupled: p = p - lr weight_decay p (Loshchilov and Hutter, 2019)
    m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
    p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps), where t = step + 1

    >>> p, m, v = adam_update([1.0, 1.0], [0.5, -20.0], [0.0, 0.0], [0.0, 0.0], 0, 0.1)
    >>> p.round(4).tolist()
    [0.9, 1.1]
    """
    parameters, slope, mean, square = _of_one_shape("adam_update", step, at, p=p, g=g, m=m, v=v)
    t = step + 1
    with quiet():
        if decoupled:
            parameters = parameters - lr * weight_decay * parameters
        else:
            slope = slope + weight_decay * parameters
        mean = beta1 * mean + (1 - beta1) * slope
        square = beta2 * square + (1 - beta2) * slope**2
        mean_unbiased = mean / _one_less_power(beta1, t)
        square_unbiased = square / _one_less_power(beta2, t)
        parameters = parameters - lr * mean_unbiased / (np.sqrt(square_unbiased) + eps)
        return np.asarray(parameters), np.asarray(mean), np.asarray(square)


def rmsprop_update(
    p: ArrayLike,
    g: ArrayLike,
    square: ArrayLike,
    mean: ArrayLike | None,
    velocity: ArrayLike | None,
    lr: float,
    *,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    at: Indices | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray | None, FloatArray | None]:
    """RMSprop (Tieleman and Hinton, 2012): returns the new (p, square, mean, velocity).

    g = g + weight_decay p
    square = alpha square + (1 - alpha) g^2
    d = g / (sqrt(square) + eps); with a mean, mean = alpha mean + (1 - alpha) g and square - mean^2 under the root
    velocity = momentum velocity + d, and p = p - lr velocity; without momentum p = p - lr d

    >>> p, square, _, _ = rmsprop_update([1.0, 1.0], [0.5, -20.0], [0.0, 0.0], None, None, 0.01)
    >>> p.round(3).tolist()
    [0.9, 1.1]
    """
    state = {"mean": mean, "velocity": velocity}
    given = {name: x for name, x in state.items() if x is not None}
    parameters, slope, squares, *rest = _of_one_shape("rmsprop_update", 0, at, p=p, g=g, square=square, **given)
    found: dict[str, FloatArray] = dict(zip(given, rest, strict=True))
    if momentum and velocity is None:
        raise ValueError(f"rmsprop_update: momentum is {momentum}, velocity is None; give one, zeros at first")
    with quiet():
        slope = slope + weight_decay * parameters
        squares = alpha * squares + (1 - alpha) * slope**2
        spread = squares
        if "mean" in found:
            found["mean"] = alpha * found["mean"] + (1 - alpha) * slope
            spread = squares - found["mean"] ** 2
            spread = np.where(spread < 0, 0, spread)
        step = slope / (np.sqrt(spread) + eps)
        if momentum:
            step = found["velocity"] = momentum * found["velocity"] + step
        return np.asarray(parameters - lr * step), np.asarray(squares), found.get("mean"), found.get("velocity")


def adagrad_update(
    p: ArrayLike,
    g: ArrayLike,
    total: ArrayLike,
    step: int,
    lr: float,
    *,
    lr_decay: float = 0.0,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    at: Indices | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Adagrad (Duchi, Hazan and Singer, 2011): returns the new (p, total).

    g = g + weight_decay p,  total = total + g^2
    p = p - lr / (1 + step lr_decay) g / (sqrt(total) + eps)

    >>> p, total = adagrad_update([1.0, 1.0], [0.5, -20.0], [0.0, 0.0], 0, 0.1)
    >>> p.round(4).tolist(), total.tolist()
    ([0.9, 1.1], [0.25, 400.0])
    """
    parameters, slope, squares = _of_one_shape("adagrad_update", step, at, p=p, g=g, total=total)
    with quiet():
        slope = slope + weight_decay * parameters
        squares = squares + slope**2
        rate = lr / (1 + step * lr_decay)
        return np.asarray(parameters - rate * slope / (np.sqrt(squares) + eps)), np.asarray(squares)


def _of_one_shape(op: str, step: int, at: Indices | None, **arrays: ArrayLike) -> list[FloatArray]:
    """The parameters and their state, at the elements `at` only if these are given."""
    if step < 0:
        raise ValueError(f"{op}: step is {step}; steps count from 0")
    chosen = None if at is None else list(at)
    values = {name: as_float64(op, name, array) for name, array in arrays.items()}
    for name, value in values.items():
        if value.shape != values["p"].shape:
            raise ValueError(f"{op}: {name} is {value.shape}, p is {values['p'].shape}; they must agree")
    return [pick(value, chosen) for value in values.values()]
