"""Pooling to a given size, whatever the size of the images, each function beside its backward.

Letters: N images, C channels, H W rows and columns of the images, P Q of the result, g its gradient. Window p of P
spans the rows from floor(p H / P) to ceil((p + 1) H / P) - 1, as PyTorch's: they overlap where P does not divide H.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from ..ops import op
from ._adaptive import largest, largest_backward, mean, mean_backward
from ._draw import pooling as draw

Sizes: TypeAlias = int | Sequence[int | None] | None


@op(draw=draw.adaptive_pool2d)
def adaptive_avg_pool2d(x: Any, output_size: Sizes, *, layout: str = "NCHW") -> Any:
    """The mean of each of P x Q windows that share out the image.

    y[n, c, p, q] = mean of x[n, c, floor(p H / P) : ceil((p + 1) H / P), floor(q W / Q) : ceil((q + 1) W / Q)].
    Equivalent to ``x.reshape(N, C, P, H // P, Q, W // Q).mean((3, 5))`` where P divides H and Q divides W.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC": float32 or float64; the result is (N, C, P, Q) or
    (N, P, Q, C). ``output_size`` is an integer or (P, Q), where None keeps the size.

    Raises ValueError if there are no pixels, or if a size is below 1.

    Numerics: sums are in the precision of x, first down the columns of a window.

    >>> import numpy as np
    >>> adaptive_avg_pool2d(np.float32([[[[1, 2, 6], [3, 4, 0]]]]), (1, 2))
    array([[[[2.5, 3. ]]]], dtype=float32)
    """
    return mean("adaptive_avg_pool2d", x, output_size, layout, one_row=False)


def adaptive_avg_pool2d_backward(grad: Any, x: Any, output_size: Sizes, *, layout: str = "NCHW") -> tuple[Any]:
    """Gradient of :func:`adaptive_avg_pool2d`: each pixel gets g / pixels of the window from every window it lies in.

    In the forward pass y[p, q] += x[i, j] / pixels for every pixel (i, j) of the window.
    """
    return mean_backward("adaptive_avg_pool2d_backward", grad, x, output_size, layout, one_row=False)


@op(draw=draw.adaptive_pool1d)
def adaptive_avg_pool1d(x: Any, output_size: int | None, *, layout: str = "NCW") -> Any:
    """The mean of each of Q windows that share out the sequence.

    y[n, c, q] = mean of x[n, c, floor(q W / Q) : ceil((q + 1) W / Q)]. Equivalent to
    ``x.reshape(N, C, Q, W // Q).mean(3)`` where Q divides W.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC": float32 or float64; the result is (N, C, Q) or (N, Q, C).
    ``output_size`` is Q; None keeps the size.

    Raises ValueError if there are no numbers, or if the size is below 1.

    >>> import numpy as np
    >>> adaptive_avg_pool1d(np.float32([[[1, 2, 6]]]), 2)
    array([[[1.5, 4. ]]], dtype=float32)
    """
    return mean("adaptive_avg_pool1d", x, output_size, layout, one_row=True)


def adaptive_avg_pool1d_backward(grad: Any, x: Any, output_size: int | None, *, layout: str = "NCW") -> tuple[Any]:
    """Gradient of :func:`adaptive_avg_pool1d`: each number gets g / length of the window from every window it lies in.

    In the forward pass y[q] += x[j] / length for every j of the window.
    """
    return mean_backward("adaptive_avg_pool1d_backward", grad, x, output_size, layout, one_row=True)


@op(draw=draw.adaptive_pool2d)
def adaptive_max_pool2d(x: Any, output_size: Sizes, *, layout: str = "NCHW") -> Any:
    """The largest pixel of each of P x Q windows that share out the image.

    y[n, c, p, q] = max of x[n, c, floor(p H / P) : ceil((p + 1) H / P), floor(q W / Q) : ceil((q + 1) W / Q)].
    Equivalent to ``x.reshape(N, C, P, H // P, Q, W // Q).max((3, 5))`` where P divides H and Q divides W.

    x (N, C, H, W), or (N, H, W, C) if ``layout`` is "NHWC": float32 or float64; the result is (N, C, P, Q) or
    (N, P, Q, C). ``output_size`` is an integer or (P, Q), where None keeps the size.

    Raises ValueError if there are no pixels, or if a size is below 1.

    Numerics: a NaN in a window makes its result NaN. Among equal pixels the first one, row by row, gets the gradient.

    >>> import numpy as np
    >>> adaptive_max_pool2d(np.float32([[[[1, 2, 6], [3, 4, 0]]]]), (1, 2))
    array([[[[4., 6.]]]], dtype=float32)
    """
    return largest("adaptive_max_pool2d", x, output_size, layout, one_row=False)


def adaptive_max_pool2d_backward(
    grad: Any, x: Any, output_size: Sizes, *, layout: str = "NCHW", index: Any = None
) -> tuple[Any]:
    """Gradient of :func:`adaptive_max_pool2d`: that of a window goes to the pixel that it took.

    In the forward pass y[p, q] = x[i, j] with (i, j) the first largest pixel of the window; so dx[i, j] += g[p, q].
    ``index`` is i * W + j for each window (int64, of the result's shape), if it is at hand.
    """
    return largest_backward("adaptive_max_pool2d_backward", grad, x, output_size, layout, index, one_row=False)


@op(draw=draw.adaptive_pool1d)
def adaptive_max_pool1d(x: Any, output_size: int | None, *, layout: str = "NCW") -> Any:
    """The largest number of each of Q windows that share out the sequence.

    y[n, c, q] = max of x[n, c, floor(q W / Q) : ceil((q + 1) W / Q)]. Equivalent to
    ``x.reshape(N, C, Q, W // Q).max(3)`` where Q divides W.

    x (N, C, W), or (N, W, C) if ``layout`` is "NWC": float32 or float64; the result is (N, C, Q) or (N, Q, C).
    ``output_size`` is Q; None keeps the size.

    Raises ValueError if there are no numbers, or if the size is below 1.

    >>> import numpy as np
    >>> adaptive_max_pool1d(np.float32([[[1, 2, 6]]]), 2)
    array([[[2., 6.]]], dtype=float32)
    """
    return largest("adaptive_max_pool1d", x, output_size, layout, one_row=True)


def adaptive_max_pool1d_backward(
    grad: Any, x: Any, output_size: int | None, *, layout: str = "NCW", index: Any = None
) -> tuple[Any]:
    """Gradient of :func:`adaptive_max_pool1d`: that of a window goes to the number that it took.

    In the forward pass y[q] = x[j] with j the first largest number of the window; so dx[j] += g[q]. ``index`` is j for
    each window (int64, of the result's shape), if it is at hand.
    """
    return largest_backward("adaptive_max_pool1d_backward", grad, x, output_size, layout, index, one_row=True)
