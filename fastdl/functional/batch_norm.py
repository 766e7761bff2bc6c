"""Normalisation of each channel over a batch, and with running statistics in inference, beside its backward.

Letters: N images, C channels, I pixels; n = N I values of a channel; g the gradient of y.
"""

import math
from typing import Any

import numpy as np

from ..ops import op
from ..options import is_number
from ._door import check_grad, describe, floats, results
from ._draw import normalization as draw
from ._normalization import gradients_given, normalize, normalize_given, statistics, update_running
from .normalization import check_channels, eps_of, saved

_ABSENT = ("weight", "bias", "running_mean", "running_var")


def _arrays(name: str, x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: Any) -> list[Any]:
    """The arrays, checked."""
    arrays = floats(name, x=x, weight=weight, bias=bias, running_mean=mean, running_var=var, optional=_ABSENT)
    x, *parameters = arrays
    if not isinstance(training, (bool, np.bool_)):
        raise TypeError(f"{name}: training is {training!r}; expected True or False")
    check_channels(name, x, 2, **dict(zip(_ABSENT, parameters, strict=True)))
    if (mean is None) != (var is None) or (mean is None and not training):
        raise ValueError(
            f"{name}: running_mean is {'absent' if mean is None else 'given'}, running_var "
            f"{'absent' if var is None else 'given'}; expected both, or in training none"
        )
    if training and _values(x) < 2:
        raise ValueError(
            f"{name}: x has {_values(x)} values per channel ({describe(x=x)}); expected more than one when training: "
            "choose a batch size that leaves no sample alone at the end"
        )
    return arrays


def _values(x: Any) -> int:
    """How many values a channel has in the batch."""
    return int(x.shape[0] * math.prod(x.shape[2:]))


def _attributes(name: str, x: Any, momentum: Any, eps: Any) -> tuple[float, dict[str, Any]]:
    if not is_number(momentum):
        raise TypeError(f"{name}: momentum is {momentum!r}; expected a number, 0 <= momentum <= 1")
    if not 0 <= momentum <= 1:
        raise ValueError(f"{name}: momentum is {momentum}; expected 0 <= momentum <= 1")
    return float(momentum), {"kind": "batch", "count": int(x.shape[1]), "eps": eps_of(name, eps)}


@op(draw=draw.batch_norm)
def batch_norm(
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    *,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    out: Any = None,
) -> Any:
    """Give each channel mean 0 and variance 1 over the batch, then scale and shift it.

    y = (x - mean) / sqrt(var + eps) * weight[c] + bias[c]. In inference mean and var are the running ones. With
    ``training=True`` they are those of the n = N I values of the channel, mean = sum(x) / n and
    var = sum((x - mean)**2) / n, and the result is (y, new_mean, new_var):

        new_mean = (1 - momentum) running_mean + momentum mean
        new_var = (1 - momentum) running_var + momentum var n / (n - 1)

    Equivalent in training to ``(x - x.mean((0, 2))) / np.sqrt(x.var((0, 2)) + eps) * weight + bias`` with the
    statistics broadcast along the channels.

    x (N, C) or (N, C, ...), float32 or float64; all others (C,) of its dtype, or None: no scale, no shift; without
    running statistics, in training only, the new ones are None, too. Nothing is changed in place. ``out``
    takes y; it may not overlap an argument. Numerics: the mean first, then the squares around it, partial sums in
    float64. Source: Ioffe and Szegedy, Batch normalization (2015).

    Raises ValueError if shapes do not fit together, or if a channel has fewer than two values in training.

    >>> x = np.float32([[1, 10], [3, 30]])
    >>> y, mean, var = batch_norm(x, None, None, np.zeros(2, x.dtype), np.ones(2, x.dtype), training=True, eps=0)
    >>> y
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    >>> mean, var
    (array([0.2, 2. ], dtype=float32), array([ 1.1, 20.9], dtype=float32))
    """
    name = "batch_norm"
    x, weight, bias, mean, var = _arrays(name, x, weight, bias, running_mean, running_var, training)
    momentum, attrs = _attributes(name, x, momentum, eps)
    inputs = {"x": x, "weight": weight, "bias": bias}
    if not training:
        return results(name, normalize_given, {**inputs, "running_mean": mean, "running_var": var}, out, **attrs)[0]
    y, batch_mean, batch_var = results(name, normalize, inputs, out, centred=True, **attrs)
    if mean is None:
        return y, None, None
    new_mean, new_var = update_running(mean, var, batch_mean, batch_var, momentum=momentum, values=_values(x))
    return y, new_mean, new_var


def batch_norm_backward(
    grad: Any,
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    *,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    mean: Any = None,
    var: Any = None,
) -> tuple[Any, Any, Any, Any, Any]:
    """Gradients of :func:`batch_norm` with respect to x, weight, bias, running_mean and running_var.

    In inference y = z weight + bias with z = (x - running_mean) r, r = (running_var + eps)**-0.5; so dx = r weight g,
    dweight = sum(g z), dbias = sum(g), and the running statistics get -r weight sum(g) and -r**2 weight sum(g z) / 2.
    In training mean and var come from x; so, with u = g weight and means over a channel of the batch,
    dx = r (u - mean(u) - z mean(u z)). ``grad`` is then the gradient of y, or a tuple with those of new_mean and
    new_var, too, None for 0; those of y alone leave 0 for the running statistics.

    ``mean`` and ``var``: those of the batch, if they are known from the forward pass.
    """
    name = "batch_norm_backward"
    x, weight, bias, old_mean, old_var = _arrays(name, x, weight, bias, running_mean, running_var, training)
    momentum, attrs = _attributes(name, x, momentum, eps)
    if not training:
        grad = check_grad(name, grad, tuple(x.shape), x.dtype)
        dx, dw, db, dmean, dvar = gradients_given(grad, x, weight, bias, old_mean, old_var, **attrs)
        return dx, dw, db, dmean, dvar
    of_y, of_mean, of_var = grad if isinstance(grad, (tuple, list)) else (grad, None, None)
    if of_y is not None:
        check_grad(name, of_y, tuple(x.shape), x.dtype)
    channels = (int(x.shape[1]),)
    for key, value in (("grad[1]", of_mean), ("grad[2]", of_var)):
        if value is not None:
            check_grad(name, value, channels, x.dtype, key, "the new statistics")
    mean, var = saved(name, channels, x.dtype, mean=mean, var=var)
    if mean is None:
        mean, var = statistics(x, kind=attrs["kind"], count=attrs["count"], centred=True)
    assert normalize.vjp is not None and update_running.vjp is not None
    options = {"momentum": momentum, "values": _values(x)}
    *kept, to_mean, to_var = update_running.vjp((of_mean, of_var), (None,) * 4, (None,) * 2, **options)
    dx, dw, db = normalize.vjp((of_y, to_mean, to_var), (x, weight, bias), (None, mean, var), centred=True, **attrs)
    if old_mean is None:
        return dx, dw, db, None, None
    d_mean, d_var = (np.zeros(channels, x.dtype) if g is None else g for g in kept)
    return dx, dw, db, d_mean, d_var
