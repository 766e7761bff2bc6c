"""Images in either layout: what convolution and pooling share.

Letters: N images, C channels, H W rows and columns. Kernels know NCHW only; NHWC is transposed on the way in and out.
Sequences, in one of the ``SEQUENCE_LAYOUTS``, are images of one row.
"""

from ..ops import Lowering, Operand, Shape
from ._product import transpose

LAYOUTS = ("NCHW", "NHWC")
SEQUENCE_LAYOUTS = ("NCW", "NWC")


def sizes(layout: str, shape: Shape) -> tuple[int, int, int, int]:
    """N, C, H, W of an array in this layout."""
    n, *rest = shape
    c, h, w = rest if layout == "NCHW" else (rest[2], rest[0], rest[1])
    return n, c, h, w


def in_layout(layout: str, n: int, c: int, h: int, w: int) -> Shape:
    """The shape of N, C, H, W in this layout."""
    return (n, c, h, w) if layout == "NCHW" else (n, h, w, c)


def as_images(layout: str, shape: Shape) -> Shape:
    """The shape of sequences, as that of images of one row."""
    n, *rest = shape
    return (n, rest[0], 1, rest[1]) if layout == "NCW" else (n, 1, *rest)


def as_sequences(layout: str, shape: Shape) -> Shape:
    """The shape of images of one row, as that of sequences."""
    n, *rest = shape
    return (n, rest[0], rest[2]) if layout == "NCW" else (n, *rest[1:])


def image_layout(layout: str) -> str:
    """The layout of the images that sequences in this layout are."""
    return "NCHW" if layout == "NCW" else "NHWC"


def channels_first(lowering: Lowering, x: Operand, layout: str) -> Operand:
    """The images as NCHW."""
    if layout == "NCHW":
        return x
    n, h, w, c = x.shape
    return transpose(lowering, x, n, h * w, c)


def place_for(lowering: Lowering, y: Operand, layout: str) -> Operand:
    """Where launches put the NCHW result that :func:`channels_back` then brings to y."""
    return y if layout == "NCHW" else lowering.scratch(y.shape, y.dtype)


def channels_back(lowering: Lowering, result: Operand, y: Operand, layout: str) -> None:
    """Bring an NCHW result to y."""
    if layout == "NHWC":
        n, h, w, c = y.shape
        transpose(lowering, result, n, c, h * w, y)
