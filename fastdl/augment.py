"""Images changed at random while a network trains: ``model.fit(X, y, augment=[augment.Shift(2), augment.Rotate(10)])``.

Each entry changes the batch that the one before made, in compiled code, in training only: ``predict``, ``evaluate`` and
``validation_data`` see images as they are. What happens to a sample follows from the seed of ``fit``, the number of the
step and the sample's number in the batch, so the same seed gives the same bits, on any number of threads.

To look at what is done, call one on images: ``augment.Rotate(10)(images, seed=0, step=0)``.
"""

from collections.abc import Sequence
from typing import Any

from . import functional as F
from . import options
from .functional._door import pair
from .naming import Named

__all__ = ["Augmentation", "HorizontalFlip", "Noise", "RandomCrop", "Rotate", "Shift", "VerticalFlip"]


class Augmentation(Named):
    """What the entries of ``augment=`` have in common; subclass it for one of your own.

    ``__call__(x, *, seed, step, node)`` takes a batch (N, ...) of the model's dtype, recorded while ``fit`` plans, and
    returns the changed one, written with functions of ``fastdl.functional``. ``output_shape`` says what becomes of the
    shape of one sample.

    >>> class Negative(Augmentation):
    ...     def __call__(self, x, *, seed, step, node=0):
    ...         return F.subtract(1.0, x)
    >>> Negative().output_shape((3, 8, 8))
    (3, 8, 8)
    """

    def __call__(self, x: Any, *, seed: Any, step: Any, node: int = 0) -> Any:
        """The batch, changed."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a changed sample, from that of a sample."""
        return shape

    def __repr__(self) -> str:
        """Training is continued only with what has the same name and options."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class _Images(Augmentation):
    """Those of images (N, ..., H, W)."""

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) < 2:
            raise ValueError(f"{type(self).__name__}: a sample has shape {shape}; expected images (..., H, W)")
        return shape


class Shift(_Images):
    """Move each image by up to ``pixels``, one number or (vertically, horizontally); ``fill`` comes in at the edges.

    :func:`fastdl.functional.random_shift` has the formula.

    >>> import numpy as np
    >>> Shift(1)(np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3), seed=0, step=0)
    array([[[4., 5., 6.],
            [7., 8., 9.],
            [0., 0., 0.]]], dtype=float32)
    """

    def __init__(self, pixels: int | Sequence[int], *, fill: float = 0.0) -> None:
        self.pixels, self.fill = pair("Shift", "pixels", pixels, least=0), options.number("Shift", "fill", fill)

    def __call__(self, x: Any, *, seed: Any, step: Any, node: int = 0) -> Any:
        return F.random_shift(x, self.pixels, fill=self.fill, seed=seed, step=step, node=node)

    def __repr__(self) -> str:
        return f"Shift({self.pixels}, fill={self.fill:g})"


class RandomCrop(_Images):
    """Cut a window of ``size`` (one number or height and width) from each image, with ``padding`` pixels of ``fill``
    around it, at a random place.

    :func:`fastdl.functional.random_crop` has the formula. Where the size changes, the network is trained on images of
    the new size: ``validation_data`` and what is predicted must have it, too.

    >>> RandomCrop(32, padding=4).output_shape((3, 32, 32))
    (3, 32, 32)
    """

    def __init__(self, size: int | Sequence[int], *, padding: int | Sequence[int] = 0, fill: float = 0.0) -> None:
        self.size = pair("RandomCrop", "size", size, least=1)
        self.padding = pair("RandomCrop", "padding", padding, least=0)
        self.fill = options.number("RandomCrop", "fill", fill)

    def __call__(self, x: Any, *, seed: Any, step: Any, node: int = 0) -> Any:
        return F.random_crop(x, self.size, padding=self.padding, fill=self.fill, seed=seed, step=step, node=node)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        *others, height, width = super().output_shape(shape)
        if self.size[0] > height + 2 * self.padding[0] or self.size[1] > width + 2 * self.padding[1]:
            raise ValueError(
                f"RandomCrop: size is {self.size}, more than images of {(height, width)} with padding {self.padding}; "
                "choose a smaller size, or more padding"
            )
        return (*others, *self.size)

    def __repr__(self) -> str:
        return f"RandomCrop({self.size}, padding={self.padding}, fill={self.fill:g})"


class _Flip(_Images):
    _axis: int

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= options.number(type(self).__name__, "p", p) <= 1:
            raise ValueError(f"{type(self).__name__}: p is {p}; expected a probability, 0 <= p <= 1")
        self.p = float(p)

    def __call__(self, x: Any, *, seed: Any, step: Any, node: int = 0) -> Any:
        return F.random_flip(x, self.p, axis=self._axis, seed=seed, step=step, node=node)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p:g})"


class HorizontalFlip(_Flip):
    """Mirror each image left to right with probability p: :func:`fastdl.functional.random_flip`.

    >>> import numpy as np
    >>> HorizontalFlip(1.0)(np.arange(6, dtype=np.float32).reshape(1, 2, 3), seed=0, step=0)
    array([[[2., 1., 0.],
            [5., 4., 3.]]], dtype=float32)
    """

    _axis = -1


class VerticalFlip(_Flip):
    """Turn each image upside down with probability p: :func:`fastdl.functional.random_flip`.

    >>> import numpy as np
    >>> VerticalFlip(1.0)(np.arange(6, dtype=np.float32).reshape(1, 2, 3), seed=0, step=0)
    array([[[3., 4., 5.],
            [0., 1., 2.]]], dtype=float32)
    """

    _axis = -2


class Rotate(_Images):
    """Turn each image about its middle by at most ``degrees`` either way: :func:`fastdl.functional.random_rotate`.

    >>> import numpy as np
    >>> Rotate(90)(np.eye(3, dtype=np.float32)[None], seed=0, step=0).shape
    (1, 3, 3)
    """

    def __init__(self, degrees: float, *, fill: float = 0.0) -> None:
        if not 0 <= options.number("Rotate", "degrees", degrees) <= 180:
            raise ValueError(f"Rotate: degrees is {degrees}; expected an angle, 0 <= degrees <= 180")
        self.degrees, self.fill = float(degrees), options.number("Rotate", "fill", fill)

    def __call__(self, x: Any, *, seed: Any, step: Any, node: int = 0) -> Any:
        return F.random_rotate(x, self.degrees, fill=self.fill, seed=seed, step=step, node=node)

    def __repr__(self) -> str:
        return f"Rotate({self.degrees:g}, fill={self.fill:g})"


class Noise(Augmentation):
    """Add normal numbers with standard deviation ``std``, to samples of any shape:
    :func:`fastdl.functional.random_noise`.

    >>> import numpy as np
    >>> Noise(1.0)(np.zeros(3, np.float32), seed=0, step=0).round(3)
    array([ 0.079, -1.122,  2.223], dtype=float32)
    """

    def __init__(self, std: float) -> None:
        self.std = options.number("Noise", "std", std, least=0)

    def __call__(self, x: Any, *, seed: Any, step: Any, node: int = 0) -> Any:
        return F.random_noise(x, self.std, seed=seed, step=step, node=node)

    def __repr__(self) -> str:
        return f"Noise({self.std:g})"
