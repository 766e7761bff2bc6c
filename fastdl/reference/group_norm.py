"""Normalisation of the channels of each image, in groups or one by one, and its gradients.

Letters as in `normalization.py`, which says what becomes of one group.
"""

from numpy.typing import ArrayLike

from ._arrays import FloatArray, Indices, as_float64, present
from .normalization import _backward, _forward, _image_groups


def group_norm(
    x: ArrayLike,
    num_groups: int,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    at: Indices | None = None,
) -> FloatArray:
    """Give each group of channels of each image mean 0 and variance 1.

    y = (x - mean) / sqrt(var + eps) * weight[c] + bias[c], mean and var over C / num_groups neighbouring channels of
    an image and their pixels. Shapes: x (N, C, ...), weight and bias (C,).

    >>> group_norm([[1, 3, 10, 30]], 2, eps=0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    values = as_float64("group_norm", "x", x)
    return _forward("group_norm", values, _image_groups("group_norm", values, num_groups), weight, bias, eps, at)


def group_norm_backward(
    grad: ArrayLike,
    x: ArrayLike,
    num_groups: int,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> tuple[FloatArray, FloatArray | None, FloatArray | None]:
    """Gradient of group_norm.

    In the forward pass this was: y = z w[c] + b[c], z = (x - mean) r, and mean and r moved with x; so now, with
    u = g w[c] and means over the group: gx = r (u - mean(u) - z mean(u z)), gw = sum of g z, gb = sum of g over a
    channel of all images.

    >>> group_norm_backward([[1, 0, 0]], [[1, 2, 3]], 1, eps=0)[0].round(4).tolist()
    [[0.2041, -0.4082, 0.2041]]
    """
    values = as_float64("group_norm_backward", "x", x)
    groups = _image_groups("group_norm", values, num_groups)
    gx, gw, gb = _backward("group_norm", grad, values, groups, weight, bias, eps)
    return gx, present(gw, weight), present(gb, bias)


def instance_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    at: Indices | None = None,
) -> FloatArray:
    """Give each channel of each image mean 0 and variance 1: group_norm with a group for each channel.

    Shapes: x (N, C, ...), weight and bias (C,).

    >>> instance_norm([[[1, 3], [10, 30]]], eps=0).tolist()
    [[[-1.0, 1.0], [-1.0, 1.0]]]
    """
    values = as_float64("instance_norm", "x", x)
    groups = _image_groups("instance_norm", values, values.shape[1] if values.ndim > 1 else 1)
    return _forward("instance_norm", values, groups, weight, bias, eps, at)


def instance_norm_backward(
    grad: ArrayLike, x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None, *, eps: float = 1e-5
) -> tuple[FloatArray, FloatArray | None, FloatArray | None]:
    """Gradient of instance_norm.

    In the forward pass this was: y = z w[c] + b[c], z = (x - mean) r, and mean and r moved with x; so now, with
    u = g w[c] and means over the pixels of a channel: gx = r (u - mean(u) - z mean(u z)), gw = sum of g z, gb = sum of
    g over a channel of all images.

    >>> instance_norm_backward([[[1, 0, 0]]], [[[1, 2, 3]]], eps=0)[0].round(4).tolist()
    [[[0.2041, -0.4082, 0.2041]]]
    """
    values = as_float64("instance_norm_backward", "x", x)
    groups = _image_groups("instance_norm", values, values.shape[1] if values.ndim > 1 else 1)
    gx, gw, gb = _backward("instance_norm", grad, values, groups, weight, bias, eps)
    return gx, present(gw, weight), present(gb, bias)
