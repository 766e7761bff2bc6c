"""OpenCV: image filters."""

from typing import Any

import cv2
import numpy as np

from ..rows import Row
from . import Task, repeated


def version() -> str:
    return str(cv2.__version__)


def setup(threads: int) -> None:
    cv2.setNumThreads(threads)


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    if row.kind != "filter2d":
        return None
    image, kernel, out = arrays["image"], arrays["kernel"], np.empty_like(arrays["image"])
    return repeated(lambda: cv2.filter2D(image, -1, kernel, dst=out, borderType=cv2.BORDER_REFLECT_101), lambda y: [y])
