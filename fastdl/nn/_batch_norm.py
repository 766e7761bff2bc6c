"""Normalisation over the batch as layers, which keep running statistics for inference."""

from typing import Any

import numpy as np

from .. import functional as F
from .. import init
from ..functional import batches
from . import _options
from ._attributes import Buffer
from ._normalization import _ChannelNorm


class _BatchNorm(_ChannelNorm):
    """Options, parameters and buffers."""

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        name = type(self).__name__
        self.num_features = _options.count(name, "num_features", num_features)
        self.eps = _options.number(name, "eps", eps)
        self.momentum = None if momentum is None else _options.number(name, "momentum", momentum)
        self.affine = _options.flag(name, "affine", affine)
        self.track_running_stats = _options.flag(name, "track_running_stats", track_running_stats)
        if self.eps < 0 or not 0 <= (self.momentum or 0) <= 1:
            raise ValueError(f"{name}: eps is {eps}, momentum is {momentum}; expected eps >= 0, 0 <= momentum <= 1")
        shape = (self.num_features,)
        self._parametrize(shape, self.affine, self.affine, dtype)
        if track_running_stats:
            self.running_mean = Buffer(init.constant(shape, 0.0, dtype=dtype))
            self.running_var = Buffer(init.constant(shape, 1.0, dtype=dtype))
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    def __call__(self, x: Any, *, training: bool = False) -> Any:
        x = self._checked(x)
        options: dict[str, Any] = {"eps": self.eps}
        if not self.track_running_stats:
            return F.batch_norm(x, self.weight, self.bias, None, None, training=True, **options)[0]
        mean, var = self.running_mean, self.running_var
        if not training:
            return F.batch_norm(x, self.weight, self.bias, mean, var, **options)
        count = batches.advance(self.num_batches_tracked, by=1)
        options["momentum"] = 1.0 if self.momentum is None else self.momentum
        y, new_mean, new_var = F.batch_norm(x, self.weight, self.bias, mean, var, training=True, **options)
        if self.momentum is None:
            new_mean, new_var = _average(mean, new_mean, count), _average(var, new_var, count)
        self.update_buffer("running_mean", new_mean)
        self.update_buffer("running_var", new_var)
        self.update_buffer("num_batches_tracked", count)
        return y

    def config(self) -> dict[str, Any]:
        names = ("num_features", "eps", "momentum", "affine", "track_running_stats")
        return {**{name: getattr(self, name) for name in names}, "dtype": self._dtype.name}


def _average(old: Any, new: Any, count: Any) -> Any:
    """The mean of ``count`` values, of which ``new`` is the last and ``old`` the mean of the others."""
    share = F.divide(1, F.astype(count, old.dtype))
    return F.add(F.multiply(old, F.subtract(1, share)), F.multiply(new, share))


class BatchNorm1d(_BatchNorm):
    """Gives each feature mean 0 and variance 1 over the batch, then scales and shifts it: see ``F.batch_norm``.

    x (N, C) or (N, C, L) -> y of the same shape, C = ``num_features``. In training the statistics are those of the
    batch, which must hold at least two values of a feature, and the running ones move towards them by ``momentum``
    (None: they become the averages of all batches so far); in inference the running ones are used. Parameters and
    buffers as PyTorch's: ``weight`` (C,) of ones and ``bias`` (C,) of zeros, unless ``affine`` is False;
    ``running_mean``, ``running_var`` and ``num_batches_tracked``, unless ``track_running_stats`` is False: then
    inference uses the batch's statistics, too.

    >>> import numpy as np
    >>> from fastdl import nn
    >>> layer = nn.BatchNorm1d(1, eps=0)
    >>> layer(np.float32([[1], [3]]), training=True).tolist()
    [[-1.0], [1.0]]
    >>> layer.running_mean, layer.num_batches_tracked
    (array([0.2], dtype=float32), array(1))
    """

    dimensions, expected = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """Gives each channel mean 0 and variance 1 over a batch of images, then scales and shifts it.

    x (N, C, H, W) -> y of the same shape; all else as :class:`BatchNorm1d`.

    >>> from fastdl import nn
    >>> list(nn.BatchNorm2d(16).state_dict())
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
    """

    dimensions, expected = (4,), "(N, C, H, W)"
