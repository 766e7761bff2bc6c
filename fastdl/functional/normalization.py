"""Normalisation of each sample by itself: layer_norm, rms_norm, group_norm and instance_norm, beside their backwards.

All of them are y = (x - mean) / sqrt(var + eps) * weight + bias; they differ in what mean and var are taken over.
Letters: N images, C channels, H W rows and columns, g the gradient of y. batch_norm has a file of its own.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Shape, op
from ..options import is_integer, is_number
from ._door import check_grad, describe, floats, results
from ._draw import normalization as draw
from ._normalization import gradients, normalize, statistics, statistics_shape


def eps_of(name: str, eps: Any) -> float:
    """The number that keeps a variance from being 0."""
    if not is_number(eps):
        raise TypeError(f"{name}: eps is {eps!r}; expected a number")
    if not (eps >= 0 and math.isfinite(eps)):
        raise ValueError(f"{name}: eps is {eps}; expected a finite number of at least 0")
    return float(eps)


def check_channels(name: str, x: Any, least: int, **parameters: Any) -> None:
    """x has channels, and each parameter that is not None one number for each."""
    if len(x.shape) < least:
        expected = "(N, C, ...)" if least == 2 else "(N, C, ...) with at least one axis of pixels"
        raise ValueError(f"{name}: x has shape {tuple(x.shape)}; expected {expected}")
    for argument, values in parameters.items():
        if values is not None and tuple(values.shape) != (x.shape[1],):
            raise ValueError(
                f"{name}: {argument} has shape {tuple(values.shape)}; expected ({x.shape[1]},), one number for each "
                f"channel ({describe(x=x)})"
            )


def saved(name: str, like: Shape, dtype: Any, **given: Any) -> list[Any]:
    """Statistics of the forward pass, checked; all None if one of them was not given."""
    if any(value is None for value in given.values()):
        return [None] * len(given)
    return [check_grad(name, value, like, dtype, key, "the statistics") for key, value in given.items()]


def _last_axes(name: str, x: Any, weight: Any, bias: Any, normalized_shape: Any) -> dict[str, Any]:
    """Attributes of a normalisation over the last axes; checks shapes."""
    if normalized_shape is None:
        like = weight if weight is not None else bias
        sizes: Shape = tuple(x.shape[-1:]) if like is None else tuple(like.shape)
    else:
        given = normalized_shape if np.iterable(normalized_shape) else (normalized_shape,)
        try:
            sizes = tuple(operator.index(n) for n in given)
        except TypeError:
            raise TypeError(
                f"{name}: normalized_shape is {normalized_shape!r}; expected an integer or several"
            ) from None
    if not sizes or tuple(x.shape[-len(sizes) :]) != sizes:
        raise ValueError(
            f"{name}: normalises over the last axes of sizes {sizes}, x has shape {tuple(x.shape)}; expected an x "
            "whose shape ends so, with at least one axis"
        )
    for argument, values in (("weight", weight), ("bias", bias)):
        if values is not None and tuple(values.shape) != sizes:
            raise ValueError(
                f"{name}: {argument} has shape {tuple(values.shape)}; expected {sizes}, the sizes of the axes that are "
                f"normalised over ({describe(x=x)})"
            )
    return {"kind": "last", "count": len(sizes)}


def _backward(
    name: str, grad: Any, arrays: Sequence[Any], mean: Any, var: Any, attrs: dict[str, Any]
) -> tuple[Any, Any, Any]:
    """Gradients of a normalisation of x by its own mean and variance; these may be known from the forward pass."""
    x, weight, bias = arrays
    grad = check_grad(name, grad, tuple(x.shape), x.dtype)
    like = statistics_shape(tuple(x.shape), attrs["kind"], attrs["count"])
    mean, var = saved(name, like, x.dtype, mean=mean, var=var)
    if mean is None:
        mean, var = statistics(x, kind=attrs["kind"], count=attrs["count"], centred=True)
    return gradients(grad, x, weight, bias, mean, var, given=False, **attrs)


@op(draw=draw.layer_norm)
def layer_norm(
    x: Any,
    weight: Any = None,
    bias: Any = None,
    *,
    normalized_shape: int | Sequence[int] | None = None,
    eps: float = 1e-5,
    out: Any = None,
) -> Any:
    """Give each sample mean 0 and variance 1 along its last axes, then scale and shift each of its elements.

    y = (x - mean) / sqrt(var + eps) * weight + bias, where mean and var = mean((x - mean)**2) are taken over the last
    axes of x: those of ``normalized_shape``, or as many as weight has, or one. Equivalent to
    ``(x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias`` for one axis.

    x float32 or float64 of at least one dimension; weight and bias, of its dtype, have the shape of the axes
    normalised over, or are None. Numerics: the mean first, then the squares around it, sums in float64 of sums of 2048
    elements in x's dtype. ``out`` takes the result; it may not overlap an argument. Source: Ba,
    Kiros and Hinton, Layer normalization (2016).

    Raises ValueError if shapes do not fit together.

    >>> layer_norm(np.float32([[1, 2, 3], [10, 20, 30]]), eps=0).round(3)
    array([[-1.225,  0.   ,  1.225],
           [-1.225,  0.   ,  1.225]], dtype=float32)
    """
    x, weight, bias = floats("layer_norm", x=x, weight=weight, bias=bias, optional=("weight", "bias"))
    attrs = _last_axes("layer_norm", x, weight, bias, normalized_shape)
    inputs = {"x": x, "weight": weight, "bias": bias}
    return results("layer_norm", normalize, inputs, out, eps=eps_of("layer_norm", eps), centred=True, **attrs)[0]


def layer_norm_backward(
    grad: Any,
    x: Any,
    weight: Any = None,
    bias: Any = None,
    *,
    normalized_shape: int | Sequence[int] | None = None,
    eps: float = 1e-5,
    mean: Any = None,
    var: Any = None,
) -> tuple[Any, Any, Any]:
    """In the forward pass y = z weight + bias with z = (x - mean) r, r = (var + eps)**-0.5; so, with u = g weight and
    means over the last axes, dx = r (u - mean(u) - z mean(u z)), dweight = sum of g z, dbias = sum of g."""
    name = "layer_norm_backward"
    arrays = floats(name, x=x, weight=weight, bias=bias, optional=("weight", "bias"))
    x, weight, bias = arrays
    attrs = {**_last_axes(name, x, weight, bias, normalized_shape), "eps": eps_of(name, eps)}
    return _backward(name, grad, arrays, mean, var, attrs)


def _rms_attributes(name: str, x: Any, weight: Any, normalized_shape: Any, eps: Any) -> dict[str, Any]:
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps_of(name, eps)
    return {**_last_axes(name, x, weight, None, normalized_shape), "eps": eps}


@op(draw=draw.rms_norm)
def rms_norm(
    x: Any,
    weight: Any = None,
    *,
    normalized_shape: int | Sequence[int] | None = None,
    eps: float | None = None,
    out: Any = None,
) -> Any:
    """Divide each sample by the root of its mean square along its last axes, then scale each of its elements.

    y = x / sqrt(mean(x**2) + eps) * weight; axes as in :func:`layer_norm`. Equivalent to
    ``x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * weight`` for one axis.

    x float32 or float64 of at least one dimension; weight, of its dtype, has the shape of the axes normalised over, or
    is None. ``eps`` None is the distance from 1 to the next number of x's dtype. ``out`` takes the result; it may not
    overlap an argument. Source: Zhang and Sennrich, Root mean square layer normalization (2019).

    Raises ValueError if shapes do not fit together.

    >>> rms_norm(np.float32([[3, 4, 0, 0]])).round(3)
    array([[1.2, 1.6, 0. , 0. ]], dtype=float32)
    """
    x, weight = floats("rms_norm", x=x, weight=weight, optional=("weight",))
    attrs = _rms_attributes("rms_norm", x, weight, normalized_shape, eps)
    inputs = {"x": x, "weight": weight, "bias": None}
    return results("rms_norm", normalize, inputs, out, centred=False, **attrs)[0]


def rms_norm_backward(
    grad: Any,
    x: Any,
    weight: Any = None,
    *,
    normalized_shape: int | Sequence[int] | None = None,
    eps: float | None = None,
    mean_square: Any = None,
) -> tuple[Any, Any]:
    """In the forward pass y = z weight with z = x r, r = (mean(x**2) + eps)**-0.5; so, with u = g weight and the mean
    over the last axes, dx = r (u - z mean(u z)) and dweight = sum of g z."""
    name = "rms_norm_backward"
    x, weight = floats(name, x=x, weight=weight, optional=("weight",))
    attrs = _rms_attributes(name, x, weight, normalized_shape, eps)
    grad = check_grad(name, grad, tuple(x.shape), x.dtype)
    like = statistics_shape(tuple(x.shape), attrs["kind"], attrs["count"])
    (square,) = saved(name, like, x.dtype, mean_square=mean_square)
    if square is None:
        (square,) = statistics(x, kind=attrs["kind"], count=attrs["count"], centred=False)
    return gradients(grad, x, weight, None, None, square, given=False, **attrs)[:2]


def _group_attributes(name: str, x: Any, num_groups: Any, weight: Any, bias: Any, eps: Any) -> dict[str, Any]:
    if not is_integer(num_groups):
        raise TypeError(f"{name}: num_groups is {num_groups!r}; expected an integer")
    check_channels(name, x, 2, weight=weight, bias=bias)
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(
            f"{name}: num_groups is {num_groups}, x has {x.shape[1]} channels ({describe(x=x)}); expected a divisor of "
            "their number"
        )
    return {"kind": "groups", "count": int(num_groups), "eps": eps_of(name, eps)}


@op(draw=draw.group_norm)
def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, *, eps: float = 1e-5, out: Any = None
) -> Any:
    """Give each group of channels of each image mean 0 and variance 1, then scale and shift each channel.

    y = (x - mean) / sqrt(var + eps) * weight[c] + bias[c], where mean and var = mean((x - mean)**2) are taken over
    C / num_groups neighbouring channels of one image and all their pixels. Equivalent to :func:`layer_norm` over the
    last axis of ``x.reshape(N, num_groups, -1)``, before scale and shift.

    x (N, C) or (N, C, ...), float32 or float64; weight and bias (C,) of its dtype, or None. Numerics as in
    :func:`layer_norm`. ``out`` takes the result; it may not overlap an argument. Source: Wu and He, Group normalization
    (2018).

    Raises ValueError if shapes do not fit together or num_groups does not divide C.

    >>> group_norm(np.float32([[1, 3, 10, 30]]), 2, eps=0)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """
    x, weight, bias = floats("group_norm", x=x, weight=weight, bias=bias, optional=("weight", "bias"))
    attrs = _group_attributes("group_norm", x, num_groups, weight, bias, eps)
    inputs = {"x": x, "weight": weight, "bias": bias}
    return results("group_norm", normalize, inputs, out, centred=True, **attrs)[0]


def group_norm_backward(
    grad: Any,
    x: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    *,
    eps: float = 1e-5,
    mean: Any = None,
    var: Any = None,
) -> tuple[Any, Any, Any]:
    """In the forward pass y = z weight + bias with z = (x - mean) r, r = (var + eps)**-0.5; so, with u = g weight and
    means over a group, dx = r (u - mean(u) - z mean(u z)), dweight = sum of g z, dbias = sum of g over a channel."""
    name = "group_norm_backward"
    arrays = floats(name, x=x, weight=weight, bias=bias, optional=("weight", "bias"))
    x, weight, bias = arrays
    attrs = _group_attributes(name, x, num_groups, weight, bias, eps)
    return _backward(name, grad, arrays, mean, var, attrs)


def _instance_attributes(name: str, x: Any, weight: Any, bias: Any, eps: Any) -> dict[str, Any]:
    check_channels(name, x, 3, weight=weight, bias=bias)
    if math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"{name}: x has one pixel ({describe(x=x)}), whose variance is 0: all results would be the bias; expected "
            "several pixels"
        )
    return {"kind": "groups", "count": max(1, x.shape[1]), "eps": eps_of(name, eps)}


@op(draw=draw.instance_norm)
def instance_norm(x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5, out: Any = None) -> Any:
    """Give each channel of each image mean 0 and variance 1, then scale and shift it.

    y = (x - mean) / sqrt(var + eps) * weight[c] + bias[c], where mean and var = mean((x - mean)**2) are taken over the
    pixels of one channel of one image. Equivalent to :func:`group_norm` with as many groups as channels.

    x (N, C, ...) with at least two pixels, float32 or float64; weight and bias (C,) of its dtype, or None. Numerics as
    in :func:`layer_norm`. ``out`` takes the result; it may not overlap an argument. Source: Ulyanov, Vedaldi and
    Lempitsky, Instance normalization (2016).

    Raises ValueError if shapes do not fit together, or for a single pixel.

    >>> instance_norm(np.float32([[[1, 3], [10, 30]]]), eps=0)
    array([[[-1.,  1.],
            [-1.,  1.]]], dtype=float32)
    """
    x, weight, bias = floats("instance_norm", x=x, weight=weight, bias=bias, optional=("weight", "bias"))
    attrs = _instance_attributes("instance_norm", x, weight, bias, eps)
    inputs = {"x": x, "weight": weight, "bias": bias}
    return results("instance_norm", normalize, inputs, out, centred=True, **attrs)[0]


def instance_norm_backward(
    grad: Any, x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5, mean: Any = None, var: Any = None
) -> tuple[Any, Any, Any]:
    """In the forward pass y = z weight + bias with z = (x - mean) r, r = (var + eps)**-0.5; so, with u = g weight and
    means over one channel of one image, dx = r (u - mean(u) - z mean(u z)), dweight = sum of g z, dbias = sum of g."""
    name = "instance_norm_backward"
    arrays = floats(name, x=x, weight=weight, bias=bias, optional=("weight", "bias"))
    x, weight, bias = arrays
    return _backward(name, grad, arrays, mean, var, _instance_attributes(name, x, weight, bias, eps))
