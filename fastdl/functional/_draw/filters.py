"""Arguments of filter2d."""

from typing import Any

import numpy as np

from .elementwise import Drawn, Lots


def filter2d(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """Images with and without channels, in all borders; kernels of even and odd sizes, some larger than the image."""
    draw = Lots(rng)
    border = draw("reflect101", "reflect", "nearest", "constant", "valid")
    taps = draw(1, 2, 3, 3, 5, 6), draw(1, 2, 3, 3, 4, 7)
    least = taps if border == "valid" else (1, 1)
    image = [n + int(rng.integers(0, 8)) for n in least]
    x = rng.standard_normal((*image, *draw((), (), (1,), (3,), (4,), (0,))))
    return (x.astype(dtype), rng.standard_normal(taps).astype(dtype)), {"border": border}
