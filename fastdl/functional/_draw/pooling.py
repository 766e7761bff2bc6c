"""Arguments of max_pool2d and avg_pool2d."""

from typing import Any

import numpy as np

Drawn = tuple[tuple[Any, ...], dict[str, Any]]


def _windows(rng: np.random.Generator, dtype: np.dtype[Any], *, ties: bool) -> Drawn:
    """Images, and windows that fit: side by side, overlapping, with gaps, with and without padding, both layouts."""

    def draw(*values: Any) -> Any:
        return values[int(rng.integers(0, len(values)))]

    kernel = (draw(1, 2, 2, 3, 5), draw(1, 2, 2, 3, 4))
    stride = draw(None, None, (draw(1, 2, 3), draw(1, 2, 3)), draw(1, 2))
    padding = draw(0, 0, min(kernel) // 2, (kernel[0] // 2, 0), (kernel[0] // 2, kernel[1] // 2))
    image = tuple(k + int(rng.integers(0, 9)) for k in kernel)
    images, channels = draw(0, 1, 2, 3), draw(1, 1, 2, 5)
    layout = draw("NCHW", "NHWC")
    shape = (images, channels, *image) if layout == "NCHW" else (images, *image, channels)
    x = rng.integers(-2, 3, size=shape).astype(dtype) if ties else rng.standard_normal(shape).astype(dtype)
    size = kernel[0] if kernel[0] == kernel[1] and rng.random() < 0.5 else kernel
    return (x, size), {"stride": stride, "padding": padding, "layout": layout}


def max_pool2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Windows; now and then over few different numbers, so that there are ties."""
    return _windows(rng, dtype, ties=rng.random() < 0.3)


def avg_pool2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Windows, with the padding counted or not."""
    args, options = _windows(rng, dtype, ties=False)
    return args, {**options, "count_include_pad": bool(rng.random() < 0.5)}
