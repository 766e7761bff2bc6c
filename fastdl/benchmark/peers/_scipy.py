"""SciPy: image filters."""

from typing import Any

import numpy as np
import scipy
from scipy import ndimage

from ..rows import Row
from . import Task, repeated


def version() -> str:
    return str(scipy.__version__)


def setup(threads: int) -> None:
    """scipy.ndimage runs on one thread."""


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    if row.kind != "filter2d":
        return None
    image, kernel, out = arrays["image"], arrays["kernel"], np.empty_like(arrays["image"])

    def correlate() -> Any:
        ndimage.correlate(image, kernel, output=out, mode="mirror")
        return out

    return repeated(correlate, lambda y: [y])
