"""Images changed at random, so that a network sees new ones in each epoch.

What happens to a sample follows from (seed, step, node) and its number in the batch alone, as for dropout: the same
bits run after run and for any number of threads. In a training plan the step is a number in memory that changes, so
seed and step are inputs of the primitives; node tells the changes of one plan apart. They are for inputs and have no
gradient.
Letters: x (N, ..., H, W) the images, y the result, k_i = floor(mix(key + (i + 1) 0x9E3779B97F4A7C15) / 2**40) the
random number i of 24 bits, with key and mix as in ``dropout``.
"""

import math
from collections.abc import Sequence
from typing import Any

from .._kernels import Kernel, bits_of
from ..ops import Lowering, Operand, Primitive, Spec, op
from ..options import is_integer, is_number
from ._door import array, choice, floats, pair
from ._draw import augmentation as draw
from ._lowering import cells
from .dropout import _counter, _wrapped


def _images(name: str, x: Any, seed: Any, step: Any, node: Any) -> tuple[tuple[Any, Any, Any], int]:
    """x, seed and step as a primitive's inputs, and the node."""
    x = floats(name, x=array(name, "x", x))[0]
    if len(x.shape) < 3:
        raise ValueError(f"{name}: x has shape {tuple(x.shape)}; expected images (N, ..., H, W)")
    return _counted(name, x, seed, step, node)


def _counted(name: str, x: Any, seed: Any, step: Any, node: Any) -> tuple[tuple[Any, Any, Any], int]:
    if not is_integer(node):
        raise TypeError(f"{name}: node is {node!r}; expected an integer")
    return (x, _counter(name, "seed", seed), _counter(name, "step", step)), _wrapped(int(node))


def _number(
    name: str, which: str, value: Any, expected: str, least: float = -math.inf, most: float = math.inf
) -> float:
    if not is_number(value):
        raise TypeError(f"{name}: {which} is {value!r}; expected {expected}")
    if not least <= value <= most:
        raise ValueError(f"{name}: {which} is {value}; expected {expected}")
    return float(value)


def _launch(
    lowering: Lowering, kernel: str, inputs: tuple[Operand, ...], y: Operand, node: int, cost: float, *rest: Any
) -> None:
    """A launch with a cell for each plane. ``rest``: the kernel's arguments behind H and W."""
    x, seed, step = inputs
    height, width = x.shape[-2:]
    planes = math.prod(x.shape[1:-2])
    arguments = [y, x, seed, step, node, planes, height, width, *rest]
    count = x.shape[0] * planes if y.size else 0
    lowering.launch(Kernel("augmentation", kernel), x.dtype, arguments, cells=count, work=cost * y.size)


def _infer_crop(
    x: Spec, seed: Spec, step: Spec, size: tuple[int, int], padding: tuple[int, int], fill: float, node: int
) -> tuple[Spec]:
    return (Spec((*x.shape[:-2], *size), x.dtype),)


def _lower_crop(
    lowering: Lowering,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand],
    size: tuple[int, int],
    padding: tuple[int, int],
    fill: float,
    node: int,
) -> None:
    _launch(lowering, "crop", inputs, outputs[0], node, 0.1, *size, *padding, fill)


_crop = Primitive("random_crop", _infer_crop, _lower_crop)


@op(draw=draw.cropped)
def random_crop(
    x: Any,
    size: int | Sequence[int],
    *,
    padding: int | Sequence[int] = 0,
    fill: float = 0.0,
    seed: Any,
    step: Any,
    node: int = 0,
) -> Any:
    """A window of each image at a random place, after a frame of ``padding`` pixels was put around it.

    y[n, ..., i, j] = z[n, ..., i + a_n, j + b_n], where z is x with p rows of ``fill`` above and below and q columns at
    the left and right, a_n = floor(k_2n (H + 2 p - h + 1) / 2**24) and b_n = floor(k_(2n+1) (W + 2 q - w + 1) / 2**24).

    x float32 or float64 (N, ..., H, W); size h or (h, w), padding p or (p, q), such that the window fits. What lies
    between N and the last two axes is cut at the same place. Has no gradient.

    >>> import numpy as np
    >>> random_crop(np.arange(9, dtype=np.float32).reshape(1, 3, 3), 2, seed=0, step=0)
    array([[[3., 4.],
            [6., 7.]]], dtype=float32)
    """
    inputs, node = _images("random_crop", x, seed, step, node)
    height, width = inputs[0].shape[-2:]
    window = pair("random_crop", "size", size, least=1)
    frame = pair("random_crop", "padding", padding, least=0)
    if window[0] > height + 2 * frame[0] or window[1] > width + 2 * frame[1]:
        raise ValueError(
            f"random_crop: size is {window}, which is more than images of {(height, width)} with padding {frame}; "
            "choose a smaller size, or more padding"
        )
    value = _number("random_crop", "fill", fill, "a number")
    return _crop(*inputs, size=window, padding=frame, fill=value, node=node)[0]


@op(draw=draw.shifted)
def random_shift(x: Any, pixels: int | Sequence[int], *, fill: float = 0.0, seed: Any, step: Any, node: int = 0) -> Any:
    """Each image moved by up to ``pixels`` up or down and left or right; ``fill`` comes in at the edges.

    y[n, ..., i, j] = x[n, ..., i + a_n - p, j + b_n - q] where that is inside, else ``fill``, with a_n = floor(k_2n
    (2 p + 1) / 2**24) and b_n = floor(k_(2n+1) (2 q + 1) / 2**24). Equivalent to ``random_crop(x, (H, W),
    padding=pixels)``.

    x float32 or float64 (N, ..., H, W); pixels p or (p, q), vertically and horizontally. Has no gradient.

    >>> import numpy as np
    >>> random_shift(np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3), 1, seed=0, step=0)
    array([[[4., 5., 6.],
            [7., 8., 9.],
            [0., 0., 0.]]], dtype=float32)
    """
    inputs, node = _images("random_shift", x, seed, step, node)
    far = pair("random_shift", "pixels", pixels, least=0)
    value = _number("random_shift", "fill", fill, "a number")
    return _crop(*inputs, size=tuple(inputs[0].shape[-2:]), padding=far, fill=value, node=node)[0]


def _lower_flip(
    lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], axis: int, p: float, node: int
) -> None:
    _launch(lowering, "flip", inputs, outputs[0], node, 0.1, int(axis == -2), math.ceil(p * 2**24))


_flip = Primitive("random_flip", lambda x, seed, step, axis, p, node: (x,), _lower_flip)


@op(draw=draw.flipped)
def random_flip(x: Any, p: float = 0.5, *, axis: int = -1, seed: Any, step: Any, node: int = 0) -> Any:
    """Each image mirrored with probability p: left to right (``axis=-1``) or upside down (``axis=-2``).

    y[n] = flip(x[n], axis) if k_n < p 2**24, else x[n].

    x float32 or float64 (N, ..., H, W), 0 <= p <= 1. Has no gradient.

    >>> import numpy as np
    >>> random_flip(np.arange(6, dtype=np.float32).reshape(1, 2, 3), 1.0, seed=0, step=0)
    array([[[2., 1., 0.],
            [5., 4., 3.]]], dtype=float32)
    """
    inputs, node = _images("random_flip", x, seed, step, node)
    p = _number("random_flip", "p", p, "a probability, 0 <= p <= 1", 0, 1)
    return _flip(*inputs, axis=choice("random_flip", "axis", axis, (-1, -2)), p=p, node=node)[0]


def _lower_rotate(
    lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], degrees: float, fill: float, node: int
) -> None:
    _launch(lowering, "rotate", inputs, outputs[0], node, 4.0, bits_of(degrees), fill)


_rotate = Primitive("random_rotate", lambda x, seed, step, degrees, fill, node: (x,), _lower_rotate)


@op(draw=draw.rotated)
def random_rotate(x: Any, degrees: float, *, fill: float = 0.0, seed: Any, step: Any, node: int = 0) -> Any:
    """Each image turned about its middle by a random angle of at most ``degrees``, either way.

    y[n, ..., i, j] is x[n] at the row v = (H - 1)/2 + cos(t) (i - (H - 1)/2) + sin(t) (j - (W - 1)/2) and the column
    w = (W - 1)/2 - sin(t) (i - (H - 1)/2) + cos(t) (j - (W - 1)/2), between the four pixels around (v, w) linearly in
    both directions, ``fill`` standing beside the image; t = (2 k_n / 2**24 - 1) degrees pi / 180. A positive t turns
    anticlockwise.

    x float32 or float64 (N, ..., H, W), 0 <= degrees <= 180. Has no gradient.

    >>> import numpy as np
    >>> random_rotate(np.eye(3, dtype=np.float32)[None], 90, seed=0, step=0).round(2)
    array([[[0.  , 0.04, 0.41],
            [0.38, 1.  , 0.38],
            [0.41, 0.04, 0.  ]]], dtype=float32)
    """
    inputs, node = _images("random_rotate", x, seed, step, node)
    degrees = _number("random_rotate", "degrees", degrees, "an angle, 0 <= degrees <= 180", 0, 180)
    if max(inputs[0].shape[-2:]) > 2**30:
        raise ValueError(
            f"random_rotate: x has shape {tuple(inputs[0].shape)}; expected at most 2**30 rows and columns"
        )
    return _rotate(*inputs, degrees=degrees, fill=_number("random_rotate", "fill", fill, "a number"), node=node)[0]


def _lower_noise(
    lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand], std: float, node: int
) -> None:
    (x, seed, step), (y,) = inputs, outputs
    arguments: list[Any] = [y, x, seed, step, node, x.size, bits_of(std)]
    lowering.launch(Kernel("augmentation", "noise"), x.dtype, arguments, cells=cells(x.size), work=4.0 * x.size)


_noise = Primitive("random_noise", lambda x, seed, step, std, node: (x,), _lower_noise, in_place=((0, 0),))


@op(draw=draw.noisy)
def random_noise(x: Any, std: float, *, seed: Any, step: Any, node: int = 0) -> Any:
    """Normal numbers of mean 0 and standard deviation ``std`` added to x.

    y_i = x_i + std sqrt(-2 ln((k_i + 1) / 2**24)) cos(2 pi l_i / 2**24), where i counts the elements in C order and l_i
    are the 24 bits of the random number i below those of k_i (Box and Muller, "A note on the generation of random
    normal deviates", 1958).

    x float32 or float64 of any shape, std >= 0. Has no gradient.

    >>> import numpy as np
    >>> random_noise(np.zeros(4, np.float32), 1.0, seed=0, step=0).round(3)
    array([ 0.079, -1.122,  2.223, -0.133], dtype=float32)
    """
    inputs, node = _counted(
        "random_noise", floats("random_noise", x=array("random_noise", "x", x))[0], seed, step, node
    )
    std = _number("random_noise", "std", std, "a finite number of at least 0", 0, 1e300)
    return _noise(*inputs, std=std, node=node)[0]
