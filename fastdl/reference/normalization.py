"""Normalisation, which gives groups of numbers mean 0 and variance 1, and its gradients.

All of it is the same for one group, seen as channels by elements: (K, M), with a weight and a bias for each channel.
layer_norm and rms_norm have a group for each sample, each of its elements being a channel; group_norm one for some
channels of an image; instance_norm one for each channel of an image; batch_norm one for each channel of all images.

Letters: N images, C channels, K channels of a group, M their elements; z = (x - mean) r with r = 1 / sqrt(var + eps);
g is the gradient of the loss with respect to y (the argument `grad`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Index, Indices, as_float64, as_grad, indices_into, present, quiet

Statistics = tuple[FloatArray, FloatArray]


class Groups(NamedTuple):
    """Where the elements of x are found: `places` (groups, K, M) into x laid flat, `channels` (groups, K) into weight
    and bias laid flat, and the shape of these."""

    places: NDArray[np.int64]
    channels: NDArray[np.int64]
    shape: Index


def _last_axes(op: str, x: FloatArray, like: Index) -> Groups:
    if not like or x.shape[x.ndim - len(like) :] != like:
        raise ValueError(f"{op}: x is {x.shape}; expected its last axes to be {like}")
    n = int(np.prod(like))
    places = np.arange(x.size).reshape(x.size // max(1, n), n, 1)
    return Groups(places, np.tile(np.arange(n), (len(places), 1)), like)


def _image_groups(op: str, x: FloatArray, groups: int) -> Groups:
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups:
        raise ValueError(f"{op}: x is {x.shape}, groups are {groups}; expected (N, C, ...), C a multiple of groups")
    images, channels = x.shape[:2]
    each, pixels = channels // groups, int(np.prod(x.shape[2:]))
    places = np.arange(x.size).reshape(images * groups, each, pixels)
    return Groups(places, np.tile(np.arange(channels).reshape(groups, each), (images, 1)), (channels,))


def _batch(op: str, x: FloatArray) -> Groups:
    if x.ndim < 2:
        raise ValueError(f"{op}: x is {x.shape}; expected (N, C, ...)")
    channels = x.shape[1]
    places = np.moveaxis(np.arange(x.size).reshape(x.shape), 1, 0).reshape(channels, 1, -1)
    return Groups(places, np.arange(channels).reshape(channels, 1), (channels,))


def _parameter(op: str, name: str, value: ArrayLike | None, like: Index, absent: float) -> FloatArray:
    """A weight or bias laid flat; an absent one leaves y as it is."""
    values = np.zeros(like) + absent if value is None else as_float64(op, name, value)
    if values.shape != like:
        raise ValueError(f"{op}: {name} is {values.shape}; expected {like}")
    return values.ravel()


def _statistics(values: FloatArray, centred: bool) -> tuple[Any, Any]:
    """Mean (0 if not centred) and mean square around it."""
    mean = np.mean(values) if centred else 0.0
    return mean, np.mean((values - mean) ** 2)


def _forward(
    op: str,
    x: FloatArray,
    groups: Groups,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    eps: float,
    at: Indices | None,
    centred: bool = True,
    given: Statistics | None = None,
) -> FloatArray:
    """Normalise the groups, or those that the elements `at` are in; `given` are statistics for each group."""
    scale, offset = _parameter(op, "weight", weight, groups.shape, 1.0), _parameter(op, "bias", bias, groups.shape, 0.0)

    def of_group(i: int) -> FloatArray:
        values = x.ravel()[groups.places[i]]
        mean, var = _statistics(values, centred) if given is None else (given[0][i], given[1][i])
        z = (values - mean) / np.sqrt(var + eps)
        return np.asarray(z * scale[groups.channels[i]][:, None] + offset[groups.channels[i]][:, None])

    with quiet():
        if at is not None:
            found = []
            for index in indices_into(x.shape, at):
                i, k, m = np.argwhere(groups.places == np.ravel_multi_index(index, x.shape))[0]
                found.append(of_group(i)[k, m])
            return np.array(found, dtype=np.float64)
        y = np.empty(x.size)
        for i, places in enumerate(groups.places):
            y[places] = of_group(i)
        return y.reshape(x.shape)


def _backward(
    op: str,
    grad: ArrayLike,
    x: FloatArray,
    groups: Groups,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    eps: float,
    centred: bool = True,
    given: Statistics | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """In the forward pass y = z w + b, and mean and var moved with x (unless they were given); so, with u = g w and
    means over the group, gx = r (u - mean(u) - z mean(u z)), gw = sum of g z and gb = sum of g over each channel."""
    g, scale = as_grad(op, grad, x.shape).ravel(), _parameter(op, "weight", weight, groups.shape, 1.0)
    _parameter(op, "bias", bias, groups.shape, 0.0)
    gx, gw, gb = np.empty(x.size), np.zeros(scale.size), np.zeros(scale.size)
    with quiet():
        for i, (places, channels) in enumerate(zip(groups.places, groups.channels, strict=True)):
            values, slopes, w = x.ravel()[places], g[places], scale[channels]
            mean, var = _statistics(values, centred) if given is None else (given[0][i], given[1][i])
            r = 1.0 / np.sqrt(var + eps)
            z = (values - mean) * r
            sum_g, sum_z = np.sum(slopes, axis=1), np.sum(slopes * z, axis=1)
            gw[channels] += sum_z
            gb[channels] += sum_g
            u = slopes * w[:, None]
            if given is not None:
                gx[places] = r * u
                continue
            mean_u = np.sum(w * sum_g) / values.size if centred and values.size else 0.0
            mean_z = np.sum(w * sum_z) / max(1, values.size)
            gx[places] = r * (u - mean_u - z * mean_z)
    return gx.reshape(x.shape), gw.reshape(groups.shape), gb.reshape(groups.shape)


def _along(
    x: FloatArray, weight: ArrayLike | None, bias: ArrayLike | None, normalized_shape: int | Sequence[int] | None
) -> Index:
    """The sizes of the axes to normalise over."""
    if normalized_shape is not None:
        return tuple(int(n) for n in np.atleast_1d(np.asarray(normalized_shape)))
    like = weight if weight is not None else bias
    return x.shape[-1:] if like is None else np.asarray(like).shape


def layer_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    normalized_shape: int | Sequence[int] | None = None,
    eps: float = 1e-5,
    at: Indices | None = None,
) -> FloatArray:
    """Give each sample mean 0 and variance 1 along its last axes.

    y = (x - mean) / sqrt(var + eps) * weight + bias, mean and var over the last axes: normalized_shape, or those of
    weight (of bias), or one. weight and bias have their shape.

    >>> layer_norm([[1, 3], [10, 30]], eps=0).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    values = as_float64("layer_norm", "x", x)
    groups = _last_axes("layer_norm", values, _along(values, weight, bias, normalized_shape))
    return _forward("layer_norm", values, groups, weight, bias, eps, at)


def layer_norm_backward(
    grad: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    normalized_shape: int | Sequence[int] | None = None,
    eps: float = 1e-5,
) -> tuple[FloatArray, FloatArray | None, FloatArray | None]:
    """Gradient of layer_norm.

    In the forward pass this was: y = z w + b, z = (x - mean) r, and mean and r moved with x; so now, with u = g w and
    means over the last axes: gx = r (u - mean(u) - z mean(u z)), gw = sum of g z, gb = sum of g over all samples.

    >>> layer_norm_backward([1, 0, 0], [1, 2, 3], eps=0)[0].round(4).tolist()
    [0.2041, -0.4082, 0.2041]
    """
    values = as_float64("layer_norm_backward", "x", x)
    groups = _last_axes("layer_norm", values, _along(values, weight, bias, normalized_shape))
    gx, gw, gb = _backward("layer_norm", grad, values, groups, weight, bias, eps)
    return gx, present(gw, weight), present(gb, bias)


def rms_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    normalized_shape: int | Sequence[int] | None = None,
    eps: float | None = None,
    at: Indices | None = None,
) -> FloatArray:
    """Divide each sample by the root of its mean square along its last axes.

    y = x / sqrt(mean(x^2) + eps) * weight; axes as in layer_norm. eps None is the distance from 1 to the next number
    of x's dtype (float64 for integers).

    >>> rms_norm([[3, 4, 0, 0]]).round(6).tolist()
    [[1.2, 1.6, 0.0, 0.0]]
    """
    values = as_float64("rms_norm", "x", x)
    groups = _last_axes("rms_norm", values, _along(values, weight, None, normalized_shape))
    return _forward("rms_norm", values, groups, weight, None, _eps(x, eps), at, centred=False)


def rms_norm_backward(
    grad: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    normalized_shape: int | Sequence[int] | None = None,
    eps: float | None = None,
) -> tuple[FloatArray, FloatArray | None]:
    """Gradient of rms_norm.

    In the forward pass this was: y = z w, z = x r, r = (mean(x^2) + eps)^(-1/2); so now, with u = g w and the mean
    over the last axes: gx = r (u - z mean(u z)), gw = sum of g z over all samples.

    >>> rms_norm_backward([1, 0], [3, 4], eps=0)[0].round(4).tolist()
    [0.181, -0.1358]
    """
    values = as_float64("rms_norm_backward", "x", x)
    groups = _last_axes("rms_norm", values, _along(values, weight, None, normalized_shape))
    gx, gw, _ = _backward("rms_norm", grad, values, groups, weight, None, _eps(x, eps), centred=False)
    return gx, present(gw, weight)


def _eps(x: ArrayLike, eps: float | None) -> float:
    dtype = np.asarray(x).dtype
    return float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps) if eps is None else eps
