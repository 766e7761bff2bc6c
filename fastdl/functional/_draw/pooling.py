"""Arguments of all poolings."""

from typing import Any

import numpy as np

from .elementwise import Drawn, Lots


def _values(rng: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...], *, ties: bool) -> Any:
    return rng.integers(-2, 3, size=shape).astype(dtype) if ties else rng.standard_normal(shape).astype(dtype)


def _shape(rng: np.random.Generator, layout: str, image: tuple[int, ...]) -> tuple[int, ...]:
    """Images or sequences of this size, few or none of them, of one channel or several."""
    draw = Lots(rng)
    count, channels = draw(0, 1, 2, 3), draw(1, 1, 2, 5)
    return (count, channels, *image) if layout[1] == "C" else (count, *image, channels)


def _windows(rng: np.random.Generator, dtype: np.dtype[Any], *, dilated: bool, ties: bool) -> Drawn:
    """Images, and windows that fit: side by side, overlapping, with gaps, with and without padding, both layouts."""
    draw = Lots(rng)
    kernel = (draw(1, 2, 2, 3, 5), draw(1, 2, 2, 3, 4))
    dilation = draw(1, 1, 2, (1, 3), (2, 1)) if dilated else 1
    steps = (dilation, dilation) if isinstance(dilation, int) else dilation
    stride = draw(None, None, (draw(1, 2, 3), draw(1, 2, 3)), draw(1, 2))
    padding = draw(0, 0, min(kernel) // 2, (kernel[0] // 2, 0), (kernel[0] // 2, kernel[1] // 2))
    image = tuple(d * (k - 1) + 1 + int(rng.integers(0, 9)) for k, d in zip(kernel, steps, strict=True))
    layout = draw("NCHW", "NHWC")
    x = _values(rng, dtype, _shape(rng, layout, image), ties=ties)
    size = kernel[0] if kernel[0] == kernel[1] and rng.random() < 0.5 else kernel
    options = {"stride": stride, "padding": padding, "ceil_mode": bool(rng.random() < 0.4), "layout": layout}
    return (x, size), {**options, "dilation": dilation} if dilated else options


def _windows_of_sequences(rng: np.random.Generator, dtype: np.dtype[Any], *, dilated: bool, ties: bool) -> Drawn:
    """As :func:`_windows`, for sequences."""
    draw = Lots(rng)
    kernel, dilation = draw(1, 2, 2, 3, 5), draw(1, 1, 2, 3) if dilated else 1
    layout, width = draw("NCW", "NWC"), dilation * (kernel - 1) + 1 + int(rng.integers(0, 20))
    x = _values(rng, dtype, _shape(rng, layout, (width,)), ties=ties)
    stride, padding = draw(None, 1, 2, 3), draw(0, 0, kernel // 2)
    options = {"stride": stride, "padding": padding, "ceil_mode": bool(rng.random() < 0.4), "layout": layout}
    return (x, kernel), {**options, "dilation": dilation} if dilated else options


def max_pool2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Windows; now and then over few different numbers, so that there are ties."""
    return _windows(rng, dtype, dilated=True, ties=rng.random() < 0.3)


def max_pool1d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Windows of sequences, now and then with ties."""
    return _windows_of_sequences(rng, dtype, dilated=True, ties=rng.random() < 0.3)


def avg_pool2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Windows, with the padding counted or not."""
    args, options = _windows(rng, dtype, dilated=False, ties=False)
    return args, {**options, "count_include_pad": bool(rng.random() < 0.5)}


def avg_pool1d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Windows of sequences, with the padding counted or not."""
    args, options = _windows_of_sequences(rng, dtype, dilated=False, ties=False)
    return args, {**options, "count_include_pad": bool(rng.random() < 0.5)}


def adaptive_pool2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Images and the size wanted: a divisor or not, more than there are pixels, the size itself."""
    draw = Lots(rng)
    layout, image = draw("NCHW", "NHWC"), (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    x = _values(rng, dtype, _shape(rng, layout, image), ties=False)
    size = (draw(None, 1, 2, 3, 4, image[0]), draw(None, 1, 2, 3, 5, image[1]))
    return (x, size[0] if rng.random() < 0.3 else size), {"layout": layout}


def adaptive_pool1d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Sequences and the length wanted."""
    draw = Lots(rng)
    layout, width = draw("NCW", "NWC"), int(rng.integers(1, 20))
    x = _values(rng, dtype, _shape(rng, layout, (width,)), ties=False)
    return (x, draw(None, 1, 2, 3, 7, width)), {"layout": layout}


def global_pool2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Images in both layouts."""
    draw = Lots(rng)
    layout, image = draw("NCHW", "NHWC"), (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    return (_values(rng, dtype, _shape(rng, layout, image), ties=False),), {"layout": layout}


def global_pool1d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Sequences in both layouts."""
    draw = Lots(rng)
    layout = draw("NCW", "NWC")
    return (_values(rng, dtype, _shape(rng, layout, (int(rng.integers(1, 30)),)), ties=False),), {"layout": layout}
