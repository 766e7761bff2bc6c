"""Conversion of the elements to another type."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._arrays import FloatArray, Indices, as_grad, pick, quiet


def astype(x: ArrayLike, dtype: DTypeLike, *, at: Indices | None = None) -> NDArray[np.generic]:
    """The nearest value of another type: y = x as dtype.

    Floats are rounded to dtype and returned as float64; integers are cut towards 0; y = (x != 0) for bool.

    >>> astype([0.0, 1.9, -1.9], np.int64).tolist()
    [0, 1, -1]
    """
    with quiet():
        y = np.asarray(x).astype(dtype)
    return pick(y.astype(np.float64) if y.dtype.kind == "f" else y, at)


def astype_backward(grad: ArrayLike, x: ArrayLike, dtype: DTypeLike) -> tuple[FloatArray | None]:
    """Gradient of astype.

    In the forward pass this was: y = x up to rounding; so now: gx = g. Through integers and bool there is none.

    >>> astype_backward([3.0], np.float32([1.5]), np.float64)[0].tolist()
    [3.0]
    """
    array = np.asarray(x)
    if array.dtype.kind != "f" or np.dtype(dtype).kind != "f":
        return (None,)
    return (as_grad("astype", grad, array.shape),)
