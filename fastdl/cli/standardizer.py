"""`Standardizer`: inputs and targets brought to mean 0 and standard deviation 1, as learned from the training rows.

Letters: n rows, F features or channels (axis 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.errors import DataError, quoted


@dataclass(frozen=True)
class Standardizer:
    """``(x - mean) / scale`` for each feature of a table (n, F), or for each channel of images (n, F, H, W).

    A feature that was constant in the training rows has scale 0 and becomes 0 whatever its later values are: the
    network could not learn what a change of it means.

    Attributes:
        mean, scale: F numbers each, computed in float64.

    >>> import numpy as np
    >>> from fastdl.cli.standardizer import Standardizer
    >>> train = np.array([[1.0, 7.0], [3.0, 7.0]], np.float32)
    >>> standardizer = Standardizer.fit(train)
    >>> standardizer.mean, standardizer.scale
    ((2.0, 7.0), (1.0, 0.0))
    >>> standardizer.transform(np.array([[4.0, 8.0]], np.float32))
    array([[2., 0.]], dtype=float32)
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, X: NDArray[Any], *, untouched: NDArray[np.bool_] | None = None) -> Standardizer:
        """Learn mean and standard deviation (divisor n) of each feature of the training rows.

        ``untouched``: (F,) True where values stay as they are, unless they are constant, as for one-hot columns.

        Raises:
            DataError: the numbers are so large that their square is not a finite number.
        """
        mean, scale = [], []
        for i in range(X.shape[1]):
            values = X[:, i].astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                moments = float(values.mean()), float(values.std())
            if not all(map(math.isfinite, moments)):
                raise DataError(f"feature {i} has values up to {abs(values).max():.3g}, too large; rescale it")
            if values.min() == values.max():
                moments = float(values.min()), 0.0
            elif untouched is not None and untouched[i]:
                moments = 0.0, 1.0
            mean.append(moments[0])
            scale.append(moments[1])
        return cls(tuple(mean), tuple(scale))

    def transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """The standardised values, float32.

        Raises:
            DataError: another number of features, or a value so far from the training rows that it overflows.
        """
        if X.ndim < 2 or X.shape[1] != len(self.mean):
            raise DataError(f"the values have shape {X.shape}; expected {len(self.mean)} features along axis 1")
        result = np.zeros(X.shape, np.float32)
        for i, (mean, scale) in enumerate(zip(self.mean, self.scale, strict=True)):
            if scale:
                with np.errstate(over="ignore"):
                    result[:, i] = (X[:, i].astype(np.float64) - mean) / scale
        bad = np.argwhere(~np.isfinite(result))
        if len(bad):
            row, feature = (int(k) for k in bad[0][:2])
            raise DataError(
                f"feature {feature} of row {row} is {X[tuple(bad[0])]:.6g}, beyond comparison with the training rows "
                f"(mean {self.mean[feature]:.6g}, standard deviation {self.scale[feature]:.6g}); correct it"
            )
        return result

    def inverse(self, Z: NDArray[Any]) -> NDArray[np.float64]:
        """The values before ``transform``, float64."""
        shape = (1, len(self.mean)) + (1,) * (Z.ndim - 2)
        result: NDArray[np.float64] = Z * np.reshape(self.scale, shape) + np.reshape(self.mean, shape)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain lists of numbers, for JSON."""
        return {"mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Standardizer:
        """The standardizer that ``to_dict`` described; a DataError if it did not."""
        match data:
            case {"mean": [*mean], "scale": [*scale]} if len(mean) == len(scale) and all(map(_is_number, mean + scale)):
                if min(scale, default=0.0) >= 0:
                    return cls(tuple(map(float, mean)), tuple(map(float, scale)))
        raise DataError(f"not the description of a Standardizer: {quoted(data)}; expected what to_dict() gives")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
