"""Arguments of the convolutions, plain and transposed, of lines and of images."""

from typing import Any

import numpy as np

from .elementwise import Drawn, Lots


def _arrays(
    rng: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...], weight: tuple[int, ...], outputs: int
) -> tuple[Any, ...]:
    """x, weight and mostly a bias."""
    x, w = (rng.standard_normal(s).astype(dtype) for s in (shape, weight))
    return (x, w) if rng.random() < 0.3 else (x, w, rng.standard_normal(outputs).astype(dtype))


def conv1d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Lines and kernels that fit, with every option: groups to depthwise, all kinds of padding, both layouts."""
    draw = Lots(rng)
    groups, channels, features = draw(1, 1, 1, 2, 3), draw(1, 2, 3, 5), draw(1, 2, 3, 5, 9)
    taps, stride, dilation = draw(1, 2, 3, 3, 5), draw(1, 1, 1, 2, 3), draw(1, 1, 2, 3)
    one, sides = draw(0, 1, 2), (draw(0, 1, 3), draw(0, 1, 2))
    padding, zeros = draw(("valid", 0), ("same", None), (one, 2 * one), ((one,), 2 * one), (sides, sum(sides)))
    least = 1 if zeros is None else max(1, dilation * (taps - 1) + 1 - zeros)
    width, images, layout = least + int(rng.integers(0, 20)), draw(0, 1, 1, 2, 3, 5), draw("NCW", "NWC")
    shape = (images, groups * channels, width) if layout == "NCW" else (images, width, groups * channels)
    arrays = _arrays(rng, dtype, shape, (groups * features, channels, taps), groups * features)
    return arrays, {
        "stride": draw(stride, (stride,)),
        "padding": padding,
        "dilation": draw(dilation, (dilation,)),
        "groups": groups,
        "layout": layout,
    }


def conv2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Images and kernels that fit, with every option: groups to depthwise, all kinds of padding, both layouts."""
    draw = Lots(rng)
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
    arrays = _arrays(rng, dtype, shape, (groups * features, channels, *taps), groups * features)
    return arrays, {
        "stride": draw(stride, stride, min(stride)),
        "padding": padding,
        "dilation": draw(dilation, dilation, 1),
        "groups": groups,
        "layout": layout,
    }


def conv_transpose1d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """As for images, with one axis."""
    arrays, options = _transposed(rng, dtype, 1)
    one = {k: v if rng.random() < 0.5 or k == "padding" else v[0] for k, v in options.items() if isinstance(v, tuple)}
    return arrays, {**options, **one, "padding": options["padding"][0], "layout": _LINES[options["layout"]]}


_LINES = {"NCHW": "NCW", "NHWC": "NWC"}


def conv_transpose2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Images and kernels whose result has pixels, with every option; more padding than the kernel has taps, too."""
    arrays, options = _transposed(rng, dtype, 2)
    if all(before == after for before, after in options["padding"]):
        options["padding"] = tuple(before for before, _ in options["padding"])
    return arrays, options


def _transposed(rng: np.random.Generator, dtype: np.dtype[Any], axes: int) -> Drawn:
    draw = Lots(rng)
    groups, channels, features = draw(1, 1, 2, 3), draw(1, 2, 3, 5), draw(1, 2, 3, 5)
    taps, stride, dilation = (
        tuple(draw(*some) for _ in range(axes)) for some in ((1, 2, 3, 4), (1, 2, 2, 3), (1, 1, 2, 3))
    )
    even = rng.random() < 0.5
    image, padding, more = [], [], []
    for u, s, d in zip(taps, stride, dilation, strict=True):
        before = draw(0, 0, 1, 2)
        sides = (before, before if even else draw(0, 1, 2))
        # The result has (size - 1) s + d (u - 1) + 1 pixels without padding; one at least must be left.
        least = 1 + max(0, -((d * (u - 1) - sum(sides)) // s))
        image.append(least + int(rng.integers(0, 6)))
        padding.append(sides)
        more.append(int(rng.integers(0, max(s, d))))
    layout, images = draw("NCHW", "NHWC"), draw(0, 1, 1, 2, 3)
    shape = (images, groups * channels, *image) if layout == "NCHW" else (images, *image, groups * channels)
    arrays = _arrays(rng, dtype, shape, (groups * channels, features, *taps), groups * features)
    return arrays, {
        "stride": stride,
        "padding": tuple(padding),
        "output_padding": tuple(more),
        "groups": groups,
        "dilation": dilation,
        "layout": layout,
    }
