"""Arguments of conv2d."""

from typing import Any

import numpy as np

Drawn = tuple[tuple[Any, ...], dict[str, Any]]


def conv2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Images and kernels that fit, with every option: groups to depthwise, all kinds of padding, both layouts."""

    def draw(*values: Any) -> Any:
        return values[int(rng.integers(0, len(values)))]

    groups = draw(1, 1, 1, 2, 3)
    channels, features = draw(1, 2, 3, 5), draw(1, 2, 3, 5, 9)
    taps, stride, dilation = [(draw(*some), draw(*some)) for some in ((1, 2, 3, 3, 5), (1, 1, 1, 2, 3), (1, 1, 2, 3))]
    one, (h, w) = draw(0, 1, 2), (draw(0, 1, 2), draw(0, 1, 3))
    sides = ((draw(0, 1), draw(0, 2)), (draw(0, 1, 3), draw(0, 1, 2)))
    padding, zeros = draw(
        ("valid", (0, 0)),
        ("same", None),
        (one, (2 * one,) * 2),
        ((h, w), (2 * h, 2 * w)),
        (sides, tuple(map(sum, sides))),
    )
    image = []
    for axis in (0, 1):
        least = 1 if zeros is None else max(1, dilation[axis] * (taps[axis] - 1) + 1 - zeros[axis])
        image.append(least + int(rng.integers(0, 9)))
    layout = draw("NCHW", "NHWC")
    images = draw(0, 1, 1, 2, 3, 5)
    shape = (images, groups * channels, *image) if layout == "NCHW" else (images, *image, groups * channels)
    x = rng.standard_normal(shape).astype(dtype)
    weight = rng.standard_normal((groups * features, channels, *taps)).astype(dtype)
    arrays = (x, weight) if rng.random() < 0.3 else (x, weight, rng.standard_normal(len(weight)).astype(dtype))
    return arrays, {
        "stride": draw(stride, stride, min(stride)),
        "padding": padding,
        "dilation": draw(dilation, dilation, 1),
        "groups": groups,
        "layout": layout,
    }
