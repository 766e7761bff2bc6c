"""Normalisation of each channel over a batch, with running statistics for inference, and its gradient.

Letters as in `normalization.py`, which says what becomes of one group: here all values of a channel.
"""

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, as_float64, present, quiet
from .normalization import Groups, Statistics, _backward, _batch, _forward, _parameter


def _running(
    op: str, mean: ArrayLike | None, var: ArrayLike | None, groups: Groups, training: bool
) -> Statistics | None:
    """The running statistics, which training may do without."""
    if mean is None or var is None:
        if not training or mean is not var:
            raise ValueError(f"{op}: running_mean and running_var must both be given, or in training none")
        return None
    return _parameter(op, "running_mean", mean, groups.shape, 0.0), _parameter(
        op, "running_var", var, groups.shape, 0.0
    )


def batch_norm(
    x: ArrayLike,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    running_mean: ArrayLike | None,
    running_var: ArrayLike | None,
    *,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    at: Indices | None = None,
) -> FloatArray | tuple[FloatArray, FloatArray | None, FloatArray | None]:
    """Give each channel mean 0 and variance 1.

    y = (x - mean) / sqrt(var + eps) * weight[c] + bias[c], with the running mean and var; in training with those of
    the n values of the channel, and the result is y, new_mean = (1 - momentum) running_mean + momentum mean, and
    new_var = (1 - momentum) running_var + momentum var n / (n - 1); None for both if there are no running ones.
    `at` names elements of y. Shapes: x (N, C, ...), all others (C,).

    >>> batch_norm([[1], [3]], None, None, [1], [4], eps=0).tolist()
    [[0.0], [1.0]]
    """
    values = as_float64("batch_norm", "x", x)
    groups = _batch("batch_norm", values)
    running = _running("batch_norm", running_mean, running_var, groups, training)
    given = None if training else running
    n = groups.places.shape[2]
    if training and n < 2:
        raise ValueError(f"batch_norm: x is {values.shape}; expected several values per channel in training")
    y = _forward("batch_norm", values, groups, weight, bias, eps, at, given=given)
    if not training:
        return y
    if running is None:
        return y, None, None
    new_mean, new_var = np.empty(len(groups.places)), np.empty(len(groups.places))
    with quiet():
        for c, places in enumerate(groups.places):
            channel = values.ravel()[places]
            mean = np.sum(channel) / n
            new_mean[c] = (1 - momentum) * running[0][c] + momentum * mean
            new_var[c] = (1 - momentum) * running[1][c] + momentum * np.sum((channel - mean) ** 2) / (n - 1)
    return y, new_mean, new_var


def batch_norm_backward(
    grad: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    running_mean: ArrayLike | None,
    running_var: ArrayLike | None,
    *,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[FloatArray | None, ...]:
    """Gradient of batch_norm's y, from `grad`, that of y; the running statistics move it in inference only.

    In the forward pass this was: y = z w + b, z = (x - m) r, r = (v + eps)^(-1/2), m and v the running statistics;
    so now: gx = r w g, gw = sum of g z, gb = sum of g, gm = -r w sum of g, gv = -1/2 r^2 w sum of g z. In training m
    and v moved with x, so, with means over the channel: gx = r w (g - mean(g) - z mean(g z)).

    >>> batch_norm_backward([[1], [0]], [[1], [3]], [2], None, [0], [4], eps=0)[0].tolist()
    [[1.0], [0.0]]
    """
    values = as_float64("batch_norm_backward", "x", x)
    groups = _batch("batch_norm", values)
    running = _running("batch_norm", running_mean, running_var, groups, training)
    given = None if training else running
    gx, gw, gb = _backward("batch_norm", grad, values, groups, weight, bias, eps, given=given)
    gm, gv = (None, None) if running is None else (np.zeros(groups.shape), np.zeros(groups.shape))
    if not training and running is not None:
        with quiet():
            scale, r = _parameter("batch_norm", "weight", weight, groups.shape, 1.0), 1 / np.sqrt(running[1] + eps)
            gm, gv = -r * scale * gb, -0.5 * r * r * scale * gw
    return gx, present(gw, weight), present(gb, bias), gm, gv
